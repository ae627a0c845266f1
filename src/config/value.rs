//! Values as they are written: text, numbers, durations, sizes, choices, patterns.
//!
//! A bad value never stops the reading: it is kept with its place, so that every bad value of a file is reported in
//! one go. Causes say what was expected and quote the value only where it cannot be a secret.

use std::{ops::Range, path::PathBuf, time::Duration};

use regex::Regex;
use serde::{Deserialize, Deserializer};
use toml::{Spanned, Value};

pub use crate::ground::written::quoted;

use super::{error::suggestion, schema::article};
use crate::{
    address::{Mailbox, Region, SenderId},
    ground::{AccountName, GatewayId, written::duration},
};

/// A value as written: where it stands, and what it was read as.
pub struct Setting<T> {
    pub span: Range<usize>,
    pub value: Result<T, Wrong>,
}

/// Why a value is not what its key takes.
pub struct Wrong {
    pub cause: String,
    /// The string and the octet in it that the cause is about.
    pub at: Option<(String, usize)>,
}

impl<T: Into<String>> From<T> for Wrong {
    fn from(cause: T) -> Self {
        Self { cause: cause.into(), at: None }
    }
}

/// What a key may hold.
pub trait Read: Sized {
    fn read(value: &Value) -> Result<Self, Wrong>;
}

impl<'de, T: Read> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { span: written.span(), value: T::read(written.get_ref()) })
    }
}

/// The string that `value` is, or what it is instead.
pub fn text(value: &Value) -> Result<&str, Wrong> {
    value.as_str().ok_or_else(|| format!("expected a string, found {}", article(value.type_str())).into())
}

/// One of a closed set of words.
pub fn one_of<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, Wrong> {
    let given = text(value)?;
    if let Some((_, found)) = words.iter().find(|(word, _)| *word == given) {
        return Ok(*found);
    }
    let all: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
    let hint = suggestion(given, words.iter().map(|(word, _)| *word));
    Err(format!("{} is not one of {}{hint}", quoted(given), all.join(", ")).into())
}

impl Read for String {
    fn read(value: &Value) -> Result<Self, Wrong> {
        text(value).map(str::to_owned)
    }
}

impl Read for bool {
    fn read(value: &Value) -> Result<Self, Wrong> {
        value.as_bool().ok_or_else(|| {
            let hint = match value.as_str() {
                Some("true" | "false") => " (without quotes)",
                _ => "",
            };
            format!("expected true or false{hint}, found {}", article(value.type_str())).into()
        })
    }
}

impl Read for PathBuf {
    fn read(value: &Value) -> Result<Self, Wrong> {
        match text(value)? {
            "" => Err("the path is empty".into()),
            path if path.contains('\0') => Err("a path has no NUL".into()),
            path => Ok(path.into()),
        }
    }
}

/// A whole number between `LO` and `HI`.
pub struct Within<const LO: u64, const HI: u64>(pub u64);

impl<const LO: u64, const HI: u64> Read for Within<LO, HI> {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let Some(given) = value.as_integer() else {
            return Err(format!("expected a whole number, found {}", article(value.type_str())).into());
        };
        match u64::try_from(given) {
            Ok(n) if (LO..=HI).contains(&n) => Ok(Self(n)),
            _ => Err(format!("{given} is not between {LO} and {HI}").into()),
        }
    }
}

impl Read for Duration {
    fn read(value: &Value) -> Result<Self, Wrong> {
        if let Some(n) = value.as_integer() {
            return Err(format!("a duration has a unit: \"{n}s\" for seconds, or ms, m, h, d").into());
        }
        duration(text(value)?).map_err(Wrong::from)
    }
}

/// A number of octets.
pub struct Size(pub u64);

impl Read for Size {
    fn read(value: &Value) -> Result<Self, Wrong> {
        if let Some(n) = value.as_integer() {
            return u64::try_from(n).map(Self).map_err(|_| "a size is not negative".into());
        }
        let given = text(value)?;
        let end = given.find(|c: char| !c.is_ascii_digit()).unwrap_or(given.len());
        let (digits, unit) = given.split_at(end);
        let shift = match unit {
            "" | "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            "TiB" => 40,
            _ => {
                let hint = suggestion(unit, ["KiB", "MiB", "GiB", "TiB"]);
                let hint = if hint.is_empty() && unit.len() == 2 {
                    format!("; did you mean `{}iB`?", unit.to_uppercase().get(..1).unwrap_or("M"))
                } else {
                    hint
                };
                return Err(format!("{} is no size: the units are B, KiB, MiB, GiB{hint}", quoted(given)).into());
            }
        };
        let octets = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift)).filter(|n| *n < 1 << 50);
        octets.map(Self).ok_or_else(|| format!("{} is no size: such as \"10MiB\"", quoted(given)).into())
    }
}

impl Read for Regex {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let pattern = text(value)?;
        regex::RegexBuilder::new(pattern).size_limit(1 << 20).build().map_err(|error| {
            let words = error.to_string();
            let otherwise = match error {
                regex::Error::CompiledTooBig(_) => "it is too large",
                _ => "it cannot be read",
            };
            let cause = words.lines().rev().find_map(|line| line.strip_prefix("error: ")).unwrap_or(otherwise);
            // A one-line pattern is shown indented by four, with a caret below.
            let caret = words.lines().find(|line| line.trim_end().ends_with('^') && line.trim().starts_with('^'));
            let at = caret.and_then(|line| {
                let column = line.find('^')?.checked_sub(4)?;
                Some((pattern.to_owned(), pattern.char_indices().nth(column).map_or(pattern.len(), |(i, _)| i)))
            });
            Wrong { cause: format!("bad pattern: {cause}"), at }
        })
    }
}

