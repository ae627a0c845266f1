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
        trial_with("proof::amazon_signs_each_field", &[Needs::Signers], amazon_signs_each_field),
        trial_with("proof::our_token_is_one_that_we_would_take", &[Needs::Signers], our_token_is_taken),
    ]
}

#[derive(Deserialize)]
struct Made {
    hooks: Vec<Signed>,
    /// Certificates that stand for nobody here, with Amazon's signatures under them or not.
    strangers: BTreeMap<String, String>,
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

impl Signed {
    fn verifier(&self) -> Verifier {
        Verifier::read(&self.scheme, &arguments(&self.arguments)).expect("a verifier")
    }

    fn hook(&self) -> HookRequest {
        HookRequest {
            method: self.method.clone(),
            url: self.url.clone(),
            headers: self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            body: STANDARD.decode(&self.body).expect("base64"),
            peer: [192, 0, 2, 1].into(),
            certificate: None,
        }
    }

    fn fetched(&self) -> Fetched {
        let mut fetched = Fetched::default();
        for (url, document) in &self.fetched {
            fetched.keep(url.as_str(), document.as_bytes());
        }
        fetched
    }
}

fn one(signed: &Signed) {
    let name = signed.name.as_str();
    let (verifier, hook, fetched) = (signed.verifier(), signed.hook(), signed.fetched());
    let now = Timestamp(signed.at);
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

/// Each field that Amazon signs, changed, taken away, or put where there was none; the version; the certificate.
fn amazon_signs_each_field() {
    let made = made();
    let amazons: Vec<&Signed> = made.hooks.iter().filter(|hook| hook.scheme == "sns").collect();
    assert_eq!(amazons.len(), 7);
    for signed in amazons {
        let (verifier, now) = (signed.verifier(), Timestamp(signed.at));
        let body: serde_json::Map<String, Value> = serde_json::from_slice(&signed.hook().body).expect("JSON");
        let check = |change: &dyn Fn(&mut serde_json::Map<String, Value>), fetched: &Fetched| {
            let mut body = body.clone();
            change(&mut body);
            let body = Value::Object(body).to_string().into_bytes();
            verifier.check_with(&HookRequest { body, ..signed.hook() }, fetched, now)
        };
        let fetched = signed.fetched();
        assert!(check(&|_| {}, &fetched).is_ok(), "{}", signed.name);
        let mut fields = vec!["Message", "MessageId", "Timestamp", "TopicArn", "Type"];
        if body["Type"] == "Notification" {
            fields.push("Subject");
        } else {
            fields.extend(["SubscribeURL", "Token"]);
        }
        for field in fields {
            let old = body.get(field).and_then(Value::as_str).unwrap_or("");
            // Times and addresses stay readable: it is the signature that does not fit.
            let new = match field {
                "Timestamp" => old.replace(".000Z", ".001Z"),
                "SubscribeURL" => format!("{old}&x=1"),
                "Type" if old == "SubscriptionConfirmation" => "UnsubscribeConfirmation".to_owned(),
                "Type" if old == "UnsubscribeConfirmation" => "SubscriptionConfirmation".to_owned(),
                _ => format!("{old}x"),
            };
            let changed = check(&|body| drop(body.insert(field.to_owned(), new.clone().into())), &fetched);
            let expected = match (field, old) {
                ("TopicArn", _) => Unproven::Foreign,
                ("Type", "Notification") => Unproven::Unreadable,
                _ => Unproven::Wrong,
            };
            assert_eq!(changed, Err(expected), "{}: {field} changed", signed.name);
            if !old.is_empty() {
                let gone = check(&|body| drop(body.remove(field)), &fetched);
                assert!(gone.is_err(), "{}: without {field}", signed.name);
            }
        }
        let other = if body["SignatureVersion"] == "1" { "2" } else { "1" };
        for version in [other, "3", ""] {
            let changed = |body: &mut serde_json::Map<String, Value>| {
                drop(body.insert("SignatureVersion".to_owned(), version.into()));
            };
            assert!(check(&changed, &fetched).is_err(), "{} as version {version}", signed.name);
        }
        for (which, pem) in &made.strangers {
            let mut fetched = Fetched::default();
            signed.fetched.keys().for_each(|url| fetched.keep(url.as_str(), pem.as_bytes()));
            assert!(check(&|_| {}, &fetched).is_err(), "{}: by a certificate {which}", signed.name);
        }
        let elsewhere = |body: &mut serde_json::Map<String, Value>| {
            drop(body.insert("SigningCertURL".to_owned(), "https://sns.evil.example/a.pem".into()));
        };
        assert_eq!(check(&elsewhere, &fetched), Err(Unproven::Foreign), "{}", signed.name);
    }
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
