//! Fuzzes address lists of headers; what must hold stands in `fuzz/checks/header_addresses.rs`.
#![no_main]

#[path = "../checks/header_addresses.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::header_addresses(data));
