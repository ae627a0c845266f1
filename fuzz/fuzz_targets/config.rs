//! Fuzzes the configuration's text; what must hold stands in `fuzz/checks/config.rs`.
#![no_main]
#[path = "../checks/config.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::config(data));
