//! Reports as other people's programs read them: `tests/support/bounce.py`.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde::Deserialize;

use super::{python, root};

#[derive(Debug, Deserialize)]
pub struct Verdict {
    /// Addresses for which flufl.bounce sees a temporary failure (a delay), and a permanent one.
    pub temporary: Vec<String>,
    pub permanent: Vec<String>,
    /// Fields of message/delivery-status in lower case, the per-message block first.
    pub blocks: Vec<std::collections::BTreeMap<String, String>>,
    pub types: Vec<String>,
    pub defects: Vec<String>,
    pub report_type: Option<String>,
}

impl Verdict {
    /// A field of the first recipient's block, empty when it is missing.
    pub fn field(&self, name: &str) -> &str {
        self.blocks.get(1).and_then(|b| b.get(name)).map_or("", String::as_str)
    }
}

/// What they make of this mail.
pub fn read(mail: &str) -> Verdict {
    let mut child = Command::new(python())
        .arg(root().join("tests/support/bounce.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python");
    child.stdin.take().expect("a pipe").write_all(mail.as_bytes()).expect("write");
    let out = child.wait_with_output().expect("wait");
    assert!(out.status.success(), "bounce.py: {}", out.status);
    serde_json::from_slice(&out.stdout).expect("JSON")
}
