//! Messages that would go round in circles: each circle stops by itself, and somebody who can end it is told.

use std::sync::{Arc, OnceLock};

use libtest_mimic::Trial;

use super::{ALICE, BOB, PHONE, World, daemon, header_of, mail, words_of};
use crate::support::{martlet::deliver, process::until, sink::Answer, trial, world::Plan};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("loops: two Martlets that send through each other", two_that_send),
        trial("loops: two Martlets, one the other's phone, one the other's mailbox", phone_and_mailbox),
        trial("loops: two Martlets, one calls the other's hook, the other's mailbox is the one", hook_and_mailbox),
        trial("loops: a mailbox and a phone that both answer by themselves", two_machines),
        trial("loops: what says that it is automatic is not even sent once", automatic),
        trial("loops: a bounce of a bounce", bounce),
        trial("loops: a gateway that brings back what it was given", echo),
    ]
}

/// One of two daemons: `url` is its only gateway, and the other one has an account.
fn peer(plan: Plan, name: &str, url: &str) -> Plan {
    plan.keys("", &format!("domains = [\"sms.{name}.test\"]\nhostname = \"sms.{name}.test\""))
        .keys("[mailbox]", &format!("postmaster = \"postmaster@{name}.test\""))
        .gateway("main", "http", &format!("url = \"{url}\"\npassword = \"pin\""))
        .account(ALICE, "")
        .account("peer", &format!("password = \"peer-pw\"\nreply = \"peer@{name}.test\""))
}

fn take(world: &World, to: &str) {
    let replies = world.send(ALICE, &[to], &mail("one@example.test", ALICE, "Round and round", ""));
    assert_eq!(replies.last().expect("a reply").code, 250);
}

fn texts(world: &World) -> usize {
    world.martlet.queue().iter().filter(|m| m["segments"].as_array().is_some() && m["to"] != "").count()
}

fn two_that_send() {
    let (left, right) = (Plan::new(), Plan::new());
    let to = |port: u16| {
        format!("http://127.0.0.1:{port}/sms/?number=%number%&data=%data%&msgid=%msgid%&user=peer&pass=peer-pw")
    };
    let (to_left, to_right) = (to(left.http), to(right.http));
    let (left, right) = (peer(left, "left", &to_right).start(), peer(right, "right", &to_left).start());
    let phone = format!("\"sms:{PHONE}\"@sms.left.test");
    take(&left, &phone);
    // The right one tells the account that the left one uses there: its text cannot go on.
    let told = right.mails.seen.wait("the report", |mail| words_of(mail).contains(PHONE));
    let report = String::from_utf8_lossy(&told.data).into_owned();
    assert!(report.contains("peer@right.test") && report.contains("loop: this text was here before"), "{report}");
    left.martlet.settled();
    right.martlet.settled();
    assert_eq!(texts(&left), 1, "nothing came back into the left one: {:?}", left.martlet.queue());
    assert!(left.martlet.log().contains("loop"));
}

fn phone_and_mailbox() {
    let (left, right) = (Plan::new(), Plan::new());
    let url = format!(
        "http://127.0.0.1:{}/sms/deliver.html?id=main&pass=pin&number=%number%&data=%data%&msgid=%msgid%",
        right.http
    );
    let left = peer(left, "left", &url).account("*", "").start();
    let right = peer(right, "right", "http://127.0.0.1:1/")
        .keys("[mailbox]", &format!("url = \"lmtp://127.0.0.1:{}\"", left.lmtp))
        .keys("[inbound]", "default = \"12015550123@sms.left.test\"")
        .start();
    let phone = format!("\"sms:{PHONE}\"@sms.left.test");
    take(&left, &phone);
    // What came back to the left one is refused; the right one's postmaster would be told, at the same place: a dead letter.
    until("the right one's dead letter", || {
        let (_, text) = crate::support::http::call(right.martlet.http, "GET", "/metrics", "").ok()?;
        text.contains("martlet_queue_depth{kind=\"dead letters\"} 1").then_some(())
    });
    left.martlet.settled();
    assert_eq!(texts(&left), 1, "{:?}", left.martlet.queue());
    assert!(left.martlet.log().contains("loop"));
    assert!(right.martlet.log().contains("inbound"));
}

/// As before, and the right one takes texts by the definition for another Martlet: what they went through goes on with them.
fn hook_and_mailbox() {
    let (left, right) = (Plan::new(), Plan::new());
    let url = format!(
        "http://127.0.0.1:{}/gateway/relay/hook/deliver?pass=h00kKeyOfThisTest&number=%number%&data=%data%&msgid=%msgid%",
        right.http
    );
    let settings = "settings = { base_url = \"http://127.0.0.1:1\", user = \"u\", password = \"p\", hook_key = \"h00kKeyOfThisTest\" }";
    let left = peer(left, "left", &url).account("*", "").start();
    let right = peer(right, "right", "http://127.0.0.1:1/")
        .gateway("relay", "http", &format!("provider = \"martlet\"\n{settings}"))
        .keys("[mailbox]", &format!("url = \"lmtp://127.0.0.1:{}\"", left.lmtp))
        .keys("[inbound]", "default = \"12015550123@sms.left.test\"")
        .start();
    take(&left, &format!("\"sms:{PHONE}\"@sms.left.test"));
    until("the right one's dead letter", || {
        let (_, text) = crate::support::http::call(right.martlet.http, "GET", "/metrics", "").ok()?;
        text.contains("martlet_queue_depth{kind=\"dead letters\"} 1").then_some(())
    });
    left.martlet.settled();
    assert_eq!(texts(&left), 1, "it came back once and went no further: {:?}", left.martlet.queue());
    assert!(left.martlet.log().contains("loop"));
}

