//! Fuzzes rule files in TOML and XML, and the judge; what must hold stands in `fuzz/checks/rules.rs`.
#![no_main]
#[path = "../checks/rules.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::rules(data));
