//! The classic HTTP calls: answers, refusals, limits, and who may not call.

use libtest_mimic::Trial;

use super::{PHONE, daemon, words_of};
use crate::support::{http::call, martlet::deliver, sink::Answer, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("calls: a text is sent, with GET and POST, basic credentials too", sends),
        trial("calls: refusals have their status and code", refusals),
        trial("calls: a dry run sends and counts nothing", dry_run),
        trial("calls: a dry run counts nothing for rules either", dry_rates),
        trial("calls: a list is all or nothing", all_or_nothing),
        trial("calls: the same msgid is one text", same_msgid),
        trial("calls: pages of other sites and foreign hosts may not call", foreign),
        trial("calls: deliver needs the gateway's password", deliver_is_guarded),
        trial("calls: reports go to the account's address, else to the dead letters", reports),
        trial("calls: monitors are answered", monitors),
        trial("calls: binary data and a header reach the gateway", binary),
    ]
}

const AUTH: &str = "user=alice%40example.test&pass=alice-pw";

fn number() -> String {
    format!("number=%2B{}", &PHONE[1..])
}

fn sends() {
    let world = daemon().start();
    let port = world.martlet.http;
    let (status, body) = call(port, "GET", "/sms/", &format!("{}&data=by+GET&{AUTH}", number())).expect("a call");
    assert_eq!(status, 200, "{body}");
    let id = body.trim().strip_prefix("OK ").expect("OK <id>");
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{body}");
    world.provider.seen.wait("by GET", |r| r.value("text") == "by GET" && r.value("to") == PHONE);
    // Everybody writes the + as it is.
    let (status, _) = call(port, "POST", "/sms/", &format!("number={PHONE}&data=by+POST&{AUTH}")).expect("a call");
    assert_eq!(status, 200);
    world.provider.seen.wait("by POST", |r| r.value("text") == "by POST" && r.value("to") == PHONE);
    let (status, body) = raw(
        port,
        &format!(
            "GET /sms/?{}&data=basic HTTP/1.1\r\nAuthorization: Basic YWxpY2VAZXhhbXBsZS50ZXN0OmFsaWNlLXB3\r\n",
            number()
        ),
    );
    assert_eq!(status, 200, "{body}");
    world.provider.seen.wait("basic", |r| r.value("text") == "basic");
    // The phone's reply finds the caller's mailbox: the call wrote a link.
    world.phone("got it");
    world.mail_to("alice@example.test", "got it");
}

fn refusals() {
    let world = daemon().start();
    let cases = [
        (format!("{}&data=x", number()), 401, "ERR 5.7.8"),
        (format!("{}&data=x&user=alice%40example.test&pass=no", number()), 401, "ERR 5.7.8"),
        (format!("{}&data=x&user=nobody&pass=no", number()), 401, "ERR 5.7.8"),
        (format!("number=12&data=x&{AUTH}"), 400, "ERR 5.1.3"),
        (format!("number=46645&data=x&{AUTH}"), 403, "ERR 5.7.1"),
        (format!("number=hello&data=x&{AUTH}"), 400, "ERR 5.1.3"),
        (format!("data=x&{AUTH}"), 400, "ERR 5.1.3"),
        (format!("{}&{AUTH}", number()), 400, "ERR 5.6.0"),
        (format!("{}&data=x&nosuch=1&{AUTH}", number()), 400, "ERR 5.1.3"),
        (format!("number=%2B447911123456&data=x&{AUTH}"), 403, "ERR 5.7.1"),
        (format!("{}&data=x&sender=Acme&{AUTH}", number()), 403, "ERR 5.7.1"),
        (format!("{}&data=%ff&{AUTH}", number()), 400, "ERR 5.1.3"),
        (format!("{}&data=x&reply=evil!bob%40example.test&{AUTH}", number()), 400, "ERR 5.1.3"),
    ];
    for (query, status, words) in cases {
        let (got, body) = call(world.martlet.http, "GET", "/sms/", &query).expect("a call");
        assert!(got == status && body.starts_with(words), "{query}: {got} {body}");
    }
    world.martlet.settled();
    assert_eq!(world.provider.seen.len(), 0);
}

fn dry_run() {
    let more = "[[account]]\nuser = \"app\"\npassword = \"app-pw\"\nmonthly_max = 1\n";
    let world = daemon().tables(more).start();
    let ask = |data: &str| {
        call(world.martlet.http, "GET", "/sms/", &format!("{}&{data}&user=app&pass=app-pw", number())).expect("a call")
    };
    for _ in 0..3 {
        assert_eq!(ask("data=x&dry_run=1").0, 200);
    }
    assert_eq!(ask("data=x").0, 200);
    let (status, body) = ask("data=x&dry_run=1");
    assert!(status == 403 && body.starts_with("ERR 5.7.1"), "{status} {body}");
    world.martlet.settled();
    assert_eq!(world.provider.seen.len(), 1);
}

fn dry_rates() {
    const RATE: &str = "[[rule]]\ntitle = \"slowly\"\nif = { rate = { max = 1, within = \"1h\" } }\n\
        do = [ { reject = \"too many\" } ]\n";
    let world = daemon().files(&[("rules/10.toml", RATE)]).start();
    let ask = |data: &str| {
        let query = format!("{}&{data}&{AUTH}", number());
        call(world.martlet.http, "GET", "/sms/", &query).expect("a call")
    };
    for _ in 0..3 {
        assert_eq!(ask("data=x&dry_run=1").0, 200);
    }
    assert_eq!(ask("data=x").0, 200);
    let refused = |(status, body): (u16, String)| status == 403 && body.starts_with("ERR 5.7.1 too many");
    assert!(refused(ask("data=y&dry_run=1")) && refused(ask("data=y")));
}

