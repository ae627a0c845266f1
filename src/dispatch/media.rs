//! The lane of media: what providers say stands elsewhere is fetched, so that mails can be made of it.
//!
//! A text waits for its pictures, and no longer than `media.wait`: what is not here by then, or cannot be had, is named in the
//! mail. What a crash or a stop interrupts is asked for again. A provider that is slow takes half of the places at most.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{LOOK_AGAIN, fastrand};
use crate::{
    gateway::provider::media::{Fetcher, Miss},
    ground::{Backoff, Clock, GatewayId, MessageId, Swap},
    inbound::{Inbound, too_much},
    observe::{self, METRICS, metrics::Metrics},
    store::{Down, Due, Fetch, Fetched, Piecemeal, Store},
};

/// What is not there yet is asked for so often.
const FEW: u32 = 3;
const BACKOFF: Backoff = Backoff { min: Duration::from_secs(1), max: Duration::from_secs(60) };
/// After trouble with the store.
const REST: Duration = Duration::from_secs(5);

/// How much is fetched, and how long it is tried.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Of one piece, and of all that came with one text; octets.
    pub piece: u64,
    pub text: u64,
    /// For one request.
    pub timeout: Duration,
    /// How long a text waits for its media.
    pub wait: Duration,
    /// Texts whose media are fetched at once.
    pub window: usize,
}

/// The ways to the media of each gateway.
pub type Fetchers = HashMap<GatewayId, Arc<Fetcher>>;

/// What the lane needs.
pub struct Media {
    pub store: Store,
    pub clock: Clock,
    pub settings: Settings,
    pub fetchers: Swap<Fetchers>,
    pub inbound: Inbound,
    pub stop: CancellationToken,
}

/// The texts whose media are being fetched.
#[derive(Default)]
struct Busy(HashMap<Id, (MessageId, GatewayId)>);

impl Busy {
    fn texts(&self) -> Vec<MessageId> {
        self.0.values().map(|(text, _)| *text).collect()
    }

    /// Gateways that have `most` or more of them.
    fn full(&self, most: usize) -> Vec<GatewayId> {
        let mut counts: HashMap<&GatewayId, usize> = HashMap::new();
        self.0.values().for_each(|(_, gateway)| *counts.entry(gateway).or_default() += 1);
        counts.into_iter().filter(|(_, count)| *count >= most).map(|(gateway, _)| gateway.clone()).collect()
    }
}

/// Fetches until stopped.
pub async fn run(media: Media) {
    let media = Arc::new(media);
    let (mut working, mut busy) = (JoinSet::new(), Busy::default());
    loop {
        let began = media.clock.monotonic();
        let rest = media.fill(&mut working, &mut busy).await.unwrap_or_else(|down| {
            observe::log::store_down("media", down);
            REST
        });
        tokio::select! {
            Some(done) = working.join_next_with_id(), if !working.is_empty() => {
                let id = done.map_or_else(|failed: JoinError| failed.id(), |(id, ())| id);
                busy.0.remove(&id);
            }
            () = media.store.media_came() => {}
            () = media.clock.sleep_to(began + rest) => {}
            // What is under way is asked for again.
            () = media.stop.cancelled() => return,
        }
    }
}

impl Media {
    /// Begins what is due and has a place; how long there is nothing else to do.
    async fn fill(self: &Arc<Self>, working: &mut JoinSet<()>, busy: &mut Busy) -> Result<Duration, Down> {
        let now = self.clock.now();
        let window = self.settings.window.max(1);
        let each = window.div_ceil(2);
        while busy.0.len() < window {
            let (texts, full) = (busy.texts(), busy.full(each));
            let Some(due) = self.store.media_due(now, &texts, &full).await? else { break };
            let (text, gateway) = (due.segment, due.gateway.clone());
            let task = working.spawn(Arc::clone(self).one(due));
            busy.0.insert(task.id(), (text, gateway));
        }
        let next = self.store.next_media(&busy.texts()).await?;
        // What is due and has no place is looked at when one is free.
        Ok(next.filter(|next| *next > now).map_or(LOOK_AGAIN, |next| next.since(now)).min(LOOK_AGAIN))
    }

    /// Fetches what came with one text, piece by piece.
    async fn one(self: Arc<Self>, due: Due) {
        let mut have = due.have;
        for piece in &due.pieces {
            let outcome = self.outcome(&due, piece, have).await;
            let (word, why) = match &outcome {
                Fetch::Here { data, .. } => {
                    have += data.len() as u64;
                    ("fetched", "")
                }
                Fetch::Nothing => ("layout", ""),
                Fetch::Later { why, .. } => ("later", why.as_str()),
                Fetch::Missing(why) => ("missing", without_address(why)),
            };
            observe::log::media(due.segment, &due.gateway, u32::from(piece.n) + 1, word, why);
            Metrics::count(&METRICS.media, word);
            let fetched = Fetched { segment: due.segment, gateway: due.gateway.clone(), n: piece.n, outcome };
            if let Err(down) = self.store.media_fetched(fetched).await {
                observe::log::store_down("media", down);
                // It is asked for again, and not at once.
                self.clock.sleep(REST).await;
                return;
            }
        }
        self.inbound.look();
    }

    async fn outcome(&self, due: &Due, piece: &Piecemeal, have: u64) -> Fetch {
        let now = self.clock.now();
        let deadline = due.since + self.settings.wait;
        let tries = piece.tries.saturating_add(1);
        let gone = |why: &str| Fetch::Missing(with_address(why, &piece.from.url));
        if now >= deadline {
            let why = piece.why.as_deref().unwrap_or("it could not be fetched in time");
            return gone(&tried(why, piece.tries));
        }
        let left = self.settings.text.saturating_sub(have);
        let most = piece.from.most.min(self.settings.piece);
        let later = |why: String, after| {
            let at = now + BACKOFF.at_least(after, tries, fastrand());
            Fetch::Later { at: at.min(deadline), tries, why }
        };
        let Some(fetcher) = self.fetchers.now().get(&due.gateway).cloned() else {
            return later("its gateway is not configured any more".to_owned(), None);
        };
        let patience = self.settings.timeout.min(deadline.since(now));
        match fetcher.fetch(&piece.from, piece.kind.as_ref(), most.min(left), patience).await {
            Ok(got) => Fetch::Here { kind: got.kind, name: got.name, data: got.data.into() },
            Err(Miss::Layout) => Fetch::Nothing,
            Err(Miss::Closed(why)) => Fetch::Missing(why),
            Err(Miss::Never(why)) => gone(&why),
            Err(Miss::TooLarge) if left < most => gone(&too_much(self.settings.text)),
            Err(Miss::TooLarge) => gone(&format!("it is larger than {most} octets")),
            Err(Miss::NotYet(why)) if tries >= FEW => gone(&tried(&why, tries)),
            Err(Miss::NotYet(why)) => later(why, None),
            Err(Miss::Later(why, after)) => later(why, after),
        }
    }
}

fn tried(why: &str, tries: u32) -> String {
    if tries > 1 { format!("{why}, {tries} times") } else { why.to_owned() }
}

/// Whoever reads the mail may look there.
fn with_address(why: &str, url: &str) -> String {
    format!("{why} (<{url}>)")
}

fn without_address(why: &str) -> &str {
    why.split(" (<").next().unwrap_or_default()
}
