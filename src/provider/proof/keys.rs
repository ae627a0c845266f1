//! Public keys: of PEM, of certificates, of JSON web key sets (RFC 7517), and what they verify.
//!
//! What can go wrong: a document that is none, a key too short (RSA below 2048 bits is refused), an algorithm that the
//! key is not for.

use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, pem::PemObject};
use serde_json::Value;
use x509_parser::{prelude::FromDer, x509::SubjectPublicKeyInfo};

use crate::provider::digest::Encoding;

/// Keys of one set that are looked at.
const MOST_KEYS: usize = 64;

/// A key that verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// Modulus and exponent, without leading zeros.
    Rsa(Vec<u8>, Vec<u8>),
    /// An uncompressed point.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// Signatures by public keys that a token may have (RFC 7518, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asymmetric {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Es256,
    Es384,
    EdDsa,
}

impl PublicKey {
    /// The key of `-----BEGIN PUBLIC KEY-----` or of `-----BEGIN CERTIFICATE-----`.
    pub fn of_pem(text: &str) -> Option<Self> {
        if let Ok(key) = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()) {
            return Self::of_spki(&SubjectPublicKeyInfo::from_der(key.as_ref()).ok()?.1);
        }
        let certificate = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
        Self::of_spki(x509_parser::parse_x509_certificate(certificate.as_ref()).ok()?.1.public_key())
    }

    pub(super) fn of_spki(key: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        use x509_parser::public_key::PublicKey as Parsed;
        match key.parsed().ok()? {
            Parsed::RSA(rsa) => Some(Self::Rsa(trim(rsa.modulus), trim(rsa.exponent))),
            Parsed::EC(point) => Self::of_point(point.data()),
            // RFC 8410: the key as it is.
            _ if key.algorithm.algorithm.to_id_string() == "1.3.101.112" => Self::ed25519(&key.subject_public_key.data),
            _ => None,
        }
    }

    fn of_point(point: &[u8]) -> Option<Self> {
        match point.len() {
            65 => Some(Self::P256(point.to_vec())),
            97 => Some(Self::P384(point.to_vec())),
            _ => None,
        }
    }

    /// The 32 octets of an Ed25519 key.
    pub fn ed25519(octets: &[u8]) -> Option<Self> {
        (octets.len() == 32).then(|| Self::Ed25519(octets.to_vec()))
    }

    /// Of one JSON web key.
    fn of_jwk(key: &Value) -> Option<Self> {
        let octets = |name: &str| Encoding::Base64Url.read(key.get(name)?.as_str()?);
        let point = |size: usize| {
            let (x, y) = (octets("x")?, octets("y")?);
            (x.len() == size && y.len() == size).then(|| [&[4], x.as_slice(), y.as_slice()].concat())
        };
        match (key.get("kty")?.as_str()?, key.get("crv").and_then(Value::as_str)) {
            ("RSA", _) => Some(Self::Rsa(trim(&octets("n")?), trim(&octets("e")?))),
            ("EC", Some("P-256")) => point(32).map(Self::P256),
            ("EC", Some("P-384")) => point(48).map(Self::P384),
            ("OKP", Some("Ed25519")) => Self::ed25519(&octets("x")?),
            _ => None,
        }
    }

    /// Whether `given` is a signature of `message` by this key and no other algorithm.
    pub fn verify(&self, algorithm: Asymmetric, message: &[u8], given: &[u8]) -> bool {
        let rsa = |parameters| match self {
            Self::Rsa(n, e) => RsaPublicKeyComponents { n, e }.verify(parameters, message, given).is_ok(),
            _ => false,
        };
        match (algorithm, self) {
            (Asymmetric::Rs256, _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            (Asymmetric::Rs384, _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            (Asymmetric::Rs512, _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            (Asymmetric::Ps256, _) => rsa(&signature::RSA_PSS_2048_8192_SHA256),
            (Asymmetric::Es256, Self::P256(point)) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, given).is_ok()
            }
            (Asymmetric::Es384, Self::P384(point)) => {
                UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point).verify(message, given).is_ok()
            }
            (Asymmetric::EdDsa, Self::Ed25519(_)) => self.verify_ed25519(message, given),
            _ => false,
        }
    }

    /// RFC 8032.
    pub fn verify_ed25519(&self, message: &[u8], given: &[u8]) -> bool {
        let Self::Ed25519(key) = self else { return false };
        UnparsedPublicKey::new(&signature::ED25519, key).verify(message, given).is_ok()
    }

    /// SHA-1, which the first version of Amazon's notifications still uses.
    pub(super) fn verify_rsa_sha1(&self, message: &[u8], given: &[u8]) -> bool {
        let Self::Rsa(n, e) = self else { return false };
        let parameters = &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY;
        RsaPublicKeyComponents { n, e }.verify(parameters, message, given).is_ok()
    }
}

/// Keys of a set that have this id, or all of them where a token names none.
pub(super) fn of_set(document: &[u8], id: Option<&str>) -> Option<Vec<PublicKey>> {
    let set: Value = serde_json::from_slice(document).ok()?;
    let keys = set.get("keys")?.as_array()?.iter().take(MOST_KEYS);
    let named = keys.filter(|key| id.is_none() || key.get("kid").and_then(Value::as_str) == id);
    Some(named.filter_map(PublicKey::of_jwk).collect())
}

fn trim(octets: &[u8]) -> Vec<u8> {
    octets.iter().copied().skip_while(|octet| *octet == 0).collect()
}
