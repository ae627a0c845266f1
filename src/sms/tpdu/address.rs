//! Addresses of TPDUs (TS 23.040 9.1.2.5): type, plan, and digits or a name.
//!
//! What can go wrong: the length of TP-OA, TP-DA and TP-RA counts semi-octets, so a name of 7 characters has length 13
//! and no eighth character (`@`); the length of a service centre's address counts octets, its type included. Semi-octets
//! A to E are `*`, `#`, `a`, `b`, `c`. A number without `+` is of unknown type: short codes are not international.

use std::fmt;

use super::{Reader, TpduError};
use crate::sms::{
    national::Tables,
    pack::{pack, unpack},
};

/// What semi-octets mean; F ends the digits.
const SIGNS: &[u8; 15] = b"0123456789*#abc";
/// Most semi-octets of an address: ten octets.
const MOST: usize = 20;

/// Type of number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Ton {
    Unknown = 0,
    International = 1,
    National = 2,
    Network = 3,
    Subscriber = 4,
    Alphanumeric = 5,
    Abbreviated = 6,
    Reserved = 7,
}

impl Ton {
    fn of(toa: u8) -> Self {
        match toa >> 4 & 7 {
            0 => Self::Unknown,
            1 => Self::International,
            2 => Self::National,
            3 => Self::Network,
            4 => Self::Subscriber,
            5 => Self::Alphanumeric,
            6 => Self::Abbreviated,
            _ => Self::Reserved,
        }
    }
}

/// An address as a TPDU has it. `Debug` shows only its type and length.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub ton: Ton,
    /// Numbering plan, 4 bits: 0 unknown, 1 E.164, 9 private.
    pub npi: u8,
    /// Digits and `*#abc` without `+`, or the characters of a name.
    value: String,
}

impl Address {
    /// A number: with `+` international, without it of unknown type; `None` where it has no digits, more than 20, or
    /// other signs.
    pub fn number(written: &str) -> Option<Self> {
        let (ton, digits) = match written.strip_prefix('+') {
            Some(digits) => (Ton::International, digits),
            None => (Ton::Unknown, written),
        };
        let sound = (1..=MOST).contains(&digits.len()) && digits.bytes().all(|c| SIGNS.contains(&c));
        sound.then(|| Self { ton, npi: 1, value: digits.to_owned() })
    }

    /// No address: of unknown type, without digits.
    pub fn none() -> Self {
        Self { ton: Ton::Unknown, npi: 1, value: String::new() }
    }

    /// Digits without `+`, or the name.
    pub fn as_str(&self) -> &str {
        &self.value
    }

    /// As the other rooms write numbers: with `+` where it is international.
    pub fn written(&self) -> String {
        if self.ton == Ton::International { format!("+{}", self.value) } else { self.value.clone() }
    }

    /// The type-of-address octet.
    pub fn toa(&self) -> u8 {
        0x80 | (self.ton as u8) << 4 | self.npi & 0x0f
    }

    /// Length in semi-octets, type, value.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), TpduError> {
        if self.ton == Ton::Alphanumeric {
            let septets = Tables::default().write(&self.value).ok_or(TpduError::Address)?;
            let semi = (septets.len() * 7).div_ceil(4);
            if semi > MOST {
                return Err(TpduError::Address);
            }
            out.extend([semi.to_le_bytes()[0], self.toa()]);
            pack(&septets, 0, out);
            return Ok(());
        }
        out.extend([self.value.len().to_le_bytes()[0], self.toa()]);
        self.write_digits(out);
        Ok(())
    }

    fn write_digits(&self, out: &mut Vec<u8>) {
        let semi = |c: u8| match c {
            b'0'..=b'9' => c - b'0',
            b'*' => 10,
            b'#' => 11,
            _ => 12 + (c - b'a').min(2),
        };
        for pair in self.value.as_bytes().chunks(2) {
            let high = pair.get(1).map_or(0x0f, |c| semi(*c));
            out.push(high << 4 | semi(pair[0]));
        }
    }

    /// TP-OA, TP-DA or TP-RA.
    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, TpduError> {
        let (semi, toa) = (usize::from(from.octet()?), from.octet()?);
        let octets = from.octets(semi.div_ceil(2))?;
        Ok(Self::of(toa, octets, semi))
    }

    fn of(toa: u8, octets: &[u8], semi: usize) -> Self {
        let ton = Ton::of(toa);
        let value = match ton {
            Ton::Alphanumeric => Tables::default().read(&unpack(octets, 0, semi * 4 / 7)),
            _ => digits(octets, semi),
        };
        Self { ton, npi: toa & 0x0f, value }
    }

    /// The service centre in front of a TPDU: length in octets, type, digits. `None`: the modem's own.
    pub(super) fn read_smsc(from: &mut Reader<'_>) -> Result<Option<Self>, TpduError> {
        let length = usize::from(from.octet()?);
        let Some((toa, octets)) = from.octets(length)?.split_first() else { return Ok(None) };
        Ok(Some(Self::of(*toa, octets, octets.len() * 2)))
    }

    /// The service centre's address with its length octet.
    pub fn write_smsc(&self, out: &mut Vec<u8>) {
        out.extend([(1 + self.value.len().div_ceil(2)).to_le_bytes()[0], self.toa()]);
        self.write_digits(out);
    }
}

