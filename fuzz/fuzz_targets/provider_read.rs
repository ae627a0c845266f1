//! Fuzzes definitions of providers and their cases; what must hold stands in `fuzz/checks/provider_read.rs`.
#![no_main]
#[path = "../checks/provider_read.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::provider_read(data));
