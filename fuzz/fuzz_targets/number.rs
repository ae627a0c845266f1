//! Fuzzes numbers as people and networks write them; what must hold stands in `fuzz/checks/number.rs`.
#![no_main]

#[path = "../checks/number.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::number(data));
