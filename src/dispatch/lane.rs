//! One lane per gateway: what it may carry, how it is, and its slots.
//!
//! A reload makes a new lane with the vitals of the old one. Attempts under way keep the old lane, and with it the old
//! gateway, until they are settled.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, watch};

use super::{
    fastrand,
    policy::OnUnsure,
    vitals::{Bounds, Look, Moment, Standing, Vitals},
};
use crate::{
    address::SenderId,
    gateway::{Gateway, Job, Traits, Trouble},
    ground::{Clock, Enhanced, Fault, GatewayId, MessageId, Outcome, Scope},
    observe::{self, METRICS},
    routing::{
        Costs, Ours, Reach, Shows,
        breaker::{Change, Sign},
    },
    sms::Body,
    store::{Item, Spend, Text},
};

/// What the configuration says of a gateway beside its kind.
#[derive(Clone, Default)]
pub struct Settings {
    pub priority: u32,
    pub weight: u32,
    pub on_unsure: OnUnsure,
    /// Our number there: what the call log keeps.
    pub number: Option<String>,
    pub shows: Shows,
    pub reach: Reach,
    pub costs: Costs,
    /// The longest validity that is passed on.
    pub validity: Option<Duration>,
    pub bounds: Bounds,
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
    trouble: watch::Receiver<Option<Trouble>>,
    jobs: mpsc::Sender<Job>,
    vitals: Arc<Vitals>,
    clock: Clock,
}

impl Lane {
    /// `vitals`: those of the lane that this one replaces.
    pub fn new(gateway: &Gateway, settings: Settings, clock: Clock, vitals: Option<Arc<Vitals>>) -> Self {
        Self {
            id: gateway.id.clone(),
            settings,
            traits: gateway.traits.clone(),
            trouble: gateway.trouble.clone(),
            jobs: gateway.jobs.clone(),
            vitals: vitals.unwrap_or_default(),
            clock,
        }
    }

    /// The same gateway under other settings.
    pub fn under(&self, settings: Settings) -> Self {
        Self {
            id: self.id.clone(),
            settings,
            traits: self.traits.clone(),
            trouble: self.trouble.clone(),
            jobs: self.jobs.clone(),
            vitals: self.vitals.clone(),
            clock: self.clock.clone(),
        }
    }

    pub fn traits(&self) -> Traits {
        self.traits.borrow().clone()
    }

    /// What it says is wrong with it.
    pub fn trouble(&self) -> Option<Trouble> {
        *self.trouble.borrow()
    }

    pub fn window(&self) -> usize {
        self.traits.borrow().window
    }

    pub fn jobs(&self) -> &mpsc::Sender<Job> {
        &self.jobs
    }

    pub fn vitals(&self) -> &Arc<Vitals> {
        &self.vitals
    }

    pub fn standing(&self, at: Moment) -> Standing {
        self.vitals.standing(&self.settings.bounds, self.window(), at)
    }

    /// Could it ever carry this, whatever its state now?
    pub fn carries(&self, text: &Text) -> bool {
        let binary = matches!(text.content.body, Body::Binary(_)) || !text.content.udh.is_empty();
        let sender = text.sender.as_ref().filter(|_| text.sender_required);
        (!binary || self.traits.borrow().binary)
            && self.settings.bounds.daily_max.is_none_or(|most| u64::from(text.parts) <= most)
            && sender.is_none_or(|sender| self.shows(sender))
            && self.settings.reach.admits(&text.to)
    }

    /// What phones opt out of here.
    pub fn ours(&self) -> Ours {
        Ours::of(&self.id, self.settings.number.as_deref())
    }

    pub fn shows(&self, sender: &SenderId) -> bool {
        self.settings.shows.shows(sender)
    }

    /// Takes a slot for an attempt at `item`; the caller has seen that there is one.
    pub fn take_slot(self: &Arc<Self>, segments: u8, at: Moment) -> Slot {
        let (spend, change) = self.vitals.began(&self.settings.bounds, segments, at);
        self.voice(change, None);
        Slot { lane: self.clone(), spend, ended: false }
    }

