//! Work calendars: a zone, up to four spans a day, workdays and other days, holidays.
//!
//! `calendar = "office"` holds while that calendar works. What can go wrong is caught when it is read: spans that end
//! before they begin, more than four of them, days that are none.

use jiff::{
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};

use crate::ground::Timestamp;

/// Spans of one day, each from its first minute up to its last.
pub type Spans = Vec<(Time, Time)>;

/// At most so many spans a day.
pub const MOST_SPANS: usize = 4;

/// One calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    pub zone: TimeZone,
    /// From Monday to Sunday.
    pub days: [Spans; 7],
    pub holidays: Vec<Date>,
}

impl Calendar {
    /// Is it working time?
    pub fn works(&self, now: Timestamp) -> bool {
        let here = now.utc().with_time_zone(self.zone.clone());
        if self.holidays.contains(&here.date()) {
            return false;
        }
        let day = usize::from(here.date().weekday().to_monday_zero_offset().unsigned_abs());
        let time = here.time();
        self.days[day].iter().any(|(from, to)| *from <= time && (time < *to || *to == Time::MAX))
    }
}

/// `08:30`; `24:00` is the end of the day.
pub fn time(written: &str) -> Option<Time> {
    if written == "24:00" {
        return Some(Time::MAX);
    }
    let (hour, minute) = written.split_once(':')?;
    let two = |digits: &str| {
        (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse::<i8>().ok()).flatten()
    };
    Time::new(two(hour)?, two(minute)?, 0, 0).ok()
}

/// `08:30-12:00`.
pub fn span(written: &str) -> Option<(Time, Time)> {
    let (from, to) = written.split_once('-')?;
    let (from, to) = (time(from.trim())?, time(to.trim())?);
    (from < to).then_some((from, to))
}

/// `mon` … `sun`.
pub fn weekday(written: &str) -> Option<Weekday> {
    const DAYS: [(&str, Weekday); 7] = [
        ("mon", Weekday::Monday),
        ("tue", Weekday::Tuesday),
        ("wed", Weekday::Wednesday),
        ("thu", Weekday::Thursday),
        ("fri", Weekday::Friday),
        ("sat", Weekday::Saturday),
        ("sun", Weekday::Sunday),
    ];
    DAYS.iter().find(|(word, _)| written.eq_ignore_ascii_case(word)).map(|(_, day)| *day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn office_hours() {
        let spans = || vec![span("08:30-12:00").expect("a span"), span("13:00-24:00").expect("a span")];
        let mut days: [Spans; 7] = Default::default();
        days[..5].fill_with(spans);
        let holidays = vec!["2026-12-25".parse().expect("a day")];
        let office = Calendar { zone: TimeZone::get("Europe/Berlin").expect("a zone"), days, holidays };
        let at = |text: &str| {
            let moment: jiff::Timestamp = text.parse().expect("a moment");
            office.works(Timestamp(moment.as_millisecond()))
        };
        assert!(at("2026-11-25T07:30:00Z"), "08:30 in Berlin on a Wednesday");
        assert!(!at("2026-11-25T07:29:59Z") && !at("2026-11-25T11:30:00Z"));
        assert!(at("2026-11-25T22:59:59Z"), "until midnight");
        assert!(!at("2026-11-28T09:00:00Z"), "Saturday");
        assert!(!at("2026-12-25T09:00:00Z"), "a holiday");
        for bad in ["8:30-9:00", "09:00-08:00", "25:00-26:00", "x"] {
            assert!(span(bad).is_none(), "{bad}");
        }
    }
}
