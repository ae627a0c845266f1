//! Whether a hook comes from the provider: a closed set of verifiers, named by a definition's `verify`.
//!
//! Pure: what has to be fetched first (a certificate, a set of keys) is a [`Wish`] of the answer, and comes back as an
//! argument. What can go wrong is a call that nobody signed, that was signed by someone else, changed on its way or
//! repeated later. All of that is [`Unproven`]; which word it is, is for the log, and the caller learns nothing of it.
//! Signatures and secrets are compared in constant time.

mod eventgrid;
pub mod keys;
mod jwt;
mod plivo;
mod read;
mod secrets;
mod signed;
mod sns;
mod twilio;
mod vonage;

use std::{collections::BTreeMap, fmt, sync::Arc};

use subtle::ConstantTimeEq;

use super::web::{Headers, HookRequest};
use crate::ground::Timestamp;

pub use read::SCHEMES;
pub use signed::Piece;

/// Parameters looked at in one call.
const MOST_PARAMETERS: usize = 512;

/// Bodies that are taken apart here (JSON of notifications) are no larger.
const LARGEST_JSON: usize = 1024 * 1024;

/// Proves calls; made by [`Verifier::read`], [`Verifier::all`].
#[derive(Debug, Clone)]
pub struct Verifier(Scheme);

#[derive(Debug, Clone)]
enum Scheme {
    Open,
    Secret(secrets::Carried),
    Basic(secrets::Basic),
    Source(secrets::Source),
    Mtls(secrets::Mtls),
    Hmac(signed::Hmac),
    Ed25519(signed::Ed25519),
    Jwt(jwt::Jwt),
    Twilio(twilio::Twilio),
    Plivo(plivo::Plivo),
    Vonage(vonage::Vonage),
    Sns(sns::Sns),
    EventGrid(eventgrid::EventGrid),
    All(Vec<Verifier>),
}

/// The call is the provider's.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proven {
    /// What a token says; some providers put the event itself there.
    pub claims: Option<serde_json::Map<String, serde_json::Value>>,
    /// The call is no event.
    pub handshake: Option<Handshake>,
}

impl fmt::Debug for Proven {
    /// Claims hold numbers and texts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let claims = self.claims.as_ref().map(serde_json::Map::len);
        write!(f, "Proven({claims:?} claims, handshake: {})", self.handshake.is_some())
    }
}

/// A call that asks whether we are who it looks for.
#[derive(Clone, PartialEq, Eq)]
pub enum Handshake {
    /// Answer this, and nothing else.
    Answer { status: u16, headers: Headers, body: String },
    /// Fetch this address once, then answer 200. Its host was checked.
    Fetch { url: String },
    /// Answer 200: there is nothing to do.
    Nothing,
}

/// Why a call is not proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unproven {
    /// It carries no signature, secret or token.
    Missing,
    /// It carries one, and it does not fit.
    Wrong,
    /// Signed too long ago, or in the future: perhaps a repetition.
    Old,
    /// What it carries cannot be read.
    Unreadable,
    /// Its body is covered by no signature.
    Uncovered,
    /// From an address or with a certificate that is none of the provider's.
    Foreign,
    /// It can be said once this is fetched: ask again with it.
    Wants(Wish),
}

/// Something public to fetch by https before a call can be judged; keep it, and fetch no more often than once a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub url: String,
    /// What was fetched before has not the key that signed: it may have been replaced since.
    pub again: bool,
    /// The call named the address, not the configuration: nobody knows where it leads to.
    pub foreign: bool,
}

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "nothing is signed",
            Self::Wrong => "the signature or the secret does not fit",
            Self::Old => "signed too long ago, or in the future",
            Self::Unreadable => "what is signed cannot be read",
            Self::Uncovered => "the body is not signed",
            Self::Foreign => "it comes from a network or with a certificate that is not the provider's",
            Self::Wants(_) => "a key has to be fetched first",
        })
    }
}

impl std::error::Error for Unproven {}

/// What was fetched for verifiers, by address.
#[derive(Debug, Clone, Default)]
pub struct Fetched(BTreeMap<String, Arc<[u8]>>);

impl Fetched {
    /// Keeps what an address gave.
    pub fn keep(&mut self, url: impl Into<String>, document: impl Into<Arc<[u8]>>) {
        self.0.insert(url.into(), document.into());
    }

    fn get(&self, url: &str, foreign: bool) -> Result<&[u8], Unproven> {
        let wish = || Unproven::Wants(Wish { url: url.to_owned(), again: false, foreign });
        self.0.get(url).map(AsRef::as_ref).ok_or_else(wish)
    }
}

impl Verifier {
    /// All of them must agree; none at all proves nothing.
    pub fn all(verifiers: Vec<Self>) -> Self {
        Self(Scheme::All(verifiers))
    }

    /// Whether a call is the provider's, at `now`.
    ///
    /// # Errors
    /// Why it is not proven.
    pub fn check(&self, hook: &HookRequest, now: Timestamp) -> Result<Proven, Unproven> {
        self.check_with(hook, &Fetched::default(), now)
    }