    /// Looks for attempts that are stuck, and for the end of its day.
    pub fn look(&self, at: Moment) {
        self.voice(self.vitals.look(&self.settings.bounds, at, fastrand()), None);
        if self.vitals.day_over(&self.settings.bounds, at) {
            observe::log::gateway(&self.id, "day over", "daily_max is reached", None);
            METRICS.gateway_change(self.id.as_str(), "day over");
        }
    }

    /// How long until something changes by the passing of time.
    pub fn turns(&self, at: Moment) -> Option<Duration> {
        self.vitals.turns(&self.settings.bounds, at)
    }

    pub fn seen(&self) -> Look {
        self.vitals.seen(&self.settings.bounds, self.clock.now())
    }

    /// A person pauses it or lets it go on; `false`: it was so already.
    pub fn pause(&self, paused: bool) -> bool {
        let changed = self.vitals.pause(paused, self.clock.now());
        if changed {
            let what = if paused { "paused" } else { "resumed" };
            observe::log::gateway(&self.id, what, "by hand", None);
            METRICS.gateway_change(self.id.as_str(), what);
        }
        changed
    }

    fn voice(&self, change: Option<Change>, fault: Option<&Fault>) {
        let (what, cause, pause) = match change {
            None => return,
            Some(Change::Down { cause, pause }) => ("down", cause.word(), Some(pause)),
            Some(Change::Trial) => ("trial", "one attempt tries it", None),
            Some(Change::Up) => ("up", "it answers", None),
        };
        match fault {
            Some(fault) => observe::log::gateway(&self.id, what, format_args!("{cause} ({})", fault.code), pause),
            None => observe::log::gateway(&self.id, what, cause, pause),
        }
        METRICS.gateway_change(self.id.as_str(), what);
    }
}

/// A slot of a lane's window, given back when dropped. Without an end the attempt was not made.
#[derive(Debug)]
pub struct Slot {
    lane: Arc<Lane>,
    spend: Spend,
    ended: bool,
}

impl Slot {
    /// What the attempt takes of the gateway's day.
    pub fn spend(&self) -> Option<Spend> {
        (self.spend.segments > 0).then_some(self.spend)
    }

    /// The attempt at `message` was made, and this came of it.
    pub fn end(&mut self, message: MessageId, outcomes: &[(u8, Outcome)]) {
        self.ended = true;
        let kept = outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::Sent(_) | Outcome::Unsure(_)));
        if !kept {
            self.lane.vitals.unspent(self.spend);
        }
        for (_, outcome) in outcomes {
            let (sign, fault) = sign_of(outcome);
            let words = fault.map(|fault| fault.text.as_str());
            let at = Moment::of(&self.lane.clock);
            let bounds = &self.lane.settings.bounds;
            let change = self.lane.vitals.ended(bounds, message, sign, words, at, fastrand());
            self.lane.voice(change, fault);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.ended {
            self.lane.vitals.unspent(self.spend);
            self.lane.vitals.not_made(Moment::of(&self.lane.clock));
        }
        self.lane.vitals.freed();
    }
}

/// What an outcome says of the gateway. One that refuses or defers a message for reasons of its own is well.
fn sign_of(outcome: &Outcome) -> (Sign, Option<&Fault>) {
    const THROTTLED: Enhanced = Enhanced::new(4, 4, 5);
    match outcome {
        Outcome::Later(fault) if fault.scope == Scope::Gateway => {
            let asked = fault.after.is_some() || fault.code == THROTTLED;
            (if asked { Sign::Asked(fault.after) } else { Sign::Fault }, Some(fault))
        }
        Outcome::Never(fault) if fault.scope == Scope::Gateway => (Sign::Account, Some(fault)),
        Outcome::Unsure(fault) => (Sign::Silence, Some(fault)),
        Outcome::Sent(_) | Outcome::Later(_) | Outcome::Never(_) => (Sign::Well, None),
    }
}

/// What a message takes of the day: all of it when its first part goes, nothing after that.
pub fn segments(item: &Item, text: &Text) -> u8 {
    if item.segments.iter().any(|segment| super::policy::was_sent(segment.state)) { 0 } else { text.parts.max(1) }
}
