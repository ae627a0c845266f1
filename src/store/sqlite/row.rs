//! One item as the database keeps it: its state, its moments, and where indexes find it.
//!
//! The row is pure: the operations change it in memory and the writer saves it whole. Its payload stands in a table
//! of its own that is written once. A row of an unknown shape (a newer version's) is an error, never a guess.

use serde::{Deserialize, Serialize};

use super::put::hex;
use crate::{
    address::Destination,
    ground::{AccountName, Fault, GatewayId, MessageId, Timestamp},
    routing::Ours,
    store::{About, Closed, Craft, Item, Key, New, Payload, Priority, SegmentRow, SegmentState, Spend, State, Why},
};

/// Where an item stands, finer than [`State`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Waiting, and due when it was written: in order of rank.
    Ready,
    /// Waiting for its moment: in order of that.
    Deferred,
    Held,
    Trying,
    Sent,
    /// Sent, and the network's word on it is final, but nobody has settled it yet.
    Answered,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Text,
    Mail,
    /// Errands of rules.
    Run,
    Call,
    Sql,
    Append,
    /// A segment from a phone that is done with; kept for its history.
    Segment,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub id: MessageId,
    pub kind: Kind,
    /// As in the `lane` column: [`lane_of`].
    pub key: String,
    pub priority: Priority,
    pub stage: Stage,
    pub rank: i64,
    /// Waiting: due. Sent: a receipt may come until then. Answered: who has not settled it by then failed.
    pub next: Timestamp,
    pub expires: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub warned: bool,
    pub created: Timestamp,
    /// Phone or mailbox; what may be shown of an errand.
    pub to: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// A report about this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<MessageId>,
    /// Message-ID of a mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    pub attempts: u32,
    /// When the last attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Timestamp>,
    /// Of the node that made the last attempt.
    pub epoch: i64,
    /// Counts writes, so that a lease notices what changed since.
    pub version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<SegmentRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<(u8, u8)>,
    /// With whom it may go out as one text, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mate: Option<String>,
    /// Those that went out with it in its last attempt, and whom it went out with: what is heard of that one concerns it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mates: Vec<MessageId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<MessageId>,
    /// By which of ours the last attempt goes: what its phone opts out of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ours: Option<Ours>,
    /// Receipts that count its parts, by what names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<String>,
    /// What the attempt under way takes of its gateway's day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend: Option<Spend>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
    /// The last attempt was settled as unsure: its real outcome may still come.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unsure: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Closed>,
}

impl Kind {
    fn of(craft: Craft) -> Self {
        match craft {
            Craft::Run => Self::Run,
            Craft::Call => Self::Call,
            Craft::Sql => Self::Sql,
            Craft::Append => Self::Append,
        }
    }

    fn is_errand(self) -> bool {
        matches!(self, Self::Run | Self::Call | Self::Sql | Self::Append)
    }
}

/// Without the phone.
impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Row({}, {:?}, {:?})", self.id, self.kind, self.stage)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_false(b: &bool) -> bool {
    !b
}

/// The `lane` of a key. Keys with names in them cannot meet the others: they begin with a letter and a colon.
pub fn lane_of(key: &Key) -> String {
    match key {
        Key::Any => "*".to_owned(),
        Key::Mailbox => "@".to_owned(),
        Key::Errand(craft) => format!("e:{}", craft.word()),
        Key::Gateway(id) => format!("g:{id}"),
        Key::Group(id) => format!("t:{id}"),
        Key::Several(ids) => {
            let names: Vec<&str> = ids.iter().map(GatewayId::as_str).collect();
            format!("{SEVERAL}{}", names.join(","))
        }
    }
}

/// How lanes of [`Key::Several`] begin.
pub const SEVERAL: &str = "s:";

