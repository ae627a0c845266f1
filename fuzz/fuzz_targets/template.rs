//! Fuzzes templates, and messages to fill them with; what must hold stands in `fuzz/checks/template.rs`.
#![no_main]
#[path = "../checks/template.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::template(data));
