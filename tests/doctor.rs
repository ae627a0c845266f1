//! `martlet doctor` against a real Postfix's configuration: a sound set-up is well, and each thing that is broken is
//! named with what to do.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::PathBuf,
    process::{Command, Output},
};

use libtest_mimic::Trial;
use serde_json::Value;

use crate::support::{
    Needs, docs,
    martlet::Martlet,
    postfix::{PAGE, Postfix, Way, settled},
    process::{Scratch, free_port},
    sink::MailSink,
    trial, trial_with,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial_with("doctor: the recipe's set-up is well, and each breach of it is named", &[Needs::Postfix], breaches),
        trial("doctor: without a daemon it says which ports are taken, and what is missing", alone),
    ]
}

/// A daemon with the recipe's configuration, and Postfix's beside it.
struct World {
    martlet: Martlet,
    postfix: PathBuf,
    socket: PathBuf,
    mails: MailSink,
    scratch: Scratch,
}

impl World {
    fn new() -> Self {
        let (scratch, mails) = (Scratch::new(), MailSink::smtp());
        let queue = Postfix::queue(&scratch);
        let folder = queue.join("martlet");
        fs::create_dir_all(&folder).expect("a folder");
        let group = nix::unistd::Group::from_name("postfix").expect("groups").expect("Postfix's group");
        chown(&folder, None, Some(group.gid.as_raw())).expect("chgrp");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o750)).expect("chmod");
        let socket = folder.join("lmtp.sock");
        let (postfix, _) = Postfix::configure(&scratch, Way::Unix, "", Some(mails.port));
        let (http, dir) = (format!("127.0.0.1:{}", free_port()), scratch.dir("martlet"));
        let places = [
            ("/var/lib/martlet", dir.join("data").to_str().expect("UTF-8").to_owned()),
            ("/var/spool/postfix/martlet/lmtp.sock", socket.to_str().expect("UTF-8").to_owned()),
            ("127.0.0.1:8025", http),
            ("127.0.0.1:2525", format!("127.0.0.1:{}", mails.port)),
        ];
        let places: Vec<(&str, &str)> = places.iter().map(|(from, to)| (*from, to.as_str())).collect();
        let martlet = Martlet::start(&dir, &docs::block_with(PAGE, "martlet.toml", &places), &[]);
        Self { martlet, postfix, socket, mails, scratch }
    }

    fn doctor(&self) -> (i32, Vec<Value>) {
        let postfix = self.postfix.to_str().expect("UTF-8");
        read(&self.martlet.command(&["doctor", "--postfix", postfix, "--no-dns", "--json"]))
    }

    /// Another main.cf: these lines stand last.
    fn main_cf(&self, extra: &str) {
        Postfix::configure(&self.scratch, Way::Unix, extra, Some(self.mails.port));
    }
}

impl World {
    /// Another main.cf beside the master.cf that is there.
    fn main_cf_only(&self, extra: &str) {
        let master = self.postfix.join("master.cf");
        let kept = fs::read(&master).expect("master.cf");
        self.main_cf(extra);
        fs::write(master, kept).expect("written");
        settled(&self.postfix);
    }
}

