//! Azure Event Grid: a secret in the address or a token of Entra, and the two handshakes.
//!
//! Event Grid signs nothing. A subscription is confirmed by the code of its first event, or (cloud events) by an OPTIONS
//! request; both only with the proof, so that nobody subscribes us to his topic.

use serde_json::Value;

use super::{Fetched, Handshake, LARGEST_JSON, Proven, Unproven, jwt::Jwt, secrets::Carried};
use crate::{
    ground::Timestamp,
    provider::web::{Headers, HookRequest},
};

/// `eventgrid`
#[derive(Debug, Clone)]
pub(super) struct EventGrid {
    pub secret: Option<Carried>,
    pub token: Option<Jwt>,
}

impl EventGrid {
    pub fn check(&self, hook: &HookRequest, fetched: &Fetched, now: Timestamp) -> Result<Proven, Unproven> {
        if self.secret.is_none() && self.token.is_none() {
            return Err(Unproven::Missing);
        }
        if let Some(secret) = &self.secret {
            secret.check(hook)?;
        }
        if let Some(token) = &self.token {
            token.check(hook, fetched, now)?;
        }
        Ok(Proven { claims: None, handshake: handshake(hook)? })
    }

    pub fn seal(&self, hook: &mut HookRequest) -> bool {
        self.token.is_none() && self.secret.as_ref().is_some_and(|secret| secret.seal(hook))
    }
}

fn handshake(hook: &HookRequest) -> Result<Option<Handshake>, Unproven> {
    if hook.method == "OPTIONS" {
        let origin = hook.headers.get("WebHook-Request-Origin").ok_or(Unproven::Missing)?;
        let host = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'*');
        if origin.is_empty() || !origin.bytes().all(host) {
            return Err(Unproven::Unreadable);
        }
        let headers = Headers::from_iter([("WebHook-Allowed-Origin", origin), ("WebHook-Allowed-Rate", "*")]);
        return Ok(Some(Handshake::Answer { status: 200, headers, body: String::new() }));
    }
    if hook.headers.get("aeg-event-type") != Some("SubscriptionValidation") {
        return Ok(None);
    }
    if hook.body.len() > LARGEST_JSON {
        return Err(Unproven::Unreadable);
    }
    let events: Value = serde_json::from_slice(&hook.body).map_err(|_| Unproven::Unreadable)?;
    let event = events.get(0).unwrap_or(&events);
    let kind = event.get("eventType").and_then(Value::as_str);
    let code = event.pointer("/data/validationCode").and_then(Value::as_str);
    match (kind, code) {
        (Some("Microsoft.EventGrid.SubscriptionValidationEvent"), Some(code)) => {
            let body = serde_json::json!({ "validationResponse": code }).to_string();
            let headers = Headers::from_iter([("Content-Type", "application/json")]);
            Ok(Some(Handshake::Answer { status: 200, headers, body }))
        }
        _ => Err(Unproven::Unreadable),
    }
}
