//! The sweeper: what an earlier run left behind, delay warnings, expiry, receipts that never came, old rows.
//!
//! Expiry and warnings go by the wall clock, checked against the monotonic one: after a step of more than ten minutes
//! they rest for ten minutes, so that a clock set wrongly for a moment expires nothing. When the clock is set back, what
//! waits for a moment of the old time is moved with it.

use std::{sync::Arc, time::Duration};

use super::{Shared, step};
use crate::{
    ground::{Enhanced, Fault, Scope, Timestamp},
    observe,
    report::{Kind, Reporter},
    store::{Closed, Item, Next, Payload, SegmentState, Settle, State, Store},
};

/// How often the sweeper looks.
const EVERY: Duration = Duration::from_secs(1);
const PURGE_EVERY: Duration = Duration::from_secs(600);
const BATCH: usize = 200;
const STEP: Duration = Duration::from_secs(600);

/// What is remembered of the gateways, and what was `trying` when an earlier run of this node ended, which is settled.
/// Before the lanes start.
pub async fn recover(shared: &Shared) -> Result<usize, crate::store::Down> {
    shared.recall(shared.lanes.now().all()).await?;
    let mut found = 0;
    loop {
        let items = shared.store.interrupted(BATCH).await?;
        if items.is_empty() {
            return Ok(found);
        }
        found += items.len();
        for item in items {
            match item.payload {
                Payload::Text(_) => step::interrupted(shared, &item).await,
                Payload::Mail(_) => super::mails::interrupted(shared, &item).await,
                Payload::Errand(_) => super::errands::interrupted(shared, &item).await,
            }
        }
    }
}

/// Sweeps until stopped.
pub async fn run(shared: Arc<Shared>) {
    let mut watch = StepWatch::new(shared.clock.now(), shared.clock.monotonic());
    let mut purge_at = shared.clock.monotonic() + PURGE_EVERY;
    let mut back = Duration::ZERO;
    while !shared.stop.is_cancelled() {
        let (now, monotonic) = (shared.clock.now(), shared.clock.monotonic());
        let trusted = watch.trusts(now, monotonic);
        back += std::mem::take(&mut watch.back);
        if !back.is_zero() {
            match shared.store.set_back(now, back).await {
                Ok(_) => back = Duration::ZERO,
                Err(down) => observe::log::store_down("set back", down),
            }
        }
        if let Err(down) = sweep(&shared, now, trusted).await {
            observe::log::store_down("sweep", down);
        }
        if trusted && monotonic >= purge_at {
            purge_at = monotonic + purge(&shared, now).await;
        }
        tokio::select! {
            () = shared.clock.sleep_to(monotonic + EVERY) => {}
            () = shared.stop.cancelled() => {}
        }
    }
}

/// Deletes a batch of what is old; how long until the next one.
async fn purge(shared: &Shared, now: Timestamp) -> Duration {
    match shared.store.purge(now).await {
        Ok(0) => PURGE_EVERY,
        Ok(_) => EVERY,
        Err(down) => {
            observe::log::store_down("purge", down);
            PURGE_EVERY
        }
    }
}

/// One look at everything that time or the network has brought; by the wall clock only while that is trusted.
async fn sweep(shared: &Shared, now: Timestamp, trusted: bool) -> Result<(), crate::store::Down> {
    for item in shared.store.match_parked(now).await? {
        receipted(&shared.store, &shared.reporter, &item).await;
    }
    if !trusted {
        return Ok(());
    }
    for item in shared.store.late(now, BATCH).await? {
        if item.expires <= now {
            // It is told of its end at once: a warning beside that would promise more tries.
            continue;
        }
        if let Payload::Errand(errand) = &item.payload {
            shared.store.warn(item.id, super::errands::late(shared, &item, errand), None).await?;
            continue;
        }
        let sent = step::sent_before(&item);
        let told = shared.reporter.tell(&item, Kind::Delayed, item.fault.as_ref(), item.gateway.as_ref(), sent).await;
        shared.store.warn(item.id, told.errand, told.dead).await?;
    }
    for item in shared.store.overdue(now, BATCH).await? {
        match item.state {
            State::Sent => silence(shared, &item).await,
            State::Waiting | State::Held | State::Trying | State::Closed => expire(shared, &item).await,
        }
    }
    Ok(())
}

/// Closes a message when its receipts say how it ended.
pub async fn receipted(store: &Store, reporter: &Reporter, item: &Item) {
    let parts = item.payload.text().map_or(1, |text| usize::from(text.parts));
    let states: Vec<SegmentState> = item.segments.iter().map(|segment| segment.state).collect();
    let Some(end) = end(item.state, &states, parts) else { return };
    let failed = end == Closed::Failed;
    let (kind, event) = if failed { (Kind::Failed, "failed") } else { (Kind::Delivered, "delivered") };
    let sent = step::sent_before(item);
    let told = reporter.tell(item, kind, item.fault.as_ref(), item.gateway.as_ref(), sent).await;
    let fault = item.fault.clone().filter(|_| failed);
    store.settle(closing(item, Next::Closed(end), fault, event, told)).await;
}

/// How a message of so many parts ended: delivered when all its segments are, failed when one is. Of a text in parts the
/// first may be on the phone before the others are begun, and stand alone here: that ends nothing.
fn end(state: State, segments: &[SegmentState], parts: usize) -> Option<Closed> {
    if segments.contains(&SegmentState::Failed) {
        return Some(Closed::Failed);
    }
    let whole = matches!(state, State::Sent | State::Closed) || segments.len() >= parts;
    let all = !segments.is_empty() && segments.iter().all(|state| *state == SegmentState::Delivered);
    (whole && all).then_some(Closed::Delivered)
}

