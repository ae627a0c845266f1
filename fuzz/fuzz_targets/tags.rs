//! Fuzzes tags in phones' texts; what must hold stands in `fuzz/checks/tags.rs`.
#![no_main]
#[path = "../checks/tags.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::tags(data));
