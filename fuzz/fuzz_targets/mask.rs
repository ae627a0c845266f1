//! Fuzzes headers that hold secrets; what must hold stands in `fuzz/checks/mask.rs`.
#![no_main]
#[path = "../checks/mask.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::mask(data));
