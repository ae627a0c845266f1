//! National language tables of GSM-7 (TS 23.038 Annex A): locking tables A.3, single shift tables A.2.
//!
//! Each table is given as runs of consecutive characters that stand on top of a common base. What can go wrong: printed
//! editions have wrong cells (Kannada locking 0x24, Tamil single 0x24, Telugu single 0x22); here is what phones show.

#[rustfmt::skip]
mod runs;

use std::sync::LazyLock;

use self::runs::*;
use super::alphabet::{DEFAULT, ESCAPE, EXTENSION};

/// Septet, first character, number of characters that follow each other.
type Runs = &'static [(u8, char, u8)];

/// A table both ways. NUL stands where it has nothing.
pub(super) struct Table {
    pub chars: [char; 128],
    /// By character.
    index: Vec<(char, u8)>,
}

impl Table {
    fn new(mut chars: [char; 128], layers: &[Runs]) -> Self {
        for &(septet, first, count) in layers.iter().copied().flatten() {
            for (cell, c) in chars[usize::from(septet)..].iter_mut().zip(first..).take(usize::from(count)) {
                *cell = c;
            }
        }
        chars[usize::from(ESCAPE)] = '\0';
        let mut index: Vec<_> = chars.into_iter().zip(0..).filter(|&(c, _)| c != '\0').collect();
        index.sort_unstable();
        index.dedup_by_key(|entry| entry.0);
        Self { chars, index }
    }

    /// The septet of a character.
    pub fn septet(&self, c: char) -> Option<u8> {
        let at = self.index.binary_search_by_key(&c, |entry| entry.0).ok()?;
        Some(self.index[at].1)
    }
}

/// Locking tables by language identifier; 0 is the default alphabet, and so is 2, for which A.3.2 defines none.
pub(super) static LOCKING: LazyLock<[Table; 14]> = LazyLock::new(|| {
    let latin = |runs: Runs| Table::new(DEFAULT, &[runs]);
    let indic = |runs: Runs| Table::new(['\0'; 128], &[INDIC_LOCKING, runs]);
    [
        latin(&[]),
        latin(TURKISH_LOCKING),
        latin(&[]),
        latin(PORTUGUESE_LOCKING),
        indic(BENGALI_LOCKING),
        indic(GUJARATI_LOCKING),
        indic(HINDI_LOCKING),
        indic(KANNADA_LOCKING),
        indic(MALAYALAM_LOCKING),
        indic(ORIYA_LOCKING),
        indic(PUNJABI_LOCKING),
        indic(TAMIL_LOCKING),
        indic(TELUGU_LOCKING),
        indic(URDU_LOCKING),
    ]
});

/// Single shift tables by language identifier; 0 is the default extension table.
pub(super) static SINGLE: LazyLock<[Table; 14]> = LazyLock::new(|| {
    let mut extension = ['\0'; 128];
    for (septet, c) in EXTENSION {
        extension[usize::from(septet)] = c;
    }
    let latin = |runs: Runs| Table::new(extension, &[runs]);
    let indic = |runs: Runs| Table::new(['\0'; 128], &[INDIC_SINGLE, runs]);
    [
        latin(&[]),
        latin(TURKISH_SINGLE),
        latin(SPANISH_SINGLE),
        latin(PORTUGUESE_SINGLE),
        indic(BENGALI_SINGLE),
        indic(GUJARATI_SINGLE),
        indic(HINDI_SINGLE),
        indic(KANNADA_SINGLE),
        indic(MALAYALAM_SINGLE),
        indic(ORIYA_SINGLE),
        indic(PUNJABI_SINGLE),
        indic(TAMIL_SINGLE),
        indic(TELUGU_SINGLE),
        indic(URDU_SINGLE),
    ]
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_found_again() {
        for table in LOCKING.iter().chain(SINGLE.iter()) {
            for &c in table.chars.iter().filter(|&&c| c != '\0') {
                let septet = table.septet(c).expect("its character");
                assert_eq!(table.chars[usize::from(septet)], c);
            }
        }
    }

    /// What cutting relies on: line ends, blanks and full stops are there whatever the language.
    #[test]
    fn line_ends_and_stops_are_everywhere() {
        for table in LOCKING.iter() {
            for c in "\n\r .0123456789abcxyz".chars() {
                assert_eq!(table.septet(c), LOCKING[0].septet(c), "{c:?}");
            }
        }
    }

    #[test]
    fn cells_that_editions_and_libraries_get_wrong() {
        for (language, septet, c) in
            [(1, 0x0b, 'Ğ'), (3, 0x15, '∞'), (6, 0x00, '\u{901}'), (7, 0x24, '\u{ca1}'), (8, 0x2e, '.')]
        {
            assert_eq!(LOCKING[language].chars[septet], c);
        }
        for (language, septet, c) in [
            (1, 0x49, 'İ'),
            (2, 0x09, 'ç'),
            (3, 0x16, 'Π'),
            (7, 0x3c, '['),
            (11, 0x24, '\u{bee}'),
            (12, 0x22, '\u{c6c}'),
            (12, 0x65, '€'),
            (13, 0x19, '\u{600}'),
        ] {
            assert_eq!(SINGLE[language].chars[septet], c);
        }
    }
}
