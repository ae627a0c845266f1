//! An OpenSMTPD of the test's own with the block of `docs/mta-opensmtpd.md`.
//!
//! Version 6.8 of Debian 12 cannot use its private key with OpenSSL 3: handshakes go without a certificate here
//! (anonymous ciphers), which Rustls does not know; a few lines of Python do.

use std::{fs, process::Command};

use super::{
    docs,
    jail::{Jail, User},
    process::{DEADLINE, Running, Scratch, free_port, run, within},
    python, root,
    talk::{Identity, Place, reachable},
};

pub const PAGE: &str = "mta-opensmtpd.md";
pub const PASSWORD: &str = "osmtpd-pass-8W";

pub struct OpenSmtpd {
    jail: Jail,
    running: Running,
    pub mx: u16,
    pub submission: u16,
    pub helper: u16,
}

impl OpenSmtpd {
    pub fn start(scratch: &Scratch, martlet: u16) -> Self {
        let users = [
            User { name: "opensmtpd", id: 991, home: "/var/lib/opensmtpd/empty" },
            User { name: "opensmtpq", id: 992, home: "/var/lib/opensmtpd/queue" },
            User { name: "alice", id: 2001, home: "/home/alice" },
        ];
        let programs = ["usr/sbin/smtpd", "usr/sbin/smtpctl", "usr/libexec/opensmtpd/mail.maildir"];
        let jail = Jail::new(scratch, "opensmtpd", &programs, &users);
        // Its children are locked up there: root's, and nobody else may write.
        jail.owner("var/lib/opensmtpd/empty", 0, 0);
        jail.folder("var/spool/smtpd", 0);
        jail.mode("var/spool/smtpd", 0o711);
        jail.folder("var/run", 0);
        jail.write("etc/mailname", "mx.example.test\n");
        jail.owner("usr/sbin/smtpctl", 0, 992);
        jail.mode("usr/sbin/smtpctl", 0o2555);
        let identity = Identity::new("mx.example.test", &["mx.example.test"]);
        jail.write("etc/mx.crt", &identity.cert_pem);
        jail.write("etc/mx.key", &identity.key_pem);
        jail.mode("etc/mx.key", 0o600);
        let [mx, submission, helper] = [free_port(), free_port(), free_port()];
        let hash = run(Command::new("openssl").args(["passwd", "-6", PASSWORD]));
        let places = [
            ("/etc/ssl/mx.example.test.crt", "/etc/mx.crt"),
            ("/etc/ssl/private/mx.example.test.key", "/etc/mx.key"),
            ("$6$hash", hash.trim()),
            ("0.0.0.0 port 25 ", &*format!("127.0.0.1 port {mx} ")),
            ("0.0.0.0 port 587 ", &*format!("127.0.0.1 port {submission} ")),
            ("127.0.0.1 port 2525 ", &*format!("127.0.0.1 port {helper} ")),
            ("127.0.0.1:2424", &*format!("127.0.0.1:{martlet}")),
        ];
        let config = docs::block_with(PAGE, "smtpd.conf", &places);
        jail.write("etc/smtpd.conf", &format!("{config}\nsmtp ciphers \"aNULL:@SECLEVEL=0\"\n"));
        jail.mode("etc/smtpd.conf", 0o600);
        let mut running = jail.start("opensmtpd", "/usr/sbin/smtpd", &["-d"]);
        for port in [mx, submission, helper] {
            running.wait_for("its ports", || reachable(&Place::Tcp(port)));
        }
        Self { jail, running, mx, submission, helper }
    }

    /// Alice logs in and sends as `from`: the code of the last answer.
    pub fn submit(&self, from: &str, to: &str, data: &str) -> u16 {
        self.jail.write("tmp/mail", data);
        let mut command = Command::new(python());
        command.arg(root().join("tests/support/submit.py"));
        command.args([&self.submission.to_string(), "alice@example.test", PASSWORD, from, to]);
        command.stdin(fs::File::open(self.jail.path("tmp/mail")).expect("a mail"));
        let said = run(&mut command);
        said.trim().parse().unwrap_or_else(|_| panic!("no code: {said}"))
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.running.log).unwrap_or_default()
    }

    /// Alice's mails.
    pub fn mails(&self) -> Vec<String> {
        self.jail.maildir("home/alice/Maildir")
    }

    pub fn wait(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        within(DEADLINE, || self.mails().into_iter().find(|m| fits(m)))
            .unwrap_or_else(|| panic!("waited in vain for {what}:\n{}\n{}", self.mails().join("\n=====\n"), self.log()))
    }
}
