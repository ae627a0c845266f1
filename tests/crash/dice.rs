//! Random moments that a seed repeats: SplitMix64.

use std::time::{SystemTime, UNIX_EPOCH};

pub struct Dice(u64);

impl Dice {
    /// Thrown anew with `MARTLET_SEED`, or by the clock.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// An even draw from `0..limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}

/// `MARTLET_SEED`, or one that is new each time.
#[expect(clippy::disallowed_methods, reason = "a test has no clock of its own, and a seed may come from outside")]
pub fn seed() -> u64 {
    let given = std::env::var("MARTLET_SEED").ok().and_then(|s| s.parse().ok());
    given.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |d| u64::from(d.subsec_nanos())))
}

/// `MARTLET_CRASH_ROUNDS`, or twenty.
#[expect(clippy::disallowed_methods, reason = "how long to look for trouble is said by whoever starts it")]
pub fn rounds() -> usize {
    std::env::var("MARTLET_CRASH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}
