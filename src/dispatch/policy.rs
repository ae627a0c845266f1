//! Policy: what follows from the outcomes of one attempt. Pure, and the only place that decides it.
//!
//! A gateway says what happened; whether the message waits, is held, closes, is reported or refunded is decided here, from the state table of `docs/queue.md`.

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
    /// Asked again at the same gateway, which knows the message by its id and sends it once. Not for a person to choose.
    Again,
}

impl OnUnsure {
    /// The word of the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Retry => "retry",
            Self::Hold => "hold",
            Self::Again => "again",
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
    };
    match worst {
        Some(Outcome::Never(fault)) if fault.scope == Scope::Gateway => later(base, item, fault, at, pin),
        // From this number; another may write to the phone.
        Some(Outcome::Never(fault)) if fault.opted_out && at.elsewhere && sent == 0 => opted_out(base, at),
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
        OnUnsure::Retry | OnUnsure::Again => {
            let pin = if at.on_unsure == OnUnsure::Again { Some(at.gateway.clone()) } else { pin };
            let pause = at.backoff.pause(tries(item), at.jitter);
            Verdict { next: Next::Waiting { at: at.now + pause, pin }, ..base }
        }
    }
}

/// The phone wants nothing from this number: whoever else can carry it goes on, and the list keeps this one out.
fn opted_out(mut base: Verdict, at: &Circumstances) -> Verdict {
    base.segments.iter_mut().for_each(|(_, state, _)| *state = SegmentState::Waiting);
    Verdict { next: Next::Waiting { at: at.now, pin: None }, event: "deferred", unlink: true, ..base }
}

/// Not now. What trouble of the whole gateway put off goes elsewhere at once if it can.
fn later(base: Verdict, item: &Item, fault: &Fault, at: &Circumstances, pin: Option<GatewayId>) -> Verdict {
    let of_gateway = fault.scope == Scope::Gateway;
    let pause = if of_gateway && at.elsewhere && pin.is_none() {
        Duration::ZERO
    } else {
        at.backoff.at_least(fault.after, tries(item), at.jitter)
    };
    Verdict { next: Next::Waiting { at: at.now + pause, pin }, event: "deferred", ..base }
}

