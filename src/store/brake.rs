//! Brakes: limits over a stretch of time that an entry counts against, in the transaction that queues it.
//!
//! A counter begins with the first entry that counts and ends at its `until`; the next one begins anew. Keys are
//! hashes: neither numbers nor texts can be read from them. The kinds say what is counted, their callers say how much
//! is allowed (`[brakes]`, accounts).

use sha2::{Digest, Sha256};

use crate::ground::Timestamp;

/// What a brake counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BrakeKind {
    /// The same text to the same number.
    SameText,
    /// The same answer of an account to the same phone: two machines that answer each other.
    Echo,
    /// Numbers that an account had not written to before.
    NewNumbers,
    /// Countries that an account had not written to before.
    NewCountries,
    /// Texts of an account in a stretch of time.
    Rate,
    /// Segments of an account in a day.
    Daily,
    /// Segments of everybody in a day.
    DailyAll,
    /// What an account spends in a day, in millionths.
    DailyCost,
    /// What everybody spends in a day, in millionths.
    DailyCostAll,
    /// Texts that Martlet itself writes to one phone in a day.
    OwnPhone,
    /// Texts that Martlet itself writes in a day.
    OwnAll,
    /// Texts from one phone.
    FloodPhone,
    /// Texts from one gateway.
    FloodGateway,
}

impl BrakeKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::SameText,
        Self::Echo,
        Self::NewNumbers,
        Self::NewCountries,
        Self::Rate,
        Self::Daily,
        Self::DailyAll,
        Self::DailyCost,
        Self::DailyCostAll,
        Self::OwnPhone,
        Self::OwnAll,
        Self::FloodPhone,
        Self::FloodGateway,
    ];

    /// The word of logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::SameText => "same_text",
            Self::Echo => "echo",
            Self::NewNumbers => "new_numbers",
            Self::NewCountries => "new_countries",
            Self::Rate => "rate",
            Self::Daily => "daily_max",
            Self::DailyAll => "daily_max_all",
            Self::DailyCost => "daily_cost",
            Self::DailyCostAll => "daily_cost_all",
            Self::OwnPhone => "own_texts_phone",
            Self::OwnAll => "own_texts_all",
            Self::FloodPhone => "flood_phone",
            Self::FloodGateway => "flood_gateway",
        }
    }
}

/// Whose counter it is: a hash of the kind and what it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BrakeKey(pub [u8; 16]);

impl BrakeKey {
    /// The key of these pieces; lengths keep them apart.
    pub fn of(what: &str, pieces: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for piece in std::iter::once(what.as_bytes()).chain(pieces.iter().copied()) {
            hash.update((piece.len() as u64).to_be_bytes());
            hash.update(piece);
        }
        let whole: [u8; 32] = hash.finalize().into();
        let mut key = [0; 16];
        key.copy_from_slice(&whole[..16]);
        Self(key)
    }
}

/// One limit that an entry counts against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brake {
    pub kind: BrakeKind,
    pub key: BrakeKey,
    pub amount: u64,
    /// With more than this in one stretch the entry is refused.
    pub limit: u64,
    /// A counter that begins with this entry ends here.
    pub until: Timestamp,
    /// It counts only if this is not known yet; from then on it is, until the moment beside it.
    pub unless_known: Option<(BrakeKey, Timestamp)>,
}

/// A brake that took hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Braked {
    pub kind: BrakeKind,
    pub limit: u64,
    /// When its counter begins anew.
    pub until: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_pieces_apart() {
        let key = |pieces: &[&[u8]]| BrakeKey::of("x", pieces);
        assert_eq!(key(&[b"ab", b"c"]), key(&[b"ab", b"c"]));
        assert_ne!(key(&[b"ab", b"c"]), key(&[b"a", b"bc"]));
        assert_ne!(key(&[b"a"]), BrakeKey::of("y", &[b"a"]));
    }

    #[test]
    fn every_kind_has_its_word() {
        let words: std::collections::HashSet<_> = BrakeKind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words.len(), BrakeKind::ALL.len());
    }
}
