//! Dispatch: lanes pull what waits and carry it out. lease → begin ══▶ attempt → settle and report ══▶
//!
//! One loop assigns what is due to the gateways' free slots; each attempt is a task of its own, so that the store can
//! gather their commits. What can go wrong: a store that is down (nothing new begins until it writes again), a gateway
//! that never answers (bounded by its own time-outs; a dropped answer is unsure).

pub mod events;
pub mod hand;
pub mod lane;
pub mod mails;
pub mod policy;
pub mod step;
pub mod sweep;

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::lane::{Lane, Slot};
use crate::{
    address::Node,
    ground::{Backoff, Clock, GatewayId, Timestamp},
    mailbox, observe,
    report::Reporter,
    routing::{self, Needs},
    sms::national::Language,
    store::{Begin, Item, Key, Store},
};

/// What the dispatcher goes by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who we are: the last of what gateways are given as a trace.
    pub node: Node,
    pub backoff: Backoff,
    pub receipt_wait: Duration,
    /// How long a call-log link lives (`inbound.keep`).
    pub keep_links: Duration,
    /// `inbound.call_log`: links are written.
    pub call_log: bool,
    /// National language tables that may be used where the gateway takes them and they save segments.
    pub shift_tables: Vec<Language>,
    /// Mails handed over at once.
    pub mail_window: usize,
}

/// Everything the lanes share.
pub struct Shared {
    pub store: Store,
    pub clock: Clock,
    pub settings: Settings,
    pub lanes: HashMap<GatewayId, Arc<Lane>>,
    pub reporter: Reporter,
    pub mailbox: mailbox::Client,
    /// A slot became free or a lane's rest changed.
    pub freed: Notify,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

/// Leased messages that only a busy gateway can carry; beyond this they wait in the store for a while, so that they keep
/// no others from the gateways that are free.
const MOST_ASIDE: usize = 256;
/// However quiet it is, the lanes look again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

impl Shared {
    /// Writes one attempt down and says its number; `None`: it is not to be made. The message was held, cancelled or
    /// closed meanwhile, or the store is down: then the lease is given back, after a pause.
    async fn begin(&self, begin: Begin) -> Option<u32> {
        let id = begin.id;
        match self.store.begin(vec![begin]).await {
            Ok(begun) => begun.first().copied().flatten(),
            Err(down) => {
                observe::log::store_down("begin", down);
                self.clock.sleep(Duration::from_secs(1)).await;
                self.store.give_back(&[id]);
                None
            }
        }
    }

    /// Assigns what is due until stopped. Attempts under way go on; `tasks` knows them.
    pub async fn run(self: Arc<Self>) {
        let mut aside: Vec<Item> = Vec::new();
        loop {
            let changed = self.store.changed();
            let (now, began) = (self.clock.now(), self.clock.monotonic());
            let full = self.round(&mut aside, now).await;
            if self.stop.is_cancelled() {
                break;
            }
            if full {
                continue;
            }
            let wake = self.next_wake(now).await;
            tokio::select! {
                () = changed => {}
                () = self.freed.notified() => {}
                () = self.clock.sleep_to(began + wake) => {}
                () = self.stop.cancelled() => break,
            }
        }
        self.store.give_back(&aside.iter().map(|item| item.id).collect::<Vec<_>>());
    }

    /// One look at the queue; `true` when there may be more at once.
    async fn round(self: &Arc<Self>, aside: &mut Vec<Item>, now: Timestamp) -> bool {
        let held_back = std::mem::take(aside);
        for item in held_back {
            self.assign(item, aside, now);
        }
        let (keys, free) = self.open_keys(now);
        if keys.is_empty() {
            return false;
        }
        match self.store.lease_each(&keys, free, now).await {
            Ok(items) => {
                let full = items.len() >= free;
                for item in items {
                    self.assign(item, aside, now);
                }
                self.put_off(aside).await;
                full
            }
            Err(down) => {
                observe::log::store_down("lease", down);
                self.clock.sleep(Duration::from_secs(1)).await;
                false
            }
        }
    }

