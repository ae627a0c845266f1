//! Reports as they arrive in a mailbox, read by flufl.bounce; and where none may come. The provider's answer is what the
//! text asks for.

use libtest_mimic::Trial;

use super::{ADDRESS_PASSWORD, ALICE, PASSWORD, PHONE, Setup, System, TO_PHONE, mail};
use crate::support::{
    Needs, flufl,
    letter::{every_reading, header},
    process::{DEADLINE, until},
    sink::{Answer, Request},
    talk::{Letter, Place, Talk},
    trial_with,
};

const NEEDS: [Needs; 3] = [Needs::Postfix, Needs::Dovecot, Needs::FluflBounce];

/// Short times, an account whose password stands in addresses, and its owner's mailbox.
const TOML: &str = "\n[queue]\nwarn_after = \"2s\"\nretry_min = \"1s\"\nretry_max = \"1s\"\n\
                    \n[[account]]\nuser = \"bob@example.test\"\npassword = { env = \"BOB_PW\" }\nregions = [\"US\"]\n";

pub fn trials() -> Vec<Trial> {
    vec![
        trial_with("reports: failure, delay and success in a mailbox", &NEEDS, kinds),
        trial_with("reports: none where none may be", &NEEDS, withheld),
        trial_with("reports: no password in any of them", &NEEDS, passwords),
    ]
}

fn provider(request: &Request) -> Answer {
    match request.value("text") {
        text if text.contains("refuse") => Answer::Say(400, "ERR number not in service".into()),
        text if text.contains("later") => Answer::Say(503, "busy".into()),
        _ => Answer::Say(200, "OK 77".into()),
    }
}

fn system() -> System {
    System::start(&Setup { toml: TOML, ..Setup::default() }, provider)
}

fn send(system: &System, id: &str, body: &str, rcpt_params: &str, more: &str) {
    let data = mail(id, "Subject of it", body, more);
    let letter = Letter { from: ALICE, mail_params: " ENVID=envid-77", to: vec![TO_PHONE], rcpt_params, data };
    let reply = system.alice(&letter);
    assert_eq!(reply.code, 250, "{reply:?}");
}

/// The report on the mail with this Message-ID, with what every report must have.
fn report(system: &System, id: &str, action: &str) -> (String, flufl::Verdict) {
    let about = format!("<{id}>");
    let fits =
        |m: &str| m.contains(&format!("Action: {action}")) && header(m, "In-Reply-To").is_some_and(|r| r == about);
    let mail = system.dovecot.wait("alice", &format!("the report ({action}) on {id}"), fits);
    let verdict = flufl::read(&mail);
    assert!(mail.starts_with("Return-Path: <>"), "null sender: {mail}");
    assert_eq!(header(&mail, "Auto-Submitted").as_deref(), Some("auto-replied"));
    assert!(header(&mail, "References").is_some_and(|r| r.contains(&about)), "{mail}");
    assert_eq!(verdict.report_type.as_deref(), Some("delivery-status"));
    assert_eq!(verdict.types[..3], ["multipart/report", "text/plain", "message/delivery-status"], "{mail}");
    assert!(verdict.defects.is_empty(), "{:?}\n{mail}", verdict.defects);
    assert_eq!(verdict.blocks.len(), 2, "{mail}");
    assert_eq!(verdict.blocks[0]["reporting-mta"], "dns; sms.example.test");
    assert_eq!(verdict.blocks[0]["original-envelope-id"], "envid-77");
    assert!(verdict.blocks[0].contains_key("arrival-date"));
    assert_eq!(verdict.field("action"), action);
    assert!(verdict.field("final-recipient").starts_with("rfc822;"), "{mail}");
    assert_eq!(verdict.field("original-recipient").replace("; ", ";"), format!("rfc822;{TO_PHONE}"));
    assert_eq!(verdict.field("remote-mta").replace("; ", ";"), "x-gateway;main");
    (mail, verdict)
}

/// flufl.bounce found the phone, and nothing else.
fn names_the_phone(found: &[String]) {
    assert!(found.len() == 1 && found[0].contains(PHONE), "{found:?}");
}

