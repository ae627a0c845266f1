//! What a provider's answer means: status line first, then the configured patterns over the beginning of the body.
//! Pure.
//!
//! | answer | outcome |
//! |---|---|
//! | 2xx | sent |
//! | 429 | later, for the whole gateway, for as long as [`Pause`] says |
//! | other 4xx | never: the provider refused this message. 401, 403 and 407 too: a wrong password is seen at once by the sender's report, and nothing is sent hours late |
//! | 502, 504 | unsure: a proxy lost the provider behind the written request |
//! | other 5xx | later |
//! | 3xx | later: redirects are not followed, so nobody took the message; the URL wants correcting |
//! | 2xx whose body breaks off | unsure |
//!
//! Patterns are asked in the order throttled, temporary, permanent, success: what looks like a refusal is none the
//! less one because it also says `OK`. `success` turns a 2xx or 4xx into sent, and a whole 2xx without it into never.

use regex::Regex;

use crate::{
    ground::{Enhanced, Fault, Outcome, RemoteId, Scope, outcome::one_line},
    provider::pause::Pause,
};

/// `answer = { … }`: each searched in the beginning of the body.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    pub success: Option<Regex>,
    pub permanent: Option<Regex>,
    pub temporary: Option<Regex>,
    pub throttled: Option<Regex>,
    /// Group 1 (or the whole match) is the provider's id.
    pub id: Option<Regex>,
}

/// An answer as far as it was read.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    pub status: u16,
    /// What its fields say of when to come back.
    pub pause: Pause,
    pub content_type: Option<&'a str>,
    /// At most as much as the reader keeps.
    pub body: &'a [u8],
    /// The body did not break off.
    pub whole: bool,
}

/// Takes secrets out of words ([`super::redact`]).
pub type Clean<'a> = &'a dyn Fn(&str) -> String;

/// How much of a body patterns see.
const SEEN: usize = 16 * 1024;

const REFUSED: Enhanced = Enhanced::new(5, 0, 0);
const TEMPORARY: Enhanced = Enhanced::new(4, 3, 0);
const THROTTLED: Enhanced = Enhanced::new(4, 4, 5);
const BROKEN: Enhanced = Enhanced::new(4, 4, 2);
const MISCONFIGURED: Enhanced = Enhanced::new(4, 3, 5);

enum Verdict {
    Sent,
    Throttled,
    Temporary(Scope),
    Permanent(Enhanced),
    Unsure,
    Redirected,
}

/// Judges one answer. Its words stand in the fault's text, one line, without what `clean`
/// takes out of them; it is asked only where there is a fault.
pub fn judge(answer: &Answer<'_>, patterns: &Patterns, clean: Clean<'_>) -> Outcome {
    let text = words(answer);
    let seen = text.trim_start_matches('\u{feff}').trim_start();
    let verdict = by_pattern(answer, patterns, seen).unwrap_or_else(|| by_status(answer.status, answer.whole));
    let fault = |scope, code: Enhanced| {
        let code = own_code(seen).filter(|own| own.class() == code.class()).unwrap_or(code);
        Fault::new(scope, code, describe(answer.status, seen, clean))
    };
    match verdict {
        Verdict::Sent => Outcome::Sent(remote_id(patterns, seen)),
        Verdict::Throttled => Outcome::Later(fault(Scope::Gateway, THROTTLED).after(answer.pause.of(true))),
        Verdict::Temporary(scope) => Outcome::Later(fault(scope, TEMPORARY).after(answer.pause.of(false))),
        Verdict::Permanent(code) => Outcome::Never(fault(Scope::Message, code)),
        Verdict::Unsure => Outcome::Unsure(fault(Scope::Gateway, BROKEN)),
        Verdict::Redirected => Outcome::Later(fault(Scope::Gateway, MISCONFIGURED)),
    }
}

