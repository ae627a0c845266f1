//! `martlet try` as a person has it: the real program, its page, and Chromium in front of it.

mod browser;
mod pages;

use std::{fs, path::PathBuf, process::Command};

use libtest_mimic::Trial;

use crate::support::{
    Needs,
    process::{Running, Scratch, free_port},
    trial, trial_with,
};

pub fn trials() -> Vec<Trial> {
    let plain = |name: &str, test: fn()| trial(&format!("trial: {name}"), test);
    let seen = |name: &str, test: fn()| trial_with(&format!("trial: {name}"), &[Needs::Chromium], test);
    vec![
        trial_with("trial: the printed line sends the first text", &[Needs::Curl], pages::printed_line),
        plain("everything can be read and sent without a script", pages::without_a_script),
        plain("pages of other sites and other names are refused", pages::strangers),
        plain("mails are there again after a restart", pages::restart),
        plain("the quickstart's handset delivers", pages::quickstart),
        plain("what cannot be is said in plain words", pages::refusals),
        plain("ports that are taken are no hindrance", pages::ports),
        seen("in Chromium: a mail, a text, an answer, a bounce", browser::circle),
        seen("in Chromium: two people, one phone", browser::conflict),
        seen("in Chromium: by keyboard alone", browser::keyboard),
        seen("in Chromium: small, dark, and without complaints", browser::looks),
        seen("in Chromium: it reads without a script", browser::scriptless),
    ]
}

/// A trial that runs.
struct Tried {
    running: Option<Running>,
    scratch: Scratch,
    smtp: u16,
    lmtp: u16,
    http: u16,
}

impl Tried {
    fn start() -> Self {
        let [smtp, lmtp, http] = [free_port(), free_port(), free_port()];
        let mut tried = Self { running: None, scratch: Scratch::new(), smtp, lmtp, http };
        tried.restart();
        tried
    }

    fn dir(&self) -> PathBuf {
        self.scratch.path().join("try")
    }

    /// What it printed and logged.
    fn said(&self) -> String {
        fs::read_to_string(self.scratch.path().join("out")).unwrap_or_default()
    }

    fn restart(&mut self) {
        let before = self.said().len();
        let mut command = martlet();
        command.arg("--dir").arg(self.dir());
        for (option, port) in [("--mail", self.smtp), ("--lmtp", self.lmtp), ("--http", self.http)] {
            command.args([option, &format!("127.0.0.1:{port}")]);
        }
        let mut running = Running::start("martlet try", &mut command, &self.scratch.path().join("out"));
        running.wait_for("the word that it is ready", || self.said()[before..].contains("Ctrl-C").then_some(()));
        self.running = Some(running);
    }

    fn stop(&mut self) {
        let status = self.running.take().expect("it runs").terminate();
        assert!(status.success(), "ended with {status}:\n{}", self.said());
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.http)
    }
}

fn martlet() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_martlet"));
    command.arg("try").env_remove("RUST_LOG");
    command
}
