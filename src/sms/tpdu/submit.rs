//! SMS-SUBMIT: a text on its way from the phone (TS 23.040 9.2.2.2).
//!
//! What can go wrong: the length that `AT+CMGS` wants counts these octets only, not those of the service centre.

use super::{Address, Reader, Stamp, TpduError, Validity, data};
use crate::sms::{Dcs, Segment};

/// One segment as it is handed to the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submit {
    /// TP-RD: the network shall not take the same message twice.
    pub reject_duplicates: bool,
    /// TP-SRR: a status report is wanted.
    pub report: bool,
    /// TP-RP.
    pub reply_path: bool,
    /// TP-MR; modems put in their own.
    pub reference: u8,
    pub to: Address,
    pub pid: u8,
    pub dcs: Dcs,
    pub validity: Option<Validity>,
    pub segment: Segment,
    /// As read: length and header agreed with the octets.
    pub sound: bool,
}

impl Submit {
    /// A plain one: no report, no validity.
    pub fn new(to: Address, dcs: Dcs, segment: Segment) -> Self {
        Self {
            reject_duplicates: false,
            report: false,
            reply_path: false,
            reference: 0,
            to,
            pid: 0,
            dcs,
            validity: None,
            segment,
            sound: true,
        }
    }

    fn first(&self) -> u8 {
        let format = match self.validity {
            None => 0,
            Some(Validity::Enhanced(_)) => 0x08,
            Some(Validity::Relative(_)) => 0x10,
            Some(Validity::Absolute(_)) => 0x18,
        };
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        0x01 | bit(self.reject_duplicates, 0x04)
            | format
            | bit(self.report, 0x20)
            | bit(!self.segment.udh.is_empty(), 0x40)
            | bit(self.reply_path, 0x80)
    }

    /// Appends the TPDU.
    ///
    /// # Errors
    /// [`TpduError`] where the segment does not fit its coding or 140 octets.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), TpduError> {
        out.extend([self.first(), self.reference]);
        self.to.write(out)?;
        out.extend([self.pid, self.dcs.0]);
        match self.validity {
            None => {}
            Some(Validity::Relative(value)) => out.push(value),
            Some(Validity::Absolute(stamp)) => out.extend(stamp.0),
            Some(Validity::Enhanced(octets)) => out.extend(octets),
        }
        data::write(&self.segment, self.dcs, out)
    }

    pub(super) fn read(first: u8, from: &mut Reader<'_>) -> Result<Self, TpduError> {
        let reference = from.octet()?;
        let to = Address::read(from)?;
        let [pid, dcs] = from.array()?;
        let validity = match first & 0x18 {
            0x10 => Some(Validity::Relative(from.octet()?)),
            0x08 => Some(Validity::Enhanced(from.array()?)),
            0x18 => Some(Validity::Absolute(Stamp(from.array()?))),
            _ => None,
        };
        let data = data::read(from, Dcs(dcs), first & 0x40 != 0)?;
        Ok(Self {
            reject_duplicates: first & 0x04 != 0,
            report: first & 0x20 != 0,
            reply_path: first & 0x80 != 0,
            reference,
            to,
            pid,
            dcs: Dcs(dcs),
            validity,
            segment: data.segment,
            sound: data.sound,
        })
    }
}
