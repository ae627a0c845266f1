//! The store: what survives a crash. One contract, SQLite behind it.
//!
//! A closed set of operations; one writer gathers what is waiting into one transaction, so one sync serves many
//! (`synchronous=FULL`). What returned `Ok` is on the disk. Nothing here is SQLite-shaped: no SQL, no rowids.
//!
//! What can go wrong: [`Down`] (disk full, locked, broken). Accepting callers answer `452`/`503`; `settle` alone
//! never gives up: it waits until it is written, and nothing new begins meanwhile.

mod brake;
mod errand;
pub mod gateways;
pub mod inbound;
pub mod item;
mod mate;
mod media;
mod month;
pub mod optout;
mod seen;
pub mod settle;
mod sqlite;

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    time::Duration,
};

pub use brake::{Brake, BrakeKey, BrakeKind, Braked};
pub use errand::{Answers, Append, Craft, Deed, Errand};
pub use gateways::*;
pub use inbound::*;
pub use item::*;
pub use mate::Mate;
pub use media::{Due, Fetch, Fetched, Piecemeal};
pub use month::{Month, day_end};
pub use optout::*;
pub use seen::*;
pub use settle::*;

use self::sqlite::{Answered, Operation};
use crate::{
    ground::{Clock, GatewayId, MessageId, Timestamp},
    routing::Ours,
    rules::Mark,
};

/// Where the store lives and how far it may go.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The database file.
    pub path: PathBuf,
    /// Below this much free disk, `put` and `take` answer [`Down::Full`]; settling goes on. Octets (128 MiB).
    pub min_free: u64,
    /// How long closed messages, events and dead letters are kept (default 90 d), texts and originals (30 d).
    pub keep_closed: Duration,
    pub keep_texts: Duration,
    /// How long a repeated reference from the network is the same segment (`inbound.dedupe`, default 35 d).
    pub dedupe: Duration,
}

/// Why the store did not do it. Nothing is half-stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Down {
    /// Too little disk left for something new: `452 4.3.1`, HTTP 503.
    Full,
    /// Locked, read-only, corrupted, closing: `451 4.3.0`, HTTP 503. One line for the log, no texts in it.
    Broken(String),
}

impl std::fmt::Display for Down {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full => f.write_str("too little disk space left"),
            Self::Broken(why) => write!(f, "the store is not usable: {why}"),
        }
    }
}

impl std::error::Error for Down {}

/// A handle to the store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: std::sync::Arc<sqlite::Sqlite>,
}

/// A store that takes longer for nothing is not ready.
const READY: std::time::Duration = std::time::Duration::from_secs(3);

impl Store {
    /// Opens or makes the database (0600, its folder too), refuses a second daemon on it, brings its tables up to date, and begins a new epoch of this node: whatever was
    /// `trying` before is found by [`Store::interrupted`].
    pub async fn open(settings: Settings, clock: Clock) -> Result<Self, Down> {
        let inner = sqlite::Sqlite::open(settings, clock).await?;
        Ok(Self { inner: inner.into() })
    }
    /// Opens an existing database for reading only, beside a running daemon (`martlet queue list`).
    pub async fn open_readonly(settings: Settings, clock: Clock) -> Result<Self, Down> {
        let inner = sqlite::Sqlite::open_readonly(settings, clock).await?;
        Ok(Self { inner: inner.into() })
    }
    /// The key that proves our ids in addresses of hooks: made with the store, and kept with it.
    pub async fn hooks_key(&self) -> Result<Vec<u8>, Down> {
        self.inner.hooks_key().await
    }
    /// Writes what is waiting and closes the files.
    pub async fn close(&self) {
        self.inner.close().await;
    }

    // ---- the queue: waiting → trying → sent → closed ----

