//! Postfix: does mail for the SMS domain reach Martlet, is Martlet told who logged in, and is the way back closed?
//!
//! Read by Postfix's own programs: `postconf` for its parameters, `postmap -q` for its tables. A relative socket lies
//! below the queue folder; an absolute one too where the service runs in a chroot.

mod sockets;

use std::{collections::HashMap, net::SocketAddr, path::Path};

use super::{Findings, tool};
use crate::{
    config::{Config, Listener},
    doors::mail::Bind,
    mailbox::Url,
    outbound::Evidence,
};

const PART: &str = "postfix";

pub async fn look(config: &Config, dir: &Path, found: &mut Findings) {
    let postfix = match Postfix::read(dir).await {
        Ok(postfix) => postfix,
        Err(why) => return found.bad(PART, why, "let --postfix name the folder of main.cf"),
    };
    for domain in &config.domains {
        postfix.not_local(domain, found).await;
        postfix.relayed(domain, found).await;
        if let Some(listener) = postfix.transport(domain, config, found).await {
            postfix.told_who(listener, found);
            postfix.forged(listener, found).await;
        }
    }
    postfix.way_back(config, found);
}

/// A Postfix as its own program reads it.
struct Postfix {
    dir: String,
    /// main.cf, variables written out.
    parameters: HashMap<String, String>,
    /// master.cf: words of each service.
    services: Vec<Vec<String>>,
    /// `-o` of master.cf, as `service/kind/parameter`.
    overrides: HashMap<String, String>,
}

