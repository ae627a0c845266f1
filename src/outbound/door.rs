//! What a mail door hands over, and what it gets back.

use std::{future::Future, net::IpAddr, sync::Arc};

use crate::smtp::{Envelope, LogIn, Recipient, Reply};

/// A kind of evidence of who sends (`identity` of a listener), in the order in which it is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// `MAIL FROM … AUTH=user` (RFC 4954).
    MailFromAuth,
    /// Postfix's topmost `Received: … (Authenticated sender: user)`.
    PostfixReceived,
    /// `XCLIENT LOGIN=user`.
    XClient,
    /// The client's address by `XFORWARD`, in the `networks` of an account.
    XForward,
    /// `Authentication-Results` of this authserv-id with `auth=pass` (RFC 8601).
    AuthenticationResults(String),
    /// Believe MAIL FROM: closed networks only.
    Envelope,
}

/// What a listener believes.
#[derive(Debug, Clone, Default)]
pub struct Listener {
    /// Its bound address or path, for logs.
    pub name: String,
    /// `lmtp` answers per recipient after DATA.
    pub lmtp: bool,
    pub identity: Vec<Evidence>,
    /// Names that the peer's MTA uses in `by` of its Received lines.
    pub mta_names: Vec<String>,
    /// Completes a bare login.
    pub login_domain: Option<String>,
    /// Networks whose evidence is believed, address and prefix length.
    pub trust: Vec<(IpAddr, u8)>,
}

/// Who is at the other end of the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// `None` for a Unix socket.
    pub addr: Option<IpAddr>,
    /// In `trust`, or a Unix socket.
    pub trusted: bool,
}

/// One mail as handed over: the end of its data was seen, nothing is committed yet.
pub struct Handed {
    pub listener: Arc<Listener>,
    pub peer: Peer,
    pub envelope: Envelope,
    /// Those whose RCPT was answered with 250, in order.
    pub recipients: Vec<Recipient>,
    /// The mail with CRLF line ends, dot-stuffing removed.
    pub data: Vec<u8>,
}

/// What stands behind a mail door. `Outbound` implements it; tests put their own behind a socket.
pub trait Accept: Clone + Send + Sync + 'static {
    /// The answer to one RCPT: by address alone and by what is known of the sender by then.
    fn recipient(
        &self,
        listener: &Listener,
        peer: &Peer,
        envelope: &Envelope,
        recipient: &Recipient,
    ) -> impl Future<Output = Reply> + Send;

    /// Is this the password of this user? Without accounts it never is.
    fn log_in(
        &self,
        _listener: &Listener,
        _peer: &Peer,
        _user: &str,
        _pass: &[u8],
    ) -> impl Future<Output = LogIn> + Send {
        async { LogIn::Wrong }
    }

    /// One answer per recipient, in order; 250 means committed and synced.
    fn mail(&self, handed: Handed) -> impl Future<Output = Vec<Reply>> + Send;
}
