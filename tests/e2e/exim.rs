//! Exim by the recipe of `docs/mta-exim.md`: who logged in comes by `MAIL FROM … AUTH=`, the way back by a port that
//! relays nothing.

use libtest_mimic::Trial;

use super::{ALICE, PHONE, TO_PHONE, dial, mail};
use crate::support::{
    Needs, docs,
    exim::{Exim, PAGE},
    letter::{address, header, text},
    martlet::Martlet,
    process::{Scratch, free_port, until},
    sink::{Answer, Provider},
    talk::{Letter, Place, Talk},
    trial_with,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial_with("exim: mail, text, reply, text again", &[Needs::Exim], circle),
        trial_with("exim: who is who: users of the machine, strangers, users who write as others", &[Needs::Exim], who),
        trial_with("exim: reports come back, and the way back relays nothing", &[Needs::Exim], back),
    ]
}

/// Everything running. Fields end in this order.
struct System {
    martlet: Martlet,
    exim: Exim,
    provider: Provider,
    _scratch: Scratch,
}

fn system() -> System {
    let scratch = Scratch::new();
    let lmtp = free_port();
    let exim = Exim::start(&scratch, lmtp);
    let provider = Provider::start(|request| match request.value("text") {
        text if text.contains("refuse") => Answer::Say(400, "ERR number not in service".into()),
        _ => Answer::Say(200, "OK 77".into()),
    });
    let dir = scratch.dir("martlet");
    let config = docs::block_with(
        PAGE,
        "martlet.toml",
        &[
            ("/var/lib/martlet", dir.join("data").to_str().expect("UTF-8")),
            ("127.0.0.1:2424", &format!("127.0.0.1:{lmtp}")),
            ("127.0.0.1:2525", &format!("127.0.0.1:{}", exim.helper)),
            ("127.0.0.1:8025", &format!("127.0.0.1:{}", free_port())),
            ("https://provider.example/send", &format!("http://127.0.0.1:{}/send", provider.port)),
        ],
    );
    let martlet = Martlet::start(&dir, &config, &[]);
    System { martlet, exim, provider, _scratch: scratch }
}

fn send(talk: &mut Talk, from: &str, params: &str, to: &str, data: String) -> u16 {
    let letter = Letter { from, mail_params: params, to: vec![to], rcpt_params: "", data };
    // A refused MAIL is an answer too.
    talk.one(&letter, false).map_or(500, |reply| reply.code)
}

fn circle() {
    let mut system = system();
    let mut alice = system.exim.submit_as("alice");
    // Parameters pass Debian's check of local parts.
    let to = r#""sms:+15551234567?maxmsgs=2&binary=0"@sms.example.test"#;
    let code = send(&mut alice, ALICE, " RET=HDRS", to, mail("first@example.test", "Dinner", "Coming tonight?", ""));
    assert_eq!(code, 250, "{}", system.exim.log());
    let first = system.provider.seen.wait("the first text", |_| true);
    assert_eq!((first.value("to"), first.value("text")), (PHONE, "Coming tonight?"));
    let (status, body) =
        system.martlet.phone("POST", PHONE, "Yes\n.\nMAIL FROM:<x@y.example>\nat eight").expect("a call");
    assert_eq!(status, 200, "{body}");
    let reply = system.exim.wait("the phone's reply", |m| m.contains("at eight"));
    assert_eq!(
        text(&reply).replace("\r\n", "\n"),
        "Yes\n.\nMAIL FROM:<x@y.example>\nat eight",
        "a dot of its own ends no mail"
    );
    assert_eq!(header(&reply, "In-Reply-To").as_deref(), Some("<first@example.test>"));
    let from = header(&reply, "From").expect("From");
    let again = mail("second@example.test", "Re: Dinner", "See you then", "");
    assert_eq!(send(&mut alice, ALICE, "", address(&from), again), 250, "{from}");
    system.provider.seen.wait("the second text", |r| r.value("text") == "See you then" && r.value("to") == PHONE);
    // A user of the machine, whose mail Exim makes.
    system.exim.alice(&mail("third@example.test", "s", "from the shell", ""));
    system.provider.seen.wait("the third text", |r| r.value("text") == "from the shell");
    system.martlet.settled();
    assert_eq!(system.provider.seen.len(), 3, "each text went out once");
    assert_eq!(system.exim.mails().len(), 1, "no reports for what went well");
    system.martlet.stop();
}

