//! Access classes: which accounts a route is open to.

use std::{fmt, str::FromStr, sync::Arc};

/// The name of a class: 1 to 64 of `A-Z a-z 0-9 _ -`, without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Class(Arc<str>);

impl Class {
    /// That of accounts and of routes which name none.
    pub fn global() -> Self {
        Self("global".into())
    }

    pub fn is_global(&self) -> bool {
        *self.0 == *"global"
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Class {
    type Err = &'static str;
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if (1..=64).contains(&word.len()) && word.bytes().all(sound) {
            Ok(Self(word.to_ascii_lowercase().into()))
        } else {
            Err("a class is 1 to 64 of A-Z a-z 0-9 _ -")
        }
    }
}
