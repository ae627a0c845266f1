//! The reply ladder, a test for each step: duplicates, assembly, tag, call log with none, one and several links, the
//! conflict and its answer, default mailbox, refusals, dead letters, bounces of our own mails.

use libtest_mimic::Trial;

use super::{ALICE, BOB, PHONE, World, daemon, header_of, mail, words_of};
use crate::support::{
    martlet::deliver,
    process::until,
    sink::{MailSink, Provider},
    talk::Letter,
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("ladder: a tag leads to its mailbox and is cut from the text", tags),
        trial("ladder: no tag leads outside", tags_stay_inside),
        trial("ladder: one link leads to who wrote, in the thread", one_link),
        trial("ladder: our number is known however the provider writes it", spellings),
        trial("ladder: no link leads to the default mailbox", no_link),
        trial("ladder: an expired link does not count", expired_link),
        trial("ladder: several links ask the phone, and its answer decides", conflict_answered),
        trial("ladder: a question nobody answers ends in the default mailbox", conflict_unanswered),
        trial("ladder: a conflict without a global account is not asked at its cost", conflict_unpaid),
        trial("ladder: a mailbox that refuses for good gives way to the next step", refused_mailbox),
        trial("ladder: a tag that is refused gives way to who wrote to the phone", refused_tag),
        trial("ladder: what everybody refuses is a dead letter", refused_everywhere),
        trial("ladder: a report that is refused is a dead letter, and no bounce", refused_report),
        trial("ladder: one person written in two ways is one person", one_person),
        trial(
            "ladder: the number of a question that is over is a word like others, and nobody is asked twice",
            late_choice,
        ),
        trial("ladder: a question about a text of a gateway that only receives goes out by another", one_way),
        trial("ladder: greylisting only delays", greylisted),
        trial("ladder: the same reference is acknowledged and delivered once", duplicates),
        trial("ladder: segments come in any order", assembly),
        trial("ladder: a part that never comes is marked", missing_part),
        trial("ladder: empty texts are discarded, or have the configured words", empty_texts),
        trial("ladder: tags and call log can be switched off", switched_off),
        trial("ladder: a bounce of our mail is a dead letter and never a text", bounces),
        trial("ladder: names as originators cannot be answered", names),
    ]
}

fn tags() {
    let world = daemon().start();
    world.phone("#bob@example.test# see you at eight");
    assert_eq!(words_of(&world.mail_to(BOB, "see you")), "see you at eight");
    world.phone("at nine then #carol@other.example.test#");
    assert_eq!(words_of(&world.mail_to("carol@other.example.test", "nine")), "at nine then");
    world.phone("#dave# an alias at the first domain");
    assert_eq!(words_of(&world.mail_to("dave@example.test", "alias")), "an alias at the first domain");
}

fn tags_stay_inside() {
    let world = daemon().start();
    let outside = [
        "#victim%evil.example@example.test# one",
        "#evil.example!victim@example.test# two",
        "#victim@evil.example# three",
        "#a@b@example.test# four",
        "#-oX@example.test# five",
        "#|sh@example.test# six",
        "#x:y@example.test# seven",
        "#\"a b\"@example.test# eight",
        "#7# nine: no question is open",
    ];
    for text in outside {
        world.phone(text);
        let mail = world.mail_to("inbox@example.test", text.rsplit(' ').next().expect("a word"));
        assert_eq!(words_of(&mail), text, "what is no tag stays in the text");
        assert!(mail.rcpt.iter().all(|r| r.contains("<inbox@example.test>")), "{:?}", mail.rcpt);
    }
    // The same addresses in `reply=`: refused at RCPT.
    for reply in ["victim%25evil.example%40example.test", "evil.example!victim%40example.test", "bob%40example.test"] {
        let to = format!("\"sms:{PHONE}?reply={reply}\"@sms.example.test");
        let refused = world.send(ALICE, &[&to], &mail("r@example.test", ALICE, "hello", ""));
        assert_eq!(refused[0].code, 550, "{reply}: {refused:?}");
    }
    assert_eq!(world.provider.seen.len(), 0);
}

