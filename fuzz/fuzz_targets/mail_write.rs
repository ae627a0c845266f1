//! Fuzzes phones' texts that become mails; what must hold stands in `fuzz/checks/mail_write.rs`.
#![no_main]
#[path = "../checks/mail_write.rs"]
mod check;
libfuzzer_sys::fuzz_target!(|data: &[u8]| check::mail_write(data));
