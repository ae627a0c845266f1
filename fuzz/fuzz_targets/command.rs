//! Fuzzes command lines of SMTP and LMTP; what must hold stands in `fuzz/checks/command.rs`.
#![no_main]
#[path = "../checks/command.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::command(data));
