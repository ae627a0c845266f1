//! Values that no log, error or `Debug` may show.

use std::fmt;

use subtle::ConstantTimeEq;

/// A value that never prints. `expose` is the one way to it, easy to search for.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself: for the wire or for a comparison, never for a message to a person.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: AsRef<[u8]>> Secret<T> {
    /// Compares in a time that depends on the lengths alone and not on what they have in common: digests of both are
    /// compared, so that a difference in length ends nothing early.
    pub fn matches(&self, given: &[u8]) -> bool {
        use sha2::{Digest, Sha256};
        Sha256::digest(self.0.as_ref()).ct_eq(&Sha256::digest(given)).into()
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_never_printed() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "[secret]");
    }

    #[test]
    fn matches_exactly() {
        let pin = Secret::new("pin".to_owned());
        assert!(pin.matches(b"pin"));
        assert!(!pin.matches(b"pi") && !pin.matches(b"pin ") && !pin.matches(b""));
    }
}
