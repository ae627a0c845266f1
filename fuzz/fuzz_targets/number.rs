#![no_main]

#[path = "../checks/number.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::number(data));
