#![no_main]
#[path = "../checks/tags.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::tags(data));
