//! HTTP as plain values: the request that we make, its answer, and the request that a provider makes to us.
//!
//! None of them has a `Debug` that shows more than method and sizes: they hold texts, numbers and secrets.

use std::{fmt, net::IpAddr, sync::Arc};

use sha2::{Digest, Sha256};
use x509_parser::{extensions::GeneralName, prelude::X509Certificate};

/// Header fields in their order; names compare without regard to case (RFC 9110 clause 5.1).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first field of that name.
    pub fn get<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// Each field of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// One field more.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// All fields in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, value)| (name, value.len()))).finish()
    }
}

/// A request that we make.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// In capitals: `GET`, `POST`, `PUT`, `DELETE`.
    pub method: String,
    /// Absolute, with its query.
    pub url: String,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} [{}] {:?} [{}])", self.method, self.url.len(), self.headers, self.body.len())
    }
}

/// What a provider answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Headers,
    /// As far as it was read; the shell caps it.
    pub body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({} {:?} [{}])", self.status, self.headers, self.body.len())
    }
}

/// A request that a provider makes to us: a hook.
#[derive(Clone, PartialEq, Eq)]
pub struct HookRequest {
    /// In capitals.
    pub method: String,
    /// As the provider called it: the public base that the administrator has set, with path and query as they came.
    /// Never made from the Host field.
    pub url: String,
    pub headers: Headers,
    /// As it came, before any parsing: signatures are over these octets.
    pub body: Vec<u8>,
    /// Who calls, behind the trusted proxies.
    pub peer: IpAddr,
    /// The client's, where TLS ended here and it gave one that our authorities know.
    pub certificate: Option<Arc<Certificate>>,
}

/// What a client's certificate says, which TLS has checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of it (DER).
    pub fingerprint: [u8; 32],
    /// The common names of its subject and its alternative names (hosts, mail addresses, URIs, IP addresses), in lower
    /// case.
    pub names: Vec<String>,
}

impl Certificate {
    /// Names that are looked at.
    const NAMES: usize = 100;

    /// Reads one in DER; what cannot be read has no names.
    pub fn read(der: &[u8]) -> Self {
        let mut names = match x509_parser::parse_x509_certificate(der) {
            Ok((_, certificate)) => names(&certificate),
            Err(_) => Vec::new(),
        };
        names.truncate(Self::NAMES);
        Self { fingerprint: Sha256::digest(der).into(), names }
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let subject = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok().map(str::to_owned));
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let alternative = alternative.into_iter().flat_map(|extension| &extension.value.general_names);
    let alternative = alternative.filter_map(|name| match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => address(octets).map(|address| address.to_string()),
        _ => None,
    });
    subject.chain(alternative).map(|name| name.to_lowercase()).collect()
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

impl HookRequest {
    /// The query as it came, without `?`.
    pub fn query(&self) -> &str {
        let url = self.url.split_once('#').map_or(self.url.as_str(), |(url, _)| url);
        url.split_once('?').map_or("", |(_, query)| query)
    }
}

impl fmt::Debug for HookRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HookRequest({} [{}] {:?} [{}])", self.method, self.url.len(), self.headers, self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_request_shows() {
        let headers: Headers = [("Authorization", "Basic c2VjcmV0")].into_iter().collect();
        assert_eq!(headers.get("authorization"), Some("Basic c2VjcmV0"));
        let request = Request {
            method: "POST".into(),
            url: "https://provider.example/?to=+15551234567".into(),
            headers: headers.clone(),
            body: b"text=hello".to_vec(),
        };
        let shown = format!("{request:?}");
        for secret in ["c2VjcmV0", "5551234567", "hello"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn the_query_is_what_stands_behind_the_question_mark() {
        let hook = |url: &str| HookRequest {
            method: "GET".into(),
            url: url.into(),
            headers: Headers::default(),
            body: Vec::new(),
            peer: [127, 0, 0, 1].into(),
            certificate: None,
        };
        assert_eq!(hook("https://m.example/hook?a=1&b=2").query(), "a=1&b=2");
        assert_eq!(hook("https://m.example/hook").query(), "");
    }
}
