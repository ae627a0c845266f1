//! Dispatch: lanes pull what waits and carry it out. lease → begin ══▶ attempt → settle and report ══▶
//!
//! One loop assigns what is due to the gateways' free slots; each attempt is a task of its own, so that the store can
//! gather their commits. What can go wrong: a store that is down (nothing new begins until it writes again), a gateway
//! that never answers (bounded by its own time-outs; a dropped answer is unsure).

pub mod errands;
pub mod events;
pub mod hand;
pub mod lane;
pub mod mails;
mod mates;
pub mod media;
pub mod policy;
mod pull;
pub mod roster;
pub mod status;
pub mod step;
pub mod sweep;
pub mod talks;
pub mod vitals;

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    lane::{Lane, Slot},
    roster::{Lanes, Roster},
    talks::{Company, Spoken, Talking, Waiting},
    vitals::Moment,
};
use crate::{
    address::Node,
    errand,
    ground::{Backoff, Clock, GatewayId, MessageId, Scope, Swap, Timestamp},
    mailbox,
    observe::{self, METRICS},
    report::Reporter,
    routing::{Candidate, Choice, choose},
    sms::national::Language,
    store::{Begin, Day, Item, Key, Store, Text},
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
}

/// Everything the lanes share.
pub struct Shared {
    pub store: Store,
    pub clock: Clock,
    pub settings: Settings,
    pub lanes: Roster,
    pub talking: Arc<Talking>,
    pub reporter: Reporter,
    /// The way back into mailboxes.
    pub mailbox: Swap<mailbox::Client>,
    /// Where rules, routes and accounts have folders, if anywhere.
    pub folders: Swap<Option<mailbox::imap::Folders>>,
    /// Mails handed over at once; a reload changes it.
    pub mail_window: watch::Sender<usize>,
    pub errands: Arc<errand::Hands>,
    /// Errands of rules at once, by their kind; a reload changes it.
    pub errand_window: watch::Sender<errands::Window>,
    /// A slot became free or a lane's rest changed.
    pub freed: Notify,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

/// Leased messages that wait for a busy gateway: it alone can carry them, or their conversation is there. Beyond this
/// conversations count no more, and what still has to wait does so in the store for a while, so that it keeps no others
/// from the gateways that are free.
const MOST_ASIDE: usize = 256;
/// However quiet it is, the lanes look again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

impl Shared {
    /// Writes one attempt down and says its number; `None`: it is not to be made. The message was held, cancelled or
    /// closed meanwhile, or the store is down: then the lease is given back, after a pause.
    async fn begin(&self, begin: Begin) -> Option<u32> {
        self.begin_together(vec![begin]).await?.first().copied()
    }

    /// As [`Shared::begin`] for messages that go out as one text: all of them, or none.
    async fn begin_together(&self, batch: Vec<Begin>) -> Option<Vec<u32>> {
        let ids: Vec<MessageId> = batch.iter().map(|begin| begin.id).collect();
        let begun = match ids.len() {
            1 => self.store.begin(batch).await.map(|numbers| numbers.into_iter().collect()),
            _ => self.store.begin_together(batch).await,
        };
        match begun {
            Ok(numbers) => numbers,
            Err(down) => {
                observe::log::store_down("begin", down);
                self.clock.sleep(Duration::from_secs(1)).await;
                self.store.give_back(&ids);
                None
            }
        }
    }

    /// What a restart must know of the gateways: who is paused, what went out today. Before the lanes start, and for
    /// lanes that a reload brings.
    pub async fn recall(&self, lanes: &[Arc<Lane>]) -> Result<(), crate::store::Down> {
        let (yesterday, _) = Day::of(self.clock.now() - 2 * DAY, &jiff::tz::TimeZone::UTC);
        let known = self.store.remembered(yesterday).await?;
        for lane in lanes {
            let paused = known.paused.iter().find(|(id, _)| *id == lane.id).map(|(_, since)| *since);
            let spent =
                known.spent.iter().filter(|(id, ..)| *id == lane.id).map(|(_, day, segments)| (*day, *segments));
            lane.vitals().recall(paused, spent);
            METRICS.gateway(lane.id.as_str(), paused.is_none());
        }
        Ok(())
    }

