//! Mails into folders by IMAP, with a real Dovecot behind TLS: folders that are made, names with umlauts, a master user,
//! quota, passwords, a server that is away, and lines that break in the middle of a mail.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use libtest_mimic::Trial;
use martlet::{
    ground::{Outcome, Scope, Secret, Timestamp},
    mailbox::{
        Tls,
        imap::{Append, Folders, Settings, User},
    },
};

use crate::support::{
    Needs,
    dovecot::{self, Dovecot, PASSWORD},
    letter,
    process::{Scratch, free_port, until},
    talk::{Identity, Place, reachable},
    trial_with,
    world::{Plan, World},
};

pub fn trials() -> Vec<Trial> {
    const NEEDS: [Needs; 1] = [Needs::Dovecot];
    vec![
        trial_with("folders: by Dovecot with STARTTLS or TLS at once, made where missing", &NEEDS, secure),
        trial_with("folders: over quota waits, and goes in once there is room", &NEEDS, quota),
        trial_with("folders: a line that breaks in the middle or behind the mail leaves one", &NEEDS, broken),
        trial_with("folders: the daemon goes by rules, routes and accounts, and waits for Dovecot", &NEEDS, daemon),
        trial_with("folders: the daemon looks before it brings a mail again", &NEEDS, once),
    ]
}

/// A Dovecot with IMAP.
pub struct Server {
    pub dovecot: Dovecot,
    pub imap: u16,
    pub imaps: u16,
    pub ca: PathBuf,
    queue: PathBuf,
}

impl Server {
    pub fn start(scratch: &Scratch, users: &[&str], extra: &str) -> Self {
        let (imap, imaps) = (free_port(), free_port());
        let (lines, ca) = dovecot::imap(scratch, imap, imaps);
        let queue = scratch.dir("q");
        let dovecot = Dovecot::start_with(scratch, &queue, users, &format!("{lines}{extra}"));
        let server = Self { dovecot, imap, imaps, ca, queue };
        server.wait();
        server
    }

    /// The socket of its LMTP.
    fn lmtp(&self) -> PathBuf {
        self.queue.join("private/dovecot-lmtp")
    }

    /// Until it takes connections.
    pub fn wait(&self) {
        for port in [self.imap, self.imaps] {
            let place = Place::Tcp(port);
            until("Dovecot's IMAP", || reachable(&place));
        }
    }

    fn settings(&self, tls: Tls, user: &str) -> Settings {
        Settings {
            host: "localhost".to_owned(),
            port: if tls == Tls::AtOnce { self.imaps } else { self.imap },
            tls,
            ca: Some(self.ca.clone()),
            user: User::read(user).expect("a user"),
            password: Secret::new(PASSWORD.to_owned()),
            domain: Some("example.test".to_owned()),
            timeout: Duration::from_secs(60),
        }
    }
}

fn mail(id: &str, body: &str) -> String {
    format!("From: +15551234567@sms.example.test\nSubject: {id}\nMessage-ID: <{id}@sms.example.test>\n\n{body}\n")
}

struct Given<'a> {
    folder: &'a str,
    id: &'a str,
    body: &'a str,
    again: bool,
}

/// A client on a runtime of its own, which its kept connections need.
struct Client(Folders, tokio::runtime::Runtime);

/// One attempt for Alice.
fn append(client: &Client, given: &Given<'_>) -> Outcome {
    let data = mail(given.id, given.body);
    let message_id = format!("{}@sms.example.test", given.id);
    let append = Append {
        folder: given.folder,
        message_id: &message_id,
        phone: None,
        data: data.as_bytes(),
        seen: given.id == "seen",
        date: Some(Timestamp(1_700_000_000_000)),
        again: given.again,
    };
    client.1.block_on(client.0.append(&append))
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Sent(_) => String::new(),
        Outcome::Later(fault) | Outcome::Never(fault) | Outcome::Unsure(fault) => fault.to_string(),
    }
}

#[track_caller]
fn sent(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Sent(_)), "{outcome:?} {}", words(outcome));
}

#[track_caller]
fn waits(outcome: &Outcome, code: &str, says: &str) {
    let Outcome::Later(fault) = outcome else { panic!("{outcome:?} {}", words(outcome)) };
    assert_eq!(fault.code.to_string(), code, "{}", fault.text);
    assert!(fault.text.contains(says) && !fault.text.contains(PASSWORD), "{}", fault.text);
}

fn client(settings: Settings) -> Client {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    Client(Folders::new(settings).expect("sound settings"), runtime)
}

