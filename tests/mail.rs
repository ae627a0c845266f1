//! Mails to texts: own cases (`tests/mail/NAME.eml` with the wanted `NAME.txt`), and conformance vectors where they are.
//!
//! An own case whose `.txt` begins with `! ` wants that refusal. Texts are compared without regard to blanks at line
//! ends, runs of blanks and runs of blank lines.

use std::{collections::BTreeMap, fs, path::Path};

use libtest_mimic::Trial;
use martlet::mail::{self, AutoSubmitted, Choices};

use crate::support::{quoted, root, say, trial, vectors};

pub fn trials() -> Vec<Trial> {
    let mut all = vec![trial("mail::own_cases", own_cases), trial("mail::large_mails_are_read", large_mails_are_read)];
    match vectors().map(|v| v.join("mail")).filter(|v| v.is_dir()) {
        Some(dir) => all.push(trial("mail::vectors", move || score(&dir))),
        None => all.push(
            Trial::test("mail::vectors (skipped: MARTLET_VECTORS has no mail)", || Ok(())).with_ignored_flag(true),
        ),
    }
    all
}

fn words(raw: &[u8]) -> Result<String, String> {
    let mail = mail::read(raw).map_err(|e| e.to_string())?;
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
        let start = std::time::Instant::now();
        let _ = words(raw.as_bytes());
        let took = start.elapsed();
        assert!(took.as_secs() < 60, "shape {n} took {took:?}");
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
        let mail = mail::read(&raw).expect("every vector is a mail");
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