    /// Queues a batch in one transaction; `Ok` is durable. Each entry has its own answer, unless `all` is set: then
    /// one refusal refuses every entry (the others get `Refused::WithOthers`), and nothing is stored or counted.
    pub async fn put(&self, batch: Vec<New>, all: bool) -> Result<Vec<Result<Placed, Refused>>, Down> {
        self.inner.room().await?;
        match self.inner.write(Operation::Put { batch, all }).await? {
            Answered::Placed(answers) => Ok(answers),
            _ => Err(mixed_up()),
        }
    }
    /// Prefetch: up to `limit` waiting items that are due under any of `keys`, urgent first, then by rank. In memory
    /// only: a crash gives them back. An item is leased to one caller at a time.
    pub async fn lease(&self, keys: &[Key], limit: usize, now: Timestamp) -> Result<Vec<Item>, Down> {
        let keys: Vec<_> = keys.iter().map(|key| (key.clone(), limit)).collect();
        self.inner.lease(&keys, limit, now).await
    }
    /// As [`Store::lease`], and of each key at most so many as stand beside it: a long queue under a narrow key takes
    /// nothing from the others.
    pub async fn lease_each(&self, keys: &[(Key, usize)], limit: usize, now: Timestamp) -> Result<Vec<Item>, Down> {
        self.inner.lease(keys, limit, now).await
    }
    /// Gives leased items back unbegun.
    pub fn give_back(&self, ids: &[MessageId]) {
        self.inner.give_back(ids);
    }
    /// Writes down attempts before they are made, durable and in groups, with the call-log links of texts. `None`
    /// where the item can no longer begin: it is not leased, or anything touched it since it was (held, cancelled,
    /// expired, answered late). Ends the lease, also when the answer is [`Down`].
    pub async fn begin(&self, batch: Vec<Begin>) -> Result<Vec<Option<u32>>, Down> {
        match self.inner.write(Operation::Begin { batch, together: false }).await? {
            Answered::Begun(numbers) => Ok(numbers),
            _ => Err(mixed_up()),
        }
    }
    /// As [`Store::begin`] for messages that go out as one text, the first of them leading: all begin, or none does.
    pub async fn begin_together(&self, batch: Vec<Begin>) -> Result<Option<Vec<u32>>, Down> {
        match self.inner.write(Operation::Begin { batch, together: true }).await? {
            Answered::Begun(numbers) => Ok(numbers.into_iter().collect()),
            _ => Err(mixed_up()),
        }
    }
    /// Leases the others that may go out as one text with this item and are due, oldest first.
    pub async fn lease_mates(&self, of: &Item, now: Timestamp) -> Result<Vec<Item>, Down> {
        match &of.mate {
            Some(mate) => self.inner.lease_mates(mate, of.id, now).await,
            None => Ok(Vec::new()),
        }
    }
    /// Writes outcomes, next states, reports and dead letters in ONE transaction each. Never fails: it retries until
    /// written, and `begin` answers `Down` meanwhile. `false`: the attempt was not the last one any more, or it
    /// is settled already. After an outcome settled with the event `unsure`, one more settlement of the same attempt
    /// counts, wherever the item is by then; it withdraws the reports that were not begun. `false` too when the store
    /// closed first: the attempt is then found as unsure.
    pub async fn settle(&self, settlement: Settle) -> bool {
        self.settle_together(vec![settlement]).await
    }
    /// As [`Store::settle`] for messages that went out as one text, the leading one first, in ONE transaction; the answer
    /// is about that one.
    pub async fn settle_together(&self, settlements: Vec<Settle>) -> bool {
        self.yes(Operation::Settle(settlements)).await.unwrap_or(false)
    }
    /// An item that is not closed.
    pub async fn item(&self, id: MessageId) -> Result<Option<Item>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::item(&mut conn, id).await.map_err(|e| sqlite::down(&e))
    }
    /// Items found `trying` of an older epoch of this node: each is unsure.
    pub async fn interrupted(&self, limit: usize) -> Result<Vec<Item>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::interrupted(&self.inner.shared, &mut conn, limit).await.map_err(|e| sqlite::down(&e))
    }
    /// Open items (waiting or held) whose expiry has come, and sent ones whose receipt wait is over.
    pub async fn overdue(&self, now: Timestamp, limit: usize) -> Result<Vec<Item>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::overdue(&mut conn, now, limit).await.map_err(|e| sqlite::down(&e))
    }
    /// Waiting or held items whose delay warning is due and not sent yet.
    pub async fn late(&self, now: Timestamp, limit: usize) -> Result<Vec<Item>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::late(&mut conn, now, limit).await.map_err(|e| sqlite::down(&e))
    }
    /// Marks an item as warned and queues the warning, or keeps it where nobody may be told, in one transaction; `false`
    /// if it was warned or closed already.
    pub async fn warn(&self, id: MessageId, warning: Option<New>, dead: Option<DeadLetter>) -> Result<bool, Down> {
        self.yes(Operation::Warn { id, warning: warning.map(Box::new), dead: dead.map(Box::new) }).await
    }
    /// The network's word on a segment; the item if it changed one. Inserts first, matches second; what matches nothing
    /// yet is parked and matched by the settlement that names its id, or by [`Store::match_parked`]. Never moves a
    /// segment backwards.
    ///
    /// It changes segments, not the item: when all are `Delivered` or one is `Failed`, the caller settles the item
    /// (attempt 0) with the reports that are due. Until somebody does, `match_parked` gives the item out again, once a
    /// minute, and `overdue` does not. An item closed as relayed becomes delivered by itself.
    pub async fn receipt(&self, receipt: Receipt) -> Result<Option<Item>, Down> {
        match self.inner.write(Operation::Receipt(receipt.into())).await? {
            Answered::Items(mut items) => Ok(items.pop()),
            _ => Err(mixed_up()),
        }
    }
    /// Matches parked receipts again and forgets those older than a day. Gives out the items whose segments changed,
    /// those whose receipt overtook their settlement, and those that a crash left answered and unsettled: each is to be
    /// settled as after [`Store::receipt`]. A page at a time: call it every few seconds.
    pub async fn match_parked(&self, now: Timestamp) -> Result<Vec<Item>, Down> {
        match self.inner.write(Operation::Sweep(now)).await? {
            Answered::Items(items) => Ok(items),
            _ => Err(mixed_up()),
        }
    }
    // ---- gateways ----
    /// What a restart must know: who is paused, and what was spent from this day on.
    pub async fn remembered(&self, from: Day) -> Result<Remembered, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::remembered(&mut conn, from).await.map_err(|e| sqlite::down(&e))
    }
    /// A person pauses a gateway or lets it go on; durable.
    pub async fn pause(&self, gateway: &GatewayId, paused: bool) -> Result<(), Down> {
        self.inner.write(Operation::Pause { gateway: gateway.clone(), paused }).await.map(drop)
    }
    /// How far each provider that is asked was read.
    pub async fn positions(&self) -> Result<Vec<Position>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::positions(&mut conn).await.map_err(|e| sqlite::down(&e))
    }
    /// What one answer of a provider that is asked brought, and how far it is read by that: all of it is durable, or none.
    /// What became of each is as [`Store::take`], [`Store::receipt`] and [`Store::opt`] say.
    pub async fn page(&self, page: Page) -> Result<PageTaken, Down> {
        if !page.segments.is_empty() {
            self.inner.room().await?;
        }
        let media = page.segments.iter().any(|segment| !segment.media.is_empty());
        match self.inner.write(Operation::Page(page.into())).await? {
            Answered::Page(taken) => {
                if media {
                    self.inner.shared.media.notify_one();
                }
                Ok(taken)
            }
            _ => Err(mixed_up()),
        }
    }
    /// Adds to the histories of messages.
    pub async fn note(&self, notes: Vec<Note>) -> Result<(), Down> {
        self.inner.write(Operation::Note(notes)).await.map(drop)
    }
    /// Who talks to these phones at `now`, the latest first: of each phone the links of its newest messages.
    pub async fn talks(&self, phones: &[&str], now: Timestamp) -> Result<HashMap<String, Vec<Talk>>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::talks(&mut conn, phones, now).await.map_err(|e| sqlite::down(&e))
    }
    /// How much waits under each key, due or not.
    pub async fn waiting(&self, keys: &[Key]) -> Result<Vec<u64>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::waiting(&mut conn, keys).await.map_err(|e| sqlite::down(&e))
    }
    /// Every [`Key::Several`] under which something may wait.
    pub fn sets(&self) -> Vec<Key> {
        self.inner.shared.sets().iter().filter_map(|lane| sqlite::key_of(lane)).collect()
    }

    /// A person's hand: hold, release, retry now. `false` where the state does not allow it.
    pub async fn admin(&self, id: MessageId, hand: Hand) -> Result<bool, Down> {
        self.yes(Operation::Hand { id, hand }).await
    }
    /// Closes a waiting or held item by a person's hand, with what its sender is told, in one transaction. `seen` is
    /// the item that the settlement was made from: `false` if it is not waiting or held any more, or was tried since.
    pub async fn cancel(&self, seen: &Item, settlement: Settle) -> Result<bool, Down> {
        self.yes(Operation::Cancel { settle: settlement.into(), attempts: seen.attempts }).await
    }
    /// The wall clock was set back by `by` and shows `now`: what waits for a moment of the old time would wait too long.
    /// How many items are moved to the same moment of the new time, or to `now`.
    pub async fn set_back(&self, now: Timestamp, by: Duration) -> Result<u64, Down> {
        match self.inner.write(Operation::SetBack { now, by }).await? {
            Answered::Gone(rows) => Ok(rows),
            _ => Err(mixed_up()),
        }
    }
    /// When the next waiting item under `keys` falls due; what is over by its own expiry does not count.
    pub async fn next_due(&self, keys: &[Key]) -> Result<Option<Timestamp>, Down> {
        self.inner.next_due(keys).await
    }
    /// Resolves whenever something was put, released or given back, or waits anew, under this key or another of its kind
    /// (texts, mails, errands of a craft): lanes look again.
    ///
    /// Nothing that happens after this call is missed, even before the future is first polled. So a lane makes the
    /// future, *then* looks ([`Store::lease`], [`Store::next_due`]), and awaits the future if there was nothing.
    pub fn changed(&self, key: &Key) -> impl Future<Output = ()> + Send + Sync + use<> {
        self.inner.shared.bells.of(key)
    }

    // ---- reading ----
    /// One item with its history, recipient masked; closed ones and segments from phones too.
    pub async fn show(&self, id: MessageId) -> Result<Option<Shown>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::show(&mut conn, id).await.map_err(|e| sqlite::down(&e))
    }
    /// The newest first, without histories, recipients masked. No states: all. A limit of 0: 100.
    pub async fn list(&self, filter: Filter) -> Result<Vec<Shown>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::list(&mut conn, &filter).await.map_err(|e| sqlite::down(&e))
    }
    pub async fn original(&self, id: OriginalId) -> Result<Option<Original>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::original(&mut conn, id).await.map_err(|e| sqlite::down(&e))
    }
    /// Did we send a mail with this Message-ID (without angle brackets)? The bounce of a reply is matched with it.
    pub async fn sent_mail(&self, message_id: &str) -> Result<Option<MessageId>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::sent_mail(&mut conn, message_id).await.map_err(|e| sqlite::down(&e))
    }
    /// Could a message be taken now? For `/readyz`: there is room, and something can be read and written soon.
    pub async fn ready(&self) -> Result<(), Down> {
        self.inner.room().await?;
        let both = async {
            self.counts().await?;
            self.inner.write(Operation::Probe).await.map(drop)
        };
        let late = || Down::Broken("the database does not answer; another program may have locked it".to_owned());
        tokio::time::timeout(READY, both).await.unwrap_or_else(|_| Err(late()))
    }

    pub async fn counts(&self) -> Result<Counts, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::counts(&mut conn, self.inner.shared.clock.now()).await.map_err(|e| sqlite::down(&e))
    }
    pub async fn usage(&self, pool: &crate::ground::AccountName, month: Month) -> Result<u64, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::usage(&mut conn, pool, month).await.map_err(|e| sqlite::down(&e))
    }
    /// The first of these brakes that would refuse an entry now: for answers before the put, which decides.
    pub async fn would_refuse(&self, brakes: &[Brake]) -> Result<Option<Braked>, Down> {
        if brakes.is_empty() {
            return Ok(None);
        }
        let mut conn = self.inner.reader().await?;
        let now = self.inner.shared.clock.now();
        sqlite::would_refuse(&mut conn, brakes, now).await.map_err(|e| sqlite::down(&e))
    }
    pub async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetterRow>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::dead_letters(&mut conn, limit).await.map_err(|e| sqlite::down(&e))
    }
    pub async fn bury(&self, letter: DeadLetter) -> Result<(), Down> {
        self.inner.write(Operation::Bury(letter.into())).await.map(drop)
    }

    // ---- rates that rules ask for ----
    /// Adds to what senders are counted by. Nobody waits for it: it is on the disk before anything that is put after it.
    pub fn keep_rates(&self, marks: Vec<Mark>) {
        if !marks.is_empty() {
            self.inner.tell(Operation::Rates(marks));
        }
    }
    /// What counts at `now`.
    pub async fn rates(&self, now: Timestamp) -> Result<Vec<Mark>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::rates(&mut conn, now).await.map_err(|e| sqlite::down(&e))
    }

    // ---- the opt-out list ----
    /// Puts phones on the list or takes them off, durable; whether each changed anything.
    pub async fn opt(&self, changes: Vec<Opting>) -> Result<Vec<bool>, Down> {
        match self.inner.write(Operation::Opt(changes)).await? {
            Answered::Each(changed) => Ok(changed),
            _ => Err(mixed_up()),
        }
    }
    /// What each of these phones has opted out of; phones that are not on the list are left out.
    pub async fn opted_out(&self, phones: &[&str]) -> Result<HashMap<String, HashSet<Ours>>, Down> {
        if phones.is_empty() || !self.inner.shared.has_opted_out() {
            return Ok(HashMap::new());
        }
        let mut conn = self.inner.reader().await?;
        sqlite::opted_lists(&mut conn, phones).await.map_err(|e| sqlite::down(&e))
    }
    /// The list by phone, a page at a time; of one phone only, where one is named.
    pub async fn opt_outs(
        &self,
        phone: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<OptedOut>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::opted_page(&mut conn, phone, after, limit).await.map_err(|e| sqlite::down(&e))
    }

    // ---- inbound ----
    /// Stores segments from the network; `Ok` is durable: now acknowledge.
    pub async fn take(&self, segments: Vec<MoSegment>) -> Result<Vec<Taken>, Down> {
        self.inner.room().await?;
        let media = segments.iter().any(|segment| !segment.media.is_empty());
        match self.inner.write(Operation::Take(segments)).await? {
            Answered::Taken(taken) => {
                if media {
                    self.inner.shared.media.notify_one();
                }
                Ok(taken)
            }
            _ => Err(mixed_up()),
        }
    }
    // ---- media ----
    /// The segment whose media are due at `now` for the longest time; none of `busy`, and of no gateway that is `full`.
    pub async fn media_due(&self, now: Timestamp, busy: &[MessageId], full: &[GatewayId]) -> Result<Option<Due>, Down> {
        // What is fetched must be kept: no use in asking while there is no room.
        self.inner.room().await?;
        let mut conn = self.inner.reader().await?;
        sqlite::media_due(&mut conn, now, busy, full).await.map_err(|e| sqlite::down(&e))
    }
    /// When the next is to be fetched, of segments that are not `busy`.
    pub async fn next_media(&self, busy: &[MessageId]) -> Result<Option<Timestamp>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::next_media(&mut conn, busy).await.map_err(|e| sqlite::down(&e))
    }
    /// What became of fetching one piece, durable. With the last piece of a segment the segment can go on.
    pub async fn media_fetched(&self, fetched: Fetched) -> Result<(), Down> {
        self.inner.write(Operation::Media(fetched.into())).await.map(drop)
    }
    /// What came with these segments, in their order, with its octets.
    pub async fn media(&self, segments: &[MessageId]) -> Result<Vec<crate::mail::Piece>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::media(&mut conn, segments).await.map_err(|e| sqlite::down(&e))
    }
    /// Resolves when something to fetch was taken; one waiter, nothing is missed.
    pub async fn media_came(&self) {
        self.inner.shared.media.notified().await;
    }
    /// Segments that nothing was made of yet and that wait for no media, oldest first.
    pub async fn unassembled(&self, limit: usize) -> Result<Vec<StoredSegment>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::unassembled(&mut conn, limit).await.map_err(|e| sqlite::down(&e))
    }
    /// Segments that are held, oldest first.
    pub async fn held_segments(&self, limit: usize) -> Result<Vec<StoredSegment>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::held_segments(&mut conn, limit).await.map_err(|e| sqlite::down(&e))
    }
    /// Segments marked done and what was made of them, in ONE transaction. A step over a segment that is done already
    /// changes nothing: it was made from an old view.
    pub async fn resolve(&self, step: InboundStep) -> Result<(), Down> {
        self.inner.write(Operation::Resolve(step.into())).await.map(drop)
    }
    /// Live call-log links of a phone at `now`, latest first.
    pub async fn links(&self, phone: &str, now: Timestamp) -> Result<Vec<Link>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::links(&mut conn, phone, now).await.map_err(|e| sqlite::down(&e))
    }
    /// The open conflict of a phone at a gateway, and the last time a conflict text went to it. Without an open one
    /// there: the phone's latest conflict anywhere, with `open` false, for its `asked`.
    pub async fn conflict(&self, phone: &str, gateway: &GatewayId) -> Result<Option<Conflict>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::conflict(&mut conn, phone, gateway).await.map_err(|e| sqlite::down(&e))
    }
    /// Conflicts whose wait is over.
    pub async fn stale_conflicts(&self, now: Timestamp, limit: usize) -> Result<Vec<Conflict>, Down> {
        let mut conn = self.inner.reader().await?;
        sqlite::stale_conflicts(&mut conn, now, limit).await.map_err(|e| sqlite::down(&e))
    }
    /// Deletes what is older than its age, a small batch at a time; how much went (0: nothing more to do now, except
    /// that large look-up tables are walked a page a call).
    pub async fn purge(&self, now: Timestamp) -> Result<u64, Down> {
        match self.inner.write(Operation::Purge(now)).await? {
            Answered::Gone(rows) => Ok(rows),
            _ => Err(mixed_up()),
        }
    }

    async fn yes(&self, operation: Operation) -> Result<bool, Down> {
        match self.inner.write(operation).await? {
            Answered::Yes(yes) => Ok(yes),
            _ => Err(mixed_up()),
        }
    }
}

/// Octets that are free on the disk of this file.
pub fn free_space(path: &std::path::Path) -> Option<u64> {
    sqlite::free(path)
}

/// The writer answers each operation in its own kind; anything else is a defect, told as such.
fn mixed_up() -> Down {
    Down::Broken("the writer gave the answer of another operation".to_owned())
}
