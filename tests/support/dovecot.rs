//! A Dovecot of the test's own: logins for Postfix and mailboxes behind LMTP, by the block of `docs/mta-postfix.md`.
//! Mails are read from its Maildirs, which it writes atomically.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    docs,
    postfix::PAGE,
    process::{DEADLINE, Running, Scratch, until, within},
    talk::{Identity, Place},
};

/// Every user's password.
pub const PASSWORD: &str = "mailbox-pass-7Q";

/// Lines for an IMAP server behind TLS (both ways) on these ports, with a master user `martlet` whose logins read
/// `alice@example.test*martlet`; and the certificate to trust.
pub fn imap(scratch: &Scratch, imap: u16, imaps: u16) -> (String, PathBuf) {
    let identity = Identity::new("imap.example.test", &["localhost"]);
    let (cert, key) = (scratch.path().join("imap.pem"), scratch.path().join("imap.key"));
    fs::write(&cert, &identity.cert_pem).expect("write");
    fs::write(&key, &identity.key_pem).expect("write");
    let master = scratch.path().join("master");
    fs::write(&master, format!("martlet:{{PLAIN}}{PASSWORD}\n")).expect("write");
    let lines = format!(
        "protocols = lmtp imap\nssl = yes\nssl_cert = <{}\nssl_key = <{}\nauth_failure_delay = 0\n\
         auth_master_user_separator = *\n\
         passdb {{\n  driver = passwd-file\n  args = {}\n  master = yes\n  result_success = continue\n}}\n\
         service imap-login {{\n  inet_listener imap {{\n    address = 127.0.0.1\n    port = {imap}\n  }}\n  \
         inet_listener imaps {{\n    address = 127.0.0.1\n    port = {imaps}\n    ssl = yes\n  }}\n}}\n",
        cert.display(),
        key.display(),
        master.display()
    );
    (lines, cert)
}

pub struct Dovecot {
    running: Option<Running>,
    config: PathBuf,
    sockets: [Place; 2],
    mail: PathBuf,
}

impl Dovecot {
    /// Starts it with these users of `example.test`. `queue` is Postfix's.
    pub fn start(scratch: &Scratch, queue: &std::path::Path, users: &[&str]) -> Self {
        Self::start_with(scratch, queue, users, "")
    }

    /// The same; `extra` lines stand behind all others.
    pub fn start_with(scratch: &Scratch, queue: &std::path::Path, users: &[&str], extra: &str) -> Self {
        let (dir, mail) = (scratch.dir("dovecot"), scratch.dir("mail"));
        fs::create_dir_all(queue.join("private")).expect("Postfix's folder");
        super::process::run(Command::new("chown").arg("postfix").arg(queue.join("private")));
        let passwd: String = users.iter().map(|u| format!("{u}@example.test:{{PLAIN}}{PASSWORD}\n")).collect();
        fs::write(dir.join("passwd"), passwd).expect("write");
        super::process::run(Command::new("chown").arg("mail:mail").arg(&mail));
        let sockets = [("/var/spool/postfix", queue.to_str().expect("UTF-8"))];
        let blocks = docs::block_with(PAGE, "dovecot.conf", &sockets);
        let (base, mails) = (dir.display(), mail.display());
        let own = format!(
            "base_dir = {base}/run\n\
             state_dir = {base}/run\n\
             log_path = {base}/dovecot.log\n\
             ssl = no\n\
             mail_location = maildir:{mails}/%n\n\
             first_valid_uid = 1\n\
             first_valid_gid = 1\n\
             lmtp_save_to_detail_mailbox = no\n\
             postmaster_address = postmaster@example.test\n\
             passdb {{\n  driver = passwd-file\n  args = {base}/passwd\n}}\n\
             userdb {{\n  driver = static\n  args = uid=mail gid=mail home={mails}/%n\n}}\n"
        );
        fs::write(dir.join("dovecot.conf"), format!("{blocks}\n{own}\n{extra}")).expect("write");
        let config = dir.join("dovecot.conf");
        let sockets = ["private/auth", "private/dovecot-lmtp"].map(|socket| Place::Unix(queue.join(socket)));
        Self { running: Some(run(&config, &sockets)), config, sockets, mail }
    }

    /// Replaces words of its configuration and starts it again: nothing of before goes on.
    pub fn change(&mut self, changes: &[(&str, &str)]) {
        self.running.take().expect("it runs").terminate();
        let mut text = fs::read_to_string(&self.config).expect("its configuration");
        for (from, to) in changes {
            assert!(text.contains(from), "{from:?} is not there to be replaced");
            text = text.replace(from, to);
        }
        fs::write(&self.config, text).expect("write");
        self.running = Some(run(&self.config, &self.sockets));
    }

    /// Ends it until [`Dovecot::up`].
    pub fn down(&mut self) {
        self.running.take().expect("it runs").terminate();
    }

    pub fn up(&mut self) {
        self.running = Some(run(&self.config, &self.sockets));
    }

    /// The mails of `user`, in no order.
    pub fn mails(&self, user: &str) -> Vec<String> {
        self.mails_in(user, "")
    }

    /// Those of a folder, by its name on the disk (`.alice.SMS`).
    pub fn mails_in(&self, user: &str, folder: &str) -> Vec<String> {
        let read = |path: PathBuf| fs::read(path).ok().map(|m| String::from_utf8_lossy(&m).into_owned());
        self.files(user, folder).into_iter().filter_map(read).collect()
    }

    /// Where they are.
    pub fn files(&self, user: &str, folder: &str) -> Vec<PathBuf> {
        let folders = ["new", "cur"].map(|f| self.mail.join(user).join(folder).join(f));
        let files = folders.iter().filter_map(|f| fs::read_dir(f).ok()).flatten().flatten();
        files.map(|f| f.path()).collect()
    }

    /// The folder of `user` on the disk.
    pub fn home(&self, user: &str) -> PathBuf {
        self.mail.join(user)
    }

    /// The first mail of `user` that `fits`, as soon as it is there.
    pub fn wait(&self, user: &str, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let find = || self.mails(user).into_iter().find(|m| fits(m));
        within(DEADLINE, find).unwrap_or_else(|| {
            let have = self.mails(user).join("\n=====\n");
            panic!("waited {DEADLINE:?} in vain for {what}; {user} has:\n{have}")
        })
    }

    /// As soon as `user` has `n` mails.
    pub fn wait_count(&self, user: &str, n: usize) -> Vec<String> {
        until(&format!("{n} mails of {user}"), || Some(self.mails(user)).filter(|m| m.len() >= n))
    }
}

/// Starts it; returns when its sockets take connections.
fn run(config: &Path, sockets: &[Place]) -> Running {
    let mut command = Command::new("dovecot");
    command.args(["-F", "-c"]).arg(config);
    let mut running = Running::start("dovecot", &mut command, &config.with_file_name("dovecot.log"));
    for place in sockets {
        running.wait_for("its sockets", || super::talk::reachable(place));
    }
    // Its master takes connections before anybody is there to answer: Postfix gives up on logins that take too long.
    running.wait_for("an answer to logins", || super::talk::greets(&sockets[0]));
    running
}
