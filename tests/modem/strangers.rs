//! The simulator as other programs see it: smstools and gammu send and receive through `martlet modem sim`, and the
//! commands that look at a modem look at it.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::support::{
    Needs,
    martlet::Martlet,
    process::{Running, Scratch, free_port, until},
    python, root, trial, trial_with,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("strangers: probe and at", probe_and_at),
        trial("strangers: probe and a text over TCP", over_tcp),
        trial("strangers: a modem whose troubles stand in a script", by_script),
        trial_with("strangers: smstools sends and receives through the simulator", &[Needs::Smstools], smstools),
        trial_with("strangers: gammu sends and receives through the simulator", &[Needs::Gammu], gammu),
        trial_with(
            "strangers: python-gsmmodem sends, hears of it and receives through the simulator",
            &[Needs::FakeModems],
            gsmmodem,
        ),
    ]
}

/// `martlet modem sim`, ended with the test.
struct Simulator {
    child: Child,
    typed: ChildStdin,
    said: BufReader<ChildStdout>,
    link: PathBuf,
}

impl Simulator {
    fn start(folder: &Path) -> Self {
        let link = folder.join("modem");
        let mut simulator =
            Self::run(Command::new(env!("CARGO_BIN_EXE_martlet")).args(["modem", "sim", "--link"]).arg(&link));
        assert!(simulator.line().starts_with("ready "));
        simulator.link = link;
        simulator
    }

    /// One that waits for connections.
    fn start_tcp() -> Self {
        let args = ["modem", "sim", "--tcp", "127.0.0.1:0"];
        let mut simulator = Self::run(Command::new(env!("CARGO_BIN_EXE_martlet")).args(args));
        let line = simulator.line();
        simulator.link = line.strip_prefix("ready ").expect("where it waits").into();
        simulator
    }

    /// One that things go wrong with.
    fn start_scripted(folder: &Path, script: &str) -> Self {
        let (link, file) = (folder.join("modem"), folder.join("script"));
        std::fs::write(&file, script).expect("a script");
        let mut command = Command::new(env!("CARGO_BIN_EXE_martlet"));
        let mut simulator = Self::run(command.args(["modem", "sim", "--script"]).arg(&file).arg("--link").arg(&link));
        assert!(simulator.line().starts_with("ready "));
        simulator.link = link;
        simulator
    }

    fn run(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program runs");
        let (typed, said) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        Self { child, typed, said: BufReader::new(said), link: PathBuf::new() }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("a line");
        line.trim().to_owned()
    }

    fn type_in(&mut self, line: &str) {
        writeln!(self.typed, "{line}").expect("it listens");
        self.typed.flush().expect("it listens");
    }

    /// Number and words of what the network has taken.
    fn taken(&mut self) -> Vec<String> {
        self.type_in("taken");
        let mut taken = Vec::new();
        loop {
            let line = self.line();
            if line.starts_with("taken in all") {
                return taken;
            }
            let words = line.splitn(3, ' ').nth(2).expect("reference and words").to_owned();
            taken.push(words);
        }
    }

