//! Fuzzes phones' words for STOP, START and HELP; what must hold stands in `fuzz/checks/keyword.rs`.
#![no_main]
#[path = "../checks/keyword.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::keyword(data));
