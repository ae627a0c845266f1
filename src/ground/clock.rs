//! Time: the wall clock in milliseconds, and a clock that tests turn.
//!
//! Rooms that wait take a [`Clock`]; pure rooms take a [`Timestamp`] as a value. The hand of a manual clock
//! wakes all sleepers whose moment has come, so that a test waits for events and never for time.

use std::{
    fmt,
    ops::{Add, Sub},
    sync::{Arc, LazyLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// A moment that never comes.
    pub const NEVER: Self = Self(i64::MAX);

    /// Time left until `self`, zero when it has passed.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The moment as a civil date and time in UTC, for people and for mail headers.
    pub fn utc(self) -> jiff::Zoned {
        let clamped = self.0.clamp(0, jiff::Timestamp::MAX.as_second() * 1_000);
        jiff::Timestamp::from_millisecond(clamped)
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .to_zoned(jiff::tz::TimeZone::UTC)
    }

    /// RFC 5322 date-time, as in `Date:`.
    pub fn rfc5322(self) -> String {
        self.utc().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(rhs.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(rhs.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// Where a room reads the time and waits for it.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(watch::Receiver<Hands>),
}

/// Both times of a manual clock.
#[derive(Debug, Clone, Copy)]
struct Hands {
    wall: Timestamp,
    monotonic: Duration,
}

/// Turns a manual clock.
#[derive(Clone)]
pub struct Hand(Arc<watch::Sender<Hands>>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until its hand is turned.
    pub fn manual(start: Timestamp) -> (Self, Hand) {
        let (tx, rx) = watch::channel(Hands { wall: start, monotonic: Duration::ZERO });
        (Self(Source::Manual(rx)), Hand(Arc::new(tx)))
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => {
                #[expect(clippy::disallowed_methods, reason = "this is the one place where the wall clock is read")]
                let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
            }
            Source::Manual(rx) => rx.borrow().wall,
        }
    }

    /// Time since an arbitrary moment, which no step of the wall clock touches.
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            Source::System => START.elapsed(),
            Source::Manual(rx) => rx.borrow().monotonic,
        }
    }

    /// Waits for `pause` of this clock's time.
    pub async fn sleep(&self, pause: Duration) {
        match &self.0 {
            // Tokio's timer cannot express more than about two years; a year is as good as never here.
            Source::System => tokio::time::sleep(pause.min(Duration::from_secs(31_536_000))).await,
            Source::Manual(rx) => {
                let until = rx.borrow().monotonic.saturating_add(pause);
                Box::pin(self.sleep_to(until)).await;
            }
        }
    }

    /// Waits until [`Clock::monotonic`] has come to `moment`. Who reads the time, looks, and then waits for what he saw
    /// loses nothing of what passed while he looked.
    pub async fn sleep_to(&self, moment: Duration) {
        match &self.0 {
            Source::System => self.sleep(moment.saturating_sub(self.monotonic())).await,
            Source::Manual(rx) => {
                if rx.clone().wait_for(|now| now.monotonic >= moment).await.is_err() {
                    // The hand is gone: nobody will ever turn this clock again.
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Waits until `moment` on the wall clock.
    pub async fn sleep_until(&self, moment: Timestamp) {
        self.sleep(moment.since(self.now())).await;
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Clock(system)",
            Source::Manual(_) => "Clock(manual)",
        })
    }
}

impl Hand {
    /// Lets `pause` pass.
    pub fn advance(&self, pause: Duration) {
        self.0.send_modify(|now| {
            now.wall = now.wall + pause;
            now.monotonic += pause;
        });
    }

    /// Sets the wall clock, backwards too, while no time passes.
    pub fn set(&self, wall: Timestamp) {
        self.0.send_modify(|now| now.wall = wall);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turned_clock_wakes_its_sleepers() {
        let (clock, hand) = Clock::manual(Timestamp(1_000));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(Timestamp(6_000)).await;
                clock.now()
            }
        });
        tokio::task::yield_now().await;
        hand.advance(Duration::from_secs(4));
        assert!(!sleeper.is_finished());
        hand.advance(Duration::from_secs(1));
        assert_eq!(sleeper.await.expect("sleeper"), Timestamp(6_000));
    }

    #[test]
    fn dates_for_mail() {
        assert_eq!(Timestamp(0).rfc5322(), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(Timestamp::NEVER.since(Timestamp(0)), Duration::from_millis(i64::MAX as u64));
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
        assert!(Timestamp::NEVER.rfc5322().contains("9999"), "{}", Timestamp::NEVER.rfc5322());
    }
}
