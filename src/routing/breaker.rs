//! Whether a gateway is well: a breaker that opens on its troubles and lets single attempts try it again. Pure.
//!
//! | it opens | when |
//! |---|---|
//! | asked | the gateway asks to be left alone: `Retry-After`, throttling |
//! | account | it refuses everything: the account there is broken |
//! | faults | so many attempts in a row failed by its fault (`faults`), the same message again and again counted once |
//! | silence | the same, and the last of them got no answer in time |
//! | error rate | of the last minute's attempts so many in a hundred (`error_rate`), of twenty at the least |
//! | stuck | attempts are under way and none was answered for so long (`stuck`) |
//!
//! Open, nothing goes there; after a pause that grows, one attempt at a time tries it. An answer closes the breaker,
//! another trouble opens it for longer. A gateway that answers again after all is well again. Moments are those of a
//! clock that no step of the wall clock touches.

use std::time::Duration;

use crate::ground::Backoff;

/// When it opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Faults in a row.
    pub faults: u32,
    /// Of the last minute's attempts, in a hundred.
    pub error_rate: u32,
    /// Attempts under way, and no answer.
    pub stuck: Duration,
    /// How long it stays open.
    pub pause: Backoff,
}

impl Default for Rules {
    fn default() -> Self {
        let pause = Backoff { min: Duration::from_secs(30), max: Duration::from_secs(300) };
        Self { faults: 3, error_rate: 50, stuck: Duration::from_secs(30), pause }
    }
}

/// What one attempt says of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It answered; whatever it said of the message.
    Well,
    Fault,
    /// No answer, or a broken one.
    Silence,
    /// A fault at the same message as the last fault: that may be the message's own.
    Again,
    /// It wants to be left alone, for so long if it said so.
    Asked(Option<Duration>),
    /// It refuses everything.
    Account,
}

/// Why it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Asked,
    Account,
    Faults,
    Silence,
    ErrorRate,
    Stuck,
}

impl Cause {
    /// Its word in logs, metrics and lists.
    pub fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Account => "account",
            Self::Faults => "faults",
            Self::Silence => "silence",
            Self::ErrorRate => "error rate",
            Self::Stuck => "stuck",
        }
    }
}

/// How the gateway stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Up,
    /// Left alone until then; after that one attempt may try it.
    Down {
        until: Duration,
        cause: Cause,
    },
    /// One attempt tries it.
    Trial(Cause),
}

/// What changed, for whoever tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Down { cause: Cause, pause: Duration },
    Trial,
    Up,
}

/// How many attempts may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    None,
    One,
    All,
}

/// The breaker of one gateway.
#[derive(Debug, Clone)]
pub struct Breaker {
    health: Health,
    /// Attempts under way.
    open: usize,
    /// Since when attempts are under way without an answer to any.
    silent: Option<Duration>,
    /// Faults in a row.
    row: u32,
    /// Openings in a row, for the length of the pause.
    times: u32,
    minute: Minute,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { health: Health::Up, open: 0, silent: None, row: 0, times: 0, minute: Minute::default() }
    }
}

impl Breaker {
    pub fn health(&self) -> Health {
        self.health
    }

    /// Attempts under way.
    pub fn under_way(&self) -> usize {
        self.open
    }

    /// How many attempts may begin now.
    pub fn room(&self, now: Duration) -> Room {
        match self.health {
            Health::Up => Room::All,
            Health::Down { until, .. } if now < until => Room::None,
            Health::Down { .. } => Room::One,
            Health::Trial(_) => Room::None,
        }
    }

    /// The next moment at which it changes by the passing of time.
    pub fn turns(&self, rules: &Rules, now: Duration) -> Option<Duration> {
        match self.health {
            Health::Up => self.silent.map(|since| since + rules.stuck),
            Health::Down { until, .. } => Some(until).filter(|until| *until > now),
            Health::Trial(_) => None,
        }
    }

    /// An attempt begins.
    pub fn began(&mut self, now: Duration) -> Option<Change> {
        self.open += 1;
        self.silent.get_or_insert(now);
        match self.health {
            Health::Down { until, cause } if now >= until => {
                self.health = Health::Trial(cause);
                Some(Change::Trial)
            }
            Health::Up | Health::Down { .. } | Health::Trial(_) => None,
        }
    }

    /// An attempt was not made after all.
    pub fn left(&mut self, now: Duration) {
        self.less(now, false);
        if let Health::Trial(cause) = self.health {
            self.health = Health::Down { until: now, cause };
        }
    }

