//! What a prepaid SIM has left: a USSD code asked now and then, its answer searched for an amount.
//!
//! What can go wrong: the answer comes as words, or as hexadecimal digits of UCS-2 or of packed GSM-7.

use std::time::Duration;

use regex::Regex;

use super::answer::hex;
use crate::sms::{
    Alphabet, Dcs,
    national::Tables,
    pack::{pack, unpack},
};

/// When to ask, and what to make of the answer.
#[derive(Debug, Clone)]
pub struct Balance {
    /// `*100#`.
    pub code: String,
    pub every: Duration,
    /// Its first group, or the whole, is the amount.
    pub amount: Regex,
    pub warn_below: Option<f64>,
}

/// The same pattern is the same.
impl PartialEq for Balance {
    fn eq(&self, other: &Self) -> bool {
        let all = |b: &Self| (b.code.clone(), b.every, b.amount.as_str().to_owned(), b.warn_below);
        all(self) == all(other)
    }
}

impl Balance {
    /// The amount in the network's words.
    pub fn find(&self, words: &str) -> Option<f64> {
        let found = self.amount.captures(words)?;
        let digits = found.get(1).or(found.get(0))?.as_str().replace(',', ".");
        digits.parse().ok().filter(|amount: &f64| amount.is_finite())
    }
}

/// A code in digits of packed GSM-7.
pub fn packed(code: &str) -> String {
    let mut octets = Vec::new();
    // A code has digits, `*` and `#`, which are themselves there.
    pack(code.as_bytes(), 0, &mut octets);
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

/// The words of an answer.
pub fn words(text: &str, dcs: u8) -> String {
    let Some(octets) = hex(text).filter(|octets| octets.len() > 3) else { return text.to_owned() };
    let ucs2 = Dcs(dcs).alphabet() == Alphabet::Ucs2 || dcs == 0x11 || octets.chunks_exact(2).all(|pair| pair[0] == 0);
    if ucs2 {
        let units: Vec<u16> = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        return String::from_utf16_lossy(&units);
    }
    let septets = unpack(&octets, 0, octets.len() * 8 / 7);
    Tables::default().read(&septets).trim_end_matches(['\r', '@']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_in_words_of_every_kind() {
        let balance = Balance {
            code: "*100#".to_owned(),
            every: Duration::from_secs(86_400),
            amount: Regex::new(r"(\d+[.,]\d\d) EUR").expect("a pattern"),
            warn_below: Some(2.0),
        };
        for (text, dcs, amount) in [
            ("Balance: 3,50 EUR", 15, Some(3.5)),
            ("0033002C003500300020004500550052", 72, Some(3.5)),
            ("33960B06AAAAD2", 15, None),
            ("nothing here", 15, None),
        ] {
            assert_eq!(balance.find(&words(text, dcs)), amount, "{text}");
        }
        assert_eq!(balance.find(&words(&packed("12.00 EUR"), 15)), Some(12.0));
        assert_eq!(packed("*100#"), "AA180C3602");
    }
}
