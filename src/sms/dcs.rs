//! Data coding scheme (TS 23.038 clause 4): alphabet, class, message waiting.
//!
//! What can go wrong: reading the alphabet from bits 3 and 2 in every group. 0xFB is GSM-7, not UCS-2; 0xC8 is GSM-7 and
//! a voice mail. Reserved codings are read as GSM-7.

use super::Alphabet;

/// The octet as it stands in a TPDU; every value means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dcs(pub u8);

/// What a phone is to show for a message-waiting indication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    pub active: bool,
    /// 0 voice mail, 1 fax, 2 e-mail, 3 other.
    pub kind: u8,
    /// The text is to be kept.
    pub store: bool,
}

impl Dcs {
    /// The plain coding of an alphabet, without a class.
    pub fn plain(alphabet: Alphabet) -> Self {
        Self(match alphabet {
            Alphabet::Gsm7 => 0x00,
            Alphabet::Binary => 0x04,
            Alphabet::Ucs2 => 0x08,
        })
    }

    /// How the octets are read. Compressed text is data to us.
    pub fn alphabet(self) -> Alphabet {
        match self.0 >> 4 {
            0x0..=0x7 if self.0 & 0x20 != 0 => Alphabet::Binary,
            0x0..=0x7 => match self.0 >> 2 & 3 {
                1 => Alphabet::Binary,
                2 => Alphabet::Ucs2,
                _ => Alphabet::Gsm7,
            },
            0xe => Alphabet::Ucs2,
            0xf if self.0 & 4 != 0 => Alphabet::Binary,
            _ => Alphabet::Gsm7,
        }
    }

    /// Class 0 (shown at once) to 3, where there is one.
    pub fn class(self) -> Option<u8> {
        match self.0 >> 4 {
            0x0..=0x7 if self.0 & 0x10 != 0 => Some(self.0 & 3),
            0xf => Some(self.0 & 3),
            _ => None,
        }
    }

    pub fn waiting(self) -> Option<Waiting> {
        let store = match self.0 >> 4 {
            0xc => false,
            0xd | 0xe => true,
            _ => return None,
        };
        Some(Waiting { active: self.0 & 8 != 0, kind: self.0 & 3, store })
    }

    /// The same meaning with another alphabet: what the octets are is said truly, class and indication stay where the
    /// standard has them for that alphabet.
    #[must_use]
    pub fn with_alphabet(self, alphabet: Alphabet) -> Self {
        if self.alphabet() == alphabet {
            return self;
        }
        let plain = Self::plain(alphabet).0;
        match (self.waiting(), alphabet) {
            (Some(_), Alphabet::Ucs2) => Self(0xe0 | self.0 & 0x0f),
            (Some(_), Alphabet::Gsm7) => Self(0xd0 | self.0 & 0x0f),
            _ => Self(self.class().map_or(plain, |class| plain | 0x10 | class)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups() {
        use Alphabet::{Binary, Gsm7, Ucs2};
        for (dcs, alphabet, class) in [
            (0x00, Gsm7, None),
            (0x03, Gsm7, None),
            (0x04, Binary, None),
            (0x08, Ucs2, None),
            (0x0c, Gsm7, None),
            (0x10, Gsm7, Some(0)),
            (0x19, Ucs2, Some(1)),
            (0x20, Binary, None),
            (0x48, Ucs2, None),
            (0x54, Binary, Some(0)),
            (0x88, Gsm7, None),
            (0xb4, Gsm7, None),
            (0xc8, Gsm7, None),
            (0xd8, Gsm7, None),
            (0xe0, Ucs2, None),
            (0xf0, Gsm7, Some(0)),
            (0xf5, Binary, Some(1)),
            (0xfb, Gsm7, Some(3)),
        ] {
            assert_eq!((Dcs(dcs).alphabet(), Dcs(dcs).class()), (alphabet, class), "{dcs:02X}");
        }
        assert_eq!(Dcs(0xc8).waiting(), Some(Waiting { active: true, kind: 0, store: false }));
        assert_eq!(Dcs(0xd1).waiting(), Some(Waiting { active: false, kind: 1, store: true }));
        assert_eq!(Dcs(0xf8).waiting(), None);
    }

    #[test]
    fn the_alphabet_is_said_truly() {
        for dcs in 0..=255 {
            for alphabet in [Alphabet::Gsm7, Alphabet::Ucs2, Alphabet::Binary] {
                let changed = Dcs(dcs).with_alphabet(alphabet);
                assert_eq!(changed.alphabet(), alphabet, "{dcs:02X}");
                let kept = changed.class() == Dcs(dcs).class();
                assert!(kept || Dcs(dcs).alphabet() == alphabet, "{dcs:02X}");
            }
        }
        assert_eq!(Dcs(0x10).with_alphabet(Alphabet::Ucs2), Dcs(0x18));
        assert_eq!(Dcs(0xc9).with_alphabet(Alphabet::Ucs2), Dcs(0xe9));
    }
}
