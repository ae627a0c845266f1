//! Fuzzes a modem's side of the dialogue; what must hold stands in `fuzz/checks/dialogue.rs`.
#![no_main]

#[path = "../checks/dialogue.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::dialogue(data));