/// A receipt that never comes is no failure.
async fn silence(shared: &Shared, item: &Item) {
    let told = shared.reporter.tell(item, Kind::Relayed, None, item.gateway.as_ref(), 0).await;
    let next = Next::Closed(Closed::Relayed);
    shared.store.settle(closing(item, next, None, "silence", told)).await;
}

/// Closes an item whose time is over, with its report.
pub async fn expire(shared: &Shared, item: &Item) {
    match &item.payload {
        Payload::Text(_) => {}
        Payload::Mail(_) => return super::mails::expire(shared, item).await,
        Payload::Errand(errand) => return super::errands::expire(shared, item, errand).await,
    }
    let why = item.cause.clone().unwrap_or_else(|| "no gateway took it in time".to_owned());
    // What was held as unsure may have arrived, and still may have when its time is over.
    let unsure = item.segments.iter().any(|s| s.state == SegmentState::Unsure);
    let (kind, code) = match unsure {
        true => (Kind::Unsure, Enhanced::new(4, 4, 2)),
        false => (Kind::Expired, Enhanced::new(5, 4, 7)),
    };
    let fault = Fault::new(Scope::Message, code, why);
    let told = shared.reporter.tell(item, kind, Some(&fault), item.gateway.as_ref(), step::sent_before(item)).await;
    let never_sent = !unsure && !item.segments.iter().any(|s| super::policy::was_sent(s.state));
    let mut settlement = closing(item, Next::Closed(Closed::Expired), Some(fault), "expired", told);
    settlement.refund = item.payload.text().and_then(|text| text.charged.clone()).filter(|_| never_sent);
    settlement.unlink = never_sent;
    shared.store.settle(settlement).await;
}

/// Closes an item without an attempt.
pub(super) fn closing(
    item: &Item,
    next: Next,
    fault: Option<Fault>,
    event: &'static str,
    told: crate::report::Told,
) -> Settle {
    Settle {
        id: item.id,
        attempt: 0,
        segments: Vec::new(),
        next,
        fault,
        event,
        errands: told.errand.into_iter().collect(),
        refund: None,
        unlink: false,
        dead: told.dead,
        withdraw: false,
    }
}

/// Tells a jump of the wall clock from the passing of time.
struct StepWatch {
    wall: Timestamp,
    monotonic: Duration,
    rests_until: Option<Duration>,
    /// How far it was set back since somebody asked.
    back: Duration,
}

impl StepWatch {
    fn new(wall: Timestamp, monotonic: Duration) -> Self {
        Self { wall, monotonic, rests_until: None, back: Duration::ZERO }
    }

    /// May expiry go by the wall clock now?
    fn trusts(&mut self, wall: Timestamp, monotonic: Duration) -> bool {
        let passed = monotonic.saturating_sub(self.monotonic);
        let expected = self.wall + passed;
        let jump = wall.since(expected).max(expected.since(wall));
        (self.wall, self.monotonic) = (wall, monotonic);
        if jump > STEP {
            observe::log::oddity("clock", format_args!("the wall clock jumped by {} s; expiry rests", jump.as_secs()));
            self.rests_until = Some(monotonic + STEP);
            self.back += expected.since(wall);
        }
        self.rests_until.is_none_or(|until| monotonic >= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_parts_ends_with_its_last_part() {
        use SegmentState::{Delivered, Failed, Sent, Trying, Waiting};
        let (delivered, failed) = (Some(Closed::Delivered), Some(Closed::Failed));
        for (state, segments, parts, expected) in [
            // The first of two is on the phone before the second is begun: while the first is settled, and after it.
            (State::Trying, &[Delivered][..], 2, None),
            (State::Waiting, &[Delivered], 2, None),
            (State::Trying, &[Delivered, Trying], 2, None),
            (State::Waiting, &[Delivered, Waiting], 2, None),
            (State::Sent, &[Delivered, Sent], 2, None),
            (State::Trying, &[Delivered, Delivered], 2, delivered),
            (State::Sent, &[Delivered, Delivered], 2, delivered),
            // The provider cut it by itself and speaks of the whole.
            (State::Sent, &[Delivered], 2, delivered),
            (State::Trying, &[Delivered], 1, delivered),
            (State::Closed, &[Delivered], 1, delivered),
            (State::Waiting, &[Delivered, Failed], 3, failed),
            (State::Sent, &[Sent], 1, None),
            (State::Sent, &[], 1, None),
        ] {
            assert_eq!(end(state, segments, parts), expected, "{state:?} {segments:?} of {parts}");
        }
    }

    #[test]
    fn a_jump_of_the_wall_clock_rests_expiry_for_ten_minutes() {
        let second = Duration::from_secs;
        let mut watch = StepWatch::new(Timestamp(0), second(0));
        assert!(watch.trusts(Timestamp(1_000), second(1)));
        assert!(watch.trusts(Timestamp(500_000), second(400)), "slewing by less than ten minutes is no jump");
        assert!(!watch.trusts(Timestamp(9_000_000), second(401)));
        assert!(!watch.trusts(Timestamp(9_500_000), second(901)));
        assert!(watch.trusts(Timestamp(9_601_000), second(1_002)));
        assert_eq!(watch.back, Duration::ZERO);
        assert!(!watch.trusts(Timestamp(0), second(1_003)), "backwards too");
        assert_eq!(watch.back, second(9_602), "and by how far");
    }
}
