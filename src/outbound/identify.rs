//! Who sends: the first identity that evidence gives, in the listener's order. Deny unless proved.

use std::net::{IpAddr, Ipv4Addr};

use super::{Evidence, Listener, Peer};
use crate::{
    accounts::{self, Accounts},
    address::ReversePath,
    ground::AccountName,
    mail::{auth_results, received},
    smtp::{Envelope, XForward},
};

/// The sender that this peer's evidence names. Whoever logged in at this door is who he is. Where a proxy handed the
/// session on, its client speaks: only the login that came with it counts. Evidence of an untrusted peer is none. The first kind that names
/// somebody decides, also when nobody of that name has an account, and when no account can have such a name.
///
/// Before DATA (`headers` is `None`) evidence in headers cannot be read yet: what stands behind it in the list does
/// not decide then, since it might not decide after DATA.
pub fn identify(
    listener: &Listener,
    peer: &Peer,
    envelope: &Envelope,
    headers: Option<&[u8]>,
    accounts: &Accounts,
) -> Option<AccountName> {
    if let Some(name) = &envelope.login {
        return Some(name.clone());
    }
    if !peer.trusted {
        return None;
    }
    if let Some(proxied) = &envelope.xclient {
        let login = proxied.login.as_ref().filter(|_| listener.identity.contains(&Evidence::XClient))?;
        return complete(login, listener.login_domain.as_deref());
    }
    for evidence in &listener.identity {
        let login = match evidence {
            Evidence::MailFromAuth => envelope.auth.clone(),
            Evidence::PostfixReceived => received::authenticated_sender(headers?, &rule(listener)),
            Evidence::XClient => None,
            Evidence::XForward => {
                if let Some(account) = client(&envelope.xforward).and_then(|addr| accounts.by_network(addr)) {
                    return Some(account);
                }
                None
            }
            Evidence::AuthenticationResults(id) => {
                auth_results::authenticated(headers?, &auth_results::Rule { id, trust: &listener.trust })
            }
            Evidence::Envelope => match &envelope.from {
                ReversePath::Null => None,
                ReversePath::Path(path) => Some(path.to_wire()),
            },
        };
        if let Some(login) = login {
            return complete(&login, listener.login_domain.as_deref());
        }
    }
    None
}

/// The client that the MTA took the mail from. A mail that was made on the MTA's own machine has no client: it comes from
/// loopback. A loopback address of a remote client is none.
fn client(told: &XForward) -> Option<IpAddr> {
    let local = told.source.as_ref().is_some_and(|source| source.eq_ignore_ascii_case("LOCAL"));
    let Some(addr) = &told.addr else { return local.then_some(IpAddr::V4(Ipv4Addr::LOCALHOST)) };
    let six = addr.get(..5).filter(|start| start.eq_ignore_ascii_case("IPV6:"));
    let addr: IpAddr = addr[six.map_or(0, str::len)..].parse().ok()?;
    let addr = addr.to_canonical();
    (local || !addr.is_loopback()).then_some(addr)
}

/// Without `mta_names` any name counts: only lines that trusted peers wrote are looked at.
fn rule(listener: &Listener) -> received::Rule<'_> {
    received::Rule { mta_names: &listener.mta_names, any_name: listener.mta_names.is_empty(), trust: &listener.trust }
}

