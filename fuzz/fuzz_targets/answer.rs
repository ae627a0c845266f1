#![no_main]
#[path = "../checks/answer.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::answer(data));
