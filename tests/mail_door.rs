//! The mail door with real sockets and a journey of the test's own behind it. Nothing here waits for time: clocks
//! are turned, and every read waits for its event.

mod dialogues;
mod limits;

use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use libtest_mimic::Trial;
use martlet::{
    doors::mail::{Bind, BindError, Bound, End, Settings, Tls, Voice, serve},
    ground::{Clock, Enhanced, Hand, Timestamp},
    outbound::{Accept, Handed, Listener, Peer},
    smtp::{Envelope, Recipient, Reply, session::Closed},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::support::{run_async, trial};
use limits::{
    a_session_has_an_end, errors_are_answered_slowly, silence_ends_a_session, silence_is_short_where_places_are_narrow,
    too_many_connections, too_many_errors_reach_the_peer, too_many_from_one_peer,
};

pub fn trials() -> Vec<Trial> {
    macro_rules! trials {
        ($($name:ident),* $(,)?) => {
            vec![$(trial(concat!("mail_door::", stringify!($name)), || run_async($name()))),*]
        };
    }
    let mut trials = trials![
        a_mail_over_tcp,
        trust_is_by_network,
        a_mail_over_a_unix_socket,
        socket_files_come_and_go,
        a_socket_file_in_use_is_left_alone,
        a_wrong_bind_says_why,
        too_many_connections,
        too_many_from_one_peer,
        silence_ends_a_session,
        silence_is_short_where_places_are_narrow,
        a_session_has_an_end,
        errors_are_answered_slowly,
        too_many_errors_reach_the_peer,
        closing_ends_idle_sessions,
        closing_waits_for_a_mail_in_progress,
        closing_waits_no_longer_than_drain,
        a_mail_is_finished_though_its_client_is_gone,
        a_large_mail_comes_whole,
        a_mail_too_large_is_read_to_its_end,
        a_peer_that_reads_nothing_is_dropped,
        a_handshake_has_an_end,
        a_proxy_must_say_whose_connection_it_is,
    ];
    trials.extend(dialogues::trials());
    trials
}

/// What stands behind the door: reports what it was handed, and answers when it is let.
#[derive(Clone)]
struct Fake {
    handed: mpsc::Sender<Handed>,
    /// One permit per mail that may be answered.
    gate: Arc<Semaphore>,
}

impl Accept for Fake {
    async fn recipient(&self, _: &Listener, _: &Peer, _: &Envelope, recipient: &Recipient) -> Reply {
        if recipient.path.local.starts_with("unknown") {
            return Reply::new(550, Enhanced::new(5, 1, 1), "No such phone");
        }
        Reply::new(250, Enhanced::new(2, 1, 5), "Recipient ok")
    }

    async fn mail(&self, handed: Handed) -> Vec<Reply> {
        let count = handed.recipients.len();
        self.handed.send(handed).await.expect("the test listens");
        self.gate.acquire().await.expect("open").forget();
        vec![Reply::new(250, Enhanced::new(2, 0, 0), "Queued"); count]
    }
}

#[derive(Clone)]
struct Ears {
    opened: mpsc::Sender<Peer>,
    closed: mpsc::Sender<(End, u64)>,
}

impl Voice for Ears {
    fn opened(&self, _: &Listener, peer: &Peer) {
        let _ = self.opened.try_send(peer.clone());
    }
    fn closed(&self, _: &Listener, _: &Peer, end: &End, mails: u64) {
        let _ = self.closed.try_send((end.clone(), mails));
    }
}

struct Door {
    addr: Option<std::net::SocketAddr>,
    handed: mpsc::Receiver<Handed>,
    gate: Arc<Semaphore>,
    opened: mpsc::Receiver<Peer>,
    closed: mpsc::Receiver<(End, u64)>,
    clock: Clock,
    hand: Hand,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn open(at: Bind, trust: &str, settings: Settings) -> Door {
    let trust = vec![(trust.parse().expect("address"), 32)];
    open_as(at, Listener { lmtp: true, trust, ..Listener::default() }, settings).await
}

async fn open_as(at: Bind, listener: Listener, settings: Settings) -> Door {
    let bound = Bound::bind(&at).await.expect("bound");
    let addr = bound.addr();
    let listener = Arc::new(Listener { name: bound.name().to_owned(), ..listener });
    let (handed_tx, handed) = mpsc::channel(8);
    let (opened_tx, opened) = mpsc::channel(64);
    let (closed_tx, closed) = mpsc::channel(64);
    let gate = Arc::new(Semaphore::new(100));
    let fake = Fake { handed: handed_tx, gate: gate.clone() };
    let (clock, hand) = Clock::manual(Timestamp(0));
    let stop = CancellationToken::new();
    let ears = Ears { opened: opened_tx, closed: closed_tx };
    let task = tokio::spawn(serve(bound, listener, fake, settings, clock.clone(), ears, stop.clone()));
    Door { addr, handed, gate, opened, closed, clock, hand, stop, task }
}

async fn tcp(settings: Settings) -> Door {
    open(Bind::Tcp("127.0.0.1:0".parse().expect("address")), "127.0.0.1", settings).await
}

/// Settings whose times are never reached, however far a test turns the clock for another one.
fn patient() -> Settings {
    let never = Duration::from_secs(1_000_000_000);
    Settings { idle: never, whole: never, drain: never, tarpit: never, ..Settings::default() }
}

/// A bound on what a broken door can make a test wait; no test relies on it.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("nothing happened for 30 s")
}

impl Door {
    async fn client(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.addr.expect("TCP")).await.expect("connected"))
    }

    async fn next_end(&mut self) -> (End, u64) {
        soon(self.closed.recv()).await.expect("an end")
    }

    /// Turns the clock until `event` has come.
    async fn turning<T>(&self, event: impl Future<Output = T>) -> T {
        let hand = self.hand.clone();
        let turner = tokio::spawn(async move {
            loop {
                hand.advance(Duration::from_millis(250));
                tokio::task::yield_now().await;
            }
        });
        let out = soon(event).await;
        turner.abort();
        out
    }

    async fn close(self) {
        self.stop.cancel();
        soon(self.task).await.expect("served");
    }
}

