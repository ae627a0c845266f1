//! The real daemon, started from a config file as an administrator would, and the real command line.

use std::{
    fs,
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
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
    /// Of the daemon alone.
    pub serve_env: Vec<(String, String)>,
    /// Words that the `ready` line must hold: everything that it binds.
    bound: Vec<String>,
    pub http: u16,
    /// Where the log of the last start begins.
    launched_at: u64,
}

impl Martlet {
    /// Writes the config and starts the daemon; returns when it says `ready` with all its addresses.
    pub fn start(dir: &Path, config: &str, env: &[(&str, &str)]) -> Self {
        let mut martlet = Self::prepare(dir, config, env);
        martlet.restart();
        martlet
    }

    /// Writes the config; nothing is started.
    pub fn prepare(dir: &Path, config: &str, env: &[(&str, &str)]) -> Self {
        let path = dir.join("martlet.toml");
        fs::write(&path, config).expect("write");
        let parsed: toml::Table = config.parse().expect("the test's own config is TOML");
        let bound = binds(&parsed);
        let http = parsed["http"]["bind"].as_str().and_then(|b| b.rsplit_once(':')?.1.parse().ok()).expect("a port");
        let env = env.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        let (log, serve_env) = (dir.join("martlet.log"), Vec::new());
        Self { running: None, config: path, log, env, serve_env, bound, http, launched_at: 0 }
    }

    /// Starts it again after its end.
    pub fn restart(&mut self) {
        self.launch();
        self.wait_ready();
    }

    /// Starts it and does not wait for anything.
    pub fn launch(&mut self) {
        self.launched_at = fs::metadata(&self.log).map_or(0, |meta| meta.len());
        let mut command = Command::new(program());
        command.args(["serve", "--config"]).arg(&self.config);
        let env = self.env.iter().chain(&self.serve_env);
        command.env_remove("RUST_LOG").envs(env.map(|(k, v)| (k, v)));
        self.running = Some(Running::start("martlet", &mut command, &self.log));
    }

    /// Waits until it says `ready` with all its addresses.
    pub fn wait_ready(&mut self) {
        let (log, from) = (&self.log, self.launched_at);
        let ready = self
            .running
            .as_mut()
            .expect("it was launched")
            .wait_for("a line `ready`", || said_since(log, from)?.lines().find(|l| is_ready(l)).map(str::to_owned));
        for place in &self.bound {
            assert!(ready.contains(place), "the line `ready` does not say {place}: {ready}");
        }
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.running.as_mut().is_none_or(Running::has_ended)
    }

    /// It has ended by itself: another may be started.
    pub fn forget(&mut self) {
        assert!(self.has_ended(), "it runs");
        self.running = None;
    }

    /// The exit code of one that has ended by itself.
    pub fn exit_code(&mut self) -> Option<i32> {
        self.running.as_mut().and_then(Running::exit_code)
    }

    pub fn pid(&self) -> u32 {
        self.running.as_ref().expect("it runs").pid()
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

    /// Since its last start.
    pub fn log_since_start(&self) -> String {
        said_since(&self.log, self.launched_at).unwrap_or_default()
    }

    /// Whether it has said `ready` since its last start.
    pub fn is_ready(&self) -> bool {
        self.log_since_start().lines().any(is_ready)
    }

    /// The end of it, for people.
    pub fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// A signal to the daemon.
    pub fn signal(&self, name: &str) {
        let running = self.running.as_ref().expect("it runs");
        super::process::signal(name, &running.pid().to_string());
    }

    /// A command of the same program on the same config, to be run.
    pub fn prepared(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(words).arg("--config").arg(&self.config);
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        command
    }

    /// Runs a command on the same config.
    pub fn command(&self, words: &[&str]) -> Output {
        self.prepared(words).output().expect("the program runs")
    }

    /// Runs a command on the same config with something to read.
    pub fn command_with(&self, words: &[&str], input: &str) -> Output {
        let mut command = self.prepared(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let mut stdin = child.stdin.take().expect("its input");
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        child.wait_with_output().expect("it ends")
    }

    /// A command of the same program on the same config, its `--json` output parsed.
    pub fn json(&self, words: &[&str]) -> Value {
        let mut command = self.prepared(words);
        command.arg("--json");
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
        self.none_is(&["waiting", "held", "trying"]);
    }

    /// Waits until nothing is waiting or tried; what is held may stay so.
    pub fn idle(&self) {
        self.none_is(&["waiting", "trying"]);
    }

    fn none_is(&self, open: &[&str]) {
        let mut words = vec!["queue", "list", "--limit", "1"];
        words.extend(open.iter().flat_map(|state| ["--state", state]));
        until("an empty queue", || self.json(&words).as_array().is_some_and(Vec::is_empty).then_some(()));
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

fn said_since(log: &Path, from: u64) -> Option<String> {
    let mut file = fs::File::open(log).ok()?;
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut said = Vec::new();
    file.read_to_end(&mut said).ok()?;
    Some(String::from_utf8_lossy(&said).into_owned())
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