fn one_link() {
    let world = daemon().start();
    let more = "References: <root@example.test>\r\n";
    let replies = world.send(ALICE, &[&to_phone()], &mail("first@example.test", ALICE, "Dinner at eight?", more));
    assert_eq!(replies[0].code, 250);
    world.provider.seen.wait("the text", |r| r.value("text") == "Dinner at eight?");
    world.phone("Yes");
    let reply = world.mail_to(ALICE, "Yes");
    assert_eq!(header_of(&reply, "In-Reply-To").as_deref(), Some("<first@example.test>"));
    let references = header_of(&reply, "References").expect("References");
    assert!(references.contains("<root@example.test>") && references.contains("<first@example.test>"), "{references}");
    assert_eq!(header_of(&reply, "Subject").as_deref(), Some("Re: Dinner"));
    assert!(header_of(&reply, "From").is_some_and(|f| f.contains(&format!("{PHONE}@sms.example.test"))));
    for (name, value) in [("X-SMS-From", PHONE), ("X-SMS-Gateway", "main")] {
        assert!(header_of(&reply, name).is_some_and(|v| v.contains(value)), "{name}");
    }
    assert!(reply.mail.contains(&format!("<\"sms:{PHONE}\"@sms.example.test>")), "{}", reply.mail);
}

/// Two people write to one phone from two numbers of ours; it answers the first one's.
fn spellings() {
    let more = "[[gateway]]\nid = \"second\"\ntype = \"http\"\nurl = \"http://127.0.0.1:PROVIDER/second?to=%number%&text=%data%\"\n\
        number = \"+12025550102\"\n[[account]]\nuser = \"*\"\n[[inbound_route]]\nnumber = \"^\\\\+12025550101$\"\n\
        mailbox = \"first@example.test\"\n";
    let world = daemon().main("number = \"+12025550101\"").tables(more).start();
    for (who, id, gateway) in [(ALICE, "a1@example.test", "main"), (BOB, "b1@example.test", "second")] {
        let to = format!("\"sms:{PHONE}?id={gateway}\"@sms.example.test");
        assert_eq!(world.send(who, &[&to], &mail(id, who, "hello", ""))[0].code, 250);
    }
    world.martlet.settled();
    for (n, to) in ["12025550101", "+12025550101", "%2B12025550101", " 12025550101"].into_iter().enumerate() {
        let (number, to) = (PHONE.replace('+', "%2B"), to.replace(' ', "%20"));
        let form = format!("id=main&pass=pin&number={number}&data=answer{n}&to={to}");
        let (status, body) =
            crate::support::http::call(world.martlet.http, "GET", "/sms/deliver.html", &form).expect("a call");
        assert!(status == 200 && body.starts_with("OK"), "{status} {body}");
        let mail = world.mail_to(ALICE, &format!("answer{n}"));
        assert_eq!(header_of(&mail, "X-SMS-To").as_deref(), Some("+12025550101"));
    }
    // From a phone that nobody wrote to: the route by our number.
    let form = "id=main&pass=pin&number=%2B12015550177&data=order&to=12025550101";
    crate::support::http::call(world.martlet.http, "GET", "/sms/deliver.html", form).expect("a call");
    world.mail_to("first@example.test", "order");
}

fn no_link() {
    let world = daemon().start();
    world.phone("anybody there?");
    let mail = world.mail_to("inbox@example.test", "anybody");
    assert_eq!(header_of(&mail, "In-Reply-To"), None);
}

fn expired_link() {
    let world = daemon().keys("[inbound]", "keep = \"1ms\"").start();
    send_and_see(&world, ALICE, "one");
    world.phone("too late");
    world.mail_to("inbox@example.test", "too late");
}

