//! Nobody sends without a login: forged envelope senders, forged `Received` lines and certificates whose names look like
//! one. Here Postfix lets strangers write to the SMS domain (the recipe does not), so Martlet alone must refuse.

use libtest_mimic::Trial;

use super::{ALICE, PASSWORD, Setup, System, TO_PHONE, mail};
use crate::support::{
    Needs,
    process::until,
    sink::Answer,
    talk::{Identity, Letter, Place, Talk},
    trial_with,
};

const FORGED: &str = "Received: from laptop (laptop [192.0.2.7])\r\n\t(Authenticated sender: alice@example.test)\r\n\t\
                      by mx.example.test (Postfix) with ESMTPSA id 4F0000000\r\n\tfor <x@sms.example.test>; Mon, 1 Jan 2024 00:00:00 +0000 (UTC)\r\n";

pub fn trials() -> Vec<Trial> {
    vec![trial_with("strangers: nothing forged makes Martlet send", &[Needs::Postfix, Needs::Dovecot], strangers)]
}

fn strangers() {
    let setup = Setup {
        main_cf: "smtpd_recipient_restrictions =\nsmtpd_tls_ask_ccert = yes\nsmtpd_tls_received_header = yes",
        ..Setup::default()
    };
    let system = System::start(&setup, |_| Answer::Say(200, "OK 1".into()));
    let plain = || {
        let mut talk = Talk::to(&Place::Tcp(system.postfix.mx)).expect("port 25");
        talk.say("EHLO [192.0.2.7] (Authenticated sender: alice@example.test)").expect("EHLO");
        talk
    };
    let named = Identity::new("x (Authenticated sender: alice@example.test)", &["x.example"]);
    let tls = Talk::tls(system.postfix.mx, &system.postfix.identity, Some(&named)).expect("TLS with a certificate");
    let results = format!("Authentication-Results: mx.example.test; auth=pass smtp.auth={ALICE}\r\n");
    for (n, (mut talk, above)) in
        [(plain(), ""), (plain(), FORGED), (plain(), &*results), (tls, "")].into_iter().enumerate()
    {
        let data = format!("{above}{}", mail(&format!("forged{n}@example.test"), "forged", "forged text", ""));
        let letter = Letter { from: ALICE, to: vec![TO_PHONE], data, ..Letter::default() };
        let reply = talk.one(&letter, false).expect("a session");
        assert_eq!(reply.code, 250, "Postfix takes it: {reply:?}");
        until("Martlet's refusal", || {
            let log = system.postfix.log();
            let refused = log
                .lines()
                .filter(|l| l.contains("lmtp.sock") && l.contains("status=bounced") && l.contains("said: 550 5.7.1"));
            (refused.count() == n + 1).then_some(())
        });
    }
    // The same system sends for who has logged in, whatever was forged below.
    let data = format!("{FORGED}{}", mail("honest@example.test", "honest", "honest text", ""));
    let letter = Letter { from: ALICE, to: vec![TO_PHONE], data, ..Letter::default() };
    assert_eq!(system.alice(&letter).code, 250);
    system.provider.seen.wait("Alice's own text", |r| r.value("text") == "honest text");
    assert_eq!(system.provider.seen.len(), 1, "nothing forged was sent");
    system.log_is_discreet(&["forged text", "honest text", PASSWORD]);
}
