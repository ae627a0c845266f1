//! The page of `martlet try`: phones, a mailbox, and a form that writes mails. On loopback, for one person.
//!
//! | | file |
//! |---|---|
//! | what stands behind the mail doors of a trial | `accept` |
//! | mails read and threaded (pure) | `letters` |
//! | mails kept | `letterbox` |
//! | a mail written on the page | `write` |
//! | what the page shows (pure) | `view` |
//! | what the page asks for | `pages` |
//!
//! Pages come from `html/try/`, built in; nothing else is loaded by them, and a strict content security policy says so.
//! The guard of the HTTP door stands in front: foreign pages and foreign names of this machine are refused.

mod accept;
mod letterbox;
mod letters;
mod pages;
mod view;
mod write;

use std::sync::Arc;

pub use accept::{Noting, Sink};
pub use letterbox::Letterbox;
pub use pages::router;

use crate::{
    address::Numbering,
    gateway::handset::Phones,
    ground::Clock,
    outbound::{Evidence, Listener, Peer},
    store::Store,
};
use tokio_util::sync::CancellationToken;

/// Everything the pages reach.
pub struct Trial {
    pub phones: Phones,
    pub letterbox: Letterbox,
    pub noting: Noting,
    pub store: Store,
    pub clock: Clock,
    pub numbering: Numbering,
    /// The SMS domain, and the domain of people.
    pub sms_domain: String,
    pub people: String,
    /// The command that sends the first text.
    pub command: String,
    pub stopping: CancellationToken,
}

/// People of the trial, by their local parts.
pub const SENDERS: [&str; 3] = ["alice", "bob", "carol"];
/// Phones that are there from the start.
pub const PHONES: [&str; 2] = ["+12025550123", "+12025550147"];

/// The page as a mail door: it believes who is chosen as the sender.
fn listener() -> (Arc<Listener>, Peer) {
    let addr = std::net::IpAddr::from([127, 0, 0, 1]);
    let listener = Listener {
        name: "page".to_owned(),
        lmtp: true,
        identity: vec![Evidence::Envelope],
        trust: vec![(addr, 32)],
        ..Listener::default()
    };
    (Arc::new(listener), Peer { addr: Some(addr), trusted: true })
}
