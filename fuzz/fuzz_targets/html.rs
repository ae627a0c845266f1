#![no_main]
#[path = "../checks/html.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::html(data));
