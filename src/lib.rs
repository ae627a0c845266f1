//! Martlet: an SMS transport for mail servers.
//!
//! Mail to `"sms:+15551234567"@sms.example.com` becomes a text; the phone's reply becomes a threaded mail.
//! The rooms below stand in their order: **a room uses only rooms declared above it** (`tests/layers.rs` enforces
//! it). `docs/architecture.md` tells what each one holds, `docs/flow.md` walks through both journeys.
#![forbid(unsafe_code)]

// ground: time, ids, secrets, retry intervals, outcomes
pub mod ground;

// words: pure, bytes and text to values and back; no tokio, no clock, no log; fuzzed
pub mod address;
pub mod sms;
pub mod smtp;
pub mod mail;
pub mod routing;
pub mod rules;
pub mod provider;

// voice: one function per kind of log line, every metric, masking
pub mod observe;

// memory: what survives a crash
pub mod store;
pub mod accounts;

// carriers: one attempt at one thing, typed outcomes; they never see accounts, calls, queue or store
pub mod gateway;
pub mod mailbox;
pub mod errand;

// journeys: mail → SMS, SMS → mail, reports, and the lanes that carry them out
pub mod report;
pub mod outbound;
pub mod inbound;
pub mod dispatch;

// doors: sockets; they hand to journeys and may read
pub mod doors;

// assembly: the only rooms that know the file
pub mod config;
pub mod app;
pub mod cli;
