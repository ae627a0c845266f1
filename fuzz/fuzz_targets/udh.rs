#![no_main]

#[path = "../checks/udh.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::udh(data));
