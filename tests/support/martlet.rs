//! The real daemon, started from a config file as an administrator would, and the real command line.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::process::{Running, until};

/// The binary that this test was built with; `MARTLET_PROGRAM` tests another one, as it was packaged.
fn program() -> PathBuf {
    std::env::var_os("MARTLET_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_martlet").into(), PathBuf::from)
}

pub struct Martlet {
    running: Option<Running>,
    pub config: PathBuf,
    log: PathBuf,
    env: Vec<(String, String)>,
    /// Words that the `ready` line must hold: everything that it binds.
    bound: Vec<String>,
    pub http: u16,
}

impl Martlet {
    /// Writes the config and starts the daemon; returns when it says `ready` with all its addresses.
    pub fn start(dir: &Path, config: &str, env: &[(&str, &str)]) -> Self {
        let path = dir.join("martlet.toml");
        fs::write(&path, config).expect("write");
        let parsed: toml::Table = config.parse().expect("the test's own config is TOML");
        let bound = binds(&parsed);
        let http = parsed["http"]["bind"].as_str().and_then(|b| b.rsplit_once(':')?.1.parse().ok()).expect("a port");
        let env = env.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        let mut martlet = Self { running: None, config: path, log: dir.join("martlet.log"), env, bound, http };
        martlet.restart();
        martlet
    }

    /// Starts it again after its end.
    pub fn restart(&mut self) {
        let old = self.log().len();
        let mut command = Command::new(program());
        command.args(["serve", "--config"]).arg(&self.config);
        command.env_remove("RUST_LOG").envs(self.env.iter().map(|(k, v)| (k, v)));
        let mut running = Running::start("martlet", &mut command, &self.log);
        let ready = running.wait_for("a line `ready`", || {
            let log = fs::read_to_string(&self.log).ok()?;
            log[old..].lines().find(|l| is_ready(l)).map(str::to_owned)
        });
        for place in &self.bound {
            assert!(ready.contains(place), "the line `ready` does not say {place}: {ready}");
        }
        self.running = Some(running);
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.running.take().expect("it runs").kill();
    }

    /// SIGTERM; it must end by itself and well.
    pub fn stop(&mut self) {
        let status = self.running.take().expect("it runs").terminate();
        assert!(status.success(), "ended with {status}:\n{}", self.log());
    }

    /// What it has logged, over all its starts.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A command of the same program on the same config, its `--json` output parsed.
    pub fn json(&self, words: &[&str]) -> Value {
        let mut command = Command::new(program());
        command.args(words).arg("--config").arg(&self.config).arg("--json");
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        let out = super::process::run(&mut command);
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{words:?} --json printed {out:?}: {e}"))
    }

    /// The queue as `martlet queue list` shows it.
    pub fn queue(&self) -> Vec<Value> {
        let list = self.json(&["queue", "list"]);
        let list = list.as_array().or_else(|| list.get("messages").and_then(Value::as_array));
        list.cloned().unwrap_or_else(|| panic!("queue list is no list"))
    }

    /// Waits until nothing is waiting, held or tried.
    pub fn settled(&self) {
        until("an empty queue", || {
            let open = |m: &Value| matches!(m["state"].as_str(), Some("waiting" | "held" | "trying"));
            (!self.queue().iter().any(open)).then_some(())
        });
    }

    /// The phone's words to gateway `main`. Status and body.
    pub fn phone(&self, method: &str, number: &str, text: &str) -> std::io::Result<(u16, String)> {
        deliver(self.http, method, &[("number", number), ("data", text)])
    }
}

/// One classic inbound call to gateway `main` with its password `pin`. Status and body.
pub fn deliver(port: u16, method: &str, values: &[(&str, &str)]) -> std::io::Result<(u16, String)> {
    let mut form = "id=main&pass=pin".to_owned();
    for (name, value) in values {
        let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
        form.push_str(&format!("&{name}={value}"));
    }
    super::http::call(port, method, "/sms/deliver.html", &form)
}

fn is_ready(line: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "ready")
}

/// Ports and socket paths of all listeners and of HTTP.
fn binds(config: &toml::Table) -> Vec<String> {
    let listeners = config.get("listener").and_then(|l| l.as_array()).into_iter().flatten();
    let all = listeners.chain(config.get("http")).filter_map(|t| t.get("bind")?.as_str());
    all.map(|bind| bind.trim_start_matches("unix:").to_owned()).collect()
}
