//! Signatures of requests that we make: `sign` of a definition.
//!
//! Pure: the time and a word that is used once come as arguments. Where a provider wants its own clock, the caller asks it
//! ([`Signer::clock`]) and passes the time as it is there. What can go wrong is a key that is none, which is told when
//! a signer is made; making a signature cannot fail.

mod aws;
mod azure;
mod pieces;
mod token;

use super::{
    arguments::{Arguments, Desk, Misfit},
    web::Request,
};
use crate::ground::{Timestamp, written::suggestion};

/// Names of signers, each with its arguments.
pub const SCHEMES: &[(&str, &[&str])] = &[
    ("aws-sigv4", &["region", "service", "key", "secret", "session"]),
    ("azure-hmac", &["key"]),
    ("hmac", pieces::KEYED),
    ("digest", pieces::PLAIN),
    ("jwt-rs256", &["key", "claims", "lifetime", "id"]),
];

/// Signs requests.
#[derive(Debug, Clone)]
pub struct Signer(Scheme);

#[derive(Debug, Clone)]
enum Scheme {
    Aws(aws::SigV4),
    Azure(azure::Azure),
    Pieces(pieces::Pieces),
    Token(token::Token),
}

impl Signer {
    /// The signer of that name.
    ///
    /// # Errors
    /// What does not fit, by argument; a name that is unknown as `scheme`.
    pub fn read(name: &str, arguments: &Arguments) -> Result<Self, Misfit> {
        let Some((_, known)) = SCHEMES.iter().find(|(scheme, _)| *scheme == name) else {
            let hint = suggestion(name, SCHEMES.iter().map(|(scheme, _)| *scheme));
            return Err(Misfit::new("scheme", format!("there is no such signer{hint}")));
        };
        let desk = Desk(arguments);
        desk.only(known)?;
        Ok(Self(match name {
            "aws-sigv4" => Scheme::Aws(aws::SigV4::read(&desk)?),
            "azure-hmac" => Scheme::Azure(azure::Azure::read(&desk)?),
            "hmac" => Scheme::Pieces(pieces::Pieces::read(&desk, true)?),
            "digest" => Scheme::Pieces(pieces::Pieces::read(&desk, false)?),
            _ => Scheme::Token(token::Token::read(&desk)?),
        }))
    }

    /// Signs `request` as of `now`, which is the provider's time where it has a clock of its own; `nonce` is a word
    /// that is used once.
    pub fn sign(&self, request: &mut Request, now: Timestamp, nonce: &str) {
        match &self.0 {
            Scheme::Aws(signer) => signer.sign(request, now),
            Scheme::Azure(signer) => signer.sign(request, now),
            Scheme::Pieces(signer) => signer.sign(request, now, nonce),
            Scheme::Token(signer) => signer.sign(request, now, nonce),
        }
    }

    /// Where the provider's clock can be read: the answer's body is seconds since 1970.
    pub fn clock(&self) -> Option<&str> {
        match &self.0 {
            Scheme::Pieces(signer) => signer.clock.as_deref(),
            _ => None,
        }
    }
}

/// Scheme-less parts of an address: host with its port, path, query.
fn parts(url: &str) -> (&str, &str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split('#').next().unwrap_or_default();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let end = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    (host, if path.is_empty() { "/" } else { path }, query)
}

#[cfg(test)]
mod tests;
