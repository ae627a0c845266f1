//! Requests that definitions make of a submission, octet by octet.

use super::*;
use crate::{
    ground::{Scope as Whom, Secret},
    provider::definition::Filled,
};

const FORM: &str = include_str!("../../../tests/providers/language/form.toml");
const WORDS: &str = include_str!("../../../tests/providers/language/words.toml");
const PHONE: &str = include_str!("../../../tests/providers/language/phone.toml");

struct Made {
    definition: Definition,
    settings: Settings,
    hooks: BTreeMap<String, String>,
}

fn made(text: &str, settings: &[(&str, &str)]) -> Made {
    let definition = Definition::read(text, "x.toml").expect("a definition");
    let given = settings.iter().map(|(name, value)| match value.parse() {
        Ok(number) => ((*name).to_owned(), Filled::Number(number)),
        Err(_) => ((*name).to_owned(), Filled::Text((*value).to_owned())),
    });
    let settings = definition.settings(given.collect()).expect("settings");
    Made { definition, settings, hooks: BTreeMap::new() }
}

impl Made {
    fn ask<'a>(&'a self, body: &'a Body) -> Submission<'a> {
        Submission {
            id: "0198c0de000070008000000000000001",
            to: "+15551234567",
            from: None,
            body,
            udh: &[],
            validity: None,
            priority: None,
            pid: None,
            dcs: None,
            parts: 1,
            max_parts: None,
            media_urls: &[],
            hooks: &self.hooks,
            token: None,
            now: Timestamp(1_767_323_045_000),
            host: 0,
        }
    }

    fn request(&self, message: &Submission<'_>) -> web::Request {
        self.definition.request(&self.settings, message).expect("a request")
    }

    fn body(&self, message: &Submission<'_>) -> String {
        String::from_utf8(self.request(message).body).expect("text")
    }
}

fn form() -> Made {
    made(FORM, &[("account", "AC00000001"), ("token", "12345x")])
}

fn text(words: &str) -> Body {
    Body::Text(words.into())
}