/// One element of a list of domains or tables.
enum Element<'a> {
    /// `type:table`
    Table(&'a str),
    Plain(&'a str),
}

impl Postfix {
    async fn read(dir: &Path) -> Result<Self, String> {
        let dir = dir.to_string_lossy().into_owned();
        let mut said = Vec::new();
        for what in ["-x", "-M", "-P"] {
            let answer = tool::ask("postconf", &["-c", &*dir, what]).await?;
            if !answer.well {
                return Err(format!("postconf: {}", answer.err));
            }
            said.push(answer.out);
        }
        let pairs = |text: &str| {
            let pair = |line: &str| line.split_once('=').map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned()));
            text.lines().filter_map(pair).collect()
        };
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        let services = said[1].lines().map(words).collect();
        Ok(Self { dir, parameters: pairs(&said[0]), services, overrides: pairs(&said[2]) })
    }

    /// A parameter of main.cf.
    fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    /// What a table says of a key.
    async fn ask_table(&self, table: &str, key: &str) -> Result<Option<String>, String> {
        let said = tool::ask("postmap", &["-c", &self.dir, "-q", key, table]).await?;
        match said.well {
            true => Ok(Some(said.out)),
            false if said.err.is_empty() => Ok(None),
            false => Err(format!("the table {table} cannot be read: {}", said.err)),
        }
    }

    /// Is the domain in this list? Parents count where `parents` is set, as they do for relay_domains.
    async fn holds(&self, list: &str, domain: &str, parents: bool) -> Result<bool, String> {
        for element in split(list) {
            let held = match Element::of(element) {
                Element::Plain(name) => {
                    let name = name.trim_start_matches('.');
                    domain.eq_ignore_ascii_case(name)
                        || parents && domain.to_ascii_lowercase().ends_with(&format!(".{}", name.to_ascii_lowercase()))
                }
                Element::Table(table) => self.ask_table(table, domain).await?.is_some(),
            };
            if held {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn not_local(&self, domain: &str, found: &mut Findings) {
        for name in ["mydestination", "virtual_mailbox_domains", "virtual_alias_domains"] {
            match self.holds(self.parameter(name), domain, false).await {
                Ok(false) => {}
                Ok(true) => found.bad(
                    PART,
                    format!("{domain} stands in {name}: Postfix looks for mailboxes there"),
                    format!("take it out of {name}; it belongs into relay_domains alone"),
                ),
                Err(why) => found.bad(PART, format!("{name}: {why}"), "mend the table, or take it out"),
            }
        }
    }

    async fn relayed(&self, domain: &str, found: &mut Findings) {
        match self.holds(self.parameter("relay_domains"), domain, true).await {
            Ok(true) => found.well(PART, format!("{domain} is in relay_domains")),
            Ok(false) => found.bad(
                PART,
                format!("{domain} is not in relay_domains: Postfix takes no mail for it from other machines"),
                format!("relay_domains = {domain}"),
            ),
            Err(why) => found.bad(PART, format!("relay_domains: {why}"), "mend the table, or take it out"),
        }
    }

    /// Follows the transport of a domain to one of our listeners.
    async fn transport<'c>(&self, domain: &str, config: &'c Config, found: &mut Findings) -> Option<&'c Listener> {
        let todo = format!("transport_maps = inline:{{ {domain}=lmtp:unix:martlet/lmtp.sock }}");
        let way = match self.transport_of(domain).await {
            Ok(Some(way)) => way,
            Ok(None) => {
                found.bad(PART, format!("no transport for {domain}: Postfix would look for it in DNS"), todo);
                return None;
            }
            Err(why) => {
                found.bad(PART, why, "mend the table, or take it out");
                return None;
            }
        };
        let (service, hop) = way.split_once(':').unwrap_or((&way, ""));
        let listener = match hop.strip_prefix("unix:") {
            Some(path) => {
                let place = self.resolved(service, path);
                let listener =
                    config.listeners.iter().find(|l| matches!(&l.bind, Bind::Unix { path, .. } if same(path, &place)));
                if listener.is_some() {
                    self.may_connect(&place, found);
                }
                listener.ok_or_else(|| place.display().to_string())
            }
            None => {
                let place = hop.strip_prefix("inet:").unwrap_or(hop);
                let addr: Option<SocketAddr> = place.replace(['[', ']'], "").parse().ok();
                let listener = config.listeners.iter().find(|l| matches!((&l.bind, addr), (Bind::Tcp(own), Some(addr)) if *own == addr || own.ip().is_unspecified() && own.port() == addr.port()));
                listener.ok_or_else(|| place.to_owned())
            }
        };
        match listener {
            Ok(listener) => {
                found.well(PART, format!("mail for {domain} goes by {way} to a listener of Martlet"));
                Some(listener)
            }
            Err(place) => {
                let words = format!("mail for {domain} goes by {way} to {place}, where no [[listener]] is");
                found.bad(PART, words, format!("let a listener's `bind` be there, or: {todo}"));
                None
            }
        }
    }

    /// What transport_maps says, by the whole domain, its parents, and `*`.
    async fn transport_of(&self, domain: &str) -> Result<Option<String>, String> {
        let maps = self.parameter("transport_maps");
        let mut keys = vec![domain.to_owned()];
        keys.extend(domain.match_indices('.').map(|(at, _)| domain[at..].to_owned()));
        keys.push("*".to_owned());
        for key in keys {
            for element in split(maps) {
                let Element::Table(table) = Element::of(element) else { continue };
                if let Some(way) = self.ask_table(table, &key).await?.filter(|way| !way.is_empty()) {
                    return Ok(Some(way));
                }
            }
        }
        Ok(None)
    }

    /// Whether Martlet learns who had logged in.
    fn told_who(&self, listener: &Listener, found: &mut Findings) {
        if self.parameter("lmtp_send_xforward_command") != "yes" {
            let words = "Postfix's queue ids are not passed on: a mail that is handed over twice is recognised by its words alone";
            found.warning(PART, words, "lmtp_send_xforward_command = yes");
        }
        if !listener.identity.contains(&Evidence::PostfixReceived) {
            return;
        }
        let name = "smtpd_sasl_authenticated_header";
        let of_service = self.overrides.iter().any(|(key, value)| key.ends_with(&format!("/{name}")) && value == "yes");
        match of_service || self.parameter(name) == "yes" {
            true => found.well(PART, "Postfix writes who has logged in"),
            false => found.bad(
                PART,
                "Postfix does not write who has logged in: nobody could send",
                format!("-o {name}=yes at the submission service in master.cf"),
            ),
        }
        let myhostname = self.parameter("myhostname").to_ascii_lowercase();
        if !listener.mta_names.is_empty() && !listener.mta_names.contains(&myhostname) {
            let words =
                format!("mta_names lacks {myhostname}, which Postfix writes behind `by`: nobody would be believed");
            found.bad(PART, words, format!("mta_names = [\"{myhostname}\"]"));
        }
    }

    /// Shows Postfix's header checks a forged Authentication-Results: one that comes from outside must not get through.
    async fn forged(&self, listener: &Listener, found: &mut Findings) {
        for evidence in &listener.identity {
            let Evidence::AuthenticationResults(host) = evidence else { continue };
            let forged = format!("Authentication-Results: {host}; auth=pass smtp.auth=doctor@{host}");
            let mut stripped = Ok(false);
            for element in split(self.parameter("header_checks")) {
                match self.ask_table(element, &forged).await {
                    Ok(Some(action)) => {
                        let action = action.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
                        stripped =
                            Ok(["IGNORE", "STRIP", "REJECT", "DISCARD", "REPLACE", "HOLD"].contains(&action.as_str()));
                        break;
                    }
                    Ok(None) => {}
                    Err(why) => stripped = Err(why),
                }
            }
            let milters = !self.parameter("smtpd_milters").is_empty();
            match stripped {
                Ok(true) => found.well(PART, format!("a forged Authentication-Results of {host} does not get through")),
                Ok(false) if milters => found.warning(
                    PART,
                    format!(
                        "header_checks let a forged Authentication-Results of {host} through; a milter may take it away"
                    ),
                    "write to a mailbox of your own from outside with such a field, and look whether it arrives",
                ),
                Ok(false) => found.bad(
                    PART,
                    format!("a forged Authentication-Results of {host} gets through: strangers could send as anybody"),
                    format!(
                        "header_checks = regexp:{{ {{/^Authentication-Results:[[:space:]]*{}/ IGNORE}} }}",
                        host.replace('.', "\\.")
                    ),
                ),
                Err(why) => found.bad(PART, why, "mend the table, or take it out"),
            }
        }
    }

    /// The port that Martlet hands its mails to relays nothing for it.
    fn way_back(&self, config: &Config, found: &mut Findings) {
        let Url::Smtp { host, port } = &config.mailbox.url else { return };
        let names = [format!("{host}:{port}"), port.to_string()];
        let service = self.services.iter().find_map(|words| match words.as_slice() {
            [name, kind, ..] if kind == "inet" && names.contains(name) => Some(name),
            _ => None,
        });
        let Some(service) = service else {
            let words = format!("no service of its own for Martlet's mails at {host}:{port}");
            let todo = "give it one in master.cf, without greylisting and filters: docs/mta-postfix.md";
            return found.warning(PART, words, todo);
        };
        let own = self.overrides.get(&format!("{service}/inet/mynetworks"));
        let networks = own.map_or_else(|| self.parameter("mynetworks"), String::as_str);
        match networks.is_empty() {
            true => found.well(PART, format!("the service {service} relays nothing for Martlet")),
            false => found.bad(
                PART,
                format!("the service {service} trusts {networks}: what a phone writes (`#x%elsewhere@here#`) could be relayed"),
                format!("-o mynetworks= at the service {service} in master.cf"),
            ),
        }
    }
}

