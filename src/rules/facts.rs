//! What is known of a message when rules look at it, and what they change of it.
//!
//! Journeys gather every fact that a rule set names before it is judged; a fact that is not there matches nothing.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::IpAddr,
    time::Duration,
};

use super::to::To;
use crate::{
    ground::Timestamp,
    sms::{
        Body, Content,
        split::{self, Reference},
    },
};

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// Mail to text.
    Out,
    /// Text to mail.
    In,
}

impl Direction {
    /// The word of rule files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
        }
    }
}

/// How urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub enum Urgency {
    Urgent,
    #[default]
    Normal,
    Bulk,
}

impl Urgency {
    /// The word of rule files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }

    /// Reads the word.
    pub fn read(word: &str) -> Option<Self> {
        [Self::Urgent, Self::Normal, Self::Bulk].into_iter().find(|urgency| urgency.word() == word)
    }
}

/// One message, and who sends it to whom. `Debug` shows no number and no word of it.
#[derive(Clone)]
pub struct Facts {
    pub direction: Direction,
    /// Name and value, unfolded and decoded, in their order; `To:` stands in `to`.
    pub headers: Vec<(String, String)>,
    /// Outbound: the phone; inbound: our number.
    pub to: To,
    pub body: String,
    /// The payload is data and no words.
    pub binary: bool,
    /// MAIL FROM; the phone's sms: address of an inbound text.
    pub sender: Option<String>,
    /// As whom the sender proved to be.
    pub login: Option<String>,
    /// Who is charged.
    pub account: Option<String>,
    /// Of the account or the sender.
    pub domain: Option<String>,
    /// The gateway that an inbound text came by.
    pub gateway: Option<String>,
    /// Inbound: the phone; outbound: the number or name to show.
    pub originator: Option<String>,
    pub originator_region: Option<String>,
    /// Region of the phone that is written to.
    pub region: Option<String>,
    /// Octets of the whole mail.
    pub size: u64,
    /// Names of attachments.
    pub attachments: Vec<String>,
    pub urgency: Urgency,
    pub peer: Option<IpAddr>,
    /// The sender is one of ours: logged in, or of a domain of ours.
    pub local: bool,
    pub now: Timestamp,
    /// The account's own phone (`%sender_phonealias%`).
    pub alias: Option<String>,
    /// What stood behind `+` or `:` in the local part of the address (`%%extensionnosep%%`).
    pub extension: Option<String>,
    /// How many messages of this sender there were within a time, this one included.
    pub rates: HashMap<Duration, u64>,
    /// Did a statement return rows?
    pub rows: HashMap<String, bool>,
    /// What programs and URLs said, in the order in which rules asked them.
    pub verdicts: Vec<super::Verdict>,
    /// What rules set.
    pub variables: BTreeMap<String, String>,
}

impl Facts {
    /// A message without any fact.
    pub fn empty(direction: Direction, now: Timestamp) -> Self {
        Self {
            direction,
            headers: Vec::new(),
            to: To::default(),
            body: String::new(),
            binary: false,
            sender: None,
            login: None,
            account: None,
            domain: None,
            gateway: None,
            originator: None,
            originator_region: None,
            region: None,
            size: 0,
            attachments: Vec::new(),
            urgency: Urgency::Normal,
            peer: None,
            local: false,
            now,
            alias: None,
            extension: None,
            rates: HashMap::new(),
            rows: HashMap::new(),
            verdicts: Vec::new(),
            variables: BTreeMap::new(),
        }
    }

    /// Values of every field of this name.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Segments and alphabet of the body as it is now.
    pub fn measure(&self) -> Option<split::Measure> {
        let body = match self.binary {
            true => Body::Binary(self.body.clone().into_bytes()),
            false => Body::Text(self.body.clone()),
        };
        split::measure(&Content { body, udh: Vec::new() }, Reference::Eight(0)).ok()
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Facts({:?}, headers[{}], body[{}])", self.direction, self.headers.len(), self.body.len())
    }
}
