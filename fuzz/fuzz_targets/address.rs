#![no_main]

#[path = "../checks/address.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::address(data));
