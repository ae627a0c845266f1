//! Fuzzes mails, and the words that are cut from them; what must hold stands in `fuzz/checks/mail_text.rs`.
#![no_main]
#[path = "../checks/mail_text.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::mail_text(data));
