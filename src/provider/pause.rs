//! How long a server wants to be left alone, in all the forms in which it says so: for every answer that we get, by whatever
//! definition or none.
//!
//! `Retry-After` (RFC 9110 10.2.3) leads. Of what was too much there may be the end of the stretch of time that a limit is for:
//! the structured `RateLimit` of draft-ietf-httpapi-ratelimit-headers (`"default";r=0;t=30`, and its older shape `limit=10,
//! remaining=0, reset=30`), `RateLimit-Reset` and the like. Nobody has agreed on the latter: seconds from now, since 1970, or a
//! date. What can go wrong is a stranger's number; whoever asks bounds it.

use std::time::Duration;

use super::definition::PauseUnit;
use crate::ground::Timestamp;

impl PauseUnit {
    /// The pause that is written in this unit.
    pub fn read(self, written: &str, now: Timestamp) -> Option<Duration> {
        let number = || written.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
        // More than this is cut by every bound; no product of it overflows.
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

/// `Retry-After`: seconds, or a date in any of its three forms (RFC 9110 5.6.7).
pub fn retry_after(written: &str, now: Timestamp) -> Option<Duration> {
    PauseUnit::Http.read(written, now)
}

/// Names of fields that say when a limit begins anew, those of the drafts first.
const RESETS: [&str; 3] = ["ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset"];

/// What the fields of an answer say of a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pause {
    /// Whatever the answer means.
    pub after: Option<Duration>,
    /// Of an answer that means that it was too much.
    pub reset: Option<Duration>,
}

impl Pause {
    /// Reads the fields of an answer, in any order.
    pub fn read<'a>(fields: &(impl Iterator<Item = (&'a str, &'a str)> + Clone), now: Timestamp) -> Self {
        let all = |name: &'static str| {
            fields.clone().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let after = all("retry-after").find_map(|written| retry_after(written, now));
        let limits = || Limits::read(all("ratelimit")).pause();
        let reset = limits().or_else(|| RESETS.into_iter().find_map(|name| all(name).find_map(|at| reset(at, now))));
        Self { after, reset }
    }

    /// How long to wait; `throttled`: it was too much.
    pub fn of(self, throttled: bool) -> Option<Duration> {
        self.after.or(self.reset.filter(|_| throttled))
    }
}

/// Seconds from now, the moment, or a date: no stretch of time is thirty years long.
fn reset(written: &str, now: Timestamp) -> Option<Duration> {
    let Ok(number) = written.trim().parse::<f64>() else { return date(written, now) };
    let unit = match number {
        n if n >= 1e12 => PauseUnit::UnixMillis,
        n if n >= 1e9 => PauseUnit::Unix,
        _ => PauseUnit::Seconds,
    };
    unit.read(written, now)
}

/// Members of `RateLimit` that are looked at.
const MEMBERS: usize = 32;

/// What `RateLimit` says: of limits that are used up, and of those that do not say how much of them is left.
#[derive(Default)]
struct Limits {
    used_up: Option<Duration>,
    unknown: Option<Duration>,
    /// In its older shape each word is a member of its own.
    remaining: Option<f64>,
}

impl Limits {
    fn read<'a>(lists: impl Iterator<Item = &'a str>) -> Self {
        let mut limits = Self::default();
        for member in lists.flat_map(|list| split(list, ',')).take(MEMBERS) {
            let (mut left, mut again) = (None, None);
            for word in split(member, ';').take(MEMBERS) {
                let Some((name, value)) = word.split_once('=') else { continue };
                let value = PauseUnit::Seconds.read(value.trim().trim_matches('"'), Timestamp(0));
                match name.trim() {
                    "r" => left = value,
                    "remaining" => limits.remaining = value.map(|n| n.as_secs_f64()),
                    "t" | "reset" => again = value,
                    _ => {}
                }
            }
            match left {
                Some(left) if left.is_zero() => limits.used_up = limits.used_up.max(again),
                Some(_) => {}
                None => limits.unknown = limits.unknown.max(again),
            }
        }
        limits
    }

    /// Of several that are used up the last one to begin anew counts. Where there is something left of each, none of them
    /// is what was too much.
    fn pause(self) -> Option<Duration> {
        self.used_up.or(self.unknown.filter(|_| self.remaining.is_none_or(|left| left <= 0.0)))
    }
}

