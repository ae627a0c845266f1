//! A Postfix of the test's own: Debian's stock `main.cf` and `master.cf` (chroot and all) with the blocks of
//! `docs/mta-postfix.md`, on ports and in folders of its own. It needs root, as Postfix does.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    docs,
    process::{Running, Scratch, free_port, run, signal, until},
    talk::{Identity, Letter, Place, Reply, Talk, reachable},
};

pub const PAGE: &str = "mta-postfix.md";

/// How mail goes to Martlet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By a Unix socket inside Postfix's chroot.
    Unix,
    Tcp(u16),
    /// SMTP instead of LMTP.
    Smtp(u16),
}

pub struct Postfix {
    running: Running,
    config: PathBuf,
    pub queue: PathBuf,
    pub log: PathBuf,
    /// Where strangers come in, submission, and the way back from Martlet.
    pub mx: u16,
    pub submission: u16,
    pub helper: u16,
    /// The way back from another machine: TLS at once, and a login.
    pub smtps: u16,
    pub identity: Identity,
}

impl Postfix {
    /// The folder below which its queue lies, known before it starts.
    pub fn queue(scratch: &Scratch) -> PathBuf {
        scratch.path().join("q")
    }

    /// Starts it. `extra` lines stand behind all others in `main.cf`.
    pub fn start(scratch: &Scratch, way: Way, extra: &str) -> Self {
        let (config, [mx, submission, helper, smtps]) = Self::configure(scratch, way, extra, None);
        let (queue, data) = (Self::queue(scratch), scratch.dir("postfix-data"));
        let identity = Identity::new("mx.example.test", &["mx.example.test", "localhost"]);
        fs::write(config.join("cert.pem"), &identity.cert_pem).expect("write");
        fs::write(config.join("key.pem"), &identity.key_pem).expect("write");
        let log = data.join("mail.log");
        let conf = config.to_str().expect("UTF-8");
        run(Command::new("chown").args(["-R", "postfix"]).arg(&data));
        run(Command::new("postfix").args(["-c", conf, "post-install", "create-missing"]));
        let mut command = Command::new("postfix");
        command.args(["-c", conf, "start-fg"]);
        let mut running = Running::start("postfix", &mut command, &scratch.path().join("postfix.out"));
        running.also(&log);
        for port in [mx, submission, helper, smtps] {
            running.wait_for("its ports", || reachable(&Place::Tcp(port)));
        }
        Self { config, running, queue, log, mx, submission, helper, smtps, identity }
    }

    /// Writes its configuration: the folder and the ports (strangers, submission, the way back, also by TLS).
    pub fn configure(scratch: &Scratch, way: Way, extra: &str, helper: Option<u16>) -> (PathBuf, [u16; 4]) {
        let (config, data, queue) = (scratch.dir("postfix"), scratch.dir("postfix-data"), Self::queue(scratch));
        fs::create_dir_all(queue.join("martlet")).expect("a folder for the socket");
        let [mx, submission, smtps] = [free_port(), free_port(), free_port()];
        let helper = helper.unwrap_or_else(free_port);
        fs::write(config.join("main.cf"), main_cf(&config, &queue, &data, way, extra)).expect("write");
        fs::write(config.join("master.cf"), master_cf(mx, submission, helper, smtps)).expect("write");
        settled(&config);
        (config, [mx, submission, helper, smtps])
    }

    /// A session on the submission port, TLS and logged in. A Postfix that does not get its answers from Dovecot within ten
    /// seconds (a busy machine) breaks a session off, as it would for people: they try again.
    pub fn submit_as(&self, user: &str, password: &str) -> Talk {
        let mut talk =
            until("a session at the submission port", || Talk::tls(self.submission, &self.identity, None).ok());
        let reply = talk.login(user, password).expect("AUTH");
        assert_eq!(reply.code, 235, "{reply:?}\n{}", self.log());
        talk
    }

    /// One mail of a user who has logged in.
    pub fn submit(&self, user: &str, password: &str, letter: &Letter) -> Vec<Reply> {
        self.submit_as(user, password).letter(letter, false).expect("a session")
    }

