//! Phone numbers and short codes.
//!
//! None of these types shows its digits in `Debug`. The number library is heavy to wake; here only [`Number::region`]
//! asks it. What can go wrong: a stored number is taken as it is, whether it exists was asked when it was read.

use std::{fmt, str::FromStr};

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberType};

use super::{Region, memo::Memo};

/// An E.164 number, `+` and at most 15 digits. `Debug` masks it; there is no `Display`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(String);

impl Number {
    /// In E.164 form, `+15551234567`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `+1*******67`: country code and the last two digits, for logs. Asks no library.
    pub fn masked(&self) -> String {
        let digits = &self.0[1..];
        let code = calling_code_len(digits);
        let tail = digits.len().saturating_sub(2).max(code);
        format!("+{}{}{}", &digits[..code], "*".repeat(tail - code), &digits[tail..])
    }

    /// The region the number belongs to; a possible number without one counts as its calling code's main region.
    pub fn region(&self) -> Option<Region> {
        self.kind().region
    }

    /// Premium-rate and shared-cost ranges: calling them earns somebody money.
    pub fn is_premium(&self) -> bool {
        self.kind().premium
    }

    fn kind(&self) -> Kind {
        static KINDS: Memo<Kind> = Memo::new();
        KINDS.get(&self.0, || Kind::of(&self.0))
    }

    /// The national significant number, `5551234567`: without calling code, without a trunk prefix.
    pub fn national(&self) -> String {
        let parsed = PHONE_NUMBER_UTIL.parse(&self.0, None);
        parsed.map_or_else(|_| self.0[1..].to_owned(), |n| n.get_national_significant_number().to_string())
    }

    /// As it is dialled in its own country, digits only: `0701234567`.
    pub fn national_dialled(&self) -> String {
        let parsed = PHONE_NUMBER_UTIL.parse(&self.0, None);
        let written =
            parsed.map_or_else(|_| self.0[1..].to_owned(), |n| n.format_as(PhoneNumberFormat::National).into_owned());
        written.chars().filter(char::is_ascii_digit).collect()
    }

    /// In international form as people write it, `+1 555-123-4567`.
    pub fn formatted(&self) -> String {
        let parsed = PHONE_NUMBER_UTIL.parse(&self.0, None);
        parsed.map_or_else(|_| self.0.clone(), |n| n.format_as(PhoneNumberFormat::International).into_owned())
    }
}

/// What libphonenumber says of a number.
#[derive(Clone, Copy)]
struct Kind {
    region: Option<Region>,
    premium: bool,
}

impl Kind {
    fn of(e164: &str) -> Self {
        let Ok(number) = PHONE_NUMBER_UTIL.parse(e164, None) else { return Self { region: None, premium: false } };
        let region = number
            .get_region_code()
            .or_else(|| PHONE_NUMBER_UTIL.get_region_for_country_code(number.country_code))
            .and_then(Region::of_library);
        let premium = matches!(number.get_type(), PhoneNumberType::PremiumRate | PhoneNumberType::SharedCost);
        Self { region, premium }
    }
}

