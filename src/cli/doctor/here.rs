//! This machine: the folder of the data, the store, the daemon, its doors.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::Path,
    time::Duration,
};

use super::{super::client::Daemon, Findings};
use crate::{
    app,
    cli::client::Unreachable,
    config::Config,
    doors::{control::words::Request, mail::Bind},
    ground::Clock,
    store::Store,
};

const PATIENCE: Duration = Duration::from_secs(5);

pub async fn look(config: &Config, found: &mut Findings) {
    match app::check(config) {
        Ok(()) => found.well("config", format!("{} is sound", config.file.display())),
        Err(error) => found.bad("config", error.words, "see `martlet check`"),
    }
    for warning in &config.warnings {
        found.warning("config", warning.cause.clone(), format!("{}:{}", warning.file.display(), warning.line));
    }
    data(config, found);
    store(config, found).await;
    let runs = daemon(config, found);
    for listener in &config.listeners {
        match &listener.bind {
            Bind::Tcp(addr) => port("listener", *addr, runs, found),
            Bind::Unix { path, group, .. } => socket(path, group.as_deref(), runs, found),
        }
    }
    if let Some(http) = &config.http {
        port("http", http.bind, runs, found);
    }
}

fn data(config: &Config, found: &mut Findings) {
    let dir = &config.data_dir;
    let shown = dir.display();
    let meta = match std::fs::metadata(dir) {
        Ok(meta) => meta,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return found.skipped("data", format!("{shown} is not there yet: `martlet serve` makes it"));
        }
        Err(error) => {
            return found.bad("data", format!("{shown}: {error}"), "run this as the user that the daemon runs as");
        }
    };
    let mode = meta.permissions().mode() & 0o777;
    if !meta.is_dir() {
        found.bad("data", format!("{shown} is no folder"), "let data_dir name a folder");
    } else if mode & 0o077 != 0 {
        let words = format!("others may look into {shown} (mode {mode:03o})");
        found.warning("data", words, format!("chmod 700 {shown}"));
    } else {
        found.well("data", format!("{shown} is closed to others"));
    }
    let file = &config.store.path;
    if let Ok(kept) = std::fs::metadata(file)
        && kept.uid() != meta.uid()
    {
        let words = format!("{} belongs to user {}, its folder to user {}", file.display(), kept.uid(), meta.uid());
        found.bad("data", words, format!("chown -R {}:{} {shown}", meta.uid(), meta.gid()));
    }
}

async fn store(config: &Config, found: &mut Findings) {
    let shown = config.store.path.display();
    if !config.store.path.is_file() {
        return found.skipped("store", format!("{shown} is not there yet: `martlet serve` makes it"));
    }
    let counts = match Store::open_readonly(config.store.clone(), Clock::system()).await {
        Ok(store) => {
            let counts = store.counts().await;
            store.close().await;
            counts
        }
        Err(why) => Err(why),
    };
    match counts {
        Ok(counts) => {
            found.well(
                "store",
                format!("{} wait, {} are held, {} dead letters", counts.waiting, counts.held, counts.dead_letters),
            );
        }
        Err(why) => found.bad("store", format!("{shown}: {why}"), "run this as the user that the daemon runs as"),
    }
    if let Some(free) = crate::store::free_space(&config.store.path).filter(|free| *free < config.store.min_free) {
        let words = format!("{} MiB are left on the store's disk: nothing new is taken", free >> 20);
        found.bad("store", words, "make room, or lower store.min_free");
    }
}

/// Whether the daemon runs, as far as we may know.
fn daemon(config: &Config, found: &mut Findings) -> bool {
    match Daemon::reach(&config.control.path) {
        Ok(mut daemon) => match daemon.ask(&Request::Status) {
            Ok(status) => {
                let version = status["version"].as_str().unwrap_or("?");
                match version == env!("CARGO_PKG_VERSION") {
                    true => found.well("daemon", format!("it runs (process {})", status["pid"])),
                    false => found.warning(
                        "daemon",
                        format!("version {version} runs, this is {}", env!("CARGO_PKG_VERSION")),
                        "restart it",
                    ),
                }
                true
            }
            Err(why) => {
                found.bad("daemon", why.words, "see its log");
                true
            }
        },
        Err(Unreachable::NotRunning) => {
            found.warning("daemon", "it does not run", format!("martlet serve --config {}", config.file.display()));
            false
        }
        Err(why) => {
            let why = why.failure(config);
            found.bad("daemon", why.words, "run this as root");
            false
        }
    }
}

fn port(part: &'static str, addr: SocketAddr, runs: bool, found: &mut Findings) {
    let reachable = match addr.ip().is_unspecified() {
        true if addr.is_ipv4() => SocketAddr::from(([127, 0, 0, 1], addr.port())),
        true => SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, addr.port())),
        false => addr,
    };
    if runs {
        match TcpStream::connect_timeout(&reachable, PATIENCE) {
            Ok(_) => found.well(part, format!("{addr} answers")),
            Err(why) => found.bad(
                part,
                format!("{addr}: {why}, although the daemon runs"),
                "restart it: the configuration has changed since",
            ),
        }
        return;
    }
    match TcpListener::bind(addr) {
        Ok(_) => found.well(part, format!("{addr} is free")),
        Err(why) => {
            let todo = match why.kind() {
                ErrorKind::AddrInUse => {
                    format!("another program listens there: `ss -ltnp 'sport = :{}'` names it", addr.port())
                }
                ErrorKind::PermissionDenied => {
                    "ports below 1024 take a right: AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit".to_owned()
                }
                ErrorKind::AddrNotAvailable => "this machine has no such address: see `ip addr`".to_owned(),
                _ => "let `bind` name another address".to_owned(),
            };
            found.bad(part, format!("{addr}: {why}"), todo);
        }
    }
}

fn socket(path: &Path, group: Option<&str>, runs: bool, found: &mut Findings) {
    let shown = path.display();
    if let Some(name) = group
        && !matches!(nix::unistd::Group::from_name(name), Ok(Some(_)))
    {
        return found.bad(
            "listener",
            format!("{shown}: there is no group {name}"),
            format!("groupadd --system {name}"),
        );
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    if !folder.is_dir() {
        let words = format!("the folder of {shown} is not there");
        return found.bad(
            "listener",
            words,
            format!("install -d -m 0750 {}, owned by the daemon's user", folder.display()),
        );
    }
    if !runs {
        return found.well("listener", format!("{shown} can be made there"));
    }
    match UnixStream::connect(path) {
        Ok(_) => found.well("listener", format!("{shown} answers")),
        Err(why) if why.kind() == ErrorKind::PermissionDenied => {
            found.skipped("listener", format!("{shown}: you may not connect there"));
        }
        Err(why) => {
            let words = format!("{shown}: {why}, although the daemon runs");
            found.bad("listener", words, "restart it: the configuration has changed since");
        }
    }
}