fn secure() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &["alice", "bob"], "");
    fn usual<'a>(folder: &'a str, id: &'a str) -> Given<'a> {
        Given { folder, id, body: "hello é", again: false }
    }
    for (n, (tls, user)) in
        [(Tls::Required, "alice@example.test"), (Tls::AtOnce, "{address}*martlet")].into_iter().enumerate()
    {
        let folders = client(server.settings(tls, user));
        for (folder, disk) in
            [("SMS", ".SMS"), ("alice/SMS", ".alice.SMS"), ("Entwürfe/Kurz & gut", ".Entw&APw-rfe.Kurz &- gut")]
        {
            // With a login for each mailbox the first step says whose folder it is.
            let folder = if n == 0 { folder.to_owned() } else { format!("alice/{folder}") };
            sent(&append(&folders, &usual(&folder, "seen")));
            sent(&append(&folders, &usual(&folder, "new")));
            let mails = server.dovecot.mails_in("alice", disk);
            assert_eq!(mails.len(), 2 * (n + 1), "{disk}");
            assert!(mails.iter().all(|mail| letter::text(mail).trim_end() == "hello é"), "{mails:?}");
            let files = server.dovecot.files("alice", disk);
            let seen = files.iter().filter(|file| file.to_string_lossy().ends_with(":2,S")).count();
            assert_eq!(seen, n + 1, "{files:?}");
            for file in files {
                let came = fs::metadata(file).and_then(|m| m.modified()).expect("its date");
                assert_eq!(came.duration_since(UNIX_EPOCH).expect("a date").as_secs(), 1_700_000_000);
            }
        }
    }
    let subscribed = fs::read_to_string(server.dovecot.home("alice").join("subscriptions")).expect("a list");
    for folder in ["SMS", "alice", "Entw&APw-rfe"] {
        assert!(subscribed.contains(folder), "{subscribed}");
    }
    assert_eq!(server.dovecot.mails("alice").len(), 0, "the inbox has none of them");
    let refused =
        Settings { password: Secret::new("hunter2".to_owned()), ..server.settings(Tls::AtOnce, "alice@example.test") };
    waits(&append(&client(refused), &usual("SMS", "x")), "4.7.8", "refuses our login");
    let other = scratch.path().join("other.pem");
    fs::write(&other, Identity::new("other", &["localhost"]).cert_pem).expect("write");
    for tls in [Tls::Required, Tls::AtOnce] {
        let settings = server.settings(tls, "alice@example.test");
        let strange = Settings { ca: Some(other.clone()), ..settings.clone() };
        waits(&append(&client(strange), &usual("SMS", "x")), "4.7.5", "set mailbox.imap_ca");
        let unnamed = Settings { host: "127.0.0.1".to_owned(), ..settings };
        waits(&append(&client(unnamed), &usual("SMS", "x")), "4.7.5", "not for 127.0.0.1");
    }
    let nobody = client(Settings { port: free_port(), ..server.settings(Tls::AtOnce, "alice@example.test") });
    waits(&append(&nobody, &usual("SMS", "x")), "4.4.1", "no connection");
    assert!(matches!(append(&nobody, &usual("a//b", "x")), Outcome::Never(fault) if fault.scope == Scope::Recipient));
}

fn quota() {
    let scratch = Scratch::new();
    let quota = "mail_plugins = quota\nprotocol imap {\n  mail_plugins = quota\n}\n\
                 plugin {\n  quota = maildir:all\n  quota_rule = *:bytes=5000\n  quota_grace = 0\n}\n";
    let mut server = Server::start(&scratch, &["alice"], quota);
    let settings = server.settings(Tls::AtOnce, "alice@example.test");
    let folders = client(settings.clone());
    sent(&append(&folders, &Given { folder: "SMS", id: "first", body: &"words\n".repeat(500), again: false }));
    let more = Given { folder: "SMS", id: "more", body: &"words\n".repeat(500), again: false };
    waits(&append(&folders, &more), "4.2.2", "Quota exceeded");
    server.dovecot.change(&[("bytes=5000", "bytes=50000")]);
    server.wait();
    sent(&append(&client(settings), &Given { again: true, ..more }));
    assert_eq!(server.dovecot.mails_in("alice", ".SMS").len(), 2);
}

/// Passes connections on; the first one breaks when so many octets went up, or when the answer to the mail comes.
struct Breaker {
    port: u16,
    broken: Arc<AtomicUsize>,
}

