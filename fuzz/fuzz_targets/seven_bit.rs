#![no_main]
#[path = "../checks/seven_bit.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::seven_bit(data));
