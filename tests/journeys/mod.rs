//! Both journeys through the real daemon with sinks at the ends, no other program needed: which mailbox a phone's text
//! goes to, who may send, what is refused and in which words, which gateway takes it.

mod brakes;
mod calls;
mod consolidate;
mod discreet;
mod errands;
mod header;
mod keys;
mod ladder;
mod loops;
mod opting;
mod outbound;
mod routes;
mod rules;
mod secure;
mod smtp;
mod way_back;
mod wording;

use libtest_mimic::Trial;

use crate::support::world::Plan;
pub use crate::support::world::{ALICE, BOB, PHONE, World, header_of, mail, words_of};

pub fn trials() -> Vec<Trial> {
    [
        brakes::trials(),
        loops::trials(),
        opting::trials(),
        ladder::trials(),
        outbound::trials(),
        rules::trials(),
        calls::trials(),
        consolidate::trials(),
        discreet::trials(),
        errands::trials(),
        smtp::trials(),
        way_back::trials(),
        secure::trials(),
        wording::trials(),
        header::trials(),
        keys::trials(),
        routes::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A daemon that Alice (who may log in) and Bob may use, with mailboxes at two domains.
pub fn daemon() -> Plan {
    Plan::new()
        .keys("[inbound]", "domains = [\"example.test\", \"other.example.test\"]")
        .account(ALICE, "password = \"alice-pw\"")
        .account(BOB, "")
}
