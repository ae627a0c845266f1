#![no_main]
#[path = "../checks/proxy.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::proxy(data));
