//! Fuzzes proofs that a call is a provider's; what must hold stands in `fuzz/checks/provider_proof.rs`.
#![no_main]
#[path = "../checks/provider_proof.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::provider_proof(data));
