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
    /// The pause, within its bounds.
    pub fn read(&self, view: &View<'_>, now: Timestamp) -> Option<Duration> {
        let written = self.from.as_ref().and_then(|from| view.first(from));
        let read = written.and_then(|written| self.unit.read(&written, now));
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

/// `Retry-After`, where a definition says nothing.
pub fn usual(answer: &Answer, now: Timestamp) -> Option<Duration> {
    let written = answer.headers.get("retry-after")?;
    PauseUnit::Http.read(written, now).map(|pause| pause.min(LONGEST))
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
}