    /// A person pauses a gateway or lets it go on, over restarts too; `false`: it was so already, or there is none.
    ///
    /// # Errors
    /// The store cannot be written: then nothing has changed.
    pub async fn pause(&self, id: &GatewayId, paused: bool) -> Result<bool, crate::store::Down> {
        let lanes = self.lanes.now();
        let Some(lane) = lanes.get(id) else { return Ok(false) };
        if lane.seen().paused.is_some() == paused {
            return Ok(false);
        }
        self.store.pause(id, paused).await?;
        let changed = lane.pause(paused);
        self.freed.notify_one();
        Ok(changed)
    }

    /// A person wants a gateway that is down tried with the next message; `false`: there is none of that name.
    pub fn try_now(&self, id: &GatewayId) -> bool {
        let lanes = self.lanes.now();
        let Some(lane) = lanes.get(id) else { return false };
        lane.vitals().try_now(Moment::of(&self.clock));
        self.freed.notify_one();
        true
    }

    /// From now on these lanes. What waits under a key goes by whoever pulls from it now.
    pub fn replace(&self, lanes: Lanes) {
        self.lanes.replace(lanes);
        self.freed.notify_one();
    }

    /// Assigns what is due until stopped. Attempts under way go on; `tasks` knows them.
    pub async fn run(self: Arc<Self>) {
        let mut aside: Vec<Waiting> = Vec::new();
        loop {
            let changed = self.store.changed(&Key::Any);
            let at = Moment::of(&self.clock);
            let full = self.round(&mut aside, at).await;
            if self.stop.is_cancelled() {
                break;
            }
            if full {
                continue;
            }
            let wake = self.next_wake(at).await;
            tokio::select! {
                () = changed => {}
                () = self.freed.notified() => {}
                () = self.clock.sleep_to(at.monotonic + wake) => {}
                () = self.stop.cancelled() => break,
            }
        }
        self.store.give_back(&aside.iter().flat_map(Waiting::ids).collect::<Vec<_>>());
    }

