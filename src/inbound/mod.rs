//! Inbound: a phone's text becomes a mail. take ══▶ acknowledge → assemble → resolve → write → put ══▶ mailbox lane
//!
//! | step | file |
//! |---|---|
//! | segments → whole texts | `assemble` |
//! | `#email#` in a text | `tags` |
//! | STOP, START and HELP | `opting` |
//! | which mailbox: tag, call log, conflict, default | `ladder` |
//! | what rules make of it, and what they ask first | `facts`, `asks`, `ruled` |
//! | whose it is where nobody is known | `routes` |
//! | several people wrote: ask the phone | `conflict` |
//! | more than anybody writes: held | `flood` |
//! | pictures and the like beside the words | `media` |
//! | the mail itself | `compose` |
//!
//! A segment is acknowledged to the network only when the store has it; all that follows is repeated after a crash
//! until the mail is queued, in the transaction that marks the segments as done.

mod asks;
pub mod assemble;
mod compose;
mod conflict;
mod facts;
mod flood;
mod ladder;
mod media;
pub mod opting;
mod routes;
mod ruled;
pub mod tags;

pub use self::{
    facts::Heard,
    media::too_much,
    routes::{Goal, Route, route},
};

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::assemble::{Assembled, assemble};
use crate::{
    accounts::{Accounts, Brakes, Pace},
    address::{Mailbox, Node, Number, Originator, Region, originator::Originators},
    errand::Hands,
    ground::{Clock, GatewayId, Swap, Timestamp},
    mail::{Piece, media::Types},
    observe,
    report::Reporter,
    routing::{Costs, Ours},
    rules::{Direction, Mark, Rates, Ruleset},
    store::{Down, How, Item, MoSegment, Page, PageTaken, Store, StoredSegment, Taken},
};

/// What the journey goes by.
#[derive(Debug, Clone)]
pub struct Settings {
    pub hostname: String,
    /// The first SMS domain: From: of mails where the gateway says nothing else.
    pub sms_domain: String,
    /// `#local@domain#` reaches these only; the first one completes `#alias#`.
    pub domains: Vec<String>,
    pub tags: bool,
    pub call_log: bool,
    pub default: Option<Mailbox>,
    pub postmaster: Swap<Mailbox>,
    pub assemble_for: Duration,
    pub conflict_wait: Duration,
    /// What a phone is asked when several people wrote to it; `{choices}` stands for the numbered list.
    pub conflict_text: String,
    /// Delivered in place of a text without words; `None`: such a text is discarded.
    pub empty_text: Option<String>,
    pub region: Region,
    /// How bare numbers of phones are read.
    pub originators: Originators,
    /// How long the mail server may take to accept a reply.
    pub expire: Duration,
    pub zone: jiff::tz::TimeZone,
    /// The words by which phones opt out and in, and what they are answered; `None`: no word means anything.
    pub opting: Option<opting::Settings>,
    /// What is known of the gateways now.
    pub gateways: Swap<Gateways>,
    /// What texts of ours count against.
    pub brakes: Brakes,
    /// How much one phone, or all phones of one gateway, may bring before the rest is held.
    pub flood_phone: Option<Pace>,
    pub flood_gateway: Option<Pace>,
    /// Behind tag and call log.
    pub rules: Swap<Ruleset>,
    /// Programs, URLs and statements that rules ask.
    pub hands: Arc<Hands>,
    pub node: Node,
    /// `queue.warn_after`: when the postmaster hears of an errand that takes long.
    pub warn_after: Duration,
    /// Which media are taken, and how much of one text, octets.
    pub media_types: Types,
    pub media_text: u64,
    /// Behind the rules, before the default mailbox: those that hold now.
    pub routes: Swap<Vec<Route>>,
    /// The server of folders takes a login for each mailbox.
    pub each_has_a_login: Swap<bool>,
}

/// What the journey must know of gateways.
#[derive(Clone, Default)]
pub struct Gateways {
    /// Those that send: a question leaves by the one its text came in on, if that is one of them.
    pub sends: std::collections::HashSet<GatewayId>,
    /// Our number at each gateway that has one.
    pub numbers: std::collections::HashMap<GatewayId, String>,
    /// What they charge.
    pub costs: std::collections::HashMap<GatewayId, Costs>,
    /// `from` of each gateway that has one.
    pub from: std::collections::HashMap<GatewayId, String>,
}

impl Gateways {
    /// A number of ours that was dialled, as the configuration writes it: networks leave the `+` away.
    fn number(&self, dialled: &str) -> Option<String> {
        let ours = Ours::number(dialled)?;
        let known = self.numbers.values().find(|number| Ours::number(number).as_ref() == Some(&ours));
        Some(known.map_or_else(|| dialled.trim().to_owned(), Clone::clone))
    }

    /// Where numbers without `+` are read as of that come by this gateway: the region of our number there.
    fn region(&self, gateway: &GatewayId) -> Option<Region> {
        self.numbers.get(gateway)?.parse::<Number>().ok()?.region()
    }
}

