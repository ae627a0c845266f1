//! `X-Twilio-Signature`: base64 of HMAC-SHA1 over the address as Twilio called it and the parameters of the form, sorted.
//!
//! Twilio signs the address with or without its standard port, so both are tried. A body that is no form is covered by its
//! SHA-256 in the (signed) query; one that is not covered at all is refused.

use std::collections::BTreeSet;

use super::{FORM, Unproven, media_type, parameters, same};
use crate::{
    ground::Secret,
    provider::{
        digest::{Encoding, Hash, hex},
        web::HookRequest,
    },
};

const HEADER: &str = "X-Twilio-Signature";

/// `twilio`
#[derive(Debug, Clone)]
pub(super) struct Twilio {
    pub tokens: Vec<Secret<Vec<u8>>>,
}

impl Twilio {
    pub fn check(&self, hook: &HookRequest) -> Result<(), Unproven> {
        let given = hook.headers.get(HEADER).ok_or(Unproven::Missing)?;
        let given = Encoding::Base64.read(given.trim()).ok_or(Unproven::Unreadable)?;
        let covered = covered(hook)?;
        let urls = addresses(&hook.url);
        let fits = urls.iter().flat_map(|url| self.tokens.iter().map(move |token| (url, token)));
        let found =
            fits.fold(false, |found, (url, token)| same(&signature(token, url, &covered), &given).is_ok() | found);
        if found { Ok(()) } else { Err(Unproven::Wrong) }
    }

    pub fn seal(&self, hook: &mut HookRequest) -> bool {
        if media_type(hook) != FORM && !hook.body.is_empty() {
            let join = if hook.url.contains('?') { '&' } else { '?' };
            hook.url = format!("{}{join}bodySHA256={}", hook.url, hex(&Hash::Sha256.of(&hook.body)));
        }
        let (Some(token), Ok(covered)) = (self.tokens.first(), covered(hook)) else { return false };
        let signature = Encoding::Base64.write(&signature(token, &hook.url, &covered));
        hook.headers.push(HEADER, signature);
        true
    }
}

/// What stands behind the address in what is signed.
fn covered(hook: &HookRequest) -> Result<String, Unproven> {
    if hook.body.is_empty() {
        return Ok(String::new());
    }
    if media_type(hook) == FORM {
        // A set: a pair that comes twice is signed once.
        let pairs: BTreeSet<_> = parameters(&hook.body)?.into_iter().collect();
        return Ok(pairs.into_iter().fold(String::new(), |out, (name, value)| out + &name + &value));
    }
    let query = parameters(hook.query().as_bytes())?;
    let (_, given) = query.into_iter().find(|(name, _)| name == "bodySHA256").ok_or(Unproven::Uncovered)?;
    same(hex(&Hash::Sha256.of(&hook.body)).as_bytes(), given.to_ascii_lowercase().as_bytes())?;
    Ok(String::new())
}

fn signature(token: &Secret<Vec<u8>>, url: &str, covered: &str) -> Vec<u8> {
    Hash::Sha1.keyed(token.expose(), format!("{url}{covered}").as_bytes())
}

/// The address as it is, without its port, and with the standard one.
fn addresses(url: &str) -> Vec<String> {
    let mut all = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return all };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let port = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
    all.push(match port {
        Some(at) => format!("{scheme}://{}{path}", &authority[..at]),
        None => format!("{scheme}://{authority}:{}{path}", if scheme == "https" { 443 } else { 80 }),
    });
    all
}
