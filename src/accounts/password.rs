//! Passwords of declared accounts: a plain secret, or an Argon2id hash in PHC form.
//!
//! Hashing is bounded to half of the cores at once, off the async threads; a caller waits a moment for its turn and is
//! then told to come again.

use std::{sync::LazyLock, time::Duration};

use argon2::{
    Argon2,
    password_hash::{PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;

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

static TURNS: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Semaphore::new((cores / 2).max(1))
});

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
                let turn = tokio::time::timeout(PATIENCE, TURNS.acquire()).await;
                let Ok(Ok(turn)) = turn else { return Err(Busy) };
                // The turn is over when the work is, also if the caller has gone by then.
                tokio::task::spawn_blocking(move || {
                    let fits = argon2_fits(&hash, &given);
                    drop(turn);
                    fits
                })
                .await
                .unwrap_or(false)
            }
        };
        Ok(right && !self.never)
    }
}

fn argon2_fits(hash: &Secret<String>, given: &Secret<Vec<u8>>) -> bool {
    PasswordHash::new(hash.expose()).is_ok_and(|hash| Argon2::default().verify_password(given.expose(), &hash).is_ok())
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
