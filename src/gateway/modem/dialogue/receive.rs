//! Taking what comes: stored in the modem (read, and deleted when it is durable) or direct (acknowledged when it is
//! durable).
//!
//! What can go wrong: the core cannot keep a text now. Then it stays in the modem, and the next look into the store
//! brings it again; a direct one is not acknowledged, and the network brings it again.

use std::collections::HashMap;

use super::{
    super::{
        answer::{fields, hex},
        talk::Answer,
    },
    Dialogue, Event, Task, Ticket,
};
use crate::sms::tpdu::{Toward, read_pdu};

/// Where a text stands until it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Stored { memory: String, index: u16 },
    Direct,
}

/// What was handed out and not committed, and the memories of the modem.
#[derive(Debug, Default)]
pub struct Kept {
    next: Ticket,
    held: HashMap<Ticket, Place>,
    /// Durable, and not deleted yet.
    deleting: Vec<(String, u16)>,
    /// The memory that is read now.
    pub memory: Option<String>,
    /// The one where texts come in.
    pub home: Option<String>,
}

impl Kept {
    pub fn uncommitted(&self) -> usize {
        self.held.len()
    }

    /// The modem starts anew: nothing that came directly can be acknowledged any more.
    pub fn begin(&mut self) {
        self.held.retain(|_, place| matches!(place, Place::Stored { .. }));
        self.deleting.clear();
        self.memory = None;
    }

    /// It was read already.
    pub fn is_held(&self, memory: &str, index: u16) -> bool {
        let here =
            |place: &Place| matches!(place, Place::Stored { memory: of, index: at } if of == memory && *at == index);
        self.held.values().any(here) || self.deleting.iter().any(|(of, at)| of == memory && *at == index)
    }

    pub fn deleted(&mut self, memory: &str, index: u16) {
        self.deleting.retain(|(of, at)| of != memory || *at != index);
    }

    fn hold(&mut self, place: Place) -> Ticket {
        self.next += 1;
        self.held.insert(self.next, place);
        self.next
    }
}

impl Dialogue {
    /// The core's word on what arrived: durable, or not kept.
    pub fn committed(&mut self, ticket: Ticket, durable: bool, now: std::time::Duration) {
        match self.kept.held.remove(&ticket) {
            Some(Place::Stored { memory, index }) if durable => {
                self.kept.deleting.push((memory.clone(), index));
                self.task(Task::Delete { memory, index });
            }
            Some(Place::Direct) if self.facts.acknowledges => {
                // Not acknowledged, the modem stops telling: its indications are set again, and the network repeats.
                self.task(if durable { Task::Acknowledge } else { Task::Indications });
            }
            Some(_) | None => {}
        }
        self.advance(now);
    }

    pub(super) fn direct(&mut self, pdu: Vec<u8>) {
        let ticket = self.kept.hold(Place::Direct);
        self.events.push_back(Event::Arrived(ticket, pdu));
    }

    fn stored(&mut self, memory: &str, index: u16, pdu: Vec<u8>) {
        if self.kept.is_held(memory, index) {
            return;
        }
        let ticket = self.kept.hold(Place::Stored { memory: memory.to_owned(), index });
        self.events.push_back(Event::Arrived(ticket, pdu));
    }

    /// `+CMGR: <stat>,[<alpha>],<length>` and the PDU. An empty place answers with an error or with nothing.
    pub(super) fn read(&mut self, memory: &str, index: u16, answer: &Answer) {
        let Some(at) = answer.lines.iter().position(|line| line.starts_with("+CMGR:")) else { return };
        let state = answer.value("+CMGR").and_then(|rest| fields(rest).into_iter().next());
        if let Some(pdu) = answer.lines.get(at + 1).and_then(|line| hex(line))
            && is_received(state.as_deref(), &pdu)
        {
            self.stored(memory, index, pdu);
        }
    }

    /// `+CMGL: <index>,<stat>,[<alpha>],<length>` and the PDU, as often as there are texts.
    pub(super) fn list(&mut self, answer: &Answer) {
        let memory = self.kept.memory.clone().unwrap_or_default();
        for pair in answer.lines.windows(2) {
            let Some(rest) = pair[0].strip_prefix("+CMGL:") else { continue };
            let fields = fields(rest);
            let (Some(index), state) = (fields.first().and_then(|index| index.parse().ok()), fields.get(1)) else {
                continue;
            };
            let Some(pdu) = hex(&pair[1]) else { continue };
            if !is_received(state.map(String::as_str), &pdu) || self.kept.is_held(&memory, index) {
                continue;
            }
            if self.kept.uncommitted() >= super::UNCOMMITTED {
                // The rest when there is room again.
                return self.task(Task::List);
            }
            self.stored(&memory, index, pdu);
        }
    }
}

/// 0 and 1: received, unread and read. Others are texts that somebody has stored to send. Some modems leave it out, for
/// reports above all: then the PDU itself says where it came from.
fn is_received(state: Option<&str>, pdu: &[u8]) -> bool {
    match state {
        Some("0" | "1") => true,
        None | Some("") => read_pdu(pdu, Toward::Phone).is_ok(),
        Some(_) => false,
    }
}
