//! Mails to texts: own cases (`tests/mail/NAME.eml` with the wanted `NAME.txt`), and conformance vectors where they are.
//!
//! An own case whose `.txt` begins with `! ` wants that refusal. Texts are compared without regard to blanks at line
//! ends, runs of blanks and runs of blank lines.

use std::{collections::BTreeMap, fs, path::Path};

use libtest_mimic::Trial;
use martlet::mail::{self, AutoSubmitted, Choices};

use crate::support::{Needs, quoted, root, say, trial, trial_with, vectors};

pub fn trials() -> Vec<Trial> {
    let mut all = vec![trial("mail::own_cases", own_cases), trial("mail::large_mails_are_read", large_mails_are_read)];
    all.push(trial_with("mail::signed_by_openssl", &[Needs::OpenSsl], signed_by_openssl));
    match vectors().map(|v| v.join("mail")).filter(|v| v.is_dir()) {
        Some(dir) => all.push(trial("mail::vectors", move || score(&dir))),
        None => all.push(
            Trial::test("mail::vectors (skipped: MARTLET_VECTORS has no mail)", || Ok(())).with_ignored_flag(true),
        ),
    }
    all
}

fn words(raw: &[u8]) -> Result<String, String> {
    let opened = mail::open(raw);
    let mail = mail::read(&opened).map_err(|e| e.to_string())?;
    mail::text(&mail, &Choices::default()).map(|e| e.text).map_err(|e| e.to_string())
}

fn normal(text: &str) -> String {
    let lines = text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n")
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .expect("a folder of mails")
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.strip_suffix(".eml").map(str::to_owned))
        .collect();
    names.sort();
    names
}

