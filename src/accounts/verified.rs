//! Passwords that were right a moment ago: a hash is made to be slow, and a program that sends a hundred texts would pay
//! for it each time.
//!
//! Kept is a keyed hash of account and password with a key that this process alone has, for ten minutes. Plain passwords
//! are not kept: comparing them costs nothing.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

use super::{AccountName, Password};

/// How long a verified password counts without being checked again.
const KEPT: Duration = Duration::from_secs(600);
/// Beyond so many the oldest are forgotten.
const MOST: usize = 4096;

/// Shared by all clones.
#[derive(Clone)]
pub(super) struct Verified(Arc<Inner>);

struct Inner {
    key: [u8; 32],
    until: Mutex<HashMap<[u8; 32], Instant>>,
}

impl Default for Verified {
    fn default() -> Self {
        // The standard library's random state: 128 bits of the system's, which nobody else knows.
        let random = RandomState::new();
        let mut key = [0; 32];
        for (n, bytes) in key.chunks_mut(8).enumerate() {
            bytes.copy_from_slice(&random.hash_one(n).to_be_bytes());
        }
        Self(Arc::new(Inner { key, until: Mutex::default() }))
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verified")
    }
}

impl Verified {
    /// Was this very password right for this account lately?
    pub(super) fn knows(&self, name: &AccountName, password: &Password, given: &[u8]) -> bool {
        let now = Instant::now();
        password.is_hash() && self.lock().get(&self.mark(name, password, given)).is_some_and(|until| *until > now)
    }

    /// It was right.
    pub(super) fn learn(&self, name: &AccountName, password: &Password, given: &[u8]) {
        let (mark, now) = (self.mark(name, password, given), Instant::now());
        let mut known = self.lock();
        if known.len() >= MOST {
            known.retain(|_, until| *until > now);
        }
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(mark, now + KEPT);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Instant>> {
        self.0.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key stands in front and behind; lengths keep the pieces apart.
    fn mark(&self, name: &AccountName, password: &Password, given: &[u8]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.0.key);
        for piece in [name.as_str().as_bytes(), password.kept(), given] {
            hash.update((piece.len() as u64).to_be_bytes());
            hash.update(piece);
        }
        hash.update(self.0.key);
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::Secret;

    #[test]
    fn only_the_very_same_is_known() {
        let hash = |salt: &str| {
            let phc = format!("$argon2id$v=19$m=64,t=1,p=1${salt}$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4");
            Password::new(Secret::new(phc)).expect("a hash")
        };
        let (name, other): (AccountName, AccountName) = ("a".parse().expect("a"), "b".parse().expect("b"));
        let password = hash("c2FsdHNhbHRzYWx0");
        let verified = Verified::default();
        verified.learn(&name, &password, b"pw");
        assert!(verified.knows(&name, &password, b"pw") && verified.clone().knows(&name, &password, b"pw"));
        assert!(!verified.knows(&name, &password, b"pw2") && !verified.knows(&other, &password, b"pw"));
        assert!(!verified.knows(&name, &hash("c2FsdHNhbHRzYWx1"), b"pw"), "the password was changed");
        assert!(!Verified::default().knows(&name, &password, b"pw"));
        for n in 0..2 * MOST {
            verified.learn(&name, &password, &n.to_be_bytes());
        }
        assert!(verified.lock().len() <= MOST);
    }
}
