//! How long a provider wants to be left alone, in all the forms in which it says so.

use std::time::Duration;

use crate::{
    ground::Timestamp,
    provider::{
        definition::{PauseUnit, RetryAfter},
        view::View,
        web::Answer,
    },
};

/// The longest pause that is believed where the definition says nothing.
const LONGEST: Duration = Duration::from_secs(3_600);

impl RetryAfter {
    /// The pause, within its bounds: as the definition says where it stands, else as providers usually say it.
    pub fn read(&self, view: &View<'_>, answer: &Answer, throttled: bool, now: Timestamp) -> Option<Duration> {
        let written = self.from.as_ref().and_then(|from| view.first(from));
        let read = written.and_then(|written| self.unit.read(&written, now)).or_else(|| said(answer, throttled, now));
        read.or(self.default).map(|pause| pause.min(self.max))
    }
}

impl PauseUnit {
    fn read(self, written: &str, now: Timestamp) -> Option<Duration> {
        let number = || written.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
        // More than this is cut by the bound anyway; no product of it overflows.
        let seconds = |seconds: f64| Duration::from_secs_f64(seconds.min(1e9));
        match self {
            Self::Seconds => number().map(seconds),
            Self::Millis => number().map(|millis| seconds(millis / 1_000.0)),
            Self::Http => number().map(seconds).or_else(|| date(written, now)),
            Self::Unix => number().map(|at| until(at * 1_000.0, now)),
            Self::UnixMillis => number().map(|at| until(at, now)),
        }
    }
}

fn until(millis: f64, now: Timestamp) -> Duration {
    #[expect(clippy::cast_possible_truncation, reason = "a float is cut to the range of the integer")]
    Timestamp(millis as i64).since(now)
}

fn date(written: &str, now: Timestamp) -> Option<Duration> {
    let at = httpdate::parse_http_date(written.trim()).ok()?;
    let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp(i64::try_from(since.as_millis()).ok()?).since(now))
}

/// The usual fields, where a definition says nothing.
pub fn usual(answer: &Answer, throttled: bool, now: Timestamp) -> Option<Duration> {
    said(answer, throttled, now).map(|pause| pause.min(LONGEST))
}

/// `Retry-After`; and when it was too much, the end of the stretch of time that the limit is for.
fn said(answer: &Answer, throttled: bool, now: Timestamp) -> Option<Duration> {
    let headers = &answer.headers;
    let after = headers.get("retry-after").and_then(|written| PauseUnit::Http.read(written, now));
    let reset = || RESETS.iter().filter(|_| throttled).find_map(|name| reset(headers.get(name)?, now));
    after.or_else(reset)
}

/// Names of fields that say when a limit begins anew.
const RESETS: [&str; 3] = ["ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset"];

/// Seconds from now, or the moment: nobody has agreed on that, but no stretch of time is thirty years long.
fn reset(written: &str, now: Timestamp) -> Option<Duration> {
    let number: f64 = written.trim().parse().ok()?;
    let unit = match number {
        n if n >= 1e12 => PauseUnit::UnixMillis,
        n if n >= 1e9 => PauseUnit::Unix,
        _ => PauseUnit::Seconds,
    };
    unit.read(written, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form() {
        let now = Timestamp(1_767_323_045_000); // 2026-01-02T03:04:05Z
        for (unit, written, pause) in [
            (PauseUnit::Seconds, "3", Some(3_000)),
            (PauseUnit::Seconds, "0.25", Some(250)),
            (PauseUnit::Millis, "250", Some(250)),
            (PauseUnit::Http, "7", Some(7_000)),
            (PauseUnit::Http, "Fri, 02 Jan 2026 03:04:35 GMT", Some(30_000)),
            (PauseUnit::Http, "Fri, 02 Jan 2026 03:00:00 GMT", Some(0)),
            (PauseUnit::Unix, "1767323055", Some(10_000)),
            (PauseUnit::UnixMillis, "1767323046000", Some(1_000)),
            (PauseUnit::Unix, "1", Some(0)),
            (PauseUnit::Seconds, "-1", None),
            (PauseUnit::Http, "soon", None),
            (PauseUnit::Seconds, "1e300", Some(1_000_000_000_000)),
        ] {
            assert_eq!(unit.read(written, now).map(|pause| pause.as_millis()), pause, "{written}");
        }
    }

    #[test]
    fn each_field() {
        let now = Timestamp(1_767_323_045_000);
        let answer = |fields: &[(&str, &str)]| Answer {
            status: 429,
            headers: fields.iter().copied().collect(),
            body: Vec::new(),
        };
        for (fields, throttled, pause) in [
            (&[("Retry-After", "7")][..], false, Some(7)),
            (&[("Retry-After", "Fri, 02 Jan 2026 03:04:35 GMT")], true, Some(30)),
            (&[("RateLimit-Reset", "12")], true, Some(12)),
            (&[("RateLimit-Reset", "12")], false, None),
            (&[("X-RateLimit-Reset", "1767323060")], true, Some(15)),
            (&[("X-Rate-Limit-Reset", "1767323065000")], true, Some(20)),
            (&[("X-RateLimit-Reset", "1767320000")], true, Some(0)),
            (&[("RateLimit-Reset", "12"), ("Retry-After", "3")], true, Some(3)),
            (&[("RateLimit-Reset", "12"), ("Retry-After", "soon")], true, Some(12)),
            (&[("X-RateLimit-Reset", "tomorrow"), ("X-RateLimit-Limit", "5")], true, None),
            (&[("RateLimit-Reset", "999999")], true, Some(3_600)),
            (&[("RateLimit-Reset", "-5")], true, None),
            (&[("RateLimit-Reset", "inf")], true, None),
        ] {
            assert_eq!(usual(&answer(fields), throttled, now).map(|pause| pause.as_secs()), pause, "{fields:?}");
        }
    }
}
