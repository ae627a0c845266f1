//! Notifications of Amazon SNS: an RSA signature over named fields of the JSON, by a certificate that is fetched.
//!
//! What can go wrong: the notification names the certificate's address itself, so the address must be Amazon's; anybody may
//! subscribe us to a topic of his own, so the topic must be ours, for the confirmation too.

use std::time::Duration;

use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Map, Value};

use super::{Fetched, Handshake, LARGEST_JSON, Proven, Unproven, keys::Asymmetric, keys::PublicKey, signed};
use crate::{
    ground::Timestamp,
    provider::{digest::Encoding, web::HookRequest},
};

/// `sns`
#[derive(Debug, Clone)]
pub(super) struct Sns {
    pub topics: Vec<String>,
    /// Only certificates of this region.
    pub region: Option<String>,
    /// Only the second version, which signs with SHA-256.
    pub sha256_only: bool,
    pub tolerance: Option<Duration>,
}

impl Sns {
    pub fn check(&self, hook: &HookRequest, fetched: &Fetched, now: Timestamp) -> Result<Proven, Unproven> {
        if hook.body.len() > LARGEST_JSON {
            return Err(Unproven::Unreadable);
        }
        let body: Map<String, Value> = serde_json::from_slice(&hook.body).map_err(|_| Unproven::Unreadable)?;
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let topic = text("TopicArn").ok_or(Unproven::Missing)?;
        if !self.topics.iter().any(|ours| ours == topic) {
            return Err(Unproven::Foreign);
        }
        let kind = text("Type").ok_or(Unproven::Missing)?;
        let given = text("Signature").ok_or(Unproven::Missing)?;
        let given = Encoding::Base64.read(given).ok_or(Unproven::Unreadable)?;
        let address = text("SigningCertURL").ok_or(Unproven::Missing)?;
        if !self.amazons(address) || !address.ends_with(".pem") {
            return Err(Unproven::Foreign);
        }
        let message = message(kind, &text)?;
        let key = key(fetched.get(address, true)?, now)?;
        let fits = match text("SignatureVersion") {
            Some("1") if !self.sha256_only => key.verify_rsa_sha1(message.as_bytes(), &given),
            Some("2") => key.verify(Asymmetric::Rs256, message.as_bytes(), &given),
            _ => return Err(Unproven::Unreadable),
        };
        if !fits {
            return Err(Unproven::Wrong);
        }
        if let Some(tolerance) = self.tolerance {
            let at = text("Timestamp").and_then(signed::moment).ok_or(Unproven::Unreadable)?;
            signed::near(at, now, tolerance)?;
        }
        let handshake = match kind {
            "SubscriptionConfirmation" => {
                let url = text("SubscribeURL").filter(|url| self.amazons(url)).ok_or(Unproven::Foreign)?;
                Some(Handshake::Fetch { url: url.to_owned() })
            }
            "UnsubscribeConfirmation" => Some(Handshake::Nothing),
            _ => None,
        };
        Ok(Proven { claims: None, handshake })
    }

    /// An address of `https://sns.REGION.amazonaws.com`, on its usual port.
    fn amazons(&self, address: &str) -> bool {
        let Ok(url) = url::Url::parse(address) else { return false };
        let plain =
            url.scheme() == "https" && url.port().is_none() && url.username().is_empty() && url.password().is_none();
        let Some(region) = url.host_str().and_then(region).filter(|_| plain) else { return false };
        self.region.as_deref().is_none_or(|ours| ours == region)
    }
}

/// The region of `sns.REGION.amazonaws.com`, in China with `.cn`.
fn region(host: &str) -> Option<&str> {
    let host = host.strip_suffix(".cn").unwrap_or(host);
    let region = host.strip_prefix("sns.")?.strip_suffix(".amazonaws.com")?;
    let fits = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
    (region.len() >= 3 && region.bytes().all(fits)).then_some(region)
}

/// The fields that are signed, in their order.
fn message<'a>(kind: &str, text: &impl Fn(&str) -> Option<&'a str>) -> Result<String, Unproven> {
    let fields: &[&str] = match kind {
        "Notification" => &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
        "SubscriptionConfirmation" | "UnsubscribeConfirmation" => {
            &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        }
        _ => return Err(Unproven::Unreadable),
    };
    let mut out = String::new();
    for field in fields {
        match text(field) {
            Some(value) => out = out + field + "\n" + value + "\n",
            None if *field == "Subject" => {}
            None => return Err(Unproven::Unreadable),
        }
    }
    Ok(out)
}

/// The key of a certificate that is Amazon's SNS, at its time.
fn key(pem: &[u8], now: Timestamp) -> Result<PublicKey, Unproven> {
    let der = CertificateDer::from_pem_slice(pem).map_err(|_| Unproven::Unreadable)?;
    let (_, certificate) = x509_parser::parse_x509_certificate(der.as_ref()).map_err(|_| Unproven::Unreadable)?;
    let validity = certificate.validity();
    let seconds = now.0 / 1000;
    if !(validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&seconds) {
        return Err(Unproven::Old);
    }
    let named = |name: &str| name == "sns.amazonaws.com" || region(name).is_some();
    let mut names = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    if !names.any(named) {
        return Err(Unproven::Foreign);
    }
    PublicKey::of_spki(certificate.public_key()).ok_or(Unproven::Unreadable)
}
