//! SMTP and LMTP words, server side: lines, commands, parameters, replies, data, and the session that ties them.
//!
//! Sans-IO: bytes in, replies and events out. Sources: RFC 5321, RFC 2033 (LMTP), RFC 3461 (DSN), RFC 1870 (SIZE),
//! RFC 6152 (8BITMIME), RFC 6531 (SMTPUTF8), RFC 2034 (enhanced codes), Postfix XFORWARD_README.

pub mod command;
pub mod data;
pub mod envelope;
pub mod line;
mod params;
pub mod reply;
pub mod session;
mod step;
mod xforward;

pub use command::{Command, CommandError};
pub use envelope::{Dsn, Envelope, Notify, Recipient, Ret, XForward};
pub use reply::Reply;
pub use session::{Closed, Mail, Protocol, Session, Step};