/// The key of a lane.
pub fn key_of(lane: &str) -> Option<Key> {
    match lane.split_once(':') {
        None if lane == "*" => Some(Key::Any),
        None if lane == "@" => Some(Key::Mailbox),
        Some(("e", word)) => Craft::ALL.into_iter().find(|craft| craft.word() == word).map(Key::Errand),
        Some(("g", id)) => id.parse().ok().map(Key::Gateway),
        Some(("t", id)) => id.parse().ok().map(Key::Group),
        Some(("s", ids)) => ids.split(',').map(|id| id.parse().ok()).collect::<Option<_>>().map(Key::Several),
        _ => None,
    }
}

/// The lane of what is tried in an epoch; sorts by epoch, below every other lane.
pub fn trying_lane(epoch: i64) -> String {
    format!("!{epoch:020}")
}

/// The lane of what is answered and not settled.
pub const ANSWERED: &str = "?";

impl Row {
    /// A new item.
    pub fn new(new: &New, now: Timestamp, rank: i64) -> Self {
        let (kind, to, account, about, mid) = match &new.payload {
            Payload::Text(text) => (Kind::Text, text.to.as_str().to_owned(), Some(text.account.clone()), None, None),
            Payload::Mail(mail) => {
                let about = match mail.about {
                    About::Report(about) => about,
                    About::Reply => None,
                };
                (Kind::Mail, mail.to.as_str().to_owned(), None, about, Some(mail.message_id.clone()))
            }
            Payload::Errand(errand) => (Kind::of(errand.craft()), errand.target().to_owned(), None, None, None),
        };
        let mut row = Self {
            id: new.id,
            kind,
            key: lane_of(&new.key),
            priority: new.priority,
            stage: Stage::Ready,
            rank,
            next: new.due,
            expires: new.expires,
            warn_at: new.warn_at,
            warned: false,
            created: now,
            to,
            account,
            about,
            mid,
            attempts: 0,
            tried: None,
            epoch: 0,
            version: 0,
            gateway: None,
            segments: Vec::new(),
            begun: None,
            mate: new.mate.map(|mate| hex(&mate.0)),
            mates: Vec::new(),
            leader: None,
            ours: None,
            heard: Vec::new(),
            spend: None,
            fault: None,
            why: None,
            unsure: false,
            result: None,
        };
        row.wait(new.due, now);
        if new.held.is_some() {
            row.stage = Stage::Held;
            row.why = Some(Why::Person);
        }
        row
    }

    /// Waiting until `at`.
    pub fn wait(&mut self, at: Timestamp, now: Timestamp) {
        self.stage = if at <= now { Stage::Ready } else { Stage::Deferred };
        self.next = at;
        self.why = None;
    }

