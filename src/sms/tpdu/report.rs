//! SMS-STATUS-REPORT: the network's word on a text that was sent (TS 23.040 9.2.2.3), and what its status means
//! (9.2.3.15).
//!
//! What can go wrong: real reports end behind the status, or promise fields that they do not have; they are taken. 0x20
//! to 0x3F means that the network goes on trying, 0x60 to 0x7F that it gave up although the trouble was temporary.

use super::{Address, Reader, Stamp, TpduError, UserData, data};
use crate::sms::Dcs;

/// The network's word on one segment, matched by reference and recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusReport {
    /// The first octet as it came.
    pub first: u8,
    /// TP-MR of the SUBMIT.
    pub reference: u8,
    /// TP-RA: whom it was for.
    pub to: Address,
    /// When the service centre got the text.
    pub sent: Stamp,
    /// When that became of it.
    pub done: Stamp,
    pub status: Status,
    pub pid: Option<u8>,
    pub dcs: Option<Dcs>,
    pub data: Option<UserData>,
}

/// TP-ST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u8);

/// What a status means to the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// On the phone.
    Delivered,
    /// Passed on or replaced; nothing more will be heard.
    Relayed,
    /// The network goes on trying, another report follows.
    Trying,
    /// The network gave up; whether the cause was temporary.
    Failed { temporary: bool },
}

impl Status {
    pub fn stage(self) -> Stage {
        match self.0 {
            0x00 => Stage::Delivered,
            0x01..=0x1f => Stage::Relayed,
            0x20..=0x3f => Stage::Trying,
            0x40..=0x5f => Stage::Failed { temporary: false },
            0x60..=0x7f => Stage::Failed { temporary: true },
            // Reserved values are read as "service rejected" (0x63).
            0x80.. => Stage::Failed { temporary: true },
        }
    }

    /// The standard's words.
    pub fn words(self) -> &'static str {
        match self.0 {
            0x00 => "received by the phone",
            0x01 => "passed on, not confirmed",
            0x02 => "replaced by the service centre",
            0x20 | 0x60 => "congestion",
            0x21 | 0x61 => "the phone is busy",
            0x22 | 0x62 => "no answer from the phone",
            0x23 | 0x63 | 0x80.. => "service rejected",
            0x24 | 0x44 | 0x64 => "quality of service not available",
            0x25 | 0x65 => "error in the phone",
            0x40 => "remote procedure error",
            0x41 => "incompatible destination",
            0x42 => "connection rejected by the phone",
            0x43 => "not obtainable",
            0x45 => "no interworking available",
            0x46 => "validity period expired",
            0x47 => "deleted by the sender",
            0x48 => "deleted by the service centre",
            0x49 => "the text does not exist",
            0x26..=0x3f => "the service centre goes on trying",
            0x03..=0x1f => "done, as the service centre defines it",
            0x4a..=0x5f => "permanent error",
            0x66..=0x7f => "temporary error, the service centre gave up",
        }
    }
}

impl StatusReport {
    pub(super) fn read(first: u8, from: &mut Reader<'_>) -> Result<Self, TpduError> {
        let reference = from.octet()?;
        let to = Address::read(from)?;
        let (sent, done) = (Stamp(from.array()?), Stamp(from.array()?));
        let status = Status(from.octet()?);
        let mut report = Self { first, reference, to, sent, done, status, pid: None, dcs: None, data: None };
        report.read_optional(from);
        Ok(report)
    }

    /// TP-PI and what it promises, as far as it is there (9.2.3.27). Bit 7 says that another octet of it follows.
    fn read_optional(&mut self, from: &mut Reader<'_>) {
        let Ok(indicator) = from.octet() else { return };
        let mut more = indicator;
        while more & 0x80 != 0 {
            let Ok(next) = from.octet() else { return };
            more = next;
        }
        if indicator & 1 != 0 {
            self.pid = from.octet().ok();
        }
        if indicator & 2 != 0 {
            self.dcs = from.octet().ok().map(Dcs);
        }
        if indicator & 4 != 0 {
            let dcs = self.dcs.unwrap_or_default();
            self.data = data::read(from, dcs, self.first & 0x40 != 0).ok();
        }
    }

    /// Appends the TPDU without optional fields, for simulators.
    ///
    /// # Errors
    /// [`TpduError::Address`].
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), TpduError> {
        out.extend([self.first & 0xbf | 0x02, self.reference]);
        self.to.write(out)?;
        out.extend(self.sent.0);
        out.extend(self.done.0);
        out.push(self.status.0);
        Ok(())
    }
}
