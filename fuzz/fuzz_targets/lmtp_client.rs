//! Fuzzes a mail server's answers to our client; what must hold stands in `fuzz/checks/lmtp_client.rs`.
#![no_main]
#[path = "../checks/lmtp_client.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::lmtp_client(data));
