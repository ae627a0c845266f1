//! What tests share: how a test is declared, and which programs it needs.
#![expect(clippy::disallowed_methods, reason = "tests stand outside of the daemon: real time, real environment")]

pub mod browser;
pub mod cut;
pub mod docs;
pub mod dovecot;
pub mod exim;
pub mod faults;
pub mod flufl;
pub mod http;
pub mod jail;
pub mod letter;
pub mod martlet;
pub mod memory;
pub mod opensmtpd;
pub mod postgres;
pub mod postfix;
pub mod preload;
pub mod process;
pub mod sink;
pub mod talk;
pub mod world;

pub mod mta;
pub mod provider;

use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};

/// A program that a test needs beside Rust and a C compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Postfix,
    Dovecot,
    /// Unpacked into `target/mta` by `tests/run`, run in a chroot.
    Exim,
    OpenSmtpd,
    /// Python 3 with `flufl.bounce`.
    FluflBounce,
    /// Python 3 with the libraries of providers that sign hooks.
    Signers,
    /// Chromium and its WebDriver.
    Chromium,
    Curl,
    /// The rights to play another user.
    Root,
    /// An HTTP proxy.
    Tinyproxy,
    /// A SOCKS5 proxy.
    Microsocks,
    Nginx,
    Postgres,
    /// bash, zsh and fish.
    Shells,
    /// Reads manual pages.
    Mandoc,
    OpenSsl,
    Smstools,
    Gammu,
    /// Python's `gsmmodem`, and the fake modems of its tests, unpacked into `target/gsmmodem` by `tests/run`.
    FakeModems,
    /// An SMS gateway with a fake SMSC.
    Kannel,
    /// `systemd-analyze`; nothing of it needs to run.
    Systemd,
}

impl Needs {
    /// Where the program was found.
    pub fn found(self) -> bool {
        match self {
            // It starts as root and gives its rights away itself.
            Self::Postfix => on_path("postfix") && on_path("postconf") && nix::unistd::Uid::effective().is_root(),
            Self::Exim => unpacked("exim/usr/sbin/exim4"),
            Self::OpenSmtpd => unpacked("opensmtpd/usr/sbin/smtpd") && on_path("openssl"),
            Self::Dovecot => on_path("dovecot"),
            Self::Chromium => on_path("chromium") && on_path("chromedriver"),
            Self::Curl => on_path("curl"),
            Self::Shells => ["bash", "zsh", "fish"].into_iter().all(on_path),
            Self::Mandoc => on_path("mandoc"),
            Self::Smstools => on_path("smsd"),
            Self::Gammu => on_path("gammu"),
            Self::FakeModems => root().join("target/gsmmodem/test/fakemodems.py").is_file() && imports("gsmmodem.pdu"),
            Self::Kannel => on_path("bearerbox") && on_path("smsbox"),
            Self::Systemd => on_path("systemd-analyze"),
            Self::Root => nix::unistd::Uid::effective().is_root(),
            Self::Tinyproxy => on_path("tinyproxy"),
            Self::Microsocks => on_path("microsocks"),
            Self::Postgres => postgres::programs().is_some() && nix::unistd::Uid::effective().is_root(),
            Self::Nginx => on_path("nginx"),
            Self::OpenSsl => on_path("openssl"),
            Self::FluflBounce => imports("flufl.bounce"),
            Self::Signers => imports("twilio, plivo, vonage_http_client, nacl, jwt, cryptography"),
        }
    }
}

fn imports(packages: &str) -> bool {
    let mut ask = std::process::Command::new(python());
    ask.args(["-c", &format!("import {packages}")]).output().is_ok_and(|out| out.status.success())
}

fn unpacked(program: &str) -> bool {
    root().join("target/mta").join(program).is_file() && nix::unistd::Uid::effective().is_root()
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .any(|dir| dir.join(program).is_file())
}

/// A test that needs nothing but Rust. A panic is a failure.
pub fn trial(name: &str, test: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        test();
        Ok(())
    })
}

/// A test that needs server programs: ignored with a word where one is missing, a failure under `CI=true`.
pub fn trial_with(name: &str, needs: &[Needs], test: impl FnOnce() + Send + 'static) -> Trial {
    let missing: Vec<_> = needs.iter().copied().filter(|n| !n.found()).collect();
    if missing.is_empty() {
        return trial(name, test);
    }
    if std::env::var("CI").is_ok_and(|v| v == "true") {
        let name = name.to_owned();
        return Trial::test(name, move || Err(Failed::from(format!("needs {missing:?}, which CI must install"))));
    }
    Trial::test(format!("{name} (skipped: needs {missing:?})"), || Ok(())).with_ignored_flag(true)
}

/// A current-thread runtime for one test.
pub fn run_async<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(test)
}

/// Python with the packages that tests need: `tests/run` makes a virtual environment for it.
pub fn python() -> PathBuf {
    let own = root().join("target/venv/bin/python3");
    if own.is_file() { own } else { PathBuf::from("python3") }
}

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A line of a test for whoever runs it.
#[expect(clippy::print_stderr, reason = "a test has nobody else to tell")]
pub fn say(line: &str) {
    eprintln!("{line}");
}

/// What was measured against vectors: said, and held against the row that `docs/conformance.md` quotes.
pub fn quoted(vectors: &str, right: usize, asked: usize) {
    let score = format!("{right} of {asked}");
    say(&format!("{vectors}: {score}"));
    let text = std::fs::read_to_string(root().join("docs/conformance.md")).expect("docs/conformance.md");
    let row = format!("| `{vectors}` | {score} |");
    assert!(text.contains(&row), "docs/conformance.md does not say `{row}`");
}

/// Where pictures for the documentation are to be written, if anywhere (`MARTLET_PICTURES`).
pub fn pictures() -> Option<PathBuf> {
    std::env::var_os("MARTLET_PICTURES").map(|folder| root().join(folder))
}

/// The folder of conformance vectors, where it is there (`MARTLET_VECTORS`, default `../shared/vectors/public`).
pub fn vectors() -> Option<PathBuf> {
    let dir =
        std::env::var_os("MARTLET_VECTORS").map_or_else(|| root().join("../shared/vectors/public"), PathBuf::from);
    dir.is_dir().then_some(dir)
}
