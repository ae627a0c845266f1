#![no_main]
#[path = "../checks/mask.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::mask(data));
