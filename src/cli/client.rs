//! The other end of the control socket: one request, one answer, and what to do where there is none.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use serde_json::Value;

use super::{Exit, Failure};
use crate::{
    config::Config,
    doors::control::words::{Request, Trouble, Why, read_answer},
};

/// For the daemon to do what was asked.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest answer: ten thousand messages.
const LONGEST: u64 = 64 << 20;

/// Whoever answers on the control socket.
pub struct Daemon(BufReader<UnixStream>);

/// Why the daemon cannot be asked.
pub enum Unreachable {
    /// Nobody listens.
    NotRunning,
    /// The file system says no.
    Denied,
    Failed(io::Error),
}

impl Daemon {
    /// Connects to the daemon of this configuration.
    pub fn reach(path: &Path) -> Result<Self, Unreachable> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Unreachable::NotRunning,
            io::ErrorKind::PermissionDenied => Unreachable::Denied,
            _ => Unreachable::Failed(error),
        };
        let stream = UnixStream::connect(path).map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// As [`Daemon::reach`], for what only the daemon can do.
    pub fn needed(config: &Config) -> Result<Self, Failure> {
        Self::reach(&config.control.path).map_err(|why| why.failure(config))
    }

    /// Asks; a refusal becomes its exit code.
    pub fn ask(&mut self, request: &Request) -> Result<Value, Failure> {
        let gone = |error: io::Error| {
            let words = format!("the daemon does not answer ({error}): its log may say why");
            Failure::new(Exit::TempFail, words)
        };
        // Whoever is refused is told so before he has asked: the answer counts, not whether the request was taken.
        let asked = self.0.get_mut().write_all(request.line().as_bytes());
        let mut line = Vec::new();
        self.0.by_ref().take(LONGEST).read_until(b'\n', &mut line).map_err(gone)?;
        if line.last() != Some(&b'\n') {
            asked.map_err(gone)?;
            return Err(gone(io::ErrorKind::UnexpectedEof.into()));
        }
        let answer = read_answer(&line).map_err(|why| {
            Failure::new(
                Exit::Protocol,
                format!("what answers on the control socket is no Martlet of this version: {why}"),
            )
        })?;
        answer.map_err(Failure::from)
    }
}

impl Unreachable {
    /// In words, with what to do.
    pub fn failure(&self, config: &Config) -> Failure {
        let path = config.control.path.display();
        match self {
            Self::NotRunning => {
                let file = config.file.display();
                let words = format!("no daemon answers at {path}: is `martlet serve --config {file}` running?");
                Failure::new(Exit::Unavailable, words)
            }
            Self::Denied => {
                let words = format!(
                    "you may not use {path}: call this as root, as the daemon's own user, or as a member of the group \
                    that `control.group` names"
                );
                Failure::new(Exit::NoPerm, words)
            }
            Self::Failed(error) => Failure::new(Exit::Unavailable, format!("{path} cannot be used: {error}")),
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        let exit = match trouble.why {
            Why::Request => Exit::Protocol,
            Why::Denied => Exit::NoPerm,
            Why::Missing | Why::State | Why::Refused => Exit::Data,
            Why::Later => Exit::TempFail,
            Why::Config => Exit::Config,
        };
        Self::new(exit, trouble.words)
    }
}
