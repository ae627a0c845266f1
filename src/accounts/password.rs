//! Passwords of declared accounts: a plain secret, or an Argon2id hash in PHC form.
//!
//! Hashing is bounded to half of the cores at once, off the async threads; a caller waits its turn.

use std::sync::LazyLock;

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

    /// Is `given` the password?
    pub async fn verify(&self, given: &[u8]) -> bool {
        let right = match &self.kept {
            // Hashing both sides first makes the time independent of the password's length.
            Kept::Plain(secret) => digest(secret.expose().as_bytes()).matches(digest(given).expose()),
            Kept::Argon2(hash) => {
                let (hash, given) = (hash.clone(), Secret::new(given.to_vec()));
                let Ok(_turn) = TURNS.acquire().await else { return false };
                tokio::task::spawn_blocking(move || argon2_fits(&hash, &given)).await.unwrap_or(false)
            }
        };
        right && !self.never
    }
}

fn argon2_fits(hash: &Secret<String>, given: &Secret<Vec<u8>>) -> bool {
    PasswordHash::new(hash.expose()).is_ok_and(|hash| Argon2::default().verify_password(given.expose(), &hash).is_ok())
}

fn digest(bytes: &[u8]) -> Secret<Vec<u8>> {
    use sha2::{Digest, Sha256};
    Secret::new(Sha256::digest(bytes).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn plain_and_hashed_ones_fit_exactly() {
        let plain = Password::new(Secret::new("pw".to_owned())).expect("plain");
        assert!(plain.verify(b"pw").await && !plain.verify(b"pw2").await && !plain.verify(b"").await);
        // m=8 KiB, t=1: cheap enough for a test; made with the argon2 reference tool's parameters.
        use argon2::{Algorithm, Params, PasswordHasher, Version};
        let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).expect("params"));
        let phc = cheap.hash_password(b"pw").expect("hash").to_string();
        let hashed = Password::new(Secret::new(phc)).expect("hash");
        assert!(hashed.is_hash() && hashed.verify(b"pw").await && !hashed.verify(b"no").await);
        assert!(!hashed.never().verify(b"pw").await);
        assert!(Password::new(Secret::new("$argon2id$broken".to_owned())).is_err());
    }
}
