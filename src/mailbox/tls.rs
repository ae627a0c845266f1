//! Whether and how the way to the mail server is encrypted.
//!
//! A login goes only where the server has proved its name, or never leaves the machine. What can go wrong: a certificate
//! of another name or of an authority that is not trusted; the words say which key of the configuration mends it.

use std::{io, path::Path, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::gateway::tls::{install, roots};

/// `mailbox.tls`, and TLS from the first octet on (`smtps`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// In clear.
    Never,
    /// STARTTLS where it is offered, whoever answers: nobody who only listens can read along.
    Offered,
    /// STARTTLS or nothing; the certificate must fit.
    Required,
    /// TLS from the first octet on; the certificate must fit.
    AtOnce,
}

impl Tls {
    /// The server proves its name.
    pub fn is_verified(self) -> bool {
        matches!(self, Self::Required | Self::AtOnce)
    }
}

/// What the client says of itself and trusts; `None` in clear.
pub(super) fn config(tls: Tls, ca: Option<&Path>) -> Result<Option<Arc<ClientConfig>>, String> {
    install();
    Ok(match tls {
        Tls::Never => None,
        Tls::Offered => {
            let provider = rustls::crypto::ring::default_provider();
            let anyone = Anyone(provider.signature_verification_algorithms);
            let builder = ClientConfig::builder().dangerous().with_custom_certificate_verifier(Arc::new(anyone));
            Some(Arc::new(builder.with_no_client_auth()))
        }
        Tls::Required | Tls::AtOnce => {
            let builder = ClientConfig::builder().with_root_certificates(roots(ca)?);
            Some(Arc::new(builder.with_no_client_auth()))
        }
    })
}

/// Takes every certificate, for [`Tls::Offered`]; that the server has its key is still checked.
#[derive(Debug)]
struct Anyone(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// What the configuration calls the parts of a way, for words that say what mends it.
pub(super) struct Keys {
    pub ca: &'static str,
    pub url: &'static str,
    /// The schemes with TLS from the first octet on, and without.
    pub schemes: [&'static str; 2],
}

pub(super) const MAIL_KEYS: Keys = Keys { ca: "mailbox.ca", url: "mailbox.url", schemes: ["smtps://", "smtp://"] };
pub(super) const FOLDER_KEYS: Keys =
    Keys { ca: "mailbox.imap_ca", url: "mailbox.imap", schemes: ["imaps://", "imap://"] };

/// Why a handshake failed, and what mends it.
pub(super) fn cause(error: &io::Error, host: &str, keys: &Keys) -> String {
    let Keys { ca, url, schemes: [at_once, plain] } = keys;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(Error::InvalidCertificate(why)) => match why {
            CertificateError::UnknownIssuer => {
                format!("no trusted authority has signed the certificate of {host}: set {ca} to its authority")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("the certificate is not for {host}: write the name that stands in it into {url}")
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                format!("the certificate of {host} has expired")
            }
            other => format!("the certificate of {host} cannot be believed: {other}"),
        },
        Some(Error::InvalidMessage(_)) => {
            format!("{host} does not answer with TLS: {at_once} and {plain} have different ports")
        }
        _ => format!("TLS with {host}: {error}"),
    }
}
