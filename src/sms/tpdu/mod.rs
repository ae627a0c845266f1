//! Transfer layer PDUs: what stands between a phone and the network (TS 23.040 9.2).
//!
//! Reading never panics and is lenient where networks are known to be: broken time stamps, fields that a report promises
//! and does not have, lengths beyond the octets. Only octets that end before the user data are an error. What can go
//! wrong: the type says different things in the two directions (10 is a STATUS-REPORT to the phone, a COMMAND from it).

mod address;
mod command;
mod data;
mod deliver;
mod report;
mod submit;
mod time;

pub use address::{Address, Ton};
pub use command::Command;
pub use data::{UserData, alphabet_of};
pub use deliver::Deliver;
pub use report::{Stage, Status, StatusReport};
pub use submit::Submit;
pub use time::{Stamp, Validity};

/// Why octets are no TPDU, or a message cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TpduError {
    /// They end before the fields do.
    Short,
    /// More than 140 octets of user data.
    Long,
    /// A character that the coding does not have, or data where the coding says text.
    Alphabet,
    /// More than 20 digits, or signs that an address cannot hold.
    Address,
    /// A report of the transfer layer or another type that is not read here.
    Kind,
}

impl std::fmt::Display for TpduError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Short => "the octets end before the fields do",
            Self::Long => "a segment holds 140 octets",
            Self::Alphabet => "the data coding cannot carry this body",
            Self::Address => "the address has other signs than a TPDU can carry, or too many",
            Self::Kind => "neither DELIVER, SUBMIT, STATUS-REPORT nor COMMAND",
        })
    }
}

impl std::error::Error for TpduError {}

/// Which way a TPDU goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toward {
    Phone,
    Network,
}

/// A TPDU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tpdu {
    Deliver(Deliver),
    Submit(Submit),
    Report(StatusReport),
    Command(Command),
}

impl Tpdu {
    /// Reads a TPDU without service centre octets. A reserved type to the phone is read as a DELIVER (9.2.3.1).
    pub fn read(octets: &[u8], toward: Toward) -> Result<Self, TpduError> {
        let mut from = Reader::new(octets);
        let first = from.octet()?;
        match (first & 3, toward) {
            (0 | 3, Toward::Phone) => Deliver::read(first, &mut from).map(Self::Deliver),
            (2, Toward::Phone) => StatusReport::read(first, &mut from).map(Self::Report),
            (1, Toward::Network) => Submit::read(first, &mut from).map(Self::Submit),
            (2, Toward::Network) => Command::read(first, &mut from).map(Self::Command),
            _ => Err(TpduError::Kind),
        }
    }

    /// Every field is as it should be, and nothing stands behind the last.
    fn is_sound(&self) -> bool {
        let stamp = |stamp: &Stamp| stamp.moment().is_some();
        let address = |address: &Address| match address.ton {
            Ton::Alphanumeric => (1..=11).contains(&address.as_str().chars().count()),
            _ => (1..=20).contains(&address.as_str().len()),
        };
        let number = |to: &Address| address(to) && to.ton != Ton::Alphanumeric;
        match self {
            Self::Deliver(deliver) => address(&deliver.from) && stamp(&deliver.sent) && deliver.data.sound,
            Self::Submit(submit) => number(&submit.to) && submit.sound,
            Self::Report(report) => number(&report.to) && stamp(&report.sent) && stamp(&report.done),
            Self::Command(_) => false,
        }
    }
}

/// The service centre, if there is one, and the TPDU behind it: what modems give and take in PDU mode.
pub fn read_pdu(octets: &[u8], toward: Toward) -> Result<(Option<Address>, Tpdu), TpduError> {
    let mut from = Reader::new(octets);
    let smsc = Address::read_smsc(&mut from)?;
    Ok((smsc, Tpdu::read(from.rest(), toward)?))
}

/// Octets of which nobody said whether a service centre stands in front, nor which way they went. The reading without
/// any doubt wins, with a service centre before without one; a COMMAND has the type of a STATUS-REPORT and is one where it can be
/// nothing else.
pub fn guess(octets: &[u8]) -> Result<(Option<Address>, Tpdu), TpduError> {
    // A SUBMIT is the only type from the phone that people look at.
    let toward =
        |first: Option<&u8>| if first.is_some_and(|first| first & 3 == 1) { Toward::Network } else { Toward::Phone };
    let behind = octets.first().map(|length| usize::from(*length) + 1).unwrap_or(0);
    let with = read_pdu(octets, toward(octets.get(behind)));
    let bare = Tpdu::read(octets, toward(octets.first())).map(|tpdu| (None, tpdu));
    let likely =
        |smsc: &Option<Address>| smsc.as_ref().is_none_or(|smsc| (2..=MOST_SMSC).contains(&smsc.as_str().len()));
    match (with, bare) {
        (Ok((smsc, tpdu)), _) if tpdu.is_sound() && likely(&smsc) => Ok((smsc, tpdu)),
        (_, Ok((smsc, tpdu))) if tpdu.is_sound() => Ok((smsc, tpdu)),
        _ if let Some(command) = command(octets) => Ok(command),
        (Ok(read), _) | (Err(_), Ok(read)) => Ok(read),
        (Err(error), Err(_)) => Err(error),
    }
}

/// A COMMAND without any doubt: a kind that there is, and nothing behind it.
fn command(octets: &[u8]) -> Option<(Option<Address>, Tpdu)> {
    let mut behind = Reader::new(octets);
    let smsc = Address::read_smsc(&mut behind).ok();
    [(smsc.flatten(), behind.rest()), (None, octets)].into_iter().find_map(|(smsc, octets)| {
        let Ok(Tpdu::Command(command)) = Tpdu::read(octets, Toward::Network) else { return None };
        let mut again = Vec::with_capacity(octets.len());
        command.write(&mut again).ok()?;
        (matches!(command.kind, 0..=3 | 0xe0..) && again == octets).then_some((smsc, Tpdu::Command(command)))
    })
}

/// Digits of a service centre: it is a number of E.164 or shorter.
const MOST_SMSC: usize = 16;

/// Octets one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    fn octet(&mut self) -> Result<u8, TpduError> {
        let (first, rest) = self.0.split_first().ok_or(TpduError::Short)?;
        self.0 = rest;
        Ok(*first)
    }

    fn octets(&mut self, count: usize) -> Result<&'a [u8], TpduError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(TpduError::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TpduError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(TpduError::Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn rest(&self) -> &'a [u8] {
        self.0
    }
}

#[cfg(test)]
mod tests;
