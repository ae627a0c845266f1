//! The client's side of SMTP and LMTP, as plain as a person at a terminal: every line is given by the test, nothing
//! is put right on the way. Over TCP, TLS by STARTTLS, or a Unix socket.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, pki_types};

use super::process::DEADLINE;

/// Bytes both ways.
pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Tcp(u16),
    Unix(PathBuf),
}

/// A reply of one or more lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub lines: Vec<String>,
}

impl Reply {
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// The enhanced code at its start, if there is one.
    pub fn enhanced(&self) -> &str {
        self.lines.first().and_then(|l| l.split(' ').next()).unwrap_or_default()
    }
}

/// The envelope of a mail: paths stand in it as they go over the wire, without angle brackets.
#[derive(Debug, Clone, Default)]
pub struct Letter<'a> {
    pub from: &'a str,
    /// Parameters of MAIL FROM with a space before each.
    pub mail_params: &'a str,
    pub to: Vec<&'a str>,
    /// Parameters of each RCPT TO.
    pub rcpt_params: &'a str,
    /// CRLF line ends, not dot-stuffed.
    pub data: String,
}

/// A key and a certificate that clients trust or show.
pub struct Identity {
    pub cert: pki_types::CertificateDer<'static>,
    pub cert_pem: String,
    pub key: pki_types::PrivateKeyDer<'static>,
    pub key_pem: String,
}

impl Identity {
    /// Self-signed, with this common name.
    pub fn new(common_name: &str, hosts: &[&str]) -> Self {
        let hosts: Vec<_> = hosts.iter().map(|&h| h.to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(hosts).expect("host names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
        let key = rcgen::KeyPair::generate().expect("a key");
        let cert = params.self_signed(&key).expect("a certificate");
        Self {
            cert: cert.der().clone(),
            cert_pem: cert.pem(),
            key: pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            key_pem: key.serialize_pem(),
        }
    }
}

/// A session in progress.
pub struct Talk(BufReader<Box<dyn Stream>>);

impl Talk {
    /// Connects and takes the greeting.
    pub fn to(place: &Place) -> io::Result<Self> {
        let mut talk = Self::connect(place)?;
        let greeting = talk.reply()?;
        if greeting.code == 220 { Ok(talk) } else { Err(io::Error::other(format!("greeted with {greeting:?}"))) }
    }

    /// Connects and takes nothing.
    pub fn connect(place: &Place) -> io::Result<Self> {
        let stream: Box<dyn Stream> = match place {
            Place::Tcp(port) => Box::new(tcp(*port)?),
            Place::Unix(path) => Box::new(unix(path)?),
        };
        Ok(Self(BufReader::new(stream)))
    }

    /// Speaks on a connection that stands already, and takes nothing.
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(DEADLINE))?;
        Ok(Self(BufReader::new(Box::new(stream))))
    }

    /// STARTTLS on a fresh connection to a server that shows `server`; with `own`, a client certificate is given.
    pub fn tls(port: u16, server: &Identity, own: Option<&Identity>) -> io::Result<Self> {
        Self::tls_over(tcp(port)?, server, own)
    }

    /// [`Talk::tls`] on a connection that stands already.
    pub fn tls_over(stream: TcpStream, server: &Identity, own: Option<&Identity>) -> io::Result<Self> {
        stream.set_read_timeout(Some(DEADLINE))?;
        let mut plain = BufReader::new(stream);
        expect(&read_reply(&mut plain)?, 220)?;
        for (line, code) in [("EHLO client.example.test", 250), ("STARTTLS", 220)] {
            plain.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
            expect(&read_reply(&mut plain)?, code)?;
        }
        let mut talk = Self::shake(plain.into_inner(), server, own)?;
        expect(&talk.say("EHLO client.example.test")?, 250)?;
        Ok(talk)
    }

    /// TLS from the first octet on; takes the greeting.
    pub fn tls_at_once(port: u16, server: &Identity) -> io::Result<Self> {
        let mut talk = Self::shake(tcp(port)?, server, None)?;
        expect(&talk.reply()?, 220)?;
        Ok(talk)
    }

