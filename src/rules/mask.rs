//! Named sets of personal data: patterns, each with a check where digits alone say too little.
//!
//! `cards` are payment card numbers (ISO/IEC 7812: 13 to 19 digits, Luhn's check digit), `iban` account numbers
//! (ISO 13616: check digits modulo 97), `email` mail addresses. What is masked keeps its last four characters.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// A named set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pii {
    Cards,
    Iban,
    Email,
}

static CARDS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b\d(?:[ -]?\d){12,18}\b"));
static IBAN: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\b[a-z]{2}\d{2}(?: ?[a-z0-9]){11,30}\b"));
static EMAIL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)[a-z0-9._%+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+"));

fn pattern(written: &str) -> Regex {
    Regex::new(written).expect("invariant: patterns of ours are sound")
}

impl Pii {
    pub const ALL: [Self; 3] = [Self::Cards, Self::Iban, Self::Email];

    /// The word of rule files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cards => "cards",
            Self::Iban => "iban",
            Self::Email => "email",
        }
    }

    /// Reads the word.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.word() == word)
    }

    fn pattern(self) -> &'static Regex {
        match self {
            Self::Cards => &CARDS,
            Self::Iban => &IBAN,
            Self::Email => &EMAIL,
        }
    }

    fn is(self, found: &str) -> bool {
        match self {
            Self::Cards => luhn(found),
            Self::Iban => modulo_97(found),
            Self::Email => true,
        }
    }

    /// Is there any?
    pub fn found_in(self, text: &str) -> bool {
        self.pattern().find_iter(text).any(|found| self.is(found.as_str()))
    }

    /// The text with every one masked.
    pub fn masked(self, text: &str) -> String {
        let mask = |found: &Captures<'_>| {
            let found = &found[0];
            if !self.is(found) {
                return found.to_owned();
            }
            let keep = found.chars().filter(|c| c.is_alphanumeric()).count().saturating_sub(4);
            let mut seen = 0;
            let hide = |c: char| {
                seen += usize::from(c.is_alphanumeric());
                if c.is_alphanumeric() && seen <= keep { '*' } else { c }
            };
            found.chars().map(hide).collect()
        };
        self.pattern().replace_all(text, mask).into_owned()
    }
}

fn luhn(written: &str) -> bool {
    let digits = written.bytes().rev().filter(u8::is_ascii_digit).map(|b| u32::from(b - b'0'));
    let sum: u32 = digits.enumerate().map(|(i, d)| if i % 2 == 1 { d * 2 / 10 + d * 2 % 10 } else { d }).sum();
    sum.is_multiple_of(10)
}

fn modulo_97(written: &str) -> bool {
    let plain: Vec<u8> = written.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_uppercase()).collect();
    let rotated = plain[4..].iter().chain(&plain[..4]);
    let rest = rotated.fold(0u32, |rest, b| match b {
        b'0'..=b'9' => (rest * 10 + u32::from(b - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter - b'A') + 10) % 97,
    });
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_known_by_their_check_digit() {
        assert_eq!(Pii::Cards.masked("pay 4111 1111 1111 1111 now"), "pay **** **** **** 1111 now");
        assert_eq!(Pii::Cards.masked("order 4111 1111 1111 1112"), "order 4111 1111 1111 1112");
        assert!(!Pii::Cards.found_in("call +1 202 555 0123"));
        assert_eq!(Pii::Iban.masked("to DE89 3704 0044 0532 0130 00."), "to **** **** **** **** **30 00.");
        assert!(!Pii::Iban.found_in("DE00 3704 0044 0532 0130 00"));
        assert_eq!(Pii::Email.masked("ask a.b@example.test"), "ask *.*@*******.test");
    }
}
