//! Every verb, extension, parameter and limit has a dialogue. What there is comes from the code itself (the verbs of
//! the parser, what EHLO offers, the fields of the settings), so that something new without a dialogue fails here.

use std::{collections::BTreeSet, fs, sync::Arc};

use libtest_mimic::Trial;
use martlet::{
    doors::mail,
    smtp::{Link, Protocol, Session, Step, session},
};

use crate::support::{root, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("dialogues::every_verb_has_one", verbs),
        trial("dialogues::every_extension_has_one", extensions),
        trial("dialogues::every_parameter_has_one", parameters),
        trial("dialogues::every_limit_has_one", limits),
    ]
}

/// Lines of all dialogues, those of the door without the name of the client.
fn lines() -> Vec<String> {
    let mut all = Vec::new();
    for (folder, door) in [("tests/dialogues", false), ("tests/dialogues/door", true)] {
        for file in fs::read_dir(root().join(folder)).expect(folder).flatten() {
            if file.path().extension().is_some_and(|e| e == "txt") {
                let text = fs::read_to_string(file.path()).expect("a dialogue");
                let bare = |line: &str| match line.split_once(' ') {
                    Some((_, rest)) if door && !line.starts_with(['#', '%']) => rest.to_owned(),
                    _ => line.to_owned(),
                };
                all.extend(text.lines().map(bare));
            }
        }
    }
    all
}

fn said(lines: &[String], mark: &str, start: &str) -> bool {
    lines.iter().filter_map(|line| line.strip_prefix(mark)).any(|words| words.trim_start().starts_with(start))
}

/// Strings in capitals that stand in a piece of the code.
fn capitals(file: &str, from: &str, to: &str) -> BTreeSet<String> {
    let code = fs::read_to_string(root().join(file)).expect(file);
    let piece = code.split_once(from).and_then(|(_, rest)| rest.split_once(to)).expect("the code is as it was").0;
    let words = piece.split('"').skip(1).step_by(2);
    words
        .filter(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()))
        .map(Into::into)
        .collect()
}

fn verbs() {
    let verbs = capitals("src/smtp/command.rs", "match verb.to_ascii_uppercase()", "_ => Err(CommandError::Unknown)");
    assert!(verbs.contains("BDAT") && verbs.len() > 25, "{verbs:?}");
    let lines = lines();
    for verb in verbs {
        let asked = lines.iter().filter(|line| line.starts_with("C: ") || line.starts_with("C~ "));
        let mut words = asked.filter_map(|line| line[3..].split([' ', '\\']).next());
        assert!(words.any(|word| word.eq_ignore_ascii_case(&verb)), "no dialogue says {verb}");
    }
}

/// What shows that an extension works, beside its being offered: a line of a client, or a reply.
const EXTENSIONS: [(&str, &str, &str); 12] = [
    ("PIPELINING", "C~ ", r"MAIL FROM:<alice@example.test>\r\nRCPT TO:"),
    ("SIZE", "S: ", "552 5.3.4 Larger than 20 octets"),
    ("8BITMIME", "C: ", "MAIL FROM:<alice@example.test> BODY=8BITMIME"),
    ("SMTPUTF8", "C: ", "MAIL FROM:<zoë@example.test> SMTPUTF8"),
    ("ENHANCEDSTATUSCODES", "S: ", "250 2.1.5 "),
    ("DSN", "C: ", "RCPT TO:<b@d.test> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT="),
    ("CHUNKING", "C~ ", "BDAT "),
    ("XFORWARD", "C: ", "XFORWARD NAME=one ADDR=192.0.2.1 IDENT=A1"),
    ("XCLIENT", "C: ", "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.7 LOGIN=bob"),
    ("STARTTLS", "T: ", "encrypted"),
    ("AUTH", "S: ", "235 2.7.0 Logged in"),
    ("HELP", "S: ", "214 2.0.0 Recipients are phones"),
];

