//! Digests, keyed digests, and how octets are written: what verifiers of hooks and signers of requests share.
//!
//! MD5 and SHA-1 are here because providers ask for them; what a definition uses, it names.

use base64::{Engine as _, engine::general_purpose};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Digest;

/// Digests that providers use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// As a definition names them.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("md5", Self::Md5),
        ("sha1", Self::Sha1),
        ("sha256", Self::Sha256),
        ("sha384", Self::Sha384),
        ("sha512", Self::Sha512),
    ];

    /// The digest of `octets`.
    pub fn of(self, octets: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => md5::Md5::digest(octets).to_vec(),
            Self::Sha1 => sha1::Sha1::digest(octets).to_vec(),
            Self::Sha256 => sha2::Sha256::digest(octets).to_vec(),
            Self::Sha384 => sha2::Sha384::digest(octets).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(octets).to_vec(),
        }
    }

    /// The keyed digest (RFC 2104) of `octets`.
    pub fn keyed(self, key: &[u8], octets: &[u8]) -> Vec<u8> {
        fn mac<M: Mac + KeyInit>(key: &[u8], octets: &[u8]) -> Vec<u8> {
            let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of every length");
            mac.update(octets);
            mac.finalize().into_bytes().to_vec()
        }
        match self {
            Self::Md5 => mac::<Hmac<md5::Md5>>(key, octets),
            Self::Sha1 => mac::<Hmac<sha1::Sha1>>(key, octets),
            Self::Sha256 => mac::<Hmac<sha2::Sha256>>(key, octets),
            Self::Sha384 => mac::<Hmac<sha2::Sha384>>(key, octets),
            Self::Sha512 => mac::<Hmac<sha2::Sha512>>(key, octets),
        }
    }
}

/// How octets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As they are: keys that are words.
    Text,
    /// Lower case; read in both.
    Hex,
    Base64,
    /// RFC 4648 clause 5, without padding; read with it too.
    Base64Url,
}

impl Encoding {
    /// As a definition names them.
    pub const WORDS: [(&'static str, Self); 4] =
        [("text", Self::Text), ("hex", Self::Hex), ("base64", Self::Base64), ("base64url", Self::Base64Url)];

    /// Writes octets; what is no UTF-8 is replaced where they are words.
    pub fn write(self, octets: &[u8]) -> String {
        match self {
            Self::Text => String::from_utf8_lossy(octets).into_owned(),
            Self::Hex => hex(octets),
            Self::Base64 => general_purpose::STANDARD.encode(octets),
            Self::Base64Url => general_purpose::URL_SAFE_NO_PAD.encode(octets),
        }
    }

    /// Reads octets.
    pub fn read(self, given: &str) -> Option<Vec<u8>> {
        match self {
            Self::Text => Some(given.as_bytes().to_vec()),
            Self::Hex => unhex(given),
            Self::Base64 => general_purpose::STANDARD.decode(given).ok(),
            Self::Base64Url => general_purpose::URL_SAFE_NO_PAD.decode(given.trim_end_matches('=')).ok(),
        }
    }
}

/// Lower-case hex.
pub fn hex(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut out, octet| {
        let _ = write!(out, "{octet:02x}");
        out
    })
}

/// Octets of hex in either case.
pub fn unhex(given: &str) -> Option<Vec<u8>> {
    let nibble = |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = given.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2202 and RFC 4231, test case 2.
    #[test]
    fn keyed_digests_of_the_standards() {
        for (hash, digest) in [
            (Hash::Md5, "750c783e6ab0b503eaa86e310a5db738"),
            (Hash::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (Hash::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        ] {
            assert_eq!(hex(&hash.keyed(b"Jefe", b"what do ya want for nothing?")), digest, "{hash:?}");
        }
    }

    #[test]
    fn octets_come_back() {
        let octets: Vec<u8> = (0..=255).collect();
        for encoding in [Encoding::Hex, Encoding::Base64, Encoding::Base64Url] {
            assert_eq!(encoding.read(&encoding.write(&octets)).as_deref(), Some(octets.as_slice()), "{encoding:?}");
        }
        assert_eq!(unhex("0A0b"), Some(vec![10, 11]));
        for bad in ["0", "0g", "é0", "0x"] {
            assert_eq!(unhex(bad), None, "{bad}");
        }
        assert_eq!(Encoding::Base64.read("a"), None);
    }
}
