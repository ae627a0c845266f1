//! What the log says at the default level: that something was refused and why, never the number, the words or a password.

use std::process::Command;

use libtest_mimic::Trial;

use super::{ALICE, World, daemon, header_of, mail};
use crate::support::{http, sink::Answer, talk::Letter, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("discreet: no number, text or password in the log, whatever was refused", the_log),
        trial("discreet: no password of an address in anything that is kept", the_store),
    ]
}

/// A text that waits, a mail for the postmaster, a bounce that becomes a dead letter: each has the password in its fields.
fn the_store() {
    let mut world = daemon().answering(|_| Answer::Say(503, "no capacity".into())).start();
    let phone = "\"sms:+12015550123?user=alice%40example.test&pass=alice-pw\"@sms.example.test";
    let fields = format!("Cc: {phone}\r\nX-Original-To: {phone}\r\n");
    assert_eq!(world.send(ALICE, &[phone], &mail("a@example.test", ALICE, "waits", &fields))[0].code, 250);
    let complaint = mail("p@x.example", "x@elsewhere.example", "complaint", &fields);
    assert_eq!(world.send("x@elsewhere.example", &["postmaster@sms.example.test"], &complaint)[0].code, 250);
    world.mail_to("postmaster@example.test", "complaint");
    // Of a phone that nobody wrote to.
    assert_eq!(world.martlet.phone("GET", "+12015550199", "hello").expect("a call").0, 200);
    let ours = header_of(&world.mail_to("inbox@example.test", "hello"), "Message-ID").expect("an id");
    let data = format!("Subject: Undelivered\r\nMessage-ID: <b@example.test>\r\n{fields}\r\n{ours}\r\n");
    let bounce = Letter { from: "", to: vec![phone], data, ..Letter::default() };
    assert_eq!(world.hand_over(&bounce)[0].code, 250);
    world.martlet.stop();
    let folder = world.martlet.config.with_file_name("data");
    let files = std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    let kept: Vec<_> = files.filter(|path| path.is_file()).map(|path| std::fs::read(path).expect("a file")).collect();
    let has = |words: &[u8]| kept.iter().any(|file| file.windows(words.len()).any(|some| some == words));
    assert!(has(b"Undelivered") && has(b"12015550123"), "they are kept");
    assert!(!has(b"alice-pw"), "with the password");
}

fn the_log() {
    let echo = |request: &crate::support::sink::Request| {
        let (to, text) = (request.value("to"), request.value("text"));
        match text {
            "Zwetschge never" => Answer::Say(400, format!("{to} cannot take {text}")),
            _ => Answer::Say(200, format!("OK {to} took {text}")),
        }
    };
    let gateway = "answer = { success = '^OK', id = '^OK (\\S+)' }";
    let world = daemon().main(gateway).answering(echo).start();
    let send = |id: &str, to: &str, words: &str| {
        let data = mail(&format!("{id}@example.test"), ALICE, words, "Subject: Zwetschgensubject\r\n");
        world.send(ALICE, &[to], &data).last().expect("a reply").code
    };
    let at = |local: &str| format!("\"sms:{local}\"@sms.example.test");
    for (to, code) in [
        (at("+12015550123"), 250),
        (at("+12015550123?user=alice%40example.test&pass=alice-pw"), 250),
        (at("+12015550123?user=alice%40example.test&pass=hunter2X"), 550),
        (at("+12015550123?pass=hunter2X&maxmsgs=0"), 550),
        (at("+12015550123&pass=hunter2X"), 550),
        (at("+12015550"), 550),
        (at("+447911123456"), 550),
        (at("46645"), 550),
        (at("+12015550123?hunter2X=Zwetschge"), 550),
    ] {
        assert_eq!(send("a", &to, "Zwetschgenknödel"), code, "{to}");
    }
    assert_eq!(send("never", &at("+12015550123"), "Zwetschge never"), 250);
    world.mail_to(ALICE, "cannot take");
    for query in [
        "number=%2B12015550123&data=Zwetschge&user=alice%40example.test&pass=hunter2X",
        "number=%2B1201555&data=Zwetschge&user=alice%40example.test&pass=alice-pw",
        "number=%2B12015550123&data=%FFZwetschge&user=alice%40example.test&pass=alice-pw",
        "number=%2B12015550123&number=12015550123&pass=hunter2X",
        "number=%2B447911123456&data=Zwetschge&user=alice%40example.test&pass=alice-pw",
    ] {
        let (status, _) = http::call(world.martlet.http, "POST", "/sms/", query).expect("an answer");
        assert!((400..500).contains(&status), "{query}: {status}");
    }
    let wrong = "id=main&pass=hunter2X&number=12015550123&data=Zwetschge";
    assert_eq!(http::call(world.martlet.http, "POST", "/sms/deliver.html", wrong).expect("an answer").0, 403);
    world.phone("Zwetschge back");
    world.mail_to(ALICE, "Zwetschge back");
    world.martlet.settled();

    let log = world.martlet.log();
    for secret in ["5550123", "201555", "7911123", "46645", "Zwetsch", "hunter2", "alice-pw", "pass="] {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} is in the log: {line:?}");
    }
    for word in ["refused", "accepted", "credentials", "attempt"] {
        assert!(log.contains(word), "the log does not say {word}: {log}");
    }
    config_errors(&world);
}

/// Errors of the configuration quote no secret.
fn config_errors(world: &World) {
    let good = std::fs::read_to_string(&world.martlet.config).expect("the config");
    for (old, new) in [
        ("password = \"pin\"", "password = { secret = \"hunter2X\" }"),
        ("password = \"alice-pw\"", "password = \"$argon2id$hunter2X\""),
        ("/main?to=%number%", "/main?key=hunter2X&to=%nosuch%"),
        (
            "[sms]",
            "[[address]]\naddress = \"oncall@sms.example.test\"\naccount = \"alice@example.test\"\nto = [\"sms:+12015550123?user=a&pass=hunter2X\"]\n[sms]",
        ),
    ] {
        assert!(good.contains(old), "{old}");
        let path = world.martlet.config.with_file_name("bad.toml");
        std::fs::write(&path, good.replacen(old, new, 1)).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_martlet"));
        let out = command.args(["check", "--config"]).arg(&path).output().expect("a command");
        let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert_eq!(out.status.code(), Some(78), "{new}: {said}");
        assert!(!said.contains("hunter2X"), "{new}: {said}");
    }
}
