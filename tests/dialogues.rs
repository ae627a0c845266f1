//! Dialogues as text (`tests/dialogues/*.txt`), spoken with the SMTP and LMTP session without sockets.
//!
//! ```text
//! # why this dialogue stands here
//! % protocol smtp | trusted no | size N | recipients N | errors N | hops N     (defaults: lmtp, yes, no limits near)
//! C: a line of the client, CR LF added        C~ the same without CR LF
//!    \r \n \0 \\ \xHH are bytes; {a*3000} is a run
//! S: one line of a reply; … at its end: whatever follows
//! M: a mail that was handed over: from | recipients | what the envelope adds | octets of the data
//! E: why the session closed
//! ```
//! The runner adds: every dialogue gives the same when the client's bytes come one by one, and all at once.
//! `% tls yes`, `% auth yes`, `% xclient yes`, `% bare normalize`, `% link open | local | encrypted` say what is offered and over what the
//! session goes. After STARTTLS the runner plays a handshake that went well (`T: encrypted`). The user alice has the
//! password pw; the password busy finds too many at once, locked one wrong too often (`L: user`).
//! `S*3:` stands for three replies that are the same.
//! What needs sockets and time stands in `tests/dialogues/door/` and is spoken by `tests/mail_door/dialogues.rs`.
//! [`covered`] holds both against the verbs, extensions and limits that there are.
//! Recipients whose local part begins with `unknown`, `busy`, `closing` are refused at RCPT with 550, 450, 421;
//! `full` and `denied` after DATA with 452 and 550; `silent` gets no answer at all.

mod covered;

use std::{collections::VecDeque, fs, sync::Arc};

use libtest_mimic::Trial;
use martlet::{
    address::{Path, ReversePath},
    ground::Enhanced,
    smtp::{Envelope, Link, LogIn, Mail, Protocol, Recipient, Reply, Session, Step, data::Bare, session::Settings},
};

use crate::support::{root, trial};

pub fn trials() -> Vec<Trial> {
    let mut files: Vec<_> = fs::read_dir(root().join("tests/dialogues"))
        .expect("tests/dialogues")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    files.sort();
    let mut trials: Vec<_> = files
        .into_iter()
        .map(|path| {
            let name = format!("dialogues::{}", path.file_stem().expect("a name").to_string_lossy());
            trial(&name, move || run(&fs::read_to_string(&path).expect("a dialogue")))
        })
        .collect();
    trials.push(trial("dialogues::the_runner_sees_a_wrong_reply", the_runner_sees_a_wrong_reply));
    trials.extend(covered::trials());
    trials
}

struct Script {
    settings: Settings,
    protocol: Protocol,
    trusted: bool,
    link: Link,
    lines: Vec<Line>,
}

enum Line {
    Client(Vec<u8>),
    Expect(String),
}

/// One run of a session: what it wrote and did, as lines.
struct Run {
    session: Session,
    said: VecDeque<String>,
    closed: bool,
}

fn run(text: &str) {
    if let Err(why) = check(text) {
        panic!("{why}");
    }
}

fn check(text: &str) -> Result<(), String> {
    let script = parse(text);
    // Turn by turn, as a client speaks.
    let mut turns = Run::new(&script);
    turns.feed(b"");
    let mut before_was_client = false;
    let mut all = Vec::new();
    let mut expected = Vec::new();
    for line in &script.lines {
        match line {
            Line::Client(bytes) => {
                if !before_was_client && !turns.said.is_empty() {
                    return Err(format!("not expected: {:?}", turns.said));
                }
                turns.feed(bytes);
                all.extend_from_slice(bytes);
                before_was_client = true;
            }
            Line::Expect(want) => {
                let got = turns.said.pop_front().ok_or_else(|| format!("nothing came instead of {want:?}"))?;
                if !matches(&got, want) {
                    return Err(format!("got  {got}\nwant {want}"));
                }
                expected.push(got);
                before_was_client = false;
            }
        }
    }
    if !turns.said.is_empty() {
        return Err(format!("not expected at the end: {:?}", turns.said));
    }
    let mut at_once = Run::new(&script);
    at_once.feed(&all);
    assert_eq!(Vec::from(at_once.said), expected, "all at once");
    let mut single = Run::new(&script);
    single.feed(b"");
    for byte in &all {
        single.feed(&[*byte]);
    }
    assert_eq!(Vec::from(single.said), expected, "byte by byte");
    Ok(())
}

pub fn matches(got: &str, want: &str) -> bool {
    want.strip_suffix('…').map_or(got.trim_end() == want.trim_end(), |start| got.starts_with(start))
}