fn by_pattern(answer: &Answer<'_>, patterns: &Patterns, seen: &str) -> Option<Verdict> {
    let says = |pattern: &Option<Regex>| pattern.as_ref().is_some_and(|p| p.is_match(seen));
    if says(&patterns.throttled) {
        return Some(Verdict::Throttled);
    }
    if says(&patterns.temporary) {
        return Some(Verdict::Temporary(Scope::Message));
    }
    if says(&patterns.permanent) {
        return Some(Verdict::Permanent(REFUSED));
    }
    let success = patterns.success.as_ref()?;
    match answer.status {
        200..=299 | 400..=499 if answer.status != 429 && success.is_match(seen) => Some(Verdict::Sent),
        200..=299 if answer.whole && !seen.is_empty() => Some(Verdict::Permanent(REFUSED)),
        200..=299 => Some(Verdict::Unsure),
        _ => None,
    }
}

fn by_status(status: u16, whole: bool) -> Verdict {
    match status {
        200..=299 if whole => Verdict::Sent,
        300..=399 => Verdict::Redirected,
        429 => Verdict::Throttled,
        400..=499 => Verdict::Permanent(refusal(status)),
        502 | 504 => Verdict::Unsure,
        500..=599 => Verdict::Temporary(Scope::Gateway),
        _ => Verdict::Unsure,
    }
}

/// The enhanced code that fits a 4xx (RFC 3463).
fn refusal(status: u16) -> Enhanced {
    match status {
        // not authorised, or not paid for
        401..=403 | 407 | 451 => Enhanced::new(5, 7, 1),
        // the URL names nothing there, or not with this method
        404 | 405 | 406 | 410 | 415 => Enhanced::new(5, 3, 5),
        // too big
        413 | 414 | 431 => Enhanced::new(5, 3, 4),
        // arguments it cannot take
        400 | 422 => Enhanced::new(5, 5, 4),
        _ => Enhanced::new(5, 5, 0),
    }
}

/// `ERR 5.1.3 …`, as another Martlet answers.
fn own_code(seen: &str) -> Option<Enhanced> {
    seen.strip_prefix("ERR ")?.split_whitespace().next()?.parse().ok()
}

fn remote_id(patterns: &Patterns, seen: &str) -> Option<RemoteId> {
    let captures = patterns.id.as_ref()?.captures(seen)?;
    RemoteId::new(captures.get(1).or_else(|| captures.get(0))?.as_str())
}

fn words<'a>(answer: &Answer<'a>) -> std::borrow::Cow<'a, str> {
    let octets = &answer.body[..answer.body.len().min(SEEN)];
    let label = answer.content_type.and_then(|t| {
        let (_, rest) = t.split_once(';')?;
        rest.split(';').find_map(|p| {
            let (name, value) = p.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
        })
    });
    let encoding = label.and_then(|l| encoding_rs::Encoding::for_label(l.as_bytes())).unwrap_or(encoding_rs::UTF_8);
    encoding.decode_without_bom_handling(octets).0
}

