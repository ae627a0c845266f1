//! Who a text is from: what the phone shows (MT) and what the network says (MO).
//!
//! What can go wrong: networks leave the `+` away, so the same digits may be an international number, a national one or
//! a short code; [`Originator::read`] decides. The words of an alphanumeric originator are a stranger's and may hold
//! anything but control characters.

use std::{fmt, str::FromStr};

use super::{Accept, Destination, Number, NumberError, Numbering, Region, number::mask_tail};
use crate::ground::outcome::one_line;

/// Characters of an alphanumeric originator: GSM 7-bit default alphabet (TS 23.038 6.2.1) without its controls.
pub(crate) const SENDER_CHARACTERS: &str = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Those of the extension table, two septets each.
pub(crate) const SENDER_EXTENSION: &str = "^{}\\[~]|€";

/// The originator to show: at most 15 digits, or at most 11 characters of GSM-7.
#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SenderId(String);

/// Digits may be somebody's number.
impl fmt::Debug for SenderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_number() {
            true => f.write_str(&mask_tail(&self.0)),
            false => f.write_str(&self.0),
        }
    }
}

impl SenderId {
    /// As written, without blanks around it; a number may keep its `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Digits (with or without `+`), not a name.
    pub fn is_number(&self) -> bool {
        is_digits(self.0.strip_prefix('+').unwrap_or(&self.0))
    }
}

impl FromStr for SenderId {
    type Err = NumberError;
    fn from_str(s: &str) -> Result<Self, NumberError> {
        let s = s.trim();
        let digits = s.strip_prefix('+').unwrap_or(s);
        if is_digits(digits) {
            return if digits.len() <= 15 { Ok(Self(s.to_owned())) } else { Err(NumberError::TooLong) };
        }
        let mut septets = 0;
        for c in s.chars() {
            septets += match () {
                () if SENDER_CHARACTERS.contains(c) => 1,
                () if SENDER_EXTENSION.contains(c) => 2,
                () => return Err(NumberError::NotANumber),
            };
            if septets > 11 {
                return Err(NumberError::TooLong);
            }
        }
        if septets == 0 { Err(NumberError::Empty) } else { Ok(Self(s.to_owned())) }
    }
}

impl TryFrom<String> for SenderId {
    type Error = NumberError;
    fn try_from(s: String) -> Result<Self, NumberError> {
        s.parse()
    }
}

impl From<SenderId> for String {
    fn from(s: SenderId) -> Self {
        s.0
    }
}

fn is_digits(s: &str) -> bool {
    !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit())
}

/// How an originator without `+` is read (`originators`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Originators {
    /// The reading that has a live link; else international if valid; else national.
    #[default]
    Auto,
    /// The digits begin with a calling code.
    International,
    /// As dialled in the gateway's region.
    National,
}

/// Who a phone's text is from. Serde: tagged by kind.
#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Originator {
    /// E.164.
    Number(String),
    /// Digits that are no number anywhere (short codes).
    Digits(String),
    /// Letters, kept as written.
    Name(String),
}

impl Originator {
    /// Reads what the network says: `region` is the gateway's, `has_live_link` tells whether the call log has a live
    /// link for a number in E.164 form (or for digits as they are).
    pub fn read(raw: &str, region: Region, mode: Originators, has_live_link: impl Fn(&str) -> bool) -> Self {
        let written: String = raw.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
        if let Some(digits) = written.strip_prefix('+').filter(|d| is_digits(d)) {
            return read_international(digits).map_or_else(|| Self::Digits(capped(digits)), |(number, _)| number);
        }
        if !is_digits(&written) {
            return match one_line(raw, 64) {
                name if name.is_empty() => Self::Name("unknown".to_owned()),
                name => Self::Name(name),
            };
        }
        let international = read_international(&written);
        let national = read_national(&written, region);
        let plain = || Self::Digits(capped(&written));
        match mode {
            Originators::International => international.map_or_else(plain, |(number, _)| number),
            Originators::National => national.map_or_else(plain, |(number, _)| number),
            Originators::Auto => {
                let readings = [&international, &national];
                let live = readings.into_iter().flatten().find(|(number, _)| has_live_link(number.as_str()));
                if let Some((number, _)) = live {
                    return number.clone();
                }
                if has_live_link(&written) {
                    return plain();
                }
                let valid = international.filter(|(_, valid)| *valid);
                valid.or(national).map_or_else(plain, |(number, _)| number)
            }
        }
    }

    /// The number or the name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Number(s) | Self::Digits(s) | Self::Name(s) => s,
        }
    }

    /// As people read it: a number in international form with its blanks, a name as it is.
    pub fn display(&self) -> String {
        match self {
            Self::Number(s) => self.number().map_or_else(|| s.clone(), |number| number.formatted()),
            Self::Digits(s) | Self::Name(s) => s.clone(),
        }
    }

    /// Fit for logs.
    pub fn masked(&self) -> String {
        match self {
            Self::Number(s) => self.number().map_or_else(|| mask_tail(s), |number| number.masked()),
            Self::Digits(s) => mask_tail(s),
            Self::Name(s) => s.clone(),
        }
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<Number> {
        match self {
            Self::Number(s) => s.parse().ok(),
            Self::Digits(_) | Self::Name(_) => None,
        }
    }
}