impl Run {
    fn new(script: &Script) -> Self {
        let session = Session::new(Arc::new(script.settings.clone()), script.protocol, script.trusted).on(script.link);
        Self { session, said: VecDeque::new(), closed: false }
    }

    fn feed(&mut self, mut input: &[u8]) {
        loop {
            let mut done = None;
            match self.session.step(&mut input) {
                Step::More => done = Some(None),
                Step::Flush => {}
                Step::AskRecipient { recipient, .. } => {
                    let reply = at_rcpt(recipient);
                    self.session.answer(&reply);
                    continue;
                }
                Step::Mail(mail) => {
                    self.take_replies();
                    self.said.push_back(format!("M: {}", told(&mail)));
                    self.session.answers(after_data(&mail));
                    continue;
                }
                Step::StartTls => {
                    self.session.start_tls();
                    self.take_replies();
                    self.said.push_back("T: encrypted".to_owned());
                    self.session.encrypted();
                    continue;
                }
                Step::LogIn(login) => {
                    let user = login.user.clone();
                    let outcome = match (user.as_str(), login.pass.expose().as_slice()) {
                        (_, b"busy") => LogIn::Busy,
                        (_, b"locked") => LogIn::Locked,
                        ("alice", b"pw") => LogIn::Known("alice".parse().expect("a name")),
                        _ => LogIn::Wrong,
                    };
                    self.take_replies();
                    self.said.push_back(format!("L: {user}"));
                    self.session.logged_in(outcome);
                    continue;
                }
                Step::Close(why) => done = Some(Some(why)),
            }
            self.take_replies();
            if let Some(end) = done {
                if let Some(why) = end.filter(|_| !self.closed) {
                    self.said.push_back(format!("E: {why:?}"));
                    self.closed = true;
                }
                return;
            }
        }
    }

    fn take_replies(&mut self) {
        let text = String::from_utf8(self.session.replies().to_vec()).expect("replies are ASCII");
        for line in text.split_terminator("\r\n") {
            assert!(!line.contains(['\r', '\n']), "{line:?}");
            self.said.push_back(format!("S: {line}"));
        }
        assert!(text.is_empty() || text.ends_with("\r\n"));
        self.session.written();
    }
}

fn at_rcpt(recipient: &Recipient) -> Reply {
    let local = recipient.path.local.as_str();
    if local.starts_with("unknown") {
        Reply::new(550, Enhanced::new(5, 1, 1), "No such phone")
    } else if local.starts_with("busy") {
        Reply::new(450, Enhanced::new(4, 2, 1), "Not now")
    } else if local.starts_with("closing") {
        Reply::new(421, Enhanced::new(4, 3, 2), "Going down")
    } else {
        Reply::new(250, Enhanced::new(2, 1, 5), "Recipient ok")
    }
}

fn after_data(mail: &Mail) -> Vec<Reply> {
    let answer = |recipient: &Recipient| match recipient.path.local.as_str() {
        local if local.starts_with("silent") => None,
        local if local.starts_with("full") => Some(Reply::new(452, Enhanced::new(4, 3, 1), "Queue full")),
        local if local.starts_with("denied") => Some(Reply::new(550, Enhanced::new(5, 7, 1), "Not allowed")),
        _ => Some(Reply::new(250, Enhanced::new(2, 0, 0), "Queued")),
    };
    mail.recipients.iter().filter_map(answer).collect()
}

fn told(mail: &Mail) -> String {
    let Envelope { from, auth, dsn, smtputf8, size, xforward, login, xclient } = &mail.envelope;
    let from = match from {
        ReversePath::Null => "<>".to_owned(),
        ReversePath::Path(path) => Path::to_wire(path),
    };
    let mut more = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        more.extend(value.map(|value| format!("{name}={value}")));
    };
    add("auth", auth.clone());
    add("ret", dsn.ret.map(|ret| format!("{ret:?}")));
    add("envid", dsn.envid.clone());
    add("utf8", smtputf8.then(|| "yes".to_owned()));
    add("size", size.map(|size| size.to_string()));
    add("login", login.as_ref().map(ToString::to_string));
    add("xclient", xclient.as_ref().map(|x| x.login.clone().unwrap_or_else(|| "nobody".into())));
    add("xname", xforward.name.clone());
    add("xaddr", xforward.addr.clone());
    add("xport", xforward.port.map(|port| port.to_string()));
    add("xproto", xforward.proto.clone());
    add("xhelo", xforward.helo.clone());
    add("xident", xforward.ident.clone());
    add("xsource", xforward.source.clone());
    let recipients: Vec<_> = mail
        .recipients
        .iter()
        .map(|r| {
            let mut words = r.path.to_wire();
            if let Some(n) = r.notify {
                let flags = [(n.success, 'S'), (n.failure, 'F'), (n.delay, 'D')];
                let letters: String = flags.iter().filter(|f| f.0).map(|f| f.1).collect();
                words += &format!(" notify={letters}");
            }
            if let Some(orcpt) = &r.orcpt {
                words += &format!(" orcpt={orcpt}");
            }
            words
        })
        .collect();
    let data: String = mail.data.escape_ascii().map(char::from).take(200).collect();
    format!("{from} | {} | {} | {data}", recipients.join(", "), more.join(" "))
}