    /// An attempt ended. `jitter` lies in `0.0..1.0`.
    pub fn ended(&mut self, sign: Sign, rules: &Rules, now: Duration, jitter: f64) -> Option<Change> {
        self.less(now, sign != Sign::Silence);
        let fault = matches!(sign, Sign::Fault | Sign::Silence);
        if sign != Sign::Again {
            self.minute.count(now, fault);
            self.row = if fault { self.row.saturating_add(1) } else { 0 };
        }
        let asked = match sign {
            Sign::Asked(asked) => asked,
            _ => None,
        };
        match (self.health, sign) {
            (Health::Trial(_), Sign::Well) => Some(self.close()),
            // It only was slow.
            (Health::Down { cause: Cause::Stuck | Cause::Silence, .. }, Sign::Well) => Some(self.close()),
            // Attempts that were under way together count once; only a longer wish is heard.
            (Health::Down { until, .. }, _) => {
                let wished = now + asked.unwrap_or_default().min(LONGEST_WISH);
                if wished > until {
                    self.health = Health::Down { until: wished, cause: Cause::Asked };
                }
                None
            }
            (Health::Up, Sign::Well) => None,
            (Health::Up | Health::Trial(_), _) => {
                let cause = match sign {
                    Sign::Asked(_) => Some(Cause::Asked),
                    Sign::Account => Some(Cause::Account),
                    Sign::Silence if self.row >= rules.faults || self.tried() => Some(Cause::Silence),
                    Sign::Fault if self.row >= rules.faults || self.tried() => Some(Cause::Faults),
                    Sign::Again => self.tried().then_some(Cause::Faults),
                    _ if self.minute.is_bad(now, rules.error_rate) => Some(Cause::ErrorRate),
                    _ => None,
                };
                cause.map(|cause| self.down(cause, asked, rules, now, jitter))
            }
        }
    }

    /// Looks whether attempts are stuck.
    pub fn look(&mut self, rules: &Rules, now: Duration, jitter: f64) -> Option<Change> {
        let stuck = self.health == Health::Up && self.silent.is_some_and(|since| now >= since + rules.stuck);
        stuck.then(|| self.down(Cause::Stuck, None, rules, now, jitter))
    }

    /// A person wants it tried now.
    pub fn try_now(&mut self, now: Duration) {
        if let Health::Down { cause, .. } = self.health {
            self.health = Health::Down { until: now, cause };
        }
    }

    fn tried(&self) -> bool {
        matches!(self.health, Health::Trial(_))
    }

    fn less(&mut self, now: Duration, answered: bool) {
        self.open = self.open.saturating_sub(1);
        if self.open == 0 {
            self.silent = None;
        } else if answered {
            self.silent = Some(now);
        }
    }

    fn close(&mut self) -> Change {
        self.health = Health::Up;
        (self.row, self.times, self.minute) = (0, 0, Minute::default());
        Change::Up
    }

    fn down(&mut self, cause: Cause, asked: Option<Duration>, rules: &Rules, now: Duration, jitter: f64) -> Change {
        self.times = self.times.saturating_add(1);
        let pause = rules.pause.at_least(asked, self.times, jitter);
        self.health = Health::Down { until: now + pause, cause };
        (self.row, self.minute) = (0, Minute::default());
        Change::Down { cause, pause }
    }
}

/// A wish for more than a day is not heard.
const LONGEST_WISH: Duration = Duration::from_secs(86_400);

/// Attempts of the last minute, in six slices.
#[derive(Debug, Clone, Default)]
struct Minute {
    slices: [Slice; 6],
}

#[derive(Debug, Clone, Copy, Default)]
struct Slice {
    /// Which ten seconds of the clock.
    number: u64,
    all: u32,
    bad: u32,
}

impl Minute {
    /// Of fewer attempts nothing follows.
    const FEW: u32 = 20;

    fn count(&mut self, now: Duration, bad: bool) {
        let number = now.as_secs() / 10;
        let slice = &mut self.slices[usize::try_from(number % 6).unwrap_or(0)];
        if slice.number != number {
            *slice = Slice { number, ..Slice::default() };
        }
        slice.all = slice.all.saturating_add(1);
        slice.bad = slice.bad.saturating_add(u32::from(bad));
    }

    fn is_bad(&self, now: Duration, rate: u32) -> bool {
        let number = now.as_secs() / 10;
        let recent = self.slices.iter().filter(|slice| slice.number + 6 > number);
        let (all, bad) = recent.fold((0u64, 0u64), |(all, bad), s| (all + u64::from(s.all), bad + u64::from(s.bad)));
        all >= u64::from(Self::FEW) && bad * 100 >= all * u64::from(rate)
    }
}

#[cfg(test)]
mod tests {
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
        let mut b =
            Breaker { health: Health::Down { until: Duration::ZERO, cause: Cause::Faults }, ..Breaker::default() };
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
}
