//! What a provider's answer means: status line first, then the configured patterns over the beginning of the body.
//! Pure.
//!
//! | answer | outcome |
//! |---|---|
//! | 2xx | sent |
//! | 429 | later, for the whole gateway, `Retry-After` honoured |
//! | other 4xx | never: the provider refused this message. 401, 403 and 407 too: a wrong password is seen at once by the sender's report, and nothing is sent hours late |
//! | 502, 504 | unsure: a proxy lost the provider behind the written request |
//! | other 5xx | later |
//! | 3xx | later: redirects are not followed, so nobody took the message; the URL wants correcting |
//! | 2xx whose body breaks off | unsure |
//!
//! Patterns are asked in the order throttled, temporary, permanent, success: what looks like a refusal is none the
//! less one because it also says `OK`. `success` turns a 2xx or 4xx into sent, and a whole 2xx without it into never.

use std::time::Duration;

use regex::Regex;

use super::redact::Redactions;
use crate::ground::{Enhanced, Fault, Outcome, RemoteId, Scope, Timestamp, outcome::one_line};

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
    pub retry_after: Option<&'a str>,
    pub content_type: Option<&'a str>,
    /// At most as much as the reader keeps.
    pub body: &'a [u8],
    /// The body did not break off.
    pub whole: bool,
}

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

/// Judges one answer. Its words stand in the fault's text, one line, without what `redactions` hide.
pub fn judge(answer: &Answer<'_>, patterns: &Patterns, redactions: &Redactions, now: Timestamp) -> Outcome {
    let text = words(answer);
    let seen = text.trim_start_matches('\u{feff}').trim_start();
    let after = answer.retry_after.and_then(|value| pause(value, now));
    let verdict = by_pattern(answer, patterns, seen).unwrap_or_else(|| by_status(answer.status, answer.whole));
    let fault = |scope, code: Enhanced| {
        let code = own_code(seen).filter(|own| own.class() == code.class()).unwrap_or(code);
        Fault::new(scope, code, describe(answer.status, seen, redactions))
    };
    match verdict {
        Verdict::Sent => Outcome::Sent(remote_id(patterns, seen)),
        Verdict::Throttled => Outcome::Later(fault(Scope::Gateway, THROTTLED).after(after)),
        Verdict::Temporary(scope) => Outcome::Later(fault(scope, TEMPORARY).after(after)),
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
fn describe(status: u16, seen: &str, redactions: &Redactions) -> String {
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
    format!("HTTP {status}: {}", one_line(&redactions.clean(&line), 400))
}

/// `Retry-After`: seconds, or an HTTP date (RFC 9110 10.2.3).
fn pause(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX / 1000)));
    }
    let moment = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Timestamp(moment.as_millisecond()).since(now))
}