fn parse(text: &str) -> Script {
    let mut script = Script {
        settings: Settings { hostname: "sms.example.test".into(), ..Settings::default() },
        protocol: Protocol::Lmtp,
        trusted: true,
        link: Link::Open,
        lines: Vec::new(),
    };
    for line in text.lines() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(option) = line.strip_prefix("% ") {
            set(&mut script, option);
        } else if let Some(said) = line.strip_prefix("C: ").or((line == "C:").then_some("")) {
            let mut bytes = unescape(said);
            bytes.extend_from_slice(b"\r\n");
            script.lines.push(Line::Client(bytes));
        } else if let Some(said) = line.strip_prefix("C~ ") {
            script.lines.push(Line::Client(unescape(said)));
        } else if let Some((times, said)) = line.strip_prefix("S*").and_then(|rest| rest.split_once(": ")) {
            let times: usize = times.parse().expect("a count");
            script.lines.extend((0..times).map(|_| Line::Expect(format!("S: {said}"))));
        } else if ["S: ", "M: ", "E: ", "T: ", "L: "].iter().any(|mark| line.starts_with(mark)) {
            script.lines.push(Line::Expect(line.to_owned()));
        } else {
            panic!("not a line of a dialogue: {line}");
        }
    }
    assert!(!script.lines.is_empty(), "an empty dialogue");
    script
}

fn set(script: &mut Script, option: &str) {
    let (name, value) = option.split_once(' ').expect("name value");
    let number = || value.parse::<u32>().expect("a number");
    match name {
        "protocol" => script.protocol = if value == "smtp" { Protocol::Smtp } else { Protocol::Lmtp },
        "trusted" => script.trusted = value == "yes",
        "tls" => script.settings.tls = value == "yes",
        "auth" => script.settings.auth = value == "yes",
        "xclient" => script.settings.xclient = value == "yes",
        "bare" => {
            script.settings.bare = if value == "normalize" { Bare::Normalize } else { Bare::Refuse };
        }
        "link" => {
            script.link = match value {
                "open" => Link::Open,
                "local" => Link::Local,
                "encrypted" => Link::Encrypted,
                _ => panic!("no such link: {value}"),
            }
        }
        "size" => script.settings.max_size = number().into(),
        "recipients" => script.settings.max_recipients = number() as usize,
        "errors" => script.settings.max_errors = number(),
        "hops" => script.settings.max_hops = number() as usize,
        _ => panic!("no such option: {name}"),
    }
}

pub fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let run =
            rest.strip_prefix('{').and_then(|r| r.split_once('}')).and_then(|(run, r)| Some((run.split_once('*')?, r)));
        if let Some(((what, times), behind)) = run {
            out.extend(unescape(what).repeat(times.parse().expect("a count")));
            rest = behind;
        } else if c == '\\' {
            let (byte, len) = match rest.as_bytes()[1] {
                b'r' => (b'\r', 2),
                b'n' => (b'\n', 2),
                b'0' => (0, 2),
                b'x' => (u8::from_str_radix(&rest[2..4], 16).expect("two hex digits"), 4),
                other => (other, 2),
            };
            out.push(byte);
            rest = &rest[len..];
        } else {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

fn the_runner_sees_a_wrong_reply() {
    let greeting = "S: 220 sms.example.test LMTP Martlet\n";
    run(&format!("{greeting}C: NOOP\nS: 250 2.0.0 Ok\n"));
    for wrong in ["C: NOOP\nS: 250 2.0.0 No\n", "C: NOOP\n", "C: NOOP\nS: 250…\nS: 250…\n", "C: QUIT\nS: 221…\n"]
    {
        let text = format!("{greeting}{wrong}");
        assert!(check(&text).is_err(), "{wrong}");
    }
}
