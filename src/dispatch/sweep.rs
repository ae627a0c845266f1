//! The sweeper: what an earlier run left behind, delay warnings, expiry, receipts that never came, old rows.
//!
//! Expiry and warnings go by the wall clock, checked against the monotonic one: after a step of more than ten minutes
//! they rest for ten minutes, so that a clock set wrongly for a moment expires nothing.

use std::{sync::Arc, time::Duration};

use super::{Shared, step};
use crate::{
    ground::{Enhanced, Fault, Scope, Timestamp},
    observe,
    report::Kind,
    store::{Closed, Item, Next, Payload, Settle, State},
};

/// How often the sweeper looks.
const EVERY: Duration = Duration::from_secs(1);
const PURGE_EVERY: Duration = Duration::from_secs(600);
const BATCH: usize = 200;
const STEP: Duration = Duration::from_secs(600);

/// Settles what was `trying` when an earlier run of this node ended. Before the lanes start.
pub async fn recover(shared: &Shared) -> Result<usize, crate::store::Down> {
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
            }
        }
    }
}

/// Sweeps until stopped.
pub async fn run(shared: Arc<Shared>) {
    let mut watch = StepWatch::new(shared.clock.now(), shared.clock.monotonic());
    let mut purged = shared.clock.monotonic();
    while !shared.stop.is_cancelled() {
        let (now, monotonic) = (shared.clock.now(), shared.clock.monotonic());
        if watch.trusts(now, monotonic)
            && let Err(down) = sweep(&shared, now).await
        {
            observe::log::store_down("sweep", down);
        }
        if monotonic.saturating_sub(purged) >= PURGE_EVERY {
            purged = monotonic;
            if let Err(down) = shared.store.purge(now).await {
                observe::log::store_down("purge", down);
            }
        }
        tokio::select! {
            () = shared.clock.sleep(EVERY) => {}
            () = shared.stop.cancelled() => {}
        }
    }
}

async fn sweep(shared: &Shared, now: Timestamp) -> Result<(), crate::store::Down> {
    shared.store.match_parked(now).await?;
    for item in shared.store.late(now, BATCH).await? {
        let told = shared.reporter.tell(&item, Kind::Delayed, item.fault.as_ref(), item.gateway.as_ref(), 0).await;
        if shared.store.warn(item.id, told.errand).await?
            && let Some(dead) = told.dead
        {
            shared.store.bury(dead).await?;
        }
    }
    for item in shared.store.overdue(now, BATCH).await? {
        match item.state {
            State::Sent => silence(shared, &item).await,
            State::Waiting | State::Held | State::Trying | State::Closed => expire(shared, &item).await,
        }
    }
    Ok(())
}

/// A receipt that never comes is no failure.
async fn silence(shared: &Shared, item: &Item) {
    let told = shared.reporter.tell(item, Kind::Relayed, None, item.gateway.as_ref(), 0).await;
    let next = Next::Closed(Closed::Relayed);
    shared.store.settle(closing(item, next, None, "silence", told)).await;
}

/// Closes an item whose time is over, with its report.
pub async fn expire(shared: &Shared, item: &Item) {
    if matches!(item.payload, Payload::Mail(_)) {
        return super::mails::expire(shared, item).await;
    }
    let why = item.cause.clone().unwrap_or_else(|| "no gateway took it in time".to_owned());
    let fault = Fault::new(Scope::Message, Enhanced::new(5, 4, 7), why);
    let told = shared.reporter.tell(item, Kind::Expired, Some(&fault), item.gateway.as_ref(), 0).await;
    let never_sent = !item.segments.iter().any(|s| super::policy::was_sent(s.state));
    let mut settlement = closing(item, Next::Closed(Closed::Expired), Some(fault), "expired", told);
    settlement.refund = item.payload.text().and_then(|text| text.charged.clone()).filter(|_| never_sent);
    shared.store.settle(settlement).await;
}

fn closing(item: &Item, next: Next, fault: Option<Fault>, event: &'static str, told: crate::report::Told) -> Settle {
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
}

impl StepWatch {
    fn new(wall: Timestamp, monotonic: Duration) -> Self {
        Self { wall, monotonic, rests_until: None }
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
        }
        self.rests_until.is_none_or(|until| monotonic >= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_of_the_wall_clock_rests_expiry_for_ten_minutes() {
        let second = Duration::from_secs;
        let mut watch = StepWatch::new(Timestamp(0), second(0));
        assert!(watch.trusts(Timestamp(1_000), second(1)));
        assert!(watch.trusts(Timestamp(500_000), second(400)), "slewing by less than ten minutes is no jump");
        assert!(!watch.trusts(Timestamp(9_000_000), second(401)));
        assert!(!watch.trusts(Timestamp(9_500_000), second(901)));
        assert!(watch.trusts(Timestamp(9_601_000), second(1_002)));
        assert!(!watch.trusts(Timestamp(0), second(1_003)), "backwards too");
    }
}
