//! The recipe without Martlet: what Postfix does by itself, with a plain LMTP sink in Martlet's place. A change of
//! Postfix that Martlet relies on is seen here first.

use libtest_mimic::Trial;

use super::{ALICE, TO_PHONE, mail};
use crate::support::{
    Needs, docs,
    dovecot::{Dovecot, PASSWORD},
    letter::{headers, text},
    postfix::{Postfix, Way},
    process::Scratch,
    root,
    sink::MailSink,
    talk::{Letter, Place, Talk},
    trial, trial_with,
};

const NEEDS: [Needs; 2] = [Needs::Postfix, Needs::Dovecot];

pub fn trials() -> Vec<Trial> {
    vec![
        trial("recipe: config/mta holds what the pages say", snippets),
        trial_with("recipe: Postfix hands over by a socket in its chroot", &NEEDS, || hands_over(false)),
        trial_with("recipe: Postfix hands over by TCP", &NEEDS, || hands_over(true)),
        trial_with("recipe: strangers cannot write to phones", &NEEDS, strangers),
        trial_with("recipe: the way back reaches own mailboxes only", &NEEDS, way_back),
        trial_with("recipe: who has logged in is not told to the outside", &NEEDS, outside),
    ]
}

fn hands_over(tcp: bool) {
    let scratch = Scratch::new();
    let dovecot = Dovecot::start(&scratch, &Postfix::queue(&scratch), &["alice"]);
    let (sink, postfix) = if tcp {
        let sink = MailSink::tcp(true);
        let postfix = Postfix::start(&scratch, Way::Tcp(sink.port), "");
        (sink, postfix)
    } else {
        let postfix = Postfix::start(&scratch, Way::Unix, "");
        (MailSink::unix(&postfix.queue.join("martlet/lmtp.sock")), postfix)
    };
    let letter = Letter {
        from: ALICE,
        mail_params: " ENVID=QQ314159 RET=HDRS",
        to: vec![TO_PHONE, "sms:+15557654321@sms.example.test", "+15550001111@sms.example.test"],
        rcpt_params: " NOTIFY=SUCCESS,FAILURE",
        data: mail("hands-over@example.test", "Greeting", "Good morning", ""),
    };
    for reply in postfix.submit(ALICE, PASSWORD, &letter) {
        assert_eq!(reply.code, 250, "{reply:?}\n{}", postfix.log());
    }
    let taken = sink.seen.wait("the mail in the sink", |_| true);
    assert!(taken.mail.starts_with("MAIL FROM:<alice@example.test> "), "{}", taken.mail);
    assert!(taken.mail.contains("ENVID=QQ314159") && taken.mail.contains("RET=HDRS"), "{}", taken.mail);
    assert_eq!(taken.rcpt.len(), 3);
    // The unquoted form is quoted on its way; the quotes of the others stay as they are.
    for wanted in [TO_PHONE, r#""sms:+15557654321"@sms.example.test"#, "+15550001111@sms.example.test"] {
        let rcpt = taken.rcpt.iter().find(|r| r.starts_with(&format!("RCPT TO:<{wanted}>")));
        assert!(rcpt.is_some_and(|r| r.contains("NOTIFY=SUCCESS,FAILURE")), "{wanted}: {:?}", taken.rcpt);
    }
    assert!(taken.before.iter().any(|l| l.starts_with("XFORWARD ") && l.contains("IDENT=")), "{:?}", taken.before);
    let data = String::from_utf8(taken.data).expect("UTF-8");
    let top = &headers(&data, "Received")[0];
    assert!(top.contains("(Authenticated sender: alice@example.test)"), "{top}");
    assert!(top.contains("by mx.example.test (Postfix) with ESMTPSA"), "{top}");
    assert_eq!(text(&data), "Good morning");
    drop(dovecot);
}

fn strangers() {
    let scratch = Scratch::new();
    let postfix = Postfix::start(&scratch, Way::Unix, "");
    let sink = MailSink::unix(&postfix.queue.join("martlet/lmtp.sock"));
    let mut talk = Talk::to(&Place::Tcp(postfix.mx)).expect("port 25");
    assert_eq!(talk.say("EHLO stranger.example").expect("EHLO").code, 250);
    let mut rcpt = |from: &str, to: &str| {
        assert_eq!(talk.say(&format!("MAIL FROM:<{from}>")).expect("MAIL").code, 250);
        let reply = talk.say(&format!("RCPT TO:<{to}>")).expect("RCPT");
        talk.say("RSET").expect("RSET");
        reply
    };
    for form in [TO_PHONE, "+15551234567@sms.example.test", "sms:+15551234567@sms.example.test"] {
        let reply = rcpt(ALICE, form);
        assert_eq!(reply.code / 100, 5, "a forged sender reaches {form}: {reply:?}");
    }
    assert_eq!(rcpt("", TO_PHONE).code, 250, "bounces and address probes pass");
    let plain =
        Talk::to(&Place::Tcp(postfix.submission)).expect("submission").say("EHLO stranger.example").expect("EHLO");
    assert!(!plain.text().contains("AUTH"), "no login without TLS: {plain:?}");
    assert_eq!(sink.seen.len(), 0);
}

