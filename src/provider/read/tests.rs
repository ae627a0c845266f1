//! Definitions that are read, and those that are refused with the place and the cause.

use std::time::Duration;

use super::*;
use crate::provider::{
    definition::{Auth, Body, PauseUnit, SenderKind, SettingKind},
    hook::spec::{Decode, Kind, MediaFound, Parse},
    word::{State, Verdict},
};

const FORM: &str = include_str!("../../../tests/providers/language/form.toml");
const WORDS: &str = include_str!("../../../tests/providers/language/words.toml");
const PHONE: &str = include_str!("../../../tests/providers/language/phone.toml");

fn read(text: &str) -> Definition {
    match Definition::read(text, "x.toml") {
        Ok(definition) => definition,
        Err(wrong) => panic!("{}", wrong.iter().map(|w| format!("{w}\n")).collect::<String>()),
    }
}

#[test]
fn a_form_provider_is_read_whole() {
    let form = read(FORM);
    assert_eq!((form.name.as_str(), form.settings.len(), form.hooks.len()), ("form", 3, 2));
    assert!(form.reports() && form.shows_senders() && form.sends && form.receives);
    assert_eq!(form.number.from.len(), 3);
    assert_eq!(form.rate.concurrency, Some(10));
    let send = form.send.expect("[send]");
    assert_eq!(send.timeout, Duration::from_secs(20));
    assert!(matches!(send.call.auth, Auth::Basic { .. }));
    let Body::Form(fields) = &send.call.body else { panic!("a form") };
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["To", "From", "Service", "Body", "Media", "Validity", "Callback"], "the file's order");
    assert_eq!(send.rules.len(), 5);
    let codes = send.rules[3].codes.as_ref().expect("a table");
    assert_eq!(codes.get("20503").and_then(|word| word.verdict), Some(Verdict::Temporary));
    let Kind::Report(report) = &form.hooks[0].events[0].kind else { panic!("a report") };
    let codes = report.codes.as_ref().expect("a table");
    assert_eq!(codes.get("30006").and_then(|word| word.state), Some(State::FailedPermanent));
    let Kind::Inbound(inbound) = &form.hooks[1].events[0].kind else { panic!("a text") };
    let media = inbound.media.as_ref().expect("media");
    assert!(media.fetch_auth && matches!(media.found, MediaFound::Numbered { base: 0, .. }));
}

#[test]
fn plain_words_and_a_phone_are_read_whole() {
    let words = read(WORDS);
    assert!(words.hooks.iter().all(|hook| hook.has_path_secret() && hook.reading.parse == Parse::Params));
    assert_eq!(words.hooks[0].refuse.unverified, 404);
    let send = words.send.expect("[send]");
    assert_eq!(send.variants.len(), 3);
    assert_eq!(send.rules[1].retry_after.as_ref().map(|pause| pause.unit), Some(PauseUnit::Unix));

    let phone = read(PHONE);
    assert_eq!(phone.number.from, [SenderKind::None]);
    assert!(phone.send.as_ref().is_some_and(|send| send.idempotent));
    assert_eq!(phone.setup.as_ref().map(|setup| setup.each.len()), Some(2));
    assert!(matches!(phone.settings[5].kind, SettingKind::Number { min: 1, max: 3 }));
    let Kind::Inbound(data) = &phone.hooks[0].events[1].kind else { panic!("a text") };
    assert_eq!(data.data.as_ref().map(|data| data.decode), Some(Decode::Base64));
}

/// `FORM` with one thing changed is refused there, with these words.
#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (from, to, why) in [
        ("max_chars = 1600", "max_char = 1600", "unknown key `max_char` in [text]; did you mean `max_chars`?"),
        ("format = 1", "format = 2", "format 2 is not known"),
        ("retry_after =", "retry_aftr =", "did you mean `retry_after`"),
        ("{from?}", "{form?}", "did you mean `from`"),
        ("{setting.service?}", "{setting.service}", "write {setting.service?}"),
        ("{setting.service?}", "{setting.servise?}", "did you mean `service`"),
        ("{hook.status?}", "{hook.state?}", "there is no hook `state`; did you mean `status`?"),
        ("{media_urls*}", "{media_urls}", "is a list"),
        ("result = \"account\"", "result = \"acount\"", "did you mean `account`"),
        ("\"20003\"        = \"account\"", "\"20003\" = \"delivered\"", "for a result"),
        ("codes  = \"send\"", "codes  = \"sent\"", "did you mean `send`"),
        ("\"^SM[0-9a-f]{4}$\"", "\"^SM[\"", "bad pattern"),
        ("\"json:/sid\"", "\"json/sid\"", "`json/sid`"),
        ("https://api.form", "api.form", "a URL begins with"),
        ("parse  = \"form\"", "parse  = \"from\"", "did you mean `form`"),
        ("scheme = \"twilio\"", "scheme = \"twillio\"", "did you mean `twilio`"),
        ("timeout = \"20s\"", "timeout = 20", "expected a string"),
        ("status = [\"429\"]", "status = [\"9xx\"]", "a status is"),
        ("pattern = \"MG[0-9a-f]{8}\"", "patern = \"MG\"", "did you mean `pattern`"),
        ("from  = [\"e164\"", "from  = [\"e146\"", "did you mean `e164`"),
        ("MediaUrl{i}", "MediaUrl0", "has {i} in its name"),
        ("type = \"text/xml\"", "type = \"text/plain\"", "body_is_reply = false"),
    ] {
        let line = FORM[..FORM.find(from).expect(from)].matches('\n').count() + 1;
        let text = FORM.replacen(from, to, 1);
        let wrong = Definition::read(&text, "x.toml").expect_err(to);
        assert!(wrong.iter().any(|w| w.line == line && w.cause.contains(why)), "{to}: {wrong:#?}");
    }
}

#[test]
fn success_must_be_proven() {
    let text = PHONE.replacen("result = \"accepted\"\nid     = \"json:/id\"", "result = \"accepted\"\nid = \"own\"", 1);
    let wrong = Definition::read(&text, "x.toml").expect_err("by the status alone");
    assert!(wrong[0].cause.contains("success must be proven"), "{wrong:?}");
}

#[test]
fn what_is_no_definition_at_all() {
    for text in ["", "x", "format = 1", "[send]", "send = 5", "hook = 1", "[[setting]]", &"a = 1\n".repeat(60_000)] {
        assert!(!Definition::read(text, "x.toml").expect_err(text).is_empty());
    }
}

#[test]
fn what_setup_needs_is_a_setting() {
    let with = |name: &str| PHONE.replacen("[setup]\n", &format!("[setup]\nneeds = [\"{name}\"]\n"), 1);
    let wrong = Definition::read(&with("nobody"), "x.toml").expect_err("no such setting");
    assert!(wrong.iter().any(|w| w.cause.contains("there is no setting `nobody`")), "{wrong:?}");
    let known = Definition::read(PHONE, "x.toml").expect("a definition").settings.swap_remove(0).name;
    let setup = Definition::read(&with(&known), "x.toml").expect("a definition").setup.expect("a setup");
    assert_eq!(setup.needs, [known]);
}
