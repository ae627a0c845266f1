//! Floods: a phone, or a whole gateway, that brings more texts than anybody writes. The excess is held, not lost.
//!
//! Counted in memory: a restart begins anew, and what was held goes on at the same pace. Held texts are looked at again
//! when their time is over, oldest first, and count like new ones.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use super::{Inner, assemble::assemble};
use crate::{
    accounts::{
        Pace,
        brakes::{self, TOLD_FOR},
    },
    ground::{GatewayId, Timestamp},
    observe::{self, METRICS, metrics::Metrics},
    store::{BrakeKind, Braked, Down, InboundStep, New},
};

/// Phones and gateways that are counted; beyond so many those whose time is over are forgotten, and then all.
const MOST: usize = 65_536;
/// Held segments looked at together.
const PAGE: usize = 1_000;

#[derive(Debug, Clone, Copy)]
struct Window {
    n: u64,
    until: Timestamp,
}

/// The counters.
#[derive(Default)]
pub struct Flood {
    windows: Mutex<HashMap<(BrakeKind, String), Window>>,
    /// When the first counter that held something begins anew, milliseconds; 0: nobody has looked since the start.
    look: AtomicI64,
}

impl Flood {
    /// Counts a text, or says which limit holds it.
    pub fn admit(&self, limits: [(BrakeKind, &str, Option<Pace>); 2], now: Timestamp) -> Result<(), Braked> {
        let mut counters = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let limits = limits.into_iter().filter_map(|(kind, whose, pace)| Some((kind, whose.to_owned(), pace?)));
        let limits: Vec<_> = limits.collect();
        for (kind, whose, pace) in &limits {
            let window = counters.get(&(*kind, whose.clone())).filter(|window| window.until > now);
            if let Some(window) = window.filter(|window| window.n >= pace.max) {
                self.look.fetch_min(window.until.0, Ordering::Relaxed);
                return Err(Braked { kind: *kind, limit: pace.max, until: window.until });
            }
        }
        if counters.len() >= MOST {
            counters.retain(|_, window| window.until > now);
        }
        if counters.len() >= MOST {
            counters.clear();
        }
        for (kind, whose, pace) in limits {
            let window = counters.entry((kind, whose)).or_insert(Window { n: 0, until: now + pace.within });
            if window.until <= now {
                *window = Window { n: 0, until: now + pace.within };
            }
            window.n += 1;
        }
        Ok(())
    }
}

impl Inner {
    /// Counts a whole text, or says which limit holds it.
    pub(super) fn admit(&self, set: &super::Assembled, now: Timestamp) -> Result<(), Braked> {
        let mo = &set.first().mo;
        let phone = format!("{} {}", mo.gateway, mo.from.as_str());
        let limits = [
            (BrakeKind::FloodPhone, phone.as_str(), self.settings.flood_phone),
            (BrakeKind::FloodGateway, mo.gateway.as_str(), self.settings.flood_gateway),
        ];
        self.flood.admit(limits, now)
    }

    /// The step that holds a text.
    pub(super) fn held(&self, set: &super::Assembled, braked: Braked) -> InboundStep {
        self.voice(set, &set.first().mo.gateway, "flood", "held");
        let held: Vec<_> = set.segments.iter().map(|s| s.id).collect();
        let cause = brakes::words(braked);
        InboundStep {
            held,
            events: vec![(set.id, "held", cause)],
            errands: self.braked_at(braked, Some(&set.first().mo.gateway)).into_iter().collect(),
            ..InboundStep::default()
        }
    }

    /// A brake on texts of ours took hold.
    pub(super) fn braked(&self, braked: Braked) -> Option<New> {
        self.braked_at(braked, None)
    }

    /// Logs and counts a brake; the notice to the postmaster, once a day.
    fn braked_at(&self, braked: Braked, gateway: Option<&GatewayId>) -> Option<New> {
        let kind = braked.kind.word();
        observe::log::braked(kind, None, brakes::shown(braked.kind, braked.limit));
        Metrics::count(&METRICS.brakes, kind);
        let (subject, text) = brakes::notice(braked, None);
        let about = format!("brake {kind} {}", gateway.map_or("-", GatewayId::as_str));
        self.reporter.notice(&about, &subject, &text, self.clock.now() + TOLD_FOR)
    }

    /// Held texts whose time has come go on; `true` when one did.
    pub(super) async fn release(&self, now: Timestamp) -> Result<bool, Down> {
        if now.0 < self.flood.look.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let held = self.store.held_segments(PAGE).await?;
        let full = held.len() >= PAGE;
        self.flood.look.store(if full { now.0 + 1 } else { i64::MAX }, Ordering::Relaxed);
        let mut went = false;
        for set in assemble(held, now, std::time::Duration::ZERO) {
            // The rest of it may stand on the next page.
            if (full && set.missing > 0) || self.admit(&set, now).is_err() {
                continue;
            }
            let step = self.decide(&set, now).await?;
            self.store.resolve(step).await?;
            went = true;
        }
        Ok(went)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_excess_of_a_phone_waits_for_the_next_stretch() {
        let flood = Flood::default();
        let pace = Some(Pace { max: 2, within: Duration::from_secs(60) });
        let text = |phone, at| {
            flood.admit([(BrakeKind::FloodPhone, phone, pace), (BrakeKind::FloodGateway, "g", None)], Timestamp(at))
        };
        assert_eq!((text("a", 0), text("a", 1)), (Ok(()), Ok(())));
        let held = Braked { kind: BrakeKind::FloodPhone, limit: 2, until: Timestamp(60_000) };
        assert_eq!(text("a", 2), Err(held));
        assert_eq!(text("b", 2), Ok(()), "another phone is another");
        assert_eq!(text("a", 60_000), Ok(()));
    }

    #[test]
    fn what_is_held_by_its_gateway_does_not_count_for_the_phone() {
        let flood = Flood::default();
        let pace = |max| Some(Pace { max, within: Duration::from_secs(60) });
        let text = |at| {
            flood.admit([(BrakeKind::FloodPhone, "a", pace(3)), (BrakeKind::FloodGateway, "g", pace(1))], Timestamp(at))
        };
        assert_eq!(text(0), Ok(()));
        for _ in 0..5 {
            assert_eq!(text(1).map_err(|braked| braked.kind), Err(BrakeKind::FloodGateway));
        }
        assert_eq!((text(60_000), text(120_000)), (Ok(()), Ok(())));
    }
}
