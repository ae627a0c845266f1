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
#[path = "breaker_tests.rs"]
mod tests;
