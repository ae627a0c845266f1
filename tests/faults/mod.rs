//! What goes wrong around the real daemon, one thing at a time: providers, names, certificates, the mail server, the disk, the
//! clock, signals, descriptors. Each ends as `docs/queue.md` says: nothing lost, nothing silently doubled, a log line that
//! says what it is, `/readyz` telling the truth, and all is well again without a restart.

mod machine;
mod providers;
mod store;
mod tls;
mod way_back;

use libtest_mimic::Trial;

use crate::support::{
    letter,
    sink::{MailSink, Taken},
    world::{ALICE, PHONE, Plan, World},
};

pub fn trials() -> Vec<Trial> {
    [providers::trials(), tls::trials(), way_back::trials(), store::trials(), machine::trials()]
        .into_iter()
        .flatten()
        .collect()
}

/// A daemon whose clocks, disk and names the test turns.
fn daemon() -> Plan {
    Plan::new().faulty().account(ALICE, "").keys("[queue]", "retry_min = \"100ms\"")
}

/// Lines of a gateway there.
fn at(url: &str, more: &str) -> String {
    format!("url = \"{url}?to=%number%&text=%data%\"\n{more}\n")
}

/// The report about a phone whose number ends so.
fn report_about(mails: &MailSink, number: &str) -> String {
    let taken: Taken = mails.seen.wait(&format!("a report about {number}"), |mail| {
        let mail = String::from_utf8_lossy(&mail.data);
        mail.contains("report-type") && letter::every_reading(&mail).contains(number)
    });
    String::from_utf8_lossy(&taken.data).into_owned()
}
