//! Mates: short texts of one account to one number that may go out as one while they wait (`queue.consolidate`).
//!
//! Each stays a message of its own, with its own history, charge and report; they only share an attempt.

use sha2::{Digest, Sha256};

use super::{Key, Text};
use crate::sms::Body;

/// A hash of all that must be the same: account, number, originator, gateways and whatever else reaches the network.
/// Neither number nor account can be read from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mate(pub [u8; 16]);

impl Mate {
    /// Of a text that waits under this key; `None` where it must go by itself: it has more than words in one segment.
    pub fn of(text: &Text, key: &Key) -> Option<Self> {
        let plain = matches!(text.content.body, Body::Text(_)) && text.content.udh.is_empty() && text.parts == 1;
        if !plain || text.confirms {
            return None;
        }
        let same = (
            (&text.account, text.to.as_str(), format!("{key:?}")),
            (text.sender.as_ref(), text.sender_required, text.sender_phone.as_ref(), text.wire.as_ref()),
            (text.pid, text.dcs, &text.value, &text.trace),
        );
        let octets = serde_json::to_vec(&same).expect("invariant: names, numbers and flags");
        let whole: [u8; 32] = Sha256::digest(octets).into();
        let mut hash = [0; 16];
        hash.copy_from_slice(&whole[..16]);
        Some(Self(hash))
    }
}
