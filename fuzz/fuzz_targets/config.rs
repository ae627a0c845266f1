#![no_main]
#[path = "../checks/config.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::config(data));
