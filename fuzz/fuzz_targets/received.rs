//! Fuzzes Received lines, and who was logged in by them; what must hold stands in `fuzz/checks/received.rs`.
#![no_main]
#[path = "../checks/received.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::received(data));
