//! The control socket and the commands that use it, with the real daemon and the real program.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream, process::CommandExt},
    path::Path,
    process::Output,
};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::support::{
    Needs,
    process::{DEADLINE, Scratch, until},
    sink::{Answer, Provider},
    trial, trial_with,
    world::{Plan, World},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("control: send queues a text, as an account or as whoever calls", send),
        trial("control: a hand on the queue, and a cancelled text is told to its sender", hands),
        trial("control: without a daemon list and show read the store, all else says what to do", no_daemon),
        trial_with("control: a stranger is refused, a member of the group is not", &[Needs::Root], strangers),
        trial("control: garbage, endless lines and half-open connections leave it working", garbage),
        trial("control: reload takes up accounts and keeps what it had when the file is wrong", reload),
    ]
}

const PHONE: &str = "+12025550123";

fn account(more: &str) -> String {
    format!("[[account]]\nuser = \"alice@example.test\"\nmonthly_max = 5\n{more}")
}

/// Gateway `main` is this provider; what it puts off waits for an hour.
fn daemon(provider: Provider, more: &str) -> World {
    let hour = "retry_min = \"1h\"\nretry_max = \"1h\"";
    Plan::new().provider(provider).keys("[queue]", hour).tables(more).start()
}

fn socket(world: &World) -> UnixStream {
    UnixStream::connect(world.dir.join("data/control.sock")).expect("the control socket")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn says(output: &Output, code: i32, words: &str) {
    assert_eq!(output.status.code(), Some(code), "{}{}", out(output), err(output));
    assert!(err(output).contains(words), "{words:?} is missing: {}", err(output));
}

fn send() {
    let w = daemon(Provider::willing(), &account(""));
    // Root has no account here: what holds without any.
    let queued = w.martlet.command(&["send", "--to", PHONE, "Hello there"]);
    assert_eq!(queued.status.code(), Some(0), "{}", err(&queued));
    let id = out(&queued).trim_end().strip_prefix("queued ").expect("queued <id>").to_owned();
    assert_eq!(w.provider.seen.wait("the text", |r| r.value("text") == "Hello there").value("to"), PHONE);
    let shown = w.martlet.json(&["queue", "show", &id]);
    assert_eq!((&shown["id"], &shown["account"]), (&json!(id), &json!("root")));

    // As an account, by its rights: two of her five segments go with one call.
    let text = "x".repeat(200);
    let sent = w.martlet.json(&["send", "--account", "Alice@example.test", "--to", PHONE, &text]);
    let id = sent["queued"][0].as_str().expect("an id").to_owned();
    assert_eq!(w.martlet.json(&["queue", "show", &id])["account"], "alice@example.test");
    let two =
        w.martlet.json(&["send", "--account", "alice@example.test", "--to", &format!("{PHONE},+12025550124"), "y"]);
    assert_eq!(two["queued"].as_array().map(Vec::len), Some(2));
    let over = w.martlet.command(&["send", "--account", "alice@example.test", "--to", PHONE, &text]);
    says(&over, 65, "monthly limit of 5 reached");
    assert!(out(&over).is_empty());

    let dry = w.martlet.command(&["send", "--dry-run", "--to", PHONE, "never"]);
    assert_eq!((dry.status.code(), out(&dry).as_str()), (Some(0), "it would be queued\n"));
    let input = w.martlet.command_with(&["send", "--to", PHONE, "-"], "from a pipe\n");
    assert_eq!(input.status.code(), Some(0), "{}", err(&input));
    w.provider.seen.wait("the piped text", |r| r.value("text") == "from a pipe");
    assert!(!w.provider.seen.all().iter().any(|r| r.value("text") == "never"));

    for (args, words) in [
        (&["--to", "12", "x"][..], "number"),
        (&["--to", PHONE, ""], "nothing to send"),
        (&["--to", "+4930901820", "x"], "region DE"),
        (&["--account", "nobody", "--to", PHONE, "x"], "no account"),
        (&["--to", "sms:+12025550123?id=elsewhere", "x"], "no gateway of that name"),
        (&["--to", "sms:+12025550123?user=alice@example.test&pass=wrong", "x"], "user or password is wrong"),
    ] {
        says(&w.martlet.command(&[&["send"], args].concat()), 65, words);
    }
    let log = w.martlet.log();
    assert!(log.contains("who=\"root\"") && log.contains("what=\"send\""), "who sent stands in the log");
    assert!(!log.contains("Hello") && !log.contains("2025550123") && !log.contains("wrong\""), "{log}");
}

fn hands() {
    // The provider is down: everything waits.
    let w = daemon(Provider::start(|_| Answer::Say(503, "busy".into())), &account(""));
    let queued = |text: &str| {
        let sent = w.martlet.json(&["send", "--account", "alice@example.test", "--to", PHONE, text]);
        sent["queued"][0].as_str().expect("an id").to_owned()
    };
    let (a, b) = (queued("first words"), queued("second words"));
    let state = |id: &str| w.martlet.json(&["queue", "show", id])["state"].clone();
    let waiting = |id: &str| until("it waits", || (state(id) == "waiting").then_some(()));
    let tried = || until("an attempt", || (w.martlet.json(&["queue", "show", &a])["attempts"] != 0).then_some(()));
    tried();
    waiting(&a);
    let held = hand(&w, "hold", &a);
    assert_eq!((&held["id"], &held["state"]), (&json!(a), &json!("held")));
    says(&w.martlet.command(&["queue", "hold", &a]), 65, "is held already");
    waiting(&b);
    says(&w.martlet.command(&["queue", "release", &b]), 65, "is not held");
    assert_eq!(w.martlet.json(&["queue", "list", "--state", "held"])[0]["id"], json!(a));
    assert_eq!(hand(&w, "release", &a)["state"], "waiting");
    waiting(&a);
    assert_eq!(hand(&w, "retry", &a)["id"], json!(a));

    // One of several that cannot be helped keeps none of the others back.
    let unknown = "019313c6-0000-7000-8000-000000000000";
    until("both are cancelled", || {
        let output = w.martlet.command(&["queue", "cancel", &a, unknown, &b, "--json"]);
        says(&output, 65, "there is no message 019313c6");
        let closed = |id: &str| w.martlet.json(&["queue", "show", id])["result"] == "cancelled";
        (closed(&a) && closed(&b)).then_some(())
    });
    says(&w.martlet.command(&["queue", "retry", &a]), 65, "is closed (cancelled)");

    // Everything accepted ends told: by a report, and what it cost is given back.
    let reports = w.mails.seen.within(DEADLINE, |all| (all.len() == 2).then(|| all.to_vec())).expect("two reports");
    assert!(reports.iter().all(|mail| mail.rcpt.iter().any(|r| r.contains("alice@example.test"))), "{reports:?}");
    let report = String::from_utf8_lossy(&reports[0].data).into_owned();
    for words in ["was cancelled", "Action: failed", "Status: 5.7.1", "by an administrator"] {
        assert!(report.contains(words), "{words}: {report}");
    }
    let events = w.martlet.json(&["queue", "show", &a])["events"].clone();
    let last = events.as_array().and_then(|all| all.last()).expect("a history").clone();
    assert_eq!(last["what"], "cancelled");
    let text = "x".repeat(153 * 5);
    assert_eq!(
        w.martlet.command(&["send", "--account", "alice@example.test", "--to", PHONE, &text]).status.code(),
        Some(0)
    );

    let log = w.martlet.log();
    for what in ["hold", "release", "retry", "cancel"] {
        assert!(log.contains(&format!("what=\"{what}\"")), "{what} stands in the log: {log}");
    }
}

/// One hand on one message, again where an attempt was under way.
fn hand(w: &World, what: &str, id: &str) -> Value {
    until(&format!("{what} is done"), || {
        let output = w.martlet.command(&["queue", what, id, "--json"]);
        if output.status.code() == Some(65) && err(&output).contains("at this moment") {
            return None;
        }
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        Some(serde_json::from_str(&out(&output)).expect("one JSON value"))
    })
}

fn no_daemon() {
    let mut w = daemon(Provider::willing(), &account(""));
    let id = w.martlet.json(&["send", "--to", PHONE, "Hello"])["queued"][0].as_str().expect("an id").to_owned();
    w.provider.seen.wait("the text", |_| true);
    w.martlet.settled();
    w.martlet.stop();
    assert!(!w.dir.join("data/control.sock").exists(), "the socket is given back");
    assert_eq!(w.martlet.json(&["queue", "show", &id])["result"], "relayed");
    assert_eq!(w.martlet.json(&["queue", "list"])[0]["id"], json!(id));
    for args in [&["queue", "hold", &id][..], &["queue", "cancel", &id], &["send", "--to", PHONE, "Hello"], &["reload"]]
    {
        let output = w.martlet.command(args);
        says(&output, 69, "no daemon answers at");
        assert!(err(&output).contains("martlet serve --config"), "what to do");
    }
    // A daemon that was killed leaves its socket file: nobody listens behind it.
    w.martlet.restart();
    w.martlet.kill();
    assert!(w.dir.join("data/control.sock").exists());
    says(&w.martlet.command(&["reload"]), 69, "no daemon answers at");
    assert_eq!(w.martlet.json(&["queue", "show", &id])["result"], "relayed");
    w.martlet.restart();
    assert_eq!(w.martlet.command(&["reload"]).status.code(), Some(0));
}

fn strangers() {
    let run = Scratch::new();
    let socket = run.path().join("c.sock");
    let more =
        |mode: &str| format!("[control]\nsocket = \"{}\"\ngroup = \"daemon\"\n{mode}{}", socket.display(), account(""));
    // Everybody may connect to the file; the kernel's word on who he is decides.
    let w = daemon(Provider::willing(), &more("mode = \"0666\"\n"));
    let ask = |uid: u32, gid: u32| {
        let mut command = w.martlet.prepared(&["queue", "list", "--json"]);
        readable(&w.dir);
        command.uid(uid).gid(gid).output().expect("the program runs")
    };
    let (nobody, nogroup) = (65_534, 65_534);
    says(
        &ask(nobody, nogroup),
        77,
        "user 65534 may not: only root and the daemon's own user, and the members of the group daemon",
    );
    let member = ask(nobody, 1);
    assert_eq!((member.status.code(), out(&member).as_str()), (Some(0), "[]\n"), "{}", err(&member));
    assert!(w.martlet.log().contains("stranger"), "refusals are logged");
    drop(w);

    // With the usual mode of a socket with a group the file itself says no.
    let w = daemon(Provider::willing(), &more(""));
    let mode = fs::metadata(&socket).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let mut command = w.martlet.prepared(&["queue", "list"]);
    readable(&w.dir);
    let refused = command.uid(nobody).gid(nogroup).output().expect("the program runs");
    says(&refused, 77, "as a member of the group that `control.group` names");
}

/// The configuration must be readable for whoever plays the stranger.
fn readable(dir: &Path) {
    fs::set_permissions(dir.join("martlet.toml"), fs::Permissions::from_mode(0o644)).expect("chmod");
}

fn garbage() {
    let w = daemon(Provider::willing(), &account(""));
    let mode = fs::metadata(w.dir.join("data/control.sock")).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let say = |octets: &[u8]| {
        let mut stream = socket(&w);
        // The daemon may have said no already.
        let _ = stream.write_all(octets);
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).expect("an answer");
        serde_json::from_str::<Value>(&line).unwrap_or_else(|why| panic!("{why}: {line}"))
    };
    assert_eq!(say(b"{\"v\":1,\"op\":\"status\"}\n")["ok"]["version"], env!("CARGO_PKG_VERSION"));
    for octets in [&b"GET / HTTP/1.1\r\n"[..], b"\xff\xfe\0\n", b"\n", b"{\"v\":9,\"op\":\"status\"}\n"] {
        assert_eq!(say(octets)["error"]["why"], "request");
    }
    assert!(say(&vec![b' '; 300 << 10])["error"]["words"].as_str().expect("words").contains("at most 262144 octets"));

    // Silent ones take no more than their place; a half-open one is still answered.
    let silent: Vec<_> = (0..20).map(|_| socket(&w)).collect();
    let mut half = socket(&w);
    half.write_all(b"{\"v\":1,\"op\":\"status\"}\n{\"v\":1,").expect("written");
    half.shutdown(std::net::Shutdown::Write).expect("half-closed");
    let mut all = String::new();
    half.read_to_string(&mut all).expect("an answer, and the end");
    assert_eq!(all.lines().count(), 1, "what was left unfinished is no request: {all}");
    // Several requests on one connection, in order.
    let mut several = socket(&w);
    several.write_all(b"{\"v\":1,\"op\":\"list\"}\nx\n{\"v\":1,\"op\":\"status\"}\n").expect("written");
    let lines: Vec<String> = BufReader::new(several).lines().take(3).map(|line| line.expect("a line")).collect();
    assert!(lines[0] == "{\"ok\":[]}" && lines[1].contains("error") && lines[2].contains("version"), "{lines:?}");
    drop(silent);
    assert_eq!(w.martlet.json(&["queue", "list"]), json!([]));
}

