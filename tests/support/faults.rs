//! What goes wrong around a daemon: its clocks, a name, its disk (`tests/faults/world.c`).

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use nix::errno::Errno;

/// The name that `world.c` knows; it is this machine, or is not found.
pub const NAME: &str = "gateway.example.test";

/// What writing to the data folder comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Disk {
    Well,
    Full,
    ReadOnly,
    Broken,
}

pub struct Faults {
    wishes: File,
    /// Nanoseconds that each clock is ahead.
    wall: AtomicI64,
    monotonic: AtomicI64,
    env: Vec<(String, String)>,
}

impl Faults {
    /// For a daemon whose data folder is `folder`/data; its file lies beside it.
    pub fn new(folder: &Path) -> Self {
        let folder = folder.canonicalize().expect("the test's folder");
        let path = folder.join("faults");
        let wishes = File::options().read(true).write(true).create(true).truncate(true).open(&path).expect("a file");
        wishes.set_len(24).expect("a file of the size of `struct wishes`");
        let text = |path: &Path| path.to_str().expect("a path of the test's own").to_owned();
        let env = [
            ("LD_PRELOAD", text(&super::preload::library("faults/world.c"))),
            ("FAULTS_FILE", text(&path)),
            ("FAULTS_DATA", text(&folder.join("data"))),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self { wishes, wall: AtomicI64::new(0), monotonic: AtomicI64::new(0), env }
    }

    /// The environment of the daemon.
    pub fn env(&self) -> Vec<(String, String)> {
        self.env.clone()
    }

    fn write(&self, bytes: &[u8], at: u64) {
        self.wishes.write_all_at(bytes, at).expect("written");
    }

    /// Time passes, by both clocks.
    pub fn pass(&self, time: Duration) {
        let nanos = i64::try_from(time.as_nanos()).expect("less than an age");
        let ahead = self.monotonic.fetch_add(nanos, Ordering::SeqCst) + nanos;
        self.write(&ahead.to_ne_bytes(), 8);
        self.jump(i64::try_from(time.as_secs()).expect("less than an age"));
    }

    /// The wall clock alone is set, forwards or backwards, by so many seconds.
    pub fn jump(&self, seconds: i64) {
        let nanos = seconds * 1_000_000_000;
        let ahead = self.wall.fetch_add(nanos, Ordering::SeqCst) + nanos;
        self.write(&ahead.to_ne_bytes(), 0);
    }

    /// Whether [`NAME`] is found.
    pub fn dns(&self, works: bool) {
        self.write(&i32::from(!works).to_ne_bytes(), 16);
    }

    pub fn disk(&self, disk: Disk) {
        let errno = match disk {
            Disk::Well => 0,
            Disk::Full => Errno::ENOSPC as i32,
            Disk::ReadOnly => Errno::EROFS as i32,
            Disk::Broken => Errno::EIO as i32,
        };
        self.write(&errno.to_ne_bytes(), 20);
    }
}