/// Reads the E.164 form and nothing else; whether the number exists is not asked.
impl FromStr for Number {
    type Err = NumberError;
    fn from_str(s: &str) -> Result<Self, NumberError> {
        let digits = s.strip_prefix('+').ok_or(NumberError::NotANumber)?;
        if digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NumberError::NotANumber);
        }
        match digits.len() {
            0..=3 => Err(NumberError::TooShort),
            4..=15 => Ok(Self(s.to_owned())),
            _ => Err(NumberError::TooLong),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// Octets of the calling code in front of `digits` (ITU-T E.164: zones 1 and 7 have one digit).
fn calling_code_len(digits: &str) -> usize {
    const TWO: &[u8] = b"20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 \
        60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98";
    let bytes = digits.as_bytes();
    let len = match bytes {
        [b'1' | b'7', ..] => 1,
        [a, b, ..] if TWO.chunks(3).any(|code| code[..2] == [*a, *b]) => 2,
        _ => 3,
    };
    len.min(bytes.len())
}

/// 3–6 digits, kept as written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortCode(String);

impl ShortCode {
    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `***45`: the last two digits, for logs.
    pub fn masked(&self) -> String {
        mask_tail(&self.0)
    }
}

/// 3–6 ASCII digits; emergency numbers are the reader's business, see [`super::Numbering::read`].
impl FromStr for ShortCode {
    type Err = NumberError;
    fn from_str(s: &str) -> Result<Self, NumberError> {
        match s.len() {
            _ if !s.bytes().all(|b| b.is_ascii_digit()) => Err(NumberError::NotANumber),
            0..=2 => Err(NumberError::TooShort),
            3..=6 => Ok(Self(s.to_owned())),
            _ => Err(NumberError::TooLong),
        }
    }
}

impl fmt::Debug for ShortCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// All but the last two characters as stars.
pub(super) fn mask_tail(digits: &str) -> String {
    let hidden = digits.chars().count().saturating_sub(2);
    "*".repeat(hidden).chars().chain(digits.chars().skip(hidden)).collect()
}

/// Where a text goes. Serde: the plain string.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Destination {
    Number(Number),
    Short(ShortCode),
}

impl Destination {
    /// `+15551234567` or `12345`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Number(number) => number.as_str(),
            Self::Short(code) => code.as_str(),
        }
    }

    /// Fit for logs.
    pub fn masked(&self) -> String {
        match self {
            Self::Number(number) => number.masked(),
            Self::Short(code) => code.masked(),
        }
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            Self::Short(_) => None,
        }
    }
}

/// Reads back what `as_str` gave.
impl TryFrom<String> for Destination {
    type Error = NumberError;
    fn try_from(s: String) -> Result<Self, NumberError> {
        match s.starts_with('+') {
            true => s.parse().map(Self::Number),
            false => s.parse().map(Self::Short),
        }
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        match destination {
            Destination::Number(Number(s)) | Destination::Short(ShortCode(s)) => s,
        }
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// Why it is no number to send to; `Display` is fit for an SMTP reply (no digits of the number in it).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberError {
    Empty,
    NotANumber,
    TooShort,
    TooLong,
    Impossible,
    Emergency,
    UnknownRegion,
}

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no number given",
            Self::NotANumber => "this is not a phone number",
            Self::TooShort => "the phone number is too short",
            Self::TooLong => "the phone number is too long",
            Self::Impossible => "no such phone number can exist",
            Self::Emergency => "emergency numbers get no texts",
            Self::UnknownRegion => "unknown region",
        })
    }
}

impl std::error::Error for NumberError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_belongs_to_a_region() {
        let region = |s: &str| s.parse::<Number>().expect(s).region().map(|r| r.as_str().to_owned());
        assert_eq!(region("+12025550123").as_deref(), Some("US"));
        assert_eq!(region("+15062345678").as_deref(), Some("CA"));
        assert_eq!(region("+15551234567").as_deref(), Some("US"), "without a region: the main one");
        assert_eq!(region("+999123456789"), None);
    }

    #[test]
    fn logs_see_stars() {
        let number: Number = "+15551234567".parse().expect("number");
        assert_eq!(number.masked(), "+1********67");
        assert_eq!(format!("{number:?}"), "+1********67");
        assert_eq!("+420777123456".parse::<Number>().expect("number").masked(), "+420*******56");
        assert_eq!(Destination::try_from("12345".to_owned()).expect("code").masked(), "***45");
        assert_eq!("+4411".parse::<Number>().expect("number").masked(), "+4411");
    }

    #[test]
    fn stored_forms_read_back_and_nothing_else() {
        for s in ["+15551234567", "12345"] {
            assert_eq!(String::from(Destination::try_from(s.to_owned()).expect(s)), s);
        }
        for bad in ["", "+", "+0123456", "12", "1234567", "+1234567890123456", "abc", "+1 555"] {
            assert!(Destination::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        assert!("us".parse::<Region>().is_ok() && "ZZ".parse::<Region>().is_err() && "".parse::<Region>().is_err());
    }
}
