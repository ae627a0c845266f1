//! A mail door's stream, which can be encrypted on the way (STARTTLS), and its certificate.

use std::{
    io,
    path::Path,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::doors::tls::Files;

/// The certificate of a mail door.
#[derive(Debug)]
pub struct Tls {
    files: Files,
    /// TLS from the first octet on instead of STARTTLS.
    pub implicit: bool,
}

impl Tls {
    /// Reads the certificate chain and its key, both PEM.
    ///
    /// # Errors
    /// In words, with the file's name.
    pub fn load(cert: &Path, key: &Path, implicit: bool) -> Result<Self, String> {
        Ok(Self { files: Files::load(cert, key, None, &[])?, implicit })
    }

    /// For the next handshake; see [`Files::acceptor`].
    pub(super) fn acceptor(&self) -> (TlsAcceptor, Option<String>) {
        self.files.acceptor()
    }
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
