//! The files of the store: made for one owner, locked by one daemon, and the room left on their disk.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::store::Down;

fn broken(what: &str, path: &Path, why: impl std::fmt::Display) -> Down {
    Down::Broken(format!("{what} {}: {why}", path.display()))
}

/// Makes the folder and an empty database (0600) where they are missing, durable under their names; SQLite gives its
/// other files the same mode.
pub fn make(path: &Path) -> Result<(), Down> {
    let dir = folder(path);
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| broken("cannot make", dir, e))?;
    let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    made.map(drop).map_err(|e| broken("cannot open", path, e))?;
    // SQLite syncs what it writes, but nobody else syncs the names above it: after a power cut the whole folder could
    // be missing. One that may not be read was not made here.
    dir.ancestors().take_while(|dir| !dir.as_os_str().is_empty()).try_for_each(|dir| {
        match File::open(dir).and_then(|dir| dir.sync_all()) {
            Err(e) if !is_foreign(&e) => Err(broken("cannot sync", dir, e)),
            _ => Ok(()),
        }
    })
}

/// A folder of somebody else's, or on a file system that has no sync for folders.
fn is_foreign(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::InvalidInput | ErrorKind::ReadOnlyFilesystem)
}

/// The lock that keeps a second daemon out, for as long as the file is open.
pub fn lock(path: &Path) -> Result<File, Down> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let path = PathBuf::from(name);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(|e| broken("cannot open", &path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(broken("another martlet is running on this store and holds", &path, "stop it first"))
        }
        Err(TryLockError::Error(e)) => Err(broken("cannot lock", &path, e)),
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether there is room for something new, looked at once a second at most.
pub struct Room {
    dir: PathBuf,
    min_free: u64,
    last: tokio::sync::Mutex<Option<(Instant, bool)>>,
}

impl Room {
    pub fn new(path: &Path, min_free: u64) -> Self {
        Self { dir: folder(path).to_owned(), min_free, last: tokio::sync::Mutex::new(None) }
    }

    /// `Full` below the limit. A disk that cannot be asked counts as having room: SQLite will say.
    pub async fn check(&self) -> Result<(), Down> {
        let mut last = self.last.lock().await;
        let enough = match *last {
            Some((at, enough)) if at.elapsed() < Duration::from_secs(1) => enough,
            _ => {
                let (dir, min) = (self.dir.clone(), self.min_free);
                let look = tokio::task::spawn_blocking(move || free(&dir).is_none_or(|free| free >= min));
                let enough = look.await.unwrap_or(true);
                *last = Some((Instant::now(), enough));
                enough
            }
        };
        if enough { Ok(()) } else { Err(Down::Full) }
    }
}

#[allow(clippy::unnecessary_cast, clippy::useless_conversion, reason = "the widths differ between systems")]
pub fn free(dir: &Path) -> Option<u64> {
    let stat = nix::sys::statvfs::statvfs(dir).ok()?;
    Some((stat.blocks_available() as u64).saturating_mul(stat.fragment_size() as u64))
}