fn conflict_answered() {
    let world = daemon().tables("[[account]]\nuser = \"*\"\n").start();
    send_and_see(&world, ALICE, "from alice");
    send_and_see(&world, BOB, "from bob");
    world.phone("Yes, gladly");
    let question = world.provider.seen.wait("the question", |r| r.value("text").contains("#1#"));
    let words = question.value("text");
    assert_eq!(question.value("to"), PHONE);
    assert!(words.contains(ALICE) && words.contains(BOB) && words.contains("#2#"), "{words}");
    world.phone("and bring wine");
    let bobs = if words.find(BOB) > words.find("#2#") { 2 } else { 1 };
    world.phone(&format!("#{bobs}# I mean bob"));
    for text in ["Yes, gladly", "and bring wine", "I mean bob"] {
        let mail = world.mail_to(BOB, text);
        assert!(!words_of(&mail).contains('#'));
        assert_eq!(header_of(&mail, "In-Reply-To").as_deref(), Some("<from.bob@example.test>"));
    }
    world.martlet.settled();
    let questions = world.provider.seen.all().iter().filter(|r| r.value("text").contains("#1#")).count();
    assert_eq!(questions, 1, "one question an hour");
    assert!(world.mails.seen.all().iter().all(|m| m.rcpt.iter().all(|r| !r.contains(ALICE))), "nothing went to alice");
}

fn conflict_unanswered() {
    let inbound = "conflict_wait = \"300ms\"";
    let world = daemon().keys("[inbound]", inbound).tables("[[account]]\nuser = \"*\"\n").start();
    send_and_see(&world, ALICE, "from alice");
    send_and_see(&world, BOB, "from bob");
    world.phone("whom do I mean?");
    world.mail_to("inbox@example.test", "whom do I mean?");
}

fn conflict_unpaid() {
    let world = daemon().keys("[inbound]", "conflict_wait = \"300ms\"").start();
    send_and_see(&world, ALICE, "from alice");
    send_and_see(&world, BOB, "from bob");
    world.phone("nobody pays for a question");
    world.mail_to("inbox@example.test", "nobody pays");
    assert!(world.provider.seen.all().iter().all(|r| !r.value("text").contains("#1#")));
}

fn refused_mailbox() {
    let gone = |rcpt: &str| rcpt.contains("gone@").then_some("550 5.1.1 no such user");
    let world = daemon().mails(MailSink::judging(gone)).start();
    world.phone("#gone@example.test# hello");
    let mail = world.mail_to("inbox@example.test", "hello");
    assert!(mail.rcpt.iter().all(|r| r.contains("inbox")));
    let gone = |rcpt: &str| (!rcpt.contains("postmaster@")).then_some("550 5.1.1 no such user");
    let world = daemon().mails(MailSink::judging(gone)).start();
    world.phone("#gone@example.test# hello");
    world.mail_to("postmaster@example.test", "hello");
}

fn refused_tag() {
    let gone = |rcpt: &str| rcpt.contains("gone@").then_some("550 5.1.1 no such user");
    let world = daemon().mails(MailSink::judging(gone)).start();
    send_and_see(&world, ALICE, "from alice");
    world.phone("#gone@example.test# hello");
    let mail = world.mail_to(ALICE, "hello");
    assert!(mail.rcpt.iter().all(|r| r.contains(ALICE)));
}

fn refused_report() {
    let refuses = Provider::start(|_| crate::support::sink::Answer::Say(400, "unknown subscriber".into()));
    let world = daemon().provider(refuses).mails(MailSink::judging(|_| Some("550 5.7.1 go away"))).start();
    let replies = world.send(ALICE, &[&to_phone()], &mail("lost@example.test", ALICE, "hello", ""));
    assert_eq!(replies[0].code, 250);
    until("a dead letter", || (dead_letters(&world) == 1).then_some(()));
    world.martlet.settled();
    assert_eq!((dead_letters(&world), world.mails.seen.len()), (1, 0));
}

fn one_person() {
    let world = daemon().start();
    send_and_see(&world, ALICE, "from alice");
    send_and_see(&world, "Alice@Example.test", "from Alice");
    world.phone("Yes, gladly");
    let mail = world.mails.seen.wait("a mail to her", |m| words_of(m).contains("Yes, gladly"));
    assert!(mail.rcpt.iter().all(|r| r.to_ascii_lowercase().contains(ALICE)), "{:?}", mail.rcpt);
    assert_eq!(header_of(&mail, "In-Reply-To").as_deref(), Some("<from.Alice@example.test>"), "the later one");
}

