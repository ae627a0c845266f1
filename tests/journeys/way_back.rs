//! `[mailbox]` while the daemon lives: what a reload changes of it holds for what waits and what comes, and a wrong one changes
//! nothing.

use libtest_mimic::Trial;
use serde_json::Value;

use super::{BOB, PHONE, World, daemon, header_of, mail, words_of};
use crate::support::{process::until, sink::MailSink, talk::Letter, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("mailbox: another server and another postmaster follow a reload", moved),
        trial("mailbox: what is wrong in it is refused by a reload and changes nothing", refused),
    ]
}

/// Writes the configuration with these words for those and has it read; what `martlet reload` says and its exit code.
fn change(world: &World, changes: &[(&str, &str)]) -> (Option<i32>, Value) {
    let mut text = std::fs::read_to_string(&world.martlet.config).expect("the configuration");
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    std::fs::write(&world.martlet.config, text).expect("written");
    let done = world.martlet.command(&["reload", "--json"]);
    (done.status.code(), serde_json::from_slice(&done.stdout).unwrap_or_default())
}

fn moved() {
    let world = daemon().start();
    world.phone("before");
    world.mail_to("inbox@example.test", "before");
    let (other, old) = (MailSink::smtp(), format!("smtp://127.0.0.1:{}", world.mails.port));
    let nobody = "smtp://127.0.0.1:1";
    assert_eq!(change(&world, &[(&old, nobody)]).0, Some(0));
    world.phone("while nobody is there");
    let waits = |item: &Value| item["state"] == "waiting" && item["attempts"].as_u64() >= Some(1);
    until("a mail that waits", || world.martlet.queue().iter().any(waits).then_some(()));
    let new = format!("smtp://127.0.0.1:{}", other.port);
    let changes = [(nobody, new.as_str()), ("postmaster@example.test", "boss@example.test")];
    let (code, told) = change(&world, &changes);
    assert_eq!(
        (code, &told["applied"], &told["restart"]),
        (Some(0), &serde_json::json!(["mailbox"]), &serde_json::json!([]))
    );
    other.seen.wait("the mail that waited", |mail| words_of(mail).contains("while nobody is there"));
    // Reports come from the new postmaster, and mails to him go there.
    let lost = mail("to-postmaster@example.test", BOB, "who are you?", "");
    assert_eq!(world.send(BOB, &["postmaster@sms.example.test"], &lost)[0].code, 250);
    let to = other.seen.wait("the mail to the postmaster", |mail| words_of(mail).contains("who are you"));
    assert_eq!(to.rcpt, ["RCPT TO:<boss@example.test>"]);
    let to = format!("{PHONE}@sms.example.test");
    let letter = Letter {
        from: BOB,
        to: vec![&to],
        rcpt_params: " NOTIFY=SUCCESS",
        data: mail("asks@example.test", BOB, "hello", ""),
        ..Letter::default()
    };
    assert_eq!(world.hand_over(&letter)[0].code, 250);
    let report = other.seen.wait("the report", |mail| mail.rcpt.iter().any(|rcpt| rcpt.contains(BOB)));
    assert!(header_of(&report, "From").is_some_and(|from| from.contains("boss@example.test")), "{report:?}");
    world.martlet.settled();
    assert_eq!(world.mails.seen.len(), 1, "nothing more by the old way");
}

fn refused() {
    let world = daemon().start();
    let url = format!("url = \"smtp://127.0.0.1:{}\"", world.mails.port);
    let moved = "url = \"smtp://127.0.0.1:1\"";
    let wrong = format!("{moved}\ntls = \"starttls\"\nca = \"no-such-file.pem\"");
    assert_ne!(change(&world, &[(&url, &wrong)]).0, Some(0));
    assert!(world.says(&["no-such-file.pem"]), "{}", world.martlet.log_end());
    world.phone("all the same");
    world.mail_to("inbox@example.test", "all the same");
}
