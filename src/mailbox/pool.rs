//! Connections that wait for the next mail: few, and not for long.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// More are closed rather than kept.
const KEPT: usize = 4;

/// Idle connections, the newest first.
pub(super) struct Pool<C> {
    idle: Mutex<Vec<(Instant, C)>>,
    keep: Duration,
}

impl<C> Pool<C> {
    pub(super) fn new(keep: Duration) -> Self {
        Self { idle: Mutex::new(Vec::new()), keep }
    }

    /// The newest one that is not too old; older ones are closed.
    pub(super) fn take(&self) -> Option<C> {
        self.take_where(|_| true)
    }

    /// The newest one that fits and is not too old; older ones are closed.
    pub(super) fn take_where(&self, fits: impl Fn(&C) -> bool) -> Option<C> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(since, _)| since.elapsed() < self.keep);
        let at = idle.iter().rposition(|(_, connection)| fits(connection))?;
        Some(idle.remove(at).1)
    }

    pub(super) fn put(&self, connection: C) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push((Instant::now(), connection));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_few_and_gives_the_newest() {
        let pool = Pool::new(Duration::from_secs(60));
        (0..10).for_each(|n| pool.put(n));
        assert_eq!(std::iter::from_fn(|| pool.take()).collect::<Vec<_>>(), [3, 2, 1, 0]);
        (0..4).for_each(|n| pool.put(n));
        assert_eq!((pool.take_where(|n| *n == 1), pool.take_where(|n| *n == 1), pool.take()), (Some(1), None, Some(3)));
        let stale = Pool::new(Duration::ZERO);
        stale.put(1);
        assert_eq!(stale.take(), None);
    }
}