impl<'a> Element<'a> {
    fn of(written: &'a str) -> Self {
        let kind = written.split_once(':').map(|(kind, _)| kind);
        let table =
            kind.is_some_and(|kind| !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        if table { Self::Table(written) } else { Self::Plain(written) }
    }
}

/// The elements of a list: by blanks and commas outside of braces.
fn split(list: &str) -> Vec<&str> {
    let (mut depth, mut start) = (0u32, None);
    let mut elements = Vec::new();
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let between = depth == 0 && (c.is_whitespace() || c == ',');
        match (between, start) {
            (true, Some(from)) => {
                elements.push(&list[from..at]);
                start = None;
            }
            (false, None) => start = Some(at),
            _ => {}
        }
    }
    elements.extend(start.map(|from| &list[from..]));
    elements
}

/// The same file, by whatever folders it is named.
fn same(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| match (path.parent().map(std::fs::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    };
    real(a) == real(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_outside_of_braces() {
        let list = "a.test, hash:/etc/x,inline:{ {b.test = lmtp:unix:x}, c.test=y }  $mydomain";
        assert_eq!(split(list), ["a.test", "hash:/etc/x", "inline:{ {b.test = lmtp:unix:x}, c.test=y }", "$mydomain"]);
        assert!(split(" , ").is_empty());
        assert!(matches!(Element::of("hash:/etc/x"), Element::Table(_)));
        assert!(matches!(Element::of("a.test"), Element::Plain(_)));
    }
}
