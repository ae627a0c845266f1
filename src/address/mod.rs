//! Addresses of phones and people: numbers, `sms:` URIs, mail forms.
//!
//! Pure: text in, value or typed error out. One parser serves RCPT TO, the HTTP call, and the command line.
//! Sources: RFC 5724 (sms URI), RFC 3966 (tel numbers), RFC 5321 4.1.2 (paths), E.164.

pub mod domain;
pub mod helper;
pub mod mailbox;
pub mod mask;
mod memo;
pub mod number;
pub mod numbering;
pub mod originator;
pub mod params;
pub mod path;
pub mod region;
pub mod resolve;
pub mod trace;
pub mod uri;

pub use helper::{Helper, HelperEntry, HelperError};
pub use mailbox::Mailbox;
pub use number::{Destination, Number, NumberError, ShortCode};
pub use numbering::{Accept, Numbering, Reading};
pub use originator::{Originator, Originators, SenderId};
pub use params::{Credentials, Params};
pub use path::{Path, PathError, ReversePath};
pub use region::Region;
pub use resolve::{Domains, Resolution};
pub use trace::{Node, Trace};
pub use uri::{AddressError, Call, Target};
