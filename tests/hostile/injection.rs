//! Words from outside in each place that they reach: a request to a provider, a mail and its header, SMTP, the log.

use libtest_mimic::Trial;
use serde_json::Value;

use super::{ALICE, daemon, log_is_sound, memory, warm};
use crate::support::{
    http::call,
    letter,
    memory::Memory,
    provider::{Act, Provider, Seen},
    run_async,
    sink::pairs,
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("hostile: no text leaves its place in a request", || run_async(requests())),
        trial("hostile: no text of a phone leaves its place in a mail", mails),
        trial("hostile: no answer of a provider leaves its place in a report or the log", || run_async(answers())),
    ]
}

/// Each could end the place that it stands in, somewhere.
const TEXTS: [&str; 14] = [
    "x\"}],\"admin\":true,\"y\":[{\"z\":\"",
    "x</text><admin>true</admin><text>",
    "x&to=+19005550123&admin=1",
    "x\r\nX-Evil: 1\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n",
    "x%0d%0aX-Evil:%201",
    "x\nX-Evil: 1",
    "x\rX-Evil: 1",
    "x?admin=1#fragment/../../evil",
    "x\\\"\\u0022\\n",
    "x]]>&lt;!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>&b;",
    "x%number%%data%%value%{{ 7*7 }}${7*7}",
    "x\n.\nMAIL FROM:<evil@example.net>\nRCPT TO:<victim@example.net>\nDATA\n",
    "x\u{2028}X-Evil: 1\u{85}X-Evil: 2\u{feff}",
    "x\u{202e}evil\u{200b}",
];

const GATEWAYS: &str = r#"
[[gateway]]
id = "json"
type = "http"
method = "POST"
url = "http://PROVIDER/json"
headers = { Content-Type = "application/json", X-Text = "%data%", X-Sender = "%sender%" }
body = '{"to":"%number%","text":"%data%","id":"%msgid%"}'
[[gateway]]
id = "xml"
type = "http"
method = "POST"
url = "http://PROVIDER/xml"
headers = { Content-Type = "text/xml" }
body = '<send to="%number%"><text>%data%</text></send>'
[[gateway]]
id = "form"
type = "http"
method = "POST"
url = "http://PROVIDER/form"
body = "to=%number%&text=%data%&%value%"
[[gateway]]
id = "query"
type = "http"
url = "http://PROVIDER/query?to=%number%&text=%data%"
[[gateway]]
id = "path"
type = "http"
url = "http://PROVIDER/path/%data%/to/%number%"
"#;