/// Parts of a structured field (RFC 9651); separators within `"…"` are none.
fn split(text: &str, at: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        let separates = c == at && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
        separates
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_767_323_045_000); // 2026-01-02T03:04:05Z

    #[test]
    fn each_form() {
        for (unit, written, pause) in [
            (PauseUnit::Seconds, "3", Some(3_000)),
            (PauseUnit::Seconds, "0.25", Some(250)),
            (PauseUnit::Millis, "250", Some(250)),
            (PauseUnit::Http, "7", Some(7_000)),
            (PauseUnit::Http, " 0 ", Some(0)),
            (PauseUnit::Http, "Fri, 02 Jan 2026 03:04:35 GMT", Some(30_000)),
            (PauseUnit::Http, "Friday, 02-Jan-26 03:04:35 GMT", Some(30_000)),
            (PauseUnit::Http, "Fri Jan  2 03:04:35 2026", Some(30_000)),
            (PauseUnit::Http, "Fri, 02 Jan 2026 03:00:00 GMT", Some(0)),
            (PauseUnit::Http, "Fri, 02 Jan 2026 03:04:35", None),
            (PauseUnit::Unix, "1767323055", Some(10_000)),
            (PauseUnit::UnixMillis, "1767323046000", Some(1_000)),
            (PauseUnit::Unix, "1", Some(0)),
            (PauseUnit::Seconds, "-1", None),
            (PauseUnit::Http, "soon", None),
            (PauseUnit::Http, "", None),
            (PauseUnit::Seconds, "1e300", Some(1_000_000_000_000)),
        ] {
            assert_eq!(unit.read(written, NOW).map(|pause| pause.as_millis()), pause, "{written}");
        }
    }

    #[test]
    fn each_field() {
        for (fields, throttled, pause) in [
            (&[("Retry-After", "7")][..], false, Some(7)),
            (&[("Retry-After", "Fri, 02 Jan 2026 03:04:35 GMT")], true, Some(30)),
            (&[("Retry-After", "soon"), ("retry-after", "8")], false, Some(8)),
            (&[("RateLimit-Reset", "12")], true, Some(12)),
            (&[("RateLimit-Reset", "12")], false, None),
            (&[("X-RateLimit-Reset", "1767323060")], true, Some(15)),
            (&[("X-RateLimit-Reset", "Fri, 02 Jan 2026 03:04:35 GMT")], true, Some(30)),
            (&[("X-Rate-Limit-Reset", "1767323065000")], true, Some(20)),
            (&[("X-RateLimit-Reset", "1767320000")], true, Some(0)),
            (&[("RateLimit-Reset", "12"), ("Retry-After", "3")], true, Some(3)),
            (&[("RateLimit-Reset", "12"), ("Retry-After", "soon")], true, Some(12)),
            (&[("X-RateLimit-Reset", "tomorrow"), ("X-RateLimit-Limit", "5")], true, None),
            (&[("RateLimit-Reset", "-5")], true, None),
            (&[("RateLimit-Reset", "inf")], true, None),
            (&[("RateLimit", "r=0;t=30")], true, Some(30)),
            (&[("RateLimit", "r=0;t=30")], false, None),
            (&[("RateLimit", "r=0;t=30"), ("X-RateLimit-Reset", "12")], true, Some(30)),
            (&[("RateLimit", "r=0;t=30"), ("Retry-After", "3")], true, Some(3)),
        ] {
            let read = Pause::read(&fields.iter().copied(), NOW).of(throttled);
            assert_eq!(read.map(|pause| pause.as_secs()), pause, "{fields:?}");
        }
    }

    #[test]
    fn each_shape_of_the_structured_field() {
        for (written, pause) in [
            (r#""default";r=0;t=30"#, Some(30)),
            (r#""default"; r=0; t=30; pk=:YWI=:"#, Some(30)),
            (r#""burst";r=0;t=2, "daily";r=0;t=3600"#, Some(3_600)),
            (r#""burst";r=0;t=2, "daily";r=17;t=3600"#, Some(2)),
            (r#""a,b;t=9";r=0;t=4"#, Some(4)),
            (r#""a\",r=0;t=9";r=0;t=5"#, Some(5)),
            (r#""daily";r=17;t=3600"#, None),
            (r#""default";t=6"#, Some(6)),
            (r#""default";r=0"#, None),
            ("limit=100, remaining=0, reset=5", Some(5)),
            ("limit=100, remaining=3, reset=5", None),
            ("limit=100, reset=5", Some(5)),
            ("r=0;t=-3", None),
            ("r=0;t=soon", None),
            ("", None),
            (";;;,,,\"", None),
        ] {
            let fields = [("ratelimit", written)];
            let read = Pause::read(&fields.iter().copied(), NOW).of(true);
            assert_eq!(read.map(|pause| pause.as_secs()), pause, "{written}");
        }
        let two = [("RateLimit", r#""burst";r=0;t=2"#), ("RateLimit", r#""daily";r=0;t=60"#)];
        let read = Pause::read(&two.iter().copied(), NOW).of(true);
        assert_eq!(read, Some(Duration::from_secs(60)), "several fields are one list");
    }
}