#[test]
fn a_form_leaves_out_what_there_is_not() {
    let form = form();
    let body = text("Hi & bye, é");
    let request = form.request(&form.ask(&body));
    assert_eq!(request.method, "POST");
    assert_eq!(request.url, "https://api.form.example/accounts/AC00000001/messages");
    assert_eq!(request.headers.get("authorization"), Some("Basic QUMwMDAwMDAwMToxMjM0NXg="));
    assert_eq!(request.headers.get("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(request.body, b"To=%2B15551234567&Body=Hi%20%26%20bye%2C%20%C3%A9");
    let media = ["https://a.example/1".to_owned(), "https://a.example/2".to_owned()];
    let full = Submission {
        from: Some("+15550100000"),
        validity: Some(Duration::from_secs(86_400)),
        media_urls: &media,
        ..form.ask(&body)
    };
    let all = form.body(&full);
    for part in
        ["From=%2B15550100000", "Media=https%3A%2F%2Fa.example%2F1&Media=https%3A%2F%2Fa.example%2F2", "Validity=36000"]
    {
        assert!(all.contains(part), "{part}: {all}");
    }
}

#[test]
fn what_a_provider_would_refuse_is_not_sent() {
    let form = form();
    let (long, short) = (text(&"x".repeat(1601)), text("x"));
    let data = Body::Binary(vec![1]);
    let fault = |message: &Submission<'_>| form.definition.request(&form.settings, message).expect_err("a fault");
    assert_eq!(fault(&form.ask(&long)).code, TOO_LONG);
    assert_eq!(fault(&form.ask(&data)).code, Enhanced::new(5, 6, 0));
    let sender = fault(&Submission { from: Some("no-such-sender-name"), ..form.ask(&short) });
    assert_eq!((sender.code, sender.scope), (Enhanced::new(5, 1, 8), Whom::Message));
    assert_eq!(fault(&Submission { to: "12345", ..form.ask(&short) }).scope, Whom::Recipient);
    for (given, written) in [
        ("Acme", Some("Acme")),
        ("+15550100000", Some("+15550100000")),
        ("12345", Some("12345")),
        ("A", None),
        ("+12", None),
    ] {
        assert_eq!(form.definition.sender(given).as_deref(), written, "{given}");
    }
}

#[test]
fn the_alphabet_chooses_the_variant() {
    let words = made(WORDS, &[("api_id", "a"), ("user", "u"), ("password", "p"), ("hook_key", "k")]);
    let (plain, other, data) = (text("a@b"), text("é☃"), Body::Binary(vec![0xca, 0xfe]));
    let common = "api_id=a&user=u&password=p&to=15551234567&cliMsgId=0198c0de000070008000000000000001&callback=7";
    assert_eq!(words.body(&words.ask(&plain)), format!("{common}&concat=3&text=a%40b&charset=UTF-8"));
    assert_eq!(words.body(&words.ask(&other)), format!("{common}&concat=3&text=00E92603&unicode=1"));
    let binary = Submission { udh: &[0x05, 0x04, 0x0b, 0x84, 0, 0], max_parts: Some(2), ..words.ask(&data) };
    assert_eq!(words.body(&binary), format!("{common}&udh=0605040B840000&data=CAFE"));
    let two = Submission { max_parts: Some(2), validity: Some(Duration::from_secs(30)), ..words.ask(&plain) };
    assert!(words.body(&two).contains("validity=1&concat=2"), "{}", words.body(&two));
}

#[test]
fn json_keeps_its_types() {
    let phone = made(PHONE, &[("user", "u"), ("password", "p"), ("signing_key", "s"), ("sim", "2")]);
    let hello = text("Hi \"there\"");
    let request = phone.request(&Submission { validity: Some(Duration::from_secs(2)), ..phone.ask(&hello) });
    assert_eq!(request.url, "https://api.phone.example/v1/messages");
    let json: serde_json::Value = serde_json::from_slice(&request.body).expect("json");
    let wanted = serde_json::json!({
        "id": "0198c0de000070008000000000000001", "phoneNumbers": ["+15551234567"], "withDeliveryReport": true,
        "ttl": 5, "simNumber": 2, "textMessage": { "text": "Hi \"there\"" },
    });
    assert_eq!(json, wanted);
    let data = Body::Binary(b"hi".to_vec());
    let binary = Submission { udh: &[0x05, 0x04, 0x0b, 0x84, 0, 0], ..phone.ask(&data) };
    let json: serde_json::Value = serde_json::from_slice(&phone.request(&binary).body).expect("json");
    assert_eq!(json["dataMessage"], serde_json::json!({ "data": "aGk=", "port": 2948 }));
    assert!(phone.definition.request(&phone.settings, &phone.ask(&data)).is_err(), "no port");
    let hooks = BTreeMap::from([("events".to_owned(), "https://sms.example/h".to_owned())]);
    let setup = phone.definition.setup_requests(&phone.settings, &hooks, "mt", None, Timestamp(0)).expect("requests");
    assert_eq!(setup.len(), 2);
    assert!(String::from_utf8_lossy(&setup[0].body).contains("\"event\":\"sms:received\""));
}

/// Query, raw query, XML, multipart, tokens, charsets, moments, several addresses.
#[test]
fn other_bodies_and_places() {
    let head = "format = 1\nname = \"x\"\ntitle = \"x\"\n[setting]\nkey = { kind = \"secret\" }\n[validity]\nunit = \"rfc3339\"\n[text]\ncharset = \"ISO-8859-1\"\n";
    let rule = "\n[[send.rule]]\ntext = \"OK\"\nresult = \"accepted\"\n";
    let token =
        "[token]\nurl = \"https://a/t\"\nform = { k = \"{setting.key}\" }\nvalue = \"json:/t\"\nlifetime = \"5m\"\n";
    let hello = text("é <b>&");
    let build = |send: &str| {
        let made = made(&format!("{head}{send}{rule}"), &[("key", "s e")]);
        let secret = Secret::new("tok".to_owned());
        let message =
            Submission { validity: Some(Duration::from_secs(60)), token: Some(&secret), host: 1, ..made.ask(&hello) };
        let request = made.request(&message);
        (request.url, request.headers, String::from_utf8_lossy(&request.body).into_owned())
    };
    let (url, _, body) = build(
        "[send]\nurls = [\"https://a/\", \"https://b/?v=1#rc=2\"]\nquery = { t = \"{text}\", u = \"{validity}\" }",
    );
    assert_eq!(
        (url.as_str(), body.as_str()),
        ("https://b/?v=1&t=%E9%20%3Cb%3E%26&u=2026-01-02T03%3A05%3A05Z#rc=2", "")
    );
    let (url, ..) = build("[send]\nurl = \"https://a/{to}\"\nquery_raw = \"1=account={setting.key|urlencode}\"");
    assert_eq!(url, "https://a/%2B15551234567?1=account=s%20e");
    let (_, headers, body) = build("[send]\nurl = \"https://a/\"\nxml = \"<t a='{setting.key}'>{text}{from?}</t>\"");
    assert_eq!(
        (headers.get("Content-Type"), body.as_str()),
        (Some("application/xml"), "<t a='s e'>é &lt;b&gt;&amp;</t>")
    );
    let (_, headers, body) = build("[send]\nurl = \"https://a/\"\nmultipart = { t = \"{text}\" }");
    let boundary = headers.get("Content-Type").and_then(|kind| kind.split_once("boundary=")).expect("a boundary").1;
    assert_eq!(
        body,
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"t\"\r\n\r\né <b>&\r\n--{boundary}--\r\n")
    );
    let (_, headers, body) = build(&format!(
        "{token}[send]\nurl = \"https://a/\"\nauth = {{ scheme = \"token\" }}\nheaders = {{ X-A = \"{{from?}}\", X-B = \"{{id}}\" }}\nform = {{ t = \"{{text|utf16be|raw}}\", n = \"{{now|date:%Y}}\" }}"
    ));
    assert_eq!((headers.get("Authorization"), headers.get("X-A")), (Some("Bearer tok"), None));
    assert_eq!(body, "t=%00%E9%00%20%00%3C%00b%00%3E%00%26&n=2026");
}

#[test]
fn settings_are_checked() {
    let definition = Definition::read(PHONE, "x.toml").expect("a definition");
    let fill = |given: &[(&str, Filled)]| {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        definition
            .settings(given.collect())
            .expect_err("unfit")
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let words = |text: &str| Filled::Text(text.to_owned());
    let told = fill(&[
        ("usr", words("x")),
        ("sim", Filled::Number(9)),
        ("country", words("se")),
        ("base_url", words("ftp://x")),
    ]);
    for part in [
        "did you mean `user`",
        "`password`: is missing",
        "9 is not between 1 and 3",
        "does not look like one",
        "no URL",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let settings = format!("{:?}", form().settings);
    assert!(!settings.contains("12345x") && !settings.contains("AC0000"), "{settings}");
}
