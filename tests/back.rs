//! The way back with real mail servers: Postfix with STARTTLS and logins through Dovecot, TLS at once, Dovecot's LMTP over
//! TCP, TLS and a Unix socket; what is mended by waiting or by an administrator, and what is refused for good.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use libtest_mimic::Trial;
use martlet::{
    address::Mailbox,
    ground::{Fault, Outcome, Scope, Secret},
    mailbox::{Client, Login, Settings, Tls, Url},
};

use crate::support::{
    Needs, docs,
    dovecot::{Dovecot, PASSWORD},
    http, letter,
    postfix::{PAGE, Postfix, Way},
    process::{Scratch, free_port, until},
    run_async,
    talk::Identity,
    trial_with,
    world::{Plan, World},
};

const NEEDS: [Needs; 2] = [Needs::Postfix, Needs::Dovecot];
const ALICE: &str = "alice@example.test";
const MARTLET: &str = "martlet@example.test";

pub fn trials() -> Vec<Trial> {
    vec![
        trial_with("back: by Postfix with STARTTLS or TLS at once, logged in", &NEEDS, secure),
        trial_with("back: by Dovecot's LMTP on TCP, with STARTTLS, and on a Unix socket", &[Needs::Dovecot], lmtp),
        trial_with("back: over quota waits where it is temporary, else the next step has it", &[Needs::Dovecot], quota),
        trial_with("back: a greylisting Postfix gets it at the second try", &NEEDS, greylisting),
        trial_with("back: a wrong password loses nothing and is told", &NEEDS, mended),
        trial_with("back: refused by every step is a dead letter", &NEEDS, nobody),
    ]
}

/// An SMS text that would end the mail and begin another one, and lines that begin with dots.
const SMUGGLED: &str = "first\n.\nMAIL FROM:<eve@evil.example>\nRCPT TO:<bob@example.test>\nDATA\n.hidden\n..\nlast";

fn mail(id: &str, body: &str) -> String {
    format!(
        "From: +15551234567@sms.example.test\nTo: {ALICE}\nSubject: {id}\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\nMessage-ID: <{id}@sms.example.test>\n\n{body}\n"
    )
}

fn settings(url: Url) -> Settings {
    Settings::new(url, "sms.example.test".to_owned(), Duration::from_secs(60))
}

fn smtp(host: &str, port: u16) -> Settings {
    settings(Url::Smtp { host: host.to_owned(), port })
}

fn login(user: &str, password: &str) -> Option<Login> {
    Some(Login { user: user.to_owned(), password: Secret::new(password.to_owned()) })
}

/// One attempt with a client of its own.
fn deliver(settings: Settings, to: &str, data: &str) -> Outcome {
    let client = Client::new(settings).expect("sound settings");
    let to: Mailbox = to.parse().expect("a mailbox");
    run_async(async { client.deliver(Some("\"sms:+15551234567\"@sms.example.test"), &to, data.as_bytes()).await })
}

#[track_caller]
fn sent(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Sent(_)), "{outcome:?} {}", words(outcome));
}

fn words(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Sent(_) => "",
        Outcome::Later(fault) | Outcome::Never(fault) | Outcome::Unsure(fault) => &fault.text,
    }
}

