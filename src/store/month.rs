//! Calendar months: what monthly limits count by.
//!
//! A month begins where the configured zone says. What can go wrong: two places that reckon months differently would
//! charge one counter and read another; so there is this one.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::ground::Timestamp;

/// A calendar month in the configured zone: year × 12 + month − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Month(pub u32);

impl Month {
    /// The month that `now` lies in.
    pub fn of(now: Timestamp, zone: &TimeZone) -> Self {
        let date = now.utc().with_time_zone(zone.clone()).date();
        let year = u32::try_from(date.year()).unwrap_or(0);
        Self(year * 12 + u32::from(date.month().unsigned_abs()) - 1)
    }

    /// The first day of the month after this one (`2026-02-01`), for people: limits begin anew then.
    pub fn reset_date(self) -> String {
        let next = self.0 + 1;
        format!("{:04}-{:02}-01", next / 12, next % 12 + 1)
    }
}

/// When the calendar day that `now` lies in ends in `zone`: what daily limits count by.
pub fn day_end(now: Timestamp, zone: &TimeZone) -> Timestamp {
    let today = now.utc().with_time_zone(zone.clone()).date();
    let next = today.tomorrow().ok().and_then(|next| next.to_zoned(zone.clone()).ok());
    // Beyond the year 9999 a day is 24 hours.
    next.map_or(now + std::time::Duration::from_secs(86_400), |next| Timestamp(next.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_end_where_the_zone_says() {
        let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
        // 2026-03-28 23:30 in Berlin; the next day has 23 hours.
        let evening = Timestamp(1_774_737_000_000);
        assert_eq!(day_end(evening, &berlin), Timestamp(1_774_738_800_000));
        assert_eq!(day_end(Timestamp(1_774_738_800_000), &berlin), Timestamp(1_774_738_800_000 + 23 * 3_600_000));
        assert_eq!(day_end(evening, &TimeZone::UTC), Timestamp(1_774_742_400_000));
    }

    #[test]
    fn months_begin_where_the_zone_says() {
        let tokyo = TimeZone::fixed(jiff::tz::offset(9));
        let last_hour_of_2025 = Timestamp(1_767_222_000_000);
        assert_eq!(Month::of(last_hour_of_2025, &TimeZone::UTC), Month(2025 * 12 + 11));
        assert_eq!(Month::of(last_hour_of_2025, &tokyo), Month(2026 * 12));
        assert_eq!(Month(2025 * 12 + 11).reset_date(), "2026-01-01");
        assert_eq!(Month(2026 * 12).reset_date(), "2026-02-01");
    }
}