/// Digits of semi-octets, lower one first, up to the first filler.
fn digits(octets: &[u8], semi: usize) -> String {
    let nibbles = octets.iter().flat_map(|octet| [octet & 0x0f, octet >> 4]);
    nibbles.take(semi).map_while(|nibble| SIGNS.get(usize::from(nibble))).map(|sign| char::from(*sign)).collect()
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}[{}]", self.ton, self.value.chars().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &[u8]) -> Address {
        Address::read(&mut Reader::new(octets)).expect("an address")
    }

    #[test]
    fn numbers_there_and_back() {
        for (written, octets) in [
            ("+33612345678", &[0x0b, 0x91, 0x33, 0x16, 0x32, 0x54, 0x76, 0xf8][..]),
            ("1234", &[4, 0x81, 0x21, 0x43]),
            ("*#abc", &[5, 0x81, 0xba, 0xdc, 0xfe]),
            ("10683767499500458748", &[20, 0x81, 0x01, 0x86, 0x73, 0x76, 0x94, 0x59, 0x00, 0x54, 0x78, 0x84]),
        ] {
            let address = Address::number(written).expect(written);
            let mut out = Vec::new();
            address.write(&mut out).expect("written");
            assert_eq!(out, octets, "{written}");
            assert_eq!((read(octets), read(octets).written().as_str()), (address, written));
        }
        for bad in ["", "+", "12 34", "123456789012345678901", "1d", "++1"] {
            assert_eq!(Address::number(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_have_no_ghosts() {
        let octets = [0x0d, 0xd0, 0xcd, 0xf2, 0x39, 0x6c, 0x7e, 0xbb, 0x01];
        let name = read(&octets);
        assert_eq!((name.ton, name.as_str()), (Ton::Alphanumeric, "Megafon"));
        let mut out = Vec::new();
        name.write(&mut out).expect("written");
        assert_eq!(out, octets);
        assert_eq!(read(&[0x06, 0xd0, 0x4f, 0x59, 0x04]).as_str(), "O2_");
    }

    #[test]
    fn fillers_end_the_digits() {
        assert_eq!(read(&[3, 0x81, 0x21, 0xf3]).as_str(), "123");
        assert_eq!(read(&[3, 0x81, 0x21, 0x03]).as_str(), "123", "filled with 0");
        assert_eq!(read(&[4, 0x81, 0x21, 0xf3]).as_str(), "123", "the length counts the filler");
        assert_eq!(read(&[0, 0x81]).as_str(), "");
        assert_eq!(Address::read(&mut Reader::new(&[9, 0x81, 1])), Err(TpduError::Short));
    }

    #[test]
    fn service_centres() {
        let mut out = Vec::new();
        Address::number("+447802000332").expect("a number").write_smsc(&mut out);
        assert_eq!(out, [7, 0x91, 0x44, 0x87, 0x20, 0x00, 0x30, 0x23]);
        let smsc = Address::read_smsc(&mut Reader::new(&out)).expect("an address").expect("one");
        assert_eq!(smsc.written(), "+447802000332");
        assert_eq!(Address::read_smsc(&mut Reader::new(&[0])), Ok(None));
    }
}