/// Something that an administrator can mend: the mail waits, and the words say what to do.
#[track_caller]
fn waits(outcome: Outcome, code: &str, says: &str) {
    let Outcome::Later(Fault { scope, code: found, text, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!((scope, found.to_string().as_str()), (Scope::Gateway, code), "{text}");
    assert!(text.contains(says), "{text}");
    assert!(!text.contains(PASSWORD) && !text.contains("hunter2"), "{text}");
}

fn secure() {
    let scratch = Scratch::new();
    let queue = Postfix::queue(&scratch);
    let dovecot = Dovecot::start_with(&scratch, &queue, &["alice", "bob", "martlet"], "auth_failure_delay = 0\n");
    let postfix = Postfix::start(&scratch, Way::Tcp(free_port()), "");
    let ca = scratch.path().join("ca.pem");
    std::fs::write(&ca, &postfix.identity.cert_pem).expect("write");
    let other = scratch.path().join("other.pem");
    std::fs::write(&other, Identity::new("other", &["localhost"]).cert_pem).expect("write");
    let by = |host: &str, port, tls, ca: &PathBuf, password: &str| Settings {
        tls,
        ca: Some(ca.clone()),
        login: login(MARTLET, password),
        ..smtp(host, port)
    };
    let (starttls, at_once) = (postfix.submission, postfix.smtps);
    for (id, port, tls) in [("starttls", starttls, Tls::Required), ("at-once", at_once, Tls::AtOnce)] {
        sent(&deliver(by("localhost", port, tls, &ca, PASSWORD), ALICE, &mail(id, &format!("{SMUGGLED} é"))));
        let came = dovecot.wait("alice", id, |m| letter::header(m, "Subject").as_deref() == Some(id));
        assert_eq!(letter::text(&came).trim_end().replace("\r\n", "\n"), format!("{SMUGGLED} é"));
        assert!(came.contains("with ESMTPSA"), "{came}");

        waits(deliver(by("localhost", port, tls, &other, PASSWORD), ALICE, &mail("x", "x")), "4.7.5", "set mailbox.ca");
        waits(deliver(by("127.0.0.1", port, tls, &ca, PASSWORD), ALICE, &mail("x", "x")), "4.7.5", "not for 127.0.0.1");
        let refused = deliver(by("localhost", port, tls, &ca, "hunter2"), ALICE, &mail("x", "x"));
        waits(refused, "4.7.8", "refuses our login: 535");
    }
    // Each protocol at the other's port.
    let at_wrong_port = deliver(by("localhost", starttls, Tls::AtOnce, &ca, PASSWORD), ALICE, &mail("x", "x"));
    waits(at_wrong_port, "4.7.5", "have different ports");
    // No STARTTLS where it is required, and a certificate of nobody where it is only welcome.
    waits(
        deliver(by("localhost", postfix.helper, Tls::Required, &ca, PASSWORD), ALICE, &mail("x", "x")),
        "4.7.4",
        "STARTTLS",
    );
    for (id, port) in [("clear", postfix.helper), ("welcome", postfix.mx)] {
        sent(&deliver(Settings { tls: Tls::Offered, ..smtp("localhost", port) }, ALICE, &mail(id, "x")));
        let came = dovecot.wait("alice", id, |m| letter::header(m, "Subject").as_deref() == Some(id));
        assert_eq!(came.contains("with ESMTPS "), id == "welcome", "{came}");
    }
    // Over the port that knows no login.
    let none = Settings { login: login(MARTLET, PASSWORD), ..smtp("127.0.0.1", postfix.helper) };
    waits(deliver(none, ALICE, &mail("x", "x")), "4.7.4", "offers no login");
    assert_eq!(dovecot.mails("alice").len(), 4, "each mail is one");
    assert_eq!(dovecot.mails("bob").len(), 0, "a text makes no mail of its own");
    pooled(&postfix, by("localhost", starttls, Tls::Required, &ca, PASSWORD));
}

/// Mails one after the other share a connection, its TLS and its login.
fn pooled(postfix: &Postfix, settings: Settings) {
    let client = Client::new(settings).expect("sound settings");
    let bob: Mailbox = "bob@example.test".parse().expect("a mailbox");
    run_async(async {
        for n in 0..5 {
            sent(&client.deliver(None, &bob, mail(&format!("pooled{n}"), "x").as_bytes()).await);
        }
    });
    drop(client);
    // What Postfix counts at the end of a connection.
    until("one connection for five mails", || {
        postfix.log().contains("ehlo=2 starttls=1 auth=1 mail=5 rcpt=5 data=5").then_some(())
    });
}

/// Lines for Dovecot: LMTP on a port, with a certificate.
fn lmtp_port(scratch: &Scratch, port: u16) -> (String, PathBuf) {
    let identity = Identity::new("mx.example.test", &["mx.example.test", "localhost"]);
    let (cert, key) = (scratch.path().join("lmtp.pem"), scratch.path().join("lmtp.key"));
    std::fs::write(&cert, &identity.cert_pem).expect("write");
    std::fs::write(&key, &identity.key_pem).expect("write");
    let lines = format!(
        "ssl = yes\nssl_cert = <{}\nssl_key = <{}\n\
         service lmtp {{\n  inet_listener lmtp {{\n    address = 127.0.0.1\n    port = {port}\n  }}\n}}\n",
        cert.display(),
        key.display()
    );
    (lines, cert)
}

fn lmtp() {
    let (scratch, port) = (Scratch::new(), free_port());
    let queue = scratch.dir("q");
    let (lines, ca) = lmtp_port(&scratch, port);
    let dovecot = Dovecot::start_with(&scratch, &queue, &["alice", "bob"], &lines);
    let tcp = |host: &str| settings(Url::LmtpTcp { host: host.to_owned(), port });
    let secure = |host: &str| Settings { tls: Tls::Required, ca: Some(ca.clone()), ..tcp(host) };
    let unix = settings(Url::LmtpUnix(queue.join("private/dovecot-lmtp")));
    for (id, settings) in [("tcp", tcp("127.0.0.1")), ("tls", secure("localhost")), ("unix", unix.clone())] {
        sent(&deliver(settings, ALICE, &mail(id, &format!("{SMUGGLED} é"))));
        let came = dovecot.wait("alice", id, |m| letter::header(m, "Subject").as_deref() == Some(id));
        assert_eq!(letter::text(&came).trim_end().replace("\r\n", "\n"), format!("{SMUGGLED} é"));
        assert_eq!(came.contains("TLS"), id == "tls", "{came}");
    }
    waits(deliver(secure("127.0.0.1"), ALICE, &mail("x", "x")), "4.7.5", "not for 127.0.0.1");
    // An answer for each recipient: the one who is not there is refused, and the connection serves the next one.
    let client = Client::new(unix).expect("sound settings");
    let data = mail("each", "x");
    for (to, taken) in [("ghost@example.test", false), ("bob@example.test", true), ("ghost@example.test", false)] {
        let to: Mailbox = to.parse().expect("a mailbox");
        let outcome = run_async(async { client.deliver(None, &to, data.as_bytes()).await });
        match outcome {
            Outcome::Sent(_) => assert!(taken),
            Outcome::Never(fault) => assert!(!taken && fault.scope == Scope::Recipient, "{}", fault.text),
            other => panic!("{}: {other:?} {}", to.as_str(), words(&other)),
        }
    }
    assert_eq!((dovecot.mails("alice").len(), dovecot.mails("bob").len()), (3, 1), "each mail is one");
}

/// The daemon with these lines of `[mailbox]` and `[inbound]`; a handset takes what is sent.
fn daemon(mailbox: &str, inbound: &str) -> World {
    Plan::new()
        .keys("[mailbox]", mailbox)
        .keys("[inbound]", inbound)
        .gateway("main", "handset", "password = \"pin\"")
        .account("*", "")
        .start()
}

/// What `martlet queue list` says why the only open mail waits.
fn cause(world: &World) -> String {
    until("a mail that waits, with its cause", || {
        let waiting = world.martlet.queue().into_iter().find(|m| m["state"] == "waiting")?;
        waiting["cause"].as_str().map(str::to_owned)
    })
}

/// Alice has room for one mail of some size and no more.
fn quota() {
    let (scratch, port) = (Scratch::new(), free_port());
    let queue = scratch.dir("q");
    let (lines, _) = lmtp_port(&scratch, port);
    let lines = format!(
        "{lines}protocol lmtp {{\n  mail_plugins = quota\n}}\nlmtp_rcpt_check_quota = no\n\
         plugin {{\n  quota = maildir:all\n  quota_rule = *:bytes=5000\n  quota_grace = 0\n}}\nquota_full_tempfail = yes\n"
    );
    let mut dovecot = Dovecot::start_with(&scratch, &queue, &["alice", "postmaster"], &lines);
    let socket = queue.join("private/dovecot-lmtp");
    let url = Url::LmtpUnix(socket.clone());
    sent(&deliver(settings(url.clone()), ALICE, &mail("filling", &"3,600 octets of words\n".repeat(160))));
    let full = deliver(settings(url), ALICE, &mail("more", &"x\n".repeat(500)));
    let Outcome::Later(fault) = full else { panic!("{full:?} {}", words(&full)) };
    assert_eq!((fault.scope, fault.code.to_string().as_str()), (Scope::Recipient, "4.2.2"), "{}", fault.text);

    let mailbox = format!("url = \"lmtp:{}\"\npostmaster = \"postmaster@example.test\"", socket.display());
    let world = daemon(&mailbox, "default = \"postmaster@example.test\"");
    let long = "words ".repeat(150);
    world.phone(&format!("#alice@example.test# patient {long}"));
    let why = cause(&world);
    assert!(why.contains("Quota exceeded"), "{why}");
    dovecot.change(&[("bytes=5000", "bytes=50000")]);
    dovecot.wait("alice", "the text, once there is room", |m| letter::text(m).contains("patient"));
    world.martlet.settled();
    assert_eq!(dovecot.mails("postmaster").len(), 0);
    // The same trouble called final.
    dovecot.change(&[("bytes=50000", "bytes=5000"), ("quota_full_tempfail = yes", "quota_full_tempfail = no")]);
    world.phone(&format!("#alice@example.test# final {long}"));
    dovecot.wait("postmaster", "the text, by the next step", |m| letter::text(m).contains("final"));
    world.martlet.settled();
    assert_eq!((dovecot.mails("alice").len(), dovecot.mails("postmaster").len()), (2, 1));
}

/// A policy service as Postfix asks it: the first mail to anybody is put off.
fn policy() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let count = Arc::clone(&count);
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|n| n > 0) {
                    if line == "\n" {
                        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
                        let action = if first { "450 4.2.0 Greylisted, come again" } else { "DUNNO" };
                        if reader.get_mut().write_all(format!("action={action}\n\n").as_bytes()).is_err() {
                            return;
                        }
                    }
                    line.clear();
                }
            });
        }
    });
    (port, asked)
}

