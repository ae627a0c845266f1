//! Mails that may come again: an answer that was lost is asked for once more, and must be the same.
//!
//! At RCPT a mail cannot be told from its repetition, and by then the first one may have used up the month: a refusal
//! would report as failed what was sent. So whoever was let through lately is let through again, and what the mail is
//! decides after DATA. What can go wrong: the process ended between the commit and the answer; then the store tells
//! who had texts queued shortly before.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use tokio::sync::OnceCell;

use super::{Inner, Peer, entry::fingerprint};
use crate::{
    address::{Destination, ReversePath},
    ground::{AccountName, Timestamp},
    smtp::Envelope,
    store::Filter,
};

/// Beyond so many the oldest are forgotten.
const MOST: usize = 65_536;
/// So many of the newest items are looked at after a start.
const LOOKED_AT: usize = 1_000;

/// Hand-overs of accounts with a limit, each until it is too late to repeat it.
pub struct Again {
    started: Timestamp,
    seen: Mutex<HashMap<[u8; 32], Timestamp>>,
    before: OnceCell<HashSet<AccountName>>,
}

impl Again {
    pub fn new(started: Timestamp) -> Self {
        Self { started, seen: Mutex::default(), before: OnceCell::new() }
    }

    fn remember(&self, key: [u8; 32], until: Timestamp, now: Timestamp) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST {
            seen.retain(|_, until| *until > now);
        }
        if seen.len() >= MOST {
            seen.clear();
        }
        seen.insert(key, until);
    }

    fn knows(&self, key: &[u8; 32], now: Timestamp) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(key).is_some_and(|until| *until > now)
    }
}

/// What a repetition has in common with the first time and is known at RCPT: its size and the MTA's queue id tell most
/// other mails from it.
fn key(peer: &Peer, envelope: &Envelope, to: &Destination) -> [u8; 32] {
    let from = match &envelope.from {
        ReversePath::Null => String::new(),
        ReversePath::Path(path) => path.to_wire(),
    };
    let peer = peer.addr.map_or_else(String::new, |addr| addr.to_string());
    let size = envelope.size.map_or_else(String::new, |size| size.to_string());
    let ident = envelope.xforward.ident.as_deref().unwrap_or_default();
    let pieces = [peer.as_str(), &from, to.as_str(), &size, ident].map(str::as_bytes);
    fingerprint(&pieces, Timestamp(0)).hash
}

impl Inner {
    /// A mail of an account with a limit is about to be queued for this phone.
    pub fn may_come_again(&self, peer: &Peer, envelope: &Envelope, to: &Destination, now: Timestamp) {
        self.again.remember(key(peer, envelope, to), now + self.settings.dedupe_window, now);
    }

    /// May this be a mail that was taken already?
    pub async fn may_be_again(&self, peer: &Peer, envelope: &Envelope, to: &Destination, who: &AccountName) -> bool {
        let now = self.clock.now();
        self.again.knows(&key(peer, envelope, to), now)
            || (now < self.again.started + self.settings.dedupe_window && self.wrote_before(who).await)
    }

    /// Had this account texts queued shortly before the process started?
    async fn wrote_before(&self, who: &AccountName) -> bool {
        let started = self.again.started;
        let look = || async {
            let newest = self.store.list(Filter { limit: LOOKED_AT, ..Filter::default() }).await?;
            let lately = |at: Timestamp| at <= started && at + self.settings.dedupe_window > started;
            Ok::<_, crate::store::Down>(
                newest.into_iter().filter(|item| lately(item.created)).filter_map(|item| item.account).collect(),
            )
        };
        // A store that cannot be read refuses nobody for good.
        self.again.before.get_or_try_init(look).await.map_or(true, |before: &HashSet<_>| before.contains(who))
    }
}
