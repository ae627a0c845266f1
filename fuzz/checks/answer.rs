//! Any answer is judged; faults stay on one line, within their length, and without the secret.
//!
//! Input: two octets of status, one that picks patterns, then a pause (`Retry-After`, `RateLimit`, `X-RateLimit-Reset`), NUL, `Content-Type`, NUL, body.

use std::sync::LazyLock;

use martlet::{
    gateway::http::{Answer, Patterns, answer::judge, redact::Redactions},
    ground::{Outcome, Timestamp},
    provider::pause::Pause,
};
use regex::Regex;

static PATTERNS: LazyLock<[Regex; 5]> = LazyLock::new(|| {
    ["^OK", "^ERR", "wait", "slow", r"^OK (\S+)"].map(|pattern| Regex::new(pattern).expect("a pattern"))
});

pub fn answer(data: &[u8]) {
    let [a, b, flags, rest @ ..] = data else { return };
    let status = u16::from_be_bytes([*a, *b]) % 1000;
    let mut parts = rest.splitn(3, |b| *b == 0);
    let mut text = || parts.next().unwrap_or_default();
    let (pause, content_type, body) = (text(), text(), text());
    let pause = std::str::from_utf8(pause).unwrap_or_default();
    let fields = ["retry-after", "ratelimit", "x-ratelimit-reset"].map(|name| (name, pause));
    let now = Timestamp(1_700_000_000_000);
    let pattern = |n: usize| (flags & 1 << n != 0).then(|| PATTERNS[n].clone());
    let patterns = Patterns {
        success: pattern(0),
        permanent: pattern(1),
        temporary: pattern(2),
        throttled: pattern(3),
        id: pattern(4),
    };
    let mut hidden = Redactions::default();
    hidden.hide("hunter2", "[secret]");
    let answer = Answer {
        status,
        pause: Pause::read(&fields.into_iter(), now),
        content_type: std::str::from_utf8(content_type).ok(),
        body,
        whole: flags & 32 == 0,
    };
    match judge(&answer, &patterns, &|words| hidden.clean(words)) {
        Outcome::Sent(id) => {
            assert!(status < 500 && status != 429, "{status} is no success");
            assert!(id.is_none_or(|id| !id.as_str().chars().any(char::is_control)));
        }
        Outcome::Later(fault) => check(&fault, 4),
        Outcome::Never(fault) => check(&fault, 5),
        Outcome::Unsure(fault) => check(&fault, 4),
    }
}

fn check(fault: &martlet::ground::Fault, class: u8) {
    assert_eq!(fault.code.class(), class);
    assert!(fault.text.len() <= 512 && !fault.text.chars().any(char::is_control));
    assert!(!fault.text.contains("hunter2"));
}