fn form(pairs: &[(&str, &str)]) -> String {
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

async fn requests() {
    let mut provider = Provider::start([]).await;
    let gateways = GATEWAYS.replace("PROVIDER", &provider.addr.to_string());
    let world = warm(daemon().tables(&format!(
        "{gateways}\n[[account]]\nuser = \"bob@example.test\"\npassword = \"bob-pw\"\nvalue = true\n"
    )));
    let memory = memory(&world);
    let kinds = ["json", "xml", "form", "query", "path"];
    for (n, text) in TEXTS.iter().enumerate() {
        for kind in kinds {
            // The number differs, so that nobody brakes a text that comes again and again.
            let number = format!("+120155502{n:02}");
            let given =
                [("id", kind), ("number", &number), ("data", text), ("user", "bob@example.test"), ("pass", "bob-pw")];
            let (status, body) = call(world.martlet.http, "POST", "/sms/", &form(&given)).expect("a call");
            assert_eq!(status, 200, "{text:?}: {body}");
            let seen = provider.seen().await;
            stays(kind, text, &number, &seen);
        }
    }
    // What could reach the request beside the text is refused, or stays what it is.
    let bob = [("number", "+12015550123"), ("data", "y"), ("user", "bob@example.test"), ("pass", "bob-pw")];
    for (name, value) in [
        ("sender", "Acme\r\nX-Evil: 1"),
        ("number", "+12015550123\r\nX-Evil: 1"),
        ("number", "+12015550123&to=+19005550123"),
        ("id", "form\r\nX-Evil: 1"),
        ("udh", "00\r\nX-Evil: 1"),
        ("pid", "1\r\nX-Evil: 1"),
        ("msgid", "1\r\nX-Evil: 1"),
    ] {
        let given: Vec<_> = bob.iter().copied().filter(|(n, _)| *n != name).chain([(name, value)]).collect();
        let (status, body) = call(world.martlet.http, "POST", "/sms/", &form(&given)).expect("a call");
        assert!(status == 400 || status == 403 || name == "msgid", "{name}={value:?}: {status} {body}");
    }
    let evil = "a=1&b=2\r\nX-Evil: 1\r\n\r\nGET /evil HTTP/1.1";
    let given: Vec<_> = bob.into_iter().chain([("id", "form"), ("value", evil)]).collect();
    let (status, _) = call(world.martlet.http, "POST", "/sms/", &form(&given)).expect("a call");
    if status == 200 {
        let seen = provider.seen().await;
        sound("form", &seen);
        assert!(!seen.body.contains(&b'\r') && !seen.body.contains(&b'\n'), "{seen:?}");
    }
    assert_eq!(provider.unseen(), 0, "no request beside those");
    memory.is_small("injection into requests");
    log_is_sound(&world);
}

/// One request of the kind that was asked for, with no header of the text's own.
fn sound(kind: &str, seen: &Seen) {
    let method = if matches!(kind, "query" | "path") { "GET" } else { "POST" };
    assert!(seen.line.starts_with(&format!("{method} /{kind}")) && seen.line.ends_with(" HTTP/1.1"), "{seen:?}");
    assert_eq!(seen.line.split(' ').count(), 3, "{seen:?}");
    assert!(seen.header("x-evil").is_none(), "{seen:?}");
}

fn stays(kind: &str, text: &str, number: &str, seen: &Seen) {
    sound(kind, seen);
    let body = String::from_utf8(seen.body.clone()).expect("UTF-8");
    let begins = |got: &str| assert!(got.starts_with('x') && got.len() > 1, "{kind} {text:?}: {got:?}");
    match kind {
        "json" => {
            let value: Value = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{text:?}: {e}: {body}"));
            let object = value.as_object().expect("an object");
            assert_eq!(object.keys().collect::<Vec<_>>(), ["id", "text", "to"], "{text:?}: {body}");
            assert_eq!(value["to"], number);
            begins(value["text"].as_str().expect("words"));
        }
        "xml" => {
            assert_eq!(body.matches('<').count(), 4, "{text:?}: {body}");
            assert!(
                body.starts_with(&format!("<send to=\"{number}\"><text>x")) && body.ends_with("</text></send>"),
                "{body}"
            );
        }
        "form" => {
            let pairs = pairs(&body);
            assert_eq!(pairs.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), ["to", "text"], "{text:?}: {body}");
            begins(&pairs[1].1);
        }
        "query" => {
            let query = seen.line.split(' ').nth(1).and_then(|target| target.split_once('?')).expect("a query").1;
            let pairs = pairs(query);
            assert_eq!(pairs.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), ["to", "text"], "{text:?}: {query}");
            begins(&pairs[1].1);
        }
        _ => {
            let path = seen.line.split(' ').nth(1).expect("a path");
            assert_eq!(path.split('/').count(), 5, "{text:?}: {path}");
            assert!(!path.contains(['?', '#', '"', '<']), "{path}");
        }
    }
}

