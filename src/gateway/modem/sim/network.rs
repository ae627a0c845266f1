//! The network behind the simulated modem: what it brings, and its reports.

use super::{super::answer::AtError, Sim, commands::hex};
use crate::sms::{
    Dcs, Segment,
    tpdu::{Address, Deliver, Stamp, Status, StatusReport, Submit, alphabet_of},
};

impl Sim {
    /// A text comes for the phone number of the modem.
    pub fn deliver(&mut self, from: &str, segment: Segment) {
        let from = Address::number(from).unwrap_or_else(Address::none);
        let dcs = Dcs::plain(alphabet_of(std::slice::from_ref(&segment)));
        let deliver = Deliver::new(from, dcs, Stamp::at(self.now, 0), segment);
        let mut pdu = vec![0];
        if deliver.write(&mut pdu).is_ok() {
            self.deliver_pdu(pdu);
        }
    }

    /// The same, with its service centre octets.
    pub fn deliver_pdu(&mut self, pdu: Vec<u8>) {
        self.waiting.push_back(pdu);
        self.next_waiting();
    }

    /// Brings what waits, as far as the modem can take it.
    pub(super) fn next_waiting(&mut self) {
        while let Some(pdu) = self.waiting.front() {
            if self.unplugged {
                return;
            }
            if self.cnmi[1] == 2 {
                if self.unacknowledged {
                    return;
                }
                let line = format!("+CMT: ,{}\r\n{}", pdu.len() - 1, hex(pdu));
                self.unacknowledged = self.csms == 1;
                if !self.unacknowledged {
                    self.waiting.pop_front();
                }
                self.say(&line);
                continue;
            }
            let Some(at) = self.store.iter().position(Option::is_none) else { return };
            self.store[at] = self.waiting.pop_front().map(|pdu| (0, pdu));
            if self.cnmi[1] == 1 {
                self.say(&format!("+CMTI: \"SM\",{}", at + 1));
            }
        }
    }

    /// The modem has acknowledged what came directly.
    pub(super) fn acknowledged(&mut self) {
        if !std::mem::take(&mut self.unacknowledged) {
            return self.refuse(AtError::Cms(340));
        }
        self.waiting.pop_front();
        self.say("OK");
        self.next_waiting();
    }

    /// A status report on a text, if one was asked for.
    pub(super) fn report_on(&mut self, reference: u8, submit: &Submit, status: u8) {
        if !submit.report {
            return;
        }
        let now = Stamp::at(self.now, 0);
        let report = StatusReport {
            first: 0x06,
            reference,
            to: submit.to.clone(),
            sent: now,
            done: now,
            status: Status(status),
            pid: None,
            dcs: None,
            data: None,
        };
        let mut pdu = vec![0];
        if report.write(&mut pdu).is_err() {
            return;
        }
        match self.cnmi[3] {
            1 => self.say(&format!("+CDS: {}\r\n{}", pdu.len() - 1, hex(&pdu))),
            2 => {
                let Some(at) = self.reports.iter().position(Option::is_none) else { return };
                self.reports[at] = Some((0, pdu));
                self.say(&format!("+CDSI: \"SR\",{}", at + 1));
            }
            _ => {}
        }
    }

    /// Another report on something that was taken.
    pub fn report(&mut self, taken: usize, status: u8) {
        if let Some(taken) = self.taken.get(taken).cloned() {
            self.report_on(taken.reference, &taken.submit, status);
        }
    }

    pub(super) fn echo_text(&mut self, submit: &Submit) {
        let from = submit.to.written();
        self.deliver(&from, submit.segment.clone());
    }
}
