//! Once around: mail client → Postfix → Martlet → provider → phone → Martlet → Postfix → Dovecot → mail client, which
//! answers again.

use std::sync::atomic::Ordering;

use libtest_mimic::Trial;

use super::{ALICE, PASSWORD, PHONE, Setup, System, TO_PHONE, mail};
use crate::support::{
    Needs,
    letter::{address, date, header, text},
    process::{DEADLINE, until, within},
    sink::Answer,
    talk::Letter,
    trial_with,
};

const NEEDS: [Needs; 2] = [Needs::Postfix, Needs::Dovecot];

pub fn trials() -> Vec<Trial> {
    vec![
        trial_with("circle: mail, text, reply, text again; by a socket in the chroot", &NEEDS, || {
            circle(&Setup::default())
        }),
        trial_with("circle: mail, text, reply, text again; by TCP", &NEEDS, || {
            circle(&Setup { tcp: true, ..Setup::default() })
        }),
        trial_with("circle: mail, text, reply, text again; by SMTP", &NEEDS, || {
            circle(&Setup { smtp: true, ..Setup::default() });
        }),
        trial_with("circle: handed over twice, sent once", &NEEDS, twice),
        trial_with("circle: words of all languages, both ways", &NEEDS, languages),
        trial_with("circle: a bounce of the phone's words is no text", &NEEDS, bounced),
        trial_with("circle: a tag in the text chooses the mailbox", &NEEDS, tag),
    ]
}

fn system() -> System {
    started(&Setup::default())
}

fn started(setup: &Setup) -> System {
    System::start(setup, |r| Answer::Say(200, format!("OK {}", r.value("text").len())))
}

fn circle(setup: &Setup) {
    let mut system = started(setup);
    let letter = Letter {
        from: ALICE,
        to: vec![TO_PHONE],
        data: mail("first@example.test", "Dinner", "Are you coming tonight?", ""),
        ..Letter::default()
    };
    assert_eq!(system.alice(&letter).code, 250);
    let first = system.provider.seen.wait("the first text", |_| true);
    assert_eq!((first.value("to"), first.value("text")), (PHONE, "Are you coming tonight?"));

    let (status, body) = system.martlet.phone("GET", PHONE, "Yes, at eight").expect("a call");
    assert!(status == 200 && body.starts_with("OK "), "{status} {body}");
    let reply = system.dovecot.wait("alice", "the phone's reply", |m| m.contains("Yes, at eight"));
    assert_eq!(text(&reply), "Yes, at eight");
    assert_eq!(header(&reply, "In-Reply-To").as_deref(), Some("<first@example.test>"));
    assert!(header(&reply, "References").is_some_and(|r| r.contains("<first@example.test>")));
    assert_eq!(header(&reply, "Subject").as_deref(), Some("Re: Dinner"));
    assert_eq!(header(&reply, "Auto-Submitted"), None, "a person wrote");

    // The mail client answers to what From: says.
    let from = header(&reply, "From").expect("From");
    let again = Letter {
        from: ALICE,
        to: vec![address(&from)],
        data: format!(
            "From: {ALICE}\r\nTo: {from}\r\nSubject: Re: Dinner\r\nDate: {}\r\nMessage-ID: <second@example.test>\r\n\
             In-Reply-To: {}\r\n\r\nSee you then\r\n\r\nOn Monday the phone wrote:\r\n> Yes, at eight\r\n",
            date(),
            header(&reply, "Message-ID").expect("Message-ID"),
        ),
        ..Letter::default()
    };
    assert_eq!(system.alice(&again).code, 250, "{from}");
    let second = system.provider.seen.wait("the second text", |r| r.value("text").starts_with("See you"));
    assert_eq!((second.value("to"), second.value("text")), (PHONE, "See you then"), "the quote is cut");

    // POST is the same call; the thread goes on.
    let (status, _) = system.martlet.phone("POST", PHONE, "Bring 50% & a + sign").expect("a call");
    assert_eq!(status, 200);
    let reply = system.dovecot.wait("alice", "the second reply", |m| m.contains("Bring 50%"));
    assert_eq!(text(&reply), "Bring 50% & a + sign");
    assert_eq!(header(&reply, "In-Reply-To").as_deref(), Some("<second@example.test>"));

    system.martlet.settled();
    assert_eq!(system.provider.seen.len(), 2, "each text went out once");
    assert_eq!(system.dovecot.mails("alice").len(), 2, "no reports for what went well");
    log_tells(&system);
    system.martlet.stop();
    system.log_is_discreet(&["tonight", "at eight", "See you", "Bring", "Dinner", "pin=", "pass=pin"]);
}

/// One line per message: its id, the gateway and the outcome.
fn log_tells(system: &System) {
    let log = system.martlet.log();
    let queue = system.martlet.queue();
    let texts: Vec<_> = queue.iter().filter(|m| m["gateway"] == "main").collect();
    assert_eq!(texts.len(), 2, "{queue:?}");
    for message in texts {
        let id = message["id"].as_str().expect("an id");
        let tells = |l: &&str| l.contains(id) && l.contains("main") && l.contains("sent");
        assert_eq!(log.lines().filter(tells).count(), 1, "one line tells of {id}:\n{log}");
    }
}

