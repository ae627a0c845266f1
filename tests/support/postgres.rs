//! A PostgreSQL server of one test: a cluster of its own in the test's folder, on loopback, with a password.

use std::{
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use nix::unistd::User;

use super::process::{Running, free_port, run, signal, within};

const PASSWORD: &str = "pg-pw";

/// The folder of its programs.
pub fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    found.retain(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file());
    found.sort();
    found.pop()
}

pub struct Postgres {
    pub url: String,
    running: Running,
}

impl Postgres {
    /// Makes a cluster in `dir` and starts its server.
    pub fn start(dir: &Path) -> Self {
        let bin = programs().expect("a PostgreSQL");
        // It does not run as root.
        let user = User::from_name("postgres").expect("users").expect("the user that its package makes");
        let own = |path: &Path| {
            chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("chown");
        };
        let (data, password) = (dir.join("data"), dir.join("password"));
        own(dir);
        std::fs::write(&password, PASSWORD).expect("written");
        own(&password);
        let as_user = |program: &str| {
            let mut command = Command::new(bin.join(program));
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw()).current_dir(dir).env("LC_ALL", "C");
            command
        };
        let mut init = as_user("initdb");
        init.args(["--no-sync", "--encoding=UTF8", "--username=martlet", "--auth=scram-sha-256", "--pgdata"])
            .arg(&data);
        run(init.arg(format!("--pwfile={}", password.display())));
        let port = free_port();
        let mut serve = as_user("postgres");
        serve.arg("-D").arg(&data).arg("-k").arg(dir).args(["-p", &port.to_string(), "-c", "fsync=off"]);
        let log = dir.join("log");
        let mut running = Running::start("postgres", &mut serve, &log);
        running.wait_for("a server that is ready", || {
            std::fs::read_to_string(&log).ok().filter(|log| log.contains("ready to accept connections")).map(drop)
        });
        Self { url: format!("postgres://martlet:{PASSWORD}@127.0.0.1:{port}/postgres"), running }
    }
}

/// Its fast end, whoever is connected: killed, it would leave shared memory behind.
impl Drop for Postgres {
    fn drop(&mut self) {
        signal("INT", &self.running.pid().to_string());
        within(Duration::from_secs(20), || self.running.has_ended().then_some(()));
    }
}
