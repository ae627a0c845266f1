//! Hooks signed by the providers' own libraries (`tests/support/hooks.py`): the good ones are taken; with one octet of the
//! body, the address or the signature changed, too old, or with another key, they are refused.

use std::{collections::BTreeMap, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libtest_mimic::Trial;
use martlet::{
    ground::{Secret, Timestamp},
    provider::{
        arguments::{Arguments, Given},
        proof::{Fetched, Handshake, Unproven, Verifier},
        sign::Signer,
        web::{HookRequest, Request},
    },
};
use serde::Deserialize;
use serde_json::Value;

use crate::support::{Needs, python, root, trial_with};

pub fn trials() -> Vec<Trial> {
    vec![
        trial_with("proof::providers_own_libraries_sign", &[Needs::Signers], providers_own_libraries_sign),
        trial_with("proof::our_token_is_one_that_we_would_take", &[Needs::Signers], our_token_is_taken),
    ]
}

#[derive(Deserialize)]
struct Made {
    hooks: Vec<Signed>,
    private: String,
    public: String,
}

#[derive(Deserialize)]
struct Signed {
    name: String,
    scheme: String,
    arguments: BTreeMap<String, Value>,
    method: String,
    url: String,
    headers: BTreeMap<String, String>,
    body: String,
    /// Each octet of the body is signed.
    covered: bool,
    at: i64,
    fetched: BTreeMap<String, String>,
    /// Seconds after which it is too old; 0: never.
    aged: i64,
}

fn made() -> Made {
    let out = Command::new(python()).arg(root().join("tests/support/hooks.py")).output().expect("Python");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("a list of hooks")
}

fn arguments(from: &BTreeMap<String, Value>) -> Arguments {
    let text = |value: &Value| Secret::new(value.as_str().expect("a string").to_owned());
    let given = |value: &Value| match value {
        Value::Bool(flag) => Given::Bool(*flag),
        Value::Array(items) => Given::List(items.iter().map(text).collect()),
        other => Given::Text(text(other)),
    };
    from.iter().map(|(name, value)| (name.clone(), given(value))).collect()
}

fn providers_own_libraries_sign() {
    let made = made();
    assert!(made.hooks.len() >= 30, "{} hooks", made.hooks.len());
    for signed in made.hooks {
        one(&signed);
    }
}

fn one(signed: &Signed) {
    let name = signed.name.as_str();
    let verifier = Verifier::read(&signed.scheme, &arguments(&signed.arguments)).expect(name);
    let now = Timestamp(signed.at);
    let mut fetched = Fetched::default();
    for (url, document) in &signed.fetched {
        fetched.keep(url.as_str(), document.as_bytes());
    }
    let hook = HookRequest {
        method: signed.method.clone(),
        url: signed.url.clone(),
        headers: signed.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        body: STANDARD.decode(&signed.body).expect("base64"),
        peer: [192, 0, 2, 1].into(),
        certificate: None,
    };
    let check = |hook: &HookRequest, now| verifier.check_with(hook, &fetched, now);
    let proven = check(&hook, now).unwrap_or_else(|why| panic!("{name}: {why}"));
    let subscribes = matches!(proven.handshake, Some(Handshake::Fetch { .. }));
    assert_eq!(subscribes, name.contains("Subscription"), "{name}");
    if signed.covered {
        for at in 0..hook.body.len() {
            let mut bent = hook.clone();
            bent.body[at] ^= 1;
            assert!(check(&bent, now).is_err(), "{name}: octet {at} of the body");
        }
    }
    for (field, value) in &signed.headers {
        // The type says how a body is read, and a list of signatures may hold others.
        if field == "Content-Type" || value.starts_with("AAAA,") {
            continue;
        }
        let start = value.rfind('.').map_or(0, |dot| dot + 1);
        let bent = bend(value, start + (value.len() - start) / 2);
        let others = signed.headers.iter().filter(|(name, _)| *name != field);
        let mut headers: martlet::provider::web::Headers =
            others.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        headers.push(field.as_str(), bent);
        assert!(check(&HookRequest { headers, ..hook.clone() }, now).is_err(), "{name}: {field}");
    }
    if ["twilio", "plivo", "vonage-sig"].contains(&signed.scheme.as_str()) && signed.method == "GET" {
        let start = hook.url.find('?').expect("a query") + 1;
        for at in start..hook.url.len() {
            let bent = HookRequest { url: bend(&hook.url, at), ..hook.clone() };
            assert!(check(&bent, now).is_err(), "{name}: {}", bent.url);
        }
    }
    if signed.aged > 0 {
        assert!(check(&hook, Timestamp(signed.at + (signed.aged - 2) * 1000)).is_ok(), "{name} is young enough");
        let late = check(&hook, Timestamp(signed.at + (signed.aged + 1) * 1000));
        assert_eq!(late, Err(Unproven::Old), "{name} is too old");
    }
    let bare = HookRequest { headers: [("Content-Type", "application/json")].into_iter().collect(), ..hook };
    assert!(signed.headers.len() < 2 && !signed.headers.contains_key("Authorization") || check(&bare, now).is_err());
}

/// The octet at `at` replaced by another letter.
fn bend(text: &str, at: usize) -> String {
    let other = if &text[at..=at] == "q" { "r" } else { "q" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

fn our_token_is_taken() {
    let made = made();
    let claims = [("application_id".to_owned(), "app".into())].into();
    let given = [("key".to_owned(), made.private.as_str().into()), ("claims".to_owned(), Given::Table(claims))];
    let signer = Signer::read("jwt-rs256", &given.into_iter().collect()).expect("a signer");
    let mut request = Request {
        method: "POST".into(),
        url: "https://api.example.com/".into(),
        headers: martlet::provider::web::Headers::default(),
        body: Vec::new(),
    };
    let now = Timestamp(1_700_000_000_000);
    signer.sign(&mut request, now, "once");
    let given = [("key".to_owned(), made.public.as_str().into()), ("algorithms".to_owned(), ["RS256"].into())];
    let verifier = Verifier::read("jwt", &given.into_iter().collect()).expect("a verifier");
    let hook = HookRequest {
        method: "POST".into(),
        url: request.url.clone(),
        headers: request.headers.clone(),
        body: Vec::new(),
        peer: [192, 0, 2, 1].into(),
        certificate: None,
    };
    let claims = verifier.check(&hook, now).expect("our own token").claims.expect("claims");
    assert_eq!(claims.get("application_id"), Some(&"app".into()));
    assert_eq!(claims.get("jti"), Some(&"once".into()));
    let late = Timestamp(now.0 + 961_000);
    assert_eq!(verifier.check(&hook, late), Err(Unproven::Old));
}
