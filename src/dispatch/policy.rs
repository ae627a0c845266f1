//! Policy: what follows from the outcomes of one attempt. Pure, and the only place that decides it.
//!
//! A gateway says what happened; whether the message waits, is held, closes, is reported, refunded, or the gateway
//! is left alone for a while is decided here, from the state table of `docs/queue.md`.

use std::time::Duration;

use crate::{
    ground::{Backoff, Enhanced, Fault, GatewayId, Outcome, RemoteId, Scope, Timestamp},
    store::{Closed, Item, Next, SegmentState, Why},
};

/// What follows when nobody knows whether a text went out (`on_unsure`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnUnsure {
    /// Not sent again; the sender is told that it may have arrived.
    #[default]
    Report,
    /// Sent again: the phone may get it twice.
    Retry,
    /// Kept for a person to decide.
    Hold,
}

impl OnUnsure {
    /// The word of the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Retry => "retry",
            Self::Hold => "hold",
        }
    }
}

/// What policy looks at beside the outcomes.
#[derive(Debug, Clone)]
pub struct Circumstances {
    pub now: Timestamp,
    /// The gateway that made the attempt.
    pub gateway: GatewayId,
    pub on_unsure: OnUnsure,
    pub backoff: Backoff,
    /// Randomness of the pause, `0.0..1.0`.
    pub jitter: f64,
    /// The gateway reports delivery; the message stays `sent` this long for it.
    pub receipt_wait: Option<Duration>,
    /// How many requests the message takes at this gateway.
    pub requests: u8,
    /// Another gateway could take the message at once.
    pub elsewhere: bool,
}

/// What the sender is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tell {
    Nothing,
    Failed,
    /// It may have arrived.
    Unsure,
    /// The network has it, and will not say more.
    Relayed,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub segments: Vec<(u8, SegmentState, Option<RemoteId>)>,
    pub next: Next,
    pub event: &'static str,
    pub fault: Option<Fault>,
    pub tell: Tell,
    /// Refused for good before any of it was accepted: what was charged goes back.
    pub refund: bool,
    /// The call-log link of this message is taken back.
    pub unlink: bool,
    /// The trouble is the gateway's: it is left alone for a while.
    pub pause: Option<Fault>,
}

/// Judges the outcomes of one attempt at `item`; segments count from 0. Every segment of the attempt has an outcome:
/// the caller fills in *unsure* for those that got none.
pub fn judge(item: &Item, outcomes: &[(u8, Outcome)], at: &Circumstances) -> Verdict {
    let segments: Vec<_> = outcomes.iter().map(|(n, outcome)| (*n, state_of(outcome), id_of(outcome))).collect();
    let sent_before = item.segments.iter().filter(|s| was_sent(s.state)).count();
    let sent_now = segments.iter().filter(|(_, state, _)| *state == SegmentState::Sent).count();
    let sent = sent_before + sent_now;
    let worst = outcomes.iter().map(|(_, outcome)| outcome).max_by_key(|outcome| gravity(outcome));
    let pin = (sent > 0).then(|| at.gateway.clone());
    let base = Verdict {
        segments,
        next: Next::Waiting { at: at.now, pin: pin.clone() },
        event: "sent",
        fault: fault_of(worst).cloned(),
        tell: Tell::Nothing,
        refund: false,
        unlink: false,
        pause: None,
    };
    match worst {
        Some(Outcome::Never(fault)) if fault.scope == Scope::Gateway => later(base, item, fault, at, pin),
        Some(Outcome::Never(_)) => Verdict {
            next: Next::Closed(Closed::Failed),
            event: "failed",
            tell: Tell::Failed,
            refund: sent == 0,
            unlink: sent == 0,
            ..base
        },
        Some(Outcome::Unsure(_)) => unsure(base, item, at, pin),
        Some(Outcome::Later(fault)) => later(base, item, fault, at, pin),
        Some(Outcome::Sent(_)) | None if sent >= usize::from(at.requests) => complete(base, at),
        Some(Outcome::Sent(_)) | None => base,
    }
}

/// What follows from an attempt that an earlier run of the daemon began and never settled.
pub fn judge_interrupted(item: &Item, at: &Circumstances) -> Verdict {
    let fault = Fault::new(Scope::Message, Enhanced::new(4, 4, 2), "the daemon stopped before the answer came");
    let begun = item.begun.clone().unwrap_or(0..1);
    let outcomes: Vec<_> = begun.map(|n| (n, Outcome::Unsure(fault.clone()))).collect();
    judge(item, &outcomes, at)
}

fn complete(base: Verdict, at: &Circumstances) -> Verdict {
    match at.receipt_wait {
        Some(wait) => Verdict { next: Next::Sent { until: at.now + wait }, ..base },
        None => Verdict { next: Next::Closed(Closed::Relayed), tell: Tell::Relayed, ..base },
    }
}

fn unsure(base: Verdict, item: &Item, at: &Circumstances, pin: Option<GatewayId>) -> Verdict {
    let base = Verdict { event: "unsure", ..base };
    match at.on_unsure {
        OnUnsure::Report => Verdict { next: Next::Closed(Closed::Failed), tell: Tell::Unsure, ..base },
        OnUnsure::Hold => Verdict { next: Next::Held(Why::Unsure), ..base },
        OnUnsure::Retry => {
            let pause = at.backoff.pause(item.attempts.max(1), at.jitter);
            Verdict { next: Next::Waiting { at: at.now + pause, pin }, ..base }
        }
    }
}

/// Not now. Trouble of the whole gateway pauses it; what is not bound to it goes elsewhere at once if it can.
fn later(base: Verdict, item: &Item, fault: &Fault, at: &Circumstances, pin: Option<GatewayId>) -> Verdict {
    let of_gateway = fault.scope == Scope::Gateway;
    let pause = if of_gateway && at.elsewhere && pin.is_none() {
        Duration::ZERO
    } else {
        at.backoff.at_least(fault.after, item.attempts.max(1), at.jitter)
    };
    Verdict {
        next: Next::Waiting { at: at.now + pause, pin },
        event: "deferred",
        pause: of_gateway.then(|| fault.clone()),
        ..base
    }
}

fn gravity(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Sent(_) => 0,
        Outcome::Later(_) => 1,
        Outcome::Never(_) => 2,
        // Whatever else happened: nothing may go out again that the phone may have.
        Outcome::Unsure(_) => 3,
    }
}

fn state_of(outcome: &Outcome) -> SegmentState {
    match outcome {
        Outcome::Sent(_) => SegmentState::Sent,
        Outcome::Later(_) => SegmentState::Waiting,
        Outcome::Never(_) => SegmentState::Failed,
        Outcome::Unsure(_) => SegmentState::Unsure,
    }
}

fn id_of(outcome: &Outcome) -> Option<RemoteId> {
    match outcome {
        Outcome::Sent(id) => id.clone(),
        Outcome::Later(_) | Outcome::Never(_) | Outcome::Unsure(_) => None,
    }
}

fn fault_of(outcome: Option<&Outcome>) -> Option<&Fault> {
    match outcome? {
        Outcome::Sent(_) => None,
        Outcome::Later(fault) | Outcome::Never(fault) | Outcome::Unsure(fault) => Some(fault),
    }
}

/// Segments that must not be sent again.
pub fn was_sent(state: SegmentState) -> bool {
    matches!(state, SegmentState::Sent | SegmentState::Delivered | SegmentState::Failed)
}
