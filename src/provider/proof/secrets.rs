//! Proofs without a signature: a secret in the path or in a field, a login, the caller's network or certificate.
//!
//! What can go wrong: a secret of a path or a query stands in the access log of whatever is in front of us.

use ipnet::IpNet;

use super::{Unproven, parameters};
use crate::{
    ground::Secret,
    provider::{digest::Encoding, web::HookRequest},
};

/// Where a secret, a signature or a time stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// One of the parts of the path.
    Path,
    Header(String),
    Query(String),
    /// A parameter of a form.
    Field(String),
    /// A parameter of the query or of a form, wherever the caller puts it.
    Param(String),
}

impl Place {
    /// `header:X`, `query:x`, `field:x`.
    pub fn read(given: &str) -> Option<Self> {
        let (kind, name) = given.split_once(':')?;
        let name = Some(name).filter(|name| !name.is_empty())?.to_owned();
        match kind {
            "header" => Some(Self::Header(name)),
            "query" => Some(Self::Query(name)),
            "field" => Some(Self::Field(name)),
            _ => None,
        }
    }

    /// What stands there; a name that comes twice is ambiguous and counts as none.
    pub fn find(&self, hook: &HookRequest) -> Result<Option<String>, Unproven> {
        let lone = |mut found: Vec<String>| if found.len() == 1 { found.pop() } else { None };
        let named = |octets: &[u8], wanted: &str| {
            let pairs = parameters(octets)?;
            Ok(lone(pairs.into_iter().filter(|(name, _)| name == wanted).map(|(_, value)| value).collect()))
        };
        match self {
            Self::Path => Ok(None),
            Self::Header(name) => Ok(lone(hook.headers.all(name).map(str::to_owned).collect())),
            Self::Query(name) => named(hook.query().as_bytes(), name),
            Self::Field(name) => named(&hook.body, name),
            Self::Param(name) => {
                let all = [parameters(hook.query().as_bytes())?, parameters(&hook.body)?].concat();
                Ok(lone(all.into_iter().filter(|(given, _)| given == name).map(|(_, value)| value).collect()))
            }
        }
    }

    /// Writes a value there.
    pub fn put(&self, hook: &mut HookRequest, value: &str) {
        let pair = |name: &str| form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        match self {
            Self::Path => {
                let (path, query) = match hook.url.split_once('?') {
                    Some((path, query)) => (path, format!("?{query}")),
                    None => (hook.url.as_str(), String::new()),
                };
                hook.url = format!("{}/{value}{query}", path.trim_end_matches('/'));
            }
            Self::Header(name) => hook.headers.push(name.as_str(), value),
            Self::Query(name) => {
                let join = if hook.url.contains('?') { '&' } else { '?' };
                hook.url = format!("{}{join}{}", hook.url, pair(name));
            }
            Self::Field(name) => {
                if !hook.body.is_empty() {
                    hook.body.push(b'&');
                }
                hook.body.extend_from_slice(pair(name).as_bytes());
            }
            Self::Param(name) if hook.method == "GET" => Self::Query(name.clone()).put(hook, value),
            Self::Param(name) => Self::Field(name.clone()).put(hook, value),
        }
    }
}

/// `path-secret`, `field-secret`
#[derive(Debug, Clone)]
pub(super) struct Carried {
    pub place: Place,
    pub prefix: String,
    pub keys: Vec<Secret<Vec<u8>>>,
}

impl Carried {
    pub fn check(&self, hook: &HookRequest) -> Result<(), Unproven> {
        if self.place == Place::Path {
            let url = hook.url.split(['?', '#']).next().unwrap_or_default();
            let path = url.split_once("://").map_or(url, |(_, rest)| rest).split_once('/').map_or("", |(_, path)| path);
            let parts = path.split('/').take(32).filter(|part| !part.is_empty());
            // Every part is compared with every key: how long it takes tells nothing of where it stood.
            let found = parts
                .map(|part| percent_encoding::percent_decode_str(part).collect::<Vec<u8>>())
                .fold(false, |found, part| fits(&self.keys, &part) | found);
            return if found { Ok(()) } else { Err(Unproven::Wrong) };
        }
        let given = self.place.find(hook)?.ok_or(Unproven::Missing)?;
        let given = strip(&given, &self.prefix).ok_or(Unproven::Missing)?;
        if fits(&self.keys, given.as_bytes()) { Ok(()) } else { Err(Unproven::Wrong) }
    }

    pub fn seal(&self, hook: &mut HookRequest) -> bool {
        let Some(key) = self.keys.first() else { return false };
        self.place.put(hook, &format!("{}{}", self.prefix, String::from_utf8_lossy(key.expose())));
        true
    }
}

/// Whether one of the keys is what was given; all are looked at.
fn fits(keys: &[Secret<Vec<u8>>], given: &[u8]) -> bool {
    keys.iter().fold(false, |found, key| key.matches(given) | found)
}

/// Without a prefix, whose case does not count (`Bearer`).
pub(super) fn strip<'a>(given: &'a str, prefix: &str) -> Option<&'a str> {
    let given = given.trim();
    let head = given.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| given[prefix.len()..].trim_start())
}

/// `basic`: RFC 7617.
#[derive(Debug, Clone)]
pub(super) struct Basic {
    pub pair: Secret<Vec<u8>>,
}

impl Basic {
    pub fn check(&self, hook: &HookRequest) -> Result<(), Unproven> {
        let mut fields = hook.headers.all("Authorization");
        let (Some(field), None) = (fields.next(), fields.next()) else { return Err(Unproven::Missing) };
        let given = strip(field, "Basic ").ok_or(Unproven::Missing)?;
        let given = Encoding::Base64.read(given).ok_or(Unproven::Unreadable)?;
        if self.pair.matches(&given) { Ok(()) } else { Err(Unproven::Wrong) }
    }

    pub fn seal(&self, hook: &mut HookRequest) -> bool {
        hook.headers.push("Authorization", format!("Basic {}", Encoding::Base64.write(self.pair.expose())));
        true
    }
}

/// `source`
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub networks: Vec<IpNet>,
}

impl Source {
    pub fn check(&self, hook: &HookRequest) -> Result<(), Unproven> {
        // An IPv4 caller at a socket of both families looks like ::ffff:192.0.2.1.
        let peer = hook.peer.to_canonical();
        if self.networks.iter().any(|network| network.contains(&peer)) { Ok(()) } else { Err(Unproven::Foreign) }
    }
}

/// `mtls`: TLS has checked the certificate against our authorities; here it may be held against fingerprints and names.
#[derive(Debug, Clone)]
pub(super) struct Mtls {
    /// SHA-256 of certificates; empty: any that our authorities know.
    pub fingerprints: Vec<[u8; 32]>,
    /// In lower case, one of which it must have; empty: any.
    pub names: Vec<String>,
}

impl Mtls {
    pub fn check(&self, hook: &HookRequest) -> Result<(), Unproven> {
        let given = hook.certificate.as_ref().ok_or(Unproven::Missing)?;
        let known = self.fingerprints.is_empty() || self.fingerprints.contains(&given.fingerprint);
        let named = self.names.is_empty() || given.names.iter().any(|name| self.names.contains(name));
        if known && named { Ok(()) } else { Err(Unproven::Foreign) }
    }
}
