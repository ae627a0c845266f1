//! `martlet try`: a whole system with no set-up, in one folder and on loopback.
//!
//! It writes the configuration that it runs with into the folder, so that the other commands work on it, and prints the
//! line that sends the first text. Whoever can reach its doors may send: it listens on loopback only. What can go wrong:
//! ports that are taken (a free one is used instead, unless one was asked for), a folder that is used by another one.

use std::{
    io::Write,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{Exit, Failure};
use crate::{
    app,
    config::{self, Config},
    doors::{
        mail::{Bind, Bound},
        trial::{Letterbox, PHONES},
    },
    ground::Clock,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where it keeps everything; made if it is not there
    #[arg(long, value_name = "DIR", default_value = "martlet-try")]
    dir: PathBuf,
    /// Where it takes mail by SMTP, on loopback [default: 127.0.0.1:2525, else any free port]
    #[arg(long, value_name = "ADDR")]
    mail: Option<SocketAddr>,
    /// Where it takes mail by LMTP, on loopback [default: 127.0.0.1:2424, else any free port]
    #[arg(long, value_name = "ADDR")]
    lmtp: Option<SocketAddr>,
    /// Where the page is, on loopback [default: 127.0.0.1:8025, else any free port]
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
}

/// Longest path of a Unix socket that every system takes, octets.
const LONGEST_SOCKET: usize = 100;
const SMS_DOMAIN: &str = "sms.example.test";
const PEOPLE: &str = "example.test";

pub fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(err, "cannot start: {error}");
            return ExitCode::from(Exit::Software as u8);
        }
    };
    runtime.block_on(async {
        match prepare(args).await {
            Ok(ready) => {
                let words = ready.words(&args.dir);
                let tell = |_: &[String]| {
                    // A closed standard output is no reason to stop.
                    let _ = out.write_all(words.as_bytes()).and_then(|()| out.flush());
                };
                Box::pin(app::run_trial(ready.config, ready.trial, tell)).await
            }
            Err(failure) => {
                let _ = writeln!(err, "{}", failure.words);
                ExitCode::from(failure.exit as u8)
            }
        }
    })
}

struct Places {
    smtp: SocketAddr,
    lmtp: SocketAddr,
    http: SocketAddr,
}

struct Prepared {
    config: Config,
    trial: app::Trial,
    places: Places,
    command: String,
}

async fn prepare(args: &Args) -> Result<Prepared, Failure> {
    let places = Places {
        smtp: place("--mail", args.mail, 2525)?,
        lmtp: place("--lmtp", args.lmtp, 2424)?,
        http: place("--http", args.http, 8025)?,
    };
    let dir = &args.dir;
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::CannotCreate, format!("{} cannot be used: {error}; choose another --dir", dir.display()))
    };
    make(dir).map_err(|error| unusable(&error))?;
    let dir = std::path::absolute(dir).map_err(|error| unusable(&error))?;
    let (sink, url) = sink(&dir).await?;
    let letterbox = Letterbox::open(dir.join("mails"), Clock::system()).map_err(|error| unusable(&error))?;
    let file = dir.join("martlet.toml");
    std::fs::write(&file, toml(&places, &url)).map_err(|error| unusable(&error))?;
    let config = config::load(&file)?;
    let command = command(places.smtp);
    let trial = app::Trial { sink, letterbox, people: PEOPLE.to_owned(), command: command.clone() };
    Ok(Prepared { config, trial, places, command })
}