fn reload() {
    let mut w = daemon(Provider::willing(), &account(""));
    let as_bob = ["send", "--account", "bob@example.test", "--to", PHONE, "Hello"];
    says(&w.martlet.command(&as_bob), 65, "no account");
    let before = fs::read_to_string(&w.martlet.config).expect("the file");
    let bob = "[[account]]\nuser = \"bob@example.test\"\n";
    fs::write(&w.martlet.config, format!("{before}{bob}")).expect("written");
    let done = w.martlet.json(&["reload"]);
    assert_eq!(done, json!({ "applied": ["account"], "restart": [] }));
    assert_eq!(w.martlet.command(&as_bob).status.code(), Some(0));

    // A file that is wrong changes nothing, and says where.
    fs::write(&w.martlet.config, format!("{before}[[account]]\nuser = \"carol@example.test\"\nmonthly_max = 0\n"))
        .expect("written");
    let mut raw = socket(&w);
    raw.write_all(b"{\"v\":1,\"op\":\"reload\"}\n").expect("written");
    let mut line = String::new();
    BufReader::new(raw).read_line(&mut line).expect("an answer");
    let answer: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(answer["error"]["why"], "config");
    assert!(answer["error"]["words"].as_str().expect("words").contains("martlet.toml:"), "{answer}");
    says(&w.martlet.command(&["reload"]), 78, "a limit of 0 sends nothing");

    // SIGHUP is the same. What cannot change live is named, and named again until the restart.
    let longer = before.replace("[sms]\n", "[sms]\nmax_parts = 1\n");
    fs::write(&w.martlet.config, format!("{longer}{bob}monthly_max = 1\n")).expect("written");
    w.martlet.signal("HUP");
    until("the word in the log", || w.martlet.log().contains("applied=\"account\" restart=\"sms\"").then_some(()));
    assert_eq!(w.martlet.json(&["reload"]), json!({ "applied": [], "restart": ["sms"] }));
    // She has used one already, and now has one.
    says(&w.martlet.command(&as_bob), 65, "monthly limit of 1 reached");
    w.martlet.stop();
}