fn mails() {
    let world = warm(daemon());
    let memory = memory(&world);
    let numbers = [
        "+12015550124\r\nBcc: evil@example.net",
        "Evil\nBcc: evil@example.net",
        "\"@example.net>,<evil@example.net",
        "a b <evil@example.net>",
        "\u{202e}+1201",
    ];
    let references = ["r\r\nBcc: evil@example.net", "r\nX-Evil: 1", "\0"];
    let mut cases: Vec<[(&str, String); 4]> = Vec::new();
    let case = |number: &str, data: &str, msgid: &str, to: &str| {
        [("number", number.to_owned()), ("data", data.to_owned()), ("msgid", msgid.to_owned()), ("to", to.to_owned())]
    };
    for (n, text) in TEXTS.iter().enumerate() {
        cases.push(case("+12015550124", text, &format!("text{n}"), "+12025550100"));
    }
    for (n, text) in [
        "#inbox@example.test\r\nBcc: evil@example.net# x",
        "#evil%example.net@example.test# x",
        "From: a\r\nBcc: evil@example.net\r\n\r\nx",
    ]
    .iter()
    .enumerate()
    {
        cases.push(case("+12015550124", text, &format!("tag{n}"), "+12025550100"));
    }
    for (n, number) in numbers.iter().enumerate() {
        cases.push(case(number, &format!("x number {n}"), &format!("number{n}"), "+12025550100"));
    }
    for (n, reference) in references.iter().enumerate() {
        cases.push(case("+12015550124", &format!("x reference {n}"), reference, "+1202\r\nBcc: evil@example.net"));
    }
    let mut taken = 1;
    for case in &cases {
        let pairs: Vec<_> =
            [("id", "main"), ("pass", "pin")].into_iter().chain(case.iter().map(|(n, v)| (*n, v.as_str()))).collect();
        let (status, body) = call(world.martlet.http, "POST", "/sms/deliver.html", &form(&pairs)).expect("a call");
        assert!(matches!(status, 200 | 400 | 403), "{case:?}: {status} {body}");
        taken += usize::from(status == 200);
    }
    let came =
        world.mails.seen.within(crate::support::process::DEADLINE, |all| (all.len() >= taken).then(|| all.to_vec()));
    let came = came.unwrap_or_else(|| panic!("{} of {taken} mails", world.mails.seen.len()));
    world.martlet.settled();
    assert_eq!(world.mails.seen.len(), taken, "one mail for each text");
    for mail in &came {
        let text = String::from_utf8_lossy(&mail.data);
        assert!(mail.rcpt.len() == 1 && mail.rcpt[0].contains("@example.test>"), "{:?}", mail.rcpt);
        assert!(!mail.mail.contains("evil@") && !mail.rcpt[0].contains("evil@"), "{mail:?}");
        for name in ["Bcc", "X-Evil", "Cc"] {
            assert_eq!(letter::header(&text, name), None, "{text}");
        }
        for name in ["From", "To", "Subject", "Message-ID", "Date"] {
            assert_eq!(letter::headers(&text, name).len(), 1, "{name}: {text}");
        }
        let from = letter::header(&text, "From").expect("From");
        // Who cannot be answered writes from the postmaster's address.
        let address = letter::address(&from);
        assert!(address.ends_with("@sms.example.test") || address == "postmaster@example.test", "{from}");
    }
    memory.is_small("injection into mails");
    log_is_sound(&world);
}

async fn answers() {
    let words: [&'static str; 6] = [
        "ERR no\r\nBcc: evil@example.net\r\n\r\nbody",
        "ERR \x1b[31m2026-11-25T00:00:00Z  INFO accepted id=0\n2026-11-25T00:00:00Z  INFO accepted id=1",
        "ERR no\r\n.\r\nMAIL FROM:<evil@example.net>\r\n",
        "ERR \u{2028}\u{202e}Status: 2.0.0",
        "ERR x\r\nAction: delivered\r\nStatus: 2.0.0\r\n\r\n--boundary--",
        "ERR \0\0\x07",
    ];
    let provider = Provider::start(words.map(|words| Act::Answer(400, "", words))).await;
    let gateway = format!(
        "[[gateway]]\nid = \"odd\"\ntype = \"http\"\nurl = \"http://{}/?to=%number%&text=%data%\"\nanswer = {{ id = '^OK (.*)' }}\n",
        provider.addr
    );
    let world = warm(daemon().tables(&gateway));
    let memory: Memory = memory(&world);
    let before = world.mails.seen.len();
    for n in 0..words.len() {
        let to = format!("+120155502{n:02}?id=odd@sms.example.test");
        let letter = crate::support::talk::Letter {
            from: ALICE,
            to: vec![&to],
            data: format!("From: {ALICE}\r\nSubject: x\r\n\r\nrefused {n}\r\n"),
            ..Default::default()
        };
        assert_eq!(world.talk().one(&letter, true).expect("an answer").code, 250);
    }
    let came = world
        .mails
        .seen
        .within(crate::support::process::DEADLINE, |all| {
            (all.len() >= before + words.len()).then(|| all[before..].to_vec())
        })
        .expect("a report for each");
    world.martlet.settled();
    assert_eq!(world.mails.seen.len(), before + words.len());
    for mail in came {
        let text = String::from_utf8_lossy(&mail.data).into_owned();
        assert_eq!(mail.rcpt, [format!("RCPT TO:<{ALICE}>")]);
        assert_eq!(letter::header(&text, "Bcc"), None, "{text}");
        let status =
            text.split("message/delivery-status").nth(1).and_then(|t| t.split("\r\n--").next()).expect("a part");
        let lines = |name: &str| status.lines().filter(|line| line.starts_with(name)).count();
        assert_eq!((lines("Action: "), lines("Status: "), lines("Diagnostic-Code: ")), (1, 1, 1), "{text}");
        assert!(text.contains("Action: failed") && !text.contains('\x1b') && !text.contains('\0'), "{text}");
    }
    // An id with line ends is none, or one line.
    memory.is_small("answers of a provider");
    log_is_sound(&world);
}