fn two_machines() {
    let world = daemon().start();
    let to = format!("\"sms:{PHONE}\"@sms.example.test");
    let send = |id: &str, words: &str, more: &str| {
        let data = mail(&format!("{id}@example.test"), ALICE, words, more);
        let replies = world.send(ALICE, &[&to], &data);
        let reply = replies.last().expect("a reply");
        (reply.code, reply.lines.join(" "))
    };
    assert_eq!(send("first", "Lunch?", "").0, 250);
    let (mut answered, mut refused) = (0, None);
    for n in 0..10 {
        // Each text that arrives is answered by the phone, and each mail by the mailbox; neither says that it is a machine.
        world.provider.seen.within(crate::support::process::DEADLINE, |all| (all.len() > n).then_some(()));
        world.phone("I am driving and will call back.");
        let mails = world.mails.seen.within(crate::support::process::DEADLINE, |all| {
            let replies: Vec<_> = all.iter().filter(|m| words_of(m).contains("I am driving")).cloned().collect();
            (replies.len() > n).then_some(replies)
        });
        let mails = mails.expect("the phone's answer as a mail");
        let answers = header_of(&mails[n], "Message-ID").expect("an id");
        let more = format!("In-Reply-To: {answers}\r\n");
        let (code, words) = send(&format!("away{n}"), "I am away until Monday.", &more);
        if code != 250 {
            refused = Some((code, words));
            break;
        }
        answered += 1;
    }
    let (code, words) = refused.expect("it stops");
    assert!(code == 554 && words.starts_with("5.4.6 loop"), "{code} {words}");
    assert_eq!((answered, world.provider.seen.len()), (4, 5));
    let phone = world.mails.seen.all().iter().filter(|m| words_of(m).contains("I am driving")).count();
    assert_eq!(world.provider.seen.len() + phone, 10, "messages in all, both ways");
    let notice = world.mail_to("postmaster@example.test", "two machines that answer each other");
    assert!(words_of(&notice).contains(ALICE));
    // A person who answers goes on.
    assert_eq!(send("human", "Back again. Lunch now?", "").0, 250);
}

fn automatic() {
    let world = daemon().start();
    let to = format!("\"sms:{PHONE}\"@sms.example.test");
    for (n, more) in [
        "Auto-Submitted: auto-replied\r\n",
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n",
    ]
    .iter()
    .enumerate()
    {
        let replies = world.send(ALICE, &[&to], &mail(&format!("auto{n}@example.test"), ALICE, "I am away", more));
        assert_eq!(replies.last().map(|r| (r.code, r.enhanced().to_owned())), Some((550, "5.7.1".into())), "{more}");
    }
    assert_eq!((world.provider.seen.len(), world.martlet.queue().len()), (0, 0));
}

fn bounce() {
    // The mail server refuses every report: a report has no sender to whom its own bounce could go.
    let world = daemon().answering(|_| Answer::Say(400, "no such number".into())).start();
    let to = format!("\"sms:{PHONE}\"@sms.example.test");
    assert_eq!(
        world.send(ALICE, &[&to], &mail("one@example.test", ALICE, "Lunch?", "")).last().expect("one").code,
        250
    );
    let report = world.mails.seen.wait("the report", |mail| mail.mail.contains("<>"));
    assert!(report.mail.contains("<>"), "{:?}", report.mail);
    let id = header_of(&report, "Message-ID").expect("an id");
    // What comes back for it, to whichever address, is kept and sends nothing.
    let bounced =
        mail("b@mx.example.test", "MAILER-DAEMON@mx.example.test", "no such user", &format!("In-Reply-To: {id}\r\n"));
    assert_eq!(world.send("", &[&to], &bounced).last().expect("a reply").code, 250);
    let stranger = mail("c@mx.example.test", "MAILER-DAEMON@mx.example.test", "no such user", "");
    assert_eq!(world.send("", &[&to], &stranger).last().expect("a reply").enhanced(), "5.7.1");
    world.martlet.settled();
    assert_eq!((world.provider.seen.len(), world.mails.seen.len()), (1, 1), "one text, one report, no more");
}

fn echo() {
    let port: Arc<OnceLock<u16>> = Arc::default();
    let known = port.clone();
    let world = daemon()
        .tables("[[account]]\nuser = \"*\"\n")
        .answering(move |request| {
            let (number, text) = (request.value("to").to_owned(), request.value("text").to_owned());
            let known = known.clone();
            std::thread::spawn(move || {
                let port = until("the daemon's port", || known.get().copied());
                deliver(port, "POST", &[("number", &number), ("data", &text)]).expect("a call");
            });
            Answer::Say(200, "OK".into())
        })
        .start();
    port.set(world.martlet.http).expect("once");
    let to = format!("\"sms:{PHONE}\"@sms.example.test");
    let send = |from: &str, words: &str| {
        let data = mail(&format!("{words}@example.test"), from, words, "");
        assert_eq!(world.send(from, &[&to], &data).last().expect("a reply").code, 250);
    };
    send(ALICE, "first");
    world.mail_to(ALICE, "first");
    // Now two people have written: what comes back is a question to the phone, which comes back too.
    send(BOB, "second");
    world.mails.seen.wait("the text that waited", |mail| words_of(mail).contains("second"));
    world.martlet.settled();
    assert!(world.provider.seen.len() <= 3, "{:?}", world.provider.seen.all());
}
