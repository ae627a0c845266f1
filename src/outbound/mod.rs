//! Outbound: mail becomes a text. Reads as the flow: resolve → identify → allow → text → put ══▶ 250.

pub mod door;

pub use door::{Accept, Evidence, Handed, Listener, Peer};
