//! The whole way with real programs: Postfix and Dovecot by the recipe of `docs/mta-postfix.md`, the real daemon, an
//! HTTP provider of the test's own, and the test as the phone.

mod circle;
mod exim;
mod opensmtpd;
mod pictures;
mod recipe;
mod reports;
mod rules;
mod spoof;

use libtest_mimic::Trial;

use crate::support::{
    cut::Cut,
    docs,
    dovecot::{Dovecot, PASSWORD},
    letter,
    martlet::Martlet,
    postfix::{PAGE, Postfix, Way},
    process::{Scratch, free_port},
    sink::{Answer, Provider, Request},
    talk::{Letter, Reply},
};

pub fn trials() -> Vec<Trial> {
    [
        recipe::trials(),
        circle::trials(),
        exim::trials(),
        opensmtpd::trials(),
        pictures::trials(),
        reports::trials(),
        rules::trials(),
        spoof::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const ALICE: &str = "alice@example.test";
const PHONE: &str = "+15551234567";
const TO_PHONE: &str = r#""sms:+15551234567"@sms.example.test"#;
/// Bob's, for Martlet itself: it stands in the address.
const ADDRESS_PASSWORD: &str = "hunter2X";

/// Everything running. Fields end in this order.
struct System {
    martlet: Martlet,
    postfix: Postfix,
    dovecot: Dovecot,
    provider: Provider,
    cut: Option<Cut>,
    _scratch: Scratch,
}

/// What differs between tests.
#[derive(Default)]
struct Setup {
    tcp: bool,
    /// By SMTP.
    smtp: bool,
    /// The first `250` to a mail is lost on its way to Postfix (with `tcp`).
    cut: bool,
    /// Lines behind all others in `main.cf`.
    main_cf: &'static str,
    /// Tables added to the recipe's `martlet.toml`.
    /// `PROVIDER` stands for the provider's port.
    toml: &'static str,
    /// A file of rules.
    rules: &'static str,
    /// Dovecot has folders by IMAP behind TLS.
    folders: bool,
}

impl System {
    fn start(setup: &Setup, answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let scratch = Scratch::new();
        let queue = Postfix::queue(&scratch);
        let (imaps, lines) = (free_port(), crate::support::dovecot::imap);
        let (lines, ca) = if setup.folders { lines(&scratch, free_port(), imaps) } else { Default::default() };
        let dovecot = Dovecot::start_with(&scratch, &queue, &["alice", "bob", "postmaster"], &lines);
        let lmtp = free_port();
        let way = match (setup.tcp, setup.smtp) {
            (_, true) => Way::Smtp(lmtp),
            (true, false) => Way::Tcp(lmtp),
            (false, false) => Way::Unix,
        };
        let cut = setup.cut.then(|| Cut::before(lmtp));
        let postfix = Postfix::start(&scratch, cut.as_ref().map_or(way, |c| Way::Tcp(c.port)), setup.main_cf);
        let provider = Provider::start(answer);
        let dir = scratch.dir("martlet");
        let folders = format!(
            "[mailbox]\nimap = \"imaps://localhost:{imaps}\"\nimap_user = \"{{address}}*martlet\"\n\
             imap_password = {{ env = \"IMAP_PW\" }}\nimap_ca = \"{}\"\n",
            ca.display()
        );
        let recipe = martlet_toml(&dir, &postfix, way, provider.port);
        assert!(recipe.contains("[mailbox]\n"), "the recipe's way back has changed");
        let recipe = if setup.folders { recipe.replace("[mailbox]\n", &folders) } else { recipe };
        let config = recipe + &setup.toml.replace("PROVIDER", &provider.port.to_string());
        std::fs::create_dir(dir.join("rules")).expect("a folder");
        std::fs::write(dir.join("rules/10.toml"), setup.rules).expect("written");
        let martlet = Martlet::start(&dir, &config, &[("BOB_PW", ADDRESS_PASSWORD), ("IMAP_PW", PASSWORD)]);
        Self { martlet, postfix, dovecot, provider, cut, _scratch: scratch }
    }

    /// Alice logs in and sends.
    fn alice(&self, letter: &Letter) -> Reply {
        self.postfix.submit(ALICE, PASSWORD, letter).pop().expect("a reply")
    }

    /// What Martlet logged is free of numbers, of `secrets`, and of passwords.
    fn log_is_discreet(&self, secrets: &[&str]) {
        let log = self.martlet.log();
        let usual = ["5551234567", "%2B1555", PASSWORD, ADDRESS_PASSWORD];
        for secret in usual.iter().chain(secrets) {
            let line = log.lines().find(|l| l.contains(secret));
            assert!(line.is_none(), "the log tells {secret:?}: {line:?}");
        }
        assert!(!log.is_empty(), "a log without lines proves nothing");
    }
}

/// The recipe's `martlet.toml` with its places replaced.
fn martlet_toml(dir: &std::path::Path, postfix: &Postfix, way: Way, provider: u16) -> String {
    let queue = postfix.queue.to_str().expect("UTF-8");
    let text = docs::block_with(
        PAGE,
        "martlet.toml",
        &[
            ("/var/lib/martlet", dir.join("data").to_str().expect("UTF-8")),
            ("/var/spool/postfix", queue),
            ("127.0.0.1:2525", &format!("127.0.0.1:{}", postfix.helper)),
            ("127.0.0.1:8025", &format!("127.0.0.1:{}", free_port())),
            ("https://provider.example/send", &format!("http://127.0.0.1:{provider}/send")),
        ],
    );
    match way {
        Way::Unix => text,
        Way::Tcp(port) | Way::Smtp(port) => {
            let socket =
                format!("bind     = \"unix:{queue}/martlet/lmtp.sock\"\nmode     = \"0660\"\ngroup    = \"postfix\"\n");
            assert!(text.contains(&socket), "the recipe's listener has changed");
            let text = text.replace(&socket, &format!("bind = \"127.0.0.1:{port}\"\ntrust = [\"127.0.0.1/32\"]\n"));
            if matches!(way, Way::Smtp(_)) { text.replace("\"lmtp\"", "\"smtp\"") } else { text }
        }
    }
}

/// Loopback has many addresses: the one from which a stranger comes is not that of this machine's programs.
fn dial(source: &str, port: u16) -> std::net::TcpStream {
    let connected = crate::support::run_async(async {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(format!("{source}:0").parse().expect("an address")).expect("bound");
        let to = format!("127.0.0.1:{port}").parse().expect("an address");
        socket.connect(to).await.expect("connected").into_std().expect("a stream")
    });
    connected.set_nonblocking(false).expect("blocking");
    connected
}

/// A mail to the phone as mail clients write it.
fn mail(id: &str, subject: &str, body: &str, more: &str) -> String {
    format!(
        "From: Alice <{ALICE}>\r\nTo: {TO_PHONE}\r\nSubject: {subject}\r\nDate: {}\r\nMessage-ID: <{id}>\r\n{more}\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n",
        letter::date()
    )
}
