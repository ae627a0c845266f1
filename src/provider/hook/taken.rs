//! What events mean, once they are taken apart. None of them shows numbers, texts or octets in `Debug`.

use std::fmt;

use crate::{
    ground::{RemoteId, Timestamp},
    mail::Piece,
    provider::word::State,
    sms::Segment,
};

/// What an event means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Report(Report),
    Inbound(Inbound),
    OptOut(OptOut),
}

/// The provider's word on a message of ours. `Debug` shows no number.
#[derive(Clone, PartialEq, Eq)]
pub struct Report {
    /// Ours, from the address of the hook or echoed.
    pub own_id: Option<String>,
    pub id: Option<RemoteId>,
    /// The phone, `+` and digits.
    pub to: Option<String>,
    pub state: State,
    pub code: Option<String>,
    pub detail: Option<String>,
    pub at: Option<Timestamp>,
    /// It is about one part: the message is delivered when all are.
    pub per_part: bool,
    /// Which part, from 1.
    pub index: Option<u8>,
    pub total: Option<u8>,
    /// A later word never moves the message back.
    pub monotone: bool,
}

/// A text of a phone, or a part of one. `Debug` shows neither number nor text.
#[derive(Clone, PartialEq, Eq)]
pub struct Inbound {
    pub id: Option<RemoteId>,
    /// `+` and digits, a short code, or a name.
    pub from: String,
    pub to: Option<String>,
    /// With the concatenation element where the provider named the part by fields.
    pub segment: Segment,
    pub media: Vec<Piece>,
    pub subject: Option<String>,
    /// SIM or port.
    pub line: Option<String>,
    pub at: Option<Timestamp>,
}

/// A phone wants no more texts, or wants them again.
#[derive(Clone, PartialEq, Eq)]
pub struct OptOut {
    pub from: String,
    pub to: Option<String>,
    /// `false`: it wants them again.
    pub out: bool,
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Report({:?} {:?} {:?}/{:?})", self.id, self.state, self.index, self.total)
    }
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inbound({:?} {:?} media[{}])", self.id, self.segment, self.media.len())
    }
}

impl fmt::Debug for OptOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OptOut({})", if self.out { "out" } else { "in" })
    }
}
