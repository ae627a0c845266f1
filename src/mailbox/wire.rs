//! The line to the mail server: TCP, TLS over it, or a Unix socket, opened up to where the session can begin.
//!
//! What can go wrong: nobody there, no TLS where it is required, octets in clear behind STARTTLS (somebody on the way
//! would have them taken for the server's answers under TLS; such a connection is given up).

use std::{
    fmt, io,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    Broken, Url,
    reply::{Reader, Reply},
    starttls::{Ask, Upgrade},
    tls::{Keys, MAIL_KEYS, Tls, cause},
};
use crate::ground::{Enhanced, Fault, Outcome, Scope};

/// A connection.
pub(super) enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp(_) => "Tcp",
            Self::Unix(_) => "Unix",
            Self::Tls(_) => "Tls",
        })
    }
}

impl Wire {
    pub(super) fn peer_addr(&self) -> io::Result<std::net::SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr(),
            Self::Tls(stream) => stream.get_ref().0.peer_addr(),
            Self::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

macro_rules! each {
    ($wire:expr, $stream:ident => $do:expr) => {
        match $wire.get_mut() {
            Self::Tcp($stream) => $do,
            Self::Unix($stream) => $do,
            Self::Tls($stream) => $do,
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(cx))
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

/// A connection on which commands and replies take turns.
pub(super) struct Line {
    wire: Wire,
    reader: Reader,
    /// Octets came that nobody asked for: no further reply can be matched.
    pub surplus: bool,
}

impl Line {
    fn new(wire: Wire) -> Self {
        Self { wire, reader: Reader::default(), surplus: false }
    }

    pub(super) fn into_wire(self) -> Wire {
        self.wire
    }

    pub(super) async fn write(&mut self, octets: &[u8]) -> Result<(), String> {
        let written = async {
            self.wire.write_all(octets).await?;
            self.wire.flush().await
        };
        written.await.map_err(|error| error.to_string())
    }

    /// One reply.
    pub(super) async fn reply(&mut self) -> Result<Reply, String> {
        let mut buffer = [0; 1024];
        loop {
            let n = self.wire.read(&mut buffer).await.map_err(|e| e.to_string())?;
            if n == 0 {
                return Err("the mail server closed the connection".to_owned());
            }
            match self.reader.feed(&buffer[..n]) {
                Ok((used, Some(reply))) => {
                    self.surplus = used < n;
                    return Ok(reply);
                }
                Ok((_, None)) => {}
                Err(_) => return Err("the mail server's answer is no reply".to_owned()),
            }
        }
    }
}

/// A line at the beginning of its session.
pub(super) struct Opened {
    pub line: Line,
    /// The greeting has come already: EHLO or LHLO is next.
    pub greeted: bool,
}

/// Opens lines to one mail server.
pub(super) struct Opener {
    place: Place,
    /// `EHLO name` or `LHLO name`.
    hello: String,
    tls: Tls,
    config: Option<Arc<ClientConfig>>,
}

enum Place {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

impl Opener {
    pub(super) fn new(url: Url, hello: String, tls: Tls, config: Option<Arc<ClientConfig>>) -> Self {
        let place = match url {
            Url::Smtp { host, port } | Url::LmtpTcp { host, port } => Place::Tcp { host, port },
            Url::LmtpUnix(path) => Place::Unix(path),
        };
        Self { place, hello, tls, config }
    }

    pub(super) async fn open(&self) -> Result<Opened, Outcome> {
        let (stream, host) = match &self.place {
            Place::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(|e| unreachable(&e))?;
                return Ok(Opened { line: Line::new(Wire::Unix(stream)), greeted: false });
            }
            Place::Tcp { host, port } => (connect(host, *port).await?, host),
        };
        match self.tls {
            Tls::Never => Ok(Opened { line: Line::new(Wire::Tcp(stream)), greeted: false }),
            Tls::AtOnce => Ok(Opened { line: self.shake(stream, host).await?, greeted: false }),
            Tls::Offered | Tls::Required => {
                let line = self.ask(Line::new(Wire::Tcp(stream)), host).await?;
                Ok(Opened { line, greeted: true })
            }
        }
    }

    /// STARTTLS, as far as it is offered and required.
    async fn ask(&self, mut line: Line, host: &str) -> Result<Line, Outcome> {
        let broken = |why: String| Broken { data_sent: false, why }.outcome();
        let mut upgrade = Upgrade::new(&self.hello, self.tls == Tls::Required);
        loop {
            let reply = line.reply().await.map_err(broken)?;
            let ask = upgrade.take(&reply);
            if line.surplus && !matches!(ask, Ask::End(_)) {
                return Err(broken("the mail server answered more than it was asked".to_owned()));
            }
            match ask {
                Ask::Write(octets) => line.write(&octets).await.map_err(broken)?,
                Ask::GoOn => return Ok(line),
                Ask::End(outcome) => {
                    // Courtesy; nobody waits for the answer.
                    let _ = line.write(b"QUIT\r\n").await;
                    return Err(outcome);
                }
                Ask::Encrypt => match line.into_wire() {
                    Wire::Tcp(stream) => return self.shake(stream, host).await,
                    other => return Ok(Line::new(other)),
                },
            }
        }
    }

    async fn shake(&self, stream: TcpStream, host: &str) -> Result<Line, Outcome> {
        shake(self.config.as_ref(), stream, host, &MAIL_KEYS).await.map(Line::new)
    }
}

/// A TCP connection.
pub(super) async fn connect(host: &str, port: u16) -> Result<TcpStream, Outcome> {
    let stream = TcpStream::connect((host, port)).await.map_err(|e| unreachable(&e))?;
    stream.set_nodelay(true).map_err(|e| unreachable(&e))?;
    Ok(stream)
}

/// TLS over it, the server's name proved as the configuration wants it.
pub(super) async fn shake(
    config: Option<&Arc<ClientConfig>>,
    stream: TcpStream,
    host: &str,
    keys: &Keys,
) -> Result<Wire, Outcome> {
    let later = |text: &str| Outcome::Later(Fault::new(Scope::Gateway, Enhanced::new(4, 7, 5), text));
    let Some(config) = config else { return Err(later("TLS was not set up")) };
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| later(&format!("{host} is no name that a certificate can have")))?;
    let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
    let stream = stream.map_err(|error| later(&cause(&error, host, keys)))?;
    Ok(Wire::Tls(Box::new(stream)))
}

fn unreachable(error: &io::Error) -> Outcome {
    let text = format!("no connection to the mail server: {error}");
    Outcome::Later(Fault::new(Scope::Gateway, Enhanced::new(4, 4, 1), text))
}
