//! All integration tests in one binary. A test whose server program is missing counts as ignored and says which one
//! it needs; under `CI=true` it fails instead.
//!
//! Every module has `pub fn trials() -> Vec<Trial>` (see [`support::trial`]); `#[test]` does nothing here.

mod cli;
mod config;
mod gateway;
mod layers;
mod mailbox;
mod support;
mod words;

fn main() -> std::process::ExitCode {
    let args = libtest_mimic::Arguments::from_args();
    let trials = [cli::trials(), config::trials(), gateway::trials(), layers::trials(), mailbox::trials()].into_iter().flatten().collect();
    libtest_mimic::run(&args, trials).exit_code()
}