/// `+digits` in its one spelling, and whether it is valid; one that the library does not know is believed as it is.
fn read_international(digits: &str) -> Option<(Originator, bool)> {
    let written = format!("+{digits}");
    let number: Number = written.parse().ok()?;
    let numbering = |region| Numbering { region, accept: Accept::Possible };
    match number.region().map(|region| numbering(region).read(&written)) {
        Some(Ok(reading)) => Some((Originator::Number(reading.destination.into()), reading.valid)),
        _ if digits.len() >= 7 => Some((Originator::Number(written), false)),
        _ => None,
    }
}

/// The number as dialled in `region`, and whether it is valid.
fn read_national(digits: &str, region: Region) -> Option<(Originator, bool)> {
    let reading = Numbering { region, accept: Accept::Possible }.read(digits).ok()?;
    match reading.destination {
        Destination::Number(number) => Some((Originator::Number(number.as_str().to_owned()), reading.valid)),
        Destination::Short(_) => None,
    }
}

/// At most 20 digits: what an address field can hold (TS 23.040 9.1.2.5).
fn capped(digits: &str) -> String {
    digits[..digits.len().min(20)].to_owned()
}

/// Numbers masked; of a name only its length.
impl fmt::Debug for Originator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "Name[{}]", name.chars().count()),
            Self::Number(_) | Self::Digits(_) => f.write_str(&self.masked()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sender_ids() {
        for good in ["Acme", "ACME Bank", "15551234567", "+15551234567", "12345", "[Acme]", "Ärger & Co", "a b-c.d"] {
            assert_eq!(good.parse::<SenderId>().expect(good).as_str(), good);
        }
        for (bad, why) in [
            ("", NumberError::Empty),
            ("  ", NumberError::Empty),
            ("Acme Company", NumberError::TooLong),
            ("1234567890123456", NumberError::TooLong),
            ("Ácme", NumberError::NotANumber),
            ("a\nb", NumberError::NotANumber),
            ("[[[[[[", NumberError::TooLong),
        ] {
            assert_eq!(bad.parse::<SenderId>(), Err(why), "{bad:?}");
        }
        assert!("123".parse::<SenderId>().expect("digits").is_number());
        assert!(!"12a".parse::<SenderId>().expect("a name").is_number());
    }

    fn read(raw: &str, region: &str, mode: Originators, live: &[&str]) -> Originator {
        Originator::read(raw, region.parse().expect(region), mode, |n| live.contains(&n))
    }

    #[test]
    fn originators_without_plus() {
        use Originator::{Digits, Number};
        use Originators::{Auto, International, National};
        let number = |s: &str| Number(s.to_owned());
        assert_eq!(read("420601123456", "CZ", Auto, &[]), number("+420601123456"));
        assert_eq!(read("601123456", "CZ", Auto, &[]), number("+420601123456"), "national");
        assert_eq!(read("0664123456", "AT", Auto, &[]), number("+43664123456"));
        // +49 30 123456 and, in the US, a ten-digit number would both be readings: the live one wins.
        assert_eq!(read("4930123456", "US", Auto, &[]), number("+4930123456"));
        assert_eq!(read("4930123456", "US", Auto, &["+14930123456"]), number("+14930123456"));
        assert_eq!(read("2025550123", "US", National, &[]), number("+12025550123"));
        assert_eq!(read("2025550123", "US", Auto, &[]), number("+12025550123"), "+20 25550123 is not valid");
        assert_eq!(read("15551234567", "DE", International, &[]), number("+15551234567"));
        assert_eq!(read("12345", "CZ", Auto, &[]), Digits("12345".into()));
        assert_eq!(read("12345", "CZ", Auto, &["12345"]), Digits("12345".into()));
        assert_eq!(read("112", "CZ", Auto, &[]), Digits("112".into()));
    }

    #[test]
    fn originators_with_plus_and_names() {
        use Originator::{Name, Number};
        assert_eq!(read("+1 (202) 555-0123", "CZ", Originators::National, &[]), Number("+12025550123".into()));
        assert_eq!(read("+15551234567", "CZ", Originators::Auto, &[]), Number("+15551234567".into()));
        assert_eq!(read("Acme Bank", "US", Originators::Auto, &[]), Name("Acme Bank".into()));
        assert_eq!(read("A\r\nBcc: x", "US", Originators::Auto, &[]), Name("A  Bcc: x".into()));
        assert_eq!(read("", "US", Originators::Auto, &[]), Name("unknown".into()));
        assert_eq!(read(&"9".repeat(50), "US", Originators::Auto, &[]), Originator::Digits("9".repeat(20)));
    }

    #[test]
    fn debug_masks() {
        assert_eq!(format!("{:?}", Originator::Number("+15551234567".into())), "+1********67");
        assert_eq!(format!("{:?}", Originator::Digits("12345".into())), "***45");
        assert_eq!(format!("{:?}", Originator::Name("Acme".into())), "Name[4]");
    }
}
