//! Who sends: the first identity that evidence gives, in the listener's order. Deny unless proved.

use super::{Evidence, Listener, Peer};
use crate::{address::ReversePath, ground::AccountName, mail::received, smtp::Envelope};

/// The sender that this peer's evidence names. Evidence of an untrusted peer is none. The first kind that names
/// somebody decides, also when nobody of that name has an account.
pub fn identify(listener: &Listener, peer: &Peer, envelope: &Envelope, headers: Option<&[u8]>) -> Option<AccountName> {
    if !peer.trusted {
        return None;
    }
    listener.identity.iter().find_map(|evidence| {
        let login = match evidence {
            Evidence::MailFromAuth => envelope.auth.clone(),
            Evidence::PostfixReceived => received::authenticated_sender(headers?, &rule(listener)),
            Evidence::Envelope => match &envelope.from {
                ReversePath::Null => None,
                ReversePath::Path(path) => Some(path.to_wire()),
            },
        };
        complete(&login?, listener.login_domain.as_deref())
    })
}

fn rule(listener: &Listener) -> received::Rule<'_> {
    received::Rule { mta_names: &listener.mta_names, trust: &listener.trust }
}

/// A bare login gets the listener's domain.
fn complete(login: &str, domain: Option<&str>) -> Option<AccountName> {
    match domain {
        Some(domain) if !login.contains('@') => format!("{login}@{domain}").parse().ok(),
        _ => login.parse().ok(),
    }
}
