//! JSON web tokens (RFC 7519) with signatures of an allow-list, and the claims that bind body and address.
//!
//! What can go wrong, and is refused: an algorithm outside of the list (`none` is in no list), a secret used as a public
//! key or the other way round, a critical header that we do not know, a token that does not bind the body where it should.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{
    Fetched, Unproven, Wish,
    keys::{self, Asymmetric, PublicKey},
    same,
    secrets::{Place, strip},
};
use crate::{
    ground::{Secret, Timestamp},
    provider::{
        digest::{Encoding, Hash, hex},
        web::HookRequest,
    },
};

/// Tokens are no longer: some carry the whole event.
const LONGEST_TOKEN: usize = 64 * 1024;

/// Signatures of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs(Hash),
    Public(Asymmetric),
}

impl Algorithm {
    /// As a token and a definition name them; `none` is not among them.
    pub const WORDS: [(&'static str, Self); 10] = [
        ("HS256", Self::Hs(Hash::Sha256)),
        ("HS384", Self::Hs(Hash::Sha384)),
        ("HS512", Self::Hs(Hash::Sha512)),
        ("RS256", Self::Public(Asymmetric::Rs256)),
        ("RS384", Self::Public(Asymmetric::Rs384)),
        ("RS512", Self::Public(Asymmetric::Rs512)),
        ("PS256", Self::Public(Asymmetric::Ps256)),
        ("ES256", Self::Public(Asymmetric::Es256)),
        ("ES384", Self::Public(Asymmetric::Es384)),
        ("EdDSA", Self::Public(Asymmetric::EdDsa)),
    ];
}

/// What verifies a token.
#[derive(Debug, Clone)]
pub(super) enum Keys {
    Shared(Vec<Secret<Vec<u8>>>),
    Public(Vec<PublicKey>),
    /// A set to fetch.
    At(String),
}

/// `jwt`
#[derive(Debug, Clone)]
pub(super) struct Jwt {
    pub place: Place,
    pub prefix: String,
    pub algorithms: Vec<Algorithm>,
    pub keys: Keys,
    pub iss: Vec<String>,
    pub aud: Vec<String>,
    /// The audience is the address that was called.
    pub aud_url: bool,
    pub body_hash: Option<(String, Hash)>,
    pub required_when_body: bool,
    pub url_hash: Option<(String, Hash)>,
    pub claims_are_payload: bool,
    /// How far clocks may be apart.
    pub tolerance: Duration,
    /// How old a token may be that says when it was made and not when it ends.
    pub max_age: Option<Duration>,
}

impl Jwt {
    pub fn check(&self, hook: &HookRequest, fetched: &Fetched, now: Timestamp) -> Result<Map<String, Value>, Unproven> {
        let field = self.place.find(hook)?.ok_or(Unproven::Missing)?;
        let token = strip(&field, &self.prefix).ok_or(Unproven::Missing)?;
        let claims = self.signed(token, fetched)?;
        self.about(&claims, hook)?;
        self.bound(&claims, hook)?;
        self.in_time(&claims, now)?;
        Ok(claims)
    }

    /// The claims of a token whose signature fits.
    fn signed(&self, token: &str, fetched: &Fetched) -> Result<Map<String, Value>, Unproven> {
        if token.len() > LONGEST_TOKEN {
            return Err(Unproven::Unreadable);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Unproven::Unreadable)?;
        let (header, payload) = message.split_once('.').ok_or(Unproven::Unreadable)?;
        let header = object(header)?;
        if header.contains_key("crit") {
            return Err(Unproven::Unreadable);
        }
        let name = header.get("alg").and_then(Value::as_str).ok_or(Unproven::Unreadable)?;
        let known = Algorithm::WORDS.iter().find(|(word, _)| *word == name).map(|(_, algorithm)| *algorithm);
        let algorithm = known.filter(|known| self.algorithms.contains(known)).ok_or(Unproven::Wrong)?;
        let given = Encoding::Base64Url.read(signature).ok_or(Unproven::Unreadable)?;
        let id = header.get("kid").and_then(Value::as_str);
        self.fits(algorithm, message.as_bytes(), &given, id, fetched)?;
        object(payload)
    }

    fn fits(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        given: &[u8],
        id: Option<&str>,
        fetched: &Fetched,
    ) -> Result<(), Unproven> {
        let verified = |found: bool| if found { Ok(()) } else { Err(Unproven::Wrong) };
        match (algorithm, &self.keys) {
            (Algorithm::Hs(hash), Keys::Shared(keys)) => verified(
                keys.iter().fold(false, |found, key| same(&hash.keyed(key.expose(), message), given).is_ok() | found),
            ),
            (Algorithm::Public(algorithm), Keys::Public(keys)) => {
                verified(keys.iter().any(|key| key.verify(algorithm, message, given)))
            }
            (Algorithm::Public(algorithm), Keys::At(url)) => {
                let again = || Unproven::Wants(Wish { url: url.clone(), again: true, foreign: false });
                let keys = keys::of_set(fetched.get(url, false)?, id).ok_or_else(again)?;
                if keys.is_empty() {
                    return Err(again());
                }
                verified(keys.iter().any(|key| key.verify(algorithm, message, given)))
            }
            _ => Err(Unproven::Wrong),
        }
    }