fn kinds() {
    let system = system();
    send(&system, "refused@example.test", "refuse this", "", "");
    let (mail, verdict) = report(&system, "refused@example.test", "failed");
    names_the_phone(&verdict.permanent);
    assert!(verdict.temporary.is_empty(), "{verdict:?}");
    assert!(verdict.field("status").starts_with("5."), "{mail}");
    assert!(verdict.field("diagnostic-code").contains("number not in service"), "the network's own words: {mail}");
    assert!(every_reading(&mail).contains("refuse this"), "the sender's own text is in it");

    send(&system, "delayed@example.test", "try later", "", "");
    let (mail, verdict) = report(&system, "delayed@example.test", "delayed");
    names_the_phone(&verdict.temporary);
    assert!(verdict.permanent.is_empty(), "{verdict:?}");
    assert!(verdict.field("status").starts_with("4."), "{mail}");
    assert!(!verdict.field("will-retry-until").is_empty(), "{mail}");

    send(&system, "asked@example.test", "fine", " NOTIFY=SUCCESS", "");
    let (mail, verdict) = report(&system, "asked@example.test", "relayed");
    assert!(verdict.permanent.is_empty() && verdict.temporary.is_empty(), "{verdict:?}");
    assert!(verdict.field("status").starts_with("2."), "{mail}");

    // RET=HDRS: the headers, not the words.
    let data = mail_without_words();
    let letter =
        Letter { from: ALICE, mail_params: " ENVID=envid-77 RET=HDRS", to: vec![TO_PHONE], rcpt_params: "", data };
    assert_eq!(system.alice(&letter).code, 250);
    let (mail, _) = report(&system, "headers@example.test", "failed");
    assert!(!every_reading(&mail).contains("refuse privately"), "{mail}");
    assert_eq!(system.dovecot.mails("alice").len(), 4, "one warning, once; nothing that nobody asked for");
    system.log_is_discreet(&["refuse this", "try later", "refuse privately", "Subject of it"]);
}

fn mail_without_words() -> String {
    mail("headers@example.test", "s", "refuse privately", "")
}

fn withheld() {
    let system = system();
    let asked = |text: &str| system.provider.seen.wait(text, |r| r.value("text") == text);
    send(&system, "never@example.test", "refuse never", " NOTIFY=NEVER", "");
    asked("refuse never");
    send(&system, "only-success@example.test", "refuse success", " NOTIFY=SUCCESS", "");
    asked("refuse success");
    send(&system, "only-delay@example.test", "refuse delay", " NOTIFY=DELAY", "");
    asked("refuse delay");
    send(&system, "no-delay@example.test", "later silent", " NOTIFY=FAILURE", "");
    asked("later silent");

    // A null sender and an auto-reply send nothing, and nobody hears of it: Postfix sends no bounce to nobody.
    let auto = "Auto-Submitted: auto-replied (vacation)\r\n";
    for (id, more) in [("null@example.test", ""), ("auto@example.test", auto)] {
        let data = mail(id, "s", "refuse automatic", more);
        let letter = Letter { from: "", to: vec![TO_PHONE], data, ..Letter::default() };
        assert_eq!(system.alice(&letter).code, 250, "Postfix takes it");
    }
    until("both refused", || {
        let log = system.postfix.log();
        (log.matches("said: 550 5.7.1").count() == 2).then_some(())
    });

    // An auto-reply with a sender: refused, so Martlet has nothing to report. (Behind a real Postfix it would be Postfix
    // who tells; here the test stands in its place.)
    let mut talk = Talk::to(&Place::Unix(system.postfix.queue.join("martlet/lmtp.sock"))).expect("Martlet's socket");
    assert_eq!(talk.say("LHLO mx.example.test").expect("LHLO").code, 250);
    let login = "Received: from laptop (laptop [192.0.2.7])\r\n\t(Authenticated sender: alice@example.test)\r\n\t\
                 by mx.example.test (Postfix) with ESMTPSA id 4F00000001;\r\n\tMon, 1 Jan 2024 00:00:00 +0000 (UTC)\r\n";
    let data = login.to_owned() + &mail("auto-sender@example.test", "s", "refuse automatic", auto);
    let letter = Letter { from: ALICE, to: vec![TO_PHONE], data, ..Letter::default() };
    let reply = talk.one(&letter, true).expect("a session");
    assert_eq!((reply.code, reply.enhanced()), (550, "5.7.1"), "{reply:?}");

    // An alarm's sender wants to know; and once this is there, the others would have been.
    send(&system, "alarm@example.test", "refuse alarm", "", "Auto-Submitted: auto-generated\r\n");
    let (_, verdict) = report(&system, "alarm@example.test", "failed");
    names_the_phone(&verdict.permanent);
    // `later silent` is past its warning when it has been tried for longer than `warn_after`.
    let tried = system
        .provider
        .seen
        .within(DEADLINE, |all| (all.iter().filter(|r| r.value("text") == "later silent").count() >= 5).then_some(()));
    assert!(tried.is_some(), "it is tried again");
    let mails = system.dovecot.mails("alice");
    assert_eq!(mails.len(), 1, "only the alarm's:\n{}", mails.join("\n=====\n"));
    assert!(!system.provider.seen.all().iter().any(|r| r.value("text").contains("automatic")));
    system.log_is_discreet(&["refuse never", "later silent", PASSWORD]);
}

