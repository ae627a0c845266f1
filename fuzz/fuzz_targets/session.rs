//! Fuzzes a whole session of SMTP or LMTP; what must hold stands in `fuzz/checks/session.rs`.
#![no_main]
#[path = "../checks/session.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::session(data));