fn all_or_nothing() {
    let more = "[[account]]\nuser = \"app\"\npassword = \"app-pw\"\nmonthly_max = 2\n";
    let world = daemon().tables(more).start();
    let ask = |numbers: &str| {
        let query = format!("number={numbers}&data=x&user=app&pass=app-pw");
        call(world.martlet.http, "POST", "/sms/", &query).expect("a call")
    };
    assert_eq!(ask("%2B12015550123,%2B12015550124,%2B12015550125").0, 403);
    let (status, body) = ask("%2B12015550123,%2B12015550124");
    assert_eq!((status, body.matches(',').count()), (200, 1), "{body}");
    world.martlet.settled();
    assert_eq!(world.provider.seen.len(), 2);
}

fn same_msgid() {
    let world = daemon().start();
    let query = format!("{}&data=x&msgid=m-17&{AUTH}", number());
    let first = call(world.martlet.http, "GET", "/sms/", &query).expect("a call");
    let second = call(world.martlet.http, "GET", "/sms/", &query).expect("a call");
    assert_eq!(first, second);
    world.martlet.settled();
    assert_eq!(world.provider.seen.len(), 1);
}

/// One request as it is written; status and body.
fn raw(port: u16, head: &str) -> (u16, String) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("the HTTP door");
    let host = if head.contains("Host:") { String::new() } else { format!("Host: 127.0.0.1:{port}\r\n") };
    write!(stream, "{head}{host}Connection: close\r\n\r\n").expect("write");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    (status, answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned())
}

fn foreign() {
    let world = daemon().start();
    let line = format!("GET /sms/?{}&data=x&{AUTH} HTTP/1.1\r\n", number());
    for header in [
        "Sec-Fetch-Site: cross-site\r\n",
        "Origin: https://evil.example\r\n",
        "Host: evil.example\r\n",
        "Origin: null\r\n",
    ] {
        let (status, body) = raw(world.martlet.http, &format!("{line}{header}"));
        assert_eq!(status, 403, "{header}{body}");
    }
    assert_eq!(raw(world.martlet.http, &format!("{line}Sec-Fetch-Site: none\r\n")).0, 200);
}

fn deliver_is_guarded() {
    let more = "[[gateway]]\nid = \"open\"\ntype = \"handset\"\npriority = 9\n[[gateway]]\nid = \"deaf\"\ntype = \"handset\"\npriority = 9\npassword = \"pin\"\nreceive = false\n";
    let world = daemon().tables(more).start();
    let mut answers = std::collections::BTreeSet::new();
    for query in [
        "id=main&pass=no",
        "id=main&pass=",
        "id=main",
        "pass=pin",
        "id=nosuch&pass=pin",
        "id=open&pass=",
        "id=open&pass=pin",
        "id=deaf&pass=pin",
    ] {
        let (status, body) =
            call(world.martlet.http, "GET", "/sms/deliver.html", &format!("{query}&{}&data=x", number()))
                .expect("a call");
        assert_eq!(status, 403, "{query}: {body}");
        answers.insert(body);
    }
    assert_eq!(answers.len(), 1, "one answer whatever is wrong");
    let (status, _) = deliver(world.martlet.http, "POST", &[("data", "who?")]).expect("a call");
    assert_eq!(status, 400);
    world.phone("right");
    assert_eq!(words_of(&world.mail_to("inbox@example.test", "right")), "right");
    assert_eq!(world.mails.seen.len(), 1);
}

fn reports() {
    let more = "[[account]]\nuser = \"app\"\npassword = \"app-pw\"\n";
    let world = daemon().tables(more).answering(|_| Answer::Say(400, "unknown subscriber".into())).start();
    call(world.martlet.http, "GET", "/sms/", &format!("{}&data=x&user=app&pass=app-pw", number())).expect("a call");
    world.martlet.settled();
    call(world.martlet.http, "GET", "/sms/", &format!("{}&data=x&{AUTH}", number())).expect("a call");
    world.mail_to("alice@example.test", "unknown subscriber");
    world.martlet.settled();
    assert_eq!(world.mails.seen.len(), 1);
    let (_, metrics) = call(world.martlet.http, "GET", "/metrics", "").expect("metrics");
    assert!(metrics.contains("martlet_queue_depth{kind=\"dead letters\"} 1"), "{metrics}");
}

fn monitors() {
    let world = daemon().start();
    let port = world.martlet.http;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(call(port, "GET", path, "").expect(path).0, 200, "{path}");
    }
    let (status, text) = call(port, "GET", "/metrics", "").expect("metrics");
    assert!(status == 200 && text.contains("# HELP martlet_queue_depth") && text.ends_with("# EOF\n"), "{text}");
    assert_eq!(call(port, "GET", "/nosuch", "").expect("nosuch").0, 404);
}

fn binary() {
    let world = daemon().start();
    let query = format!("{}&data=3q2%2B7w%3D%3D&binary=1&udh=hex:05040b8423f0&{AUTH}", number());
    let (status, body) = call(world.martlet.http, "GET", "/sms/", &query).expect("a call");
    assert_eq!(status, 200, "{body}");
    let request = world.provider.seen.wait("the data", |r| !r.value("udh").is_empty());
    assert_eq!((request.value("text"), request.value("udh")), ("3q2+7w==", "BQQLhCPw"));
}
