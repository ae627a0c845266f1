//! Fuzzes types, names and octets of pictures; what must hold stands in `fuzz/checks/media.rs`.
#![no_main]
#[path = "../checks/media.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::media(data));
