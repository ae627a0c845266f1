#![no_main]

#[path = "../checks/header_addresses.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::header_addresses(data));
