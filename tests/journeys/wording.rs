//! How mails become texts, where an account or its domain says otherwise than `[sms]`; and the notice that a text was cut.

use libtest_mimic::Trial;

use super::{ALICE, BOB, PHONE, World, daemon, header_of, mail, words_of};
use crate::support::{http::call, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "wording: the account's template, cuts and placeholder, else its domain's, else those of [sms]",
            inherited,
        ),
        trial("wording: attachments are named where that is wished, and never sent", attachments),
        trial("wording: each account has its way with long texts", overflow),
        trial(
            "wording: the smaller of maxmsgs and the account's max_parts, else its domain's, else that of [sms]",
            limits,
        ),
        trial("wording: the HTTP call is cut only where its caller or account says so", calls),
        trial("wording: whose text was cut is told once for each mail", told_once),
        trial("wording: nobody is told of a cut who may not be, or did not ask", told_nobody),
    ]
}

const TO: &str = "\"sms:+12015550123\"@sms.example.test";

/// What the provider got for one mail.
fn sent(world: &World, from: &str, data: &str) -> Vec<String> {
    let before = world.provider.seen.all().len();
    let replies = world.send(from, &[TO], data);
    let reply = replies.last().expect("a reply");
    if reply.code != 250 {
        return vec![format!("{} {}", reply.code, reply.enhanced())];
    }
    world.martlet.settled();
    world.provider.seen.all()[before..].iter().map(|request| request.value("text").to_owned()).collect()
}

fn inherited() {
    let world = daemon()
        .keys("[sms]", "template = \"[{subject}] {body}\"\nplaceholder = \"(nothing)\"")
        .tables(
            r#"
[[account]]
user = "@example.test"
template = "{from_name}: {body}"
placeholder = ""
[[account]]
user = "carol@example.test"
template = "New mail from {from_name} ({from}) to {to}: {subject} {size} {date} {message_id}"
strip = ["quotes"]
[[account]]
user = "@other.example.test"
strip = []
"#,
        )
        .start();
    let data = |id: &str, name: &str, from: &str, body: &str| {
        mail(id, &format!("{name} <{from}>"), body, "Date: Fri, 20 Nov 2026 09:15:00 +0100\r\n")
    };
    let body = "Yes.\r\n\r\n-- \r\nThe sender";
    // The domain's template, the cuts of everybody.
    assert_eq!(sent(&world, ALICE, &data("1@x", "Ann", ALICE, body)), ["Ann: Yes."]);
    // Her own row says more; {to} never shows what stands in the address as a parameter.
    let carol = "carol@example.test";
    let got = sent(&world, carol, &data("2@x", "Carol", carol, body)).remove(0);
    assert!(
        got.starts_with("New mail from Carol (carol@example.test) to : Dinner ")
            && got.ends_with(" 2026-11-20 09:15 2@x"),
        "{got}"
    );
    // Another domain: the template of [sms], and nothing is cut.
    let dan = "dan@other.example.test";
    assert_eq!(sent(&world, dan, &data("3@x", "Dan", dan, body)), ["[Dinner] Yes.\n\n--\nThe sender"]);
    // What is empty all the same: the placeholder of [sms], or a refusal where the domain has none.
    let empty = "From: x@y\r\nMessage-ID: <4@x>\r\n\r\n\r\n";
    let plain = daemon()
        .keys("[sms]", "placeholder = \"(nothing)\"")
        .tables("[[account]]\nuser = \"@example.test\"\nplaceholder = \"\"\n[[account]]\nuser = \"*\"\n")
        .start();
    assert_eq!(sent(&plain, dan, empty), ["(nothing)"]);
    assert_eq!(sent(&plain, ALICE, empty), ["554 5.6.0"]);
}