struct Client<S> {
    stream: S,
    read: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    fn new(stream: S) -> Self {
        Self { stream, read: Vec::new() }
    }

    /// One line without its line end; `None` at the end of the stream.
    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|w| w == b"\r\n") {
                let line = String::from_utf8(self.read[..end].to_vec()).expect("ASCII");
                self.read.drain(..end + 2);
                return Some(line);
            }
            let mut more = [0; 4096];
            match soon(self.stream.read(&mut more)).await {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.read.extend_from_slice(&more[..n]),
            }
        }
    }

    /// A whole reply: the last line of it.
    async fn reply(&mut self) -> String {
        loop {
            let line = self.line().await.expect("a reply");
            if line.as_bytes().get(3) == Some(&b' ') {
                return line;
            }
        }
    }

    async fn send(&mut self, bytes: &str) {
        soon(self.stream.write_all(bytes.as_bytes())).await.expect("sent");
    }

    async fn hello(&mut self) {
        assert!(self.reply().await.starts_with("220 "));
        self.send("LHLO mx.example.test\r\n").await;
        assert_eq!(self.reply().await, "250 HELP");
    }

    /// Up to 354.
    async fn transaction(&mut self) {
        self.send("MAIL FROM:<alice@example.test>\r\nRCPT TO:<a@d.test>\r\nRCPT TO:<unknown@d.test>\r\nDATA\r\n").await;
        for code in ["250 2.1.0", "250 2.1.5", "550 5.1.1", "354 "] {
            assert!(self.reply().await.starts_with(code), "{code}");
        }
    }
}

