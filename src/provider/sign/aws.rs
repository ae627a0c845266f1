//! AWS Signature Version 4: a canonical form of the request, its digest, and a key made of secret, date, region, service.
//!
//! What can go wrong: a header or a parameter that a proxy changes afterwards; then Amazon refuses the request.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::parts;
use crate::{
    ground::{Secret, Timestamp},
    provider::{
        arguments::{Desk, Misfit},
        digest::{Hash, hex},
        web::Request,
    },
};

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &RESERVED.remove(b'/');

/// `aws-sigv4`
#[derive(Debug, Clone)]
pub(super) struct SigV4 {
    region: String,
    service: String,
    key: String,
    secret: Secret<String>,
    session: Option<Secret<String>>,
}

impl SigV4 {
    pub fn read(desk: &Desk<'_>) -> Result<Self, Misfit> {
        Ok(Self {
            region: desk.need("region")?.to_owned(),
            service: desk.need("service")?.to_owned(),
            key: desk.need("key")?.to_owned(),
            secret: Secret::new(desk.need("secret")?.to_owned()),
            session: desk.text("session")?.map(|session| Secret::new(session.to_owned())),
        })
    }

    pub fn sign(&self, request: &mut Request, now: Timestamp) {
        let stamp = now.utc().strftime("%Y%m%dT%H%M%SZ").to_string();
        let date = stamp[..8].to_owned();
        request.headers.push("X-Amz-Date", stamp.as_str());
        if let Some(session) = &self.session {
            request.headers.push("X-Amz-Security-Token", session.expose().as_str());
        }
        let (host, path, query) = parts(&request.url);
        let (names, headers) = canonical_headers(request, host);
        let canonical = format!(
            "{}\n{}\n{}\n{headers}\n{names}\n{}",
            request.method,
            canonical_path(path),
            canonical_query(query),
            hex(&Hash::Sha256.of(&request.body)),
        );
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let digest = hex(&Hash::Sha256.of(canonical.as_bytes()));
        let message = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}");
        let first = format!("AWS4{}", self.secret.expose()).into_bytes();
        let words = [date.as_str(), &self.region, &self.service, "aws4_request", &message];
        let signature = words.iter().fold(first, |key, word| Hash::Sha256.keyed(&key, word.as_bytes()));
        let field = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.key,
            hex(&signature)
        );
        request.headers.push("Authorization", field);
    }
}

/// Names and lines of what is signed: the host, the type, and all that Amazon reads.
fn canonical_headers(request: &Request, host: &str) -> (String, String) {
    let signed = |name: &str| name == "content-type" || name.starts_with("x-amz-");
    let mut fields: Vec<(String, String)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.split_whitespace().collect::<Vec<_>>().join(" ")))
        .filter(|(name, _)| signed(name))
        .collect();
    fields.push(("host".to_owned(), host.to_owned()));
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    let mut lines = String::new();
    for name in &names {
        let values: Vec<_> = fields.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect();
        lines = lines + name + ":" + &values.join(",") + "\n";
    }
    (names.join(";"), lines)
}

/// Every service but S3 encodes the path once more.
fn canonical_path(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

fn canonical_query(query: &str) -> String {
    let plain = |text: &str| {
        let octets: Vec<u8> = percent_decode_str(text).collect();
        percent_encoding::percent_encode(&octets, RESERVED).to_string()
    };
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (plain(name), plain(value)))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}
