//! Outbound: mail becomes a text. Reads as the flow: resolve → identify → allow → text → rules → put ══▶ 250.
//!
//! | step | file |
//! |---|---|
//! | what a door hands over | `door` |
//! | RCPT: by address alone, and by what is known of the sender | `rcpt` |
//! | who sends | `identify` |
//! | what rules make of it, and what they ask first | `facts`, `asks`, `ruled`, `beside` |
//! | mail → words → segments | `shape` |
//! | DATA: all of it, one answer per recipient | `accept` |
//! | SMTP: one answer for all of them | `one_answer` |
//! | the sender is told that his text was cut | `told` |
//! | the classic HTTP call | `call` |
//!
//! Nothing is promised before the store has it; every refusal has its code and changes nothing.

mod accept;
mod again;
mod asks;
mod beside;
mod brakes;
pub mod call;
pub mod door;
mod entry;
pub mod facts;
mod identify;
mod null;
mod one_answer;
mod rcpt;
mod ruled;
mod shape;
mod told;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

pub use door::{Accept, Evidence, Handed, Listener, Peer};
pub use rcpt::{NO_GATEWAY, Refusal, bad_address};
pub use shape::{Shaped, Style};

use crate::{
    accounts::{Accounts, Brakes, Guesses},
    address::{Domains, Helper, Mailbox, Node},
    errand::Hands,
    ground::{Clock, Swap},
    report::Reporter,
    routing::Table,
    rules::{Direction, Mark, Rates, Ruleset},
    store::Store,
};

/// What the journey goes by.
#[derive(Debug, Clone)]
pub struct Settings {
    pub hostname: String,
    /// Who we are, by which loops between Martlets are seen.
    pub node: Node,
    /// Where `postmaster@` and `abuse@` of the SMS domains go.
    pub postmaster: Swap<Mailbox>,
    /// `[sms]`: how mails become texts.
    pub style: Style,
    /// `queue.expire`.
    pub expire: Duration,
    /// `queue.warn_after`.
    pub warn_after: Duration,
    pub dedupe_window: Duration,
    /// `queue.consolidate`: short texts that wait may go out as one.
    pub consolidate: bool,
    /// Bodies larger than this are not kept for reports, octets.
    pub bounce_size: usize,
    /// Limits over a stretch of time that hold for everybody.
    pub brakes: Brakes,
    /// Where months begin (`zone`).
    pub zone: jiff::tz::TimeZone,
    /// `%` and `/` in the user's name of an address may stand for `@`.
    pub percent_is_at: bool,
    /// How many Received lines are too many.
    pub hops: usize,
    /// Senders that are refused or not: disposition notices and auto-replies, alarms, mailing lists.
    pub send_auto_replied: bool,
    pub send_auto_generated: bool,
    pub send_lists: bool,
    /// What holds now.
    pub rules: Swap<Ruleset>,
    /// Programs, URLs and statements that rules ask before the commit.
    pub hands: Arc<Hands>,
}

/// The journey; cheap to clone.
#[derive(Clone)]
pub struct Outbound(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    domains: RwLock<Arc<Domains>>,
    accounts: Accounts,
    routes: Swap<Table>,
    reporter: Reporter,
    settings: Settings,
    references: References,
    again: again::Again,
    guesses: Guesses,
    told: brakes::Told,
    rates: Rates,
}

impl Outbound {
    pub fn new(
        store: Store,
        clock: Clock,
        domains: Domains,
        accounts: Accounts,
        routes: Table,
        reporter: Reporter,
        settings: Settings,
    ) -> Self {
        let routes = Swap::new(routes);
        let (references, again) = (References::default(), again::Again::new(clock.now()));
        let (told, domains) = (brakes::Told::default(), RwLock::new(Arc::new(domains)));
        let (guesses, rates) = (Guesses::default(), Rates::new(Direction::Out));
        Self(Arc::new(Inner {
            store,
            clock,
            domains,
            accounts,
            routes,
            reporter,
            settings,
            references,
            again,
            guesses,
            told,
            rates,
        }))
    }
}

impl Outbound {
    /// What an earlier run counted of senders.
    pub fn recall(&self, marks: &[Mark]) {
        self.0.rates.recall(marks, self.0.clock.now());
    }

    /// From now on these addresses stand for phones.
    pub fn replace_helpers(&self, helpers: HashMap<String, Helper>) {
        let mut domains = self.0.domains.write().unwrap_or_else(PoisonError::into_inner);
        *domains = Arc::new(Domains { helpers, ..Domains::clone(&domains) });
    }

    /// From now on these gateways, groups and routes.
    pub fn reroute(&self, routes: Table) {
        self.0.routes.replace(routes);
    }
}

impl Inner {
    /// What addresses mean now.
    fn domains(&self) -> Arc<Domains> {
        self.domains.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn routes(&self) -> Arc<Table> {
        self.routes.now()
    }
}

/// Concatenation references: the next one for each destination, so that messages in flight to one phone differ.
#[derive(Default)]
struct References(Mutex<HashMap<String, u8>>);

impl References {
    /// Beyond so many destinations the counting starts over.
    const MOST: usize = 65_536;

    fn next(&self, to: &str) -> u8 {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= Self::MOST {
            map.clear();
        }
        // A start that differs from run to run: an earlier run's messages may still be in flight.
        let seed =
            || crate::ground::MessageId::new().to_string().bytes().fold(0u8, |a, b| a.wrapping_mul(31).wrapping_add(b));
        let next = map.entry(to.to_owned()).or_insert_with(seed);
        *next = next.wrapping_add(1);
        *next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_differ_for_one_phone() {
        let references = References::default();
        let first = references.next("+15551234567");
        assert_eq!(references.next("+15551234567"), first.wrapping_add(1));
    }
}
