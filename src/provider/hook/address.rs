//! Addresses of hooks: `BASE/gateway/ID/hook/NAME`, or the hook's own path, a secret as last part where the definition
//! wants one, and our id of a message in the query.

use super::spec::Hook;
use crate::ground::Timestamp;
use crate::provider::{
    charset,
    definition::{Argument, Definition},
    request::scope::Scope,
    settings::Settings,
    template::expand::Expanded,
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
        let mut address = match &hook.path {
            Some(path) => format!("{base}{path}"),
            None => format!("{base}/gateway/{gateway}/hook/{}", hook.name),
        };
        if let Some(secret) = self.path_secret(settings, hook) {
            address.push('/');
            address.push_str(&charset::percent(secret.as_bytes()));
        }
        if let Some(own) = own {
            address.push_str(&format!("?{OWN}={own}"));
        }
        address
    }

    /// The secret in the address of a hook.
    fn path_secret(&self, settings: &Settings, hook: &Hook) -> Option<String> {
        let Some(Argument::Text(key)) = hook.path_secret()?.arguments.get("key") else { return None };
        match key.expand(&Scope::new(self, settings, Timestamp(0))) {
            Ok(Expanded::Text(secret)) if !secret.is_empty() => Some(secret),
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
