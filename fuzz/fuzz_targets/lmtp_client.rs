#![no_main]
#[path = "../checks/lmtp_client.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::lmtp_client(data));
