//! Answers of providers against definitions, each with what must come of it.

use super::*;
use crate::{ground::Scope, provider::web::Headers};

const NOW: Timestamp = Timestamp(1_767_323_045_000);

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers: Headers = headers.iter().copied().collect();
    Answer { status, headers, body: body.as_bytes().to_vec() }
}

fn read(text: &str) -> Definition {
    Definition::read(text, "x.toml").expect("a definition")
}

fn judge(
    definition: &Definition,
    status: u16,
    headers: &[(&str, &str)],
    body: &str,
) -> (Verdict, Option<String>, Option<u64>) {
    let answered = definition.outcome(&answer(status, headers, body), "mine", NOW);
    let id = answered.ids.first().map(|id| id.as_str().to_owned());
    (answered.verdict, id, answered.after.map(|after| after.as_secs()))
}

#[test]
fn a_form_provider() {
    let form = read(include_str!("../../../tests/providers/language/form.toml"));
    for (status, headers, body, verdict, after) in [
        (201, &[][..], r#"{"sid":"SM00af"}"#, Verdict::Accepted, None),
        (201, &[], r#"{"sid":"nope"}"#, Verdict::Uncertain, None),
        (200, &[], "<html>", Verdict::Uncertain, None),
        (429, &[("Retry-After", "17")], r#"{"code":20429}"#, Verdict::Throttled, Some(17)),
        (429, &[], "", Verdict::Throttled, Some(2)),
        (429, &[("Retry-After", "Fri, 02 Jan 2026 09:00:00 GMT")], "", Verdict::Throttled, Some(300)),
        (401, &[], r#"{"code":20003}"#, Verdict::Account, None),
        (403, &[], r#"{"code":21610}"#, Verdict::OptedOut, None),
        (400, &[], r#"{"code":21211,"message":"bad 'To'"}"#, Verdict::Recipient, None),
        (400, &[], r#"{"code":20555}"#, Verdict::Temporary, None),
        (400, &[], r#"{"code":99999}"#, Verdict::Permanent, None),
        (500, &[], "", Verdict::Temporary, None),
        (302, &[], "", Verdict::Account, None),
    ] {
        let (got, id, pause) = judge(&form, status, headers, body);
        assert_eq!((got, pause), (verdict, after), "{status} {body}");
        assert_eq!(id.is_some(), verdict == Verdict::Accepted);
    }
    let refused = form.outcome(&answer(400, &[], r#"{"code":21211,"message":"bad\r\n'To'"}"#), "m", NOW);
    assert_eq!(refused.words(), "HTTP 400 code 21211: bad  'To'");
    assert!(matches!(refused.outcome(), Outcome::Never(fault) if fault.scope == Scope::Recipient));
    assert!(!format!("{refused:?}").contains("bad"));
}

#[test]
fn plain_words() {
    let words = read(include_str!("../../../tests/providers/language/words.toml"));
    for (status, body, verdict, id, after) in [
        (200, "ID: b8e4c1 To: 1", Verdict::Accepted, Some("b8e4c1"), None),
        (200, "ERR: 001, Authentication failed", Verdict::Account, None, None),
        (200, "ERR: 114, Cannot route", Verdict::Recipient, None, None),
        (200, "ERR: 122", Verdict::OptedOut, None, None),
        (200, "ERR: 130, limit until 1767323145", Verdict::Throttled, None, Some(100)),
        (200, "ERR: 777, new", Verdict::Permanent, None, None),
        (503, "", Verdict::Temporary, None, None),
        (200, "hello", Verdict::Uncertain, None, None),
        (404, "hello", Verdict::Permanent, None, None),
    ] {
        let got = judge(&words, status, &[], body);
        assert_eq!(got, (verdict, id.map(str::to_owned), after), "{status} {body}");
    }
}

#[test]
fn our_id_is_an_idempotency_key() {
    let phone = read(include_str!("../../../tests/providers/language/phone.toml"));
    assert_eq!(judge(&phone, 202, &[], r#"{"id":"x1"}"#), (Verdict::Accepted, Some("x1".into()), None));
    assert_eq!(judge(&phone, 409, &[], "{}"), (Verdict::Duplicate, Some("mine".into()), None));
    assert_eq!(judge(&phone, 202, &[], "{}").0, Verdict::Uncertain);
}

/// Every part, some part, types, XML, query strings, header fields, absence, captures inside JSON.
#[test]
fn every_kind_of_test() {
    let head = "format = 1\nname = \"x\"\ntitle = \"x\"\n[send]\nurl = \"https://a/\"\n";
    let rules = r#"
[[send.rule]]
json   = { "/m/*/status" = "^0$" }
result = "accepted"
ids    = "json:/m/*/id"
[[send.rule]]
some   = { "/m/*/status" = "^0$" }
result = "uncertain"
[[send.rule]]
json   = { "/accepted" = true, "/code" = 0 }
result = "accepted"
[[send.rule]]
xml    = { "/R/status" = "^ok$" }
result = "accepted"
id     = "xml:/R/@id"
[[send.rule]]
field  = { state = "^1$" }
result = "accepted"
id     = "msg"
[[send.rule]]
header = { "X-Result" = "^done" }
absent = ["json:/error"]
result = "accepted"
[[send.rule]]
json   = { "/data" = "^Success" }
result = "accepted"
id     = "json:/data ~ \"(?P<id>[^\"]+)\""
"#;
    let definition = read(&format!("{head}{rules}"));
    let ids = |body: &str| {
        let answered = definition.outcome(&answer(200, &[], body), "mine", NOW);
        (answered.verdict, answered.ids.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>())
    };
    let two = r#"{"m":[{"status":"0","id":"a"},{"status":"0","id":"b"}]}"#;
    assert_eq!(ids(two), (Verdict::Accepted, vec!["a".into(), "b".into()]));
    assert_eq!(ids(r#"{"m":[{"status":"0","id":"a"},{"status":"4"}]}"#).0, Verdict::Uncertain);
    assert_eq!(ids(r#"{"m":[]}"#).0, Verdict::Uncertain);
    assert_eq!(ids(r#"{"accepted":true,"code":0}"#).0, Verdict::Accepted);
    assert_eq!(ids(r#"{"accepted":"true","code":0}"#).0, Verdict::Uncertain, "text is no boolean");
    assert_eq!(ids("<R id='7'><status>ok</status></R>"), (Verdict::Accepted, vec!["7".into()]));
    assert_eq!(ids("state=1&msg=abc%20d"), (Verdict::Accepted, vec!["abc d".into()]));
    assert_eq!(ids(r#"{"data":"Success \"u-1\""}"#), (Verdict::Accepted, vec!["u-1".into()]));
    let with = |body: &str| definition.outcome(&answer(200, &[("x-result", "done 1")], body), "mine", NOW).verdict;
    assert_eq!(with("{}"), Verdict::Accepted);
    assert_eq!(with(r#"{"error":"x"}"#), Verdict::Uncertain);
}

#[test]
fn tokens() {
    let text = "format = 1\nname = \"x\"\ntitle = \"x\"\n[token]\nurl = \"https://a/\"\nvalue = \"json:/access_token\"\nlifetime = \"json:/expires_in\"\n[send]\nurl = \"https://a/\"\nauth = { scheme = \"token\" }\n[[send.rule]]\ntext = \"ok\"\nresult = \"accepted\"\n";
    let definition = read(text);
    let (token, life) =
        definition.token(&answer(200, &[], r#"{"access_token":"abc","expires_in":3600}"#), NOW).expect("a token");
    assert_eq!((token.expose().as_str(), life), ("abc", Duration::from_secs(3600)));
    for (status, gateway) in [(401, true), (200, true), (500, false), (429, true)] {
        let fault = definition.token(&answer(status, &[], "{}"), NOW).expect_err("no token");
        assert_eq!(fault.scope == Scope::Gateway, gateway, "{status}");
        assert_eq!(fault.code.class(), 4, "no message fails for it");
    }
    assert!(definition.refreshes(401) && !definition.refreshes(403));
}

#[test]
fn secrets_that_a_provider_repeats_are_taken_out() {
    let form = read(include_str!("../../../tests/providers/language/form.toml"));
    let words = |text: &str| crate::provider::Filled::Text(text.to_owned());
    let given = [("account", words("AC00000001")), ("token", words("hunter22"))];
    let given = given.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let settings = form.settings(given).expect("settings");
    let refused = form.outcome(&answer(400, &[], r#"{"code":1,"message":"token hunter22 is bad"}"#), "m", NOW);
    assert_eq!(refused.without(&settings).words(), "HTTP 400 code 1: token [secret] is bad");
}

proptest::proptest! {
    #[test]
    fn garbage_proves_no_success(status in 100u16..600, body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        static BOTH: std::sync::LazyLock<[Definition; 2]> = std::sync::LazyLock::new(|| [
            read(include_str!("../../../tests/providers/language/form.toml")),
            read(include_str!("../../../tests/providers/language/words.toml")),
        ]);
        for definition in BOTH.iter() {
            let answered = definition.outcome(&Answer { status, headers: Headers::default(), body: body.clone() }, "m", NOW);
            proptest::prop_assert!(!answered.verdict.is_success() || body.starts_with(b"ID:"));
        }
    }
}