/// The first line with words, without secrets; a page of HTML says nothing to a person.
fn describe(status: u16, seen: &str, clean: Clean<'_>) -> String {
    let line = seen.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default();
    let line = if line.starts_with('{') || line.starts_with('[') {
        // JSON may be spread over lines.
        seen.split_whitespace().collect::<Vec<_>>().join(" ")
    } else {
        line.to_owned()
    };
    if line.is_empty() || line.starts_with('<') {
        return format!("HTTP {status}");
    }
    // Redacted before it is cut, or half a secret could stand at the end.
    format!("HTTP {status}: {}", one_line(&clean(&line), 400))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::gateway::http::redact::Redactions;

    fn answer(status: u16, body: &str) -> Answer<'_> {
        Answer { status, pause: Pause::default(), content_type: None, body: body.as_bytes(), whole: true }
    }

    fn patterns(success: &str, permanent: &str, temporary: &str, throttled: &str, id: &str) -> Patterns {
        let pattern = |p: &str| (!p.is_empty()).then(|| Regex::new(p).expect(p));
        Patterns {
            success: pattern(success),
            permanent: pattern(permanent),
            temporary: pattern(temporary),
            throttled: pattern(throttled),
            id: pattern(id),
        }
    }

    fn short(outcome: &Outcome) -> String {
        let fault = |word: &str, f: &Fault| format!("{word} {} {:?}", f.code, f.scope).to_lowercase();
        match outcome {
            Outcome::Sent(id) => format!("sent {}", id.as_ref().map_or("", RemoteId::as_str)).trim_end().to_owned(),
            Outcome::Later(f) => fault("later", f),
            Outcome::Never(f) => fault("never", f),
            Outcome::Unsure(f) => fault("unsure", f),
        }
    }

    #[test]
    fn the_status_decides_without_patterns() {
        for (status, wanted) in [
            (200, "sent"),
            (201, "sent"),
            (202, "sent"),
            (204, "sent"),
            (299, "sent"),
            (301, "later 4.3.5 gateway"),
            (302, "later 4.3.5 gateway"),
            (400, "never 5.5.4 message"),
            (401, "never 5.7.1 message"),
            (402, "never 5.7.1 message"),
            (403, "never 5.7.1 message"),
            (404, "never 5.3.5 message"),
            (405, "never 5.3.5 message"),
            (407, "never 5.7.1 message"),
            (408, "never 5.5.0 message"),
            (409, "never 5.5.0 message"),
            (410, "never 5.3.5 message"),
            (413, "never 5.3.4 message"),
            (415, "never 5.3.5 message"),
            (418, "never 5.5.0 message"),
            (422, "never 5.5.4 message"),
            (429, "later 4.4.5 gateway"),
            (451, "never 5.7.1 message"),
            (499, "never 5.5.0 message"),
            (500, "later 4.3.0 gateway"),
            (501, "later 4.3.0 gateway"),
            (502, "unsure 4.4.2 gateway"),
            (503, "later 4.3.0 gateway"),
            (504, "unsure 4.4.2 gateway"),
            (505, "later 4.3.0 gateway"),
            (599, "later 4.3.0 gateway"),
            (600, "unsure 4.4.2 gateway"),
            (100, "unsure 4.4.2 gateway"),
        ] {
            let outcome = judge(&answer(status, "words"), &Patterns::default(), &str::to_owned);
            assert_eq!(short(&outcome), wanted, "{status}");
        }
    }

    #[test]
    fn patterns_change_it() {
        let all = patterns("^OK", "^BAD", "^WAIT", "^SLOW", r"^OK (\S+)");
        let kannel = patterns("", "", "", "", r"id=(\d+)");
        let whole = patterns("", "", "", "", r"\d+");
        let loose = patterns("OK", "NOT", "", "", "");
        for (p, status, body, wanted) in [
            (&all, 200, "OK 77", "sent 77"),
            (&all, 200, "\u{feff} \r\nOK 77 x", "sent 77"),
            (&all, 200, "OK", "sent"),
            (&all, 200, "BAD number", "never 5.0.0 message"),
            (&all, 200, "WAIT", "later 4.3.0 message"),
            (&all, 200, "SLOW down", "later 4.4.5 gateway"),
            (&all, 200, "what?", "never 5.0.0 message"),
            (&all, 200, "", "unsure 4.4.2 gateway"),
            (&all, 409, "OK known already", "sent known"),
            (&all, 400, "WAIT", "later 4.3.0 message"),
            (&all, 400, "x", "never 5.5.4 message"),
            (&all, 429, "OK", "later 4.4.5 gateway"),
            (&all, 500, "OK", "later 4.3.0 gateway"),
            (&all, 500, "BAD", "never 5.0.0 message"),
            (&all, 502, "<html>", "unsure 4.4.2 gateway"),
            (&all, 502, "WAIT", "later 4.3.0 message"),
            (&loose, 200, "NOT OK", "never 5.0.0 message"),
            (&kannel, 202, "0: Accepted id=42;", "sent 42"),
            (&kannel, 200, "no id here", "sent"),
            (&whole, 200, "queued 5 x", "sent 5"),
        ] {
            let outcome = judge(&answer(status, body), p, &str::to_owned);
            assert_eq!(short(&outcome), wanted, "{status} {body}");
        }
        let late = format!("{}OK", " x".repeat(SEEN));
        let outcome = judge(&answer(200, &late), &loose, &str::to_owned);
        assert_eq!(short(&outcome), "never 5.0.0 message", "behind what patterns see");
    }

    #[test]
    fn a_broken_body_matters_where_it_would_be_sent() {
        for (status, wanted) in [
            (200, "unsure 4.4.2 gateway"),
            (400, "never 5.5.4 message"),
            (429, "later 4.4.5 gateway"),
            (503, "later 4.3.0 gateway"),
        ] {
            let broken = Answer { whole: false, ..answer(status, "O") };
            assert_eq!(short(&judge(&broken, &Patterns::default(), &str::to_owned)), wanted);
        }
        let p = patterns("^OK", "", "", "", "");
        for (body, wanted) in [("OK 1", "sent"), ("O", "unsure 4.4.2 gateway")] {
            let broken = Answer { whole: false, ..answer(200, body) };
            assert_eq!(short(&judge(&broken, &p, &str::to_owned)), wanted);
        }
    }

    /// The forms have their test where they are read; here what becomes of them.
    #[test]
    fn when_to_come_back() {
        let seconds = |n| Some(Duration::from_secs(n));
        let throttled = patterns("", "", "", "slow", "");
        for (status, body, pause, wanted) in [
            (429, "", Pause { after: seconds(120), reset: seconds(7) }, seconds(120)),
            (429, "", Pause { after: None, reset: seconds(7) }, seconds(7)),
            (503, "", Pause { after: seconds(120), reset: seconds(7) }, seconds(120)),
            (503, "", Pause { after: None, reset: seconds(7) }, None),
            (200, "slow", Pause { after: None, reset: seconds(7) }, seconds(7)),
            (429, "", Pause::default(), None),
        ] {
            let Outcome::Later(fault) = judge(&Answer { pause, ..answer(status, body) }, &throttled, &str::to_owned)
            else {
                panic!("{status}")
            };
            assert_eq!(fault.after, wanted, "{status} {pause:?}");
        }
    }

    #[test]
    fn words_are_the_providers_on_one_line() {
        let mut hidden = Redactions::default();
        hidden.hide("s3cret", "[secret]");
        hidden.hide("+15551234567", "+1*******67");
        for (content_type, body, wanted) in [
            (None, &b"no credit\r\nmore"[..], "HTTP 400: no credit"),
            (None, b"", "HTTP 400"),
            (None, b"\n\n  x", "HTTP 400: x"),
            (None, b"<html><body>Error", "HTTP 400"),
            (None, b"{\n \"error\": \"bad\"\n}", "HTTP 400: { \"error\": \"bad\" }"),
            (None, b"user a pass s3cret", "HTTP 400: user a pass [secret]"),
            (None, b"to %2B15551234567 or +15551234567", "HTTP 400: to +1*******67 or +1*******67"),
            (None, b"see http://h/?pass=zzz now", "HTTP 400: see [url] now"),
            (None, b"a\x00b\x1b[31m", "HTTP 400: a b [31m"),
            (None, b"\xff\xfe", "HTTP 400: \u{fffd}\u{fffd}"),
            (Some("text/plain; charset=iso-8859-1"), b"ung\xfcltig", "HTTP 400: ung\u{fc}ltig"),
            (Some("text/plain; Charset=\"windows-1251\""), b"\xcf", "HTTP 400: \u{41f}"),
            (Some("text/plain; charset=klingon"), b"a", "HTTP 400: a"),
        ] {
            let a = Answer { content_type, body, ..answer(400, "") };
            let Outcome::Never(fault) = judge(&a, &Patterns::default(), &|w| hidden.clean(w)) else {
                panic!("{body:?}")
            };
            assert_eq!(fault.text, wanted);
        }
        let long = "x".repeat(10_000);
        let Outcome::Never(fault) = judge(&answer(400, &long), &Patterns::default(), &|w| hidden.clean(w)) else {
            panic!()
        };
        assert!(fault.text.len() <= 512);
    }

    #[test]
    fn another_martlets_code_is_taken_over() {
        for (status, body, wanted) in [
            (400, "ERR 5.1.3 no number", "never 5.1.3 message"),
            (403, "ERR 5.7.8 who", "never 5.7.8 message"),
            (503, "ERR 4.3.1 full", "later 4.3.1 gateway"),
            (400, "ERR 4.3.1 odd", "never 5.5.4 message"),
            (400, "ERR x", "never 5.5.4 message"),
        ] {
            let outcome = judge(&answer(status, body), &Patterns::default(), &str::to_owned);
            assert_eq!(short(&outcome), wanted, "{body}");
        }
    }
}