fn own_cases() {
    let dir = root().join("tests/mail");
    let names = names(&dir);
    assert!(names.len() >= 20, "the own cases are missing");
    let mut wrong = Vec::new();
    for name in names {
        let raw = fs::read_to_string(dir.join(format!("{name}.eml"))).expect("a mail");
        // The files have LF line ends, mails have CRLF.
        let raw = raw.replace("\r\n", "\n").replace('\n', "\r\n");
        let want = fs::read_to_string(dir.join(format!("{name}.txt"))).expect("its text");
        let got = words(raw.as_bytes()).unwrap_or_else(|e| format!("! {e}"));
        if normal(&got) != normal(&want) {
            wrong.push(format!("{name}: wanted {want:?}, got {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Shapes that are known to be slow elsewhere, a megabyte each. What our own loops do is counted in `mail::work`; a
/// square in a library would run into the deadline, all of it together takes a second or two.
fn large_mails_are_read() {
    let head = "Content-Type: multipart/mixed; boundary=a\r\n\r\n";
    let never: String =
        (0..20_000).map(|n| format!("--a\r\nContent-Type: multipart/mixed; boundary=x{n}\r\n\r\n")).collect();
    let html = |inside: &str, n| format!("Content-Type: text/html\r\n\r\n{}", inside.repeat(n));
    let shapes = [
        format!("{head}{never}"),
        format!("{head}{}", "--a\r\nContent-Type: message/rfc822\r\n\r\n".repeat(25_000)),
        html("<b", 400_000),
        html("<div style='display:none'>", 40_000),
        html("<a href=x>y", 90_000),
        format!("A: b\r\n\r\n{}", "On Fri, Nov 20, 2026 at 9:12 x\r\n".repeat(30_000)),
        format!("A: b\r\n\r\n{}", "From: x\r\nSent: y\r\n".repeat(50_000)),
        format!("A: b\r\nContent-Type: text/plain; format=flowed\r\n\r\n{}", "x \r\n".repeat(250_000)),
        format!("Subject: {}\r\n\r\n", "=?utf-8?q?a?= ".repeat(70_000)),
        format!("To: {}\r\n\r\n", "(".repeat(1_000_000)),
        format!("A: b\r\n\r\n{}", "x".repeat(1_000_000)),
    ];
    for (n, raw) in shapes.iter().enumerate() {
        // What it costs is counted in `mail::work` and measured by `benches/mail.rs`; here it must only end well.
        let bounded = |text: &String| text.len() <= raw.len();
        assert!(words(raw.as_bytes()).as_ref().map_or(true, bounded), "shape {n}");
    }
}

/// What the vectors want done, as far as it can be told from a mail alone.
fn action_holds(action: &str, mail: &mail::Mail<'_>) -> bool {
    if action.contains("loop guard") {
        mail.auto_submitted != AutoSubmitted::No
    } else if action.contains("do not forward") {
        mail.is_mdn
    } else if action.starts_with("never auto-reply") {
        mail.is_dsn
    } else {
        !mail.is_dsn && !mail.is_mdn && mail.auto_submitted == AutoSubmitted::No
    }
}

fn score(dir: &Path) {
    let mut categories: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut actions = Vec::new();
    for name in names(dir) {
        let read = |kind: &str| fs::read(dir.join(format!("{name}.{kind}"))).expect("a vector's file");
        let meta: serde_json::Value = serde_json::from_slice(&read("meta.json")).expect("meta.json");
        let raw = read("eml");
        let mut wanted = vec![String::from_utf8_lossy(&read("txt")).into_owned()];
        wanted.extend(meta["accept"].as_array().into_iter().flatten().filter_map(|a| Some(a.as_str()?.to_owned())));
        let got = words(&raw).unwrap_or_default();
        let hit = wanted.iter().any(|w| normal(w) == normal(&got));
        let category = meta["category"].as_str().unwrap_or("?").to_owned();
        let entry = categories.entry(category).or_default();
        entry.1 += 1;
        entry.0 += usize::from(hit);
        if !hit {
            wrong.push(format!("{name}: wanted {:?}, got {:?}", normal(&wanted[0]), normal(&got)));
        }
        let opened = mail::open(&raw);
        let mail = mail::read(&opened).expect("every vector is a mail");
        let action = meta["action"].as_str().unwrap_or("send");
        if !action_holds(action, &mail) {
            actions.push(format!("{name}: {action} ({:?})", mail.auto_submitted));
        }
    }
    let (hits, all) = categories.values().fold((0, 0), |(h, a), (x, y)| (h + x, a + y));
    for (category, (hits, all)) in &categories {
        say(&format!("  {category}: {hits} of {all}"));
    }
    for line in &wrong {
        say(&format!("  {line}"));
    }
    assert!(actions.is_empty(), "{}", actions.join("\n"));
    assert!(hits * 100 >= all * FLOOR, "{hits} of {all} is below the floor of {FLOOR} %");
    quoted("mail/", hits, all);
    let told = fs::read_to_string(root().join("docs/conformance.md")).expect("docs/conformance.md");
    for line in &wrong {
        let name = line.split_once(':').map_or(line.as_str(), |(name, _)| name);
        assert!(told.contains(&format!("`{name}`")), "docs/conformance.md does not say why {name} is missed");
    }
}

/// Percent of the vectors that must hold.
const FLOOR: usize = 95;

/// Signed by a program that is not ours, its words inside of the signature: with definite lengths, and streamed with
/// indefinite ones; encrypted it is refused.
fn signed_by_openssl() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = |words: &str| {
        let ok = std::process::Command::new("openssl").args(words.split(' ')).current_dir(dir.path()).output();
        let out = ok.expect("openssl");
        assert!(out.status.success(), "{words}: {}", String::from_utf8_lossy(&out.stderr));
    };
    fs::write(dir.path().join("in.txt"), "Content-Type: text/plain; charset=utf-8\r\n\r\nDîner à huit heures\r\n")
        .expect("written");
    run("req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=alice");
    for (name, words) in [
        ("whole", "smime -sign -nodetach -binary -in in.txt -signer cert.pem -inkey key.pem -out mail.eml"),
        ("streamed", "cms -sign -nodetach -binary -stream -in in.txt -signer cert.pem -inkey key.pem -out mail.eml"),
    ] {
        run(words);
        let mail = fs::read(dir.path().join("mail.eml")).expect("a mail");
        let mail = [b"From: alice@example.test\r\nSubject: Tonight\r\n".as_slice(), &mail].concat();
        assert_eq!(self::words(&mail).as_deref(), Ok("Dîner à huit heures"), "{name}");
    }
    run("smime -encrypt -aes256 -in in.txt -out mail.eml cert.pem");
    let mail = fs::read(dir.path().join("mail.eml")).expect("a mail");
    assert!(words(&mail).is_err_and(|why| why.contains("encrypted")));
}
