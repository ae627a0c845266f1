//! Fuzzes an IMAP server's answers to our client; what must hold stands in `fuzz/checks/imap_client.rs`.
#![no_main]
#[path = "../checks/imap_client.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::imap_client(data));
