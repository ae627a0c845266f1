//! Times as providers write them: Unix seconds and milliseconds, RFC 3339, patterns with a fixed offset or a zone.

use jiff::{
    civil::DateTime,
    fmt::strtime::BrokenDownTime,
    tz::{Offset, TimeZone},
};

use crate::ground::Timestamp;

/// How a time is written.
#[derive(Debug, Clone)]
pub enum Format {
    Unix,
    UnixMillis,
    Rfc3339,
    /// A pattern of strftime, read in this zone where it names none itself.
    Pattern(String, TimeZone),
}

/// That strftime knows the pattern.
///
/// # Errors
/// Why it does not.
pub fn check_format(format: &str) -> Result<(), String> {
    let moment = jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    match jiff::fmt::strtime::format(format, &moment) {
        Ok(_) if format.is_empty() => Err("a pattern of a time is empty".into()),
        Ok(_) => Ok(()),
        Err(_) => Err(format!("`{format}` is no pattern of a time such as %Y-%m-%d %H:%M:%S")),
    }
}

/// Writes a moment, in UTC.
pub fn write(at: Timestamp, format: &str) -> String {
    jiff::fmt::strtime::format(format, &at.utc()).unwrap_or_default()
}

/// RFC 3339 with seconds, in UTC.
pub fn rfc3339(at: Timestamp) -> String {
    write(at, "%Y-%m-%dT%H:%M:%SZ")
}

/// `+02:00`, `-0330`, `Z`.
///
/// # Errors
/// It is no such offset.
pub fn offset(written: &str) -> Result<TimeZone, String> {
    let bad = || format!("`{written}` is no offset such as \"+02:00\"");
    if written == "Z" {
        return Ok(TimeZone::UTC);
    }
    let (sign, rest) = match written.as_bytes().first() {
        Some(b'+') => (1, &written[1..]),
        Some(b'-') => (-1, &written[1..]),
        _ => return Err(bad()),
    };
    let digits = rest.replace(':', "");
    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    let number = |range: std::ops::Range<usize>| digits[range].parse::<i32>().unwrap_or(0);
    let (hours, minutes) = (number(0..2), number(2..4));
    if minutes > 59 {
        return Err(bad());
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).map(TimeZone::fixed).map_err(|_| bad())
}

/// `Europe/Stockholm`.
///
/// # Errors
/// It is no such zone.
pub fn zone(written: &str) -> Result<TimeZone, String> {
    TimeZone::get(written).map_err(|_| format!("`{written}` is no time zone such as \"Europe/Stockholm\""))
}

impl Format {
    /// Reads a moment; `None`: it is none.
    pub fn read(&self, written: &str) -> Option<Timestamp> {
        let written = written.trim();
        let moment = match self {
            Self::Unix => {
                // Some add a fraction.
                let seconds = written.split('.').next().unwrap_or_default().parse::<i64>().ok()?;
                return in_bounds(seconds.checked_mul(1_000)?);
            }
            Self::UnixMillis => return in_bounds(written.parse().ok()?),
            Self::Rfc3339 => written.parse::<jiff::Timestamp>().ok()?,
            Self::Pattern(format, zone) => {
                let broken = BrokenDownTime::parse(format, written).ok()?;
                match broken.to_timestamp() {
                    Ok(moment) => moment,
                    Err(_) => {
                        let civil: DateTime =
                            broken.to_datetime().or_else(|_| broken.to_date().map(DateTime::from)).ok()?;
                        civil.to_zoned(zone.clone()).ok()?.timestamp()
                    }
                }
            }
        };
        in_bounds(moment.as_millisecond())
    }
}

/// Between 1970 and 9999.
fn in_bounds(millis: i64) -> Option<Timestamp> {
    (0..=253_402_300_799_000).contains(&millis).then_some(Timestamp(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(format: &str, zone: TimeZone) -> Format {
        check_format(format).expect(format);
        Format::Pattern(format.into(), zone)
    }

    #[test]
    fn each_way_of_writing() {
        let noon = Timestamp(1_767_355_200_000); // 2026-01-02T12:00:00Z
        for (format, written) in [
            (Format::Unix, "1767355200"),
            (Format::Unix, "1767355200.25"),
            (Format::UnixMillis, "1767355200000"),
            (Format::Rfc3339, "2026-01-02T14:00:00+02:00"),
            (Format::Rfc3339, " 2026-01-02T12:00:00.000Z "),
            (pattern("%Y-%m-%d %H:%M:%S", offset("+02:00").expect("offset")), "2026-01-02 14:00:00"),
            (pattern("%Y-%m-%dT%H:%M:%S%.f%z", TimeZone::UTC), "2026-01-02T12:00:00.000+0000"),
            (pattern("%y%m%d%H%M", TimeZone::UTC), "2601021200"),
            (pattern("%Y%m%d%H%M%S", zone("Asia/Kuala_Lumpur").expect("zone")), "20260102200000"),
        ] {
            assert_eq!(format.read(written), Some(noon), "{written} {format:?}");
        }
        for (format, bad) in [
            (Format::Unix, "x"),
            (Format::Unix, "99999999999999"),
            (Format::Rfc3339, "2026-01-02"),
            (Format::UnixMillis, "-5"),
        ] {
            assert_eq!(format.read(bad), None, "{bad}");
        }
        assert_eq!(rfc3339(noon), "2026-01-02T12:00:00Z");
        assert!(
            offset("02:00").is_err()
                && offset("+2").is_err()
                && offset("+02:77").is_err()
                && zone("Mars/Base").is_err()
        );
    }
}
