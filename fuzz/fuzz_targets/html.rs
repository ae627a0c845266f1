//! Fuzzes HTML of mails; what must hold stands in `fuzz/checks/html.rs`.
#![no_main]
#[path = "../checks/html.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::html(data));
