//! A gateway that fails, asks for a rest, hangs, and comes back: what the breaker makes of it, moment by moment.

use proptest::prelude::*;

use super::*;

const RULES: Rules = Rules {
    faults: 3,
    error_rate: 50,
    stuck: Duration::from_secs(30),
    pause: Backoff { min: Duration::from_secs(30), max: Duration::from_secs(300) },
};

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One attempt that begins and ends at once.
fn attempt(b: &mut Breaker, sign: Sign, at: Duration) -> Option<Change> {
    b.began(at);
    b.ended(sign, &RULES, at, 1.0)
}

fn faults(b: &mut Breaker, many: u32, at: Duration) {
    for _ in 0..many {
        attempt(b, Sign::Fault, at);
    }
}

fn down(cause: Cause, pause: u64) -> Option<Change> {
    Some(Change::Down { cause, pause: s(pause) })
}

#[test]
fn one_message_that_fails_again_and_again_is_not_the_gateway() {
    let mut b = Breaker::default();
    for n in 0..50 {
        b.began(Duration::from_secs(n));
        let sign = if n == 0 { Sign::Fault } else { Sign::Again };
        assert_eq!(b.ended(sign, &RULES, Duration::from_secs(n), 1.0), None, "{n}");
    }
    assert_eq!(b.health(), Health::Up);
    // On trial it is a fault like any other: the trial must end.
    let mut b = Breaker { health: Health::Down { until: Duration::ZERO, cause: Cause::Faults }, ..Breaker::default() };
    b.began(Duration::from_secs(1));
    assert!(matches!(b.ended(Sign::Again, &RULES, Duration::from_secs(1), 1.0), Some(Change::Down { .. })));
}

#[test]
fn faults_in_a_row_open_it_and_an_answer_between_does_not() {
    let mut b = Breaker::default();
    for sign in [Sign::Fault, Sign::Silence, Sign::Well, Sign::Fault, Sign::Fault] {
        assert_eq!(attempt(&mut b, sign, s(1)), None);
    }
    assert_eq!(attempt(&mut b, Sign::Fault, s(2)), down(Cause::Faults, 30));
    assert_eq!((b.room(s(31)), b.room(s(32))), (Room::None, Room::One));
    assert_eq!(b.turns(&RULES, s(3)), Some(s(32)));
    let mut b = Breaker::default();
    attempt(&mut b, Sign::Fault, s(0));
    attempt(&mut b, Sign::Silence, s(0));
    assert_eq!(attempt(&mut b, Sign::Silence, s(0)), down(Cause::Silence, 30));
}

#[test]
fn one_attempt_tries_it_and_decides() {
    let mut b = Breaker::default();
    faults(&mut b, 3, s(0));
    assert_eq!(b.began(s(30)), Some(Change::Trial));
    assert_eq!(b.room(s(30)), Room::None, "one at a time");
    assert_eq!(b.ended(Sign::Fault, &RULES, s(31), 1.0), down(Cause::Faults, 60), "once is enough, and for longer");
    assert_eq!(b.began(s(91)), Some(Change::Trial));
    b.left(s(91));
    assert_eq!(b.room(s(91)), Room::One, "it was not made: another may");
    b.began(s(92));
    assert_eq!(b.ended(Sign::Well, &RULES, s(93), 1.0), Some(Change::Up));
    assert_eq!(b.room(s(93)), Room::All);
    faults(&mut b, 2, s(94));
    assert_eq!(attempt(&mut b, Sign::Fault, s(94)), down(Cause::Faults, 30), "the pause is short again");
}

#[test]
fn the_pause_has_an_end() {
    let (mut b, mut at) = (Breaker::default(), s(0));
    faults(&mut b, 3, s(0));
    for _ in 0..40 {
        let Health::Down { until, .. } = b.health() else { panic!("{b:?}") };
        assert!(until - at <= s(300), "{until:?} {at:?}");
        at = until;
        attempt(&mut b, Sign::Fault, at);
    }
}

