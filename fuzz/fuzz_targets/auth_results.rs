#![no_main]
#[path = "../checks/auth_results.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::auth_results(data));
