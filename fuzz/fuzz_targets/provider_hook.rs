//! Fuzzes calls of hooks, by the shipped definitions; what must hold stands in `fuzz/checks/provider_hook.rs`.
#![no_main]
#[path = "../checks/provider_hook.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::provider_hook(data));
