//! How long a provider wants to be left alone: as its definition says, else as answers usually say it.

use std::time::Duration;

use crate::{
    ground::Timestamp,
    provider::{definition::RetryAfter, pause::Pause, view::View, web::Answer},
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

/// The usual fields, where a definition says nothing.
pub fn usual(answer: &Answer, throttled: bool, now: Timestamp) -> Option<Duration> {
    said(answer, throttled, now).map(|pause| pause.min(LONGEST))
}

fn said(answer: &Answer, throttled: bool, now: Timestamp) -> Option<Duration> {
    Pause::read(&answer.headers.iter(), now).of(throttled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_that_no_definition_bounds_ends_within_the_hour() {
        let answer =
            Answer { status: 429, headers: [("RateLimit-Reset", "999999")].into_iter().collect(), body: vec![] };
        assert_eq!(usual(&answer, true, Timestamp(0)), Some(LONGEST));
        assert_eq!(usual(&answer, false, Timestamp(0)), None);
    }
}