/// Attempts without success so far: each segment that went out took one, and is no reason to wait longer.
fn tries(item: &Item) -> u32 {
    let sent = item.segments.iter().filter(|s| was_sent(s.state)).count();
    item.attempts.saturating_sub(u32::try_from(sent).unwrap_or(u32::MAX)).max(1)
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
        // The account there is broken, not the segment: it is still to be sent.
        Outcome::Never(fault) if fault.scope == Scope::Gateway => SegmentState::Waiting,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ground::{GatewayId, MessageId},
        sms::Content,
        store::{Key, Origin, Payload, Priority, SegmentRow, State, Text},
    };

    const NOW: Timestamp = Timestamp(1_000_000);

    fn gateway() -> GatewayId {
        "main".parse().expect("an id")
    }

    fn item(sent: u8) -> Item {
        let text = Text {
            trace: crate::address::Trace::default(),
            to: "+15551234567".to_owned().try_into().expect("a number"),
            content: Content::text("hello"),
            parts: 3,
            reference: 7,
            sender: None,
            sender_required: false,
            wire: None,
            sender_phone: None,
            pid: None,
            dcs: None,
            value: Vec::new(),
            account: "alice@example.test".parse().expect("a name"),
            charged: None,
            confirms: false,
            origin: Origin {
                report_to: None,
                reply_to: None,
                notify: crate::smtp::Notify::default(),
                ret: None,
                envid: None,
                orcpt: None,
                written: String::new(),
                auto_replied: false,
                arrived: NOW,
                message_id: None,
                references: Vec::new(),
                subject: None,
                original: None,
            },
        };
        Item {
            id: MessageId::new(),
            key: Key::Any,
            priority: Priority::Normal,
            state: State::Trying,
            attempts: 1,
            last_attempt: None,
            created: NOW,
            expires: NOW + Duration::from_secs(86_400),
            payload: Payload::Text(Box::new(text)),
            gateway: Some(gateway()),
            frozen: None,
            segments: (1..=sent).map(|n| SegmentRow { n, state: SegmentState::Sent, reference: None }).collect(),
            begun: Some(sent..sent + 1),
            cause: None,
            mate: None,
            fault: None,
            warned: false,
        }
    }

    fn at(requests: u8) -> Circumstances {
        Circumstances {
            now: NOW,
            gateway: gateway(),
            on_unsure: OnUnsure::Report,
            backoff: Backoff { min: Duration::from_secs(30), max: Duration::from_secs(1800) },
            jitter: 0.5,
            receipt_wait: None,
            requests,
            elsewhere: false,
        }
    }

    fn fault(scope: Scope) -> Fault {
        Fault::new(scope, Enhanced::new(4, 4, 5), "busy")
    }

    fn sent() -> Outcome {
        Outcome::Sent(RemoteId::new("r1"))
    }

    #[test]
    fn sent_whole_closes_as_relayed_or_waits_for_its_receipt() {
        let verdict = judge(&item(0), &[(0, sent())], &at(1));
        assert_eq!((verdict.next, verdict.tell, verdict.event), (Next::Closed(Closed::Relayed), Tell::Relayed, "sent"));
        let wait = Duration::from_secs(60);
        let with_receipts = Circumstances { receipt_wait: Some(wait), ..at(1) };
        let verdict = judge(&item(0), &[(0, sent())], &with_receipts);
        assert_eq!((verdict.next, verdict.tell), (Next::Sent { until: NOW + wait }, Tell::Nothing));
    }

    #[test]
    fn sent_in_part_stays_with_its_gateway() {
        let verdict = judge(&item(0), &[(0, sent())], &at(3));
        assert_eq!(verdict.next, Next::Waiting { at: NOW, pin: Some(gateway()) });
        assert_eq!(verdict.tell, Tell::Nothing);
        let last = judge(&item(2), &[(2, sent())], &at(3));
        assert_eq!(last.next, Next::Closed(Closed::Relayed));
    }

    #[test]
    fn later_waits_and_honours_the_wish() {
        let verdict = judge(&item(0), &[(0, Outcome::Later(fault(Scope::Recipient)))], &at(1));
        assert_eq!(verdict.next, Next::Waiting { at: NOW + Duration::from_secs(30), pin: None });
        let wish = fault(Scope::Message).after(Some(Duration::from_secs(600)));
        let verdict = judge(&item(0), &[(0, Outcome::Later(wish))], &at(1));
        assert_eq!(verdict.next, Next::Waiting { at: NOW + Duration::from_secs(600), pin: None });
    }

    #[test]
    fn a_message_goes_elsewhere_at_once_when_the_trouble_is_the_gateways() {
        let later = [(0, Outcome::Later(fault(Scope::Gateway)))];
        let verdict = judge(&item(0), &later, &at(1));
        assert_eq!(verdict.next, Next::Waiting { at: NOW + Duration::from_secs(30), pin: None });
        let elsewhere = Circumstances { elsewhere: true, ..at(1) };
        assert_eq!(judge(&item(0), &later, &elsewhere).next, Next::Waiting { at: NOW, pin: None });
        let partly = judge(&item(1), &[(1, Outcome::Later(fault(Scope::Gateway)))], &elsewhere);
        assert_eq!(partly.next, Next::Waiting { at: NOW + Duration::from_secs(30), pin: Some(gateway()) });
    }

    #[test]
    fn a_broken_account_is_no_reason_to_refuse_the_message() {
        let verdict = judge(&item(0), &[(0, Outcome::Never(fault(Scope::Gateway)))], &at(1));
        assert!(matches!(verdict.next, Next::Waiting { .. }));
        assert_eq!(verdict.segments, [(0, SegmentState::Waiting, None)], "it is still to be sent");
        assert_eq!(verdict.tell, Tell::Nothing);
    }

    #[test]
    fn never_closes_tells_and_gives_back() {
        let verdict = judge(&item(0), &[(0, Outcome::Never(fault(Scope::Recipient)))], &at(1));
        assert_eq!((verdict.next, verdict.tell), (Next::Closed(Closed::Failed), Tell::Failed));
        assert!(verdict.refund && verdict.unlink);
        let partly = judge(&item(1), &[(1, Outcome::Never(fault(Scope::Message)))], &at(3));
        assert_eq!(partly.next, Next::Closed(Closed::Failed));
        assert!(!partly.refund && !partly.unlink, "one segment went out and was paid for");
    }

    #[test]
    fn unsure_follows_the_choice_and_outweighs_everything() {
        let outcomes =
            [(0, sent()), (1, Outcome::Unsure(fault(Scope::Message))), (2, Outcome::Never(fault(Scope::Message)))];
        let verdict = judge(&item(0), &outcomes, &at(3));
        assert_eq!((verdict.next, verdict.tell), (Next::Closed(Closed::Failed), Tell::Unsure));
        assert!(!verdict.unlink && !verdict.refund, "the phone may have it and answer");
        let one = [(0, Outcome::Unsure(fault(Scope::Message)))];
        let hold = Circumstances { on_unsure: OnUnsure::Hold, ..at(1) };
        assert_eq!(judge(&item(0), &one, &hold).next, Next::Held(Why::Unsure));
        let retry = Circumstances { on_unsure: OnUnsure::Retry, ..at(1) };
        assert!(matches!(judge(&item(0), &one, &retry).next, Next::Waiting { .. }));
    }

    #[test]
    fn an_interrupted_attempt_is_unsure() {
        let verdict = judge_interrupted(&item(1), &at(3));
        assert_eq!(verdict.segments, [(1, SegmentState::Unsure, None)]);
        assert_eq!((verdict.next, verdict.tell), (Next::Closed(Closed::Failed), Tell::Unsure));
    }
}
