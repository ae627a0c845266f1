//! What conditions look at: the fields of a message, and their values.
//!
//! A field that has no value gives none: it holds for nothing but `exists = false`.

use std::borrow::Cow;

use super::facts::{Direction, Facts};

/// What a test looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// One header by name, or whichever matches (`*`).
    Header(String),
    From,
    Cc,
    ReplyTo,
    Date,
    To,
    Subject,
    Body,
    Sender,
    Login,
    Account,
    Domain,
    Gateway,
    Direction,
    Originator,
    OriginatorRegion,
    Number,
    Region,
    Alphabet,
    /// Names of attachments.
    Attachment,
    Priority,
    Segments,
    Size,
    /// Has any attachment.
    Attachments,
    Authenticated,
    Local,
    /// Marked as spam by a header.
    Spam,
    Peer,
    Variable(String),
}

impl Field {
    /// Those with plain names, and their words.
    pub const NAMED: [(&str, Self); 26] = [
        ("from", Self::From),
        ("cc", Self::Cc),
        ("reply_to", Self::ReplyTo),
        ("date", Self::Date),
        ("to", Self::To),
        ("subject", Self::Subject),
        ("body", Self::Body),
        ("sender", Self::Sender),
        ("login", Self::Login),
        ("account", Self::Account),
        ("domain", Self::Domain),
        ("gateway", Self::Gateway),
        ("direction", Self::Direction),
        ("originator", Self::Originator),
        ("originator_region", Self::OriginatorRegion),
        ("number", Self::Number),
        ("region", Self::Region),
        ("alphabet", Self::Alphabet),
        ("attachment", Self::Attachment),
        ("priority", Self::Priority),
        ("segments", Self::Segments),
        ("size", Self::Size),
        ("attachments", Self::Attachments),
        ("authenticated", Self::Authenticated),
        ("local", Self::Local),
        ("spam", Self::Spam),
    ];

    pub(super) fn words(&self) -> String {
        match self {
            Self::Header(name) => format!("header {name}"),
            Self::Variable(name) => format!("variable {name}"),
            Self::Peer => "peer".to_owned(),
            named => Self::NAMED.iter().find(|(_, f)| f == named).map_or("field", |(word, _)| *word).to_owned(),
        }
    }

    /// The values of a field that holds text.
    pub(super) fn values<'a>(&'a self, facts: &'a Facts) -> Vec<Cow<'a, str>> {
        let headers = |name: &'a str| facts.header(name).map(Cow::Borrowed).collect::<Vec<_>>();
        let items = |name: &'a str| {
            let written = facts.header(name).collect::<Vec<_>>().join(", ");
            let entries = crate::mail::addresses(&written);
            let addresses: Vec<Cow<'a, str>> = entries.iter().map(|entry| Cow::Owned(entry.address.clone())).collect();
            if addresses.is_empty() { headers(name) } else { addresses }
        };
        let one = |value: &'a Option<String>| value.as_deref().map(Cow::Borrowed).into_iter().collect::<Vec<_>>();
        match self {
            Self::Header(name) if name == "*" => {
                facts.headers.iter().map(|(_, value)| Cow::Borrowed(value.as_str())).collect()
            }
            Self::Header(name) => headers(name),
            Self::From => items("From"),
            Self::Cc => items("Cc"),
            Self::ReplyTo => items("Reply-To"),
            Self::Date => headers("Date"),
            Self::To => vec![Cow::Owned(facts.to.to_string())],
            Self::Subject => headers("Subject"),
            Self::Body => vec![Cow::Borrowed(facts.body.as_str())],
            Self::Sender => one(&facts.sender),
            Self::Login => one(&facts.login),
            Self::Account => one(&facts.account),
            Self::Domain => one(&facts.domain),
            Self::Gateway if facts.gateway.is_none() => one(&facts.to.at),
            Self::Gateway => one(&facts.gateway),
            Self::Direction => vec![Cow::Borrowed(facts.direction.word())],
            Self::Originator => one(&facts.originator),
            Self::OriginatorRegion => one(&facts.originator_region),
            Self::Number => vec![Cow::Borrowed(facts.to.number.as_str())],
            Self::Region => one(&facts.region),
            Self::Alphabet => facts.measure().map(|m| Cow::Borrowed(alphabet(m.alphabet))).into_iter().collect(),
            Self::Attachment => facts.attachments.iter().map(|name| Cow::Borrowed(name.as_str())).collect(),
            Self::Priority => vec![Cow::Borrowed(facts.urgency.word())],
            Self::Variable(name) => facts.variables.get(name).map(|v| Cow::Borrowed(v.as_str())).into_iter().collect(),
            Self::Segments | Self::Size => self.number(facts).map(|n| Cow::Owned(n.to_string())).into_iter().collect(),
            Self::Attachments | Self::Authenticated | Self::Local | Self::Spam => {
                vec![Cow::Borrowed(if self.flag(facts) { "true" } else { "false" })]
            }
            Self::Peer => facts.peer.map(|peer| Cow::Owned(peer.to_string())).into_iter().collect(),
        }
    }

    pub(super) fn number(&self, facts: &Facts) -> Option<i64> {
        match self {
            Self::Segments => facts.measure().and_then(|m| i64::try_from(m.segments).ok()),
            Self::Size => i64::try_from(facts.size).ok(),
            _ => None,
        }
    }

    pub(super) fn flag(&self, facts: &Facts) -> bool {
        match self {
            Self::Attachments => !facts.attachments.is_empty(),
            Self::Authenticated => facts.login.is_some(),
            Self::Local => facts.local,
            Self::Spam => spam(facts),
            _ => false,
        }
    }
}

pub(super) fn alphabet(alphabet: crate::sms::alphabet::Alphabet) -> &'static str {
    use crate::sms::alphabet::Alphabet;
    match alphabet {
        Alphabet::Gsm7 => "gsm7",
        Alphabet::Ucs2 => "ucs2",
        Alphabet::Binary => "binary",
    }
}

/// The marks that filters leave: `X-Spam-Flag: YES`, `X-Spam-Status: Yes, …`, `X-Spam: Yes` (rspamd).
fn spam(facts: &Facts) -> bool {
    let yes = |value: &str| value.trim_start().get(..3).is_some_and(|word| word.eq_ignore_ascii_case("yes"));
    ["X-Spam-Flag", "X-Spam-Status", "X-Spam"].iter().any(|name| facts.header(name).any(yes))
}

/// Whether a message of this direction can be asked for the field; what cannot is a load error.
pub fn fits(field: &Field, direction: Direction) -> bool {
    !(direction == Direction::In && matches!(field, Field::Login | Field::Authenticated | Field::Peer))
}