fn extensions() {
    let settings = session::Settings { tls: true, auth: true, xclient: true, ..session::Settings::default() };
    let mut session = Session::new(Arc::new(settings), Protocol::Smtp, true).on(Link::Local);
    assert!(matches!(session.step(&mut &b"EHLO x\r\n"[..]), Step::More));
    let replies = String::from_utf8(session.replies().to_vec()).expect("ASCII");
    let offered: BTreeSet<_> = replies.lines().skip(2).filter_map(|line| line[4..].split(' ').next()).collect();
    let known: BTreeSet<_> = EXTENSIONS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(offered, known, "what is offered, and what has a dialogue");
    let lines = lines();
    for (name, mark, words) in EXTENSIONS {
        assert!(said(&lines, "S: ", &format!("250-{name}")) || said(&lines, "S: ", &format!("250 {name}")), "{name}");
        assert!(said(&lines, mark, words), "{name} is used in no dialogue: {words}");
    }
    for mechanism in ["PLAIN", "LOGIN"] {
        assert!(said(&lines, "C: ", &format!("AUTH {mechanism}")), "AUTH {mechanism}");
    }
    for (version, header) in [(1, "PROXY TCP4 "), (2, r"\r\n\r\n\0\r\nQUIT\n\x21")] {
        assert!(said(&lines, "C: ", header) || said(&lines, "C~ ", header), "PROXY version {version}");
    }
}

/// Each parameter of MAIL and RCPT is taken once, and refused once.
fn parameters() {
    let keys = capitals("src/smtp/params.rs", "const KEYS", "];");
    assert!(keys.contains("ENVID") && keys.len() >= 8, "{keys:?}");
    let lines = lines();
    for key in keys {
        let mut right = false;
        let mut wrong = false;
        for pair in lines.windows(2) {
            let told = pair[0].strip_prefix("C: ").unwrap_or_default().to_ascii_uppercase();
            let has = told.starts_with("MAIL FROM:") || told.starts_with("RCPT TO:");
            if has && told.split(' ').any(|word| word == key || word.starts_with(&format!("{key}="))) {
                right |= pair[1].starts_with("S: 250 ");
                wrong |= pair[1].starts_with("S: 5");
            }
        }
        assert!(right, "no dialogue has {key} taken");
        assert!(wrong || key == "AUTH" || key == "SMTPUTF8", "no dialogue has {key} refused");
    }
}

/// What only this limit brings about.
const LIMITS: [(&str, &str, &str); 21] = [
    ("session", "", ""),
    ("max_line", "S: ", "500 5.5.2 Line too long"),
    ("max_size", "S: ", "552 5.3.4 Larger than 10485760 octets"),
    ("max_recipients", "S*30: ", "452 4.5.3 Too many recipients"),
    ("max_errors", "S: ", "421 4.7.0 Too many errors"),
    ("max_hops", "S: ", "554 5.4.6 Too many Received fields"),
    ("max_connections", "S: ", "421 4.7.0 Too many connections; "),
    ("max_per_peer", "S: ", "421 4.7.0 Too many connections from your address"),
    ("idle", "S: ", "421 4.4.2 Silent for too long"),
    ("whole", "S: ", "421 4.4.2 This session is too long"),
    ("tarpit_after", "% ", "tarpit-after 2"),
    ("tarpit", "W: ", "7"),
    ("handshake", "E: ", "Handshake"),
    ("proxies", "E: ", "NoProxyHeader"),
    ("tls", "S: ", "250-STARTTLS"),
    ("auth", "S: ", "421 4.7.0 Too many wrong passwords"),
    ("xclient", "S: ", "550 5.7.0 XCLIENT is for trusted peers"),
    ("bare", "% ", "bare normalize"),
    // No limits: a name, the shape of the count, and what `mail_door::closing_…` shows with mails under way.
    ("hostname", "", ""),
    ("places", "", ""),
    ("drain", "", ""),
];

fn limits() {
    let known: BTreeSet<_> = LIMITS.iter().map(|(name, ..)| *name).collect();
    let mut there = fields(&format!("{:#?}", mail::Settings::default()));
    there.extend(fields(&format!("{:#?}", session::Settings::default())));
    let there: BTreeSet<_> = there.iter().map(String::as_str).collect();
    assert_eq!(there, known, "the limits that there are, and those with a dialogue");
    let lines = lines();
    for (name, mark, words) in LIMITS.iter().filter(|(_, mark, _)| !mark.is_empty()) {
        assert!(said(&lines, mark, words), "{name} is reached in no dialogue: {words}");
    }
}

/// The names of a struct's own fields, as its `Debug` writes them.
fn fields(debug: &str) -> BTreeSet<String> {
    let own = debug.lines().filter_map(|line| line.strip_prefix("    "));
    own.filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| !name.starts_with([' ', '}']))
        .map(|(n, _)| n.to_owned())
        .collect()
}