fn attachments() {
    let world = daemon().tables("[[account]]\nuser = \"@example.test\"\nattachment_notice = \"[attached: {attachments}]\"\n[[account]]\nuser = \"*\"\n").start();
    let data = |id: &str, body: &str| {
        format!(
            "From: x@y\r\nMessage-ID: <{id}@x>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{body}\r\n--b\r\n\
             Content-Type: application/pdf; name*0*=utf-8''%C4%8Desk; name*1=\"y.pdf\"\r\nContent-Disposition: attachment\r\n\
             Content-Transfer-Encoding: base64\r\n\r\nSECRETSECRET\r\n--b\r\nContent-Type: text/plain\r\n\
             Content-Disposition: attachment; filename=log.txt\r\n\r\nline of the log\r\n--b--\r\n"
        )
    };
    assert_eq!(sent(&world, ALICE, &data("1", "See it.")), ["See it.\n[attached: 2 (česky.pdf, log.txt)]"]);
    assert_eq!(sent(&world, ALICE, &data("2", "")), ["[attached: 2 (česky.pdf, log.txt)]"]);
    assert_eq!(sent(&world, ALICE, &mail("3@x", ALICE, "None.", "")), ["None."]);
    assert_eq!(sent(&world, "dan@other.test", &data("4", "See it.")), ["See it."]);
    assert_eq!(sent(&world, "dan@other.test", &data("5", "")), ["554 5.6.0"]);
}

fn overflow() {
    let world = daemon()
        .keys("[sms]", "max_parts = 2\noverflow = \"reject\"")
        .tables(
            r#"
[[account]]
user = "@example.test"
overflow = "separate"
max_parts = 1
[[account]]
user = "carol@example.test"
overflow = "truncate"
[[account]]
user = "dan@example.test"
overflow = "pass"
[[account]]
user = "*"
"#,
        )
        .start();
    let long = "word ".repeat(80);
    let of = |id: &str, from: &str| sent(&world, from, &mail(id, from, &long, ""));
    let separate = of("1@x", ALICE);
    assert!(
        separate.len() == 3 && separate.iter().all(|text| text.len() <= 160 && text.ends_with("word")),
        "{separate:?}"
    );
    let cut = of("2@x", "carol@example.test");
    assert!(cut.len() == 1 && cut[0].len() <= 160 && cut[0].ends_with("word..."), "{cut:?}");
    assert_eq!(of("3@x", "dan@example.test"), [long.trim_end()]);
    assert_eq!(of("4@x", "eve@other.test"), ["554 5.2.3"]);
}

/// How many segments of GSM-7 these are.
fn segments(text: &str) -> usize {
    if text.len() <= 160 { 1 } else { text.len().div_ceil(153) }
}

fn limits() {
    let world = daemon()
        .keys("[sms]", "max_parts = 4")
        .tables(
            r#"
[[account]]
user = "@small.test"
max_parts = 2
[[account]]
user = "carol@small.test"
max_parts = 3
[[account]]
user = "@large.test"
"#,
        )
        .start();
    let long = "word ".repeat(300);
    for (n, (from, asked, most)) in [
        ("carol@small.test", "", 3),
        ("carol@small.test", "?maxmsgs=1", 1),
        ("carol@small.test", "?maxmsgs=9", 3),
        ("dan@small.test", "", 2),
        ("dan@small.test", "?maxmsgs=4", 2),
        ("eve@large.test", "", 4),
        ("eve@large.test", "?maxmsgs=2", 2),
    ]
    .into_iter()
    .enumerate()
    {
        let to = format!("\"sms:{PHONE}{asked}\"@sms.example.test");
        let replies = world.send(from, &[&to], &mail(&format!("{n}@x"), from, &long, ""));
        assert_eq!(replies.last().expect("a reply").code, 250);
        world.martlet.settled();
        let text = world.provider.seen.all()[n].value("text").to_owned();
        assert!(segments(&text) == most && text.ends_with("word..."), "{from} {asked}: {text:?}");
    }
}