async fn a_mail_over_tcp() {
    let mut door = tcp(Settings::default()).await;
    let mut client = door.client().await;
    client.hello().await;
    client.send("XFORWARD IDENT=ABC\r\n").await;
    assert_eq!(client.reply().await, "250 2.0.0 Ok");
    client.transaction().await;
    client.send("Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n").await;
    assert_eq!(client.reply().await, "250 2.0.0 Queued");
    assert_eq!(client.reply().await, "221 2.0.0 Bye");
    assert_eq!(client.line().await, None);
    let handed = soon(door.handed.recv()).await.expect("a mail");
    assert_eq!(handed.data, b"Subject: x\r\n\r\nhello\r\n");
    assert_eq!(handed.recipients.len(), 1);
    assert_eq!(handed.envelope.xforward.ident.as_deref(), Some("ABC"));
    assert_eq!(handed.peer, Peer { addr: Some("127.0.0.1".parse().expect("address")), trusted: true });
    assert_eq!(handed.listener.name, door.addr.expect("TCP").to_string());
    assert_eq!(door.next_end().await, (End::Session(Closed::Quit), 1));
    door.close().await;
}

async fn trust_is_by_network() {
    let mut door = open(Bind::Tcp("127.0.0.1:0".parse().expect("address")), "192.0.2.1", Settings::default()).await;
    let mut client = door.client().await;
    client.hello().await;
    client.send("XFORWARD IDENT=ABC\r\n").await;
    assert!(client.reply().await.starts_with("550 5.7.0"));
    assert!(!soon(door.opened.recv()).await.expect("opened").trusted);
    drop(client);
    assert_eq!(door.next_end().await, (End::Gone { mid_mail: false }, 0));
    door.close().await;
}

fn unix(dir: &tempfile::TempDir, group: Option<String>) -> (PathBuf, Bind) {
    let path = dir.path().join("lmtp.sock");
    (path.clone(), Bind::Unix { path, mode: 0o620, group })
}

async fn a_mail_over_a_unix_socket() {
    let dir = tempfile::tempdir().expect("a folder");
    let group = nix::unistd::Group::from_gid(nix::unistd::getegid()).ok().flatten().map(|group| group.name);
    let (path, bind) = unix(&dir, group);
    let mut door = open(bind, "192.0.2.1", Settings::default()).await;
    let meta = std::fs::metadata(&path).expect("a socket file");
    assert_eq!(meta.permissions().mode() & 0o777, 0o620);
    assert_eq!(meta.gid(), nix::unistd::getegid().as_raw());
    let mut client = Client::new(UnixStream::connect(&path).await.expect("connected"));
    client.hello().await;
    client.transaction().await;
    client.send(".\r\n").await;
    assert_eq!(client.reply().await, "250 2.0.0 Queued");
    let handed = soon(door.handed.recv()).await.expect("a mail");
    assert_eq!(handed.peer, Peer { addr: None, trusted: true });
    assert_eq!(handed.listener.name, format!("unix:{}", path.display()));
    drop(client);
    assert_eq!(door.next_end().await, (End::Gone { mid_mail: false }, 1));
    door.close().await;
    assert!(!path.exists(), "the socket file is removed at stop");
}

async fn socket_files_come_and_go() {
    let dir = tempfile::tempdir().expect("a folder");
    let (path, bind) = unix(&dir, None);
    // A crash leaves the file behind, and perhaps the one that was just being made.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("bound"));
    drop(std::os::unix::net::UnixListener::bind(dir.path().join("lmtp.sock.new")).expect("bound"));
    let bound = Bound::bind(&bind).await.expect("a stale file is no obstacle");
    drop(bound);
    assert!(!path.exists(), "a socket that was never served is given back");
    let bound = Bound::bind(&bind).await.expect("bound");
    std::fs::remove_file(&path).expect("removed");
    std::fs::write(&path, "another's").expect("written");
    drop(bound);
    assert!(path.exists(), "a file that is not ours any more is left alone");
}

async fn a_socket_file_in_use_is_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let (path, bind) = unix(&dir, None);
    let first = Bound::bind(&bind).await.expect("bound");
    assert!(matches!(Bound::bind(&bind).await, Err(BindError::InUse)));
    assert!(UnixStream::connect(&path).await.is_ok(), "the first one still listens");
    drop(first);
}

