//! When to try again: exponential growth with full jitter, pure.
//!
//! The caller supplies the randomness, so that a test can choose it.

use std::time::Duration;

/// Bounds of the pause between two attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// No pause is shorter (`queue.retry_min`).
    pub min: Duration,
    /// No pause is longer (`queue.retry_max`).
    pub max: Duration,
}

impl Backoff {
    /// The pause after attempt number `attempt` (1 for the first), for a `jitter` drawn evenly from `0.0..1.0`.
    ///
    /// The ceiling doubles with each attempt from `min` to `max`; the pause lies between `min` and the ceiling.
    pub fn pause(&self, attempt: u32, jitter: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let ceiling = self.min.saturating_mul(2u32.saturating_pow(doublings)).min(self.max.max(self.min));
        let spread = ceiling.saturating_sub(self.min);
        self.min + spread.mul_f64(jitter.clamp(0.0, 1.0))
    }

    /// What a gateway asked for (`Retry-After`), kept within a day, or the pause of the own schedule if that is longer.
    pub fn at_least(&self, asked: Option<Duration>, attempt: u32, jitter: f64) -> Duration {
        let own = self.pause(attempt, jitter);
        match asked {
            Some(asked) => own.max(asked.min(Duration::from_secs(86_400))),
            None => own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const B: Backoff = Backoff { min: Duration::from_secs(30), max: Duration::from_secs(1800) };

    #[test]
    fn grows_to_the_ceiling_and_stays() {
        assert_eq!(B.pause(1, 1.0), Duration::from_secs(30));
        assert_eq!(B.pause(2, 1.0), Duration::from_secs(60));
        assert_eq!(B.pause(7, 1.0), Duration::from_secs(1800));
        assert_eq!(B.pause(4_000_000, 1.0), Duration::from_secs(1800));
        assert_eq!(B.pause(7, 0.0), Duration::from_secs(30));
    }

    #[test]
    fn a_gateways_wish_is_honoured_within_a_day() {
        assert_eq!(B.at_least(Some(Duration::from_secs(120)), 1, 0.5), Duration::from_secs(120));
        assert_eq!(B.at_least(Some(Duration::from_secs(1)), 1, 0.0), Duration::from_secs(30));
        assert_eq!(B.at_least(Some(Duration::MAX), 1, 0.0), Duration::from_secs(86_400));
    }
}