fn calls() {
    let world = daemon()
        .keys("[sms]", "max_parts = 1\ntemplate = \"T: {body}\"")
        .tables(
            "[[account]]\nuser = \"carol@example.test\"\npassword = \"pw\"\nmax_parts = 2\ntemplate = \"C: {body}\"\n",
        )
        .start();
    let long = "word ".repeat(100);
    let alice = "user=alice%40example.test&pass=alice-pw";
    let carol = "user=carol%40example.test&pass=pw";
    // Tidied and with look-alikes, but not stripped and not in a template.
    let body = "“Yes”  \r\n\r\n\r\n> quoted\r\n-- \r\nname";
    for (n, (who, more, data, most)) in [
        (alice, "", &*long, 4),
        (alice, "&maxmsgs=3", &long, 3),
        (carol, "", &long, 2),
        (carol, "&maxmsgs=1", &long, 1),
        (alice, "", body, 1),
    ]
    .into_iter()
    .enumerate()
    {
        let data = percent_encoding::utf8_percent_encode(data, percent_encoding::NON_ALPHANUMERIC);
        let query = format!("number=%2B{}&data={data}&{who}{more}", &PHONE[1..]);
        let (status, answer) = call(world.martlet.http, "POST", "/sms/", &query).expect("a call");
        assert_eq!(status, 200, "{answer}");
        world.martlet.settled();
        let text = world.provider.seen.all()[n].value("text").to_owned();
        assert_eq!(segments(&text), most, "{n}: {text:?}");
        if n == 4 {
            assert_eq!(text, "\"Yes\"\n\n> quoted\n--\nname");
        }
    }
}

fn told_once() {
    let world = daemon()
        .keys("[sms]", "max_parts = 1\ntruncation_notice = true")
        .tables("[[account]]\nuser = \"quiet@example.test\"\ntruncation_notice = false\n")
        .start();
    let long = "word ".repeat(80);
    let second = "\"sms:+12015550124\"@sms.example.test";
    let data = mail("long@x", ALICE, &long, "");
    let replies = world.send(ALICE, &[TO, second], &data);
    let ids = |code: u16| replies.iter().filter(|reply| reply.code == code).count();
    assert_eq!(ids(250), 2, "{replies:?}");
    // The answer names the text and nothing else.
    assert!(!replies.last().expect("a reply").text().contains(','), "{replies:?}");
    // The same mail again: no second notice.
    world.send(ALICE, &[TO, second], &data);
    let told = world.mail_to(ALICE, "first 154 of 399 characters");
    assert_eq!(header_of(&told, "Subject").as_deref(), Some("Cut: Dinner"));
    assert_eq!(header_of(&told, "In-Reply-To").as_deref(), Some("<long@x>"));
    assert_eq!(header_of(&told, "Auto-Submitted").as_deref(), Some("auto-replied"));
    assert!(told.mail.contains("<>") && !words_of(&told).contains("word"), "{told:?}");
    // What fits is not spoken of, and whoever does not want to be told is not.
    world.send(ALICE, &[TO], &mail("short@x", ALICE, "short", ""));
    world.send("quiet@example.test", &[TO], &mail("quiet@x", "quiet@example.test", &long, ""));
    world.martlet.settled();
    assert_eq!(world.mails.seen.all().len(), 1);
    assert_eq!(world.provider.seen.all().iter().filter(|r| r.value("to") == PHONE).count(), 3);
}

fn told_nobody() {
    let world = daemon().keys("[sms]", "max_parts = 1\ntruncation_notice = true").start();
    let long = "word ".repeat(80);
    for (id, header) in [("1", "Auto-Submitted: auto-generated\r\n"), ("2", "List-Id: <l.example.test>\r\n")] {
        let replies = world.send(BOB, &[TO], &mail(&format!("{id}@x"), BOB, &long, header));
        assert_eq!(replies.last().expect("a reply").code, 250);
    }
    world.martlet.settled();
    assert_eq!((world.provider.seen.all().len(), world.mails.seen.all().len()), (2, 0));
}