fn late_choice() {
    let inbound = "conflict_wait = \"300ms\"";
    let world = daemon().keys("[inbound]", inbound).tables("[[account]]\nuser = \"*\"\n").start();
    send_and_see(&world, ALICE, "from alice");
    send_and_see(&world, BOB, "from bob");
    world.phone("whom do I mean?");
    world.mail_to("inbox@example.test", "whom do I mean?");
    world.phone("#1# too late");
    assert_eq!(words_of(&world.mail_to("inbox@example.test", "too late")), "#1# too late");
    let questions = world.provider.seen.all().iter().filter(|r| r.value("text").contains("#1# for")).count();
    assert_eq!(questions, 1, "one question an hour");
}

fn one_way() {
    let more =
        "[[account]]\nuser = \"*\"\n[[gateway]]\nid = \"ear\"\ntype = \"handset\"\npassword = \"pin\"\nsend = false\n";
    let world = daemon().tables(more).start();
    send_and_see(&world, ALICE, "from alice");
    send_and_see(&world, BOB, "from bob");
    let form = format!("id=ear&pass=pin&number=%2B{}&data=whom", &PHONE[1..]);
    let (status, body) =
        crate::support::http::call(world.martlet.http, "POST", "/sms/deliver.html", &form).expect("a call");
    assert_eq!(status, 200, "{body}");
    world.provider.seen.wait("the question", |r| r.value("text").contains("#2# for"));
}

fn refused_everywhere() {
    let world = daemon().mails(MailSink::judging(|_| Some("550 5.7.1 go away"))).start();
    world.phone("#gone@example.test# hello");
    until("a dead letter", || (dead_letters(&world) == 1).then_some(()));
    world.martlet.settled();
    assert_eq!(world.mails.seen.len(), 0);
}

fn greylisted() {
    let asked = std::sync::atomic::AtomicU32::new(0);
    let first = move |_: &str| {
        let n = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        (n < 2).then_some("451 4.7.1 come back later")
    };
    let world = daemon().mails(MailSink::judging(first)).start();
    world.phone("patience");
    world.mail_to("inbox@example.test", "patience");
}

fn duplicates() {
    let world = daemon().start();
    let again = [("number", PHONE), ("data", "once"), ("msgid", "m-1")];
    for _ in 0..3 {
        let (status, body) = deliver(world.martlet.http, "POST", &again).expect("a call");
        assert!(status == 200 && body.starts_with("OK"), "{status} {body}");
    }
    world.phone("after");
    world.mail_to("inbox@example.test", "after");
    world.martlet.settled();
    assert_eq!(world.mails.seen.all().iter().filter(|m| words_of(m).contains("once")).count(), 1);
    // Without a reference nothing is a duplicate: a person may say it twice.
    world.phone("twice");
    world.phone("twice");
    until("both", || (world.mails.seen.all().iter().filter(|m| words_of(m) == "twice").count() == 2).then_some(()));
}

/// `05 00 03 ref total seq` without its length octet, as the call takes it.
pub(super) fn part(reference: u8, total: u8, seq: u8) -> String {
    format!("hex:0003{reference:02x}{total:02x}{seq:02x}")
}

pub(super) fn say_part(world: &World, udh: &str, text: &str) {
    let values = [("number", PHONE), ("data", text), ("udh", udh)];
    let (status, body) = deliver(world.martlet.http, "POST", &values).expect("a call");
    assert!(status == 200 && body.starts_with("OK"), "{status} {body}");
}

fn assembly() {
    let world = daemon().start();
    say_part(&world, &part(9, 3, 3), "and three");
    say_part(&world, &part(9, 3, 1), "one, ");
    say_part(&world, &part(8, 2, 1), "another text, ");
    say_part(&world, &part(9, 3, 2), "two ");
    assert_eq!(words_of(&world.mail_to("inbox@example.test", "three")), "one, two and three");
    say_part(&world, &part(8, 2, 2), "whole");
    assert_eq!(words_of(&world.mail_to("inbox@example.test", "whole")), "another text, whole");
}

