#![no_main]
#[path = "../checks/imap_client.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::imap_client(data));
