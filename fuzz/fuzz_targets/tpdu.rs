//! Fuzzes TPDUs of all kinds; what must hold stands in `fuzz/checks/tpdu.rs`.
#![no_main]

#[path = "../checks/tpdu.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::tpdu(data));