    /// From whom and for whom.
    fn about(&self, claims: &Map<String, Value>, hook: &HookRequest) -> Result<(), Unproven> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if !self.iss.is_empty() && !text("iss").is_some_and(|iss| self.iss.iter().any(|known| known == iss)) {
            return Err(Unproven::Wrong);
        }
        if self.aud.is_empty() && !self.aud_url {
            return Ok(());
        }
        let ours = |aud: &str| self.aud.iter().any(|known| known == aud) || self.aud_url && aud == hook.url;
        let named = match claims.get("aud") {
            Some(Value::String(aud)) => ours(aud),
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).any(ours),
            _ => false,
        };
        if named { Ok(()) } else { Err(Unproven::Wrong) }
    }

    /// The body and the address are those that the token was made for.
    fn bound(&self, claims: &Map<String, Value>, hook: &HookRequest) -> Result<(), Unproven> {
        let digest = |claim: &str, hash: Hash, octets: &[u8]| match claims.get(claim).and_then(Value::as_str) {
            Some(given) => same(hex(&hash.of(octets)).as_bytes(), given.to_ascii_lowercase().as_bytes()).map(|()| true),
            None => Ok(false),
        };
        if let Some((claim, hash)) = &self.body_hash {
            let there = digest(claim, *hash, &hook.body)?;
            if !there && self.required_when_body && !hook.body.is_empty() {
                return Err(Unproven::Uncovered);
            }
        }
        match &self.url_hash {
            Some((claim, hash)) if !digest(claim, *hash, hook.url.as_bytes())? => Err(Unproven::Uncovered),
            _ => Ok(()),
        }
    }

    fn in_time(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<(), Unproven> {
        let at = |name: &str| match claims.get(name) {
            None => Ok(None),
            #[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
            Some(value) => {
                value.as_f64().map(|seconds| Some(Timestamp((seconds * 1000.0) as i64))).ok_or(Unproven::Unreadable)
            }
        };
        let (exp, nbf, iat) = (at("exp")?, at("nbf")?, at("iat")?);
        if exp.is_some_and(|exp| now >= exp + self.tolerance) || nbf.is_some_and(|nbf| now + self.tolerance < nbf) {
            return Err(Unproven::Old);
        }
        match iat {
            Some(iat) if now + self.tolerance < iat => Err(Unproven::Old),
            Some(iat) if exp.is_none() && self.max_age.is_some_and(|age| now > iat + age + self.tolerance) => {
                Err(Unproven::Old)
            }
            _ => Ok(()),
        }
    }

    pub fn seal(&self, hook: &mut HookRequest, now: Timestamp) -> bool {
        let (Keys::Shared(keys), Some(Algorithm::Hs(hash))) = (&self.keys, self.algorithms.first()) else {
            return false;
        };
        let Some(key) = keys.first() else { return false };
        let mut claims = match (self.claims_are_payload, serde_json::from_slice(&hook.body)) {
            (true, Ok(Value::Object(claims))) => claims,
            _ => Map::new(),
        };
        let mut say = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
        say("iat", (now.0 / 1000).into());
        say("exp", (now.0 / 1000 + 300).into());
        if let Some(iss) = self.iss.first() {
            say("iss", iss.as_str().into());
        }
        if let Some(aud) = self.aud.first().or(self.aud_url.then_some(&hook.url)) {
            say("aud", aud.as_str().into());
        }
        if let Some((claim, hash)) = &self.body_hash
            && !hook.body.is_empty()
        {
            say(claim, hex(&hash.of(&hook.body)).into());
        }
        if let Some((claim, hash)) = &self.url_hash {
            say(claim, hex(&hash.of(hook.url.as_bytes())).into());
        }
        let name =
            Algorithm::WORDS.iter().find(|(_, known)| *known == Algorithm::Hs(*hash)).map_or("", |(name, _)| name);
        let part = |text: String| Encoding::Base64Url.write(text.as_bytes());
        let header = part(format!("{{\"typ\":\"JWT\",\"alg\":\"{name}\"}}"));
        let message = format!("{header}.{}", part(Value::Object(claims).to_string()));
        let signature = Encoding::Base64Url.write(&hash.keyed(key.expose(), message.as_bytes()));
        self.place.put(hook, &format!("{}{message}.{signature}", self.prefix));
        true
    }

    pub fn warning(&self) -> Option<&'static str> {
        let bound = self.claims_are_payload || self.body_hash.is_some() && self.required_when_body;
        if bound { None } else { Some("the token does not bind the body: add path-secret") }
    }
}

/// A part of a token that is a JSON object.
fn object(part: &str) -> Result<Map<String, Value>, Unproven> {
    let octets = Encoding::Base64Url.read(part).ok_or(Unproven::Unreadable)?;
    serde_json::from_slice(&octets).map_err(|_| Unproven::Unreadable)
}
