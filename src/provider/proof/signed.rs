//! Signatures over named pieces of a call: `hmac` with a shared secret, `ed25519` with a public key.
//!
//! The body is signed as it came, before any parsing. What can go wrong: pieces joined without a separator may be cut
//! elsewhere with the same result; providers that do so sign a piece of fixed form beside the body.

use std::time::Duration;

use super::{
    Unproven,
    keys::PublicKey,
    same,
    secrets::{Place, strip},
};
use crate::{
    ground::{Secret, Timestamp},
    provider::{
        digest::{Encoding, Hash},
        web::HookRequest,
    },
};

/// Signatures looked at in one field: during the change of a key a provider sends two.
const MOST_SIGNATURES: usize = 8;

/// One piece of what is signed.
#[derive(Debug, Clone)]
pub enum Piece {
    Body,
    /// A digest of the body, as octets or written.
    Digest(Hash, Option<Encoding>),
    Url,
    Method,
    /// The query as it came, its parameters sorted.
    Query,
    Header(String),
    Words(Secret<String>),
    /// The time and the word used once, where a request is signed.
    Time,
    Nonce,
}

impl Piece {
    /// `body`, `body|sha256`, `body|md5|hex`, `url`, `method`, `query`, `header:X`, `literal:TEXT`.
    pub fn read(given: &str) -> Result<Self, String> {
        let unknown =
            || "a piece is body, body|sha256, body|md5|hex, url, method, query, header:NAME or literal:TEXT".to_owned();
        if let Some(name) = given.strip_prefix("header:").filter(|name| !name.is_empty()) {
            return Ok(Self::Header(name.to_owned()));
        }
        if let Some(words) = given.strip_prefix("literal:") {
            return Ok(Self::Words(Secret::new(words.to_owned())));
        }
        match given {
            "body" => return Ok(Self::Body),
            "url" => return Ok(Self::Url),
            "method" => return Ok(Self::Method),
            "query" => return Ok(Self::Query),
            "time" => return Ok(Self::Time),
            "nonce" => return Ok(Self::Nonce),
            _ => {}
        }
        let mut words = given.strip_prefix("body|").ok_or_else(unknown)?.split('|');
        let find = |word: &str| Hash::WORDS.iter().find(|(name, _)| *name == word).map(|(_, hash)| *hash);
        let hash = words.next().and_then(find).ok_or_else(unknown)?;
        let encoding = match words.next() {
            None => None,
            Some("hex") => Some(Encoding::Hex),
            Some("base64") => Some(Encoding::Base64),
            Some(_) => return Err(unknown()),
        };
        if words.next().is_some() { Err(unknown()) } else { Ok(Self::Digest(hash, encoding)) }
    }

    /// Parameters as they are written, in the order of their names; equal names keep theirs.
    pub fn sorted_query(query: &str) -> String {
        let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
        pairs.sort_by_key(|pair| pair.split('=').next().unwrap_or_default());
        pairs.join("&")
    }
}

/// Where a signature stands, over what, and how old it may be.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub message: Vec<Piece>,
    pub separator: String,
    pub place: Place,
    pub encoding: Encoding,
    pub prefix: String,
    pub timestamp: Option<Place>,
    pub tolerance: Option<Duration>,
}

impl Shape {
    /// What was signed.
    fn message(&self, hook: &HookRequest) -> Result<Vec<u8>, Unproven> {
        let mut out = Vec::with_capacity(hook.body.len() + 256);
        for (i, piece) in self.message.iter().enumerate() {
            if i > 0 {
                out.extend_from_slice(self.separator.as_bytes());
            }
            match piece {
                Piece::Body => out.extend_from_slice(&hook.body),
                Piece::Digest(hash, None) => out.extend(hash.of(&hook.body)),
                Piece::Digest(hash, Some(encoding)) => {
                    out.extend_from_slice(encoding.write(&hash.of(&hook.body)).as_bytes());
                }
                Piece::Url => out.extend_from_slice(hook.url.as_bytes()),
                Piece::Method => out.extend_from_slice(hook.method.as_bytes()),
                Piece::Query => out.extend_from_slice(Piece::sorted_query(hook.query()).as_bytes()),
                Piece::Header(name) => {
                    let value = Place::Header(name.clone()).find(hook)?.ok_or(Unproven::Missing)?;
                    out.extend_from_slice(value.as_bytes());
                }
                Piece::Words(words) => out.extend_from_slice(words.expose().as_bytes()),
                Piece::Time | Piece::Nonce => return Err(Unproven::Missing),
            }
        }
        Ok(out)
    }

