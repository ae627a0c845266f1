//! TLS of everything that Martlet connects to: the cryptographic provider (ring), chosen here alone, and whom we trust.

use std::path::Path;

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Makes ring the provider of this process. Cheap to call again; the first caller wins.
pub fn install() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // An error means that a provider is installed already, by a program that uses the library.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// The authorities in a PEM file, or the system's.
///
/// # Errors
/// One line, with the file's name.
pub fn roots(ca: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(path) = ca else {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err("this system has no certificate authorities: install its ca-certificates, or set `ca`".into());
        }
        return Ok(roots);
    };
    let named = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| named(&format_args!("no certificate in PEM ({error})")))?;
    for certificate in certificates {
        roots.add(certificate).map_err(|error| named(&format_args!("a certificate that cannot be used ({error})")))?;
    }
    if roots.is_empty() { Err(named(&"no certificate in PEM")) } else { Ok(roots) }
}
