//! The voice: one function per kind of log line, and every metric with its help text.
//!
//! At the default level no number, text, subject or password is written: numbers keep their country code and last two
//! digits. Each message leaves one line per step with its id, its gateway and its outcome.

pub mod log;
pub mod metrics;

pub use metrics::METRICS;
