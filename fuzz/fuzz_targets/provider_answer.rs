#![no_main]
#[path = "../checks/provider_answer.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::provider_answer(data));
