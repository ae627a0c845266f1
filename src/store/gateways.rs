//! What is remembered of gateways: how much went out today, who is paused by a person, who talks to whom.

use std::fmt;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{Item, MoSegment, Opting, Receipt, Taken};
use crate::{
    address::Mailbox,
    ground::{GatewayId, MessageId, Timestamp},
};

/// A calendar day somewhere, as 20261125.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i32);

impl Day {
    /// The day of `now` in `zone`, and when it ends.
    pub fn of(now: Timestamp, zone: &TimeZone) -> (Self, Timestamp) {
        let date = now.utc().with_time_zone(zone.clone()).date();
        let day = i32::from(date.year()) * 10_000 + i32::from(date.month()) * 100 + i32::from(date.day());
        let next = date.tomorrow().ok().and_then(|next| next.to_zoned(zone.clone()).ok());
        (Self(day), next.map_or(Timestamp::NEVER, |next| Timestamp(next.timestamp().as_millisecond())))
    }
}

/// What an attempt takes of its gateway's day. It is given back when nothing of it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spend {
    pub day: Day,
    pub segments: u8,
}

/// What a restart must know of the gateways.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    /// Paused by a person, since when.
    pub paused: Vec<(GatewayId, Timestamp)>,
    /// Segments of the days asked for.
    pub spent: Vec<(GatewayId, Day, u64)>,
}

/// Somebody talks to a phone by a gateway: a live call-log link, without the message.
#[derive(Clone, PartialEq, Eq)]
pub struct Talk {
    pub gateway: GatewayId,
    /// Our number there.
    pub number: Option<String>,
    pub mailbox: Mailbox,
}

/// Without the number.
impl fmt::Debug for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Talk({}, {:?})", self.gateway, self.mailbox)
    }
}

/// All that one answer of a provider brought that is asked for news, and how far it is read by that.
#[derive(Debug, Default)]
pub struct Page {
    pub segments: Vec<MoSegment>,
    pub receipts: Vec<Receipt>,
    pub opting: Vec<Opting>,
    pub position: Option<Position>,
}

/// What became of a page; each list in the page's order.
#[derive(Default)]
pub struct PageTaken {
    pub segments: Vec<Taken>,
    /// Whether each change of the opt-out list changed anything.
    pub opting: Vec<bool>,
    /// The items that receipts changed, as [`super::Store::receipt`] gives them.
    pub items: Vec<Item>,
}

/// How far a provider that is asked for news was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Position {
    pub gateway: GatewayId,
    /// Which of its polls.
    pub poll: String,
    /// The definition whose words these are: to another one they mean nothing.
    pub definition: String,
    pub position: String,
}

/// Without the provider's words.
impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Position({}, {}, {})", self.gateway, self.poll, self.definition)
    }
}

/// Something that a message's history should say beside its changes of state.
#[derive(Clone)]
pub struct Note {
    pub id: MessageId,
    /// One word.
    pub what: &'static str,
    pub gateway: GatewayId,
    pub cause: String,
}

/// Without its words.
impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Note({}, {}, {})", self.id, self.what, self.gateway)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_where_people_live() {
        let at = |text: &str| Timestamp(text.parse::<jiff::Timestamp>().expect(text).as_millisecond());
        let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
        for (now, zone, day, end) in [
            ("2026-11-25T22:59:59Z", &TimeZone::UTC, 20_261_125, "2026-11-26T00:00:00Z"),
            ("2026-11-25T22:59:59Z", &berlin, 20_261_125, "2026-11-25T23:00:00Z"),
            ("2026-11-25T23:00:00Z", &berlin, 20_261_126, "2026-11-26T23:00:00Z"),
            // Twenty-five hours.
            ("2026-10-25T12:00:00Z", &berlin, 20_261_025, "2026-10-25T23:00:00Z"),
            ("2026-10-24T22:00:00Z", &berlin, 20_261_025, "2026-10-25T23:00:00Z"),
        ] {
            assert_eq!(Day::of(at(now), zone), (Day(day), at(end)), "{now}");
        }
    }
}
