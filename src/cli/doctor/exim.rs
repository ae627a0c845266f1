//! Exim: where it would send mail for a phone (`exim -bt`, which sends nothing).

use std::path::Path;

use super::{Findings, tool};
use crate::config::Config;

const PART: &str = "exim";

pub async fn look(config: &Config, file: &Path, found: &mut Findings) {
    for domain in &config.domains {
        let address = format!("+12025550123@{domain}");
        let args = ["-C".as_ref(), file.as_os_str(), "-bt".as_ref(), address.as_ref()];
        let said = match tool::ask("exim", &args).await {
            // Debian's name for it.
            Err(_) => tool::ask("exim4", &args).await,
            said => said,
        };
        match said {
            Err(why) => found.skipped(PART, why),
            Ok(said) => judge(domain, &said, found),
        }
    }
}

fn judge(domain: &str, said: &tool::Said, found: &mut Findings) {
    let route = said.out.lines().find(|line| line.contains("transport = "));
    match route {
        Some(_) if said.out.contains("lookuphost") || said.out.contains("dnslookup") => found.bad(
            PART,
            format!("Exim would send mail for {domain} by DNS ({})", route.unwrap_or_default().trim()),
            "put the router for Martlet in front of the one for remote hosts",
        ),
        Some(route) if said.well => found.well(PART, format!("mail for {domain}: {}", route.trim())),
        _ => {
            let words = said.out.lines().last().filter(|line| !line.is_empty()).unwrap_or(&said.err);
            found.bad(
                PART,
                format!("Exim does not route mail for {domain}: {words}"),
                "give it a router with `domains = DOMAIN` and a transport with protocol = lmtp to Martlet's listener",
            );
        }
    }
}
