//! Fuzzes answers of HTTP gateways and the patterns that judge them; what must hold stands in `fuzz/checks/answer.rs`.
#![no_main]
#[path = "../checks/answer.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::answer(data));
