//! How the process speaks: log lines to stderr, `ready` when every socket listens, systemd's notification.

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use crate::{
    config::{Format, Log},
    doors::{
        control::Reload,
        mail::{End, Voice},
    },
    observe,
    outbound::{Listener, Peer},
};

/// Installs the subscriber. Targets of libraries that print statements or keys stay silent.
pub fn install(log: &Log) {
    let level = log.level.as_str();
    let filter = EnvFilter::new(format!("martlet={level},sqlx=off,rustls=off,hyper=off,reqwest=off,warn"));
    let registry = tracing_subscriber::registry().with(filter);
    let writer = std::io::stderr;
    // A second start in one process (tests) keeps the first subscriber.
    let _ = match log.format {
        Format::Json => registry.with(fmt::layer().json().with_writer(writer)).try_init(),
        Format::Text => registry.with(fmt::layer().with_ansi(false).with_target(false).with_writer(writer)).try_init(),
    };
}

/// The line `ready` with every bound address.
pub fn ready(bound: &[String]) {
    observe::log::ready(&bound.join(", "));
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
}

/// The daemon is stopping.
pub fn stopping() {
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
}

/// A new look at the configuration, told to systemd from its beginning to its end.
pub async fn reloading(wishes: &tokio::sync::mpsc::Sender<Reload>) {
    // Without systemd there is nobody to tell; without a monotonic clock it only misses when this began.
    let mut told = vec![sd_notify::NotifyState::Reloading];
    told.extend(sd_notify::NotifyState::monotonic_usec_now());
    let _ = sd_notify::notify(&told);
    let (reply, done) = tokio::sync::oneshot::channel();
    if wishes.send(Reload(reply)).await.is_ok() {
        // What became of it stands in the log.
        let _ = done.await;
    }
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
}

/// Says what happened at the mail doors, where it is worth a line.
#[derive(Clone)]
pub struct DoorVoice;

impl Voice for DoorVoice {
    fn closed(&self, listener: &Listener, peer: &Peer, end: &End, mails: u64) {
        let quiet = matches!(end, End::Session(_) | End::Gone { mid_mail: false } | End::Stopped);
        if !quiet {
            observe::log::connection(&listener.name, peer.addr, format_args!("{end:?}"), mails);
        }
    }

    fn certificate(&self, listener: &Listener, why: &str) {
        observe::log::oddity("certificate", format_args!("{}: {why}", listener.name));
    }

    fn accept_failed(&self, listener: &Listener, error: &std::io::Error) {
        observe::log::oddity("accept", format_args!("{}: {error}", listener.name));
    }
}
