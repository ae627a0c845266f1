//! Fuzzes what a report is made of; what must hold stands in `fuzz/checks/report.rs`.
#![no_main]
#[path = "../checks/report.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::report(data));
