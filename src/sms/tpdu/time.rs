//! Time stamps (TS 23.040 9.2.3.11) and validity (9.2.3.12).
//!
//! What can go wrong: the sign of the zone is bit 3 of its octet; the century is not written (70 to 99 are 19xx); broken
//! stamps exist (all zero, letters for digits) and are no reason to lose a message.

use std::time::Duration;

use crate::ground::Timestamp;

/// Seven octets of swapped digits, kept as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(pub [u8; 7]);

impl Stamp {
    /// Minutes east of Greenwich. Service centres have been seen to count units beyond nine: they are added.
    pub fn zone(self) -> i32 {
        let (tens, ones) = (i32::from(self.0[6] & 7), i32::from(self.0[6] >> 4));
        let minutes = (tens * 10 + ones) * 15;
        if self.0[6] & 8 == 0 { minutes } else { -minutes }
    }

    /// The moment; `None` where it is no date.
    pub fn moment(self) -> Option<Timestamp> {
        let mut digits = [0i8; 6];
        for (value, octet) in digits.iter_mut().zip(self.0) {
            let (tens, ones) = (octet & 0x0f, octet >> 4);
            *value = (tens < 10 && ones < 10).then(|| i8::try_from(tens * 10 + ones).ok()).flatten()?;
        }
        let [year, month, day, hour, minute, second] = digits;
        let century = if year < 70 { 2000 } else { 1900 };
        let date = jiff::civil::Date::new(century + i16::from(year), month, day).ok()?;
        // A leap second is the last one of its minute.
        let time = jiff::civil::Time::new(hour, minute, second.min(if second == 60 { 59 } else { second }), 0).ok()?;
        let local = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
        Some(Timestamp((local - i64::from(self.zone()) * 60) * 1_000))
    }

    /// The moment as written in a zone, minutes east of Greenwich in steps of a quarter of an hour.
    pub fn at(moment: Timestamp, zone: i32) -> Self {
        let quarters = (zone / 15).clamp(-79, 79);
        let local = Timestamp(moment.0 + i64::from(quarters) * 15 * 60_000).utc();
        let swapped = |value: i32| ((value % 10) << 4 | (value / 10 % 10)).to_le_bytes()[0];
        let sign = if quarters < 0 { 8 } else { 0 };
        Self([
            swapped(i32::from(local.year())),
            swapped(i32::from(local.month())),
            swapped(i32::from(local.day())),
            swapped(i32::from(local.hour())),
            swapped(i32::from(local.minute())),
            swapped(i32::from(local.second())),
            swapped(quarters.abs()) | sign,
        ])
    }
}

/// How long the network tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// One octet.
    Relative(u8),
    Absolute(Stamp),
    /// Seven octets: how they are read stands in the first (9.2.3.12.3).
    Enhanced([u8; 7]),
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

impl Validity {
    /// The next step that is not shorter, at most 63 weeks.
    pub fn relative(left: Duration) -> Self {
        let seconds = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
        let value = match seconds {
            0..=43_200 => seconds.div_ceil(5 * MINUTE).max(1) - 1,
            43_201..=86_400 => 143 + (seconds - 12 * HOUR).div_ceil(30 * MINUTE),
            86_401..=2_592_000 => 166 + seconds.div_ceil(DAY),
            _ => 192 + seconds.div_ceil(7 * DAY),
        };
        Self::Relative(u8::try_from(value).unwrap_or(u8::MAX))
    }

    /// How long that is; `None` where it is a moment or not limited.
    pub fn duration(self) -> Option<Duration> {
        let seconds = match self {
            Self::Relative(value) => relative_seconds(value),
            Self::Absolute(_) => return None,
            Self::Enhanced(octets) => match octets[0] & 7 {
                1 => relative_seconds(octets[1]),
                2 => u64::from(octets[1]),
                3 => {
                    let two = |octet: u8| u64::from(octet & 0x0f) * 10 + u64::from(octet >> 4);
                    two(octets[1]) * HOUR + two(octets[2]) * MINUTE + two(octets[3])
                }
                _ => return None,
            },
        };
        Some(Duration::from_secs(seconds))
    }
}

fn relative_seconds(value: u8) -> u64 {
    let n = u64::from(value);
    match value {
        0..=143 => (n + 1) * 5 * MINUTE,
        144..=167 => 12 * HOUR + (n - 143) * 30 * MINUTE,
        168..=196 => (n - 166) * DAY,
        197.. => (n - 192) * 7 * DAY,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stamps() {
        for (octets, moment, zone) in [
            ([0x01, 0x01, 0x80, 0x02, 0x91, 0x82, 0x40], Some(1_286_565_568), 60),
            ([0x60, 0x80, 0x20, 0x71, 0x30, 0x13, 0x8a], Some(1_154_563_411), -420),
            ([0x99, 0x21, 0x13, 0x32, 0x95, 0x95, 0x00], Some(946_684_799), 0),
            ([0x70, 0x10, 0x10, 0x00, 0x00, 0x00, 0x23], Some(1_167_609_600 - 8 * 3600), 480),
            ([0; 7], None, 0),
            ([0xff; 7], None, -(70 + 15) * 15),
            ([0x61, 0x01, 0x03, 0x40, 0x95, 0x44, 0xc2], Some(1_477_774_784), 480),
            ([0x01, 0x20, 0x92, 0x00, 0x00, 0x00, 0x00], None, 0),
        ] {
            let stamp = Stamp(octets);
            assert_eq!((stamp.moment().map(|m| m.0 / 1000), stamp.zone()), (moment, zone), "{octets:02X?}");
            if let Some(moment) = stamp.moment() {
                assert_eq!(Stamp::at(moment, zone).moment(), Some(moment));
            }
        }
    }

    #[test]
    fn relative_validity_never_dies_early() {
        for (seconds, value) in
            [(0, 0), (300, 0), (301, 1), (43_200, 143), (43_201, 144), (86_400, 167), (86_401, 168), (2_592_000, 196)]
        {
            assert_eq!(Validity::relative(Duration::from_secs(seconds)), Validity::Relative(value), "{seconds}");
        }
        assert_eq!(Validity::relative(Duration::from_secs(2_592_001)), Validity::Relative(197));
        assert_eq!(Validity::relative(Duration::MAX), Validity::Relative(255));
        assert_eq!(Validity::Enhanced([3, 0x21, 0x43, 0x50, 0, 0, 0]).duration(), Some(Duration::from_secs(45_245)));
        assert_eq!(Validity::Enhanced([0; 7]).duration(), None);
    }

    proptest! {
        #[test]
        fn rounded_up(seconds in 0u64..38_102_400) {
            let asked = Duration::from_secs(seconds);
            prop_assert!(Validity::relative(asked).duration().expect("relative") >= asked);
        }
    }
}
