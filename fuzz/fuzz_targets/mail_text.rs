#![no_main]
#[path = "../checks/mail_text.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::mail_text(data));