#[derive(Clone, Copy)]
enum At {
    Octets(usize),
    Answer,
}

impl Breaker {
    fn before(to: u16, at: At) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let broken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&broken);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { return };
                let first = count.fetch_add(1, Ordering::SeqCst) == 0;
                let (Ok(from), Ok(back)) = (server.try_clone(), client.try_clone()) else { return };
                std::thread::spawn(move || up(&client, &server, first.then_some(at)));
                std::thread::spawn(move || down(&from, &back, first && matches!(at, At::Answer)));
            }
        });
        Self { port, broken }
    }
}

fn end(one: &TcpStream, other: &TcpStream) {
    for stream in [one, other] {
        // It may have ended by itself.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

fn up(mut from: &TcpStream, mut to: &TcpStream, at: Option<At>) {
    let (mut buffer, mut passed) = ([0; 512], 0);
    while let Ok(n) = from.read(&mut buffer) {
        passed += n;
        let over = matches!(at, Some(At::Octets(most)) if passed > most);
        if n == 0 || over || to.write_all(&buffer[..n]).is_err() {
            return end(from, to);
        }
    }
}

fn down(mut from: &TcpStream, mut to: &TcpStream, cut: bool) {
    let mut buffer = [0; 4096];
    while let Ok(n) = from.read(&mut buffer) {
        let answer = String::from_utf8_lossy(&buffer[..n]);
        if n == 0 || cut && answer.contains("APPENDUID") || to.write_all(&buffer[..n]).is_err() {
            return end(from, to);
        }
    }
}

fn broken() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &["alice"], "");
    let body = "words\n".repeat(4_000);
    let mut mails = 0;
    for (id, at) in [("middle", At::Octets(8_000)), ("behind", At::Answer)] {
        let breaker = Breaker::before(server.imap, at);
        let in_clear = Settings {
            host: "127.0.0.1".to_owned(),
            port: breaker.port,
            ca: None,
            ..server.settings(Tls::Never, "alice@example.test")
        };
        let folders = client(in_clear);
        // Dovecot takes passwords in clear from this machine.
        let given = Given { folder: "SMS", id, body: &body, again: false };
        let outcome = match append(&folders, &given) {
            // The folder is not there at first: its making uses up no attempt.
            Outcome::Later(fault) | Outcome::Unsure(fault) => fault,
            other => panic!("{id}: {other:?} {}", words(&other)),
        };
        assert_eq!(outcome.code.to_string(), "4.4.2", "{id}: {}", outcome.text);
        let before = server.dovecot.mails_in("alice", ".SMS").len();
        assert_eq!(before, mails + usize::from(matches!(at, At::Answer)), "{id}");
        sent(&append(&folders, &Given { again: true, ..given }));
        mails += 1;
        assert_eq!(server.dovecot.mails_in("alice", ".SMS").len(), mails, "{id}: one, whatever broke");
        assert!(breaker.broken.load(Ordering::SeqCst) >= 2, "{id}: a second connection");
    }
}

/// The daemon, with a handset for its phones; mails go by Dovecot's LMTP.
fn start(server: &Server, imap: &str, more: &str) -> World {
    let mailbox = format!("url = \"lmtp:{}\"\n{imap}", server.lmtp().display());
    Plan::new()
        .keys("[mailbox]", &mailbox)
        .keys("[inbound]", "default = \"bob@example.test\"")
        .gateway("main", "handset", "password = \"pin\"")
        .tables(more)
        .files(&[("rules/10.toml", RULES), ("imap.pw", "hunter2\n")])
        .env("IMAP_PW", PASSWORD)
        .start()
}

const RULES: &str = r#"
direction = "in"
[[rule]]
title = "orders"
if = { body = { starts = "order" } }
do = [ { move = "alice/Aufträge" } ]
[[rule]]
title = "notes"
if = { body = { starts = "note" } }
do = [ { copy = { folder = "alice/Copies/%%originator%%" } } ]
[[rule]]
title = "too deep"
if = { body = { starts = "deep" } }
do = [ { move = "alice/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17" } ]
"#;

const MORE: &str = r#"
[[inbound_route]]
text = "(?i)^vote"
mailbox = "alice@example.test"
folder = "Votes"
[[inbound_route]]
text = "(?i)^carol"
account = "carol@example.test"
[[account]]
user = "carol@example.test"
folder = "SMS/Phones"
"#;

