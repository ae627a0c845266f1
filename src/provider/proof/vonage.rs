//! Vonage's `sig`: a digest over all parameters, sorted, with `&` and `=` in values made `_`.
//!
//! Parameters come by query, by form or as a flat JSON object. The replacement makes `a=b&c` and `a=b_c` the same: that is
//! the scheme, and why every parameter counts once only.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::{LARGEST_JSON, MOST_PARAMETERS, Unproven, media_type, parameters, same, signed};
use crate::{
    ground::{Secret, Timestamp},
    provider::{
        digest::{Hash, hex, unhex},
        web::HookRequest,
    },
};

/// How `sig` is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// MD5 of the parameters with the secret behind them.
    Md5Hash,
    Keyed(Hash),
}

impl Method {
    pub const WORDS: [(&'static str, Self); 5] = [
        ("md5hash", Self::Md5Hash),
        ("md5", Self::Keyed(Hash::Md5)),
        ("sha1", Self::Keyed(Hash::Sha1)),
        ("sha256", Self::Keyed(Hash::Sha256)),
        ("sha512", Self::Keyed(Hash::Sha512)),
    ];
}

/// `vonage-sig`
#[derive(Debug, Clone)]
pub(super) struct Vonage {
    pub method: Method,
    pub secrets: Vec<Secret<Vec<u8>>>,
    pub tolerance: Option<Duration>,
}

impl Vonage {
    pub fn check(&self, hook: &HookRequest, now: Timestamp) -> Result<(), Unproven> {
        let mut all = gathered(hook)?;
        let given = all.remove("sig").ok_or(Unproven::Missing)?;
        let given = unhex(&given).ok_or(Unproven::Unreadable)?;
        let found = self.secrets.iter().fold(false, |found, key| same(&self.sig(key, &all), &given).is_ok() | found);
        if !found {
            return Err(Unproven::Wrong);
        }
        let Some(tolerance) = self.tolerance else { return Ok(()) };
        let at = all.get("timestamp").ok_or(Unproven::Missing)?;
        signed::near(signed::moment(at).ok_or(Unproven::Unreadable)?, now, tolerance)
    }

    fn sig(&self, key: &Secret<Vec<u8>>, all: &BTreeMap<String, String>) -> Vec<u8> {
        let mut message = String::new();
        for (name, value) in all {
            message = message + "&" + name + "=" + &value.replace(['&', '='], "_");
        }
        match self.method {
            Method::Md5Hash => Hash::Md5.of(&[message.as_bytes(), key.expose()].concat()),
            Method::Keyed(hash) => hash.keyed(key.expose(), message.as_bytes()),
        }
    }

    pub fn seal(&self, hook: &mut HookRequest, now: Timestamp) -> bool {
        let Some(key) = self.secrets.first() else { return false };
        let add = |hook: &mut HookRequest, name: &str, value: &str| {
            if media_type(hook) == "application/json" {
                let Ok(Value::Object(mut body)) = serde_json::from_slice(&hook.body) else { return };
                body.insert(name.to_owned(), value.into());
                hook.body = Value::Object(body).to_string().into_bytes();
            } else if hook.method == "GET" {
                super::secrets::Place::Query(name.to_owned()).put(hook, value);
            } else {
                super::secrets::Place::Field(name.to_owned()).put(hook, value);
            }
        };
        if gathered(hook).is_ok_and(|all| !all.contains_key("timestamp")) {
            add(hook, "timestamp", &(now.0 / 1000).to_string());
        }
        let Ok(all) = gathered(hook) else { return false };
        add(hook, "sig", &hex(&self.sig(key, &all)));
        true
    }
}

/// Every parameter, each once.
fn gathered(hook: &HookRequest) -> Result<BTreeMap<String, String>, Unproven> {
    let mut pairs = parameters(hook.query().as_bytes())?;
    if media_type(hook) == "application/json" {
        if hook.body.len() > LARGEST_JSON {
            return Err(Unproven::Unreadable);
        }
        let body: Value = serde_json::from_slice(&hook.body).map_err(|_| Unproven::Unreadable)?;
        let members = body.as_object().filter(|all| all.len() <= MOST_PARAMETERS).ok_or(Unproven::Unreadable)?;
        for (name, value) in members {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => flag.to_string(),
                // How these are signed is not written anywhere.
                _ => return Err(Unproven::Unreadable),
            };
            pairs.push((name.clone(), value));
        }
    } else {
        pairs.extend(parameters(&hook.body)?);
    }
    let count = pairs.len();
    let all: BTreeMap<_, _> = pairs.into_iter().collect();
    if all.len() == count { Ok(all) } else { Err(Unproven::Unreadable) }
}
