//! The doors: sockets and what is spoken on them. They hand to journeys and may read; they never put, lease or
//! settle by themselves.
mod bind;
pub mod control;
pub mod http;
pub mod mail;
mod tls;
pub mod trial;

pub use tls::Files as TlsFiles;