fn passwords() {
    let system = system();
    let forms = [
        r#""sms:+15551234567?user=bob@example.test&pass=hunter2X"@sms.example.test"#,
        r#""sms:+15551234567?user=bob%40example.test&pass=%68unter2%58"@sms.example.test"#,
        r#""sms:+15551234567?user=bob@example.test&pass=\h\u\nter2\X"@sms.example.test"#,
        r#""sms:+15551234567?pass=hunter2X&user=bob@example.test"@sms.example.test"#,
    ];
    for (n, form) in forms.iter().enumerate() {
        let data = format!(
            "From: bob@example.test\r\nTo: {form}\r\nSubject: one\r\n\
             X-Copy: <{form}>,\r\n {form}\r\nDate: {}\r\nMessage-ID: <secret{n}@example.test>\r\n\r\nrefuse number {n}\r\n",
            crate::support::letter::date()
        );
        let letter =
            Letter { from: "bob@example.test", mail_params: " RET=FULL", to: vec![form], data, ..Letter::default() };
        // Alice carries the mail; the credentials in the address decide alone: Bob's account.
        let reply = system.alice(&letter);
        assert_eq!(reply.code, 250, "{reply:?}");
        system.provider.seen.wait(form, |r| r.value("text") == format!("refuse number {n}"));
        let fits = |m: &str| header(m, "In-Reply-To").is_some_and(|r| r == format!("<secret{n}@example.test>"));
        let bounce = system.dovecot.wait("bob", &format!("the bounce of {form}"), fits);
        names_the_phone(&flufl::read(&bounce).permanent.iter().map(|a| a.replace("sms:", "")).collect::<Vec<_>>());
        let readings = every_reading(&bounce);
        assert!(!readings.to_lowercase().contains(&ADDRESS_PASSWORD.to_lowercase()), "{form}:\n{bounce}");
        assert!(readings.contains(&format!("refuse number {n}")), "it is a whole report");
    }
    // A wrong one sends nothing and is not told to anybody by Martlet.
    let wrong = r#""sms:+15551234567?user=bob@example.test&pass=hunter3Y"@sms.example.test"#;
    let letter = Letter {
        from: ALICE,
        to: vec![wrong],
        data: mail("wrong@example.test", "s", "wrong", ""),
        ..Letter::default()
    };
    assert_eq!(system.alice(&letter).code, 250, "Postfix takes it");
    until("the refusal", || system.postfix.log().contains("said: 550 5.7.8").then_some(()));
    assert_eq!(system.provider.seen.len(), forms.len());
    system.log_is_discreet(&["hunter3Y", "refuse number"]);
}
