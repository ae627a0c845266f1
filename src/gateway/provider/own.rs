//! Our id of a message in the address of a hook: nobody can make one up, so nobody can forge a receipt by counting ids.
//!
//! The id (16 octets), the number of the segment (1) and ten octets of an HMAC-SHA-256 over the gateway and both, in
//! base64url: 36 characters, since some providers take no more than 100 for the whole address. Pure.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::ground::{GatewayId, MessageId, Secret};

const ID: usize = 16;
const PROOF: usize = 10;

/// The key that the store keeps.
#[derive(Debug, Clone)]
pub struct Key(Secret<Vec<u8>>);

impl Key {
    /// Of at least 16 octets.
    pub fn new(octets: Vec<u8>) -> Option<Self> {
        (octets.len() >= 16).then(|| Self(Secret::new(octets)))
    }

    /// What stands in the address.
    pub fn write(&self, gateway: &GatewayId, id: MessageId, part: u8) -> String {
        let mut octets = [id.octets().as_slice(), &[part]].concat();
        let proof = self.proof(gateway, &octets);
        octets.extend(proof);
        URL_SAFE_NO_PAD.encode(octets)
    }

    /// The message and the segment; `None`: we did not write that.
    pub fn read(&self, gateway: &GatewayId, written: &str) -> Option<(MessageId, u8)> {
        let octets = URL_SAFE_NO_PAD.decode(written).ok().filter(|octets| octets.len() == ID + 1 + PROOF)?;
        let (named, proof) = octets.split_at(ID + 1);
        if !bool::from(self.proof(gateway, named).ct_eq(proof)) {
            return None;
        }
        let (id, part) = named.split_at(ID);
        Some((MessageId::of(id.try_into().ok()?), *part.first()?))
    }

    fn proof(&self, gateway: &GatewayId, named: &[u8]) -> [u8; PROOF] {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.0.expose())
            .expect("invariant: HMAC takes keys of any length");
        mac.update(gateway.as_str().as_bytes());
        mac.update(b"\0");
        mac.update(named);
        let whole = mac.finalize().into_bytes();
        let mut proof = [0; PROOF];
        proof.copy_from_slice(&whole[..PROOF]);
        proof
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_we_wrote_is_read() {
        let key = Key::new(vec![7; 32]).expect("long enough");
        let (main, other): (GatewayId, GatewayId) = ("main".parse().expect("id"), "other".parse().expect("id"));
        let id = MessageId::new();
        let written = key.write(&main, id, 3);
        assert_eq!(written.len(), 36);
        assert!(written.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{written}");
        assert_eq!(key.read(&main, &written), Some((id, 3)));
        assert_eq!(key.read(&other, &written), None, "of another gateway");
        assert_eq!(Key::new(vec![8; 32]).expect("a key").read(&main, &written), None, "by another key");
        for at in 0..written.len() {
            let mut garbled = written.clone().into_bytes();
            garbled[at] = if garbled[at] == b'A' { b'B' } else { b'A' };
            let garbled = String::from_utf8(garbled).expect("ASCII");
            // The last character has two bits that no octet has.
            assert_eq!(key.read(&main, &garbled), None, "{at}");
        }
        for strange in ["", "x", &id.to_string(), &written[..35]] {
            assert_eq!(key.read(&main, strange), None, "{strange}");
        }
        assert!(Key::new(vec![1; 8]).is_none());
    }
}