/// As soon as there are so many mails in the folder, with these words in each.
fn wait(server: &Server, user: &str, folder: &str, count: usize, says: &str) {
    let mails = until(&format!("{count} mails in {folder:?} of {user}"), || {
        Some(server.dovecot.mails_in(user, folder)).filter(|mails| mails.len() >= count)
    });
    assert_eq!(mails.len(), count);
    assert!(mails.iter().all(|mail| letter::text(mail).contains(says)), "{mails:?}");
}

fn cause(world: &World) -> String {
    until("an errand that waits, with its cause", || {
        let waiting =
            world.martlet.queue().into_iter().find(|item| item["state"] == "waiting" && item["kind"] == "append")?;
        waiting["cause"].as_str().map(str::to_owned)
    })
}

fn daemon() {
    let scratch = Scratch::new();
    let mut server = Server::start(&scratch, &["alice", "bob", "carol", "postmaster"], "");
    let imap = format!(
        "imap = \"imaps://localhost:{}\"\nimap_user = \"{{address}}*martlet\"\nimap_password = {{ file = \"imap.pw\" }}\n\
         imap_ca = \"{}\"",
        server.imaps,
        server.ca.display()
    );
    let world = start(&server, &imap, MORE);
    // A wrong password: texts are kept and tried again, and the postmaster is told once for all of them.
    world.phone("order one");
    let why = cause(&world);
    assert!(why.contains("refuses our login") && !why.contains("hunter2"), "{why}");
    assert!(world.martlet.log().contains("no session with the mail server"), "{}", world.martlet.log());
    let notice = |mail: &str| letter::text(mail).contains("refuses our login");
    let told = letter::text(&server.dovecot.wait("postmaster", "the notice", notice));
    assert!(told.contains("imap_password") && !told.contains("hunter2") && !told.contains("5550123"), "{told}");
    world.phone("order more");
    until("both tried several times", || {
        let tried = |item: &serde_json::Value| item["kind"] == "append" && item["attempts"].as_u64() >= Some(2);
        (world.martlet.queue().iter().filter(|item| tried(item)).count() == 2).then_some(())
    });
    fs::write(world.dir.join("imap.pw"), format!("{PASSWORD}\n")).expect("written");
    world.martlet.signal("HUP");
    wait(&server, "alice", ".Auftr&AOQ-ge", 2, "order ");

    world.phone("vote for Bob");
    wait(&server, "alice", ".Votes", 1, "vote for Bob");
    world.phone("Carol, are you there?");
    wait(&server, "carol", ".SMS.Phones", 1, "are you there");
    world.phone("#carol@example.test# a tag");
    let two = |mails: &Vec<String>| mails.len() == 2;
    until("the tagged one, too", || Some(server.dovecot.mails_in("carol", ".SMS.Phones")).filter(two));
    world.phone("note this");
    wait(&server, "alice", ".Copies.+12015550123", 1, "note this");
    wait(&server, "bob", "", 1, "note this");
    // What cannot be put there goes by mail.
    world.phone("deep words");
    server.dovecot.wait("bob", "the text by mail", |mail| letter::text(mail).contains("deep words"));
    world.martlet.settled();

    server.dovecot.down();
    world.phone("order two");
    assert!(cause(&world).contains("no connection"), "{}", cause(&world));
    server.dovecot.up();
    server.wait();
    wait(&server, "alice", ".Auftr&AOQ-ge", 3, "order ");
    world.martlet.settled();
    for (user, mails) in [("alice", 0), ("carol", 0), ("postmaster", 1)] {
        assert_eq!(server.dovecot.mails(user).len(), mails, "{user}'s inbox");
    }
    assert_eq!(server.dovecot.mails("bob").len(), 2);
    for secret in ["hunter2", PASSWORD, "order one", "order two", "5550123"] {
        assert!(!world.martlet.log().contains(secret), "{secret} is in the log");
    }
}

fn once() {
    for at in [At::Octets(300), At::Answer] {
        let scratch = Scratch::new();
        let server = Server::start(&scratch, &["alice", "bob"], "");
        let breaker = Breaker::before(server.imap, at);
        let imap = format!(
            "imap = \"imap://127.0.0.1:{}\"\nimap_user = \"alice@example.test\"\nimap_password = {{ env = \"IMAP_PW\" }}",
            breaker.port
        );
        let world = start(&server, &imap, "");
        world.phone("order one");
        until("a second connection", || (breaker.broken.load(Ordering::SeqCst) >= 2).then_some(()));
        world.martlet.settled();
        wait(&server, "alice", ".alice.Auftr&AOQ-ge", 1, "order one");
    }
}
