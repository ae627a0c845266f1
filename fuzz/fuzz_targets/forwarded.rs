//! Fuzzes what proxies and strangers write about who calls; what must hold stands in `fuzz/checks/forwarded.rs`.
#![no_main]
#[path = "../checks/forwarded.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::forwarded(data));
