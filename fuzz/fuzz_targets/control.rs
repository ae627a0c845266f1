//! Fuzzes requests and answers of the control socket; what must hold stands in `fuzz/checks/control.rs`.
#![no_main]
#[path = "../checks/control.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::control(data));
