//! Fuzzes `sms:` URIs, classic calls and forms; what must hold stands in `fuzz/checks/uri.rs`.
#![no_main]

#[path = "../checks/uri.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::uri(data));
