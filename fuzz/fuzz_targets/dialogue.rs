#![no_main]

#[path = "../checks/dialogue.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::dialogue(data));