async fn a_wrong_bind_says_why() {
    let dir = tempfile::tempdir().expect("a folder");
    let (path, bind) = unix(&dir, None);
    std::fs::write(&path, "a letter").expect("written");
    assert!(matches!(Bound::bind(&bind).await, Err(BindError::NotASocket)));
    assert_eq!(std::fs::read(&path).expect("still there"), b"a letter");
    let (_, bind) = unix(&dir, Some("no-such-group-here".into()));
    assert!(matches!(Bound::bind(&bind).await, Err(BindError::NoSuchGroup(name)) if name == "no-such-group-here"));
    let taken = Bound::bind(&Bind::Tcp("127.0.0.1:0".parse().expect("address"))).await.expect("bound");
    assert!(matches!(Bound::bind(&Bind::Tcp(taken.addr().expect("TCP"))).await, Err(BindError::InUse)));
    let nowhere = Bind::Unix { path: dir.path().join("no/such/folder/x"), mode: 0o600, group: None };
    assert!(matches!(Bound::bind(&nowhere).await, Err(BindError::Io(_))));
}

async fn closing_ends_idle_sessions() {
    let mut door = tcp(Settings::default()).await;
    let mut client = door.client().await;
    client.hello().await;
    door.stop.cancel();
    assert_eq!(client.reply().await, "421 4.3.2 Closing down; try again soon");
    assert_eq!(client.line().await, None);
    assert_eq!(door.next_end().await, (End::Stopped, 0));
    let addr = door.addr.expect("TCP");
    door.close().await;
    assert!(TcpStream::connect(addr).await.is_err(), "nobody listens any more");
}

async fn closing_waits_for_a_mail_in_progress() {
    let mut door = tcp(Settings::default()).await;
    let mut idle = door.client().await;
    idle.hello().await;
    let mut client = door.client().await;
    client.hello().await;
    client.transaction().await;
    door.stop.cancel();
    assert!(idle.reply().await.starts_with("421 4.3.2"));
    client.send("hello\r\n.\r\n").await;
    assert_eq!(client.reply().await, "250 2.0.0 Queued");
    assert!(client.reply().await.starts_with("421 4.3.2"));
    let mut ends = [door.next_end().await, door.next_end().await];
    ends.sort_by_key(|end| end.1);
    assert_eq!(ends, [(End::Stopped, 0), (End::Stopped, 1)]);
    door.close().await;
}

async fn closing_waits_no_longer_than_drain() {
    let drain = Settings::default().drain;
    let mut door = tcp(Settings { drain, ..patient() }).await;
    let mut client = door.client().await;
    client.hello().await;
    client.transaction().await;
    client.send("half a mail\r\n").await;
    door.stop.cancel();
    assert!(door.turning(client.reply()).await.starts_with("421 4.3.2"));
    assert!(door.clock.now().since(Timestamp(0)) >= drain);
    assert_eq!(door.next_end().await, (End::Stopped, 0));
    assert!(door.handed.try_recv().is_err(), "half a mail is none");
    door.close().await;
}

async fn a_mail_is_finished_though_its_client_is_gone() {
    let mut door = tcp(Settings::default()).await;
    door.gate.forget_permits(100);
    let mut client = door.client().await;
    client.hello().await;
    client.transaction().await;
    client.send("hello\r\n.\r\n").await;
    soon(door.handed.recv()).await.expect("a mail");
    drop(client);
    door.stop.cancel();
    door.gate.add_permits(1);
    let (_, mails) = door.next_end().await;
    assert_eq!(mails, 1);
    door.close().await;
}

async fn a_large_mail_comes_whole() {
    let mut door = tcp(Settings::default()).await;
    let mut client = door.client().await;
    client.hello().await;
    client.transaction().await;
    let line = format!(".{}\r\n", "x".repeat(75));
    let mail = line.repeat(100_000);
    client.send(&mail.replace("\r\n.", "\r\n..").replacen('.', "..", 1)).await;
    client.send(".\r\n").await;
    assert_eq!(client.reply().await, "250 2.0.0 Queued");
    let handed = soon(door.handed.recv()).await.expect("a mail");
    assert!(handed.data == mail.as_bytes(), "the mail is as it was sent");
    drop(client);
    door.next_end().await;
    door.close().await;
}

