//! How a provider writes its ids, where reports write them otherwise than answers: hexadecimal here and decimal there.
//!
//! The answer's writing is the one that counts and that people see; what a report says is written as the answer would have
//! it. What can go wrong: digits look like both, so that nothing is guessed: a report's id that is not written as the
//! definition says names nothing. Case and leading zeros are the store's affair, which compares. Pure.

use crate::ground::RemoteId;

/// How ids are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    Hex,
    Decimal,
}

impl Base {
    pub const ALL: [(&'static str, Self); 2] = [("hex", Self::Hex), ("decimal", Self::Decimal)];

    /// The number; at most 128 bits.
    fn read(self, id: &str) -> Option<u128> {
        let (digits, radix) = match self {
            Self::Hex => (id.strip_prefix("0x").or_else(|| id.strip_prefix("0X")).unwrap_or(id), 16),
            Self::Decimal => (id, 10),
        };
        // The reader of numbers would take a sign.
        let sound = digits.bytes().all(|b| b.is_ascii_hexdigit());
        u128::from_str_radix(digits, radix).ok().filter(|_| sound)
    }

    fn write(self, number: u128) -> String {
        match self {
            Self::Hex => format!("{number:x}"),
            Self::Decimal => number.to_string(),
        }
    }
}

/// `[ids]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ids {
    pub answer: Base,
    pub report: Base,
}

impl Ids {
    /// A report's id as the answer wrote it; `None`: it is none.
    pub fn of_report(self, id: &RemoteId) -> Option<RemoteId> {
        self.report.read(id.as_str().trim()).and_then(|number| RemoteId::new(&self.answer.write(number)))
    }

    /// An answer's id as it is kept; `None`: none that a report could name.
    pub fn of_answer(self, id: &RemoteId) -> Option<RemoteId> {
        let written = id.as_str().trim();
        self.answer.read(written)?;
        let small = written.to_ascii_lowercase();
        RemoteId::new(small.strip_prefix("0x").unwrap_or(&small))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> RemoteId {
        RemoteId::new(text).expect("an id")
    }

    #[test]
    fn reports_are_written_as_answers_are() {
        let (hex, decimal) = (Base::Hex, Base::Decimal);
        for (answer, report, given, expected) in [
            (hex, decimal, "6699", Some("1a2b")),
            (hex, decimal, "0000006699", Some("1a2b")),
            (hex, decimal, "18446744073709551615", Some("ffffffffffffffff")),
            (hex, decimal, "0", Some("0")),
            // Not decimal: it may be anybody's.
            (hex, decimal, "1a2b", None),
            (hex, decimal, "+6699", None),
            (hex, decimal, "-1", None),
            (hex, decimal, "6 699", None),
            (hex, decimal, "340282366920938463463374607431768211456", None),
            (decimal, hex, "1A2B", Some("6699")),
            (decimal, hex, "001a2b", Some("6699")),
            (decimal, hex, "0x1A2B", Some("6699")),
            // Digits alone are hexadecimal too, where that is what reports are.
            (decimal, hex, "6699", Some("26265")),
            (decimal, hex, "0x", None),
            (decimal, hex, "SM1", None),
            (decimal, hex, "+1a", None),
            (hex, hex, "00AB", Some("ab")),
            (decimal, decimal, "0042", Some("42")),
        ] {
            let got = Ids { answer, report }.of_report(&id(given));
            assert_eq!(got.as_ref().map(RemoteId::as_str), expected, "{answer:?} {report:?} {given}");
        }
    }

    #[test]
    fn answers_stay_as_they_are_written() {
        let ids = Ids { answer: Base::Hex, report: Base::Decimal };
        for (given, kept) in [("00ab", "00ab"), ("00aB", "00ab"), ("0x1A2B", "1a2b")] {
            assert_eq!(ids.of_answer(&id(given)), Some(id(kept)));
        }
        assert_eq!(ids.of_answer(&id("SM12")), None, "no report could name it");
        let ids = Ids { answer: Base::Decimal, report: Base::Hex };
        assert_eq!(ids.of_answer(&id("0042")), Some(id("0042")));
        assert_eq!(ids.of_answer(&id("1a2b")), None);
    }

    proptest! {
        /// Two numbers never meet, the same always does.
        #[test]
        fn no_two_ids_are_one(one: u128, other: u128) {
            for (answer, report) in [(Base::Hex, Base::Decimal), (Base::Decimal, Base::Hex)] {
                let ids = Ids { answer, report };
                let told = ids.of_report(&id(&report.write(other))).expect("written as reports are");
                prop_assert_eq!(told == id(&answer.write(one)), one == other);
            }
        }
    }
}
