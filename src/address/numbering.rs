//! Reading numbers as people write them.
//!
//! A person writes a number in a hundred ways; here it becomes one. libphonenumber's data (through `rlibphonenumber`)
//! says what is valid where. That library takes a while to wake, so nothing touches it before the first number is read, and
//! its patterns are slow, so what was read lately is remembered. Emergency numbers are refused before anything else is asked. What can go wrong: a number may
//! be possible without being valid (new ranges), see [`Accept`].

use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, ValidationError};

use super::{Destination, Number, NumberError, Region, memo::Memo, region};

/// Which numbers are accepted (`sms.numbers`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accept {
    /// Valid ones anywhere, and merely possible ones under the calling code of `sms.region`.
    #[default]
    Possible,
    /// Valid ones.
    Valid,
}

/// How numbers are read: `sms.region` and `sms.numbers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbering {
    pub region: Region,
    pub accept: Accept,
}

/// What a written number means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub destination: Destination,
    /// Valid by libphonenumber's data (not merely possible).
    pub valid: bool,
}

/// Longest number as written, separators, `tel:` and extension included, octets.
const LONGEST: usize = 128;

impl Numbering {
    /// Reads a number as a person writes it: separators, `00` or `011` as dialled in the region, `tel:` (RFC 3966).
    ///
    /// Emergency numbers are refused always. A valid reading wins; else 3–6 digits are a short code.
    ///
    /// # Errors
    /// [`NumberError`], with the reason for the sender.
    pub fn read(&self, written: &str) -> Result<Reading, NumberError> {
        static READ: Memo<Result<Reading, NumberError>> = Memo::new();
        let written = written.trim();
        let question = format!("{}{:?} {written}", self.region.as_str(), self.accept);
        READ.get(&question, || self.ask(written))
    }

    fn ask(&self, written: &str) -> Result<Reading, NumberError> {
        check_shape(written)?;
        let digits = bare_digits(written);
        if digits.as_deref().is_some_and(|d| region::is_emergency(d, self.region.as_str())) {
            return Err(NumberError::Emergency);
        }
        let full = self.read_full(written, 4);
        match (&full, digits) {
            (Ok(reading), _) if reading.valid => full,
            (Err(NumberError::Emergency), _) => full,
            (_, Some(digits)) if (3..=6).contains(&digits.len()) => {
                Ok(Reading { destination: Destination::Short(digits.parse()?), valid: false })
            }
            _ => full,
        }
    }

    /// Reads a full number, national or international.
    fn read_full(&self, written: &str, rounds: u8) -> Result<Reading, NumberError> {
        let number = PHONE_NUMBER_UTIL.parse(written, self.region.to_library()).map_err(|e| parse_error(&e))?;
        let national = number.get_national_significant_number();
        let region = number.get_region_code();
        if region
            .or(self.region.to_library())
            .is_some_and(|r| region::is_emergency(&national, r.as_region_str().as_str()))
        {
            return Err(NumberError::Emergency);
        }
        let valid = number.is_valid();
        if !valid {
            possible(&number)?;
            if self.accept == Accept::Valid || !self.shares_calling_code(&number) {
                return Err(NumberError::Impossible);
            }
        }
        let e164: Number = number.format_as(PhoneNumberFormat::E164).parse()?;
        // A zero too many can be left over in a merely possible number, one less each time it is read. One number has
        // one spelling: read on until nothing changes.
        match rounds {
            _ if valid || e164.as_str() == written => {}
            0 => return Err(NumberError::Impossible),
            _ => return self.read_full(e164.as_str(), rounds - 1),
        }
        Ok(Reading { destination: Destination::Number(e164), valid })
    }

    fn shares_calling_code(&self, number: &PhoneNumber) -> bool {
        self.region.to_library().and_then(|r| PHONE_NUMBER_UTIL.get_country_code_for_region(r))
            == Some(number.country_code)
    }
}

/// Refuses what no number looks like before the library, which is lenient, sees it: it would find a number inside
/// of `bob5551234567`.
fn check_shape(written: &str) -> Result<(), NumberError> {
    if written.is_empty() {
        return Err(NumberError::Empty);
    }
    if written.len() > LONGEST {
        return Err(NumberError::TooLong);
    }
    let number = match written.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => &written[4..],
        _ => written,
    };
    let opens = |c: char| matches!(c, '+' | '＋' | '(' | '（' | '[') || c.is_numeric();
    if !number.starts_with(opens) || number.contains(char::is_control) {
        return Err(NumberError::NotANumber);
    }
    // One or two letters outside of an extension are a slip; three make a vanity number (`1-800-FLOWERS`).
    let (number, _) = number.split_once(';').unwrap_or((number, ""));
    let plain = strip_extension(number);
    match plain.chars().filter(|c| c.is_alphabetic()).count() {
        0 | 3.. => Ok(()),
        _ => Err(NumberError::NotANumber),
    }
}

/// Without `x123` or `ext. 123` at the end.
fn strip_extension(number: &str) -> &str {
    let head = number.trim_end_matches(|c: char| c.is_ascii_digit());
    let head = head.trim_end_matches([' ', '.', ':']);
    let lower = head.to_ascii_lowercase();
    ["extension", "ext", "x"]
        .iter()
        .find_map(|word| lower.ends_with(word).then(|| &head[..head.len() - word.len()]))
        .filter(|_| head.len() < number.len())
        .unwrap_or(number)
}

