//! An invitation (RFC 5545) in three lines: what, when, where.
//!
//! Only the first event is read, and only as far as a person on a phone wants it; time zones are named, not computed.

use super::flowed::Line;

/// Summary, time and place of the first event of an invitation (RFC 5545).
pub(super) fn invitation(text: &str) -> Vec<Line> {
    let unfolded = text.replace("\n ", "").replace("\n\t", "");
    let event = unfolded.split_once("BEGIN:VEVENT").map_or("", |(_, event)| event);
    let value = |name: &str| {
        event.lines().find_map(|line| {
            let (head, value) = line.split_once(':')?;
            let key = head.split(';').next().unwrap_or_default();
            let zone = head.split("TZID=").nth(1).map(|z| z.split(';').next().unwrap_or_default().trim_matches('"'));
            key.eq_ignore_ascii_case(name).then(|| (unescape(value.trim()), zone.map(str::to_owned)))
        })
    };
    let when = |(value, zone): (String, Option<String>)| {
        let digits: String = value.chars().filter(char::is_ascii_digit).collect();
        if digits.len() < 8 {
            return value;
        }
        let mut shown = format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..8]);
        if digits.len() >= 12 {
            shown.push_str(&format!(" {}:{}", &digits[8..10], &digits[10..12]));
        }
        match zone {
            Some(zone) => format!("{shown} ({zone})"),
            None if value.ends_with('Z') => format!("{shown} UTC"),
            None => shown,
        }
    };
    let parts = [value("SUMMARY").map(|v| v.0), value("DTSTART").map(when), value("LOCATION").map(|v| v.0)];
    parts.into_iter().flatten().filter(|l| !l.is_empty()).map(Line::own).collect()
}

fn unescape(value: &str) -> String {
    value.replace("\\n", " ").replace("\\N", " ").replace("\\,", ",").replace("\\;", ";").replace("\\\\", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_in_three_lines() {
        for (text, want) in [
            (
                "BEGIN:VEVENT\nSUMMARY:A\\, b\nDTSTART:20261123T150000Z\nLOCATION:R\n 4\n",
                "A, b|2026-11-23 15:00 UTC|R4",
            ),
            ("BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261123\nSUMMARY:A\n", "A|2026-11-23"),
            ("BEGIN:VEVENT\nDTSTART:soon\n", "soon"),
            ("SUMMARY:outside\n", ""),
            ("", ""),
        ] {
            let got: Vec<String> = invitation(text).into_iter().map(|l| l.text).collect();
            assert_eq!(got.join("|"), want);
        }
    }
}
