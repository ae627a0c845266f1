//! The doors: sockets and what is spoken on them. They hand to journeys and may read; they never put, lease or
//! settle by themselves.
pub mod http;
pub mod mail;
