//! Where the hooks of all gateways stand, held against each other and against the other doors.

use std::{collections::BTreeMap, net::SocketAddr};

use super::{Gateway, Kind, provider::HookAt};
use crate::config::{check::Check, error::Place, http::Http as Door, value::quoted};

/// Paths that mean something else at the listener of `[http]`.
const TAKEN: [&str; 8] = ["/", "/sms", "/sms/deliver.html", "/healthz", "/readyz", "/metrics", "/api", "/gateway"];

/// The hooks of one listener agree on its TLS, and a hook that wants a certificate stands where one is asked for.
fn listeners(gateways: &[(Gateway, Place)], http: Option<&Door>, check: &mut Check<'_>) {
    let main = |bind: &SocketAddr| http.is_some_and(|http| http.bind == *bind);
    let mut seen: BTreeMap<SocketAddr, &HookAt> = BTreeMap::new();
    let active = gateways.iter().filter(|(gateway, _)| gateway.active);
    let providers = active.filter_map(|(gateway, header)| match &gateway.kind {
        Kind::Provider(provider) => Some((provider, header)),
        _ => None,
    });
    let providers: Vec<_> = providers.collect();
    for at in providers.iter().flat_map(|(provider, _)| provider.hooks.values()) {
        let Some(bind) = at.bind else { continue };
        let other = seen.get(&bind).and_then(|first| (first.tls != at.tls).then(|| first.place.line()));
        if let Some(other) = other.filter(|_| bind.port() != 0) {
            check.wrong(&at.place, format!("the hooks at {bind} do not agree on `tls`: it is another in {other}"));
        } else if main(&bind) && at.tls.is_some() {
            check.wrong(&at.place, format!("{bind} is the listener of [http]: its TLS is set there"));
        }
        seen.entry(bind).or_insert(at);
    }
    for (provider, header) in providers {
        for hook in provider.definition.hooks.iter().filter(|hook| hook.verify.iter().any(|by| by.name == "mtls")) {
            let at = provider.hooks.get(&hook.name);
            let tls = match at.and_then(|at| at.bind).filter(|bind| !main(bind)) {
                Some(_) => at.and_then(|at| at.tls.as_ref()),
                None => http.and_then(|http| http.tls.as_ref()),
            };
            if tls.is_none_or(|tls| tls.client_ca.is_none()) {
                let name = quoted(&hook.name);
                let why = format!(
                    "hook {name} wants the client's certificate, but nobody is asked for one: set client_ca in the `tls` of its listener"
                );
                check.wrong(at.map_or(header, |at| &at.place), why);
            }
        }
    }
}

/// No two hooks at one place, none where something else stands, and each with a door.
pub fn clashes(gateways: &[(Gateway, Place)], http: Option<&Door>, taken: &[SocketAddr], check: &mut Check<'_>) {
    let mut seen: BTreeMap<(Option<SocketAddr>, String), Place> = BTreeMap::new();
    listeners(gateways, http, check);
    for (gateway, header) in gateways.iter().filter(|(gateway, _)| gateway.active) {
        let Kind::Provider(provider) = &gateway.kind else { continue };
        for (name, path, bind) in provider.doors(&gateway.id) {
            let place = provider.hooks.get(&name).map_or(header, |at| &at.place).clone();
            if let Some(addr) = bind
                && taken.contains(&addr)
                && addr.port() != 0
            {
                check.wrong(&place, format!("hook {}: {addr} is the address of another door", quoted(&name)));
            }
            let bind = bind.filter(|addr| http.is_none_or(|http| http.bind != *addr));
            if bind.is_none() && http.is_none() {
                check.wrong(&place, format!("hook {} has no door: add [http], or `bind` to the hook", quoted(&name)));
            }
            let reserved = |taken: &&str| path == **taken || taken.len() > 1 && path.starts_with(&format!("{taken}/"));
            let usual = path == format!("/gateway/{}/hook/{name}", gateway.id);
            if bind.is_none() && !usual && TAKEN.iter().any(reserved) {
                check.wrong(
                    &place,
                    format!("hook {}: the path {} means something else here", quoted(&name), quoted(&path)),
                );
            }
            if let Some(first) = seen.insert((bind, path.clone()), place.clone()) {
                let cause =
                    format!("hook {}: the path {} is taken already, in {}", quoted(&name), quoted(&path), first.line());
                check.wrong(&place, cause);
            }
        }
    }
}