fn read(output: &Output) -> (i32, Vec<Value>) {
    let out = String::from_utf8_lossy(&output.stdout);
    let findings = serde_json::from_str(&out)
        .unwrap_or_else(|why| panic!("{why}: {out}{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().expect("an exit code"), findings)
}

/// Exactly one thing is bad, it is said so, and what to do.
fn one_bad((code, findings): &(i32, Vec<Value>), part: &str, words: &str, todo: &str) {
    let bad: Vec<&Value> = findings.iter().filter(|f| f["state"] == "bad").collect();
    assert_eq!((*code, bad.len()), (69, 1), "{words}: {bad:?}");
    let said = |key: &str| bad[0][key].as_str().unwrap_or_default().to_owned();
    assert!(bad[0]["part"] == part && said("words").contains(words) && said("todo").contains(todo), "{words}: {bad:?}");
}

fn breaches() {
    let w = World::new();
    let sound = w.doctor();
    let (code, findings) = &sound;
    let wrong: Vec<&Value> = findings.iter().filter(|f| f["state"] != "well").collect();
    assert!(*code == 0 && wrong.is_empty(), "{wrong:?}");
    for (part, words) in [
        ("config", "is sound"),
        ("data", "is closed to others"),
        ("store", "0 wait"),
        ("daemon", "it runs"),
        ("listener", "lmtp.sock answers"),
        ("http", "answers"),
        ("mailbox", "answers: 220"),
        ("postfix", "sms.example.test is in relay_domains"),
        ("postfix", "goes by lmtp:unix:martlet/lmtp.sock to a listener of Martlet"),
        ("postfix", "postfix may connect to"),
        ("postfix", "Postfix writes who has logged in"),
        ("postfix", "relays nothing for Martlet"),
    ] {
        let found =
            findings.iter().any(|f| f["part"] == part && f["words"].as_str().is_some_and(|w| w.contains(words)));
        assert!(found, "{part}: {words}: {findings:?}");
    }

    for (extra, words, todo) in [
        ("relay_domains =", "is not in relay_domains", "relay_domains = sms.example.test"),
        ("mydestination = localhost, sms.example.test", "stands in mydestination", "take it out of mydestination"),
        ("virtual_mailbox_domains = inline:{ sms.example.test=x }", "stands in virtual_mailbox_domains", "take it out"),
        ("transport_maps =", "no transport for sms.example.test", "transport_maps = inline:"),
        ("transport_maps = inline:{ sms.example.test=lmtp:unix:other/lmtp.sock }", "where no [[listener]] is", "bind"),
        ("transport_maps = inline:{ sms.example.test=lmtp:inet:127.0.0.1:2424 }", "where no [[listener]] is", "bind"),
        ("transport_maps = hash:/no/such/table", "cannot be read", "mend the table"),
        ("myhostname = mx.elsewhere.test", "mta_names lacks mx.elsewhere.test", "mta_names = [\"mx.elsewhere.test\"]"),
    ] {
        w.main_cf(extra);
        one_bad(&w.doctor(), "postfix", words, todo);
    }
    // What is as good: a parent in relay_domains, an absolute path within the chroot, a table of patterns.
    w.main_cf("relay_domains = example.test\ntransport_maps = regexp:{ {/^sms\\./ lmtp:unix:/martlet/lmtp.sock} }\n");
    let (code, findings) = w.doctor();
    assert_eq!(code, 0, "{findings:?}");
    w.main_cf("lmtp_send_xforward_command = no");
    let (code, findings) = w.doctor();
    let warned = findings
        .iter()
        .any(|f| f["state"] == "warning" && f["words"].as_str().is_some_and(|w| w.contains("queue ids")));
    assert!(code == 0 && warned, "{findings:?}");
    w.main_cf("");

    // master.cf: nobody says who has logged in; the way back relays.
    let master = w.postfix.join("master.cf");
    let whole = fs::read_to_string(&master).expect("master.cf");
    for (without, words) in [
        ("  -o smtpd_sasl_authenticated_header=yes\n", "does not write who has logged in"),
        ("  -o mynetworks=\n", "could be relayed"),
    ] {
        assert!(whole.contains(without));
        fs::write(&master, whole.replace(without, "")).expect("written");
        w.main_cf_only("mynetworks = 127.0.0.0/8");
        one_bad(&w.doctor(), "postfix", words, "in master.cf");
    }
    w.main_cf("");

    // The way to the socket, and its mode.
    let folder = w.socket.parent().expect("a folder");
    for (path, mode, words) in [(folder, 0o700, "cannot pass"), (w.socket.as_path(), 0o600, "may not connect")] {
        let before = fs::metadata(path).expect("it is there").permissions();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
        one_bad(&w.doctor(), "postfix", words, "postfix");
        fs::set_permissions(path, before).expect("chmod");
    }
    assert_eq!(w.doctor().0, 0);

    forged(&w);

    // For people the same, in lines.
    let postfix = w.postfix.to_str().expect("UTF-8");
    let output = w.martlet.command(&["doctor", "--postfix", postfix, "--no-dns"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("well     postfix   sms.example.test is in relay_domains")
            && said.contains("0 bad, 0 to think about"),
        "{said}"
    );
}

/// Where Authentication-Results decide, a forged one must not get through Postfix.
fn forged(w: &World) {
    let config = w.martlet.config.with_file_name("results.toml");
    let text = fs::read_to_string(&w.martlet.config).expect("the file");
    let identity = "identity = [\"authentication-results:mx.example.test\"]";
    fs::write(&config, text.replace("identity = [\"postfix-received\"]", identity)).expect("written");
    let doctor = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_martlet"));
        command.args(["doctor", "--no-dns", "--json", "--postfix"]).arg(&w.postfix).arg("--config").arg(&config);
        read(&command.output().expect("the program runs"))
    };
    one_bad(
        &doctor(),
        "postfix",
        "a forged Authentication-Results of mx.example.test gets through",
        "header_checks = regexp:",
    );
    // What it advises helps.
    let (_, findings) = doctor();
    let todo =
        findings.iter().find_map(|f| f["todo"].as_str().filter(|t| t.starts_with("header_checks"))).expect("advice");
    w.main_cf(todo);
    let (code, findings) = doctor();
    let well = findings.iter().any(|f| f["words"].as_str().is_some_and(|w| w.contains("does not get through")));
    assert!(code == 0 && well, "{findings:?}");
    w.main_cf("header_checks = regexp:{ {/^Authentication-Results:/ WARN} }");
    one_bad(&doctor(), "postfix", "gets through", "header_checks");
    w.main_cf("");
}

fn alone() {
    let scratch = Scratch::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = taken.local_addr().expect("an address");
    let path = scratch.path().join("martlet.toml");
    let text = format!(
        "domains = [\"sms.example.test\"]\n[[listener]]\nprotocol = \"lmtp\"\nbind = \"unix:{0}/no/such/l.sock\"\n\
         [[listener]]\nprotocol = \"lmtp\"\nbind = \"unix:l.sock\"\ngroup = \"no-such-group\"\n\
         [http]\nbind = \"{addr}\"\n[mailbox]\nurl = \"lmtp:{0}/no.sock\"\npostmaster = \"p@example.test\"\n\
         [[gateway]]\nid = \"phone\"\ntype = \"handset\"\n[[account]]\nuser = \"*\"\n",
        scratch.path().display()
    );
    fs::write(&path, text).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_martlet"));
    command.args(["doctor", "--no-mta", "--no-dns", "--json", "--config"]).arg(&path);
    let (code, findings) = read(&command.output().expect("the program runs"));
    assert_eq!(code, 69);
    let said = |state: &str, words: &str| {
        let found =
            findings.iter().any(|f| f["state"] == state && f["words"].as_str().is_some_and(|w| w.contains(words)));
        assert!(found, "{state}: {words}: {findings:?}");
    };
    said("skipped", "is not there yet: `martlet serve` makes it");
    said("warning", "it does not run");
    said("bad", "the folder of");
    said("bad", "there is no group no-such-group");
    said("bad", &format!("{addr}: "));
    said("bad", "does not answer");
    assert!(!scratch.path().join("data").exists(), "it looks and changes nothing");
    let wrong = findings.iter().filter(|f| f["state"] == "bad");
    assert!(wrong.clone().all(|f| f["todo"].is_string()), "whatever is bad comes with what to do");
    assert!(wrong.count() >= 4);
}
