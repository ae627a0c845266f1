//! `X-Plivo-Signature-V3`: base64 of HMAC-SHA256 over address, sorted parameters and a nonce; a list during key changes.
//!
//! The second version covers neither body nor query: it is a shared secret and no more, and has to be asked for.

use super::{FORM, Unproven, media_type, parameters, same};
use crate::{
    ground::Secret,
    provider::{
        digest::{Encoding, Hash},
        web::HookRequest,
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V2,
    V3,
}

/// `plivo`
#[derive(Debug, Clone)]
pub(super) struct Plivo {
    pub version: Version,
    pub tokens: Vec<Secret<Vec<u8>>>,
}

impl Plivo {
    /// Fields of the signature (that of the account, that of its main account) and of the nonce.
    fn headers(&self) -> ([&'static str; 2], &'static str) {
        match self.version {
            Version::V2 => (["X-Plivo-Signature-V2", "X-Plivo-Signature-Ma-V2"], "X-Plivo-Signature-V2-Nonce"),
            Version::V3 => (["X-Plivo-Signature-V3", "X-Plivo-Signature-Ma-V3"], "X-Plivo-Signature-V3-Nonce"),
        }
    }

    pub fn check(&self, hook: &HookRequest) -> Result<(), Unproven> {
        let (fields, nonce) = self.headers();
        let nonce = hook.headers.get(nonce).ok_or(Unproven::Missing)?;
        let given = fields.iter().filter_map(|field| hook.headers.get(field)).flat_map(|list| list.split(','));
        let given: Vec<_> = given.take(8).filter_map(|one| Encoding::Base64.read(one.trim())).collect();
        if given.is_empty() {
            return Err(Unproven::Missing);
        }
        let message = self.message(hook, nonce)?;
        let found = self.tokens.iter().fold(false, |found, token| {
            let ours = Hash::Sha256.keyed(token.expose(), message.as_bytes());
            given.iter().fold(false, |found, given| same(&ours, given).is_ok() | found) | found
        });
        if found { Ok(()) } else { Err(Unproven::Wrong) }
    }

    pub fn seal(&self, hook: &mut HookRequest) -> bool {
        let ([field, _], nonce) = self.headers();
        let (Some(token), Ok(message)) = (self.tokens.first(), self.message(hook, "12345678901234567890")) else {
            return false;
        };
        let signature = Encoding::Base64.write(&Hash::Sha256.keyed(token.expose(), message.as_bytes()));
        hook.headers.push(nonce, "12345678901234567890");
        hook.headers.push(field, signature);
        true
    }

    /// What is signed.
    fn message(&self, hook: &HookRequest, nonce: &str) -> Result<String, Unproven> {
        let base = hook.url.split(['?', '#']).next().unwrap_or_default();
        if self.version == Version::V2 {
            return Ok(format!("{base}{nonce}"));
        }
        // Each name once, its values sorted, the way the provider joins them.
        let query = sorted(parameters(hook.query().as_bytes())?);
        let query: Vec<_> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let form = if hook.body.is_empty() {
            Vec::new()
        } else if media_type(hook) == FORM && hook.method != "GET" {
            sorted(parameters(&hook.body)?)
        } else {
            return Err(Unproven::Uncovered);
        };
        let mut url = base.to_owned();
        if !query.is_empty() || !form.is_empty() {
            url = format!("{url}?{}", query.join("&"));
        }
        if !query.is_empty() && !form.is_empty() {
            url.push('.');
        }
        for (name, value) in form {
            url = url + &name + &value;
        }
        Ok(format!("{url}.{nonce}"))
    }

    pub fn warning(&self) -> Option<&'static str> {
        let weak = self.version == Version::V2;
        weak.then_some("the second version covers neither body nor query: use version 3, or add path-secret")
    }
}

fn sorted(mut pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    pairs.sort();
    pairs
}