/// The digits, where nothing but digits and visual separators was written (RFC 3966 `visual-separator`, blanks).
fn bare_digits(written: &str) -> Option<String> {
    let mut digits = String::with_capacity(written.len());
    for c in written.chars() {
        match c {
            '0'..='9' => digits.push(c),
            '０'..='９' => digits.push(char::from(b'0' + (c as u32 - '０' as u32) as u8)),
            '-' | '.' | '(' | ')' | ' ' | '\u{a0}' | '\u{2010}'..='\u{2015}' => {}
            _ => return None,
        }
    }
    Some(digits)
}

fn possible(number: &PhoneNumber) -> Result<(), NumberError> {
    match number.is_possible_with_reason() {
        Ok(NumberLengthType::IsPossible) => Ok(()),
        // Fit for dialling next door only: nothing that E.164 could carry.
        Ok(NumberLengthType::IsPossibleLocalOnly) | Err(ValidationError::TooShort) => Err(NumberError::TooShort),
        Err(ValidationError::TooLong) => Err(NumberError::TooLong),
        Err(_) => Err(NumberError::Impossible),
    }
}

fn parse_error(error: &rlibphonenumber::ParseError) -> NumberError {
    use rlibphonenumber::ParseError as E;
    match error {
        E::TooShortAfterIdd | E::TooShortNsn => NumberError::TooShort,
        E::TooLongNsn => NumberError::TooLong,
        E::InvalidCountryCode => NumberError::Impossible,
        E::NotANumber(_) => NumberError::NotANumber,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbering(region: &str, accept: Accept) -> Numbering {
        Numbering { region: region.parse().expect(region), accept }
    }

    fn read(region: &str, written: &str) -> Result<(String, bool), NumberError> {
        let reading = numbering(region, Accept::Possible).read(written)?;
        Ok((reading.destination.into(), reading.valid))
    }

    #[test]
    fn one_number_has_many_spellings() {
        let us = [
            "+12025550123",
            "+1 (202) 555-0123",
            "+1.202.555.0123",
            "12025550123",
            "2025550123",
            "01112025550123",
            "tel:+1-202-555-0123",
            "+1-202-555-0123;ext=5",
            "+1 202 555 0123 x12",
            "(202) 555-0123",
            "＋１２０２５５５０１２３",
        ];
        for written in us {
            assert_eq!(read("US", written), Ok(("+12025550123".into(), true)), "{written}");
        }
        assert_eq!(read("DE", "0012025550123"), Ok(("+12025550123".into(), true)));
        assert_eq!(read("IT", "06 12345678"), Ok(("+390612345678".into(), true)));
        assert_eq!(read("US", "+1 800 FLOWERS"), Ok(("+18003569377".into(), true)));
    }

    #[test]
    fn merely_possible_numbers_count_at_home_only() {
        assert_eq!(read("US", "+15551234567"), Ok(("+15551234567".into(), false)));
        assert_eq!(read("CA", "+15551234567"), Ok(("+15551234567".into(), false)), "the calling code counts");
        assert_eq!(read("CZ", "+15551234567"), Err(NumberError::Impossible));
        assert_eq!(numbering("US", Accept::Valid).read("+15551234567"), Err(NumberError::Impossible));
        assert_eq!(read("US", "+15550100"), Err(NumberError::TooShort), "local only");
    }

    #[test]
    fn zeros_too_many_are_one_number() {
        let expected = read("DE", "+49015112345678");
        assert_eq!(expected, Ok(("+4915112345678".into(), true)));
        assert_eq!(read("DE", "+490(0) 151 12345678"), expected);
    }

    #[test]
    fn short_codes_are_kept_as_written() {
        assert_eq!(read("CZ", "12345"), Ok(("12345".into(), false)));
        assert_eq!(read("US", "046-36"), Ok(("04636".into(), false)));
        assert_eq!(read("US", "+12345").map_err(|e| e != NumberError::NotANumber), Err(true));
        assert_eq!(read("US", "12"), Err(NumberError::TooShort));
    }

    #[test]
    fn nobody_texts_for_help_by_mistake() {
        for (region, written) in
            [("US", "911"), ("US", "9-1-1"), ("DE", "112"), ("AT", "144"), ("US", "１１２"), ("AU", "000")]
        {
            assert_eq!(read(region, written), Err(NumberError::Emergency), "{written}");
        }
        for (region, written) in [("DE", "+49112"), ("US", "+1911"), ("AT", "+43 144"), ("DE", "tel:112")] {
            assert!(read(region, written).is_err(), "{written}");
        }
    }

    #[test]
    fn words_are_no_numbers() {
        for written in
            ["abc", "bob2025550123", "2025550123a", "*100#", "#31#777123456", "+", "()", "+1\r\n2025550123", "½½½½"]
        {
            assert_eq!(read("US", written), Err(NumberError::NotANumber), "{written}");
        }
        assert_eq!(read("US", "  "), Err(NumberError::Empty));
        assert_eq!(read("US", &"1".repeat(200)), Err(NumberError::TooLong));
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_is_stable(written in "\\PC{0,40}|[+0-9 ().-]{0,30}") {
            if let Ok(reading) = numbering("US", Accept::Possible).read(&written)
                && reading.valid
            {
                let again = numbering("DE", Accept::Possible).read(reading.destination.as_str());
                prop_assert_eq!(again, Ok(reading));
            }
        }
    }
}
