//! Fuzzes a mail's octets behind DATA, bare line ends refused and made good; what must hold stands in `fuzz/checks/data.rs`.
#![no_main]
#[path = "../checks/data.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::data(data));
