//! OpenSMTPD by the recipe of `docs/mta-opensmtpd.md`: a login writes as itself and as nobody else, so the envelope is
//! evidence; the way back by a port that relays nothing.

use libtest_mimic::Trial;

use super::{ALICE, PHONE, mail};
use crate::support::{
    Needs, docs,
    letter::{address, header, text},
    martlet::Martlet,
    opensmtpd::{OpenSmtpd, PAGE},
    process::{Scratch, free_port},
    sink::{Answer, Provider},
    talk::{Letter, Place, Talk},
    trial_with,
};

pub fn trials() -> Vec<Trial> {
    vec![trial_with("opensmtpd: mail, text, reply, text again, and nobody as another", &[Needs::OpenSmtpd], circle)]
}

const TO: &str = "+15551234567@sms.example.test";

fn circle() {
    let scratch = Scratch::new();
    let lmtp = free_port();
    let mta = OpenSmtpd::start(&scratch, lmtp);
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
            ("127.0.0.1:2525", &format!("127.0.0.1:{}", mta.helper)),
            ("127.0.0.1:8025", &format!("127.0.0.1:{}", free_port())),
            ("https://provider.example/send", &format!("http://127.0.0.1:{}/send", provider.port)),
        ],
    );
    let mut martlet = Martlet::start(&dir, &config, &[]);

    assert_eq!(
        mta.submit(ALICE, TO, &mail("first@example.test", "Dinner", "Coming tonight?", "")),
        250,
        "{}",
        mta.log()
    );
    let first = provider.seen.wait("the first text", |_| true);
    assert_eq!((first.value("to"), first.value("text")), (PHONE, "Coming tonight?"));
    let (status, body) = martlet.phone("POST", PHONE, "Yes\n.\nat eight").expect("a call");
    assert_eq!(status, 200, "{body}");
    let reply = mta.wait("the phone's reply", |m| m.contains("at eight"));
    assert_eq!(text(&reply).replace("\r\n", "\n"), "Yes\n.\nat eight");
    assert_eq!(header(&reply, "In-Reply-To").as_deref(), Some("<first@example.test>"));
    let from = header(&reply, "From").expect("From");
    let again = mail("second@example.test", "Re: Dinner", "See you then", "");
    assert_eq!(mta.submit(ALICE, address(&from), &again), 250, "{from}");
    provider.seen.wait("the second text", |r| r.value("text") == "See you then" && r.value("to") == PHONE);

    assert_eq!(mta.submit(ALICE, TO, &mail("refused@example.test", "s", "refuse this", "")), 250);
    let report = mta.wait("the failure", |m| m.contains("Action: failed"));
    assert!(report.contains("number not in service"), "{report}");

    // Alice's login writes as nobody else, and strangers write to no phone.
    let forged = mail("forged@example.test", "s", "forged", "");
    for from in ["bob@example.test", "mallory@evil.example", "alice@example.test.evil.example"] {
        assert!(mta.submit(from, TO, &forged) >= 500, "{from}");
    }
    for (port, to) in [
        (mta.mx, TO),
        (mta.mx, "victim@evil.example"),
        (mta.helper, "victim@evil.example"),
        (mta.helper, "victim%evil.example@example.test"),
        (mta.helper, "evil.example!victim@example.test"),
        (mta.helper, TO),
    ] {
        let mut talk = Talk::to(&Place::Tcp(port)).expect("a port");
        assert_eq!(talk.say("EHLO client.example.test").expect("EHLO").code, 250);
        let letter = Letter { from: ALICE, to: vec![to], data: forged.clone(), ..Letter::default() };
        let reply = talk.one(&letter, false).expect("a session");
        assert!(reply.code >= 500, "{to}: {reply:?}");
    }
    martlet.settled();
    assert_eq!(provider.seen.len(), 3, "nothing forged was sent");
    martlet.stop();
}
