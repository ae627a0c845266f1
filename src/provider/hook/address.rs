//! Addresses of hooks: `BASE/gateway/ID/hook/NAME`, or the hook's own path, a secret as last part where the definition
//! wants one, and our id of a message in the query.

use super::spec::Hook;
use crate::ground::Timestamp;
use crate::provider::{
    charset,
    definition::{Argument, Definition, Scheme},
    request::scope::Scope,
    settings::Settings,
    template::{Piece, expand::Expanded},
};

/// The parameter that holds our id.
pub const OWN: &str = "own";

impl Definition {
    /// The address of a hook, for a message of ours where `own` names it. `base` is the public address without `/` at
    /// its end.
    pub fn hook_address(
        &self,
        settings: &Settings,
        hook: &Hook,
        base: &str,
        gateway: &str,
        own: Option<&str>,
    ) -> String {
        let mut address = self.bare_hook_address(hook, base, gateway);
        if let Some(secret) = self.path_secret(settings, hook) {
            address.push('/');
            address.push_str(&charset::percent(secret.as_bytes()));
        }
        let in_query = hook.verify.iter().filter_map(|scheme| {
            let Some(Argument::Text(name)) = scheme.arguments.get("query") else { return None };
            let [Piece::Words(name)] = name.pieces.as_slice() else { return None };
            let named = matches!(scheme.name.as_str(), "field-secret" | "eventgrid");
            let secret = if named { self.secret_of(settings, scheme)? } else { return None };
            Some(format!("{name}={}", charset::percent(secret.as_bytes())))
        });
        let query: Vec<String> = in_query.chain(own.map(|own| format!("{OWN}={own}"))).collect();
        if query.is_empty() { address } else { format!("{address}?{}", query.join("&")) }
    }

    /// The same without secret and id.
    pub fn bare_hook_address(&self, hook: &Hook, base: &str, gateway: &str) -> String {
        match &hook.path {
            Some(path) => format!("{base}{path}"),
            None => format!("{base}/gateway/{gateway}/hook/{}", hook.name),
        }
    }

    /// The secret in the address of a hook.
    fn path_secret(&self, settings: &Settings, hook: &Hook) -> Option<String> {
        self.secret_of(settings, hook.path_secret()?)
    }

    fn secret_of(&self, settings: &Settings, scheme: &Scheme) -> Option<String> {
        let Some(Argument::Text(key)) = scheme.arguments.get("key") else { return None };
        match key.expand(&Scope::new(self, settings, Timestamp(0))) {
            Ok(Expanded::Text(secret)) if !secret.is_empty() => Some(secret),
            Ok(Expanded::Many(secrets)) => secrets.into_iter().next(),
            _ => None,
        }
    }

    /// The region as of which national numbers are read.
    pub(super) fn home(&self, settings: &Settings) -> Option<crate::address::Region> {
        let template = self.number.home.as_ref()?;
        match template.expand(&Scope::new(self, settings, Timestamp(0))) {
            Ok(Expanded::Text(region)) => region.parse().ok(),
            _ => None,
        }
    }
}
