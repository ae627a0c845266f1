//! The time that goes into signatures: ours, or the provider's own where the definition says where that is read (`clock`).
//!
//! Theirs is asked for by one task for all and then kept as a difference from ours; anew each hour, and when the provider refuses what
//! we sign. What can go wrong: it cannot be read, then ours has to do. A refusal of a signed request whose answer is dated far from
//! our own clock is told with that in plain words ([`words`]): nobody thinks of the clock by himself.

use std::time::Duration;

use tokio::sync::Mutex;

use super::call::Shell;
use crate::{
    ground::Timestamp,
    provider::{
        Answered,
        web::{Answer, Headers, Request},
        word::Verdict,
    },
};

/// How long a difference counts, and how long after a failure nobody asks again.
const KEPT: Duration = Duration::from_secs(3_600);
const FAILED: Duration = Duration::from_secs(60);
/// Clocks that differ by less are no reason for a refusal.
const NEAR: Duration = Duration::from_secs(60);
/// A number of seconds takes no more.
const LONGEST: usize = 64;

/// The clock of one provider.
#[derive(Default)]
pub struct TheirClock(Mutex<Option<Known>>);

struct Known {
    /// Theirs less ours, in milliseconds; `None`: it could not be read.
    ahead: Option<i64>,
    /// By the monotonic clock.
    until: Duration,
}

impl TheirClock {
    /// The time for a signature; `at` is where the provider's clock is read.
    pub async fn now(&self, shell: &Shell, at: Option<&str>) -> Timestamp {
        let Some(at) = at else { return shell.now() };
        // Held while one asks: the others wait for its answer, and the request is bounded in time.
        let mut known = self.0.lock().await;
        let monotonic = shell.settings.clock.monotonic();
        if known.as_ref().is_none_or(|known| monotonic >= known.until) {
            let ahead = ask(shell, at).await.map(|theirs| theirs.0.saturating_sub(shell.now().0));
            let until = monotonic + if ahead.is_some() { KEPT } else { FAILED };
            *known = Some(Known { ahead, until });
        }
        let ahead = known.as_ref().and_then(|known| known.ahead).unwrap_or(0);
        Timestamp(shell.now().0.saturating_add(ahead))
    }

    /// What was signed is refused: the next signature asks anew.
    async fn doubted(&self) {
        *self.0.lock().await = None;
    }
}

/// Seconds since 1970, as the body of an answer.
async fn ask(shell: &Shell, at: &str) -> Option<Timestamp> {
    let request = Request { method: "GET".into(), url: at.into(), headers: Headers::default(), body: Vec::new() };
    let heard = shell.send(request, None, None).await.ok().filter(|heard| heard.whole)?;
    let body = std::str::from_utf8(&heard.answer.body).ok().filter(|body| body.len() <= LONGEST)?;
    let seconds: i64 = body.trim().parse().ok().filter(|_| (200..300).contains(&heard.answer.status))?;
    Some(Timestamp(seconds.checked_mul(1_000)?))
}

/// Looks at the answer to a signed request, which may have been refused for its time.
pub async fn doubt(shell: &Shell, answer: &Answer, answered: &mut Answered) {
    let Some(signer) = shell.settings.settings.signer() else { return };
    // What is refused for a reason of its own says nothing of the time.
    let doubtful = matches!(answered.verdict, Verdict::Account | Verdict::Permanent);
    if !doubtful || !matches!(answer.status, 400 | 401 | 403) {
        return;
    }
    if signer.clock().is_some() {
        shell.clock.doubted().await;
    } else if let Some(words) = words(&answer.headers, shell.now()) {
        let detail = answered.detail.take().map(|detail| format!("{detail}; ")).unwrap_or_default();
        answered.detail = Some(format!("{detail}{words}"));
    }
}

/// How far our clock is from the one that dated this answer, if that is far: words for a refusal.
fn words(headers: &Headers, now: Timestamp) -> Option<String> {
    let date = httpdate::parse_http_date(headers.get("date")?).ok()?;
    let theirs = Timestamp(i64::try_from(date.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis()).ok()?);
    let (off, which) = if now > theirs { (now.since(theirs), "ahead of") } else { (theirs.since(now), "behind") };
    if off <= NEAR {
        return None;
    }
    let (amount, unit) = match off.as_secs() {
        seconds if seconds < 7_200 => (seconds.div_ceil(60), "minutes"),
        seconds if seconds < 172_800 => (seconds / 3_600, "hours"),
        seconds => (seconds / 86_400, "days"),
    };
    Some(format!(
        "this machine's clock is {amount} {unit} {which} the provider's, and requests are signed by it: set it right"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told() {
        let now = Timestamp(1_767_323_045_000); // Fri, 02 Jan 2026 03:04:05 GMT
        for (date, wanted) in [
            ("Fri, 02 Jan 2026 03:04:05 GMT", None),
            ("Fri, 02 Jan 2026 03:05:05 GMT", None),
            ("Fri, 02 Jan 2026 03:03:00 GMT", Some("2 minutes ahead of")),
            ("Fri, 02 Jan 2026 03:24:05 GMT", Some("20 minutes behind")),
            ("Fri, 02 Jan 2026 00:04:05 GMT", Some("3 hours ahead of")),
            ("Fri, 09 Jan 2026 03:04:05 GMT", Some("7 days behind")),
            ("tomorrow", None),
            ("", None),
        ] {
            let headers: Headers = [("Date", date)].into_iter().collect();
            let said = words(&headers, now);
            assert_eq!(said.is_some(), wanted.is_some(), "{date}: {said:?}");
            assert!(wanted.is_none_or(|wanted| said.is_some_and(|said| said.contains(wanted))), "{date}");
        }
        assert_eq!(words(&Headers::default(), now), None);
    }
}