    fn device(&self) -> &str {
        self.link.to_str().expect("UTF-8")
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn probe_and_at() {
    let scratch = Scratch::new();
    let simulator = Simulator::start(scratch.path());
    let probe = Command::new(env!("CARGO_BIN_EXE_martlet"))
        .args(["modem", "probe", simulator.device(), "--json"])
        .output()
        .expect("the program runs");
    let said: Value = serde_json::from_slice(&probe.stdout).expect("one JSON value");
    assert_eq!((&said["maker"], &said["registered"]), (&"Martlet".into(), &true.into()));
    let sent = said["sent"].as_array().expect("what was sent");
    assert!(
        sent.contains(&"AT+CMGF=0".into())
            && !sent.iter().any(|line| line.as_str().is_some_and(|l| l.contains("CMGS")))
    );

    let mut at = Command::new(env!("CARGO_BIN_EXE_martlet"))
        .args(["modem", "at", simulator.device()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    at.stdin.take().expect("a pipe").write_all(b"AT+CSQ\nAT+CGSN\n").expect("it listens");
    let output = at.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("+CSQ: 21,99") && text.contains("358000000000018"), "{text}");

    let nothing = Command::new(env!("CARGO_BIN_EXE_martlet")).args(["modem", "probe", "/dev/no-such"]).output();
    assert_eq!(nothing.expect("the program runs").status.code(), Some(66));
}

fn by_script() {
    let scratch = Scratch::new();
    let probe = |simulator: &Simulator| {
        let args = ["modem", "probe", simulator.device(), "--json"];
        let probe = Command::new(env!("CARGO_BIN_EXE_martlet")).args(args).output().expect("the program runs");
        let said: Value = serde_json::from_slice(&probe.stdout).expect("one JSON value");
        (said["trouble"].clone(), probe.status.success())
    };
    // The first look finds no SIM, the second one does.
    let simulator = Simulator::start_scripted(scratch.path(), "# a bad contact\nAT+CPIN? 1 cme 10\n");
    assert_eq!(probe(&simulator), ("no-sim".into(), false));
    assert_eq!(probe(&simulator), (Value::Null, true));
    let wrong = scratch.path().join("wrong");
    std::fs::write(&wrong, "AT+CPIN? 1 dance\n").expect("a script");
    let args = ["modem", "sim", "--script"];
    let refused = Command::new(env!("CARGO_BIN_EXE_martlet")).args(args).arg(&wrong).output().expect("it runs");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("line 1"), "{said}");
}

fn over_tcp() {
    let mut simulator = Simulator::start_tcp();
    assert!(simulator.device().starts_with("tcp://127.0.0.1:"), "{}", simulator.device());
    let probe = Command::new(env!("CARGO_BIN_EXE_martlet"))
        .args(["modem", "probe", simulator.device(), "--json"])
        .output()
        .expect("the program runs");
    let said: Value = serde_json::from_slice(&probe.stdout).expect("one JSON value");
    assert_eq!((&said["maker"], &said["registered"]), (&"Martlet".into(), &true.into()));

    let scratch = Scratch::new();
    let config = scratch.path().join("martlet.toml");
    let text = format!(
        "domains = [\"sms.example.test\"]\ndata_dir = \"data\"\n[[listener]]\nprotocol = \"lmtp\"\nbind = \"127.0.0.1:{}\"\n\
         trust = [\"127.0.0.1/32\"]\nidentity = [\"envelope\"]\n[mailbox]\nurl = \"smtp://127.0.0.1:9\"\n\
         postmaster = \"postmaster@example.test\"\n[http]\nbind = \"127.0.0.1:{}\"\n[sms]\nregion = \"US\"\n[[gateway]]\nid = \"stick\"\ntype = \"modem\"\n\
         device = {:?}\n[[account]]\nuser = \"alice@example.test\"\n",
        free_port(),
        free_port(),
        simulator.device(),
    );
    let martlet = Martlet::start(scratch.path(), &text, &[]);
    let sent = Command::new(env!("CARGO_BIN_EXE_martlet"))
        .args(["send", "--config"])
        .arg(&config)
        .args(["--account", "alice@example.test", "--to", "+12015550123", "a text over TCP"])
        .output()
        .expect("the program runs");
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    until("the text at the network", || {
        simulator.taken().iter().any(|text| text.contains("a text over TCP")).then_some(())
    });
    drop(martlet);
}

fn smstools() {
    let scratch = Scratch::new();
    let mut simulator = Simulator::start(scratch.path());
    let dir = |name: &str| scratch.dir(name).display().to_string();
    let (outgoing, incoming) = (dir("outgoing"), dir("incoming"));
    let config = scratch.path().join("smsd.conf");
    let text = format!(
        "devices = SIM\noutgoing = {outgoing}\nchecked = {}\nincoming = {incoming}\nsent = {}\nfailed = {}\n\
         report = {}\nlogfile = {}\ninfofile = {}\npidfile = {}\nstats = {}\nloglevel = 7\ndelaytime = 1\n\n[SIM]\n\
         device = {}\nincoming = high\nbaudrate = 115200\ncs_convert = yes\nreport = no\n",
        dir("checked"),
        dir("sent"),
        dir("failed"),
        dir("report"),
        scratch.path().join("smsd.log").display(),
        scratch.path().join("smsd.running").display(),
        scratch.path().join("smsd.pid").display(),
        dir("stats"),
        simulator.device(),
    );
    std::fs::write(&config, text).expect("a config");
    simulator.type_in("text +15551234567 a text for smstools");
    std::fs::write(scratch.path().join("outgoing/one"), "To: 15559876543\n\nfrom smstools, with love\n")
        .expect("a text");
    let mut command = Command::new("smsd");
    command.arg("-t").arg(format!("-c{}", config.display()));
    let _running = Running::start("smsd", &mut command, &scratch.path().join("smsd.out"));
    let sent = until("smstools to send", || Some(simulator.taken()).filter(|taken| !taken.is_empty()));
    assert_eq!(sent, ["+15559876543 from smstools, with love"]);
    let received = until("smstools to receive", || {
        let entry = std::fs::read_dir(&incoming).ok()?.flatten().next()?;
        std::fs::read_to_string(entry.path()).ok().filter(|text| text.contains("smstools"))
    });
    assert!(received.contains("From: 15551234567") && received.contains("a text for smstools"), "{received}");
}

fn gsmmodem() {
    let scratch = Scratch::new();
    let mut simulator = Simulator::start(scratch.path());
    let client = Command::new(python())
        .arg(root().join("tests/modem/client.py"))
        .args([simulator.device(), "+15559876543", "from gsmmodem, with love: 5 €"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("python");
    let sent = until("gsmmodem to send", || Some(simulator.taken()).filter(|taken| !taken.is_empty()));
    assert_eq!(sent, ["+15559876543 from gsmmodem, with love: 5 €"]);
    simulator.type_in("text +15551234567 a text for gsmmodem");
    let output = client.wait_with_output().expect("it ends");
    let said: Value = serde_json::from_slice(&output.stdout).expect("one JSON value");
    assert_eq!((&said["maker"], &said["delivered"]), (&"Martlet".into(), &true.into()), "{said}");
    assert_eq!(said["came"], json!([["+15551234567", "a text for gsmmodem"]]));
    until("an empty SIM", || {
        simulator.type_in("stored");
        (simulator.line() == "stored 0").then_some(())
    });
}

fn gammu() {
    let scratch = Scratch::new();
    let mut simulator = Simulator::start(scratch.path());
    let config = scratch.path().join("gammurc");
    std::fs::write(&config, format!("[gammu]\ndevice = {}\nconnection = at115200\n", simulator.device()))
        .expect("a config");
    let run = |args: &[&str]| {
        let output = Command::new("gammu").arg("-c").arg(&config).args(args).output().expect("gammu runs");
        (String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr), output.status)
    };
    let (said, status) = run(&["sendsms", "TEXT", "+15559876543", "-text", "from gammu, with love"]);
    assert!(status.success(), "{said}");
    assert_eq!(simulator.taken(), ["+15559876543 from gammu, with love"]);
    simulator.type_in("text +15551234567 a text for gammu");
    simulator.type_in("stored");
    while simulator.line() != "stored 1" {}
    let (said, status) = run(&["getallsms"]);
    assert!(status.success() && said.contains("a text for gammu") && said.contains("+15551234567"), "{said}");
}
