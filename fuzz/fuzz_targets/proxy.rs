//! Fuzzes the PROXY header, both versions; what must hold stands in `fuzz/checks/proxy.rs`.
#![no_main]
#[path = "../checks/proxy.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::proxy(data));
