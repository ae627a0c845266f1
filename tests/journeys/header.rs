//! The author in `From:` decides where the phone's reply goes: read by our own list parser, never guessed.

use std::fs;

use libtest_mimic::Trial;

use super::{ALICE, daemon, mail};
use crate::support::{root, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("header: replies go to the address in From:, however it is written around", authors),
        trial("header: no other parser of addresses is used", one_parser),
    ]
}

const SMITH: &str = "alice.smith@example.test";

fn authors() {
    let world = daemon()
        .tables("[[account]]\nuser = \"carol@example.test\"\naddresses = [\"carol.king@example.test\"]\n")
        .start();
    let (carol, king) = ("carol@example.test", "carol.king@example.test");
    for (n, (from, mailbox)) in [
        (king, king),
        ("Carol <carol.king@example.test>", king),
        // An address in a display name is a name.
        ("\"carol@example.test\" <carol.king@example.test>", king),
        ("\"carol.king@example.test\" <carol@example.test>", carol),
        ("=?utf-8?q?carol.king=40example.test?= <carol@example.test>", carol),
        ("carol.king@example.test <carol@example.test>", carol),
        // Comments and groups are no addresses either, their members are.
        ("(carol@example.test) carol.king(x)@example.test", king),
        ("Kings: carol.king@example.test, b@x;", king),
        ("\"King, <carol@example.test>\" <carol.king@example.test>", king),
        // A riddle decides nothing: the account's own address.
        ("<carol.king@example.test> <carol@example.test>", carol),
        ("carol.king@example.test@x", carol),
        // Somebody else's address never gets her replies.
        (ALICE, carol),
        (SMITH, carol),
    ]
    .into_iter()
    .enumerate()
    {
        let number = format!("+1201555{:04}", 200 + n);
        let to = format!("\"sms:{number}\"@sms.example.test");
        let replies = world.send(carol, &[&to], &mail(&format!("{n}@x"), from, "words", ""));
        assert_eq!(replies.last().expect("a reply").code, 250, "{from}");
        world.martlet.settled();
        let (status, _) = world.martlet.phone("GET", &number, &format!("answer {n}.")).expect("a call");
        assert_eq!(status, 200);
        world.mail_to(mailbox, &format!("answer {n}."));
    }
}

/// mail-parser splits a bare `"sms:+1…"@domain` into a name and an address: its reader of addresses is not used.
fn one_parser() {
    let mut folders = vec![root().join("src")];
    let mut users = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of sources").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                // Unit tests stand at the end of a file; they may read what we wrote with a reader of others.
                let text = text.split("#[cfg(test)]").next().unwrap_or_default();
                assert!(!text.contains("parse_address"), "{} reads addresses with mail-parser", path.display());
                assert!(!text.contains("MessageParser"), "{} reads mails with mail-parser", path.display());
                if text.contains("mail_parser::") {
                    users.push(path.strip_prefix(root()).expect("a source").display().to_string());
                }
            }
        }
    }
    users.sort();
    assert_eq!(users, ["src/mail/charset.rs", "src/mail/header.rs", "src/mail/read.rs"], "who uses mail-parser");
}