    /// Asks for a delivery of everything deferred, now. A queue run that looks while the mail is still being delivered
    /// skips it and comes back only after minutes.
    pub fn flush(&self) {
        super::process::run(std::process::Command::new("postqueue").arg("-c").arg(&self.config).arg("-f"));
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Of its master.
    pub fn pid(&self) -> u32 {
        let pid = fs::read_to_string(self.queue.join("pid/master.pid")).unwrap_or_default();
        pid.trim().parse().unwrap_or_else(|_| self.running.pid())
    }
}

impl Drop for Postfix {
    /// The master leads a session of its own, outside of our process group.
    fn drop(&mut self) {
        signal("KILL", &format!("-{}", self.pid()));
    }
}

fn main_cf(config: &Path, queue: &Path, data: &Path, way: Way, extra: &str) -> String {
    let stock = fs::read_to_string("/usr/share/postfix/main.cf.debian").unwrap_or_default();
    let blocks = docs::block(PAGE, "main.cf");
    let transport = match way {
        Way::Unix => String::new(),
        Way::Tcp(port) => docs::block_with(PAGE, "main.cf tcp", &[("2424", &port.to_string())]),
        Way::Smtp(port) => docs::block_with(PAGE, "main.cf smtp", &[("2424", &port.to_string())]),
    };
    let [config, queue, data] = [config, queue, data].map(|p| p.display());
    let own = format!(
        "queue_directory = {queue}\n\
         data_directory = {data}\n\
         maillog_file = {data}/mail.log\n\
         maillog_file_prefixes = /tmp\n\
         compatibility_level = 3.6\n\
         inet_interfaces = 127.0.0.1\n\
         inet_protocols = ipv4\n\
         mynetworks =\n\
         mydestination =\n\
         alias_maps =\n\
         recipient_delimiter = +\n\
         smtpd_tls_cert_file = {config}/cert.pem\n\
         smtpd_tls_key_file = {config}/key.pem\n\
         smtpd_tls_security_level = may\n\
         smtpd_peername_lookup = no\n\
         service_throttle_time = 1s\n\
         minimal_backoff_time = 1s\n\
         queue_run_delay = 1s\n"
    );
    last_of_each(&format!("{stock}\n{own}\n{blocks}\n{transport}\n{extra}\n"))
}

/// Makes its files look old: Postfix waits for a moment before it reads one that was just written.
pub fn settled(config: &Path) {
    for name in ["main.cf", "master.cf"] {
        let file = fs::File::options().append(true).open(config.join(name)).expect("its file");
        let modified = file.metadata().and_then(|meta| meta.modified()).expect("a time");
        file.set_modified(modified - std::time::Duration::from_secs(60)).expect("utimes");
    }
}

/// Each parameter once, as it stands last: Postfix warns about the others many times over.
fn last_of_each(text: &str) -> String {
    let mut parameters: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        match (line.starts_with(' '), parameters.last_mut(), line.split_once('=')) {
            (true, Some((_, value)), _) => *value = format!("{value}\n{line}"),
            (_, _, Some((name, value))) => {
                parameters.retain(|(n, _)| n != name.trim());
                parameters.push((name.trim().to_owned(), value.to_owned()));
            }
            _ => panic!("no line of main.cf: {line:?}"),
        }
    }
    parameters.iter().map(|(name, value)| format!("{name} ={value}\n")).collect()
}

fn master_cf(mx: u16, submission: u16, helper: u16, smtps: u16) -> String {
    let stock = fs::read_to_string("/usr/share/postfix/master.cf.dist").expect("Debian's master.cf");
    let stock = stock.replace("\nsmtp      inet", &format!("\n127.0.0.1:{mx} inet"));
    let places = [
        ("submission inet", &*format!("127.0.0.1:{submission} inet")),
        ("127.0.0.1:2525", &*format!("127.0.0.1:{helper}")),
    ];
    let remote = [("smtps     inet", &*format!("127.0.0.1:{smtps} inet"))];
    let more = docs::block_with(PAGE, "master.cf smtps", &remote) + &docs::block(PAGE, "master.cf smtp");
    stock + "\n" + &docs::block_with(PAGE, "master.cf", &places) + &more
}