/// A bare login gets the listener's domain. A person is never called `*` or `@example.com`: these are rows that speak
/// for many.
fn complete(login: &str, domain: Option<&str>) -> Option<AccountName> {
    let name = match domain {
        Some(domain) if !login.contains('@') => accounts::name(&format!("{login}@{domain}")),
        _ => accounts::name(login),
    };
    name.filter(|name| !accounts::speaks_for_many(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIVED: &[u8] =
        b"Received: from a (b [192.0.2.7])\r\n\t(Authenticated sender: alice)\r\n\tby mx.example.test \
        (Postfix) with ESMTPSA id 4F0000000;\r\n\tMon, 1 Jan 2024 00:00:00 +0000 (UTC)\r\n\r\n";
    const OTHER: &[u8] = b"Subject: x\r\n\r\n";

    fn listener(identity: &[Evidence]) -> Listener {
        let login_domain = Some("example.test".to_owned());
        Listener { identity: identity.to_vec(), login_domain, ..Listener::default() }
    }

    fn accounts() -> Accounts {
        let row = |network: &str, length| accounts::Row {
            networks: vec![(network.parse().expect("an address"), length)],
            ..accounts::Row::default()
        };
        let rows = [("nagios", row("10.1.2.0", 24)), ("plant", row("10.0.0.0", 8)), ("cron", row("127.0.0.0", 8))];
        let rows = rows.into_iter().map(|(name, row)| (name.parse().expect("a name"), row)).collect();
        Accounts::new(rows, "US".parse().expect("a region"), 3)
    }

    #[test]
    fn whoever_logged_in_here_is_who_he_is() {
        let own = Envelope { login: "bob".parse().ok(), ..envelope("x@example.test", Some("alice")) };
        for trusted in [true, false] {
            let who =
                identify(&listener(&[Evidence::MailFromAuth]), &Peer { addr: None, trusted }, &own, None, &accounts());
            assert_eq!(who.as_ref().map(AccountName::as_str), Some("bob"));
        }
    }

    #[test]
    fn behind_a_proxy_only_its_login_counts() {
        use Evidence::{Envelope as From, MailFromAuth as Auth, XClient};
        let proxied = |login: Option<&str>| Envelope {
            xclient: Some(crate::smtp::XClient { login: login.map(str::to_owned) }),
            ..envelope("bob@example.test", Some("carol@example.test"))
        };
        for (identity, login, who) in [
            (&[Auth, XClient][..], Some("alice"), Some("alice@example.test")),
            (&[XClient, Auth, From], None, None),
            (&[Auth, From], Some("alice"), None),
        ] {
            let (listener, peer) = (listener(identity), Peer { addr: None, trusted: true });
            let found = identify(&listener, &peer, &proxied(login), Some(RECEIVED), &accounts());
            assert_eq!(found.as_ref().map(AccountName::as_str), who, "{identity:?}");
            let stranger = Peer { addr: None, trusted: false };
            assert_eq!(identify(&listener, &stranger, &proxied(login), Some(RECEIVED), &accounts()), None);
        }
    }

    #[test]
    fn networks_of_accounts() {
        for (addr, source, who) in [
            (Some("10.1.2.7"), "REMOTE", Some("nagios")),
            (Some("10.9.9.9"), "REMOTE", Some("plant")),
            (Some("IPV6:::ffff:10.1.2.7"), "REMOTE", Some("nagios")),
            (Some("192.0.2.7"), "REMOTE", None),
            (Some("127.0.0.1"), "LOCAL", Some("cron")),
            (None, "LOCAL", Some("cron")),
            (Some("127.0.0.1"), "REMOTE", None),
            (None, "REMOTE", None),
            (Some("x"), "LOCAL", None),
        ] {
            let xforward =
                XForward { addr: addr.map(str::to_owned), source: Some(source.to_owned()), ..XForward::default() };
            let told = Envelope { xforward, ..envelope("x@example.test", None) };
            let listener = listener(&[Evidence::XForward]);
            let found = |trusted| identify(&listener, &Peer { addr: None, trusted }, &told, None, &accounts());
            assert_eq!(found(true).as_ref().map(AccountName::as_str), who, "{addr:?} {source}");
            assert_eq!(found(false), None);
        }
    }

    #[test]
    fn results_of_the_named_mta() {
        let headers =
            b"Received: from a (b [192.0.2.7])\r\n\tby mx.example.test with ESMTPS id 4F0;\r\n\tMon, 1 Jan 2024 \
            00:00:00 +0000\r\nAuthentication-Results: mx.example.test; auth=pass smtp.auth=alice\r\n\r\n";
        for (id, who) in [("mx.example.test", Some("alice@example.test")), ("mx.other.test", None)] {
            let listener = listener(&[Evidence::AuthenticationResults(id.to_owned())]);
            let (peer, envelope) = (Peer { addr: None, trusted: true }, envelope("x@example.test", None));
            let found = |headers| identify(&listener, &peer, &envelope, headers, &accounts());
            assert_eq!(found(Some(&headers[..])).as_ref().map(AccountName::as_str), who);
            assert_eq!(found(None), None, "at RCPT nobody knows yet");
        }
    }

    fn envelope(from: &str, auth: Option<&str>) -> Envelope {
        let from = match from {
            "" => ReversePath::Null,
            path => ReversePath::Path(path.parse().expect(path)),
        };
        Envelope { from, auth: auth.map(str::to_owned), ..Envelope::default() }
    }

    #[test]
    fn the_first_evidence_that_names_somebody_decides() {
        use Evidence::{Envelope as From, MailFromAuth as Auth, PostfixReceived as Received};
        let bob = envelope("bob@example.test", Some("carol@example.test"));
        let quiet = envelope("bob@example.test", None);
        let nobody = envelope("bob@example.test", Some("no body@example.test"));
        let null = envelope("", None);
        type Case<'a> = (&'a [Evidence], &'a Envelope, Option<&'a [u8]>, Option<&'a str>);
        let cases: [Case<'_>; 9] = [
            (&[Auth, From], &bob, Some(RECEIVED), Some("carol@example.test")),
            (&[Auth, From], &quiet, Some(RECEIVED), Some("bob@example.test")),
            (&[Received, Auth], &bob, Some(RECEIVED), Some("alice@example.test")),
            // At RCPT nobody knows yet what the headers will say.
            (&[Received, Auth], &bob, None, None),
            (&[Auth, Received], &bob, None, Some("carol@example.test")),
            (&[Received, Auth], &bob, Some(OTHER), Some("carol@example.test")),
            // Evidence that no account can be named by is evidence all the same.
            (&[Auth, From], &nobody, Some(RECEIVED), None),
            (&[From], &null, Some(RECEIVED), None),
            (&[], &bob, Some(RECEIVED), None),
        ];
        for (identity, envelope, headers, who) in cases {
            let listener = listener(identity);
            let trusted = |trusted| identify(&listener, &Peer { addr: None, trusted }, envelope, headers, &accounts());
            assert_eq!(trusted(true).as_ref().map(AccountName::as_str), who, "{identity:?}");
            assert_eq!(trusted(false), None);
        }
    }

    #[test]
    fn names_behind_by_are_checked_where_they_are_given() {
        let peer = Peer { addr: None, trusted: true };
        for (names, believed) in [(&[][..], true), (&["mx.example.test"], true), (&["mx.other.test"], false)] {
            let mta_names = names.iter().map(|&name: &&str| name.to_owned()).collect();
            let listener = Listener { mta_names, ..listener(&[Evidence::PostfixReceived]) };
            let who = identify(&listener, &peer, &envelope("x@example.test", None), Some(RECEIVED), &accounts());
            assert_eq!(who.is_some(), believed, "{names:?}");
        }
    }

    #[test]
    fn logins_become_names_in_one_way() {
        for (login, domain, who) in [
            ("alice", Some("example.test"), Some("alice@example.test")),
            ("ALICE@Example.Test", Some("other.test"), Some("alice@example.test")),
            ("alice", None, Some("alice")),
            ("alice@Bücher.example.", None, Some("alice@xn--bcher-kva.example")),
            // Rows that speak for many are nobody.
            ("*", None, None),
            ("@example.test", None, None),
            ("a b", Some("example.test"), None),
        ] {
            let name = complete(login, domain);
            assert_eq!(name.as_ref().map(AccountName::as_str), who, "{login} {domain:?}");
        }
    }
}
