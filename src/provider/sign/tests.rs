//! Signers against published examples.

use super::*;
use crate::provider::{arguments::Given, web::Headers};

fn signer<const N: usize>(scheme: &str, pairs: [(&str, Given); N]) -> Signer {
    let arguments: Arguments = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Signer::read(scheme, &arguments).unwrap_or_else(|why| panic!("{scheme}: {why}"))
}

fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Request {
    Request {
        method: method.into(),
        url: url.into(),
        headers: Headers::from_iter(headers.iter().copied()),
        body: body.into(),
    }
}

/// Amazon's suite of examples: get-vanilla, get-vanilla-query-order-key-case, post-vanilla, and a form; and the example of
/// its documentation.
#[test]
fn aws_suite() {
    let at = Timestamp(1_440_938_160_000);
    let cases = [
        ("GET", "/", "service", &[][..], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            "service",
            &[],
            "",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        ("POST", "/", "service", &[], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "POST",
            "/",
            "service",
            &[("Content-Type", "application/x-www-form-urlencoded")],
            "Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ];
    for (method, path, service, headers, body, signature) in cases {
        let signer = signer(
            "aws-sigv4",
            [
                ("region", "us-east-1".into()),
                ("service", service.into()),
                ("key", "AKIDEXAMPLE".into()),
                ("secret", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into()),
            ],
        );
        let mut request = request(method, &format!("https://example.amazonaws.com{path}"), headers, body);
        signer.sign(&mut request, at, "");
        let field = request.headers.get("Authorization").expect("a signature");
        assert!(field.ends_with(&format!("Signature={signature}")), "{method} {path}: {field}");
        assert!(field.contains("Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"), "{field}");
    }
    let signer = signer(
        "aws-sigv4",
        [
            ("region", "us-east-1".into()),
            ("service", "iam".into()),
            ("key", "AKIDEXAMPLE".into()),
            ("secret", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into()),
        ],
    );
    let form = [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")];
    let mut users = request("GET", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", &form, "");
    signer.sign(&mut users, at, "");
    let field = users.headers.get("Authorization").expect("a signature");
    assert!(field.ends_with("5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"), "{field}");
}

/// What OVH's documentation says the signature is made of.
#[test]
fn ovh_digest_of_pieces() {
    let ovh = signer(
        "digest",
        [
            ("algorithm", "sha1".into()),
            (
                "message",
                [
                    "literal:EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF",
                    "literal:MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1",
                    "method",
                    "url",
                    "body",
                    "time",
                ]
                .into(),
            ),
            ("separator", "+".into()),
            ("header", "X-Ovh-Signature".into()),
            ("prefix", "$1$".into()),
            ("time_header", "X-Ovh-Timestamp".into()),
            ("clock", "https://eu.api.ovh.com/1.0/auth/time".into()),
        ],
    );
    assert_eq!(ovh.clock(), Some("https://eu.api.ovh.com/1.0/auth/time"));
    let mut call = request("GET", "https://eu.api.ovh.com/1.0/domains/", &[], "");
    ovh.sign(&mut call, Timestamp(1_366_560_945_999), "");
    assert_eq!(call.headers.get("X-Ovh-Timestamp"), Some("1366560945"));
    assert_eq!(call.headers.get("X-Ovh-Signature"), Some("$1$d3705e8afb27a0d2970a322b96550abfc67bb798"));
}

#[test]
fn azure_signs_what_it_must() {
    let azure = signer("azure-hmac", [("key", "c2VjcmV0".into())]);
    let mut call = request("POST", "https://x.communication.azure.com/sms?api-version=1", &[], "{}");
    azure.sign(&mut call, Timestamp(0), "");
    assert_eq!(call.headers.get("x-ms-date"), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
    let digest = "RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=";
    assert_eq!(call.headers.get("x-ms-content-sha256"), Some(digest));
    let message = format!("POST\n/sms?api-version=1\nThu, 01 Jan 1970 00:00:00 GMT;x.communication.azure.com;{digest}");
    let signature = crate::provider::digest::Hash::Sha256.keyed(b"secret", message.as_bytes());
    let signature = crate::provider::digest::Encoding::Base64.write(&signature);
    let field = call.headers.get("Authorization").expect("a signature");
    assert_eq!(field, format!("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}"));
}

#[test]
fn keys_that_are_none() {
    for (scheme, key) in [("azure-hmac", "%"), ("jwt-rs256", "-----BEGIN"), ("hmac", "")] {
        let arguments: Arguments = [("key".to_owned(), key.into())].into();
        assert!(Signer::read(scheme, &arguments).is_err(), "{scheme}");
    }
    let why = Signer::read("aws", &Arguments::new()).expect_err("no such signer").to_string();
    assert!(why.contains("there is no such signer"), "{why}");
}
