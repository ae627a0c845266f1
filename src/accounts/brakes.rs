//! Brakes: what stops a sender gone wild before the bill does. How much is allowed, what a text counts against, and
//! what is said when a brake takes hold.
//!
//! Counting itself is the store's, in the transaction that queues a text. What can go wrong here is only a limit that is
//! set too low; the words of a refusal name the key that sets it.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::{Allowance, Limit};
use crate::{
    address::Destination,
    ground::{AccountName, Enhanced, Timestamp},
    routing::Price,
    sms::{Body, Content},
    store::{Brake, BrakeKey, BrakeKind, Braked, day_end},
};

/// At most so many in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    pub max: u64,
    pub within: Duration,
}

/// What a text takes of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub parts: u8,
    /// At most, in millionths.
    pub cost: u64,
}

impl Size {
    /// The smallest text that costs anything.
    pub const LEAST: Self = Self { parts: 1, cost: 1 };

    /// So many segments at this price each.
    pub fn of(parts: u8, price: Price) -> Self {
        Self { parts, cost: price.0.saturating_mul(u64::from(parts)) }
    }
}

/// The brakes that hold for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brakes {
    /// The same text to one number; `None`: not counted.
    pub same_text: Option<Pace>,
    /// Numbers that an account has not written to in the last 30 days.
    pub new_numbers: Option<Pace>,
    /// Regions that an account has not written to in the last 90 days.
    pub new_countries: Option<Pace>,
    /// Segments of everybody in a day.
    pub daily_max: Limit,
    /// What everybody spends in a day, in millionths.
    pub daily_cost: Limit,
    /// Texts that Martlet itself writes, in a day.
    pub own_phone: u64,
    pub own_all: u64,
}

impl Default for Brakes {
    /// What holds without `[brakes]`: only Martlet's own texts are limited.
    fn default() -> Self {
        Self {
            same_text: None,
            new_numbers: None,
            new_countries: None,
            daily_max: Limit::Unlimited,
            daily_cost: Limit::Unlimited,
            own_phone: 20,
            own_all: 200,
        }
    }
}

const DAY: Duration = Duration::from_secs(86_400);
const NUMBER_KNOWN: Duration = Duration::from_secs(30 * 86_400);
const COUNTRY_KNOWN: Duration = Duration::from_secs(90 * 86_400);

/// A daily counter and whose it is.
fn day(kind: BrakeKind, whose: &str, amount: u64, limit: u64, (now, zone): (Timestamp, &TimeZone)) -> Brake {
    let key = BrakeKey::of(kind.word(), &[whose.as_bytes()]);
    Brake { kind, key, amount, limit, until: day_end(now, zone), unless_known: None }
}

impl Brakes {
    /// What counts whatever the text is: known already at RCPT, where it is the smallest there is.
    pub fn of_account(&self, allowance: &Allowance, size: Size, now: Timestamp, zone: &TimeZone) -> Vec<Brake> {
        let mut brakes = Vec::new();
        if let Some((pool, pace)) = &allowance.rate {
            brakes.push(paced(BrakeKind::Rate, *pace, &[pool.as_str().as_bytes()], now));
        }
        let own = |of: &Option<(AccountName, Limit)>| of.clone().unwrap_or((allowance.who.clone(), Limit::Unlimited));
        let (daily, cost) = (own(&allowance.daily), own(&allowance.daily_cost));
        let segments = u64::from(size.parts);
        for (kind, whose, limit, amount) in [
            (BrakeKind::Daily, daily.0.as_str(), daily.1, segments),
            (BrakeKind::DailyAll, "", self.daily_max, segments),
            (BrakeKind::DailyCost, cost.0.as_str(), cost.1, size.cost),
            (BrakeKind::DailyCostAll, "", self.daily_cost, size.cost),
        ] {
            if let Limit::AtMost(limit) = limit {
                brakes.push(day(kind, whose, amount, limit, (now, zone)));
            }
        }
        brakes
    }

