//! What a working modem is asked besides texts: its memory, its signal, its registration, a code for the network.
//!
//! What can go wrong: a memory that cannot be chosen. What was to be read there is given up, or something else would be read.

use std::time::Duration;

use super::{
    super::{
        answer::{AtError, End, fields, registration},
        balance,
        talk::Answer,
    },
    Dialogue, Doing, Event, is_there,
};

/// Stored texts of which was told and which were not read yet; beyond them the whole store is read.
pub(super) const TOLD: usize = 256;

/// Something to do besides texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    Acknowledge,
    Indications,
    Memory(String),
    Delete { memory: String, index: u16 },
    Read { memory: String, index: u16 },
    List,
    Room,
    Signal,
    Registration,
    PacketRegistration,
    Ussd { code: String, how: Ussd },
}

/// How a code is asked: each way behind the refusal of the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ussd {
    Words,
    /// In digits of packed GSM-7.
    Packed,
    /// Huaweis that take neither (and how they refused) are told to take words.
    Mode(AtError),
    WordsNow,
}

impl Task {
    /// One of those that also show whether the modem still answers.
    pub(super) fn is_check(&self) -> bool {
        matches!(self, Self::Signal | Self::Registration | Self::PacketRegistration | Self::Room)
    }
}

impl Dialogue {
    /// One more thing to do, once.
    pub(super) fn task(&mut self, task: Task) {
        if self.tasks.contains(&task) {
            return;
        }
        match task {
            Task::Acknowledge | Task::Delete { .. } => self.tasks.push_front(task),
            Task::Read { .. } if self.tasks.len() >= TOLD => {
                self.tasks.retain(|task| !matches!(task, Task::Read { .. }));
                self.task(Task::List);
            }
            task => self.tasks.push_back(task),
        }
    }

    pub(super) fn ask_task(&mut self, task: Task, now: Duration) {
        let command = match &task {
            Task::Acknowledge => "AT+CNMA".to_owned(),
            Task::Indications => format!("AT+CNMI={}", self.facts.indications.unwrap_or("2,1,0,1,0")),
            Task::Memory(memory) => format!("AT+CPMS=\"{memory}\""),
            Task::Read { memory, index } | Task::Delete { memory, index } => {
                if self.kept.memory.as_deref().is_some_and(|now| now != memory) {
                    // First the memory, then this.
                    let memory = memory.clone();
                    self.tasks.push_front(task);
                    return self.ask_task(Task::Memory(memory), now);
                }
                let verb = if matches!(task, Task::Read { .. }) { "CMGR" } else { "CMGD" };
                format!("AT+{verb}={index}")
            }
            Task::List => {
                if let (Some(now_in), Some(home)) = (&self.kept.memory, &self.kept.home)
                    && now_in != home
                {
                    let home = home.clone();
                    self.tasks.push_front(task);
                    return self.ask_task(Task::Memory(home), now);
                }
                self.listed = now;
                "AT+CMGL=4".to_owned()
            }
            Task::Room => "AT+CPMS?".to_owned(),
            Task::Signal => "AT+CSQ".to_owned(),
            Task::Registration => "AT+CREG?".to_owned(),
            Task::PacketRegistration => "AT+CEREG?".to_owned(),
            Task::Ussd { code, how: Ussd::Words | Ussd::WordsNow } => format!("AT+CUSD=1,\"{code}\",15"),
            Task::Ussd { code, how: Ussd::Packed } => format!("AT+CUSD=1,\"{}\",15", balance::packed(code)),
            Task::Ussd { how: Ussd::Mode(_), .. } => "AT^USSDMODE=0".to_owned(),
        };
        self.ask(&command, Doing::Task(task), now);
    }

    pub(super) fn task_answered(&mut self, task: &Task, answer: &Answer) {
        match task {
            // An acknowledgement that came too late has set the modem to keep silent.
            Task::Acknowledge if !answer.ok() => self.task(Task::Indications),
            Task::Ussd { code, how } => self.ussd_answered(code, *how, answer.end),
            Task::Acknowledge | Task::Indications => {}
            Task::Memory(memory) => {
                // Where it cannot be chosen, reading would read something else.
                if answer.ok() {
                    self.kept.memory = Some(memory.clone());
                } else {
                    self.tasks.retain(|task| {
                        !matches!(task, Task::Read { memory: of, .. } | Task::Delete { memory: of, .. } if of == memory)
                    });
                    if self.kept.home.as_ref() == Some(memory) {
                        self.kept.memory = None;
                    }
                }
            }
            Task::Delete { memory, index } => self.kept.deleted(memory, *index),
            Task::Read { memory, index } => self.read(memory, *index, answer),
            Task::List => self.list(answer),
            Task::Room => self.room(answer),
            Task::Signal => self.signal(answer),
            Task::Registration => {
                if self.circuit_answered(answer) {
                    self.task(Task::PacketRegistration);
                }
            }
            Task::PacketRegistration => self.packet_answered(answer),
        }
    }

    fn ussd_answered(&mut self, code: &str, how: Ussd, end: End) {
        let next = match (how, end) {
            (Ussd::Words, End::Error(_)) => Ussd::Packed,
            (Ussd::Packed, End::Error(error)) => Ussd::Mode(error),
            (Ussd::Mode(_), End::Ok) => Ussd::WordsNow,
            (Ussd::Mode(error), End::Error(_)) | (Ussd::WordsNow, End::Error(error)) => {
                return self.events.push_back(Event::NoUssd(error));
            }
            (_, End::Ok) => return,
        };
        self.task(Task::Ussd { code: code.to_owned(), how: next });
    }

    pub(super) fn signal(&mut self, answer: &Answer) {
        let signal =
            answer.value("+CSQ").and_then(|rest| fields(rest).first()?.parse().ok()).filter(|signal| *signal <= 31);
        if self.facts.signal != signal {
            self.facts.signal = signal;
            self.events.push_back(Event::Changed);
        }
    }

    /// `true`: packet switching is to be asked, too.
    pub(super) fn circuit_answered(&mut self, answer: &Answer) -> bool {
        let state = ["+CREG", "+CEREG", "+CGREG"].iter().find_map(|name| registration(answer.value(name)?, true));
        let lost = state.is_some_and(|state| !is_there(state));
        if lost {
            self.circuit = state;
        } else {
            self.packet = false;
            self.set_registration(state);
        }
        lost
    }

    pub(super) fn packet_answered(&mut self, answer: &Answer) {
        let state = answer.value("+CEREG").and_then(|rest| registration(rest, true)).filter(|state| is_there(*state));
        self.packet = state.is_some();
        self.set_registration(state.or(self.circuit));
    }

    pub(super) fn set_registration(&mut self, state: Option<u8>) {
        if self.facts.registration != state {
            self.facts.registration = state;
            self.events.push_back(Event::Changed);
        }
        if !self.facts.is_registered() {
            self.fail_waiting();
        }
    }

    pub(super) fn room(&mut self, answer: &Answer) {
        let Some(fields) = answer.value("+CPMS").map(fields) else { return };
        let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u16>().ok());
        let (Some(memory), Some(used), Some(room)) = (fields.first(), number(1), number(2)) else { return };
        let storage = Some((memory.clone(), used, room));
        if self.facts.storage != storage {
            self.facts.storage = storage;
            self.events.push_back(Event::Changed);
        }
        if usize::from(used) > self.kept.uncommitted() && self.setup.receive {
            self.task(Task::List);
        }
    }
}
