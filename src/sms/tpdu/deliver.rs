//! SMS-DELIVER: a text on its way to the phone (TS 23.040 9.2.2.1).
//!
//! What can go wrong: bit 2 is 0 when more messages wait. Parts of one long text may each have their own coding.

use super::{Address, Reader, Stamp, TpduError, UserData, data};
use crate::sms::{Dcs, Segment};

/// A text from the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliver {
    /// The first octet as it came.
    pub first: u8,
    pub from: Address,
    pub pid: u8,
    pub dcs: Dcs,
    /// The service centre's time.
    pub sent: Stamp,
    pub data: UserData,
}

impl Deliver {
    /// One from these words, for simulators.
    pub fn new(from: Address, dcs: Dcs, sent: Stamp, segment: Segment) -> Self {
        let first = if segment.udh.is_empty() { 0x04 } else { 0x44 };
        Self { first, from, pid: 0, dcs, sent, data: UserData { segment, sound: true } }
    }

    /// More messages wait at the service centre.
    pub fn more(&self) -> bool {
        self.first & 0x04 == 0
    }

    pub(super) fn read(first: u8, from: &mut Reader<'_>) -> Result<Self, TpduError> {
        let address = Address::read(from)?;
        let [pid, dcs] = from.array()?;
        let (dcs, sent) = (Dcs(dcs), Stamp(from.array()?));
        let data = data::read(from, dcs, first & 0x40 != 0)?;
        Ok(Self { first, from: address, pid, dcs, sent, data })
    }

    /// Appends the TPDU.
    ///
    /// # Errors
    /// [`TpduError`] where the segment does not fit its coding or 140 octets.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), TpduError> {
        let header = if self.data.segment.udh.is_empty() { 0 } else { 0x40 };
        out.push(self.first & 0xbc | header);
        self.from.write(out)?;
        out.extend([self.pid, self.dcs.0]);
        out.extend(self.sent.0);
        data::write(&self.data.segment, self.dcs, out)
    }
}
