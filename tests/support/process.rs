//! Programs that a test starts and ends itself: each in a process group of its own, with its output in a file, killed
//! and waited for when its guard is dropped, on a panic too.
//!
//! Nothing here sleeps to synchronise: `until` polls an outside fact with a deadline and says what it waited for.

use std::{
    fs::File,
    net::TcpListener,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

/// How long a test waits for another program before it fails.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A folder of one test, which servers that drop their privileges can enter; removed at the end.
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    pub fn new() -> Self {
        // Paths of Unix sockets end at 107 octets: keep it short.
        let dir = tempfile::Builder::new().prefix("mt").tempdir_in("/tmp").expect("a temp folder");
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("chmod");
        Self(dir)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A folder in it, made if it is missing.
    pub fn dir(&self, name: &str) -> PathBuf {
        let dir = self.0.path().join(name);
        std::fs::create_dir_all(&dir).expect("a folder");
        dir
    }
}

/// A port of loopback that nothing listens on, below the range from which clients get theirs. It is this process's until
/// it ends: another run of the tests beside this one gets others.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    static MINE: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let folder = std::env::temp_dir().join(format!("martlet-ports-{}", nix::unistd::getuid()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let first = u16::try_from(std::process::id() % 12_000).expect("below 12,000");
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + (first + step % 12_000) % 12_000;
        let claim = File::create(folder.join(port.to_string())).expect("a file");
        if claim.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            MINE.lock().unwrap_or_else(PoisonError::into_inner).push(claim);
            return port;
        }
    }
}

/// Polls until `fact` gives a value; fails with `what` after [`DEADLINE`].
pub fn until<T>(what: &str, fact: impl FnMut() -> Option<T>) -> T {
    within(DEADLINE, fact).unwrap_or_else(|| panic!("waited {DEADLINE:?} in vain for {what}"))
}

/// Polls until `fact` gives a value or the time is over.
pub fn within<T>(time: Duration, mut fact: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + time;
    loop {
        if let Some(value) = fact() {
            return Some(value);
        }
        if Instant::now() > end {
            return None;
        }
        pause(Duration::from_millis(20));
    }
}

/// Lets time pass: between two looks at the world, never as a way to wait for something.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// A running program and its process group.
pub struct Running {
    child: Child,
    name: String,
    /// Where its output goes, added to at each start.
    pub log: PathBuf,
    /// A log that it writes itself, shown too when it fails.
    own_log: Option<PathBuf>,
}

impl Running {
    /// Starts `command` with its output added to `log`.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Self {
        let out = File::options().create(true).append(true).open(log).expect("a log file");
        let err = out.try_clone().expect("a second handle");
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {name}: {e}"));
        Self { child, name: name.to_owned(), log: log.to_owned(), own_log: None }
    }

    pub fn also(&mut self, own_log: &Path) {
        self.own_log = Some(own_log.to_owned());
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for `fact`; a program that ends meanwhile is a failure that shows its log.
    pub fn wait_for<T>(&mut self, what: &str, mut fact: impl FnMut() -> Option<T>) -> T {
        let found = within(DEADLINE, || match (fact(), self.child.try_wait().expect("wait")) {
            (Some(value), _) => Some(Ok(value)),
            (None, Some(status)) => Some(Err(status)),
            (None, None) => None,
        });
        match found {
            Some(Ok(value)) => value,
            Some(Err(status)) => panic!("{} ended ({status}) before {what}:\n{}", self.name, self.tail()),
            None => panic!("{}: no {what} within {DEADLINE:?}:\n{}", self.name, self.tail()),
        }
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("wait").is_some()
    }

    pub fn exit_code(&mut self) -> Option<i32> {
        self.child.try_wait().expect("wait").and_then(|status| status.code())
    }

    fn tail(&self) -> String {
        let logs = std::iter::once(&self.log).chain(&self.own_log);
        let log: String = logs.map(|l| std::fs::read_to_string(l).unwrap_or_default()).collect();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// SIGTERM to the program itself, and waits for its end.
    pub fn terminate(mut self) -> ExitStatus {
        signal("TERM", &self.child.id().to_string());
        let status = within(DEADLINE, || self.child.try_wait().expect("wait"));
        status.unwrap_or_else(|| panic!("{} did not end on SIGTERM:\n{}", self.name, self.tail()))
    }

    /// SIGKILL, as a power cut would; returns when it is dead.
    pub fn kill(mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        signal("KILL", &format!("-{}", self.child.id()));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process or, with a leading `-`, to a process group. One that is gone already is no error.
pub fn signal(name: &str, target: &str) {
    let _ = Command::new("sh").args(["-c", &format!("kill -s {name} -- {target} 2>/dev/null")]).status();
}

/// Runs a program to its end and returns what it printed; its failure is the test's.
pub fn run(command: &mut Command) -> String {
    let out = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", out.status);
    stdout.into_owned()
}
