//! What a gateway hands to the core: texts of phones, and the network's word on what was sent.
//!
//! [`Inbox::hand`] answers when the event is durable: only then does the gateway acknowledge it to the network (HTTP
//! 2xx, deletion from the SIM, `deliver_sm_resp`). [`Busy`] means nothing was kept: the network shall bring it again.

use tokio::sync::{mpsc, oneshot};

use crate::{
    address::Trace,
    ground::{Fault, GatewayId, MessageId, RemoteId, Timestamp},
    mail::Piece,
    sms::Segment,
};

/// Events that may wait for the core; beyond them a gateway feels the back-pressure.
const DEPTH: usize = 256;

/// Something the network brought.
#[derive(Debug, Clone)]
pub enum Event {
    Segment(Incoming),
    Receipt(Word),
    Notice(Notice),
    OptOut(OptOut),
    Page(Page),
}

/// All that one answer of a provider brought that is asked for news, and how far it is read by that: kept together or not at
/// all.
#[derive(Debug, Clone, Default)]
pub struct Page {
    pub segments: Vec<Incoming>,
    pub receipts: Vec<Word>,
    pub opt_outs: Vec<OptOut>,
    pub position: Option<Position>,
}

/// How far a provider that is asked for news was read. `Debug` shows none of the provider's words.
#[derive(Clone, PartialEq, Eq)]
pub struct Position {
    /// Which of the gateway's polls.
    pub poll: String,
    /// The definition whose words these are.
    pub definition: String,
    pub position: String,
}

impl std::fmt::Debug for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Position({}, {})", self.poll, self.definition)
    }
}

/// The network's own word that a phone wants no more texts from our number, or wants them again (a provider that answers
/// STOP by itself). `Debug` shows no number.
#[derive(Clone, PartialEq, Eq)]
pub struct OptOut {
    /// The phone as the network wrote it, with `+` where it said that the number is international.
    pub phone: String,
    /// Our number, if the network said so; without it the gateway's own.
    pub number: Option<String>,
    /// `false`: it wants them again.
    pub out: bool,
}

impl std::fmt::Debug for OptOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OptOut({})", self.out)
    }
}

/// A word to the postmaster about the gateway itself; told once a day for each `about`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub about: String,
    pub subject: String,
    /// Without numbers and texts of others.
    pub text: String,
}

/// One segment from a phone (MO). `Debug` shows neither number nor text.
#[derive(Clone)]
pub struct Incoming {
    /// The originator as the network wrote it, with `+` where it said that the number is international.
    pub from: String,
    /// Our number that was dialled, if the network said so; without it the gateway's own.
    pub number: Option<String>,
    pub segment: Segment,
    /// The network's id for it: the same one again is a repetition.
    pub reference: Option<RemoteId>,
    /// The network's time.
    pub sent: Option<Timestamp>,
    /// What came beside the words.
    pub media: Vec<Piece>,
    /// The Martlets that it went through before, as the one before us says.
    pub trace: Trace,
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Incoming({:?})", self.segment)
    }
}

/// The network's word on one segment that this gateway sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub about: About,
    pub part: Part,
    /// How many parts the network made of it, where it says so.
    pub total: Option<u8>,
    pub fate: Fate,
    /// When the network says that it happened.
    pub at: Option<Timestamp>,
    /// The network gives this reference to others again, as modems do: it may be of one that is not answered yet.
    pub reused: bool,
}

/// Which segment a word is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// By the id that the gateway answered with as [`crate::ground::Outcome::Sent`].
    Theirs(RemoteId),
    /// By the id of the attempt, proven to be ours, and the number of the segment, from 0.
    Ours(MessageId, u8),
}

impl About {
    /// The network's own id, if it is by that.
    pub fn theirs(&self) -> Option<&RemoteId> {
        match self {
            Self::Theirs(id) => Some(id),
            Self::Ours(..) => None,
        }
    }
}

/// What of a message that the network cut by itself a word is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Part {
    #[default]
    Named,
    /// From 0.
    Number(u8),
    /// One more; named so that a repetition counts once.
    Counted(String),
}

/// What became of a segment in the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The network has it and goes on trying.
    UnderWay,
    /// On the phone.
    Delivered,
    /// The network gave up.
    Failed(Fault),
}

/// What the core did with an event: either way it is to be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    New,
    /// The same was handed in before.
    Again,
}

/// The core cannot keep anything now (store down or full, or it is stopping).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

impl std::fmt::Display for Busy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not kept, bring it again later")
    }
}

impl std::error::Error for Busy {}

/// An event on its way to the core.
#[derive(Debug)]
pub struct Handed {
    pub gateway: GatewayId,
    pub event: Event,
    /// Dropped without an answer: busy.
    pub answer: oneshot::Sender<Result<Noted, Busy>>,
}

/// Where one gateway hands in; cheap to clone.
#[derive(Debug, Clone)]
pub struct Inbox {
    gateway: GatewayId,
    to: mpsc::Sender<Handed>,
}

impl Inbox {
    /// Hands an event in and waits until it is durable.
    pub async fn hand(&self, event: Event) -> Result<Noted, Busy> {
        let (answer, answered) = oneshot::channel();
        let handed = Handed { gateway: self.gateway.clone(), event, answer };
        self.to.send(handed).await.map_err(|_| Busy)?;
        answered.await.unwrap_or(Err(Busy))
    }

    /// The gateway that hands in here.
    pub fn gateway(&self) -> &GatewayId {
        &self.gateway
    }
}

/// The core's side, from which every gateway gets its [`Inbox`].
#[derive(Debug, Clone)]
pub struct Desk(mpsc::Sender<Handed>);

impl Desk {
    /// A desk, and what is handed in at it. The receiver ends when the desk and all inboxes are gone.
    pub fn open() -> (Self, mpsc::Receiver<Handed>) {
        let (to, handed) = mpsc::channel(DEPTH);
        (Self(to), handed)
    }

    /// The inbox of this gateway.
    pub fn inbox(&self, gateway: GatewayId) -> Inbox {
        Inbox { gateway, to: self.0.clone() }
    }
}
