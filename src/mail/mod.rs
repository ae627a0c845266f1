//! Mail: reading it, finding the words worth sending, writing ours, reports.
//!
//! Pure. Sources: RFC 5322, 2045–2047, 2231, 3676 (format=flowed), 3464 (DSN), 3834 (auto-replies).
pub mod html;
pub mod mask;
pub mod quote;
pub mod read;
pub mod received;
pub mod report;
pub mod text;
pub mod write;