fn missing_part() {
    let world = daemon().keys("[inbound]", "assemble_for = \"200ms\"").start();
    say_part(&world, &part(9, 3, 3), " the end");
    say_part(&world, &part(9, 3, 1), "the beginning ");
    let words = words_of(&world.mail_to("inbox@example.test", "beginning"));
    assert!(words.contains("the beginning […] the end"), "{words}");
}

fn empty_texts() {
    let world = daemon().start();
    world.phone("  ");
    world.phone("not empty");
    world.mail_to("inbox@example.test", "not empty");
    world.martlet.settled();
    assert_eq!(world.mails.seen.len(), 1);
    let world = daemon().keys("[inbound]", "empty_text = \"(no words)\"").start();
    world.phone("");
    world.mail_to("inbox@example.test", "(no words)");
}

fn switched_off() {
    let world = daemon().keys("[inbound]", "tags = false\ncall_log = false").start();
    send_and_see(&world, ALICE, "one");
    world.phone("#bob@example.test# hello");
    let mail = world.mail_to("inbox@example.test", "hello");
    assert_eq!(words_of(&mail), "#bob@example.test# hello");
}

fn bounces() {
    let world = daemon().start();
    world.phone("hello");
    let ours = world.mail_to("inbox@example.test", "hello");
    let id = header_of(&ours, "Message-ID").expect("Message-ID");
    let envelope = format!("\"sms:{PHONE}\"@sms.example.test");
    let bounce = |about: &str| {
        let data = format!(
            "From: MAILER-DAEMON@example.test\r\nSubject: Undelivered\r\nMessage-ID: <b@example.test>\r\n\r\nSorry.\r\n\r\nMessage-ID: {about}\r\n"
        );
        world.hand_over(&Letter { from: "", to: vec![&envelope], data, ..Letter::default() })
    };
    let taken = bounce(&id);
    assert_eq!(taken[0].code, 250, "{taken:?}");
    until("a dead letter", || (dead_letters(&world) == 1).then_some(()));
    let two = [&*envelope, "+12015550124@sms.example.test"];
    let data = format!("Subject: Undelivered\r\nMessage-ID: <b2@example.test>\r\n\r\n{id}\r\n");
    let both = world.hand_over(&Letter { from: "", to: two.to_vec(), data, ..Letter::default() });
    assert!(both.iter().filter(|r| r.code == 250).count() >= 2, "{both:?}");
    until("one more dead letter", || (dead_letters(&world) == 2).then_some(()));
    let foreign = bounce("<somebody@else.example>");
    assert_eq!((foreign[0].code, foreign[0].enhanced()), (550, "5.7.1"));
    assert_eq!(world.provider.seen.len(), 0, "a bounce is never a text");
}

fn names() {
    let world = daemon().start();
    let (status, _) = world.martlet.phone("GET", "Bank\r\nBcc: x@evil.example", "your code is 1").expect("a call");
    assert_eq!(status, 200);
    let mail = world.mail_to("inbox@example.test", "your code");
    assert_eq!(header_of(&mail, "Bcc"), None);
    assert!(header_of(&mail, "From").is_some_and(|f| f.contains("postmaster@example.test")));
}

fn to_phone() -> String {
    format!("\"sms:{PHONE}\"@sms.example.test")
}

/// Sends `words` and waits until the provider has them; the mail's id is made of them.
pub(super) fn send_and_see(world: &World, from: &str, words: &str) {
    let id = format!("{}@example.test", words.replace(' ', "."));
    let replies = world.send(from, &[&to_phone()], &mail(&id, from, words, ""));
    assert_eq!(replies[0].code, 250, "{replies:?}");
    world.provider.seen.wait(words, |r| r.value("text") == words);
}

fn dead_letters(world: &World) -> u64 {
    let (_, text) = crate::support::http::call(world.martlet.http, "GET", "/metrics", "").expect("metrics");
    let line = text.lines().find(|l| l.starts_with("martlet_queue_depth") && l.contains("dead letters"));
    line.and_then(|l| l.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}
