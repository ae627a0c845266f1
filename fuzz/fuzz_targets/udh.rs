//! Fuzzes user data headers; what must hold stands in `fuzz/checks/udh.rs`.
#![no_main]

#[path = "../checks/udh.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::udh(data));
