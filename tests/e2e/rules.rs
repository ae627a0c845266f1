//! Rules between a real Postfix and a real Dovecot: a copy for the archive, a forward, another gateway, folders by IMAP, a refusal that
//! Alice reads, a phone's text that goes elsewhere.

use libtest_mimic::Trial;

use super::{ALICE, PHONE, Setup, System, TO_PHONE, mail};
use crate::support::{
    Needs,
    letter::{every_reading, header},
    process::until,
    sink::Answer,
    talk::Letter,
    trial_with,
};

pub fn trials() -> Vec<Trial> {
    vec![trial_with(
        "e2e: rules copy, forward, route, move to folders and refuse",
        &[Needs::Postfix, Needs::Dovecot],
        ways,
    )]
}

const TOML: &str = r#"
[[gateway]]
id = "backup"
type = "http"
url = "http://127.0.0.1:PROVIDER/backup?to=%number%&text=%data%"
"#;

const RULES: &str = r#"
[[rule]]
title = "archive"
do = [ { copy = "postmaster@example.test" } ]
[[rule]]
title = "forward"
if = { subject = "forward" }
do = [ { forward = "bob@example.test" } ]
[[rule]]
title = "another gateway"
if = { subject = "backup" }
do = [ { edit = { field = "To", pattern = '^(?!.*@)(.*)$', to = '$1@backup' } } ]
[[rule]]
title = "kept in a folder too"
if = { subject = "archive" }
do = [ { copy = { folder = "%%account%%/Sent/SMS" } } ]
[[rule]]
title = "only in a folder"
if = { subject = "move" }
do = [ { move = "bob/SMS" } ]
[[rule]]
title = "no secrets"
if = { body = { contains = "secret" } }
do = [ { reject = "no secrets by text" } ]
[[rule]]
title = "orders"
direction = "in"
if = { body = { starts = "order" } }
do = [ { forward = "bob@example.test" } ]
[[rule]]
title = "into a folder"
direction = "in"
if = { body = { starts = "stock" } }
do = [ { move = "alice/SMS" } ]
"#;

fn ways() {
    let system = System::start(&Setup { toml: TOML, rules: RULES, folders: true, ..Setup::default() }, |_| {
        Answer::Say(200, "OK 1".into())
    });
    let send = |id: &str, subject: &str, body: &str| {
        let data = mail(id, subject, body, "");
        let reply = system.alice(&Letter { from: ALICE, to: vec![TO_PHONE], data, ..Letter::default() });
        assert_eq!(reply.code, 250, "{reply:?}");
    };
    let about = |id: &'static str| move |mail: &str| header(mail, "Message-ID").is_some_and(|found| found.contains(id));
    send("r1@example.test", "backup", "by the other one");
    system.provider.seen.wait("by the backup", |r| r.value("text").contains("by the other one") && r.path == "/backup");
    let copy = system.dovecot.wait("postmaster", "the copy", about("r1@example.test"));
    assert_eq!(header(&copy, "X-SMS-To").as_deref(), Some(PHONE));
    assert!(copy.starts_with("Return-Path: <>"), "{copy}");
    send("r2@example.test", "forward", "for Bob");
    assert!(every_reading(&system.dovecot.wait("bob", "the forward", about("r2@example.test"))).contains("for Bob"));
    send("r3@example.test", "x", "the secret is out");
    let refused = |mail: &str| every_reading(mail).contains("no secrets by text");
    let bounce = system.dovecot.wait("alice", "what Postfix says of the refusal", refused);
    assert!(every_reading(&bounce).contains("550 5.7.1"), "{bounce}");
    // Into folders by IMAP: beside its way, and instead of it.
    let folder = |user: &str, folder: &str, id: &'static str| {
        until(id, || system.dovecot.mails_in(user, folder).into_iter().find(|mail| about(id)(mail)))
    };
    send("r4@example.test", "archive", "kept and sent");
    let kept = folder("alice", ".Sent.SMS", "r4@example.test");
    assert!(every_reading(&kept).contains("kept and sent") && header(&kept, "X-SMS-To").as_deref() == Some(PHONE));
    system.provider.seen.wait("the text itself", |r| r.value("text").contains("kept and sent"));
    send("r5@example.test", "move", "never sent");
    assert!(every_reading(&folder("bob", ".SMS", "r5@example.test")).contains("never sent"));
    let (status, body) = system.martlet.phone("GET", "+15557654322", "stock is low").expect("a call");
    assert!(status == 200, "{body}");
    let low = until("the text in its folder", || system.dovecot.mails_in("alice", ".SMS").pop());
    assert!(every_reading(&low).contains("stock is low"), "{low}");
    // None of the others was sent; somebody who nobody wrote to orders something.
    assert_eq!(system.provider.seen.len(), 2);
    let (status, body) = system.martlet.phone("GET", "+15557654321", "order two").expect("a call");
    assert!(status == 200, "{body}");
    system.dovecot.wait("bob", "the order", |mail| every_reading(mail).contains("order two"));
}
