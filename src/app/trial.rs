//! A trial: Martlet as configured, with a mailbox of its own for what it sends, and a page.

use std::process::ExitCode;

use tokio::task::JoinSet;

use super::{StartError, Stop, doors::Behind, until_signalled, voice::DoorVoice};
use crate::{
    config::Config,
    doors::{self, mail, trial::Letterbox},
    gateway::handset::Phones,
    outbound::Listener,
    smtp::session,
};

/// What a trial brings beside its configuration.
pub struct Trial {
    /// Bound for LMTP: `mailbox.url` leads there.
    pub sink: mail::Bound,
    pub letterbox: Letterbox,
    /// The domain of the people who write.
    pub people: String,
    /// The command that sends the first text, as the page shows it.
    pub command: String,
}

/// Largest mail that the mailbox takes, octets: a report with the whole of what may be sent here.
const LARGEST: u64 = 16 * 1024 * 1024;

/// `martlet try`: runs until SIGTERM or SIGINT; `ready` tells the person where to go.
pub async fn run_trial(config: Config, trial: Trial, ready: impl FnOnce(&[String])) -> ExitCode {
    until_signalled(config, Some(trial), ready).await
}

impl Trial {
    /// Opens the mailbox, and makes what the page needs.
    pub(super) fn open(
        self,
        config: &Config,
        behind: &Behind,
        phones: &[Phones],
        loops: &mut JoinSet<()>,
        stop: &Stop,
    ) -> Result<doors::trial::Trial, StartError> {
        let Some(phones) = phones.first().cloned() else {
            return Err(StartError::new(78, "a trial needs a gateway of type handset"));
        };
        let listener = Listener { name: "mailbox".to_owned(), lmtp: true, ..Listener::default() };
        let settings = mail::Settings {
            session: session::Settings {
                hostname: "mailbox.localhost".to_owned(),
                max_size: LARGEST,
                ..session::Settings::default()
            },
            max_connections: 16,
            max_per_peer: 16,
            ..mail::Settings::default()
        };
        let sink = doors::trial::Sink(self.letterbox.clone());
        // It takes mails for as long as Martlet sends some.
        let stopped = stop.lanes.clone();
        loops.spawn(mail::serve(self.sink, listener.into(), sink, settings, behind.clock.clone(), DoorVoice, stopped));
        for number in doors::trial::PHONES {
            phones.add(&number.to_owned().try_into().expect("a number known at compile time"));
        }
        let noting = doors::trial::Noting {
            outbound: behind.outbound.clone(),
            letterbox: self.letterbox.clone(),
            people: self.people.clone(),
        };
        Ok(doors::trial::Trial {
            phones,
            letterbox: self.letterbox,
            noting,
            store: behind.store.clone(),
            clock: behind.clock.clone(),
            numbering: config.sms.numbering,
            sms_domain: config.domains.first().cloned().unwrap_or_else(|| config.hostname.clone()),
            people: self.people,
            command: self.command,
            stopping: stop.doors.clone(),
        })
    }
}