    /// Everything that one text counts against.
    pub fn of_text(
        &self,
        allowance: &Allowance,
        to: &Destination,
        content: &Content,
        size: Size,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Vec<Brake> {
        let mut brakes = self.of_account(allowance, size, now, zone);
        let (who, number) = (allowance.who.as_str().as_bytes(), to.as_str().as_bytes());
        if let Some(pace) = self.same_text {
            let (kind, words) = words_of(content);
            brakes.push(paced(BrakeKind::SameText, pace, &[number, kind, words, &content.udh], now));
        }
        if let Some(pace) = self.new_numbers {
            let known = (BrakeKey::of("number", &[who, number]), now + NUMBER_KNOWN);
            brakes.push(Brake { unless_known: Some(known), ..paced(BrakeKind::NewNumbers, pace, &[who], now) });
        }
        if let (Some(pace), Destination::Number(to)) = (self.new_countries, to) {
            let region = to.region();
            let region = region.as_ref().map_or("", |region| region.as_str()).as_bytes();
            let known = (BrakeKey::of("country", &[who, region]), now + COUNTRY_KNOWN);
            brakes.push(Brake { unless_known: Some(known), ..paced(BrakeKind::NewCountries, pace, &[who], now) });
        }
        brakes
    }

    /// What a text counts against that Martlet writes by itself: questions, answers to STOP and HELP, rules' replies.
    pub fn of_own(&self, to: &str, now: Timestamp, zone: &TimeZone) -> Vec<Brake> {
        [(BrakeKind::OwnPhone, to, self.own_phone), (BrakeKind::OwnAll, "", self.own_all)]
            .map(|(kind, whose, limit)| day(kind, whose, 1, limit, (now, zone)))
            .into()
    }
}

/// At most so many answers of the same words to one phone: two machines that answer each other. With the text that began it and what
/// the phone says to each that is ten messages.
const ECHO: Pace = Pace { max: 4, within: Duration::from_secs(3_600) };

/// What an answer to a phone's text counts against, whatever is configured: a machine says the same each time.
pub fn of_answer(who: &AccountName, to: &Destination, content: &Content, now: Timestamp) -> Brake {
    let (kind, words) = words_of(content);
    paced(BrakeKind::Echo, ECHO, &[who.as_str().as_bytes(), to.as_str().as_bytes(), kind, words, &content.udh], now)
}

/// Its kind and its octets.
fn words_of(content: &Content) -> (&[u8], &[u8]) {
    match &content.body {
        Body::Text(words) => (b"t", words.as_bytes()),
        Body::Binary(data) => (b"b", data),
    }
}

fn paced(kind: BrakeKind, pace: Pace, whose: &[&[u8]], now: Timestamp) -> Brake {
    let key = BrakeKey::of(kind.word(), whose);
    Brake { kind, key, amount: 1, limit: pace.max, until: now + pace.within, unless_known: None }
}

/// The reply that a brake stands for: rates pass (`450`), what a day allows is used up (`550`).
pub fn code(kind: BrakeKind) -> (u16, Enhanced) {
    match kind {
        BrakeKind::Echo => (554, Enhanced::new(5, 4, 6)),
        BrakeKind::Daily | BrakeKind::DailyAll | BrakeKind::DailyCost | BrakeKind::DailyCostAll => {
            (550, Enhanced::new(5, 7, 1))
        }
        _ => (450, Enhanced::new(4, 7, 1)),
    }
}

/// A moment for people.
fn moment(at: Timestamp) -> String {
    at.utc().strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A limit for people: costs are counted in millionths.
pub fn shown(kind: BrakeKind, limit: u64) -> String {
    if !matches!(kind, BrakeKind::DailyCost | BrakeKind::DailyCostAll) {
        return limit.to_string();
    }
    let written = format!("{}.{:06}", limit / 1_000_000, limit % 1_000_000);
    written.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What the sender is told.
pub fn words(braked: Braked) -> String {
    let Braked { kind, limit, until } = braked;
    let until = moment(until);
    match kind {
        BrakeKind::SameText => {
            format!("the same text went to this number {limit} times already; try again after {until}")
        }
        BrakeKind::Echo => {
            format!("loop: the same answer went to this phone {limit} times already; try again after {until}")
        }
        BrakeKind::NewNumbers => {
            format!("this account wrote to {limit} new numbers already; try again after {until}")
        }
        BrakeKind::NewCountries => {
            format!("this account wrote to {limit} new countries already; try again after {until}")
        }
        BrakeKind::Rate => format!("this account may send {limit} texts in this time; try again after {until}"),
        BrakeKind::Daily => format!("daily limit of {limit} segments reached; it starts anew at {until}"),
        BrakeKind::DailyAll => {
            format!("the daily limit of this server, {limit} segments, is reached; it starts anew at {until}")
        }
        BrakeKind::DailyCost => {
            format!("daily cost of {} reached; it starts anew at {until}", shown(kind, limit))
        }
        BrakeKind::DailyCostAll => {
            format!("the daily cost of this server, {}, is reached; it starts anew at {until}", shown(kind, limit))
        }
        BrakeKind::OwnPhone | BrakeKind::OwnAll => {
            format!("{limit} automatic texts went out today; the next goes after {until}")
        }
        BrakeKind::FloodPhone | BrakeKind::FloodGateway => {
            format!("more than {limit} texts came in; held until {until}")
        }
    }
}

/// The key that an administrator changes.
pub fn key(kind: BrakeKind) -> &'static str {
    match kind {
        BrakeKind::SameText => "brakes.same_text",
        BrakeKind::NewNumbers => "brakes.new_numbers",
        BrakeKind::NewCountries => "brakes.new_countries",
        BrakeKind::Rate => "account.rate",
        BrakeKind::Echo => "two machines that answer each other",
        BrakeKind::Daily => "account.daily_max",
        BrakeKind::DailyAll => "brakes.daily_max",
        BrakeKind::DailyCost => "account.daily_cost",
        BrakeKind::DailyCostAll => "brakes.daily_cost",
        BrakeKind::OwnPhone => "brakes.own_texts.phone",
        BrakeKind::OwnAll => "brakes.own_texts.all",
        BrakeKind::FloodPhone => "inbound.flood_phone",
        BrakeKind::FloodGateway => "inbound.flood_gateway",
    }
}

/// What the postmaster is told: subject and text.
pub fn notice(braked: Braked, who: Option<&AccountName>) -> (String, String) {
    let key = key(braked.kind);
    let whose = who.map_or_else(String::new, |who| format!(" ({who})"));
    let subject = format!("A brake took hold: {key}{whose}");
    let text = format!(
        "Martlet refused or held something because a limit was reached.\n\n\
         Limit: {key}, now {}\nAccount: {}\nIt counts anew from: {}\n\n\
         You are told once a day for each limit and account. If this is how it should be, raise {key} in the configuration; \
         if not, find out who sends: martlet queue list shows it.\n",
        shown(braked.kind, braked.limit),
        who.map_or("-", AccountName::as_str),
        moment(braked.until),
    );
    (subject, text)
}

/// How long a notice stands for all that follow.
pub const TOLD_FOR: Duration = DAY;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_shown_as_they_are_written() {
        for (limit, written) in [(12_500_000, "12.5"), (1, "0.000001"), (3_000_000, "3"), (10_000_000, "10")] {
            assert_eq!(shown(BrakeKind::DailyCost, limit), written);
            assert_eq!(shown(BrakeKind::Daily, limit), limit.to_string());
        }
        assert_eq!(Size::of(3, Price(8_000)), Size { parts: 3, cost: 24_000 });
    }

    #[test]
    fn every_kind_has_its_words_and_its_key() {
        for kind in BrakeKind::ALL {
            let braked = Braked { kind, limit: 7, until: Timestamp(1_767_225_600_000) };
            let (code, enhanced) = super::code(kind);
            assert_eq!(code / 100, u16::from(enhanced.to_string().as_bytes()[0] - b'0'), "{kind:?}");
            assert!(words(braked).contains("2026-01-01 00:00 UTC"), "{kind:?} says until when");
            let (subject, text) = notice(braked, None);
            assert!(subject.contains(key(kind)) && text.contains(key(kind)), "{kind:?}");
        }
    }
}
