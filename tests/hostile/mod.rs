//! Hostile peers at the real daemon: at its mail doors, at its HTTP door, behind its gateways, on its phones. In each test nothing
//! goes where it must not, others are served, and the daemon's memory grows by no more than 32 MiB.

mod bombs;
mod bytes;
mod crowds;
mod floods;
mod injection;
mod web;

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
};

use libtest_mimic::Trial;

use crate::support::{
    martlet::Martlet,
    memory::Memory,
    process::{DEADLINE, Scratch, free_port, until},
    run_async,
    sink::{Answer, MailSink, Provider},
    talk::{Identity, Letter, Place, Reply, Talk},
};

pub fn trials() -> Vec<Trial> {
    [bytes::trials(), crowds::trials(), floods::trials(), bombs::trials(), injection::trials(), web::trials()]
        .into_iter()
        .flatten()
        .collect()
}

const ALICE: &str = "alice@example.test";
const TO: &str = "+12015550123?id=main@sms.example.test";

/// A daemon with a door of each kind, warmed up.
struct World {
    martlet: Martlet,
    provider: Provider,
    mails: MailSink,
    lmtp: u16,
    /// SMTP with STARTTLS and AUTH.
    smtp: u16,
    _scratch: Scratch,
}

impl World {
    fn new(more: &str) -> Self {
        Self::with("timeout = \"3s\"", more)
    }

    /// `http` are further keys of that table.
    fn with(http_keys: &str, more: &str) -> Self {
        let provider = Provider::start(|_| Answer::Say(200, "OK 1".into()));
        let mails = MailSink::smtp();
        let scratch = Scratch::new();
        let dir = scratch.dir("martlet");
        certificate(&dir);
        let [lmtp, smtp, http] = [free_port(), free_port(), free_port()];
        let config = config(&dir, [lmtp, smtp, http, provider.port, mails.port], http_keys, more);
        let world =
            Self { martlet: Martlet::start(&dir, &config, &[]), provider, mails, lmtp, smtp, _scratch: scratch };
        // What every daemon has in memory that has worked: numbers of a country, buffers, statements.
        assert_eq!(world.send("warm").code, 250);
        world.provider.seen.wait("the first text", |r| r.value("text") == "warm");
        assert_eq!(world.martlet.phone("POST", "+12015550123", "warm").expect("a call").0, 200);
        world.mails.seen.wait("the first mail", |_| true);
        world
    }

    fn memory(&self) -> Memory {
        Memory::of(self.martlet.pid())
    }

    /// A session at the LMTP door, greeted.
    fn talk(&self) -> Talk {
        let mut talk = Talk::to(&Place::Tcp(self.lmtp)).expect("the LMTP door");
        talk.say("LHLO mx.example.test").expect("LHLO");
        talk
    }

    /// One of Alice's mails with a plain body.
    fn send(&self, text: &str) -> Reply {
        self.hand_over(format!("From: {ALICE}\r\nTo: phone\r\nSubject: x\r\n\r\n{text}\r\n"))
    }

    fn hand_over(&self, data: String) -> Reply {
        let letter = Letter { from: ALICE, to: vec![TO], data, ..Letter::default() };
        self.talk().one(&letter, true).expect("an answer")
    }

    /// Whoever behaves is served, now.
    fn serves(&self, text: &str) {
        assert_eq!(self.send(text).code, 250, "{text}");
        self.provider.seen.wait(text, |r| r.value("text") == text);
        assert_eq!(self.martlet.phone("POST", "+12015550123", text).expect("a call").0, 200, "{text}");
    }

    fn control(&self) -> std::path::PathBuf {
        self.martlet.config.with_file_name("data").join("control.sock")
    }

    /// Texts that went out behind the first one.
    fn sent(&self) -> Vec<String> {
        self.provider.seen.all().iter().skip(1).map(|r| r.value("text").to_owned()).collect()
    }

    /// Each line of the log is one of its own: nothing from outside has begun one.
    fn log_is_sound(&self) {
        let log = self.martlet.log();
        let (_, told) = log.split_once(" ready ").expect("a line ready");
        let strange = told.lines().skip(1).find(|line| !line.starts_with("20") || line.contains('\u{1b}'));
        assert_eq!(strange, None, "a line that is nobody's");
    }
}

/// A connection from another address of loopback, so that limits for each peer tell it from ours.
fn from(host: u8, port: u16) -> TcpStream {
    let to = SocketAddr::from(([127, 0, 0, 1], port));
    let stream = run_async(async move {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0))).expect("an address of loopback");
        socket.connect(to).await.expect("connected").into_std().expect("a stream")
    });
    stream.set_nonblocking(false).expect("a socket option");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket option");
    stream.set_write_timeout(Some(DEADLINE)).expect("a socket option");
    stream
}

/// What it says until it hangs up, or nothing more comes.
fn rest(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}

/// Writes as far as the other side takes it.
fn push(stream: &mut TcpStream, octets: &[u8]) {
    let _ = stream.write_all(octets);
}

fn closed(stream: &mut TcpStream) {
    until("the end of a connection", || (!matches!(stream.read(&mut [0; 4096]), Ok(n) if n > 0)).then_some(()));
}

fn certificate(dir: &Path) {
    let identity = Identity::new("mx.example.test", &["mx.example.test"]);
    std::fs::write(dir.join("cert.pem"), &identity.cert_pem).expect("written");
    std::fs::write(dir.join("key.pem"), &identity.key_pem).expect("written");
}

fn config(dir: &Path, [lmtp, smtp, http, provider, mailbox]: [u16; 5], http_keys: &str, more: &str) -> String {
    let dir = dir.display();
    format!(
        r#"
data_dir = "data"
domains = ["sms.example.test"]
hostname = "sms.example.test"
[[listener]]
protocol = "lmtp"
bind = "127.0.0.1:{lmtp}"
trust = ["127.0.0.1/32"]
identity = ["envelope"]
[[listener]]
protocol = "smtp"
bind = "127.0.0.1:{smtp}"
tls = {{ cert = "{dir}/cert.pem", key = "{dir}/key.pem" }}
[http]
bind = "127.0.0.1:{http}"
{http_keys}
[mailbox]
url = "smtp://127.0.0.1:{mailbox}"
postmaster = "postmaster@example.test"
[inbound]
domains = ["example.test"]
default = "inbox@example.test"
[sms]
region = "US"
[[gateway]]
id = "main"
type = "http"
url = "http://127.0.0.1:{provider}/send?to=%number%&text=%data%"
password = "pin"
[[account]]
user = "{ALICE}"
password = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4"
value = true
{more}
"#
    )
}