async fn a_mail_too_large_is_read_to_its_end() {
    let mut settings = Settings::default();
    settings.session.max_size = 1000;
    let mut door = tcp(settings).await;
    let mut client = door.client().await;
    client.hello().await;
    client.transaction().await;
    client.send(&"x\r\n".repeat(100_000)).await;
    client.send(".\r\nNOOP\r\n").await;
    assert_eq!(client.reply().await, "552 5.3.4 Larger than 1000 octets");
    assert_eq!(client.reply().await, "250 2.0.0 Ok");
    drop(client);
    door.next_end().await;
    door.close().await;
}

/// It pipelines without reading a reply: what waits for it stays bounded, and it is dropped after `idle`.
async fn a_peer_that_reads_nothing_is_dropped() {
    let mut door = tcp(Settings { idle: Duration::from_secs(300), ..patient() }).await;
    let client = door.client().await;
    let (_reading, mut writing) = client.stream.into_split();
    let flood = tokio::spawn(async move {
        let commands = b"HELP\r\n".repeat(4096);
        while writing.write_all(&commands).await.is_ok() {}
    });
    // Both directions fill up; then only time passes.
    let end = {
        let Door { closed, hand, .. } = &mut door;
        let hand = hand.clone();
        let turner = tokio::spawn(async move {
            loop {
                hand.advance(Duration::from_millis(1));
                tokio::task::yield_now().await;
            }
        });
        let end = soon(closed.recv()).await.expect("an end");
        turner.abort();
        end
    };
    assert!(matches!(end, (End::Idle, 0)), "{end:?}");
    flood.abort();
    door.close().await;
}

async fn a_handshake_has_an_end() {
    let dir = tempfile::tempdir().expect("a folder");
    let identity = crate::support::talk::Identity::new("mx", &["mx.example.test"]);
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, identity.cert_pem).expect("written");
    std::fs::write(&key, identity.key_pem).expect("written");
    let tls = Some(Arc::new(Tls::load(&cert, &key, true).expect("a pair")));
    let mut door = tcp(Settings { tls, handshake: Duration::from_secs(30), ..patient() }).await;
    let mut silent = door.client().await;
    assert!(soon(door.opened.recv()).await.is_some());
    // Another connection is taken meanwhile, and nonsense ends at once.
    let mut talker = door.client().await;
    talker.send("EHLO x\r\n").await;
    assert_eq!(door.next_end().await, (End::Handshake, 0));
    let hand = door.hand.clone();
    let turner = tokio::spawn(async move {
        loop {
            hand.advance(Duration::from_millis(250));
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(door.next_end().await, (End::Handshake, 0));
    turner.abort();
    assert_eq!(silent.line().await, None);
    door.close().await;
}

async fn a_proxy_must_say_whose_connection_it_is() {
    let proxies = vec![("127.0.0.0".parse().expect("an address"), 8)];
    let mut door = tcp(Settings { proxies, ..patient() }).await;
    for (header, trusted) in [
        ("PROXY TCP4 127.0.0.1 127.0.0.1 4000 25\r\n", true),
        ("PROXY TCP4 192.0.2.7 127.0.0.1 4000 25\r\n", false),
        ("PROXY UNKNOWN\r\n", false),
    ] {
        let mut client = door.client().await;
        // What is pipelined behind the header is the session's.
        client.send(&format!("{header}QUIT\r\n")).await;
        let peer = soon(door.opened.recv()).await.expect("opened");
        assert_eq!(peer.trusted, trusted, "{header}");
        assert!(client.line().await.expect("a greeting").starts_with("220 "));
        assert!(client.line().await.expect("a reply").starts_with("221 "));
        assert_eq!(door.next_end().await, (End::Session(Closed::Quit), 0));
    }
    let mut client = door.client().await;
    client.send("EHLO x\r\n").await;
    assert_eq!(door.next_end().await, (End::NoProxyHeader, 0));
    assert_eq!(client.line().await, None, "not even a greeting");
    door.close().await;
}
