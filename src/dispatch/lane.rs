//! One lane per gateway: how many attempts are under way, and until when it is left alone.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{mpsc, watch};

use super::policy::OnUnsure;
use crate::{
    gateway::{Gateway, Job, Traits},
    ground::{Backoff, Fault, GatewayId, Timestamp},
    observe,
    routing::Candidate,
};

/// What the configuration says of a gateway beside its kind.
#[derive(Clone)]
pub struct Settings {
    pub priority: u32,
    pub weight: u32,
    pub on_unsure: OnUnsure,
    /// Our number there: what the call log keeps.
    pub number: Option<String>,
}

/// Without our number.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Settings({}, {}, {:?})", self.priority, self.weight, self.on_unsure)
    }
}

/// A gateway as the dispatcher sees it.
#[derive(Debug)]
pub struct Lane {
    pub id: GatewayId,
    pub settings: Settings,
    traits: watch::Receiver<Traits>,
    jobs: mpsc::Sender<Job>,
    outstanding: AtomicUsize,
    rest: Mutex<Rest>,
}

#[derive(Debug, Default)]
struct Rest {
    /// When it began: a clock that has stepped back behind it ends the rest.
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    /// Pauses in a row, for their length.
    times: u32,
}

impl Rest {
    fn at(&self, now: Timestamp) -> Option<Timestamp> {
        let begun = self.from.is_some_and(|from| from <= now);
        self.until.filter(|until| begun && *until > now)
    }
}

/// A slot of a lane's window, given back when dropped.
#[derive(Debug)]
pub struct Slot(std::sync::Arc<Lane>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.outstanding.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lane {
    pub fn new(gateway: &Gateway, settings: Settings) -> Self {
        Self {
            id: gateway.id.clone(),
            settings,
            traits: gateway.traits.clone(),
            jobs: gateway.jobs.clone(),
            outstanding: AtomicUsize::new(0),
            rest: Mutex::default(),
        }
    }

    pub fn traits(&self) -> Traits {
        self.traits.borrow().clone()
    }

    pub fn jobs(&self) -> &mpsc::Sender<Job> {
        &self.jobs
    }

    /// Takes a slot; the caller has seen that there is one.
    pub fn take_slot(self: &std::sync::Arc<Self>) -> Slot {
        self.outstanding.fetch_add(1, Ordering::Relaxed);
        Slot(self.clone())
    }

    /// Free slots at `now`, none while it rests.
    pub fn free(&self, now: Timestamp) -> usize {
        if self.rests_until(now).is_some() {
            return 0;
        }
        self.traits.borrow().window.saturating_sub(self.outstanding.load(Ordering::Relaxed))
    }

    /// The snapshot for choosing.
    pub fn candidate(&self, now: Timestamp) -> Candidate {
        let traits = self.traits.borrow();
        Candidate {
            id: self.id.clone(),
            priority: self.settings.priority,
            weight: self.settings.weight,
            outstanding: self.outstanding.load(Ordering::Relaxed),
            window: traits.window,
            paused: self.rests_until(now).is_some(),
            binary: traits.binary,
            sender: traits.sender,
        }
    }

    /// When the lane works again, if it rests now.
    pub fn rests_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner).at(now)
    }

    /// Leaves the gateway alone: as long as it asked for, or ever longer while its trouble lasts. Faults of attempts
    /// that were under way together count once.
    pub fn pause(&self, fault: &Fault, backoff: Backoff, jitter: f64, now: Timestamp) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let resting = rest.at(now).is_some();
        if !resting {
            rest.times = rest.times.saturating_add(1);
        }
        let pause: Duration = backoff.at_least(fault.after, rest.times, jitter);
        if rest.at(now).is_none_or(|until| until < now + pause) && (!resting || fault.after.is_some()) {
            rest.from = Some(now);
            rest.until = Some(now + pause);
            drop(rest);
            observe::log::gateway_paused(&self.id, pause, fault);
            observe::metrics::Metrics::set(&observe::METRICS.gateway_up, self.id.as_str(), 0);
        }
    }

    /// An attempt succeeded: the trouble is over.
    pub fn recovered(&self) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        if rest.times > 0 {
            *rest = Rest::default();
            observe::metrics::Metrics::set(&observe::METRICS.gateway_up, self.id.as_str(), 1);
        }
    }
}
