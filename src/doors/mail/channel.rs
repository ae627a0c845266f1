//! TLS at a mail door: a certificate from files, read anew when they change, and a stream that can be encrypted on the
//! way.
//!
//! What can go wrong: a certificate that does not fit its key while the two files are being replaced (the old pair goes
//! on until both fit); a peer that never ends its handshake (the door has a limit).

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::gateway::tls::install;

/// The certificate of a mail door.
pub struct Tls {
    cert: PathBuf,
    key: PathBuf,
    /// TLS from the first octet on instead of STARTTLS.
    pub implicit: bool,
    pair: Mutex<Pair>,
}

struct Pair {
    config: Arc<ServerConfig>,
    /// The files that were looked at last, good or not.
    stamps: [Stamp; 2],
}

/// What changes when a file is replaced or written: device, inode, size, and time in seconds and nanoseconds.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("cert", &self.cert).field("implicit", &self.implicit).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the certificate chain and its key, both PEM.
    ///
    /// # Errors
    /// In words, with the file's name.
    pub fn load(cert: &Path, key: &Path, implicit: bool) -> Result<Self, String> {
        let stamps = [stamp(cert), stamp(key)];
        let pair = Pair { config: read(cert, key)?, stamps };
        Ok(Self { cert: cert.to_owned(), key: key.to_owned(), implicit, pair: Mutex::new(pair) })
    }

    /// For the next handshake, with the files as they are now. An error says why changed files cannot be used; then
    /// what was read before still counts. It is said once per change.
    pub(super) fn acceptor(&self) -> (TlsAcceptor, Option<String>) {
        let mut pair = self.pair.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = [stamp(&self.cert), stamp(&self.key)];
        let mut failed = None;
        if stamps != pair.stamps {
            pair.stamps = stamps;
            match read(&self.cert, &self.key) {
                Ok(config) => pair.config = config,
                Err(why) => failed = Some(why),
            }
        }
        (TlsAcceptor::from(Arc::clone(&pair.config)), failed)
    }
}

fn stamp(path: &Path) -> Stamp {
    let meta = fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}

fn read(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, String> {
    install();
    let named = |path: &Path, why: &dyn fmt::Display| format!("{}: {why}", path.display());
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|error| named(cert, &format_args!("no certificate in PEM ({error})")))?;
    if chain.is_empty() {
        return Err(named(cert, &"no certificate in PEM"));
    }
    let secret = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| named(key, &format_args!("no private key in PEM ({error})")))?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| named(cert, &format_args!("not a pair with {} ({error})", key.display())))?;
    Ok(Arc::new(config))
}

/// A connection before and after its handshake.
pub(super) enum Channel<S> {
    Plain(S),
    Encrypted(Box<TlsStream<S>>),
    /// In the middle of a handshake that failed.
    Gone,
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Channel<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Encrypted(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Channel<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Encrypted(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Encrypted(stream) => Pin::new(stream).poll_flush(cx),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Encrypted(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }
}