fn greylisting() {
    let scratch = Scratch::new();
    let queue = Postfix::queue(&scratch);
    let dovecot = Dovecot::start(&scratch, &queue, &["alice", "postmaster"]);
    let (port, asked) = policy();
    let restrictions =
        format!("smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service inet:127.0.0.1:{port}");
    let postfix = Postfix::start(&scratch, Way::Tcp(free_port()), &restrictions);
    // Where strangers come in: the way that an administrator without a port of our own would take.
    let url = format!("url = \"smtp://127.0.0.1:{}\"\npostmaster = \"postmaster@example.test\"", postfix.mx);
    let world = daemon(&url, "");
    world.phone("#alice@example.test# hello again");
    dovecot.wait("alice", "the text", |m| letter::text(m).contains("hello again"));
    world.martlet.settled();
    assert!(asked.load(Ordering::SeqCst) >= 2, "put off, and tried again");
    assert!(postfix.log().contains("450 4.2.0"), "{}", postfix.log());
    assert_eq!((dovecot.mails("alice").len(), dovecot.mails("postmaster").len()), (1, 0));
}

/// The recipe for a Martlet on another machine, with a password that somebody mistyped.
fn mended() {
    let scratch = Scratch::new();
    let queue = Postfix::queue(&scratch);
    let dovecot = Dovecot::start(&scratch, &queue, &["alice", "martlet"]);
    let postfix = Postfix::start(&scratch, Way::Tcp(free_port()), "");
    let (ca, secret) = (scratch.path().join("ca.pem"), scratch.path().join("mailbox.pw"));
    std::fs::write(&ca, &postfix.identity.cert_pem).expect("write");
    std::fs::write(&secret, "hunter2\n").expect("write");
    let places = [
        ("[mailbox]", ""),
        ("smtps://mx.example.test", &*format!("smtps://localhost:{}", postfix.smtps)),
        ("mailbox.pw", secret.to_str().expect("UTF-8")),
    ];
    let recipe = docs::block_with(PAGE, "martlet.toml smtps", &places);
    let world = daemon(&format!("{recipe}ca = \"{}\"", ca.display()), "");
    world.phone("#alice@example.test# do not lose me");
    let why = cause(&world);
    assert!(why.contains("refuses our login") && !why.contains("hunter2"), "{why}");
    let log = world.martlet.log();
    assert!(log.contains("no session with the mail server") && log.contains("refuses our login"), "{log}");
    // Nothing has changed in the configuration itself.
    std::fs::write(&secret, format!("{PASSWORD}\n")).expect("write");
    let reloaded = world.martlet.json(&["reload"]);
    assert!(reloaded["applied"].as_array().is_some_and(|all| all.contains(&"mailbox".into())), "{reloaded}");
    dovecot.wait("alice", "the text", |m| letter::text(m).contains("do not lose me"));
    world.martlet.settled();
    assert_eq!(dovecot.mails("alice").len(), 1);
    for secret in ["hunter2", PASSWORD, "lose me", "5550123"] {
        assert!(!world.martlet.log().contains(secret), "{secret} is in the log");
    }
}

fn nobody() {
    let scratch = Scratch::new();
    let queue = Postfix::queue(&scratch);
    let dovecot = Dovecot::start(&scratch, &queue, &["alice"]);
    let restrictions = "virtual_mailbox_maps = inline:{ alice@example.test=alice }";
    let postfix = Postfix::start(&scratch, Way::Tcp(free_port()), restrictions);
    let url = format!("url = \"smtp://127.0.0.1:{}\"\npostmaster = \"postmaster@example.test\"", postfix.helper);
    let world = daemon(&url, "default = \"ghost@example.test\"");
    world.phone("#gone@example.test# nobody wants me");
    until("a dead letter", || {
        let (_, metrics) = http::call(world.martlet.http, "GET", "/metrics", "").expect("an answer");
        metrics.contains("martlet_queue_depth{kind=\"dead letters\"} 1").then_some(())
    });
    world.martlet.settled();
    let log = postfix.log();
    for refused in ["gone", "ghost", "postmaster"] {
        assert_eq!(log.matches(&format!("550 5.1.1 <{refused}@example.test>")).count(), 1, "{log}");
    }
    world.phone("#alice@example.test# but she is there");
    dovecot.wait("alice", "the next text", |m| letter::text(m).contains("but she is there"));
}