fn tag() {
    let system = system();
    let (status, body) = system.martlet.phone("GET", PHONE, "for bob #bob@example.test# only").expect("a call");
    assert_eq!(status, 200, "{body}");
    let mail = system.dovecot.wait("bob", "the tagged text", |m| m.contains("for bob"));
    assert!(!text(&mail).contains('#'), "the tag is cut: {mail}");
    for outside in ["victim@evil.example", "victim%evil.example@example.test", "evil.example!victim@example.test"] {
        let (status, _) = system.martlet.phone("GET", PHONE, &format!("relay #{outside}# this")).expect("a call");
        assert_eq!(status, 200);
    }
    let (status, _) = system.martlet.phone("GET", PHONE, "nobody there #ghost@example.test#").expect("a call");
    assert_eq!(status, 200);
    // No live link and no valid tag: the default mailbox. A mailbox that does not exist: the postmaster.
    system.dovecot.wait_count("postmaster", 4);
    system.dovecot.wait("postmaster", "what the ghost did not get", |m| m.contains("nobody there"));
    assert!(!system.postfix.log().contains("to=<victim"), "{}", system.postfix.log());
    system.log_is_discreet(&["for bob", "relay #", PASSWORD]);
}

/// Postfix hears nothing of the `250` and hands the mail over again, with the same XFORWARD IDENT.
fn twice() {
    let setup = Setup { tcp: true, cut: true, ..Setup::default() };
    let system = System::start(&setup, |_| Answer::Say(200, "OK 1".into()));
    let data = mail("twice@example.test", "s", "only once", "");
    let letter = Letter { from: ALICE, to: vec![TO_PHONE], data, ..Letter::default() };
    assert_eq!(system.alice(&letter).code, 250);
    let mut flushed = std::time::Instant::now();
    let twice = within(DEADLINE, || {
        let log = system.postfix.log();
        if log.contains("skipped, still being delivered") && flushed.elapsed().as_secs() >= 1 {
            flushed = std::time::Instant::now();
            system.postfix.flush();
        }
        (log.contains("status=deferred") && log.contains("status=sent")).then_some(())
    });
    assert!(twice.is_some(), "Postfix's second try:\n{}\n{}", system.postfix.log(), system.martlet.log());
    assert!(system.cut.as_ref().is_some_and(|c| c.done.load(Ordering::SeqCst)), "the first answer was lost");
    system.provider.seen.wait("the text", |_| true);
    // The same words again are another mail.
    let data = mail("another@example.test", "s", "only once", "");
    assert_eq!(system.alice(&Letter { data, ..letter }).code, 250);
    let both = system.provider.seen.within(DEADLINE, |all| (all.len() >= 2).then_some(()));
    assert!(both.is_some(), "the second mail is sent");
    system.martlet.settled();
    assert_eq!(system.provider.seen.len(), 2, "one text for each mail");
}

fn languages() {
    let system = system();
    let data =
        mail("utf8@example.test", "Größe", "Grüße für 5 € – ¿mañana? 你好 😀", "Content-Transfer-Encoding: 8bit\r\n");
    let letter =
        Letter { from: ALICE, mail_params: " BODY=8BITMIME SMTPUTF8", to: vec![TO_PHONE], data, ..Letter::default() };
    assert_eq!(system.alice(&letter).code, 250);
    let request = system.provider.seen.wait("the text", |_| true);
    assert_eq!(request.value("text"), "Grüße für 5 € – ¿mañana? 你好 😀");
    let words = "Ça va 👍🏽, до завтра\n.\nMAIL FROM:<x@y.example>\nשלום";
    let (status, body) = system.martlet.phone("POST", PHONE, words).expect("a call");
    assert_eq!(status, 200, "{body}");
    let reply = system.dovecot.wait("alice", "the phone's reply", |m| header(m, "In-Reply-To").is_some());
    assert_eq!(text(&reply).replace("\r\n", "\n"), words, "a dot of its own ends no mail");
    let head = reply.split("\n\n").next().unwrap_or_default();
    assert!(head.is_ascii(), "headers are ASCII: {head}");
    system.log_is_discreet(&["mañana", "до завтра", "Größe"]);
}

/// Postfix takes the mail and Dovecot refuses it: a real bounce to the phone's address.
fn bounced() {
    let setup = Setup {
        main_cf: "virtual_mailbox_maps = inline:{ leaver@example.test=leaver, postmaster@example.test=postmaster }",
        ..Setup::default()
    };
    let system = System::start(&setup, |_| Answer::Say(200, "OK 1".into()));
    let (status, _) = system.martlet.phone("GET", PHONE, "are you there #leaver@example.test#").expect("a call");
    assert_eq!(status, 200);
    let taken = until("the bounce in Martlet", || {
        let log = system.postfix.log();
        log.lines().find(|l| l.contains("lmtp.sock") && l.contains("status=")).map(str::to_owned)
    });
    assert!(taken.contains("status=sent"), "a bounce of ours is taken: {taken}");
    system.martlet.settled();
    assert_eq!(system.provider.seen.len(), 0, "and never texted");
    system.log_is_discreet(&["are you there"]);
}
