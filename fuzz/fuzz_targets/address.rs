//! Fuzzes paths of mails, and what they resolve to; what must hold stands in `fuzz/checks/address.rs`.
#![no_main]

#[path = "../checks/address.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::address(data));
