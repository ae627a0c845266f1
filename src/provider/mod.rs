//! HTTP providers described by data: one TOML file says how a text becomes a request, what an answer means and what a
//! provider's call back to us says.
//!
//! Pure: bytes to values and back. The gateway kind of the same name makes the requests and takes the calls. What can
//! go wrong is a definition that says nothing sensible (refused at load with line and column) and a provider that says
//! what its definition does not know: then nothing is taken for sent or failed.

pub mod answer;
pub mod arguments;
pub mod cases;
pub mod charset;
pub mod codes;
pub mod definition;
pub mod digest;
pub mod hook;
pub mod ids;
pub mod moment;
pub mod number;
pub mod pattern;
pub mod pause;
pub mod proof;
pub mod prove;
pub mod read;
pub mod request;
pub mod sending;
pub mod settings;
pub mod shipped;
pub mod sign;
pub mod source;
pub mod template;
pub mod view;
pub mod web;
pub mod word;
pub mod xml;

pub use answer::Answered;
pub use definition::{Definition, Filled};
pub use read::Wrong;
pub use request::Submission;
pub use settings::{Settings, Unfit};
pub use word::{State, Verdict};
