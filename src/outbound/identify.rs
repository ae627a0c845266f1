//! Who sends: the first identity that evidence gives, in the listener's order. Deny unless proved.

use super::{Evidence, Listener, Peer};
use crate::{accounts, address::ReversePath, ground::AccountName, mail::received, smtp::Envelope};

/// The sender that this peer's evidence names. Evidence of an untrusted peer is none. The first kind that names
/// somebody decides, also when nobody of that name has an account, and when no account can have such a name.
///
/// Before DATA (`headers` is `None`) evidence in headers cannot be read yet: what stands behind it in the list does
/// not decide then, since it might not decide after DATA.
pub fn identify(listener: &Listener, peer: &Peer, envelope: &Envelope, headers: Option<&[u8]>) -> Option<AccountName> {
    if !peer.trusted {
        return None;
    }
    for evidence in &listener.identity {
        let login = match evidence {
            Evidence::MailFromAuth => envelope.auth.clone(),
            Evidence::PostfixReceived => received::authenticated_sender(headers?, &rule(listener)),
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
            let trusted = |trusted| identify(&listener, &Peer { addr: None, trusted }, envelope, headers);
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
            let who = identify(&listener, &peer, &envelope("x@example.test", None), Some(RECEIVED));
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