/// The folder holds texts and numbers: it is for its owner.
fn make(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// The address that was asked for, else the usual one, else any free port.
fn place(option: &str, asked: Option<SocketAddr>, usual: u16) -> Result<SocketAddr, Failure> {
    let free = |addr: SocketAddr| TcpListener::bind(addr).and_then(|listener| listener.local_addr());
    let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
    match asked {
        Some(addr) if !addr.ip().is_loopback() => {
            let why = "a trial believes everybody, so it listens on loopback only, such as 127.0.0.1:2525";
            Err(Failure::new(Exit::Usage, format!("{option} {addr}: {why}")))
        }
        Some(addr) => free(addr).map_err(|error| {
            Failure::new(Exit::OsError, format!("{option} {addr}: {error}; is another program listening there?"))
        }),
        None => free(loopback(usual)).or_else(|_| free(loopback(0))).map_err(Failure::from),
    }
}

/// Where Martlet's own mails go: a socket in the folder.
async fn sink(dir: &Path) -> Result<(Bound, String), Failure> {
    let path = dir.join("mailbox.sock");
    let Some(written) = path.to_str().filter(|path| path.len() <= LONGEST_SOCKET && !path.contains(['"', '\\'])) else {
        let why = "sockets cannot have a path as long or as odd as that; choose another --dir";
        return Err(Failure::new(Exit::CannotCreate, format!("{}: {why}", dir.display())));
    };
    let url = format!("lmtp:{written}");
    let bound = Bound::bind(&Bind::Unix { path, mode: 0o600, group: None }).await.map_err(|error| {
        let dir = dir.display();
        Failure::new(Exit::OsError, format!("{error}; is another `martlet try` running in {dir}?"))
    })?;
    Ok((bound, url))
}

fn toml(places: &Places, mailbox: &str) -> String {
    let Places { smtp, lmtp, http } = places;
    format!(
        r#"# Written by `martlet try` at each start: copy it before you change it.
# The other commands work with it, for instance: martlet queue list --config martlet.toml

domains  = ["{SMS_DOMAIN}"]
data_dir = "."

# Whoever says who he is, is believed: for loopback only.
[[listener]]
protocol = "smtp"
bind     = "{smtp}"
trust    = ["127.0.0.0/8", "::1/128"]
identity = ["envelope"]

[[listener]]
protocol = "lmtp"
bind     = "{lmtp}"
trust    = ["127.0.0.0/8", "::1/128"]
identity = ["envelope"]

[http]
bind = "{http}"

# The mailbox that the page shows.
[mailbox]
url        = "{mailbox}"
postmaster = "postmaster@{PEOPLE}"

[inbound]
domains       = ["{PEOPLE}"]
conflict_wait = "10m"

# Short, so that one can watch.
[queue]
retry_min    = "3s"
retry_max    = "10s"
warn_after   = "15s"
expire       = "10m"
receipt_wait = "2m"

[log]
level = "warn"

[[gateway]]
id       = "phones"
type     = "handset"
password = "demo"

# Everybody may write; "*" also pays for the question that a phone is asked when several people wrote to it.
[[account]]
user        = "*"
monthly_max = "unlimited"

# For programs: http://{http}/sms/?user=demo&pass=demo&number=%2B12025550123&data=Hello
[[account]]
user     = "demo"
password = "demo"
reply    = "alice@{PEOPLE}"
"#
    )
}

/// Sends the first text, with what every system has.
fn command(smtp: SocketAddr) -> String {
    let phone = PHONES[0];
    format!(
        "printf 'From: alice@{PEOPLE}\\r\\nSubject: Dinner\\r\\n\\r\\nSee you at eight?\\r\\n' | curl -sS smtp://{smtp} \
         --mail-from alice@{PEOPLE} --mail-rcpt '{phone}@{SMS_DOMAIN}' -T -"
    )
}

impl Prepared {
    fn words(&self, dir: &Path) -> String {
        let Places { smtp, lmtp, http } = self.places;
        let (dir, command) = (dir.display(), &self.command);
        format!(
            "Martlet is ready. Nothing leaves this machine; everything is kept in {dir}.\n\n\
             Open the page:\n\n    http://{http}/\n\n\
             Send the first text, in another terminal or on the page:\n\n    {command}\n\n\
             Mail for <number>@{SMS_DOMAIN} is taken by SMTP on {smtp} and by LMTP on {lmtp}.\n\
             Ctrl-C ends it.\n"
        )
    }
}
