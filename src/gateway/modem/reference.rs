//! Names of what went out and of what came in, as the store keeps them.
//!
//! A status report has TP-MR and the recipient and nothing else of ours: the two together are the name of a segment, so
//! that reports find it after a restart too. What can go wrong: TP-MR wraps around at 256, so the newest segment to a
//! phone has the name; a network may write the recipient in national form, so only the last digits count.

use sha2::{Digest, Sha256};

use crate::ground::RemoteId;

/// Digits of the recipient that count.
const DIGITS: usize = 8;

/// The name of a segment that was sent.
pub fn sent(reference: u8, recipient: &str) -> Option<RemoteId> {
    let digits: String = recipient.chars().filter(char::is_ascii_digit).collect();
    let tail = &digits[digits.len().saturating_sub(DIGITS)..];
    let hash = Sha256::digest(tail);
    RemoteId::new(&format!("mr{reference}-{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3]))
}

/// The name of a PDU that came in: the same one again is a repetition.
pub fn came(pdu: &[u8]) -> Option<RemoteId> {
    let hash = Sha256::digest(pdu);
    let hex: String = hash[..16].iter().map(|octet| format!("{octet:02x}")).collect();
    RemoteId::new(&format!("pdu-{hex}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(sent(7, "+4915259911630"), sent(7, "015259911630"));
        assert_ne!(sent(7, "+4915259911630"), sent(8, "+4915259911630"));
        assert_ne!(sent(7, "+4915259911630"), sent(7, "+4915259911631"));
        let name = sent(255, "12345").expect("a name");
        assert!(name.as_str().starts_with("mr255-") && !name.as_str().contains("12345"));
        assert_ne!(came(&[1, 2]), came(&[2, 1]));
    }
}
