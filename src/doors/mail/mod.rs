//! The mail door: LMTP and SMTP on TCP and Unix sockets, in front of an [`Accept`](crate::outbound::Accept).
//!
//! [`Bound::bind`] takes the socket, [`serve()`] accepts until it is told to stop. One task per connection; everything
//! that a peer can make grow has a limit: connections (all, and per peer), octets, errors, silence, and the length
//! of a session. A session that is in the middle of a mail when the door closes may finish it within `drain`.
//!
//! What can go wrong: a stale socket file of a crashed process (removed only if nobody listens behind it); a socket
//! file that is open to all for a moment (it gets its mode and group under another name first); running out of file
//! descriptors (accepting pauses, nothing is lost).

mod channel;
mod limits;
mod serve;
mod talk;

use std::{io, net::IpAddr, sync::Arc, time::Duration};

pub use channel::Tls;
pub use limits::Limits;
pub(super) use limits::network;
pub use serve::serve;

pub use super::bind::{Bind, BindError, Bound};

use crate::{
    outbound::{Listener, Peer},
    smtp::session,
};

/// The limits of one mail door.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The session's own: name, mail size, recipients, errors.
    pub session: session::Settings,
    /// Connections at once; further ones get 421.
    pub max_connections: usize,
    /// Connections at once from one address (IPv6: one /64). Unix sockets have no such limit.
    pub max_per_peer: usize,
    /// Doors that share these count their connections together; `None`: this door counts alone.
    pub places: Option<Limits>,
    /// Silence of the peer, while reading and while writing (RFC 5321 4.5.3.2.7).
    pub idle: Duration,
    /// The whole session.
    pub whole: Duration,
    /// From this many errors on each batch of replies with a further error waits for `tarpit`.
    pub tarpit_after: u32,
    pub tarpit: Duration,
    /// How long a mail in progress may go on once the door closes.
    pub drain: Duration,
    /// The certificate, where there is one.
    pub tls: Option<Arc<Tls>>,
    /// For a handshake, and for the header of a proxy.
    pub handshake: Duration,
    /// Proxies: their connections begin with a PROXY header, address and prefix length.
    pub proxies: Vec<(IpAddr, u8)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session: session::Settings::default(),
            max_connections: 1000,
            max_per_peer: 200,
            places: None,
            idle: Duration::from_secs(300),
            whole: Duration::from_secs(3600),
            tarpit_after: 5,
            tarpit: Duration::from_secs(1),
            drain: Duration::from_secs(20),
            tls: None,
            handshake: Duration::from_secs(30),
            proxies: Vec::new(),
        }
    }
}

/// Why a connection is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// By the rules of the session: QUIT, too many errors, …
    Session(session::Closed),
    /// The peer closed the connection. `mid_mail`: in the middle of a transaction.
    Gone { mid_mail: bool },
    /// The peer was silent for too long, or took no reply.
    Idle,
    /// The session was too long as a whole.
    Overlong,
    /// The limit of all connections.
    TooMany,
    /// The limit of connections from one peer.
    TooManyFromPeer,
    /// TLS did not come about.
    Handshake,
    /// A proxy that did not say whose connection it is.
    NoProxyHeader,
    /// The door is closing.
    Stopped,
    /// The socket failed.
    Failed(io::ErrorKind),
}

/// What is said about connections. Each method does nothing unless it is written.
pub trait Voice: Clone + Send + Sync + 'static {
    /// A connection was taken.
    fn opened(&self, _listener: &Listener, _peer: &Peer) {}
    /// A connection is over, with the number of mails taken on it.
    fn closed(&self, _listener: &Listener, _peer: &Peer, _end: &End, _mails: u64) {}
    /// The files of the certificate changed and cannot be used; what was read before still counts.
    fn certificate(&self, _listener: &Listener, _why: &str) {}
    /// Accepting failed; it is tried again after a pause.
    fn accept_failed(&self, _listener: &Listener, _error: &io::Error) {}
}

/// Says nothing.
impl Voice for () {}
