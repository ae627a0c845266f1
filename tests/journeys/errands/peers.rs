//! Two Martlets: one with the users and their mailboxes, one with the gateway. Rules call from each to the other; a mail at
//! one is a text of the other, and the phone's answer is a threaded mail.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use libtest_mimic::Trial;

use super::{TO, queued, rules};
use crate::{
    journeys::{ALICE, PHONE, daemon, header_of, mail, words_of},
    support::trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("errands: two Martlets relay for each other, there and back, and never in circles", relayed),
        trial("errands: a call that is made twice is one text, out and in", twice),
    ]
}

/// One classic call with a key; status and body.
fn keyed(port: u16, path: &str, form: &str, key: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the HTTP door");
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nIdempotency-Key: {key}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned())
}

fn twice() {
    let world = daemon().start();
    let form = "number=%2B12015550123&data=once&user=alice%40example.test&pass=alice-pw";
    let first = keyed(world.martlet.http, "/sms/", form, "k-1");
    assert!(first.0 == 200 && first.1.starts_with("OK "), "{first:?}");
    assert_eq!(keyed(world.martlet.http, "/sms/", form, "k-1"), first, "the same text");
    let other = keyed(world.martlet.http, "/sms/", form, "k-2");
    assert!(other.0 == 200 && other != first, "{other:?}");
    let form = "id=main&pass=pin&number=%2B12025550177&data=from+a+phone";
    for key in ["d-1", "d-1"] {
        assert_eq!(keyed(world.martlet.http, "/sms/deliver.html", form, key).0, 200);
    }
    world.mail_to("inbox@example.test", "from a phone");
    world.martlet.settled();
    let texts = world.provider.seen.all().iter().filter(|r| r.value("text") == "once").count();
    assert_eq!((texts, world.mails.seen.len()), (2, 1));
}

const USERS: &str = r#"
[[gateway]]
id = "peer"
type = "handset"
send = false
password = "from-peer"
"#;

const GATEWAY: &str = r#"
[[account]]
user = "relay"
password = "to-peer"
"#;

/// At the users' side: texts go to the other, by its classic call.
const OUT: &str = r#"
[[rule]]
title = "by the other"
do = [ { call = { url = "http://127.0.0.1:OTHER/sms/", answers_by = "peer",
                  body = "user=relay&pass=to-peer&number=%%number%%&data=%%body%%" } }, { discard = true } ]
[[rule]]
title = "back again"
direction = "in"
if = { body = { contains = "round" } }
do = [ { call = { url = "http://127.0.0.1:OTHER/sms/", body = "user=relay&pass=to-peer&number=%%from%%&data=%%body%%" } } ]
"#;

/// At the gateway's side: what phones say goes to the users.
const IN: &str = r#"
[[rule]]
title = "to the users"
direction = "in"
do = [ { call = { url = "http://127.0.0.1:OTHER/sms/deliver.html",
                  body = "id=peer&pass=from-peer&number=%%from%%&data=%%body%%" } }, { discard = true } ]
"#;

fn relayed() {
    let users = daemon().tables(USERS).start();
    let gateway = daemon().tables(GATEWAY).start();
    rules(&users, &OUT.replace("OTHER", &gateway.martlet.http.to_string()));
    rules(&gateway, &IN.replace("OTHER", &users.martlet.http.to_string()));
    let replies = users.send(ALICE, &[TO], &mail("first@example.test", ALICE, "Dinner at 8 & späti?", ""));
    assert_eq!(replies.last().expect("a reply").code, 250);
    let text = gateway.provider.seen.wait("the text", |r| r.value("to") == PHONE);
    assert_eq!(text.value("text"), "Dinner at 8 & späti?");
    gateway.phone("Yes, at 8");
    let answer = users.mail_to(ALICE, "Yes, at 8");
    assert_eq!(header_of(&answer, "In-Reply-To").as_deref(), Some("<first@example.test>"));
    assert_eq!(header_of(&answer, "Subject").as_deref(), Some("Re: Dinner"));
    assert_eq!(header_of(&answer, "X-SMS-Gateway").as_deref(), Some("peer"));
    users.martlet.settled();
    gateway.martlet.settled();
    assert_eq!((users.provider.seen.len(), gateway.provider.seen.len()), (0, 1), "one text, by the gateway");
    assert!(gateway.mails.seen.all().is_empty(), "the gateway's side has no mailbox of it");

    // A number without a conversation: a rule of the users' side sends it back, and the gateway's side sees that it came
    // from there.
    let (status, body) = crate::support::martlet::deliver(
        gateway.martlet.http,
        "POST",
        &[("number", "+12015550199"), ("data", "round and round")],
    )
    .expect("a call");
    assert_eq!(status, 200, "{body}");
    let told = users.mail_to("postmaster@example.test", "not tried again");
    assert!(words_of(&told).contains("loop"), "{}", words_of(&told));
    users.martlet.settled();
    gateway.martlet.settled();
    assert_eq!(gateway.provider.seen.len(), 1);
    assert!(queued(&users, "call").iter().any(|item| item["result"] == "failed"));
}
