#![no_main]
#[path = "../checks/received.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::received(data));