    /// One look at the queue; `true` when there may be more at once.
    async fn round(self: &Arc<Self>, aside: &mut Vec<Waiting>, at: Moment) -> bool {
        let lanes = self.lanes.now();
        lanes.all().iter().for_each(|lane| lane.look(at));
        for waiting in std::mem::take(aside) {
            self.assign(&lanes, waiting, aside, at);
        }
        let (keys, free) = lanes.open_keys(self.store.sets(), at);
        if keys.is_empty() {
            return false;
        }
        match self.store.lease_each(&keys, free, at.wall).await {
            Ok(items) => {
                let full = items.len() >= free;
                for waiting in self.in_company(&lanes, items, at.wall).await {
                    self.assign(&lanes, waiting, aside, at);
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

    async fn in_company(&self, lanes: &Lanes, items: Vec<Item>, now: Timestamp) -> Vec<Waiting> {
        let mut all = match self.settings.call_log {
            true => talks::ask(&self.store, lanes, items, now).await,
            false => items.into_iter().map(|item| Waiting::of(item, Vec::new())).collect(),
        };
        talks::ask_opted(&self.store, &mut all).await;
        mates::grouped(all)
    }

    /// What is too much to keep aside goes back into the store, all in one commit.
    async fn put_off(self: &Arc<Self>, aside: &mut Vec<Waiting>) {
        let mut writing = tokio::task::JoinSet::new();
        for waiting in aside.split_off(MOST_ASIDE.min(aside.len())) {
            let shared = self.clone();
            let item = self.by_itself(waiting);
            writing.spawn(async move { step::put_off(&shared, &item).await });
        }
        while writing.join_next().await.is_some() {}
    }

    /// The message without those that it would go out with.
    fn by_itself(&self, waiting: Waiting) -> Item {
        if !waiting.mates.is_empty() {
            self.store.give_back(&waiting.mates.iter().map(|mate| mate.id).collect::<Vec<_>>());
        }
        waiting.item
    }

    /// Starts the item on a lane, or puts it aside until one is free.
    fn assign(self: &Arc<Self>, lanes: &Lanes, waiting: Waiting, aside: &mut Vec<Waiting>, at: Moment) {
        let members = lanes.members(&waiting.item.key);
        let Some(text) = waiting.item.payload.text() else {
            return self.store.give_back(&[waiting.item.id]);
        };
        let segments = lane::segments(&waiting.item, text);
        let company = Company::of(text, &waiting.talks, &self.talking);
        let candidates: Vec<Candidate> =
            members.iter().map(|lane| candidate(lane, &waiting, text, segments, &company, at)).collect();
        drop(company);
        let sticky = aside.len() < MOST_ASIDE;
        match choose(&candidates, sticky, [fastrand(), fastrand()]) {
            Choice::Take(which) => {
                let lane = members[which].clone();
                let spoken = self.talking.speak(text, &lane).filter(|_| members.len() > 1);
                let slot = lane.take_slot(segments, at);
                let shared = self.clone();
                self.tasks.spawn(async move { shared.attempt(&lane, waiting.item, waiting.mates, slot, spoken).await });
            }
            Choice::Never if members.is_empty() => self.store.give_back(&waiting.ids().collect::<Vec<_>>()),
            Choice::Never if members.iter().any(|lane| lane.carries(text)) => {
                let (shared, item) = (self.clone(), self.by_itself(waiting));
                self.tasks.spawn(async move { step::opted_out(&shared, &item).await });
            }
            Choice::Never => {
                let (shared, item) = (self.clone(), self.by_itself(waiting));
                self.tasks.spawn(async move { step::cannot_carry(&shared, &item).await });
            }
            Choice::Wait => {
                let tomorrow = tomorrow(&members, &candidates, u64::from(segments), at);
                match tomorrow {
                    Some(tomorrow) => {
                        let (shared, item) = (self.clone(), self.by_itself(waiting));
                        self.tasks.spawn(async move { step::tomorrow(&shared, &item, tomorrow).await });
                    }
                    // Its lane filled up meanwhile: it is leased again when a slot is free.
                    None if matches!(waiting.item.key, Key::Gateway(_)) || candidates.iter().all(|c| !c.free) => {
                        self.store.give_back(&waiting.ids().collect::<Vec<_>>());
                    }
                    None => aside.push(waiting),
                }
            }
        }
    }

    async fn attempt(
        self: Arc<Self>,
        lane: &Arc<Lane>,
        item: Item,
        mates: Vec<Item>,
        mut slot: Slot,
        spoken: Option<Spoken>,
    ) {
        step::step(&self, lane, item, mates, &mut slot).await;
        drop((slot, spoken));
        self.freed.notify_one();
    }

    /// How long until something falls due or a lane changes.
    async fn next_wake(&self, at: Moment) -> Duration {
        let lanes = self.lanes.now();
        // What nobody could pull now is not asked for: a lane's rest has its own end, a full one frees itself.
        let keys: Vec<Key> = lanes.open_keys(self.store.sets(), at).0.into_iter().map(|(key, _)| key).collect();
        let due = match keys.is_empty() {
            true => None,
            false => self.store.next_due(&keys).await.ok().flatten().filter(|due| *due > at.wall),
        };
        let due = due.map(|moment| moment.since(at.wall));
        let turns = lanes.all().iter().filter_map(|lane| lane.turns(at));
        turns.chain(due).min().unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN)
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// How a lane stands to one message.
fn candidate(
    lane: &Lane,
    waiting: &Waiting,
    text: &Text,
    segments: u8,
    company: &Company<'_>,
    at: Moment,
) -> Candidate {
    let standing = lane.standing(at);
    let Waiting { item, opted, .. } = waiting;
    let failed = item.gateway.as_ref() == Some(&lane.id)
        && item.fault.as_ref().is_some_and(|fault| fault.scope == Scope::Gateway);
    Candidate {
        priority: lane.settings.priority,
        weight: lane.settings.weight,
        outstanding: standing.outstanding,
        carries: lane.carries(text) && (opted.is_empty() || !opted.contains(&lane.ours())),
        up: standing.up && standing.left >= u64::from(segments),
        free: standing.free > 0,
        failed,
        shows: text.sender.as_ref().is_none_or(|sender| lane.shows(sender)),
        talks: company.talks(lane),
        taken: company.taken(lane),
        cost: lane.settings.costs.of(&text.to),
    }
}

/// When a day ends, if that is all that a message waits for.
fn tomorrow(members: &[&Arc<Lane>], candidates: &[Candidate], segments: u64, at: Moment) -> Option<Timestamp> {
    let able = members.iter().zip(candidates).filter(|(_, candidate)| candidate.carries);
    let mut first: Option<Timestamp> = None;
    for (lane, _) in able {
        let standing = lane.standing(at);
        if standing.left >= segments {
            return None;
        }
        first = Some(first.map_or(standing.day_ends, |known| known.min(standing.day_ends)));
    }
    first
}

/// An even draw from `0.0..1.0` for load sharing and jitter; nothing secret hangs on it.
pub(crate) fn fastrand() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = RandomState::new().hash_one(0u8) >> 11;
    bits as f64 / (1u64 << 53) as f64
}
