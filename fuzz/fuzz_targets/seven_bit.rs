//! Fuzzes mails for a server that takes seven bits; what must hold stands in `fuzz/checks/seven_bit.rs`.
#![no_main]
#[path = "../checks/seven_bit.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::seven_bit(data));