fn way_back() {
    let scratch = Scratch::new();
    let dovecot = Dovecot::start(&scratch, &Postfix::queue(&scratch), &["alice"]);
    // As open as a stock Debian is towards its own machine.
    let postfix = Postfix::start(&scratch, Way::Unix, "mynetworks = 127.0.0.0/8");
    let mut talk = Talk::to(&Place::Tcp(postfix.helper)).expect("the helper port");
    assert_eq!(talk.say("EHLO sms.example.test").expect("EHLO").code, 250);
    let letter = Letter {
        from: TO_PHONE,
        to: vec![
            ALICE,
            "nobody@example.test",
            "victim@evil.example",
            "victim%evil.example@example.test",
            "evil.example!victim@example.test",
            "\"victim@evil.example\"@example.test",
            "@example.test:victim@evil.example",
        ],
        data: format!(
            "From: {TO_PHONE}\r\nTo: {ALICE}\r\nSubject: hi\r\nMessage-ID: <back@sms.example.test>\r\n\r\nhi back\r\n"
        ),
        ..Letter::default()
    };
    let replies = talk.letter(&letter, false).expect("a session");
    assert_eq!(replies[0].code, 250, "{:?}\n{}", replies[0], postfix.log());
    for (to, reply) in letter.to.iter().zip(&replies).skip(1) {
        assert_ne!(reply.code, 250, "the way back takes {to}");
    }
    let mail = dovecot.wait("alice", "the mail", |m| m.contains("hi back"));
    assert!(mail.starts_with(&format!("Return-Path: <{TO_PHONE}>")), "{mail}");
}

fn outside() {
    let scratch = Scratch::new();
    let _dovecot = Dovecot::start(&scratch, &Postfix::queue(&scratch), &["alice"]);
    let sink = MailSink::smtp();
    // The recipe's transport, and one for the outside.
    let route = format!("transport_maps = inline:{{ elsewhere.example=smtp:[127.0.0.1]:{} }}", sink.port);
    let postfix = Postfix::start(&scratch, Way::Unix, &route);
    let data = mail("outside@example.test", "Out", "into the world", "");
    let letter = Letter { from: ALICE, to: vec!["friend@elsewhere.example"], data, ..Letter::default() };
    let reply = postfix.submit(ALICE, PASSWORD, &letter).pop().expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
    let taken = sink.seen.wait("the mail outside", |_| true);
    let data = String::from_utf8(taken.data).expect("UTF-8");
    let top = &headers(&data, "Received")[0];
    assert!(!data.contains("Authenticated sender"), "{data}");
    assert!(top.starts_with("from ") && top.contains("by mx.example.test (Postfix) with ESMTPSA"), "{top}");
    assert_eq!(text(&data), "into the world");
}

/// The snippets below `config/mta` are the blocks of the pages, which the tests run.
fn snippets() {
    for (page, name, file) in [
        ("mta-postfix.md", "main.cf", "postfix-main.cf"),
        ("mta-postfix.md", "master.cf", "postfix-master.cf"),
        ("mta-exim.md", "exim main", "exim-main"),
        ("mta-exim.md", "exim acl", "exim-acl"),
        ("mta-exim.md", "exim router", "exim-router"),
        ("mta-exim.md", "exim transport", "exim-transport"),
        ("mta-exim.md", "exim auth", "exim-auth"),
        ("mta-opensmtpd.md", "smtpd.conf", "opensmtpd-smtpd.conf"),
    ] {
        let snippet = std::fs::read_to_string(root().join("config/mta").join(file)).unwrap_or_default();
        assert_eq!(snippet, docs::block(page, name), "config/mta/{file} is not what docs/{page} says");
    }
    // What the recipe must not lose.
    let main = docs::block("mta-postfix.md", "main.cf");
    assert!(main.contains("\nrelay_domains = sms.example.test\n") && !main.contains("mydestination"), "{main}");
}
