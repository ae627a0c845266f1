//! Calls of hooks against definitions, each with the events that must come of it.

use std::collections::BTreeMap;

use super::*;
use crate::{
    ground::Timestamp,
    mail::At,
    provider::{State, definition::Filled},
    sms::{Body, udh},
};

struct Made {
    definition: Definition,
    settings: Settings,
}

fn made(text: &str, settings: &[(&str, &str)]) -> Made {
    let definition = match Definition::read(text, "x.toml") {
        Ok(definition) => definition,
        Err(wrong) => panic!("{wrong:#?}"),
    };
    let given = settings.iter().map(|(name, value)| ((*name).to_owned(), Filled::Text((*value).to_owned())));
    let settings = definition.settings(given.collect::<BTreeMap<_, _>>()).expect("settings");
    Made { definition, settings }
}

fn call(method: &str, query: &str, kind: &str, body: &[u8]) -> HookRequest {
    HookRequest {
        method: method.into(),
        url: format!("https://m.example/gateway/g/hook/x{query}"),
        headers: [("Content-Type", kind)].into_iter().collect(),
        body: body.to_vec(),
        peer: [192, 0, 2, 1].into(),
        certificate: None,
    }
}

impl Made {
    fn events(&self, hook: &str, request: &HookRequest) -> Vec<Event> {
        match self.definition.hooked(&self.settings, hook, request, || Proof::Yes(None)) {
            Hooked::Take { events, .. } => events.into_iter().map(|taken| taken.event).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn report(&self, hook: &str, request: &HookRequest) -> Option<Report> {
        match self.events(hook, request).pop()? {
            Event::Report(report) => Some(report),
            other => panic!("{other:?}"),
        }
    }

    fn inbound(&self, hook: &str, request: &HookRequest) -> Inbound {
        match self.events(hook, request).pop() {
            Some(Event::Inbound(inbound)) => inbound,
            other => panic!("{other:?}"),
        }
    }
}

fn form() -> Made {
    made(include_str!("../../../tests/providers/language/form.toml"), &[("account", "AC00000001"), ("token", "12345x")])
}

fn words() -> Made {
    made(
        include_str!("../../../tests/providers/language/words.toml"),
        &[("api_id", "a"), ("user", "u"), ("password", "p"), ("hook_key", "k/1")],
    )
}

fn phone() -> Made {
    made(
        include_str!("../../../tests/providers/language/phone.toml"),
        &[("user", "u"), ("password", "p"), ("signing_key", "s"), ("country", "SE")],
    )
}

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn words_become_states_and_codes_refine_failures_only() {
    let form = form();
    for (status, code, state) in [
        ("queued", "", Some(State::Accepted)),
        ("Delivered", "", Some(State::Delivered)),
        ("delivered", "30003", Some(State::Delivered)),
        ("undelivered", "30003", Some(State::FailedTemporary)),
        ("undelivered", "30005", Some(State::FailedPermanent)),
        ("failed", "30007", Some(State::Rejected)),
        ("failed", "21610", Some(State::OptedOut)),
        ("failed", "77777", Some(State::FailedPermanent)),
        ("receiving", "", None),
        ("exploded", "30005", None),
    ] {
        let body = format!("MessageSid=SM1&MessageStatus={status}&ErrorCode={code}&To=%2B15551234567");
        let report = form.report("status", &call("POST", "?own=abc", FORM, body.as_bytes()));
        assert_eq!(report.as_ref().map(|report| report.state), state, "{status} {code}");
        if let Some(report) = report {
            assert_eq!((report.own_id.as_deref(), report.to.as_deref()), (Some("abc"), Some("+15551234567")));
            assert_eq!(report.id.map(|id| id.as_str().to_owned()).as_deref(), Some("SM1"));
        }
    }
    assert_eq!(form.events("status", &call("POST", "", FORM, b"MessageStatus=sent")), [], "no id: not needed fields");
    let nobody = call("POST", "", FORM, b"MessageSid=SM1&From=%01&Body=Hi");
    assert_eq!(form.events("inbound", &nobody), [], "a sender of control characters is none (found by fuzzing)");
}

#[test]
fn texts_come_in_with_their_media() {
    let form = form();
    let body = b"MessageSid=SM1&From=%2B15551234567&To=%2B15550100000&Body=Hi+there&NumMedia=2&MediaUrl0=https%3A%2F%2Fa%2F1&MediaContentType0=image/jpeg&MediaUrl1=https%3A%2F%2Fa%2F2";
    let text = form.inbound("inbound", &call("POST", "", FORM, body));
    assert_eq!((text.from.as_str(), text.to.as_deref()), ("+15551234567", Some("+15550100000")));
    assert!(matches!(&text.segment.body, Body::Text(words) if words == "Hi there"));
    let At::Elsewhere(place) = &text.media[0].at else { panic!("{:?}", text.media) };
    assert_eq!((text.media.len(), text.media[0].noun(), place.login), (2, "picture", true));
    assert!(!format!("{text:?}").contains("Hi"), "{text:?}");
    let Hooked::Take { done, busy, .. } =
        form.definition.hooked(&form.settings, "inbound", &call("POST", "", FORM, body), || Proof::Yes(None))
    else {
        panic!("taken")
    };
    assert_eq!((done.status, done.media_type.as_deref(), done.body.as_str()), (200, Some("text/xml"), "<Response/>"));
    assert_eq!(busy.status, 503);
}

#[test]
fn media_that_cannot_be_taken_are_named() {
    let form = form();
    let shown = |text: &Inbound| -> Vec<String> {
        let shown = |piece: &crate::mail::Piece| match &piece.at {
            At::Elsewhere(place) => place.url.clone(),
            At::Here(data) => format!("[{}]", data.len()),
            At::Missing(why) => why.clone(),
        };
        text.media.iter().map(shown).collect()
    };
    let call_with = |media: &[(&str, &str)]| {
        let mut body = format!("MessageSid=SM1&From=%2B15551234567&Body=Hi&NumMedia={}", media.len());
        for (n, (url, kind)) in media.iter().enumerate() {
            body += &format!("&MediaUrl{n}={url}&MediaContentType{n}={kind}");
        }
        shown(&form.inbound("inbound", &call("POST", "", FORM, body.as_bytes())))
    };
    assert_eq!(call_with(&[("https://a/0", "application/smil"), ("https://a/1", "image/png")]), ["https://a/1"]);
    let many: Vec<(String, &str)> = (0..13).map(|n| (format!("https://a/{n}"), "image/png")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(url, kind)| (url.as_str(), *kind)).collect();
    let got = call_with(&many);
    assert_eq!(
        (got.len(), got[9].as_str(), got[10].as_str()),
        (11, "https://a/9", "there are 3 more, and 10 are taken at most")
    );
    assert_eq!(call_with(&many[..11])[10], "it is one more, and 10 are taken at most");
    let long = format!("https://a/{}", "x".repeat(5_000));
    assert_eq!(call_with(&[(&long, "image/png")]), ["its address is too long"]);
}

#[test]
fn octets_are_in_the_charset_that_a_field_names() {
    let words = words();
    let text = |query: &str| {
        let text = words.inbound("inbound", &call("GET", query, "", b""));
        match text.segment.body {
            Body::Text(words) => (words, text.at, text.segment.udh),
            Body::Binary(_) => panic!("text"),
        }
    };
    let (latin, at, _) = text("?moMsgId=1&from=15551234567&text=caf%E9&timestamp=2026-01-02+14:00:00");
    assert_eq!((latin.as_str(), at), ("café", Some(Timestamp(1_767_355_200_000))));
    let (wide, _, udh) =
        text("?moMsgId=1&from=1555123456&charset=UTF-16BE&text=%00%E9%D8%3D%DE%00&udh=050003CC0201&timestamp=never");
    assert_eq!((wide.as_str(), udh.as_slice()), ("é😀", &[0, 3, 0xcc, 2, 1][..]));
    let report = words
        .report("status", &call("GET", "?apiMsgId=x&status=004&cliMsgId=own1&timestamp=1767355200", "", b""))
        .expect("a report");
    assert_eq!(
        (report.state, report.own_id.as_deref(), report.at),
        (State::Delivered, Some("own1"), Some(Timestamp(1_767_355_200_000)))
    );
    let address =
        |own| words.definition.hook_address(&words.settings, &words.definition.hooks[0], "https://m.example", "g", own);
    assert_eq!(address(Some("id1")), "https://m.example/gateway/g/hook/status/k%2F1?own=id1");
    assert_eq!(address(None), "https://m.example/gateway/g/hook/status/k%2F1");
}

#[test]
fn a_phone_sends_json() {
    let phone = phone();
    let json = |body: &serde_json::Value| call("POST", "", "application/json", body.to_string().as_bytes());
    let text = phone.inbound(
        "events",
        &json(&serde_json::json!({"event": "sms:received", "id": "e1", "payload": {"sender": null, "phoneNumber": "0701234567", "message": "Hej", "simNumber": 2, "receivedAt": "2026-01-02T12:00:00Z"}})),
    );
    assert_eq!((text.from.as_str(), text.line.as_deref()), ("+46701234567", Some("2")));
    let data = phone.inbound("events", &json(&serde_json::json!({"event": "sms:data-received", "id": "e2", "payload": {"sender": "+4670", "data": "AQL/"}})));
    assert!(matches!(data.segment.body, Body::Binary(data) if data == [1, 2, 255]));
    let picture = phone.inbound(
        "events",
        &json(&serde_json::json!({"event": "mms:downloaded", "id": "e3", "payload": {"sender": "+4670", "subject": "S", "attachments": [{"contentType": "image/png; x=y", "name": "a.png", "data": "iVBORw=="}]}})),
    );
    assert_eq!(picture.media[0].kind.as_ref().map(crate::mail::MediaType::as_str), Some("image/png"));
    assert!(matches!(&picture.media[0].at, At::Here(data) if **data == *b"\x89PNG"));
    let part = phone
        .report("events", &json(&serde_json::json!({"event": "sms:delivered", "payload": {"messageId": "m"}})))
        .expect("a report");
    assert!(part.per_part && part.state == State::Delivered);
    let sent = phone
        .report(
            "events",
            &json(&serde_json::json!({"event": "sms:sent", "payload": {"messageId": "m", "partsCount": 3}})),
        )
        .expect("a report");
    assert_eq!((sent.total, sent.state), (Some(3), State::Sent));
    let failed = phone.report("events", &json(&serde_json::json!({"event": "sms:failed", "payload": {"messageId": "m", "reason": "RESULT_RADIO_OFF"}}))).expect("a report");
    assert_eq!(failed.state, State::FailedTemporary);
    assert_eq!(phone.events("events", &json(&serde_json::json!({"event": "system:ping"}))), []);
}

#[test]
fn what_is_not_believed_or_cannot_be_read() {
    let phone = phone();
    let garbage = call("POST", "", "application/json", b"{");
    let hooked = |request: &HookRequest, proof| phone.definition.hooked(&phone.settings, "events", request, || proof);
    let status = |hooked: Hooked| match hooked {
        Hooked::Refused { why, answer } => (why, answer.status),
        other => panic!("{other:?}"),
    };
    assert_eq!(status(hooked(&garbage, Proof::No)), (Refusal::Unverified, 401));
    assert_eq!(status(hooked(&garbage, Proof::Yes(None))), (Refusal::Unreadable, 400));
    assert_eq!(status(hooked(&call("DELETE", "", "", b""), Proof::Yes(None))), (Refusal::Method, 405));
    let none = phone.definition.hooked(&phone.settings, "nope", &garbage, || Proof::Yes(None));
    assert_eq!(status(none), (Refusal::NoHook, 404));
}

/// Items, parallel lists, XML, multipart, claims, JSON in JSON, handshakes, opt-outs, parts by fields.
#[test]
fn other_shapes() {
    let hooks = r#"
format = 1
name = "x"
title = "x"
directions = ["mo"]
[[hook]]
name = "items"
parse = "json"
items = "json:/results"
verify = { scheme = "none" }
[[hook.event]]
kind = "report"
id = "json:/messageId"
to = "root:/to"
state = "json:/status/groupId"
states = { 3 = "delivered", 2 = "failed_permanent" }
[[hook]]
name = "lists"
parse = "params"
methods = ["GET"]
items = { lists = ["MsgId", "status"] }
verify = { scheme = "none" }
reply = { status = 200, body = "OK" }
[[hook.event]]
kind = "report"
id = "MsgId"
to = "to"
state = "status"
states = { 404 = "delivered", "405..407" = "failed_permanent" }
[[hook]]
name = "xml"
parse = "xml"
verify = { scheme = "none" }
[[hook.event]]
need = ["xml:/InboundMessage"]
kind = "inbound"
id = "xml:/InboundMessage/Id"
from = "xml:/InboundMessage/From"
text = "xml:/InboundMessage/MessageText"
[[hook]]
name = "any"
parse = "any"
methods = ["GET", "POST"]
verify = { scheme = "none" }
[[hook.event]]
when = { keyword = ["STOP", "stop"] }
kind = "optout"
from = "msisdn"
to = "to"
[[hook.event]]
kind = "inbound"
id = "messageId"
from = "msisdn"
text = "text"
parts = { ref = "concat-ref", index = "concat-part", total = "concat-total" }
[[hook]]
name = "claims"
parse = "claims"
verify = { scheme = "none" }
[[hook.event]]
kind = "report"
id = "claim:id"
state = "status"
states = { DELIVERED = "delivered" }
[[hook]]
name = "sns"
parse = "json"
inner = "json:/Message"
verify = { scheme = "none" }
handshake = [
  { when = { "json:/Type" = "SubscriptionConfirmation" }, fetch = "json:/SubscribeURL", hosts = ["sns.*.amazonaws.com"] },
  { method = "HEAD" },
  { when = { "json:/0/eventType" = "~ Validation" }, reply = { json = { validationResponse = "{json:/0/data/code}", n = 1 } } },
]
[[hook.event]]
kind = "ignore"
[[hook]]
name = "inner"
parse = "json"
inner = "json:/Message"
verify = { scheme = "none" }
[[hook.event]]
kind = "inbound"
from = "json:/originationNumber"
text = "json:/contents/*/text"
"#;
    let made = made(hooks, &[]);
    let json = |body: serde_json::Value| call("POST", "", "application/json", body.to_string().as_bytes());
    let states = |hook: &str, request: &HookRequest| -> Vec<(String, State)> {
        let reports = made.events(hook, request).into_iter();
        reports
            .map(|event| match event {
                Event::Report(report) => (report.id.map(|id| id.as_str().to_owned()).unwrap_or_default(), report.state),
                other => panic!("{other:?}"),
            })
            .collect()
    };
    let items = json(serde_json::json!({"to": "46701234567", "results": [
        {"messageId": "a", "status": {"groupId": 3}}, {"messageId": "b", "status": {"groupId": 9}}, {"messageId": "c", "status": {"groupId": 2}}]}));
    assert_eq!(states("items", &items), [("a".into(), State::Delivered), ("c".into(), State::FailedPermanent)]);
    assert!(matches!(
        made.definition.hooked(&made.settings, "items", &json(serde_json::json!({})), || Proof::Yes(None)),
        Hooked::Refused { why: Refusal::Unreadable, .. }
    ));
    let lists = call("GET", "?MsgId=a,b,c&status=404,406,401&to=1", "", b"");
    assert_eq!(states("lists", &lists), [("a".into(), State::Delivered), ("b".into(), State::FailedPermanent)]);
    let xml = made.inbound("xml", &call("POST", "", "text/xml", b"<?xml version=\"1.0\"?><InboundMessage><Id>1</Id><From>447700900123</From><MessageText>a &amp; b</MessageText></InboundMessage>"));
    assert!(matches!(&xml.segment.body, Body::Text(text) if text == "a & b") && xml.from == "+447700900123");
    for request in [
        call("GET", "?msisdn=15551234567&messageId=1&text=Hi&concat-ref=x9&concat-part=2&concat-total=3", "", b""),
        call("POST", "", FORM, b"msisdn=15551234567&messageId=1&text=Hi&concat-ref=x9&concat-part=2&concat-total=3"),
        json(serde_json::json!({"msisdn": "15551234567", "messageId": 1, "text": "Hi", "concat-ref": "x9", "concat-part": "2", "concat-total": 3})),
        call("POST", "", "multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=\"msisdn\"\r\n\r\n15551234567\r\n--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nHi\r\n--b\r\nContent-Disposition: form-data; name=\"concat-part\"\r\n\r\n2\r\n--b\r\nContent-Disposition: form-data; name=\"concat-total\"\r\n\r\n3\r\n--b--\r\n"),
    ] {
        let text = made.inbound("any", &request);
        let concat = udh::concat(&text.segment.udh).expect("a part");
        assert_eq!((text.from.as_str(), concat.seq, concat.total), ("+15551234567", 2, 3));
        assert!(matches!(&text.segment.body, Body::Text(text) if text == "Hi"));
    }
    let stop = made.events("any", &call("GET", "?msisdn=15551234567&to=12345&keyword=STOP", "", b""));
    assert_eq!(stop, [Event::OptOut(OptOut { from: "+15551234567".into(), to: Some("12345".into()), out: true })]);
    let claims = serde_json::json!({"id": 7, "status": "delivered"});
    let hooked =
        made.definition.hooked(&made.settings, "claims", &call("POST", "", "", b""), || Proof::Yes(Some(claims)));
    assert!(matches!(&hooked, Hooked::Take { events, .. } if events.len() == 1), "{hooked:?}");
    let inner = json(
        serde_json::json!({"Message": "{\"originationNumber\":\"+15551234567\",\"contents\":[{\"text\":\"a\"},{\"text\":\"b\"}]}"}),
    );
    assert!(matches!(&made.inbound("inner", &inner).segment.body, Body::Text(text) if text == "a\nb"));
    let sns = |request: &HookRequest| made.definition.hooked(&made.settings, "sns", request, || Proof::Yes(None));
    let confirm = |url: &str| {
        json(serde_json::json!({"Type": "SubscriptionConfirmation", "Message": "You have chosen", "SubscribeURL": url}))
    };
    assert!(matches!(sns(&confirm("https://sns.eu-north-1.amazonaws.com/?x=1")), Hooked::Fetch { .. }));
    assert!(matches!(sns(&confirm("https://evil.example/")), Hooked::Refused { .. }));
    let words = json(serde_json::json!({"Type": "Notification", "Message": "no JSON"}));
    assert!(matches!(sns(&words), Hooked::Refused { why: Refusal::Unreadable, .. }));
    assert_eq!(sns(&call("HEAD", "", "", b"")), Hooked::Answer(Answering::bare(200)));
    let Hooked::Answer(answer) =
        sns(&json(serde_json::json!([{"eventType": "SubscriptionValidation", "data": {"code": "c1"}}])))
    else {
        panic!("answered")
    };
    assert_eq!(
        (answer.media_type.as_deref(), answer.body.as_str()),
        (Some("application/json"), r#"{"n":1,"validationResponse":"c1"}"#)
    );
}
