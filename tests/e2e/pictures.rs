//! A picture from a phone, through Postfix into a mailbox of Dovecot's: octet for octet.

use base64::{Engine, engine::general_purpose::STANDARD};
use libtest_mimic::Trial;
use mail_parser::{MessageParser, MimeHeaders};

use super::{PHONE, Setup, System};
use crate::{
    provider_gateway::app_calls_at,
    support::{Needs, process::until, sink::Answer, trial_with},
};

pub fn trials() -> Vec<Trial> {
    vec![trial_with(
        "pictures: from a phone into a real mailbox, octet for octet",
        &[Needs::Postfix, Needs::Dovecot],
        mailbox,
    )]
}

fn mailbox() {
    let setup = Setup {
        toml: "[[gateway]]\nid = \"app\"\ntype = \"http\"\nprovider = \"smsgate\"\n\
               settings = { base_url = \"http://127.0.0.1:PROVIDER\", user = \"u\", password = \"p\", signing_key = \"sign1ng\" }\n",
        ..Setup::default()
    };
    let system = System::start(&setup, |_| Answer::Say(200, "OK 1".into()));
    // Octets of every kind, ends of lines and of mails among them, and none at the end.
    let octets = (0..=255u8).cycle().zip(b"\r\n.\r\nFrom \0--=_".iter().cycle()).map(|(n, b)| n ^ b);
    let jpeg: Vec<u8> = b"\xff\xd8\xff\xe0".iter().copied().chain(octets).take(700_001).collect();
    let lines = b"\r\n.\r\n..\nFrom me\r\r\n\n.".repeat(500);
    let file = |kind: &str, name: &str, data: &[u8]| serde_json::json!({ "contentType": kind, "name": name, "data": STANDARD.encode(data) });
    let body = serde_json::json!({ "id": "E1", "event": "mms:downloaded", "payload": {
        "messageId": "m1", "sender": PHONE, "body": "Look at this #alice@example.test#",
        "attachments": [file("image/jpeg", "cat.jpg", &jpeg), file("image/png", "lines.png", &lines)],
    } });
    until("the call is taken", || {
        let status = app_calls_at(system.martlet.http, "app", &body).0;
        assert!(matches!(status, 204 | 503), "{status}");
        (status == 204).then_some(())
    });
    system.dovecot.wait("alice", "the picture", |mail| mail.contains("Look at this"));
    let files = system.dovecot.files("alice", "");
    let raw = std::fs::read(&files[0]).expect("a mail");
    let mail = MessageParser::default().parse(&raw).expect("a mail");
    let parts: Vec<_> = mail.attachments().collect();
    let names: Vec<_> = parts.iter().map(|part| part.attachment_name().unwrap_or_default()).collect();
    assert_eq!(names, ["cat.jpg", "lines.png"]);
    assert!(parts[0].contents() == jpeg, "the octets of the picture");
    assert!(parts[1].contents() == lines, "the octets of the other one");
    assert!(raw.split(|octet| *octet == b'\n').all(|line| line.len() <= 999), "lines that every mail server takes");
    system.log_is_discreet(&["Look at this", "cat.jpg"]);
}
