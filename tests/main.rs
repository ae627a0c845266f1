//! All integration tests in one binary. A test whose server program is missing counts as ignored and says which one
//! it needs; under `CI=true` it fails instead.
//!
//! Every module has `pub fn trials() -> Vec<Trial>` (see [`support::trial`]); `#[test]` does nothing here.

mod corpora;
mod crash;
mod dialogues;
mod e2e;
mod gateway;
mod journeys;
mod layers;
mod store;
mod support;
mod words;

fn main() -> std::process::ExitCode {
    let args = libtest_mimic::Arguments::from_args();
    let trials = [layers::trials(), store::trials()].into_iter().flatten().collect();
    libtest_mimic::run(&args, trials).exit_code()
}
