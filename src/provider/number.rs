//! Forms of phone numbers, as providers want and give them.

use crate::address::{Number, Numbering, Region, numbering::Accept};

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `+46701234567`
    E164,
    /// `46701234567`
    Digits,
    /// `0046701234567`
    DoubleZero,
    /// `701234567`
    National,
    /// `0701234567`
    National0,
    /// `tel:+46701234567`
    Tel,
}

impl Form {
    /// As definitions write them.
    pub const ALL: [(&'static str, Self); 6] = [
        ("e164", Self::E164),
        ("digits", Self::Digits),
        ("00", Self::DoubleZero),
        ("national", Self::National),
        ("national0", Self::National0),
        ("tel", Self::Tel),
    ];

    /// Reads the word.
    pub fn read(written: &str) -> Option<Self> {
        Self::ALL.iter().find(|(word, _)| *word == written).map(|(_, form)| *form)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, form)| *form == self).map_or("", |(word, _)| word)
    }

    /// A number in this form. A short code (no `+`) stays as it is.
    pub fn write(self, number: &str) -> String {
        let Some(digits) = number.strip_prefix('+') else { return number.to_owned() };
        let known = || number.parse::<Number>().ok();
        match self {
            Self::E164 => number.to_owned(),
            Self::Digits => digits.to_owned(),
            Self::DoubleZero => format!("00{digits}"),
            Self::Tel => format!("tel:{number}"),
            Self::National => known().map_or_else(|| digits.to_owned(), |number| number.national()),
            Self::National0 => known().map_or_else(|| digits.to_owned(), |number| number.national_dialled()),
        }
    }

    /// The same for a number that somebody typed: separators go, `00` is `+`.
    pub fn write_any(self, written: &str) -> String {
        let digits: String = written.chars().filter(char::is_ascii_digit).collect();
        if digits.is_empty() {
            return written.to_owned();
        }
        let digits = digits.strip_prefix("00").unwrap_or(&digits);
        self.write(&format!("+{digits}"))
    }
}

/// A number as a provider gave it, in the form of Martlet: international ones with `+`. What is no number (names of
/// senders) and short codes stay as they are; national ones are read as of `home`.
pub fn incoming(given: &str, home: Option<Region>) -> String {
    let given = given.trim();
    let bare = given.strip_prefix("tel:").unwrap_or(given);
    let plain: String = bare.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    let (plus, digits) = match plain.strip_prefix('+') {
        Some(digits) => (true, digits),
        None => (false, plain.as_str()),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return given.to_owned();
    }
    if plus {
        return format!("+{digits}");
    }
    if let Some(digits) = digits.strip_prefix("00").filter(|digits| digits.len() > 6) {
        return format!("+{digits}");
    }
    if digits.len() <= 6 {
        return digits.to_owned();
    }
    match home.map(|region| Numbering { region, accept: Accept::Valid }.read(digits)) {
        Some(Ok(reading)) if reading.valid => reading.destination.as_str().to_owned(),
        _ => format!("+{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (form, written) in [
            (Form::E164, "+46701234567"),
            (Form::Digits, "46701234567"),
            (Form::DoubleZero, "0046701234567"),
            (Form::National, "701234567"),
            (Form::National0, "0701234567"),
            (Form::Tel, "tel:+46701234567"),
        ] {
            assert_eq!(form.write("+46701234567"), written);
            assert_eq!(form.write_any("0046 70-123 45 67"), written);
            assert_eq!(form.write("12345"), "12345");
            assert_eq!(Form::read(form.word()), Some(form));
        }
        assert_eq!(Form::National0.write("+15551234567"), "5551234567");
    }

    #[test]
    fn what_comes_in() {
        let us = "US".parse::<Region>().ok();
        let sweden = "SE".parse::<Region>().ok();
        for (given, home, read) in [
            ("+15551234567", None, "+15551234567"),
            ("15551234567", None, "+15551234567"),
            ("0015551234567", None, "+15551234567"),
            ("tel:+15551234567", None, "+15551234567"),
            ("(212) 555-0123", us, "+12125550123"),
            ("0701234567", sweden, "+46701234567"),
            ("46701234567", sweden, "+46701234567"),
            ("12345", sweden, "12345"),
            ("Acme", us, "Acme"),
            ("", us, ""),
        ] {
            assert_eq!(incoming(given, home), read, "{given}");
        }
    }
}