    fn shake(plain: TcpStream, server: &Identity, own: Option<&Identity>) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(server.cert.clone()).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(id) => {
                builder.with_client_auth_cert(vec![id.cert.clone()], id.key.clone_key()).map_err(io::Error::other)?
            }
        };
        let name = pki_types::ServerName::try_from("mx.example.test").expect("a host name");
        let tls = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        Ok(Self(BufReader::new(Box::new(StreamOwned::new(tls, plain)))))
    }

    /// Sends one line and takes its reply.
    pub fn say(&mut self, line: &str) -> io::Result<Reply> {
        self.write(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.0.get_mut();
        stream.write_all(bytes)?;
        stream.flush()
    }

    pub fn reply(&mut self) -> io::Result<Reply> {
        read_reply(&mut self.0)
    }

    /// AUTH PLAIN.
    pub fn login(&mut self, user: &str, password: &str) -> io::Result<Reply> {
        let token = BASE64_STANDARD.encode(format!("\0{user}\0{password}"));
        self.say(&format!("AUTH PLAIN {token}"))
    }

    /// MAIL, each RCPT and DATA. The replies: one for each refused RCPT in its place, the others after the final dot
    /// (`lmtp`: one each; SMTP: the same one for all).
    pub fn letter(&mut self, letter: &Letter, lmtp: bool) -> io::Result<Vec<Reply>> {
        expect(&self.say(&format!("MAIL FROM:<{}>{}", letter.from, letter.mail_params))?, 250)?;
        let mut replies = Vec::new();
        for to in &letter.to {
            replies.push(self.say(&format!("RCPT TO:<{to}>{}", letter.rcpt_params))?);
        }
        if replies.iter().all(|r| r.code != 250) {
            expect(&self.say("RSET")?, 250)?;
            return Ok(replies);
        }
        expect(&self.say("DATA")?, 354)?;
        self.write(&stuffed(&letter.data))?;
        let mut shared = None;
        for slot in replies.iter_mut().filter(|r| r.code == 250) {
            *slot = match (&shared, lmtp) {
                (Some(reply), false) => Reply::clone(reply),
                _ => self.reply()?,
            };
            shared = Some(slot.clone());
        }
        Ok(replies)
    }

    /// One mail to one recipient.
    pub fn one(&mut self, letter: &Letter, lmtp: bool) -> io::Result<Reply> {
        self.letter(letter, lmtp)?.pop().ok_or_else(|| io::Error::other("a letter without recipients"))
    }
}

fn tcp(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn unix(path: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    Ok(stream)
}

fn expect(reply: &Reply, code: u16) -> io::Result<()> {
    if reply.code == code { Ok(()) } else { Err(io::Error::other(format!("not {code} but {reply:?}"))) }
}

fn read_reply(from: &mut impl BufRead) -> io::Result<Reply> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        let code = line.get(..3).and_then(|c| c.parse().ok());
        let code = code.ok_or_else(|| io::Error::other(format!("no reply: {line:?}")))?;
        lines.push(line.get(4..).unwrap_or_default().to_owned());
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(Reply { code, lines });
        }
    }
}

/// The data with its dots doubled and the end behind it.
fn stuffed(data: &str) -> Vec<u8> {
    let mut out = String::with_capacity(data.len() + 8);
    for line in data.split_terminator("\r\n") {
        if line.starts_with('.') {
            out.push('.');
        }
        out.push_str(line);
        out.push_str("\r\n");
    }
    out.push_str(".\r\n");
    out.into_bytes()
}

/// Whether a server at a Unix socket says something by itself.
pub fn greets(place: &Place) -> Option<()> {
    let Place::Unix(path) = place else { return None };
    let mut stream = unix(path).ok()?;
    stream.read_exact(&mut [0]).ok()
}

/// Waits for a listener by connecting to it.
pub fn reachable(place: &Place) -> Option<()> {
    let stream = match place {
        Place::Tcp(port) => {
            TcpStream::connect_timeout(&([127, 0, 0, 1], *port).into(), Duration::from_secs(1)).map(drop)
        }
        Place::Unix(path) => UnixStream::connect(path).map(drop),
    };
    stream.ok()
}
