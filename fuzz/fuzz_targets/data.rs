#![no_main]
#[path = "../checks/data.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::data(data));
