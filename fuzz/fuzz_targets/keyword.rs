#![no_main]
#[path = "../checks/keyword.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::keyword(data));
