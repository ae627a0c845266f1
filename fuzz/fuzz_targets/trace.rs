//! Fuzzes the trace that mails and requests claim; what must hold stands in `fuzz/checks/trace.rs`.
#![no_main]
#[path = "../checks/trace.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::trace(data));
