//! How many requests a second: a bucket of tokens, pure.
//!
//! It holds a tenth of a second's worth (at least one), so that no second sees more than the rate and that much on top.
//! Nothing of it is stored: after a restart it is full, which is the same tenth of a second.

use std::time::Duration;

/// One token for each request.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Tokens a second.
    rate: f64,
    size: f64,
    tokens: f64,
    at: Duration,
}

/// Tokens are sums of fractions: what lacks so little is whole.
const NEARLY: f64 = 1e-6;

impl Bucket {
    /// A full one. `rate` is above 0.
    pub fn new(rate: f64, now: Duration) -> Self {
        let size = (rate / 10.0).max(1.0);
        Self { rate, size, tokens: size, at: now }
    }

    /// The same one under another rate: what was taken stays taken.
    pub fn at_rate(&self, rate: f64, now: Duration) -> Self {
        let full = Self::new(rate, now);
        let filled = (self.filled(now) / self.size).clamp(0.0, 1.0);
        Self { tokens: full.size * filled, ..full }
    }

    fn filled(&self, now: Duration) -> f64 {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        (self.tokens + passed * self.rate).min(self.size)
    }

    /// Requests that may go now.
    pub fn whole(&self, now: Duration) -> usize {
        (self.filled(now) + NEARLY) as usize
    }

    /// Takes one token; the caller has seen that there is one.
    pub fn take(&mut self, now: Duration) {
        self.tokens = (self.filled(now) - 1.0).max(0.0);
        self.at = now;
    }

    /// When the next request may go, if none may now.
    pub fn next(&self, now: Duration) -> Option<Duration> {
        let lacking = 1.0 - self.filled(now);
        (lacking > NEARLY).then(|| now + Duration::from_secs_f64(lacking / self.rate))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn one_a_second_is_one_a_second() {
        let mut bucket = Bucket::new(1.0, Duration::ZERO);
        assert_eq!(bucket.whole(Duration::ZERO), 1);
        bucket.take(Duration::ZERO);
        assert_eq!((bucket.whole(999 * MS), bucket.whole(1_000 * MS), bucket.whole(9_000 * MS)), (0, 1, 1));
        let next = bucket.next(500 * MS).expect("none now");
        assert!(next > 999 * MS && next <= 1_001 * MS, "{next:?}");
        assert_eq!(bucket.next(next), None);
    }

    #[test]
    fn a_new_rate_gives_nothing_for_free() {
        let mut bucket = Bucket::new(100.0, Duration::ZERO);
        (0..10).for_each(|_| bucket.take(Duration::ZERO));
        assert_eq!(bucket.at_rate(50.0, Duration::ZERO).whole(Duration::ZERO), 0);
    }

    proptest! {
        /// However eagerly it is asked, no second sees more than the rate and what the bucket holds.
        #[test]
        fn no_second_sees_more(rate in 0.2f64..300.0, steps in prop::collection::vec(1u32..400, 1..200)) {
            let mut bucket = Bucket::new(rate, Duration::ZERO);
            let (mut now, mut taken) = (Duration::ZERO, Vec::new());
            for step in steps {
                while bucket.whole(now) > 0 {
                    bucket.take(now);
                    taken.push(now);
                }
                now += step * MS;
            }
            for start in &taken {
                let seen = taken.iter().filter(|at| **at >= *start && **at < *start + 1_000 * MS).count();
                prop_assert!(seen as f64 <= rate + (rate / 10.0).max(1.0) + 0.01, "{seen} at {rate}");
            }
        }

        /// Asked whenever it says so, it keeps up the rate.
        #[test]
        fn it_keeps_up_the_rate(rate in 0.2f64..300.0) {
            let mut bucket = Bucket::new(rate, Duration::ZERO);
            let (mut now, mut count) = (Duration::ZERO, 0u32);
            while now < Duration::from_secs(20) {
                while bucket.whole(now) > 0 {
                    bucket.take(now);
                    count += 1;
                }
                now = bucket.next(now).expect("it is empty");
            }
            prop_assert!(f64::from(count) >= 20.0 * rate - 1.0, "{count} at {rate}");
        }
    }
}
