//! No call makes a verifier panic, and none that nobody signed is taken for proven; what is sealed is.
//!
//! Input: an octet that picks a verifier, then method, address, three fields of the header and body, each ended by NUL.

use std::sync::LazyLock;

use martlet::{
    ground::Timestamp,
    provider::{
        arguments::{Arguments, Given},
        proof::{Fetched, Verifier},
        web::HookRequest,
    },
};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const KEY: &str = "a key that no input holds";
const URL: &str = "https://sns.eu-west-1.amazonaws.com/a.pem";

/// Verifiers, the field that carries their signature, whether they can sign themselves.
static VERIFIERS: LazyLock<Vec<(Verifier, &'static str)>> = LazyLock::new(|| {
    let read = |scheme: &str, pairs: Vec<(&str, Given)>| {
        let arguments: Arguments = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Verifier::read(scheme, &arguments).expect("a verifier")
    };
    let key = || ("key", Given::from(KEY));
    vec![
        (read("twilio", vec![key()]), "X-Twilio-Signature"),
        (read("plivo", vec![key()]), "X-Plivo-Signature-V3"),
        (read("vonage-sig", vec![key(), ("method", "sha256".into())]), "X"),
        (read("path-secret", vec![key()]), "X"),
        (read("field-secret", vec![key(), ("field", "token".into())]), "X"),
        (read("basic", vec![("user", "u".into()), ("password", KEY.into())]), "Authorization"),
        (
            read("hmac", vec![
                key(),
                ("message", ["header:T", "method", "url", "query", "body|md5|hex"].into()),
                ("header", "X".into()),
                ("timestamp", "header:T".into()),
            ]),
            "X",
        ),
        (read("jwt", vec![key(), ("algorithms", ["HS256"].into()), ("body_hash", "h".into())]), "Authorization"),
        (read("jwt", vec![("keys_url", URL.into()), ("algorithms", ["RS256", "ES256"].into())]), "Authorization"),
        (read("sns", vec![("topics", ["arn:a"].into())]), "X"),
        (read("eventgrid", vec![key(), ("query", "code".into())]), "aeg-event-type"),
    ]
});

pub fn provider_proof(data: &[u8]) {
    let [choice, rest @ ..] = data else { return };
    let (verifier, field) = &VERIFIERS[usize::from(*choice) % VERIFIERS.len()];
    let mut parts = rest.splitn(6, |octet| *octet == 0);
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (method, path, kind, carried, stamp) = (text(), text(), text(), text(), text());
    let body = parts.next().unwrap_or_default().to_vec();
    let mut hook = HookRequest {
        method,
        url: format!("https://sms.example.com/{path}"),
        headers: [("Content-Type", kind.as_str()), (field, carried.as_str()), ("T", stamp.as_str())].into_iter().collect(),
        body: body.clone(),
        peer: [192, 0, 2, 1].into(),
        certificate: None,
    };
    let mut fetched = Fetched::default();
    assert!(verifier.check_with(&hook, &fetched, NOW).is_err(), "nobody signed");
    fetched.keep(URL, body);
    assert!(verifier.check_with(&hook, &fetched, NOW).is_err(), "nobody signed");
    hook.headers = [("Content-Type", kind.as_str())].into_iter().collect();
    if verifier.seal(&mut hook, NOW) {
        let _ = verifier.check(&hook, NOW);
    }
}
