//! All integration tests in one binary. A test whose server program is missing counts as ignored and says which one
//! it needs; under `CI=true` it fails instead.
//!
//! Every module has `pub fn trials() -> Vec<Trial>` (see [`support::trial`]); `#[test]` does nothing here.

mod back;
mod cli;
mod commands;
mod config;
mod control;
mod corpora;
mod crash;
mod dialogues;
mod discretion;
mod dispatch;
mod doctor;
mod e2e;
mod emulator;
mod faults;
mod folders;
mod gateway;
mod handset;
mod hooks;
mod hostile;
mod journeys;
mod layers;
mod mail;
mod mail_door;
mod mailbox;
mod modem;
mod pdus;
mod proof;
mod provider_gateway;
mod relays;
mod provider_media;
mod rules;
mod service;
mod store;
mod support;
mod trial;
mod providers;
mod words;

fn main() -> std::process::ExitCode {
    let args = libtest_mimic::Arguments::from_args();
    let trials = [
        back::trials(),
        cli::trials(),
        commands::trials(),
        config::trials(),
        control::trials(),
        corpora::trials(),
        crash::trials(),
        dialogues::trials(),
        discretion::trials(),
        dispatch::trials(),
        doctor::trials(),
        e2e::trials(),
        emulator::trials(),
        faults::trials(),
        folders::trials(),
        gateway::trials(),
        handset::trials(),
        hooks::trials(),
        hostile::trials(),
        journeys::trials(),
        layers::trials(),
        mail::trials(),
        mail_door::trials(),
        mailbox::trials(),
        modem::trials(),
        pdus::trials(),
        proof::trials(),
        provider_gateway::trials(),
        relays::trials(),
        provider_media::trials(),
        rules::trials(),
        service::trials(),
        store::trials(),
        trial::trials(),
        providers::trials(),
        words::trials(),
    ];
    libtest_mimic::run(&args, trials.into_iter().flatten().collect()).exit_code()
}
