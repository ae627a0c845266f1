#![no_main]
#[path = "../checks/media.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::media(data));