    /// What is too much to keep aside goes back into the store, all in one commit.
    async fn put_off(self: &Arc<Self>, aside: &mut Vec<Item>) {
        let mut writing = tokio::task::JoinSet::new();
        for item in aside.split_off(MOST_ASIDE.min(aside.len())) {
            let shared = self.clone();
            writing.spawn(async move { step::put_off(&shared, &item).await });
        }
        while writing.join_next().await.is_some() {}
    }

    /// The keys that somebody could pull from now, and how many slots are free for them.
    fn open_keys(&self, now: Timestamp) -> (Vec<(Key, usize)>, usize) {
        let mut keys = Vec::new();
        let mut free = 0;
        for lane in self.lanes.values() {
            let slots = lane.free(now);
            if slots > 0 {
                keys.push((Key::Gateway(lane.id.clone()), slots));
                free += slots;
            }
        }
        let anything = Needs { binary: false, sender: false };
        if routing::choose(&self.candidates(now), anything, [0.0, 0.0]).is_some() {
            keys.push((Key::Any, free));
        }
        (keys, free)
    }

    fn candidates(&self, now: Timestamp) -> Vec<routing::Candidate> {
        self.lanes.values().map(|lane| lane.candidate(now)).collect()
    }

    /// Starts the item on a lane, or puts it aside until one is free.
    fn assign(self: &Arc<Self>, item: Item, aside: &mut Vec<Item>, now: Timestamp) {
        let candidates = self.candidates(now);
        let needs = match item.payload.text() {
            Some(text) => Needs::of(&text.content, text.sender.is_some()),
            None => return self.store.give_back(&[item.id]),
        };
        let chosen = match &item.key {
            Key::Gateway(id) => self.lanes.get(id).filter(|lane| lane.free(now) > 0).map(|lane| lane.id.clone()),
            Key::Any => routing::choose(&candidates, needs, [fastrand(), fastrand()]).map(|c| c.id.clone()),
            Key::Mailbox => None,
        };
        let may = |c: &&routing::Candidate| item.key == Key::Any || item.key == Key::Gateway(c.id.clone());
        if !candidates.iter().filter(may).any(|c| c.can_carry(needs)) {
            let shared = self.clone();
            self.tasks.spawn(async move { step::cannot_carry(&shared, &item).await });
            return;
        }
        match chosen.and_then(|id| self.lanes.get(&id)) {
            Some(lane) => {
                let slot = lane.take_slot();
                let (shared, lane) = (self.clone(), lane.clone());
                self.tasks.spawn(async move { shared.attempt(&lane, item, slot).await });
            }
            // Its lane filled up meanwhile: it is leased again when a slot is free.
            None if item.key != Key::Any || candidates.iter().all(|c| !c.is_free()) => {
                self.store.give_back(&[item.id]);
            }
            None => aside.push(item),
        }
    }

    async fn attempt(self: Arc<Self>, lane: &Arc<Lane>, item: Item, slot: Slot) {
        step::step(&self, lane, item).await;
        drop(slot);
        self.freed.notify_one();
    }

    /// How long until something falls due or a lane's rest is over.
    async fn next_wake(&self, now: Timestamp) -> Duration {
        // What nobody could pull now is not asked for: a lane's rest has its own end, a full one frees itself.
        let keys: Vec<Key> = self.open_keys(now).0.into_iter().map(|(key, _)| key).collect();
        let due = match keys.is_empty() {
            true => None,
            false => self.store.next_due(&keys).await.ok().flatten().filter(|due| *due > now),
        };
        let rested = self.lanes.values().filter_map(|lane| lane.rests_until(now));
        rested.chain(due).map(|moment| moment.since(now)).min().unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN)
    }
}

/// An even draw from `0.0..1.0` for load sharing and jitter; nothing secret hangs on it.
pub(crate) fn fastrand() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = RandomState::new().hash_one(0u8) >> 11;
    bits as f64 / (1u64 << 53) as f64
}
