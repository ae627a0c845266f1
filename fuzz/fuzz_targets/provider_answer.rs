//! Fuzzes providers' answers, by the shipped definitions; what must hold stands in `fuzz/checks/provider_answer.rs`.
#![no_main]
#[path = "../checks/provider_answer.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::provider_answer(data));
