//! Taking the socket of a door, and giving a socket file back.

use std::{
    fmt, fs, io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, UnixListener};

/// Where a door stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    Tcp(SocketAddr),
    Unix {
        path: PathBuf,
        /// Permission bits of the socket file, such as `0o660`: who may write to it may connect.
        mode: u32,
        /// The group that owns the file; `None` leaves the process's own.
        group: Option<String>,
    },
}

impl Bind {
    /// Only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(addr) => addr.ip().is_loopback(),
            Self::Unix { .. } => true,
        }
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix { path, .. } => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Why a socket could not be taken.
#[derive(Debug)]
pub enum BindError {
    /// Somebody listens there already.
    InUse,
    /// The path holds something that is no socket: it is left alone.
    NotASocket,
    /// No group of this name.
    NoSuchGroup(String),
    Io(io::Error),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("somebody listens there already"),
            Self::NotASocket => f.write_str("a file that is no socket stands there"),
            Self::NoSuchGroup(name) => write!(f, "there is no group {name:?}"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BindError {}

impl From<io::Error> for BindError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::AddrInUse { Self::InUse } else { Self::Io(error) }
    }
}

/// A socket that is taken but not served yet. Dropping it gives a socket file back.
pub struct Bound {
    pub(super) socket: Socket,
    name: String,
    file: Option<SocketFile>,
}

pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Bound {
    /// Takes the socket. Must run inside a tokio runtime.
    pub async fn bind(at: &Bind) -> Result<Self, BindError> {
        match at {
            Bind::Tcp(addr) => {
                let listener = TcpListener::bind(addr).await?;
                let name = listener.local_addr()?.to_string();
                Ok(Self { socket: Socket::Tcp(listener), name, file: None })
            }
            Bind::Unix { path, mode, group } => {
                let gid = group.as_deref().map(group_id).transpose()?;
                clear_stale(path).await?;
                let (listener, file) = bind_file(path, *mode, gid)?;
                Ok(Self { socket: Socket::Unix(listener), name: format!("unix:{}", path.display()), file: Some(file) })
            }
        }
    }

    /// The bound address with its port, or `unix:` and the path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bound address of a TCP socket.
    pub fn addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            Socket::Unix(_) => None,
        }
    }

    /// The socket, and its file where it has one: that must outlive the serving.
    pub(super) fn into_parts(self) -> (Socket, Option<SocketFile>) {
        (self.socket, self.file)
    }
}

/// Removes the file when it is dropped, if it is still ours.
pub(super) struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|meta| (meta.dev(), meta.ino()) == self.id);
        if ours {
            // Nothing is left to do about a failure: the next start clears a stale file.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn group_id(name: &str) -> Result<u32, BindError> {
    match nix::unistd::Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err(BindError::NoSuchGroup(name.to_owned())),
        Err(errno) => Err(BindError::Io(errno.into())),
    }
}

/// Removes a socket file behind which nobody listens.
async fn clear_stale(path: &Path) -> Result<(), BindError> {
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if !meta.file_type().is_socket() {
        return Err(BindError::NotASocket);
    }
    match tokio::net::UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(fs::remove_file(path)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error.into()),
        // Connected, or its queue is full: somebody is there.
        _ => Err(BindError::InUse),
    }
}

/// Binds under another name, sets mode and group, and only then gives the file its name: at no time can anybody
/// connect who may not.
fn bind_file(path: &Path, mode: u32, gid: Option<u32>) -> Result<(UnixListener, SocketFile), BindError> {
    let mut making = path.as_os_str().to_owned();
    making.push(".new");
    let making = PathBuf::from(making);
    match fs::symlink_metadata(&making) {
        Ok(meta) if meta.file_type().is_socket() => fs::remove_file(&making)?,
        Ok(_) => return Err(BindError::NotASocket),
        Err(_) => {}
    }
    let listener = UnixListener::bind(&making)?;
    let prepare = || -> io::Result<SocketFile> {
        if gid.is_some() {
            std::os::unix::fs::chown(&making, None, gid)?;
        }
        fs::set_permissions(&making, fs::Permissions::from_mode(mode & 0o777))?;
        let meta = fs::symlink_metadata(&making)?;
        fs::rename(&making, path)?;
        Ok(SocketFile { path: path.to_owned(), id: (meta.dev(), meta.ino()) })
    };
    match prepare() {
        Ok(file) => Ok((listener, file)),
        Err(error) => {
            let _ = fs::remove_file(&making);
            Err(error.into())
        }
    }
}
