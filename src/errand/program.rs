//! Programs: an argument list, no shell, an environment of `PATH` and what the rule names, JSON on the standard input.
//!
//! The exit code says what became of it: 0 done, 75 (EX_TEMPFAIL) later, any other never. A program that cannot be
//! started, dies of a signal or takes too long is tried again. It leads a process group of its own; whatever of that is
//! left when it ends, or when its time is over, is killed.

use std::{path::Path, pin::pin, process::Stdio, time::Duration};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};

use super::{Settings, Tag, later, never};
use crate::{ground::Outcome, rules::deed::Program};

/// EX_TEMPFAIL of sysexits.h.
const TEMPFAIL: i32 = 75;
/// Octets that are kept of the standard error: its last line says why.
const COMPLAINT: usize = 4 << 10;
/// What was said before the end is read this long behind it: a process that left the group may hold the pipe.
const REST: Duration = Duration::from_secs(1);

/// A process group; what is left of it ends with this.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // Nobody left is no trouble.
            let _ = killpg(leader, Signal::SIGKILL);
        }
    }
}

/// Runs it once; what it wrote to its standard output, up to the cap.
pub async fn run(settings: &Settings, tag: &Tag, program: &Program) -> Result<Vec<u8>, Outcome> {
    let dir = program.dir.as_deref().map_or(settings.dir.as_path(), Path::new);
    let mut child = start(settings, program, dir).map_err(|why| later(format!("cannot be started: {why}")))?;
    let group = Group(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw));
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    // A line of its own, as shells read it.
    let input = numbered(&program.input, tag) + "\n";
    let feed = async move {
        if let Some(mut stdin) = stdin {
            // A program need not read what it does not want to know.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let mut pipes = pin!(async { tokio::join!(feed, capped(stdout, settings.output), capped(stderr, COMPLAINT)) });
    let mut deadline = pin!(tokio::time::sleep(program.timeout));
    let mut read = None;
    let status = loop {
        tokio::select! {
            status = child.wait() => break Some(status),
            said = &mut pipes, if read.is_none() => read = Some(said),
            () = &mut deadline => break None,
        }
    };
    drop(group);
    let Some(status) = status else {
        let _ = child.wait().await;
        return Err(later(format!("killed: it took longer than {} s", program.timeout.as_secs_f32())));
    };
    let ((), output, complaint) = match read {
        Some(said) => said,
        None => tokio::time::timeout(REST, pipes).await.unwrap_or_default(),
    };
    let status = status.map_err(|why| later(format!("its end is not known: {why}")))?;
    let why = because(&complaint);
    match status.code() {
        Some(0) => Ok(output),
        Some(TEMPFAIL) => Err(later(format!("exit code 75, try again later{why}"))),
        Some(code) => Err(never(format!("exit code {code}{why}"))),
        None => Err(later(format!("it died of a signal{why}"))),
    }
}

fn start(settings: &Settings, program: &Program, dir: &Path) -> std::io::Result<Child> {
    let (path, arguments) = program.words.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
    Command::new(path)
        .args(arguments)
        .env_clear()
        .env("PATH", &settings.path)
        .envs(&program.env)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// The document with the errand's id and the attempt's number in it.
pub(super) fn numbered(document: &str, tag: &Tag) -> String {
    let rest = document.strip_prefix('{').unwrap_or(document);
    let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
    format!("{{\"id\":\"{}\",\"attempt\":{}{comma}{rest}", tag.id, tag.attempt)
}

/// Reads to the end and keeps so much of it: a full pipe would stall the program.
async fn capped(from: Option<impl AsyncRead + Unpin>, most: usize) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut from) = from else { return kept };
    let mut buffer = vec![0; 8 << 10];
    while let Ok(n) = from.read(&mut buffer).await {
        if n == 0 {
            break;
        }
        let room = most.saturating_sub(kept.len()).min(n);
        kept.extend_from_slice(&buffer[..room]);
    }
    kept
}

/// The last line of a complaint, if there is one.
fn because(complaint: &[u8]) -> String {
    let words = String::from_utf8_lossy(complaint);
    let line = words.lines().map(str::trim).rfind(|line| !line.is_empty());
    line.map_or_else(String::new, |line| format!(": {line}"))
}
