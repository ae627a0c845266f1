//! Names: the SMS domains and our host name, as far as this machine can look them up.
//!
//! An SMS domain needs no DNS at all where only the own users write to it; an address only means that strangers' mail
//! servers find it, too. Where DNS does not answer, nothing is said about it.

use std::{net::ToSocketAddrs, time::Duration};

use super::Findings;
use crate::config::Config;

const PATIENCE: Duration = Duration::from_secs(5);

pub async fn look(config: &Config, found: &mut Findings) {
    for domain in &config.domains {
        match addresses(domain).await {
            Some(0) => found.well("dns", format!("{domain} has no address: only your own mail server delivers there")),
            Some(_) => found.well("dns", format!("{domain} has an address: other mail servers can find it, too")),
            None => found.skipped("dns", format!("DNS does not answer for {domain}")),
        }
    }
    let name = &config.hostname;
    if config.domains.contains(name) {
        return;
    }
    match addresses(name).await {
        Some(0) => found.warning(
            "dns",
            format!("{name}, as which Martlet greets, has no address"),
            "let `hostname` be a name of this machine: some mail servers refuse others",
        ),
        Some(_) => found.well("dns", format!("{name}, as which Martlet greets, has an address")),
        None => found.skipped("dns", format!("DNS does not answer for {name}")),
    }
}

/// How many addresses a name has; `None` where nobody answers.
async fn addresses(name: &str) -> Option<usize> {
    let name = name.to_owned();
    let look = tokio::task::spawn_blocking(move || (name.as_str(), 25).to_socket_addrs().map(Iterator::count));
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok(Ok(count))) => Some(count),
        // "Name or service not known" is an answer, "temporary failure in name resolution" is none.
        Ok(Ok(Err(why))) if !why.to_string().contains("emporary failure") => Some(0),
        _ => None,
    }
}