/// Without our numbers.
impl std::fmt::Debug for Gateways {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gateways({:?})", self.sends)
    }
}

/// The journey; cheap to clone.
#[derive(Clone)]
pub struct Inbound(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    accounts: Accounts,
    settings: Settings,
    reporter: Reporter,
    taken: Notify,
    flood: flood::Flood,
    rates: Rates,
    asking: asks::Asking,
    /// Texts with media are in memory one at a time.
    heavy: tokio::sync::Semaphore,
}

/// How many segments are looked at together.
const BATCH: usize = 10_000;
/// Phones whose texts are looked at side by side.
const ABREAST: usize = 32;
/// Texts that may fail in one look before the store counts as down.
const GIVE_UP: usize = 8;
const LOOK_AGAIN: Duration = Duration::from_secs(5);

impl Inbound {
    pub fn new(store: Store, clock: Clock, accounts: Accounts, reporter: Reporter, settings: Settings) -> Self {
        let (taken, flood, rates) = (Notify::new(), flood::Flood::default(), Rates::new(Direction::In));
        let (asking, heavy) = (asks::Asking::default(), tokio::sync::Semaphore::new(1));
        Self(Arc::new(Inner { store, clock, accounts, settings, reporter, taken, flood, rates, asking, heavy }))
    }

    /// What an earlier run counted of phones.
    pub fn recall(&self, marks: &[Mark]) {
        self.0.rates.recall(marks, self.0.clock.now());
    }

    /// Stores segments of one gateway. `Ok` is durable: now acknowledge.
    pub async fn take(&self, segments: Vec<MoSegment>) -> Result<Vec<Taken>, Down> {
        let gateways: Vec<_> = segments.iter().map(|segment| segment.gateway.clone()).collect();
        let taken = self.0.store.take(self.known(segments)).await?;
        self.told(&taken, gateways.iter());
        Ok(taken)
    }

    /// All that one answer of this gateway's provider brought; durable together. The items that its receipts changed.
    pub async fn take_page(&self, gateway: &GatewayId, mut page: Page) -> Result<Vec<Item>, Down> {
        page.segments = self.known(page.segments);
        let changes: Vec<_> = page.opting.iter().map(|change| (change.phone.clone(), change.out)).collect();
        let PageTaken { segments, opting, items } = self.0.store.page(page).await?;
        self.told(&segments, std::iter::repeat(gateway));
        let mut changed: Vec<_> =
            changes.into_iter().zip(opting).filter(|(_, changed)| *changed).map(|(change, _)| change).collect();
        changed.dedup();
        changed.iter().for_each(|(phone, out)| opting::voice(gateway, phone, *out, How::Provider));
        Ok(items)
    }

    /// As they are, with our number as the configuration writes it.
    fn known(&self, segments: Vec<MoSegment>) -> Vec<MoSegment> {
        let known = self.0.settings.gateways.now();
        let segments = segments.into_iter().map(|segment| MoSegment {
            number: segment.number.as_deref().and_then(|dialled| known.number(dialled)),
            ..segment
        });
        segments.collect()
    }

