//! Other programs' words: `postconf`, `postmap`, `exim`. Each has a time-out; what is missing is told as that.

use std::{ffi::OsStr, time::Duration};

use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(20);

/// What a program said.
pub struct Said {
    pub well: bool,
    /// Its standard output, without blanks around it.
    pub out: String,
    /// The last line of its standard error.
    pub err: String,
}

/// Runs a program to its end.
///
/// # Errors
/// In words: it is not there, or does not end.
pub async fn ask(program: &str, args: &[impl AsRef<OsStr>]) -> Result<Said, String> {
    let mut command = Command::new(program);
    command.args(args).stdin(std::process::Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.map_err(|_| format!("{program} does not end"))?;
    let output = output.map_err(|why| format!("{program} cannot be run: {why}"))?;
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).trim().to_owned();
    let err = text(&output.stderr).lines().last().unwrap_or_default().to_owned();
    Ok(Said { well: output.status.success(), out: text(&output.stdout), err })
}
