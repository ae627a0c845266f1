//! SMS-COMMAND: a word to the service centre about a text that was sent (TS 23.040 9.2.2.4).
//!
//! What can go wrong: few networks obey; the answer to an enquiry is a status report.

use super::{Address, Reader, TpduError};

/// What the service centre shall do (9.2.3.19).
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// TP-SRR: report on the command itself.
    pub report: bool,
    /// TP-MR of the command.
    pub reference: u8,
    pub pid: u8,
    /// 0 enquiry, 1 cancel status reports, 2 delete, 3 enable status reports.
    pub kind: u8,
    /// TP-MR of the text that is meant.
    pub number: u8,
    pub to: Address,
    pub data: Vec<u8>,
}

/// Without number and data.
impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Command({}, {}, data[{}])", self.kind, self.reference, self.data.len())
    }
}

impl Command {
    pub(super) fn read(first: u8, from: &mut Reader<'_>) -> Result<Self, TpduError> {
        let [reference, pid, kind, number] = from.array()?;
        let to = Address::read(from)?;
        let length = usize::from(from.octet()?);
        let data = from.octets(length)?.to_vec();
        Ok(Self { report: first & 0x20 != 0, reference, pid, kind, number, to, data })
    }

    /// Appends the TPDU.
    ///
    /// # Errors
    /// [`TpduError`] where the address or the data is too long.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), TpduError> {
        let length = u8::try_from(self.data.len()).ok().filter(|length| *length <= 157).ok_or(TpduError::Long)?;
        out.extend([if self.report { 0x22 } else { 0x02 }, self.reference, self.pid, self.kind, self.number]);
        self.to.write(out)?;
        out.push(length);
        out.extend(&self.data);
        Ok(())
    }
}
