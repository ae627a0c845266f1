//! What each table of the file says, as a digest: to tell what has changed since.
//!
//! Digests instead of the tables themselves: these hold secrets. A secret that stands elsewhere (`{ file = … }`) can
//! change without its table changing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use sha2::{Digest, Sha256};

/// A digest of every top-level key.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Prints(BTreeMap<String, [u8; 32]>);

impl fmt::Debug for Prints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prints")
    }
}

impl Prints {
    /// Of the file and the further ones; what is not TOML has no prints.
    pub(super) fn of<'a>(main: &'a str, more: impl Iterator<Item = &'a str>) -> Self {
        let mut hashes: BTreeMap<String, Sha256> = BTreeMap::new();
        for text in std::iter::once(main).chain(more) {
            for (key, value) in text.parse::<toml::Table>().unwrap_or_default() {
                let written = value.to_string();
                hashes.entry(key).or_default().update(written.as_bytes());
            }
        }
        Self(hashes.into_iter().map(|(key, hash)| (key, hash.finalize().into())).collect())
    }

    /// Names of the tables and keys that do not say the same.
    pub fn differing(&self, other: &Self) -> BTreeSet<String> {
        let all = self.0.keys().chain(other.0.keys());
        all.filter(|key| self.0.get(*key) != other.0.get(*key)).cloned().collect()
    }

    /// Takes over what `other` says of these.
    pub fn take(&mut self, other: &Self, keys: &[&str]) {
        for key in keys {
            match other.0.get(*key) {
                Some(print) => drop(self.0.insert((*key).to_owned(), *print)),
                None => drop(self.0.remove(*key)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_means_something_else_differs() {
        let of = |main: &str, more: &[&str]| Prints::of(main, more.iter().copied());
        let mut first = of("a = 1\n[b]\nc = \"x\"\n", &["[[gateway]]\nid = \"g\"\n"]);
        let same = of("# words\na = 1\n[b]\nc = 'x'\n", &["[[gateway]]\nid = 'g'"]);
        assert!(first.differing(&same).is_empty());
        let other = of("[b]\nc = \"y\"\n", &["[[gateway]]\nid = \"h\"\n"]);
        let named: Vec<_> = first.differing(&other).into_iter().collect();
        assert_eq!(named, ["a", "b", "gateway"]);
        first.take(&other, &["a", "b"]);
        let named: Vec<_> = first.differing(&other).into_iter().collect();
        assert_eq!(named, ["gateway"]);
    }
}
