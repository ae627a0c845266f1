//! Fuzzes Authentication-Results, and who was logged in by them; what must hold stands in `fuzz/checks/auth_results.rs`.
#![no_main]
#[path = "../checks/auth_results.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::auth_results(data));
