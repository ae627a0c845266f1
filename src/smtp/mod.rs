//! SMTP and LMTP words, server side: lines, commands, parameters, replies, data, and the session that ties them.
//!
//! Sans-IO: bytes in, replies and events out. Sources: RFC 5321, RFC 2033 (LMTP), RFC 3461 (DSN), RFC 1870 (SIZE),
//! RFC 6152 (8BITMIME), RFC 6531 (SMTPUTF8), RFC 2034 (enhanced codes),
//! RFC 3030 (CHUNKING), RFC 3207 (STARTTLS), RFC 4954 (AUTH), Postfix XFORWARD_README and XCLIENT_README,
//! haproxy proxy-protocol.txt.

mod auth;
mod chunk;
pub mod command;
pub mod data;
pub mod envelope;
pub mod line;
mod kept;
mod params;
pub mod proxy;
pub mod reply;
pub mod session;
mod step;
mod xclient;
mod xforward;

pub use auth::{Login, Mechanism};
pub use command::{Command, CommandError};
pub use envelope::{Dsn, Envelope, Notify, Recipient, Ret, XForward};
pub use reply::Reply;
pub use session::{Closed, Link, LogIn, Mail, Protocol, Session, Step};
pub use xclient::XClient;
