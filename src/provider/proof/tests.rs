//! Each verifier: the good call is taken; with one octet changed, too old, or unsigned, it is refused.

use super::*;
use crate::provider::{
    arguments::{Arguments, Given},
    digest::{Encoding, Hash},
    web::Certificate,
};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn given<const N: usize>(pairs: [(&str, Given); N]) -> Arguments {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn verifier<const N: usize>(scheme: &str, pairs: [(&str, Given); N]) -> Verifier {
    Verifier::read(scheme, &given(pairs)).unwrap_or_else(|why| panic!("{scheme}: {why}"))
}

fn hook(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> HookRequest {
    HookRequest {
        method: method.into(),
        url: url.into(),
        headers: headers.iter().copied().collect(),
        body: body.into(),
        peer: [192, 0, 2, 7].into(),
        certificate: None,
    }
}

fn form(url: &str, body: &str) -> HookRequest {
    hook("POST", url, &[("Content-Type", FORM)], body)
}

/// Sealed calls are taken; each octet of the body, and of the signed field, changed is refused.
fn holds(verifier: &Verifier, mut call: HookRequest, covers_body: bool) {
    assert!(verifier.check(&call, NOW).is_err(), "nobody signed");
    assert!(verifier.seal(&mut call, NOW), "it can sign");
    assert_eq!(verifier.check(&call, NOW).map(|_| ()), Ok(()));
    if covers_body {
        for at in 0..call.body.len() {
            let mut bent = call.clone();
            bent.body[at] ^= 1;
            assert!(verifier.check(&bent, NOW).is_err(), "octet {at} of the body");
        }
    }
}

#[test]
fn twilio_vectors() {
    let verifier = verifier("twilio", [("key", ["old", "12345"].into())]);
    for (caller, signature) in
        [("%2B14158675309", "RSOYDt4T1cUTdK1PDd93/VVr8B8="), ("%2B12349013030", "0/KCTR6DLpKmkAf8muzZqo1nDgQ=")]
    {
        let body = format!("CallSid=CA1234567890ABCDE&Caller={caller}&Digits=1234&From={caller}&To=%2B18005551212");
        let mut call = form("https://mycompany.com/myapp.php?foo=1&bar=2", &body);
        call.headers.push("X-Twilio-Signature", signature);
        assert_eq!(verifier.check(&call, NOW), Ok(Proven::default()), "{caller}");
        for at in 0..call.url.len() {
            let mut bent = call.clone();
            bent.url.replace_range(at..=at, if &bent.url[at..=at] == "x" { "y" } else { "x" });
            assert_eq!(verifier.check(&bent, NOW), Err(Unproven::Wrong), "{}", bent.url);
        }
        for at in 0..call.body.len() {
            let mut bent = call.clone();
            bent.body[at] ^= 1;
            assert!(verifier.check(&bent, NOW).is_err(), "octet {at}");
        }
        // The same with the port that https has anyway.
        call.url = "https://mycompany.com:443/myapp.php?foo=1&bar=2".into();
        assert_eq!(verifier.check(&call, NOW), Ok(Proven::default()));
    }
}

#[test]
fn twilio_json_is_covered_by_the_query() {
    let verifier = verifier("twilio", [("key", "12345".into())]);
    let json = |body: &str| hook("POST", "https://m.example/h", &[("Content-Type", "application/json")], body);
    holds(&verifier, json("{\"a\":1}"), true);
    let mut call = json("");
    assert!(verifier.seal(&mut call, NOW) && verifier.check(&call, NOW).is_ok());
    call.body = b"{}".to_vec();
    assert_eq!(verifier.check(&call, NOW), Err(Unproven::Uncovered));
}

#[test]
fn sealed_calls_hold() {
    let plain = || form("https://m.example/h?q=1", "From=%2B15550001111&Text=a%26b+c");
    holds(&verifier("twilio", [("key", "t".into())]), plain(), true);
    holds(&verifier("plivo", [("key", "t".into())]), plain(), true);
    holds(&verifier("plivo", [("key", "t".into()), ("version", Given::Number(2))]), plain(), false);
    for method in ["md5hash", "md5", "sha1", "sha256", "sha512"] {
        let verifier = verifier("vonage-sig", [("key", "t".into()), ("method", method.into())]);
        holds(&verifier, plain(), true);
        holds(&verifier, hook("GET", "https://m.example/h?text=x", &[], ""), true);
        let json =
            hook("POST", "https://m.example/h", &[("Content-Type", "application/json")], r#"{"text":"x","n":1}"#);
        let mut sealed = json.clone();
        assert!(verifier.seal(&mut sealed, NOW));
        assert!(verifier.check(&sealed, NOW).is_ok() && verifier.check(&json, NOW).is_err());
    }
    holds(&verifier("path-secret", [("key", "s3cret".into())]), plain(), false);
    holds(&verifier("field-secret", [("key", "s3cret".into()), ("field", "apikey".into())]), plain(), false);
    holds(&verifier("field-secret", [("key", "s3".into()), ("query", "token".into())]), plain(), false);
    holds(&verifier("basic", [("user", "u".into()), ("password", "p:w".into())]), plain(), false);
    let jwt = [("algorithms", ["HS256"].into()), ("key", "k".into()), ("body_hash", "payload_hash".into())];
    holds(&verifier("jwt", jwt), plain(), true);
}

#[test]
fn hmac_of_pieces() {
    let smsgate = verifier(
        "hmac",
        [
            ("key", "signing".into()),
            ("message", ["body", "header:X-Timestamp"].into()),
            ("header", "X-Signature".into()),
            ("timestamp", "header:X-Timestamp".into()),
        ],
    );
    let call = || hook("POST", "https://m.example/h", &[], r#"{"id":"1"}"#);
    holds(&smsgate, call(), true);
    let mut old = call();
    smsgate.seal(&mut old, Timestamp(NOW.0 - 301_000));
    assert_eq!(smsgate.check(&old, NOW), Err(Unproven::Old));
    assert_eq!(smsgate.check(&old, Timestamp(NOW.0 - 1000)), Ok(Proven::default()));
    let mut early = call();
    smsgate.seal(&mut early, Timestamp(NOW.0 + 301_000));
    assert_eq!(smsgate.check(&early, NOW), Err(Unproven::Old));
    // A field twice: nobody knows which one is meant.
    let mut twice = call();
    smsgate.seal(&mut twice, NOW);
    twice.headers.push("X-Timestamp", "1");
    assert_eq!(smsgate.check(&twice, NOW), Err(Unproven::Missing));
    let wide = verifier(
        "hmac",
        [
            ("algorithm", "sha1".into()),
            ("key", "6b6579".into()),
            ("key_encoding", "hex".into()),
            ("message", ["method", "url", "query", "body|md5|hex", "body|sha256", "literal:end"].into()),
            ("separator", "\n".into()),
            ("header", "X-Signature".into()),
            ("encoding", "base64".into()),
            ("prefix", "v1=".into()),
        ],
    );
    let mut call = hook("POST", "https://m.example/h?b=2&a=1", &[], "text");
    let message = [
        b"POST\nhttps://m.example/h?b=2&a=1\na=1&b=2\n1cb251ec0d568de6a929b520c4aed8d1\n".as_slice(),
        &Hash::Sha256.of(b"text"),
        b"\nend",
    ]
    .concat();
    let field = format!("v1=AAAA, v1={}", Encoding::Base64.write(&Hash::Sha1.keyed(b"key", &message)));
    call.headers.push("X-Signature", field);
    assert_eq!(wide.check(&call, NOW), Ok(Proven::default()));
    for change in ["https://m.example/h?a=1&b=2", "https://m.example/i?b=2&a=1"] {
        let bent = HookRequest { url: change.into(), ..call.clone() };
        assert_eq!(wide.check(&bent, NOW), Err(Unproven::Wrong), "{change}");
    }
    let unsigned = given([
        ("key", "k".into()),
        ("message", ["body"].into()),
        ("header", "X".into()),
        ("timestamp", "header:T".into()),
    ]);
    let why = Verifier::read("hmac", &unsigned).expect_err("a time that anybody may change").to_string();
    assert!(why.contains("not among what is signed"), "{why}");
}

/// RFC 8032 clause 7.1, test 2, and RFC 8037 A.4.
#[test]
fn ed25519_of_the_standard() {
    let scheme = [
        ("key", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c".into()),
        ("key_encoding", "hex".into()),
        ("message", ["body"].into()),
        ("header", "sig".into()),
        ("encoding", "hex".into()),
    ];
    let verifier = verifier("ed25519", scheme);
    let signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                     085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    let mut call = hook("POST", "https://m.example/h", &[("sig", signature)], "\u{72}");
    assert_eq!(verifier.check(&call, NOW), Ok(Proven::default()));
    call.body[0] ^= 1;
    assert_eq!(verifier.check(&call, NOW), Err(Unproven::Wrong));
}

fn token(header: &str, claims: &str, key: &[u8], body: &str) -> HookRequest {
    let part = |text: &str| Encoding::Base64Url.write(text.as_bytes());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = Encoding::Base64Url.write(&Hash::Sha256.keyed(key, message.as_bytes()));
    let field = format!("Bearer {message}.{signature}");
    hook("POST", "https://m.example/h", &[("Authorization", &field)], body)
}

#[test]
fn tokens_bind_what_they_must() {
    let scheme = || {
        [
            ("algorithms", ["HS256"].into()),
            ("key", "k".into()),
            ("iss", "Vonage".into()),
            ("aud", "us".into()),
            ("body_hash", "payload_hash".into()),
            ("url_hash", "url_hash".into()),
        ]
    };
    let jwt = verifier("jwt", scheme());
    let body = crate::provider::digest::hex(&Hash::Sha256.of(b"{}"));
    let url = crate::provider::digest::hex(&Hash::Sha256.of(b"https://m.example/h"));
    let good = format!(
        r#"{{"iss":"Vonage","aud":["us"],"iat":1700000000,"payload_hash":"{body}","url_hash":"{url}","id":7}}"#
    );
    let hs256 = r#"{"alg":"HS256"}"#;
    let proven = jwt.check(&token(hs256, &good, b"k", "{}"), NOW).expect("a good token");
    assert_eq!(proven.claims.expect("claims").get("id"), Some(&7.into()));
    assert!(!format!("{:?}", jwt.check(&token(hs256, &good, b"k", "{}"), NOW)).contains("Vonage"));
    for (header, claims, key, body, why) in [
        (r#"{"alg":"none"}"#, good.clone(), "k", "{}", Unproven::Wrong),
        (r#"{"alg":"HS512"}"#, good.clone(), "k", "{}", Unproven::Wrong),
        (r#"{"alg":"HS256","crit":["x"]}"#, good.clone(), "k", "{}", Unproven::Unreadable),
        (hs256, good.clone(), "l", "{}", Unproven::Wrong),
        (hs256, good.clone(), "k", "{ }", Unproven::Wrong),
        (hs256, good.replace("Vonage", "vonage"), "k", "{}", Unproven::Wrong),
        (hs256, good.replace("\"us\"", "\"them\""), "k", "{}", Unproven::Wrong),
        (hs256, good.replace("payload_hash", "payload"), "k", "{}", Unproven::Uncovered),
        (hs256, good.replace("url_hash", "url"), "k", "{}", Unproven::Uncovered),
        (hs256, good.replace("1700000000", "1699999600"), "k", "{}", Unproven::Old),
        (hs256, good.replace("1700000000", "1700000061"), "k", "{}", Unproven::Old),
        (hs256, good.replace("\"iat\"", "\"nbf\":1700000100,\"x\""), "k", "{}", Unproven::Old),
        (hs256, good.replace("\"iat\"", "\"exp\":1699999940,\"x\""), "k", "{}", Unproven::Old),
        (hs256, good.replace("1700000000", "\"soon\""), "k", "{}", Unproven::Unreadable),
    ] {
        assert_eq!(jwt.check(&token(header, &claims, key.as_bytes(), body), NOW), Err(why), "{header} {claims}");
    }
    let mixed = given([("algorithms", ["HS256", "RS256"].into()), ("key", "k".into())]);
    assert!(Verifier::read("jwt", &mixed).is_err(), "a public key would be a secret");
    let open = given([("algorithms", ["none"].into()), ("key", "k".into())]);
    assert!(Verifier::read("jwt", &open).is_err(), "none is in no list");
    let weak = verifier("jwt", [("algorithms", ["HS256"].into()), ("key", "k".into()), ("aud_url", true.into())]);
    assert!(weak.warning().is_some_and(|warning| warning.contains("body")));
}

/// RFC 7515 A.2 and A.3: the published keys and tokens.
#[test]
fn tokens_of_the_standard() {
    const RS256: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    const ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    const SET: &str = r#"{"keys":[{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
    let url = "https://login.example/keys";
    let jwt =
        verifier("jwt", [("algorithms", ["RS256", "ES256"].into()), ("keys_url", url.into()), ("iss", "joe".into())]);
    let then = Timestamp(1_300_819_000_000);
    let mut fetched = Fetched::default();
    let call =
        |token: &str| hook("POST", "https://m.example/h", &[("Authorization", format!("Bearer {token}").as_str())], "");
    let wish = Unproven::Wants(Wish { url: url.into(), again: false, foreign: false });
    assert_eq!(jwt.check_with(&call(RS256), &fetched, then), Err(wish));
    fetched.keep(url, br#"{"keys":[]}"#.as_slice());
    let again = Unproven::Wants(Wish { url: url.into(), again: true, foreign: false });
    assert_eq!(jwt.check_with(&call(RS256), &fetched, then), Err(again));
    fetched.keep(url, SET.as_bytes());
    for token in [RS256, ES256] {
        assert!(jwt.check_with(&call(token), &fetched, then).is_ok());
        assert_eq!(jwt.check_with(&call(token), &fetched, NOW), Err(Unproven::Old));
        let bent = token.replacen(".eyJpc3Mi", ".eyJpc3Ni", 1);
        assert_eq!(jwt.check_with(&call(&bent), &fetched, then), Err(Unproven::Wrong));
    }
}

#[test]
fn networks_and_certificates() {
    let source = verifier("source", [("networks", ["192.0.2.0/24", "2001:db8::1"].into())]);
    let from = |peer: &str| HookRequest { peer: peer.parse().expect("an address"), ..form("https://m.example/h", "") };
    for (peer, fits) in [("192.0.2.9", true), ("::ffff:192.0.2.9", true), ("2001:db8::1", true), ("192.0.3.1", false)] {
        assert_eq!(source.check(&from(peer), NOW).is_ok(), fits, "{peer}");
    }
    assert!(Verifier::read("source", &given([("networks", ["home"].into())])).is_err());
    let print = "ab".repeat(32);
    let mtls = verifier("mtls", [("fingerprints", [print.as_str()].into())]);
    let shown = |octet: u8, names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Some(std::sync::Arc::new(Certificate { fingerprint: [octet; 32], names }))
    };
    let with = |certificate| HookRequest { certificate, ..from("192.0.2.9") };
    assert_eq!(mtls.check(&with(None), NOW), Err(Unproven::Missing));
    assert_eq!(mtls.check(&with(shown(0, &[])), NOW), Err(Unproven::Foreign));
    assert!(mtls.check(&with(shown(0xab, &[])), NOW).is_ok());
    let named = verifier("mtls", [("names", ["Hooks.Provider.example", "other"].into())]);
    assert_eq!(named.check(&with(None), NOW), Err(Unproven::Missing));
    assert!(named.check(&with(shown(1, &["x", "hooks.provider.example"])), NOW).is_ok());
    for strangers in
        [&[][..], &["provider.example"], &["evil-hooks.provider.example"], &["hooks.provider.example.evil"]]
    {
        assert_eq!(named.check(&with(shown(1, strangers)), NOW), Err(Unproven::Foreign), "{strangers:?}");
    }
    let strict = [("names", "other".into()), ("fingerprints", print.as_str().into())];
    let strict = verifier("mtls", strict);
    assert_eq!(strict.check(&with(shown(0xab, &["x"])), NOW), Err(Unproven::Foreign));
    assert_eq!(strict.check(&with(shown(1, &["other"])), NOW), Err(Unproven::Foreign));
    assert!(strict.check(&with(shown(0xab, &["other"])), NOW).is_ok());
    let both = Verifier::all(vec![source, mtls]);
    assert_eq!(both.check(&with(None), NOW), Err(Unproven::Missing));
    assert!(both.check(&with(shown(0xab, &[])), NOW).is_ok());
    assert_eq!(Verifier::all(Vec::new()).check(&with(None), NOW), Err(Unproven::Missing));
}

#[test]
fn a_secret_parameter_stands_in_the_query_or_in_a_form_and_once() {
    let verifier = verifier("field-secret", [("key", "s3cret".into()), ("param", "pass".into())]);
    let at = |query: &str, body: &str| {
        verifier.check(&hook("POST", &format!("https://m.example/h{query}"), &[], body), NOW).map(drop)
    };
    assert_eq!(at("?a=1&pass=s3cret", ""), Ok(()));
    assert_eq!(at("", "a=1&pass=s3cret"), Ok(()));
    assert_eq!(at("?pass=s3cret", "pass=s3cret"), Err(Unproven::Missing), "twice");
    assert_eq!(at("?pass=wrong", ""), Err(Unproven::Wrong));
    assert_eq!(at("", ""), Err(Unproven::Missing));
    let both = [("key", "s3cret".into()), ("param", "pass".into()), ("query", "pass".into())];
    assert!(Verifier::read("field-secret", &given(both)).is_err());
}

#[test]
fn path_secrets_are_whole_parts() {
    let verifier = verifier("path-secret", [("key", "s3cret".into())]);
    let at = |url: &str| verifier.check(&hook("GET", url, &[], ""), NOW).is_ok();
    assert!(at("https://m.example/gateway/x/hook/y/s3cret") && at("https://m.example/s3cret/y?z=1"));
    for url in ["https://m.example/s3cre", "https://m.example/s3cret1", "https://s3cret/", "https://m.example/?s3cret"]
    {
        assert!(!at(url), "{url}");
    }
}

#[test]
fn eventgrid_shakes_hands_with_the_proof_only() {
    let grid = verifier("eventgrid", [("key", "s3cret".into()), ("query", "code".into())]);
    let body = r#"[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"abc"}}]"#;
    let call = |url: &str| hook("POST", url, &[("aeg-event-type", "SubscriptionValidation")], body);
    assert!(grid.check(&call("https://m.example/h"), NOW).is_err());
    let proven = grid.check(&call("https://m.example/h?code=s3cret"), NOW).expect("a subscription");
    let Some(Handshake::Answer { status: 200, body, .. }) = proven.handshake else { panic!("an answer") };
    assert_eq!(body, r#"{"validationResponse":"abc"}"#);
    let origin = [("WebHook-Request-Origin", "eventgrid.azure.net")];
    let options = hook("OPTIONS", "https://m.example/h?code=s3cret", &origin, "");
    let Some(Handshake::Answer { headers, .. }) = grid.check(&options, NOW).expect("cloud events").handshake else {
        panic!("an answer")
    };
    assert_eq!(headers.get("WebHook-Allowed-Origin"), Some("eventgrid.azure.net"));
}

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:sms";

/// A notification signed by a key that stands in a certificate of `name`.
fn notification(kind: &str, version: &str, address: &str) -> HookRequest {
    let mut body = serde_json::json!({
        "Type": kind, "MessageId": "m1", "TopicArn": TOPIC, "Message": "{}", "Timestamp": "2023-11-14T22:13:20.000Z",
        "SignatureVersion": version, "SigningCertURL": address, "Token": "t",
        "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
        "Signature": "AAAA",
    });
    body["Subject"] = serde_json::Value::Null;
    hook("POST", "https://m.example/h", &[], &body.to_string())
}

#[test]
fn sns_asks_for_amazons_certificate_only() {
    let sns = verifier("sns", [("topics", [TOPIC].into())]);
    let good = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem";
    let wish = |url: &str| Unproven::Wants(Wish { url: url.into(), again: false, foreign: true });
    assert_eq!(sns.check(&notification("Notification", "2", good), NOW), Err(wish(good)));
    for bad in [
        "http://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        "https://user:pw@sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
        "https://sns.evil.eu-west-1.amazonaws.com/a.pem",
        "https://s3.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.txt",
        "https://169.254.169.254/a.pem",
    ] {
        assert_eq!(sns.check(&notification("Notification", "2", bad), NOW), Err(Unproven::Foreign), "{bad}");
    }
    let other = verifier("sns", [("topics", ["arn:aws:sns:eu-west-1:1:other"].into())]);
    assert_eq!(other.check(&notification("SubscriptionConfirmation", "2", good), NOW), Err(Unproven::Foreign));
    let mut fetched = Fetched::default();
    fetched.keep(good, b"garbage".as_slice());
    assert_eq!(sns.check_with(&notification("Notification", "2", good), &fetched, NOW), Err(Unproven::Unreadable));
}

#[test]
fn unknown_names_are_told_with_what_was_meant() {
    let why = Verifier::read("twillio", &given([])).expect_err("no such verifier");
    assert_eq!(why.to_string(), "`scheme`: there is no such verifier; did you mean `twilio`?");
    let why = Verifier::read("twilio", &given([("kye", "x".into())])).expect_err("no such argument");
    assert!(why.to_string().contains("`key`"), "{why}");
    let secret = verifier("twilio", [("key", "hunter2".into())]);
    assert!(!format!("{secret:?}").contains("hunter2"));
    for (scheme, known) in SCHEMES {
        assert!(known.iter().all(|argument| !argument.is_empty()), "{scheme}");
    }
}