#[test]
fn what_the_gateway_asks_for_is_heard_at_once() {
    let mut b = Breaker::default();
    assert_eq!(attempt(&mut b, Sign::Asked(Some(s(120))), s(0)), down(Cause::Asked, 120));
    assert_eq!(attempt(&mut Breaker::default(), Sign::Asked(None), s(0)), down(Cause::Asked, 30));
    assert_eq!(attempt(&mut Breaker::default(), Sign::Account, s(0)), down(Cause::Account, 30));
    // Those under way ask for more, or less.
    b.ended(Sign::Asked(Some(s(200))), &RULES, s(1), 1.0);
    b.ended(Sign::Asked(Some(s(10))), &RULES, s(2), 1.0);
    b.ended(Sign::Well, &RULES, s(3), 1.0);
    assert_eq!((b.room(s(200)), b.room(s(201))), (Room::None, Room::One));
}

#[test]
fn half_of_a_minutes_attempts_open_it() {
    let mut b = Breaker::default();
    for n in 0..19 {
        let sign = if n % 2 == 0 { Sign::Fault } else { Sign::Well };
        assert_eq!(attempt(&mut b, sign, s(n)), None, "{n}: few");
    }
    assert_eq!(attempt(&mut b, Sign::Well, s(19)), None, "an answer opens nothing");
    assert_eq!(attempt(&mut b, Sign::Fault, s(20)), down(Cause::ErrorRate, 30));
    // The same over hours is no trouble of the minute.
    let mut b = Breaker::default();
    for n in 0..200 {
        let sign = if n % 2 == 0 { Sign::Fault } else { Sign::Well };
        assert_eq!(attempt(&mut b, sign, s(60 * n)), None);
    }
}

#[test]
fn attempts_without_an_answer_are_stuck() {
    let mut b = Breaker::default();
    for _ in 0..5 {
        assert_eq!(b.began(s(0)), None);
    }
    assert_eq!(b.turns(&RULES, s(0)), Some(s(30)));
    assert_eq!(b.look(&RULES, s(29), 1.0), None);
    b.ended(Sign::Well, &RULES, s(29), 1.0);
    assert_eq!(b.look(&RULES, s(58), 1.0), None, "it answers, if slowly");
    assert_eq!(b.look(&RULES, s(59), 1.0), down(Cause::Stuck, 30));
    assert_eq!(b.ended(Sign::Well, &RULES, s(61), 1.0), Some(Change::Up), "it only was slow");
    let mut idle = Breaker::default();
    attempt(&mut idle, Sign::Well, s(0));
    assert_eq!((idle.look(&RULES, s(9_999), 1.0), idle.turns(&RULES, s(1))), (None, None), "idle is not stuck");
}

#[test]
fn a_person_may_have_it_tried_at_once() {
    let mut b = Breaker::default();
    attempt(&mut b, Sign::Asked(Some(s(900))), s(0));
    b.try_now(s(5));
    assert_eq!(b.room(s(5)), Room::One);
}

proptest! {
    /// Whatever happens, a gateway that answers at last is used again, and counts never run away.
    #[test]
    fn it_always_closes_in_the_end(steps in prop::collection::vec((0u8..7, 0u64..50), 0..200)) {
        let (mut b, mut now, mut open) = (Breaker::default(), s(0), 0usize);
        for (what, passed) in steps {
            now += s(passed);
            let sign = match what {
                0 => { b.look(&RULES, now, 0.5); continue }
                1 => { if b.room(now) != Room::None { b.began(now); open += 1; } continue }
                2 => Sign::Well,
                3 => Sign::Fault,
                4 => Sign::Silence,
                5 => Sign::Asked(Some(s(passed))),
                _ => Sign::Account,
            };
            if open > 0 {
                open -= 1;
                b.ended(sign, &RULES, now, 0.5);
            }
            prop_assert_eq!(b.under_way(), open);
        }
        for _ in 0..open {
            b.ended(Sign::Well, &RULES, now, 0.5);
        }
        now += s(86_400);
        prop_assert!(b.room(now) != Room::None);
        b.began(now);
        b.ended(Sign::Well, &RULES, now, 0.5);
        prop_assert_eq!(b.room(now), Room::All);
    }
}
