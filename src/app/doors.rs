//! The doors: every socket is bound before anything starts, and served once all that stands behind it is there.
//!
//! What can go wrong: a place that is taken, a folder that cannot be made; each is told with what to do next.

use std::{net::SocketAddr, os::unix::fs::DirBuilderExt, sync::Arc};

use tokio::{net::TcpListener, task::JoinSet};

use super::{
    DRAIN, StartError, Stop, build,
    hook_doors::{self, HookDoors},
    voice::DoorVoice,
};
use crate::{
    address::Node,
    config::Config,
    doors::{self, http, mail},
    ground::{Clock, Swap},
    inbound::Inbound,
    outbound::{Listener, Outbound},
    store::Store,
};

/// Sockets that are bound and not served yet.
pub(super) struct Bound {
    mail: Vec<mail::Bound>,
    /// One for each of `mail`.
    settings: Vec<mail::Settings>,
    pub(super) http: Option<(TcpListener, SocketAddr, http::Settings)>,
    /// Listeners that hooks have of their own.
    hooks: Vec<hook_doors::Fresh>,
}

impl Bound {
    /// As `lmtp 127.0.0.1:2424`.
    pub(super) fn names(&self, config: &Config) -> Vec<String> {
        let mail = self.mail.iter().zip(&config.listeners);
        let mail = mail.map(|(bound, listener)| format!("{} {}", listener.protocol.word(), bound.name()));
        let scheme = |settings: &http::Settings| if settings.tls.is_some() { "https" } else { "http" };
        let http = self.http.iter().map(|(_, addr, settings)| format!("{} {addr}", scheme(settings)));
        let hooks = self.hooks.iter().map(|hook| format!("hooks {}", hook.bound));
        mail.chain(http).chain(hooks).collect()
    }
}

pub(super) async fn bind(config: &Config, node: &Node) -> Result<Bound, StartError> {
    let mut bound = Bound { mail: Vec::new(), settings: Vec::new(), http: None, hooks: Vec::new() };
    let places = build::places(config);
    for listener in &config.listeners {
        bound.settings.push(build::mail_door_of(config, listener, &places)?);
        let door = mail::Bound::bind(&listener.bind)
            .await
            .map_err(|error| StartError::new(71, format!("cannot listen on {}: {error}", listener.bind)))?;
        bound.mail.push(door);
    }
    if let Some(http) = &config.http {
        let failed = |error: std::io::Error| {
            StartError::new(71, format!("http.bind {}: {error}; is another program listening there?", http.bind))
        };
        let listener = TcpListener::bind(http.bind).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let settings = http::Settings { tls: build::http_tls(http.tls.as_ref())?, ..build::http_door(config, node) };
        bound.http = Some((listener, addr, settings));
    }
    let hooks = hook_doors::bind(build::hook_binds(config).into_iter()).await;
    bound.hooks = hooks.map_err(|why| StartError::new(71, why))?;
    Ok(bound)
}

pub(super) async fn control_socket(config: &Config) -> Result<mail::Bound, StartError> {
    let path = &config.control.path;
    let folder = path.parent().unwrap_or(std::path::Path::new("/"));
    // The folder of the data may be missing where the store lives elsewhere.
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| StartError::new(73, format!("cannot make {}: {error}", folder.display())))?;
    mail::Bound::bind(&config.control.bind()).await.map_err(|error| {
        StartError::new(71, format!("cannot listen on the control socket {}: {error}", path.display()))
    })
}

/// What stands behind the doors.
pub(super) struct Behind {
    pub(super) clock: Clock,
    pub(super) store: Store,
    pub(super) outbound: Outbound,
    pub(super) inbound: Inbound,
    pub(super) hooks: Swap<http::hooks::Table>,
}

/// Serves them.
pub(super) fn open(
    bound: Bound,
    config: &Config,
    behind: Behind,
    stop: &Stop,
    trial: Option<doors::trial::Trial>,
) -> (JoinSet<()>, HookDoors) {
    let mut doors = JoinSet::new();
    let Behind { clock, store, outbound, inbound, hooks } = behind;
    for ((door, declared), settings) in bound.mail.into_iter().zip(&config.listeners).zip(bound.settings) {
        let listener: Arc<Listener> = Arc::new(build::listener(declared, door.name()));
        let (clock, stop) = (clock.clone(), stop.doors.clone());
        match &trial {
            None => doors.spawn(mail::serve(door, listener, outbound.clone(), settings, clock, DoorVoice, stop)),
            Some(trial) => {
                doors.spawn(mail::serve(door, listener, trial.noting.clone(), settings, clock, DoorVoice, stop))
            }
        };
    }
    let stopping = stop.doors.clone();
    let shared = move |settings: http::Settings, addr: SocketAddr| {
        Arc::new(http::Shared {
            outbound: outbound.clone(),
            inbound: inbound.clone(),
            store: store.clone(),
            clock: clock.clone(),
            settings,
            loopback: http::is_loopback(&addr),
            stopping: stopping.clone(),
            hooks: hooks.clone(),
            bound: addr,
        })
    };
    if let Some((listener, addr, settings)) = bound.http {
        let shared = shared(settings, addr);
        let pages = trial.map(doors::trial::router);
        doors.spawn(http::serve(listener, shared, pages, stop.doors.clone(), DRAIN));
    }
    let settings = build::http_door(config, &build::node(config));
    let behind = Arc::new(move |addr, tls| shared(http::Settings { tls, ..settings.clone() }, addr));
    let mut hook_doors = HookDoors::new(behind, stop.doors.clone(), DRAIN);
    hook_doors.take(config, bound.hooks);
    doors.spawn(hook_doors.ended());
    (doors, hook_doors)
}
