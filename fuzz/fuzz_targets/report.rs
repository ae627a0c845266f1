#![no_main]
#[path = "../checks/report.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::report(data));
