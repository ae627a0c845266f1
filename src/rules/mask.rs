//! Named sets of personal data: patterns, those of ours each with a check where digits alone say too little.
//!
//! `cards` are payment card numbers (ISO/IEC 7812: 13 to 19 digits, Luhn's check digit), `iban` account numbers
//! (ISO 13616: check digits modulo 97), `email` mail addresses; a configuration adds others. What is masked keeps its last
//! four characters.

use std::{fmt, sync::LazyLock};

use regex::{Captures, Regex};

/// A named set.
#[derive(Clone)]
pub struct Pii {
    name: String,
    patterns: Vec<Regex>,
    is: fn(&str) -> bool,
}

static CARDS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b\d(?:[ -]?\d){12,18}\b"));
static IBAN: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\b[a-z]{2}\d{2}(?: ?[a-z0-9]){11,30}\b"));
static EMAIL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)[a-z0-9._%+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+"));

fn pattern(written: &str) -> Regex {
    Regex::new(written).expect("invariant: patterns of ours are sound")
}

impl fmt::Debug for Pii {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pii({})", self.name)
    }
}

/// Sets are the same by their patterns.
impl PartialEq for Pii {
    fn eq(&self, other: &Self) -> bool {
        let patterns = |pii: &Self| pii.patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect::<Vec<_>>();
        self.name == other.name && patterns(self) == patterns(other)
    }
}

impl Pii {
    /// The names of those that are always there.
    pub const NAMES: [&str; 3] = ["cards", "iban", "email"];

    /// One of those that are always there.
    pub fn ours(name: &str) -> Option<Self> {
        let (pattern, is): (&Regex, fn(&str) -> bool) = match name {
            "cards" => (&CARDS, luhn),
            "iban" => (&IBAN, modulo_97),
            "email" => (&EMAIL, |_| true),
            _ => return None,
        };
        Some(Self { name: name.to_owned(), patterns: vec![pattern.clone()], is })
    }

    /// A set of other patterns.
    pub fn of(name: &str, patterns: Vec<Regex>) -> Self {
        Self { name: name.to_owned(), patterns, is: |_| true }
    }

    /// The word of rule files.
    pub fn word(&self) -> &str {
        &self.name
    }

    /// Is there any?
    pub fn found_in(&self, text: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.find_iter(text).any(|found| (self.is)(found.as_str())))
    }

    /// The text with every one masked.
    pub fn masked(&self, text: &str) -> String {
        let mask = |found: &Captures<'_>| {
            let found = &found[0];
            if !(self.is)(found) {
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
        self.patterns.iter().fold(text.to_owned(), |text, pattern| pattern.replace_all(&text, mask).into_owned())
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

    fn ours(name: &str) -> Pii {
        Pii::ours(name).expect("one of ours")
    }

    #[test]
    fn cards_are_known_by_their_check_digit() {
        assert_eq!(ours("cards").masked("pay 4111 1111 1111 1111 now"), "pay **** **** **** 1111 now");
        assert_eq!(ours("cards").masked("order 4111 1111 1111 1112"), "order 4111 1111 1111 1112");
        assert!(!ours("cards").found_in("call +1 202 555 0123"));
        assert_eq!(ours("iban").masked("to DE89 3704 0044 0532 0130 00."), "to **** **** **** **** **30 00.");
        assert!(!ours("iban").found_in("DE00 3704 0044 0532 0130 00"));
        assert_eq!(ours("email").masked("ask a.b@example.test"), "ask *.*@*******.test");
    }

    #[test]
    fn other_sets_are_masked_alike() {
        let badges = Pii::of("badges", vec![pattern(r"\bE\d{6}\b"), pattern(r"\bK-\d{4}\b")]);
        assert_eq!(badges.masked("E123456 and K-1234, E12345"), "***3456 and *-1234, E12345");
        assert!(badges.found_in("K-1234") && !badges.found_in("K-123") && badges != ours("cards"));
    }
}