    /// The same, with what was fetched before.
    ///
    /// # Errors
    /// Why it is not proven.
    pub fn check_with(&self, hook: &HookRequest, fetched: &Fetched, now: Timestamp) -> Result<Proven, Unproven> {
        let plain = |done: Result<(), Unproven>| done.map(|()| Proven::default());
        match &self.0 {
            Scheme::Open => Ok(Proven::default()),
            Scheme::Secret(scheme) => plain(scheme.check(hook)),
            Scheme::Basic(scheme) => plain(scheme.check(hook)),
            Scheme::Source(scheme) => plain(scheme.check(hook)),
            Scheme::Mtls(scheme) => plain(scheme.check(hook)),
            Scheme::Hmac(scheme) => plain(scheme.check(hook, now)),
            Scheme::Ed25519(scheme) => plain(scheme.check(hook, now)),
            Scheme::Jwt(scheme) => {
                let claims = scheme.check(hook, fetched, now)?;
                Ok(Proven { claims: Some(claims), handshake: None })
            }
            Scheme::Twilio(scheme) => plain(scheme.check(hook)),
            Scheme::Plivo(scheme) => plain(scheme.check(hook)),
            Scheme::Vonage(scheme) => plain(scheme.check(hook, now)),
            Scheme::Sns(scheme) => scheme.check(hook, fetched, now),
            Scheme::EventGrid(scheme) => scheme.check(hook, fetched, now),
            Scheme::All(verifiers) => all(verifiers, hook, fetched, now),
        }
    }

    /// Signs a call as the provider would, for tests of definitions: true where the keys that a verifier has can sign.
    pub fn seal(&self, hook: &mut HookRequest, now: Timestamp) -> bool {
        match &self.0 {
            Scheme::Open | Scheme::Source(_) => true,
            Scheme::Secret(scheme) => scheme.seal(hook),
            Scheme::Basic(scheme) => scheme.seal(hook),
            Scheme::Hmac(scheme) => scheme.seal(hook, now),
            Scheme::Jwt(scheme) => scheme.seal(hook, now),
            Scheme::Twilio(scheme) => scheme.seal(hook),
            Scheme::Plivo(scheme) => scheme.seal(hook),
            Scheme::Vonage(scheme) => scheme.seal(hook, now),
            Scheme::EventGrid(scheme) => scheme.seal(hook),
            Scheme::All(verifiers) => verifiers.iter().all(|verifier| verifier.seal(hook, now)),
            Scheme::Mtls(_) | Scheme::Ed25519(_) | Scheme::Sns(_) => false,
        }
    }

    /// What an operator should know of this choice, where it proves less than it seems to.
    pub fn warning(&self) -> Option<&'static str> {
        match &self.0 {
            Scheme::Open => Some("nothing proves that a call is the provider's: add path-secret or source"),
            Scheme::Jwt(scheme) => scheme.warning(),
            Scheme::Plivo(scheme) => scheme.warning(),
            Scheme::Hmac(scheme) => scheme.warning(),
            Scheme::Source(_) => Some("an address alone is weak proof: combine it with a secret"),
            Scheme::All(verifiers) => {
                let warnings: Vec<_> = verifiers.iter().filter_map(Self::warning).collect();
                // One strong proof is enough.
                if warnings.len() == verifiers.len() { warnings.first().copied() } else { None }
            }
            _ => None,
        }
    }
}

fn all(verifiers: &[Verifier], hook: &HookRequest, fetched: &Fetched, now: Timestamp) -> Result<Proven, Unproven> {
    if verifiers.is_empty() {
        return Err(Unproven::Missing);
    }
    let mut proven = Proven::default();
    let mut wish = None;
    for verifier in verifiers {
        match verifier.check_with(hook, fetched, now) {
            Ok(more) => {
                proven.claims = proven.claims.or(more.claims);
                proven.handshake = proven.handshake.or(more.handshake);
            }
            // Nothing is fetched for a call that is refused anyway.
            Err(Unproven::Wants(more)) => wish = wish.or(Some(more)),
            Err(why) => return Err(why),
        }
    }
    wish.map_or(Ok(proven), |wish| Err(Unproven::Wants(wish)))
}

/// Equal, in a time that depends on the lengths alone.
fn same(ours: &[u8], given: &[u8]) -> Result<(), Unproven> {
    if bool::from(ours.ct_eq(given)) { Ok(()) } else { Err(Unproven::Wrong) }
}

/// Parameters of a query or a form, in their order.
fn parameters(octets: &[u8]) -> Result<Vec<(String, String)>, Unproven> {
    let pairs: Vec<_> = form_urlencoded::parse(octets)
        .take(MOST_PARAMETERS + 1)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    if pairs.len() > MOST_PARAMETERS { Err(Unproven::Unreadable) } else { Ok(pairs) }
}

/// The media type of the body, in lower case and without its parameters.
fn media_type(hook: &HookRequest) -> String {
    let field = hook.headers.get("Content-Type").unwrap_or_default();
    field.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

const FORM: &str = "application/x-www-form-urlencoded";

#[cfg(test)]
mod tests;
