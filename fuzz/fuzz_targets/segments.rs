//! Fuzzes texts to cut, fit and join; what must hold stands in `fuzz/checks/segments.rs`.
#![no_main]

#[path = "../checks/segments.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::segments(data));
