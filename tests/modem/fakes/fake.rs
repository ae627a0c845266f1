//! One modem of `fake.py`: what is done to it, and what has happened at it.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use martlet::gateway::modem::Device;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::support::{python, root};

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Where {
    Pty,
    Tcp,
}

/// One fake modem, ended with the test.
pub struct Fake {
    child: Child,
    typed: ChildStdin,
    said: BufReader<ChildStdout>,
    /// As the configuration names it.
    pub place: String,
}

/// What has happened at it.
#[derive(Deserialize)]
pub struct State {
    pub taken: Vec<Taken>,
    pub stored: usize,
    /// It has a memory, by its own word.
    pub receives: bool,
    pub acknowledged: usize,
    /// Commands, with their arguments.
    pub heard: Vec<String>,
}

/// A SUBMIT as the other codec reads it.
#[derive(Deserialize)]
pub struct Taken {
    pub number: String,
    pub text: String,
    /// Reference, parts, number.
    pub part: Option<(u16, u8, u8)>,
}

impl Fake {
    pub fn start(folder: &Path, class: &str, line: Where) -> Self {
        let (kind, link) = match line {
            Where::Pty => ("pty", folder.join(class)),
            Where::Tcp => ("tcp", "-".into()),
        };
        let mut child = Command::new(python())
            .arg(root().join("tests/modem/fakes/fake.py"))
            .arg(root().join("target/gsmmodem/test/fakemodems.py"))
            .args([class, kind])
            .arg(link)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python");
        let (typed, said) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let mut fake = Self { child, typed, said: BufReader::new(said), place: String::new() };
        let ready: Value = fake.line();
        ready["ready"].as_str().expect("where it is").clone_into(&mut fake.place);
        fake
    }

    fn line<T: DeserializeOwned>(&mut self) -> T {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn happens(&mut self, what: &Value) -> State {
        writeln!(self.typed, "{what}").expect("it listens");
        self.typed.flush().expect("it listens");
        self.line()
    }

    pub fn state(&mut self) -> State {
        self.happens(&json!({}))
    }

    /// Attributes of the fake.
    pub fn set(&mut self, attributes: &Value) {
        self.happens(&json!({ "set": attributes }));
    }

    /// A text of a phone, its parts in this order.
    pub fn text(&mut self, from: &str, words: &str, order: &[u8]) {
        self.happens(&json!({ "from": from, "words": words, "order": order }));
    }

    /// The network's word on what was taken.
    pub fn report(&mut self, taken: usize, status: u8) {
        self.happens(&json!({ "report": taken, "status": status }));
    }

    pub fn device(&self) -> Device {
        match self.place.strip_prefix("tcp://") {
            Some(place) => Device::Tcp(place.to_owned()),
            None => Device::Serial(self.place.clone().into()),
        }
    }

    pub fn probe(&self) -> Value {
        let args = ["modem", "probe", &self.place, "--json"];
        let probe = Command::new(env!("CARGO_BIN_EXE_martlet")).args(args).output().expect("the program runs");
        serde_json::from_slice(&probe.stdout).expect("one JSON value")
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