    pub fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Ready | Stage::Deferred)
    }

    /// With whom it may go out as one text now: nothing of it may be out there.
    pub fn joins(&self) -> Option<String> {
        let untouched = self.segments.iter().all(|segment| segment.state == SegmentState::Waiting);
        self.mate.clone().filter(|_| self.is_waiting() && untouched && !self.unsure)
    }

    pub fn is_open_for_hands(&self) -> bool {
        self.is_waiting() || self.stage == Stage::Held
    }

    /// Makes room for segments up to `end` (exclusive).
    pub fn reach(&mut self, end: u8) {
        while self.segments.len() < usize::from(end) {
            let n = u8::try_from(self.segments.len() + 1).unwrap_or(u8::MAX);
            self.segments.push(SegmentRow { n, state: SegmentState::Waiting, reference: None });
        }
    }

    /// Is the network's word on the whole message final? Delivered when all segments are; failed when one is.
    pub fn is_answered(&self) -> bool {
        let segments = &self.segments;
        !segments.is_empty()
            && (segments.iter().all(|s| s.state == SegmentState::Delivered)
                || segments.iter().any(|s| s.state == SegmentState::Failed))
    }

    pub fn lane(&self) -> Option<String> {
        match self.stage {
            Stage::Ready | Stage::Deferred => Some(self.key.clone()),
            Stage::Trying => Some(trying_lane(self.epoch)),
            Stage::Answered => Some(ANSWERED.to_owned()),
            Stage::Held | Stage::Sent | Stage::Closed => None,
        }
    }

    pub fn ord(&self) -> i64 {
        if self.stage == Stage::Ready { self.rank } else { self.next.0 }
    }

    /// When a sweeper must look at it.
    pub fn wake(&self) -> Option<Timestamp> {
        match self.stage {
            Stage::Ready | Stage::Deferred | Stage::Held => {
                Some(self.expires.min(self.warning().unwrap_or(Timestamp::NEVER)))
            }
            Stage::Sent => Some(self.next),
            Stage::Trying | Stage::Answered | Stage::Closed => None,
        }
    }

    /// The delay warning that is still to be sent.
    pub fn warning(&self) -> Option<Timestamp> {
        self.warn_at.filter(|_| !self.warned)
    }

    pub fn state(&self) -> State {
        match self.stage {
            Stage::Ready | Stage::Deferred => State::Waiting,
            Stage::Held => State::Held,
            Stage::Trying => State::Trying,
            Stage::Sent | Stage::Answered => State::Sent,
            Stage::Closed => State::Closed,
        }
    }

    /// Which depth it counts in.
    pub fn tally(&self) -> Option<Tally> {
        match self.stage {
            Stage::Ready | Stage::Deferred if self.kind == Kind::Mail => Some(Tally::Mails),
            Stage::Ready | Stage::Deferred if self.kind.is_errand() => Some(Tally::Errands),
            Stage::Ready | Stage::Deferred => Some(Tally::Waiting),
            Stage::Held => Some(Tally::Held),
            Stage::Trying => Some(Tally::Trying),
            Stage::Sent | Stage::Answered => Some(Tally::Sent),
            Stage::Closed => None,
        }
    }

    /// The recipient as people may see it without asking for more.
    pub fn masked(&self) -> String {
        match self.kind {
            Kind::Text | Kind::Segment => {
                Destination::try_from(self.to.clone()).map_or_else(|_| "***".to_owned(), |to| to.masked())
            }
            // A path, a host or the name of a statement.
            Kind::Run | Kind::Call | Kind::Sql => self.to.clone(),
            Kind::Append => {
                let (user, folder) = self.to.split_once('/').unwrap_or((&self.to, ""));
                format!("{}***/{folder}", user.chars().next().unwrap_or('*'))
            }
            Kind::Mail => {
                let (local, domain) = self.to.rsplit_once('@').unwrap_or((&self.to, ""));
                let first = local.chars().next().unwrap_or('*');
                format!("{first}***@{domain}")
            }
        }
    }

    /// The item as lanes and sweepers see it.
    pub fn item(&self, payload: Payload, frozen: Option<String>) -> Item {
        Item {
            id: self.id,
            key: key_of(&self.key).unwrap_or(Key::Any),
            priority: self.priority,
            state: self.state(),
            attempts: self.attempts,
            last_attempt: self.tried,
            created: self.created,
            expires: self.expires,
            payload,
            gateway: self.gateway.clone(),
            frozen,
            segments: self.segments.clone(),
            begun: self.begun.map(|(from, to)| from..to),
            cause: self.fault.as_ref().map(|fault| fault.text.clone()),
            mate: self.joins(),
            fault: self.fault.clone(),
            warned: self.warned,
        }
    }
}

/// Depths that are counted as they change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tally {
    Waiting,
    Held,
    Trying,
    Sent,
    Mails,
    Errands,
    Unassembled,
    Dead,
    Parked,
    /// Receipts that found no room.
    Dropped,
    /// Lines of the opt-out list.
    OptedOut,
}

impl Tally {
    pub const ALL: [Self; 11] = [
        Self::Waiting,
        Self::Held,
        Self::Trying,
        Self::Sent,
        Self::Mails,
        Self::Errands,
        Self::Unassembled,
        Self::Dead,
        Self::Parked,
        Self::Dropped,
        Self::OptedOut,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Trying => "trying",
            Self::Sent => "sent",
            Self::Mails => "mails",
            Self::Errands => "errands",
            Self::Unassembled => "unassembled",
            Self::Dead => "dead",
            Self::Parked => "parked",
            Self::Dropped => "dropped",
            Self::OptedOut => "opted out",
        }
    }
}