    fn told<'a>(&self, taken: &[Taken], gateways: impl Iterator<Item = &'a GatewayId>) {
        for (taken, gateway) in taken.iter().zip(gateways) {
            match taken {
                Taken::New(id) => observe::log::taken(*id, gateway),
                Taken::Duplicate => observe::log::taken_before(gateway),
            }
        }
        self.0.taken.notify_one();
    }

    /// Something that waited can go on.
    pub fn look(&self) {
        self.0.taken.notify_one();
    }

    /// What came with a text and may stay with it: what is not taken is named as missing.
    pub fn sifted(&self, media: Vec<Piece>) -> Vec<Piece> {
        media::sifted(media, &self.0.settings.media_types, self.0.settings.media_text)
    }

    /// Who a text is from, as the network of this gateway wrote it: among the readings of a bare number, one with a live
    /// link first.
    pub async fn originator(&self, gateway: &GatewayId, written: &str) -> Result<Originator, Down> {
        let settings = &self.0.settings;
        let region = settings.gateways.now().region(gateway).unwrap_or(settings.region);
        let asked = std::cell::RefCell::new(Vec::new());
        let ask = |phone: &str| {
            asked.borrow_mut().push(phone.to_owned());
            false
        };
        let cold = Originator::read(written, region, settings.originators, ask);
        let mut live = Vec::new();
        let now = self.0.clock.now();
        for phone in asked.into_inner() {
            if !self.0.store.links(&phone, now).await?.is_empty() {
                live.push(phone);
            }
        }
        if live.is_empty() {
            return Ok(cold);
        }
        Ok(Originator::read(written, region, settings.originators, |phone| live.iter().any(|l| l == phone)))
    }

    /// Makes mails of what was taken, until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let inner = &*self.0;
        while !stop.is_cancelled() {
            match inner.round().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(down) => {
                    observe::log::store_down("inbound", down);
                    inner.clock.sleep(Duration::from_secs(1)).await;
                }
            }
            tokio::select! {
                () = inner.taken.notified() => {}
                () = inner.clock.sleep(LOOK_AGAIN) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

/// How long segments wait for their siblings: as configured, unless so many wait that newer ones would not be seen.
/// Then the older half goes on as it is, with marks where parts are missing.
fn patience(waiting: &[StoredSegment], most: usize, assemble_for: Duration, now: Timestamp) -> Duration {
    match waiting.get(most / 2) {
        Some(middle) if waiting.len() >= most => assemble_for.min(now.since(middle.mo.received)),
        _ => assemble_for,
    }
}

/// Texts by the phone that they are from, each phone's in their order; phones in the order of their first text.
fn by_phone(sets: Vec<Assembled>) -> Vec<Vec<Assembled>> {
    let mut places: HashMap<Originator, usize> = HashMap::new();
    let mut phones: Vec<Vec<Assembled>> = Vec::new();
    for set in sets {
        let Some(from) = set.segments.first().map(|segment| segment.mo.from.clone()) else { continue };
        let place = *places.entry(from).or_insert_with(|| {
            phones.push(Vec::new());
            phones.len() - 1
        });
        phones[place].push(set);
    }
    phones
}

impl Inner {
    /// One look at what waits; `true` when something was done, so that more may follow.
    async fn round(&self) -> Result<bool, Down> {
        let now = self.clock.now();
        let mut worked = self.stale_conflicts(now).await? | self.release(now).await?;
        let waiting = self.store.unassembled(BATCH).await?;
        let patience = patience(&waiting, BATCH, self.settings.assemble_for, now);
        // Texts of one phone go in order: a later one may answer the question about an earlier one. Phones go side by side, so
        // that their mails share commits and nobody waits for another's rules.
        let phones = by_phone(assemble(waiting, now, patience)).into_iter().map(|texts| self.one_phone(texts, now));
        let mut phones = futures_util::stream::iter(phones).buffer_unordered(ABREAST);
        let mut failed: Vec<Down> = Vec::new();
        while let Some((done, down)) = phones.next().await {
            worked |= done;
            failed.extend(down);
            if failed.len() > GIVE_UP {
                break;
            }
        }
        let gave_up = failed.len() > GIVE_UP;
        match failed.pop() {
            Some(down) if gave_up || !worked => Err(down),
            Some(down) => {
                observe::log::store_down("inbound", down);
                Ok(worked)
            }
            None => Ok(worked),
        }
    }

    /// The texts of one phone, one after the other; whether any went on, and what failed. One that cannot be made a mail keeps
    /// no other from its mailbox; a store that is down is left alone.
    async fn one_phone(&self, texts: Vec<Assembled>, now: Timestamp) -> (bool, Vec<Down>) {
        let (mut done, mut failed) = (false, Vec::new());
        for text in texts {
            match self.resolve(text, now).await {
                Ok(()) => done = true,
                Err(down) => failed.push(down),
            }
            if failed.len() > GIVE_UP {
                break;
            }
        }
        (done, failed)
    }

    /// Finds the mailbox of one whole text and queues its mail.
    async fn resolve(&self, set: Assembled, now: Timestamp) -> Result<(), Down> {
        let _alone = if set.media() > 0 { self.heavy.acquire().await.ok() } else { None };
        let step = match self.admit(&set, now) {
            Ok(()) => self.decide(&set, now).await?,
            Err(braked) => self.held(&set, braked),
        };
        self.store.resolve(step).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ground::MessageId,
        sms::{Body, Segment},
    };

    /// The first of two parts, from a phone of its own, received at `second`.
    fn lone(n: u32, second: i64) -> StoredSegment {
        let from = Originator::Name(format!("phone {n}"));
        StoredSegment {
            id: MessageId::new(),
            media: 0,
            mo: MoSegment {
                media: Vec::new(),
                trace: crate::address::Trace::default(),
                gateway: "main".parse().expect("an id"),
                number: None,
                from,
                segment: Segment { body: Body::Text("half".into()), udh: vec![0, 3, 7, 2, 1] },
                reference: None,
                sent: None,
                received: Timestamp(second * 1_000),
            },
        }
    }

    #[test]
    fn lone_segments_never_hide_what_comes_behind_them() {
        let hour = Duration::from_secs(3_600);
        let now = Timestamp(100_000);
        let few: Vec<_> = (0..9).map(|n| lone(n, i64::from(n))).collect();
        assert_eq!(patience(&few, 10, hour, now), hour);
        assert!(assemble(few, now, hour).is_empty());
        let many: Vec<_> = (0..10).map(|n| lone(n, i64::from(n))).collect();
        let ready = assemble(many.clone(), now, patience(&many, 10, hour, now));
        assert!((5..10).contains(&ready.len()), "the older half goes on: {}", ready.len());
        assert!(ready.iter().all(|set| set.missing == 1));
    }
}
