#![no_main]
#[path = "../checks/session.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::session(data));
