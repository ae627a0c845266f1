//! The command line: the real program, its output, its exit codes.

use std::{
    fs,
    process::{Command, Output},
};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::support::{root, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("cli::help_and_version", help_and_version),
        trial("cli::wrong_usage_is_64", wrong_usage),
        trial("cli::check_says_sound_or_where", check),
        trial("cli::check_prints_no_secret", check_prints_no_secret),
        trial("cli::serve_refuses_a_bad_configuration", serve_refuses),
        trial("cli::numbers", numbers),
        trial("cli::addresses", addresses),
        trial("cli::texts", texts),
        trial("cli::every_cut_is_explained", explained),
        trial("cli::encoding", encoding),
        trial("cli::queue_without_a_store", queue_without_a_store),
    ]
}

const QUICKSTART: &str = "config/quickstart.toml";

fn martlet(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_martlet")).args(args).current_dir(root()).output().expect("the program runs")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// The one JSON value on the standard output, and the exit code.
fn value(args: &[&str]) -> (Value, i32) {
    let output = martlet(args);
    let text = out(&output);
    assert_eq!(text.matches('\n').count(), 1, "one line: {text}");
    let code = output.status.code().expect("an exit code");
    (serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}: {text} {}", err(&output))), code)
}

fn help_and_version() {
    for args in [["--help"], ["--version"]] {
        let output = martlet(&args);
        assert_eq!(output.status.code(), Some(0));
        assert!(out(&output).contains("martlet") || out(&output).contains("Martlet"));
    }
}

fn wrong_usage() {
    for args in [&["fly"][..], &["check"], &["number"], &["number", "1", "--region", "Mars"], &["queue", "list"]] {
        let output = martlet(args);
        assert_eq!(output.status.code(), Some(64), "{args:?}: {}", err(&output));
        assert!(out(&output).is_empty() && !err(&output).is_empty(), "{args:?}");
    }
}

fn check() {
    let output = martlet(&["check", "--config", QUICKSTART]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("127.0.0.1:2424") && out(&output).contains("phone (handset)"));
    assert!(err(&output).contains("\"envelope\""), "what is risky is said");

    let bad = "tests/bad-configs/unknown-key-top/martlet.toml";
    let output = martlet(&["check", "--config", bad]);
    assert_eq!(output.status.code(), Some(78));
    assert!(err(&output).starts_with(&format!("{bad}:2:1: unknown key `doamins`")), "{}", err(&output));
    assert!(out(&output).is_empty());

    let output = martlet(&["check", "--config", "no/such.toml"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(err(&output).starts_with("no/such.toml:1:1: cannot be read"), "{}", err(&output));
}

fn check_prints_no_secret() {
    let dir = tempfile::tempdir().expect("a folder");
    let quickstart = fs::read_to_string(root().join(QUICKSTART)).expect("the quickstart");
    let path = dir.path().join("martlet.toml");
    for config in
        [quickstart.replace("\"demo\"", "\"hunter2\""), quickstart.replace("\"demo\"", "\"hunter2\"\nhunter = 2")]
    {
        fs::write(&path, config).expect("written");
        let output = martlet(&["check", "--config", path.to_str().expect("UTF-8")]);
        let all = out(&output) + &err(&output);
        // As a user's name it may be shown, as a password never.
        assert!(!all.replace("account `hunter2`", "").contains("hunter2"), "{all}");
    }
}

fn serve_refuses() {
    let output = martlet(&["serve", "--config", "tests/bad-configs/no-domains/martlet.toml"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(err(&output).contains("martlet.toml:1:1: `domains` is missing"));
}

fn numbers() {
    let number = |input: &str, region: &str| value(&["number", input, "--region", region, "--json"]);
    assert_eq!(number("+1 (202) 555-0123", "US"), (json!({ "e164": "+12025550123" }), 0));
    assert_eq!(number("202-555-0123", "US"), (json!({ "e164": "+12025550123" }), 0));
    assert_eq!(number("030 901820", "DE"), (json!({ "e164": "+4930901820" }), 0));
    assert_eq!(number("72727", "US"), (json!({ "short": "72727" }), 65));
    for none in ["+15551234567", "hello", "", "911", "+1"] {
        let (value, code) = number(none, "US");
        assert_eq!(code, 65, "{none}");
        assert!(value.get("e164").is_none() && value["error"].is_string(), "{none}: {value}");
    }
    let output = martlet(&["number", "hello"]);
    assert_eq!(output.status.code(), Some(65));
    assert!(out(&output).is_empty() && !err(&output).is_empty());
}

fn addresses() {
    let address = |written: &str| value(&["address", written, "--config", QUICKSTART, "--json"]);
    let (found, code) = address("\"sms:+12025550123?maxmsgs=2&user=demo&pass=hunter2\"@sms.example.test");
    assert_eq!((code, &found["numbers"]), (0, &json!(["+12025550123"])));
    assert_eq!((&found["parameters"]["maxmsgs"], &found["parameters"]["user"]), (&json!(2), &json!("demo")));
    assert!(!found.to_string().contains("hunter2"), "{found}");
    for form in ["sms:+12025550123", "sms:+12025550123@sms.example.test", "2025550123@sms.example.test"] {
        assert_eq!(address(form).0["numbers"], json!(["+12025550123"]), "{form}");
    }
    assert_eq!(address("sms:+12025550123,+12025550124").0["numbers"], json!(["+12025550123", "+12025550124"]));
    assert_eq!(address("postmaster@sms.example.test"), (json!({ "postmaster": true }), 0));
    let (refused, code) = address("alice@elsewhere.test");
    assert_eq!((code, &refused["code"]), (65, &json!("550 5.1.2")));
    for bad in
        ["sms:12", "\"sms:+12025550123?maxmsgs=0\"@sms.example.test", "sms:+12025550123?speed=9", "@", "", "mailto:x"]
    {
        let (refused, code) = address(bad);
        assert_eq!((code, &refused["code"]), (65, &json!("550 5.1.3")), "{bad}: {refused}");
    }
    // As RCPT would answer.
    let (refused, code) = address("\"sms:+12025550123?id=nowhere\"@sms.example.test");
    assert_eq!((code, &refused["code"]), (65, &json!("550 5.1.3")), "{refused}");
    let (refused, code) = address("\"sms:+12025550123?sender=much-too-long-a-name\"@sms.example.test");
    assert_eq!((code, &refused["code"]), (65, &json!("550 5.7.1")), "{refused}");
    let output = martlet(&["address", "sms:+12025550123?maxmsgs=2", "--config", QUICKSTART]);
    assert_eq!(out(&output), "+12025550123\n  maxmsgs = 2\n");
}

fn texts() {
    let dir = tempfile::tempdir().expect("a folder");
    let mail = dir.path().join("mail.eml");
    let path = mail.to_str().expect("UTF-8");
    let body = "From: a@example.test\r\nSubject: s\r\n\r\nOn my way\r\n\r\n-- \r\nAlice\r\n";
    fs::write(&mail, body).expect("written");
    assert_eq!(out(&martlet(&["text", path])), "On my way\n");
    let (found, code) = value(&["text", path, "--explain", "--json"]);
    assert_eq!((code, &found["text"], &found["segments"]), (0, &json!("On my way"), &json!(1)));
    assert_eq!(found["removed"][0]["why"], "signature", "{found}");
    assert!(out(&martlet(&["text", path, "--explain"])).contains("--- signature\n"));

    // With a configuration its limits hold.
    fs::write(&mail, format!("Subject: s\r\n\r\n{}\r\n", "many words ".repeat(100))).expect("written");
    let (found, _) = value(&["text", path, "--json", "--config", QUICKSTART]);
    assert_eq!((&found["truncated"], &found["segments"]), (&json!(true), &json!(3)));

    // And those of an account.
    let file = dir.path().join("martlet.toml");
    let own = fs::read_to_string(QUICKSTART).expect("a configuration")
        + "\n[[account]]\nuser = \"carol@example.com\"\noverflow = \"separate\"\ntemplate = \"C: {body}\"\nmax_parts = 1\n";
    fs::write(&file, own).expect("written");
    let config = file.to_str().expect("UTF-8");
    let (found, _) = value(&["text", path, "--json", "--config", config, "--account", "Carol@example.com"]);
    assert_eq!((&found["truncated"], found["texts"].as_array().map(Vec::len)), (&json!(false), Some(7)), "{found}");
    assert!(found["texts"][0].as_str().is_some_and(|text| text.starts_with("C: many words")), "{found}");
    assert_eq!(martlet(&["text", path, "--account", "carol@example.com"]).status.code(), Some(64));
    let stranger = martlet(&["text", path, "--config", config, "--account", "x@nowhere.test"]);
    assert_eq!(stranger.status.code(), Some(65));
    assert!(err(&stranger).contains("this sender has no account"), "{}", err(&stranger));

    fs::write(&mail, "").expect("written");
    assert_eq!(value(&["text", path, "--json"]).1, 65);
    assert_eq!(martlet(&["text", "no/such.eml"]).status.code(), Some(66));
}

/// Each kind of cut is shown with its words.
fn explained() {
    let dir = tempfile::tempdir().expect("a folder");
    let mail = dir.path().join("mail.eml");
    let path = mail.to_str().expect("UTF-8");
    let file = dir.path().join("martlet.toml");
    let own = fs::read_to_string(QUICKSTART).expect("a configuration")
        + "\n[sms]\nmax_parts = 1\ndisclaimers = ['Confidential[.] Burn it[.]']\n";
    fs::write(&file, own).expect("written");
    let config = file.to_str().expect("UTF-8");
    for (more, body, why, cut) in [
        ("", "Yes.\r\n\r\n> No?", "quoted text", "No?"),
        (
            "",
            "Yes.\r\n\r\nOn 20/11/2026 09:12, J <j@x> wrote:\r\n> q",
            "attribution of a quote",
            "On 20/11/2026 09:12, J <j@x> wrote:",
        ),
        ("", "Yes.\r\n\r\n-- \r\nJane", "signature", "-- \nJane"),
        ("", "Yes.\r\n\r\nSent from my iPhone", "footer of a mail program", "Sent from my iPhone"),
        ("", "Yes.\r\n\r\nConfidential. Burn it.", "disclaimer", "Confidential. Burn it."),
        ("Content-Type: text/html\r\n", "<p style=\"display:none\">Preview</p><p>Yes.", "hidden text", "Preview"),
        (
            "Content-Type: multipart/mixed; boundary=b\r\n",
            "--b\r\n\r\nYes.\r\n--b\r\nContent-Type: image/png; name=a.png\r\nContent-Disposition: attachment\r\n\r\nx\r\n--b--",
            "attachment",
            "a.png",
        ),
    ] {
        fs::write(&mail, format!("Subject: s\r\n{more}\r\n{body}\r\n")).expect("written");
        let shown = out(&martlet(&["text", path, "--explain", "--config", config]));
        assert!(shown.starts_with("Yes.\n") && shown.contains(&format!("--- {why}\n{cut}\n")), "{why}: {shown}");
        let (found, _) = value(&["text", path, "--explain", "--json", "--config", config]);
        let removed = found["removed"].as_array().expect("a list");
        assert!(removed.contains(&json!({ "why": why, "text": cut })), "{found}");
    }
    fs::write(&mail, format!("A: b\r\n\r\n{}the end", "word ".repeat(40))).expect("written");
    let shown = out(&martlet(&["text", path, "--explain", "--config", config]));
    assert!(
        shown.contains("word...\n--- cut to the configured number of segments\nword") && shown.ends_with("the end\n"),
        "{shown}"
    );
}

fn encoding() {
    let encode = |args: &[&str]| value(&[&["encode", "--json"], args].concat());
    let expected = json!({ "alphabet": "gsm7", "segments": 1, "units": 5, "left": 155, "forced_by": null });
    assert_eq!(encode(&["Hello"]), (expected, 0));
    let (found, _) = encode(&["5 €"]);
    assert_eq!((&found["alphabet"], &found["units"]), (&json!("gsm7"), &json!(4)));
    let (found, _) = encode(&["“Hello”"]);
    assert_eq!((&found["alphabet"], &found["forced_by"], &found["left"]), (&json!("ucs2"), &json!("“"), &json!(63)));
    assert_eq!(encode(&["“Hello”", "--transliterate"]).0["alphabet"], "gsm7");
    assert_eq!(encode(&[&"x".repeat(161)]).0["segments"], 2);
    let (found, _) = encode(&[&"ş".repeat(155), "--shift-tables", "spanish,turkish"]);
    assert_eq!((&found["alphabet"], &found["segments"]), (&json!("gsm7"), &json!(1)));
    assert_eq!((&found["locking"], &found["single"]), (&json!("turkish"), &json!(null)));
    assert_eq!(martlet(&["encode", "ş", "--shift-tables", "klingon"]).status.code(), Some(64));
    assert_eq!(encode(&[&"x".repeat(153 * 128 + 1)]).1, 65);
    assert_eq!(out(&martlet(&["encode", "Hello"])), "GSM-7, 1 segment, 5 septets, 155 left\n");
}

fn queue_without_a_store() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("martlet.toml");
    fs::copy(root().join("config/martlet.toml"), &path).expect("copied");
    let output = martlet(&["queue", "list", "--config", path.to_str().expect("UTF-8"), "--json"]);
    assert_eq!(output.status.code(), Some(66));
    assert!(err(&output).contains("martlet serve"), "what to do next: {}", err(&output));
    assert!(!dir.path().join("data").exists(), "reading makes nothing");
}