fn who() {
    let system = system();
    let refused = |count: usize| {
        until("Martlet's refusal", || (system.exim.log().matches("550 5.7.1").count() >= count).then_some(()));
    };
    let letter = |id: &str| mail(&format!("{id}@example.test"), "s", "forged", "");
    // A stranger, and one who says who he is: Exim takes nothing for phones. What it takes of a machine that it relays for
    // (Debian: its own) has no login either, whatever is said of one.
    for (source, taken) in [("127.0.0.9", false), ("127.0.0.1", true)] {
        for (n, params) in ["", " AUTH=alice", " AUTH=alice@example.test"].into_iter().enumerate() {
            let stream = dial(source, system.exim.mx);
            let mut talk = Talk::tls_over(stream, &system.exim.identity, None).expect("port 25");
            let data = letter(&format!("stranger{n}{taken}"));
            let code = send(&mut talk, ALICE, params, "+15551234567@sms.example.test", data);
            assert_eq!(code == 250, taken, "{source} {params}: {code}");
        }
    }
    refused(3);
    // A login that nobody has, and none at all.
    for login in ["nobody", ""] {
        let mut talk = Talk::tls(system.exim.submission, &system.exim.identity, None).expect("submission");
        assert_ne!(talk.login(login, "").expect("AUTH").code, 235, "{login:?} without a password");
    }
    // Bob has logged in and writes as Alice, in every place there is: he stays Bob, who has no account.
    let mut bob = system.exim.submit_as("bob");
    for (n, params) in ["", " AUTH=alice", " AUTH=alice@example.test", " AUTH=<>"].into_iter().enumerate() {
        let code = send(&mut bob, ALICE, params, TO_PHONE, letter(&format!("bob{n}")));
        assert_eq!(code, 250, "Exim takes it: {params}\n{}", system.exim.log());
        refused(n + 4);
    }
    // Root's cron has no account either.
    system.exim.local(0, &letter("cron"));
    refused(8);
    // Alice writes as another: she pays.
    let mut alice = system.exim.submit_as("alice");
    let honest = mail("honest@example.test", "s", "honest", "");
    assert_eq!(send(&mut alice, "bob@example.test", " AUTH=bob", TO_PHONE, honest), 250);
    system.provider.seen.wait("her text", |r| r.value("text") == "honest");
    system.martlet.settled();
    assert_eq!(system.provider.seen.len(), 1, "nothing forged was sent");
    assert_eq!(system.martlet.queue().len(), 1, "{:?}", system.martlet.queue());
}

fn back() {
    let system = system();
    let mut alice = system.exim.submit_as("alice");
    let letter = Letter {
        from: ALICE,
        mail_params: " ENVID=envid-77",
        to: vec![TO_PHONE],
        rcpt_params: " NOTIFY=SUCCESS,FAILURE",
        data: mail("asked@example.test", "s", "fine", ""),
    };
    assert_eq!(alice.one(&letter, false).expect("a session").code, 250);
    let report = system.exim.wait("the report that was asked for", |m| m.contains("Action: relayed"));
    assert!(report.contains("Original-Envelope-Id: envid-77"), "{report}");
    let data = mail("refused@example.test", "s", "refuse this", "");
    assert_eq!(send(&mut alice, ALICE, "", TO_PHONE, data), 250);
    let report = system.exim.wait("the failure", |m| m.contains("Action: failed"));
    assert!(report.contains("number not in service") && report.contains("<refused@example.test>"), "{report}");
    // What a phone writes reaches own mailboxes only; Exim itself would not relay it either.
    for outside in ["victim@evil.example", "victim%evil.example@example.test", "evil.example!victim@example.test"] {
        let (status, _) = system.martlet.phone("GET", PHONE, &format!("relay #{outside}# this")).expect("a call");
        assert_eq!(status, 200);
        let mut talk = Talk::to(&Place::Tcp(system.exim.helper)).expect("the way back");
        assert_eq!(talk.say("EHLO martlet.example.test").expect("EHLO").code, 250);
        assert_eq!(
            talk.say("MAIL FROM:<sms:+15551234567@sms.example.test>").map_or(0, |r| r.code) / 100,
            5,
            "unquoted"
        );
        assert_eq!(talk.say("MAIL FROM:<>").expect("MAIL").code, 250);
        assert_eq!(talk.say(&format!("RCPT TO:<{outside}>")).expect("RCPT").code, 550, "{outside}");
    }
    let (status, _) = system.martlet.phone("GET", PHONE, "tagged #alice@example.test#").expect("a call");
    assert_eq!(status, 200);
    system.exim.wait("the tagged text", |m| text(m).trim() == "tagged");
    assert!(!system.exim.log().contains("victim@evil.example R="), "{}", system.exim.log());
}
