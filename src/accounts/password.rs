//! Passwords of declared accounts: a plain secret, or an Argon2id hash in PHC form.
//!
//! One password is hashed at a time, off the async threads, in memory that is kept for the next one: a hash takes 19 MiB
//! and more by design, and many at once, or on many threads, would take that many times. A caller waits a moment for its turn
//! and is then told to come again; what was right lately is not hashed again (`verified.rs`).

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use argon2::{Algorithm, Argon2, Block, Params, Version, password_hash::phc::PasswordHash};
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;

use crate::ground::Secret;

/// How an account proves itself. Never printed.
#[derive(Debug, Clone)]
pub struct Password {
    kept: Kept,
    /// A decoy is checked like any other and never fits.
    never: bool,
}

#[derive(Debug, Clone)]
enum Kept {
    Plain(Secret<String>),
    /// PHC string, checked when it was read.
    Argon2(Secret<String>),
}

/// Not a hash that this version can check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadHash;

/// Too many passwords wait to be checked: try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

/// How long a caller waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whoever holds it has the turn.
static MEMORY: LazyLock<Arc<Mutex<Vec<Block>>>> = LazyLock::new(Arc::default);

impl Password {
    /// A secret as the configuration gives it: a PHC string (`$argon2id$…`) or the plain password.
    pub fn new(given: Secret<String>) -> Result<Self, BadHash> {
        let kept = if given.expose().starts_with("$argon2") {
            PasswordHash::new(given.expose()).map_err(|_| BadHash)?;
            Kept::Argon2(given)
        } else {
            Kept::Plain(given)
        };
        Ok(Self { kept, never: false })
    }

    pub(super) fn decoy() -> Self {
        Self { kept: Kept::Plain(Secret::new("nobody has this one".to_owned())), never: true }
    }

    pub(super) fn never(mut self) -> Self {
        self.never = true;
        self
    }

    pub(super) fn is_hash(&self) -> bool {
        matches!(self.kept, Kept::Argon2(_))
    }

    /// How much work checking it is, to compare hashes with each other.
    pub(super) fn cost(&self) -> u64 {
        let Kept::Argon2(hash) = &self.kept else { return 0 };
        let hash = PasswordHash::new(hash.expose());
        let params = hash.ok().and_then(|hash| argon2::Params::try_from(&hash).ok());
        params.map_or(0, |p| u64::from(p.m_cost()) * u64::from(p.t_cost()))
    }

    /// What is compared with, for a keyed hash of it.
    pub(super) fn kept(&self) -> &[u8] {
        match &self.kept {
            Kept::Plain(secret) | Kept::Argon2(secret) => secret.expose().as_bytes(),
        }
    }

    /// Is `given` the password?
    ///
    /// # Errors
    /// [`Busy`]: no turn came free in time.
    pub async fn verify(&self, given: &[u8]) -> Result<bool, Busy> {
        let right = match &self.kept {
            Kept::Plain(secret) => secret.matches(given),
            Kept::Argon2(hash) => {
                let (hash, given) = (hash.clone(), Secret::new(given.to_vec()));
                let turn = tokio::time::timeout(PATIENCE, MEMORY.clone().lock_owned()).await;
                let Ok(mut memory) = turn else { return Err(Busy) };
                // The turn is over when the work is, also if the caller has gone by then.
                tokio::task::spawn_blocking(move || argon2_fits(&hash, &given, &mut memory)).await.unwrap_or(false)
            }
        };
        Ok(right && !self.never)
    }
}

/// How often each hash was computed: work is counted, never timed.
#[cfg(test)]
pub(super) static COMPUTED: LazyLock<std::sync::Mutex<std::collections::HashMap<String, u32>>> =
    LazyLock::new(std::sync::Mutex::default);

fn argon2_fits(hash: &Secret<String>, given: &Secret<Vec<u8>>, memory: &mut Vec<Block>) -> bool {
    #[cfg(test)]
    COMPUTED.lock().expect("nobody panics here").entry(hash.expose().clone()).and_modify(|n| *n += 1).or_insert(1);
    let mut fits = || {
        let hash = PasswordHash::new(hash.expose()).ok()?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let (salt, wanted) = (hash.salt?, hash.hash?);
        memory.resize(memory.len().max(params.block_count()), Block::default());
        let mut got = vec![0; wanted.as_bytes().len()];
        let argon2 = Argon2::new(algorithm, version, params);
        argon2.hash_password_into_with_memory(given.expose(), salt.as_ref(), &mut got, memory.as_mut_slice()).ok()?;
        Some(bool::from(got.ct_eq(wanted.as_bytes())))
    };
    fits().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn plain_and_hashed_ones_fit_exactly() {
        let plain = Password::new(Secret::new("pw".to_owned())).expect("plain");
        for (given, fits) in [(&b"pw"[..], true), (b"pw2", false), (b"", false)] {
            assert_eq!(plain.verify(given).await, Ok(fits));
        }
        // m=8 KiB, t=1: cheap enough for a test; made with the argon2 reference tool's parameters.
        use argon2::{Algorithm, Params, PasswordHasher, Version};
        let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).expect("params"));
        let phc = cheap.hash_password(b"pw").expect("hash").to_string();
        let hashed = Password::new(Secret::new(phc)).expect("hash");
        assert_eq!((hashed.verify(b"pw").await, hashed.verify(b"no").await), (Ok(true), Ok(false)));
        assert!(hashed.is_hash() && hashed.cost() == 8);
        assert_eq!(hashed.never().verify(b"pw").await, Ok(false));
        assert!(Password::new(Secret::new("$argon2id$broken".to_owned())).is_err());
    }
}
