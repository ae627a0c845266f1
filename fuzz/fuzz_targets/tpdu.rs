#![no_main]

#[path = "../checks/tpdu.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::tpdu(data));
