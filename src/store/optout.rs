//! The opt-out list: which phones want no texts from which of our numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ground::Timestamp, routing::Ours};

/// By what a phone came onto the list, or left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// It sent the word itself.
    Word,
    /// The network refused a text for it, or said so.
    Provider,
    /// An administrator.
    Hand,
}

impl How {
    /// The word of logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Word => "word",
            Self::Provider => "provider",
            Self::Hand => "hand",
        }
    }
}

/// A phone opts out of texts from one of ours, or takes them again.
#[derive(Clone, PartialEq, Eq)]
pub struct Opting {
    /// E.164 or short code.
    pub phone: String,
    pub ours: Ours,
    /// `false`: it takes them again.
    pub out: bool,
    pub how: How,
}

/// Without the phone.
impl fmt::Debug for Opting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opting({:?}, {}, {:?})", self.ours, self.out, self.how)
    }
}

/// One line of the list.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptedOut {
    pub phone: String,
    pub ours: Ours,
    pub since: Timestamp,
    pub how: How,
}

/// Without the phone.
impl fmt::Debug for OptedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OptedOut({:?}, {:?})", self.ours, self.how)
    }
}