macro_rules! read_by_from_str {
    ($($kind:ty: $is_no:literal),+ $(,)?) => {$(
        impl Read for $kind {
            fn read(value: &Value) -> Result<Self, Wrong> {
                let given = text(value)?;
                given.parse().map_err(|_| format!(concat!("{} is ", $is_no), quoted(given)).into())
            }
        }
    )+};
}

read_by_from_str! {
    GatewayId: "no gateway id: 1 to 64 of A-Z a-z 0-9 _ - and no - at the beginning",
    AccountName: "no account name: 1 to 320 octets without blanks",
    Mailbox: "not a plain mail address such as alice@example.com",
    Region: "no region such as \"US\" (two letters of ISO 3166)",
    SenderId: "no sender: at most 15 digits, or at most 11 characters of GSM-7",
}

/// A domain name: IDNA ASCII, lower case.
pub struct Domain(pub String);

impl Read for Domain {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        domain(given).map(Self).ok_or_else(|| {
            let hint = if given.contains('@') { ": without @" } else { "" };
            format!("{} is no domain name such as sms.example.com{hint}", quoted(given)).into()
        })
    }
}

/// The domain in IDNA ASCII and lower case, if it is one (RFC 5321 4.1.2, RFC 1035 2.3.4).
pub fn domain(given: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii(given).ok()?;
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (ascii.len() <= 253 && ascii.split('.').all(label)).then_some(ascii)
}

/// One string, or a list of them.
pub struct Strings(pub Vec<String>);

impl Read for Strings {
    fn read(value: &Value) -> Result<Self, Wrong> {
        match value {
            Value::Array(items) => {
                items.iter().map(|item| text(item).map(str::to_owned)).collect::<Result<_, _>>().map(Self)
            }
            Value::String(one) => Ok(Self(vec![one.clone()])),
            other => Err(format!("expected a string or a list of strings, found {}", article(other.type_str())).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Read>(written: &str) -> Result<T, String> {
        let table: toml::Table = format!("v = {written}").parse().expect("toml");
        T::read(&table["v"]).map_err(|wrong| wrong.cause)
    }

    #[test]
    fn durations() {
        for (written, millis) in [
            ("'500ms'", 500),
            ("'30s'", 30_000),
            ("'30m'", 1_800_000),
            ("'4h'", 14_400_000),
            ("'5d'", 432_000_000),
            ("'0s'", 0),
        ] {
            assert_eq!(read::<Duration>(written), Ok(Duration::from_millis(millis)), "{written}");
        }
        for bad in [
            "30",
            "'30'",
            "'s'",
            "''",
            "'-1s'",
            "'1.5h'",
            "'1 h'",
            "'3w'",
            "'99999999999999999999d'",
            "'4000d'",
            "true",
        ] {
            assert!(read::<Duration>(bad).is_err(), "{bad}");
        }
        assert!(read::<Duration>("30").expect_err("no unit").contains("\"30s\""));
    }

    #[test]
    fn sizes() {
        for (written, octets) in
            [("'10MiB'", 10 << 20), ("'50KiB'", 50 << 10), ("'1GiB'", 1 << 30), ("2048", 2048), ("'7'", 7)]
        {
            assert_eq!(read::<Size>(written).map(|s| s.0), Ok(octets), "{written}");
        }
        for bad in ["'10MB'", "'MiB'", "''", "-1", "1.5", "'99999999999TiB'"] {
            assert!(read::<Size>(bad).is_err(), "{bad}");
        }
        assert!(read::<Size>("'10MB'").err().is_some_and(|e| e.contains("MiB")));
    }

    #[test]
    fn numbers_stay_in_their_bounds() {
        assert!(read::<Within<1, 128>>("128").is_ok());
        for bad in ["0", "129", "-1", "'3'", "1.0"] {
            assert!(read::<Within<1, 128>>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn patterns_say_where_they_are_bad() {
        let Err(wrong) = Regex::read(&Value::String("^OK (".into())) else { panic!("an open group") };
        assert_eq!((wrong.cause.as_str(), wrong.at), ("bad pattern: unclosed group", Some(("^OK (".into(), 4))));
        let Err(wrong) = Regex::read(&Value::String(r"\w{1000}{1000}".into())) else { panic!("too large") };
        assert!(wrong.cause.contains("too large"), "{}", wrong.cause);
    }

    #[test]
    fn domains() {
        assert_eq!(domain("SMS.Example.Test").as_deref(), Some("sms.example.test"));
        assert_eq!(domain("bücher.example").as_deref(), Some("xn--bcher-kva.example"));
        for bad in ["", ".", "a..b", "a b", "-a.b", "a_b.c", "a@b", &"a".repeat(64), "[127.0.0.1]"] {
            assert_eq!(domain(bad), None, "{bad}");
        }
    }

    #[test]
    fn words_of_a_closed_set() {
        let value = Value::String("udhh".into());
        let Err(wrong) = one_of(&value, &[("udh", 1), ("provider", 2)]) else { panic!("no such word") };
        assert_eq!(wrong.cause, "`udhh` is not one of \"udh\", \"provider\"; did you mean `udh`?");
    }
}
