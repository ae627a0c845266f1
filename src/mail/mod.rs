//! Mail: reading it, finding the words worth sending, writing ours, reports.
//!
//! Pure. Sources: RFC 5322, 2045–2047, 2231, 3676 (format=flowed), 3464 (DSN), 3834 (auto-replies), 8601
//! (Authentication-Results).
mod addresses;
mod attribution;
pub mod auth_results;
mod body;
mod calendar;
mod charset;
mod compose;
mod element;
mod flowed;
mod footer;
mod header;
pub mod html;
pub mod mask;
pub mod media;
mod mime;
pub mod notice;
pub mod phrases;
pub mod quote;
pub mod read;
pub mod received;
pub mod report;
mod returned;
mod seven_bit;
pub mod smime;
pub mod template;
pub mod text;
pub mod words;
mod work;
pub mod write;

pub use addresses::{Entry, addresses};
pub use flowed::Line;
pub use header::{header_block, headers, without};
pub use mask::{mask, mask_named};
pub use media::{At, Elsewhere, MediaType, Piece};
pub use notice::{Notice, notice};
pub use read::{Attachment, AutoSubmitted, Mail, Person, Unreadable, read};
pub use report::{Original, Report};
pub use seven_bit::seven_bit;
pub use smime::open;
pub use template::{Template, TemplateError};
pub use text::{Choices, Cut, Extract, NoText, Strip, Why, text};
pub use words::{BadTemplate, Event, Values, Words};
pub use write::{Reply, Unwritable, route, without_files};

/// The header by which Martlet knows a mail of its own that comes back: a loop.
pub const TRACE: &str = "X-Martlet-Trace";
