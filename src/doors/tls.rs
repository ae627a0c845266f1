//! TLS at a door: a certificate from files, read anew when they change, and whose certificates of clients are believed.
//!
//! What can go wrong: a certificate that does not fit its key while the two files are being replaced (the old pair goes
//! on until both fit); a peer that never ends its handshake (the doors have a limit).

use std::{
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tokio_rustls::TlsAcceptor;

use crate::gateway::tls::{install, roots};

/// The files of a door's certificate.
pub struct Files {
    cert: PathBuf,
    key: PathBuf,
    /// The authorities of clients' certificates; `None`: nobody is asked for one.
    client_ca: Option<PathBuf>,
    /// What is spoken behind the handshake, as ALPN names it.
    protocols: &'static [&'static str],
    pair: Mutex<Pair>,
}

struct Pair {
    config: Arc<ServerConfig>,
    /// The files that were looked at last, good or not.
    stamps: [Stamp; 3],
}

/// What changes when a file is replaced or written: device, inode, size, and time in seconds and nanoseconds.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("cert", &self.cert).field("client_ca", &self.client_ca).finish_non_exhaustive()
    }
}

impl Files {
    /// Reads the certificate chain, its key and the authorities of clients, all PEM.
    ///
    /// # Errors
    /// In words, with the file's name.
    pub fn load(
        cert: &Path,
        key: &Path,
        client_ca: Option<&Path>,
        protocols: &'static [&'static str],
    ) -> Result<Self, String> {
        let (cert, key, client_ca) = (cert.to_owned(), key.to_owned(), client_ca.map(Path::to_owned));
        let stamps = stamps(&cert, &key, client_ca.as_deref());
        let config = read(&cert, &key, client_ca.as_deref(), protocols)?;
        Ok(Self { cert, key, client_ca, protocols, pair: Mutex::new(Pair { config, stamps }) })
    }

    /// For the next handshake, with the files as they are now. An error says why changed files cannot be used; then
    /// what was read before still counts. It is said once per change.
    pub fn acceptor(&self) -> (TlsAcceptor, Option<String>) {
        let mut pair = self.pair.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = stamps(&self.cert, &self.key, self.client_ca.as_deref());
        let mut failed = None;
        if stamps != pair.stamps {
            pair.stamps = stamps;
            match read(&self.cert, &self.key, self.client_ca.as_deref(), self.protocols) {
                Ok(config) => pair.config = config,
                Err(why) => failed = Some(why),
            }
        }
        (TlsAcceptor::from(Arc::clone(&pair.config)), failed)
    }
}

fn stamps(cert: &Path, key: &Path, client_ca: Option<&Path>) -> [Stamp; 3] {
    [stamp(cert), stamp(key), client_ca.and_then(stamp)]
}

fn stamp(path: &Path) -> Stamp {
    let meta = fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}

fn read(cert: &Path, key: &Path, client_ca: Option<&Path>, protocols: &[&str]) -> Result<Arc<ServerConfig>, String> {
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
    let builder = match client_ca {
        None => ServerConfig::builder().with_no_client_auth(),
        Some(path) => ServerConfig::builder().with_client_cert_verifier(clients(path)?),
    };
    let mut config = builder
        .with_single_cert(chain, secret)
        .map_err(|error| named(cert, &format_args!("not a pair with {} ({error})", key.display())))?;
    if client_ca.is_some() {
        // A certificate whose time is over meanwhile opens no door by an old session.
        config.session_storage = Arc::new(NoServerSessionStorage {});
    }
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

/// Whoever has a certificate shows one of these authorities, in its time; who has none may come, too.
fn clients(path: &Path) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let authorities = Arc::new(roots(Some(path))?);
    WebPkiClientVerifier::builder(authorities)
        .allow_unauthenticated()
        .build()
        .map_err(|error| format!("{}: {error}", path.display()))
}