    /// The signatures that the call carries, as octets.
    fn signatures(&self, hook: &HookRequest) -> Result<Vec<Vec<u8>>, Unproven> {
        let field = self.place.find(hook)?.ok_or(Unproven::Missing)?;
        let read: Vec<_> = field
            .split(',')
            .take(MOST_SIGNATURES)
            .filter_map(|given| self.encoding.read(strip(given, &self.prefix)?.trim_end()))
            .collect();
        if read.is_empty() { Err(Unproven::Unreadable) } else { Ok(read) }
    }

    fn in_time(&self, hook: &HookRequest, now: Timestamp) -> Result<(), Unproven> {
        let (Some(place), Some(tolerance)) = (&self.timestamp, self.tolerance) else { return Ok(()) };
        let given = place.find(hook)?.ok_or(Unproven::Missing)?;
        near(moment(&given).ok_or(Unproven::Unreadable)?, now, tolerance)
    }

    /// Fills in the headers that are signed, where the call has none.
    fn stamp(&self, hook: &mut HookRequest, now: Timestamp) {
        let seconds = (now.0 / 1000).to_string();
        if let Some(place) = &self.timestamp
            && place.find(hook) == Ok(None)
        {
            place.put(hook, &seconds);
        }
        for piece in &self.message {
            if let Piece::Header(name) = piece
                && hook.headers.get(name).is_none()
            {
                hook.headers.push(name.as_str(), "2f8c0f4e");
            }
        }
    }
}

/// Within `tolerance` of now, before or after.
pub(super) fn near(then: Timestamp, now: Timestamp, tolerance: Duration) -> Result<(), Unproven> {
    let apart = now.since(then).max(then.since(now));
    if apart <= tolerance { Ok(()) } else { Err(Unproven::Old) }
}

/// Seconds or milliseconds since 1970, or RFC 3339.
pub(super) fn moment(given: &str) -> Option<Timestamp> {
    let given = given.trim();
    if !given.is_empty() && given.bytes().all(|octet| octet.is_ascii_digit()) {
        let number: i64 = given.parse().ok()?;
        // As seconds, eleven digits end in the year 5138; as milliseconds they begin in 1973.
        return Some(Timestamp(if number < 100_000_000_000 { number * 1000 } else { number }));
    }
    given.parse::<jiff::Timestamp>().ok().map(|at| Timestamp(at.as_millisecond()))
}

/// `hmac`
#[derive(Debug, Clone)]
pub(super) struct Hmac {
    pub shape: Shape,
    pub hash: Hash,
    pub keys: Vec<Secret<Vec<u8>>>,
}

impl Hmac {
    pub fn check(&self, hook: &HookRequest, now: Timestamp) -> Result<(), Unproven> {
        let given = self.shape.signatures(hook)?;
        let message = self.shape.message(hook)?;
        let fits = self.keys.iter().fold(false, |found, key| {
            let ours = self.hash.keyed(key.expose(), &message);
            given.iter().fold(false, |found, given| same(&ours, given).is_ok() | found) | found
        });
        if !fits {
            return Err(Unproven::Wrong);
        }
        self.shape.in_time(hook, now)
    }

    pub fn seal(&self, hook: &mut HookRequest, now: Timestamp) -> bool {
        self.shape.stamp(hook, now);
        let (Some(key), Ok(message)) = (self.keys.first(), self.shape.message(hook)) else { return false };
        let signature = self.shape.encoding.write(&self.hash.keyed(key.expose(), &message));
        self.shape.place.put(hook, &format!("{}{signature}", self.shape.prefix));
        true
    }

    pub fn warning(&self) -> Option<&'static str> {
        let covered = self.shape.message.iter().any(|piece| matches!(piece, Piece::Body | Piece::Digest(..)));
        if covered { None } else { Some("the body is not among what is signed") }
    }
}

/// `ed25519`
#[derive(Debug, Clone)]
pub(super) struct Ed25519 {
    pub shape: Shape,
    pub keys: Vec<PublicKey>,
}

impl Ed25519 {
    pub fn check(&self, hook: &HookRequest, now: Timestamp) -> Result<(), Unproven> {
        let given = self.shape.signatures(hook)?;
        let message = self.shape.message(hook)?;
        let fits = |key: &PublicKey| given.iter().any(|given| key.verify_ed25519(&message, given));
        if !self.keys.iter().any(fits) {
            return Err(Unproven::Wrong);
        }
        self.shape.in_time(hook, now)
    }
}
