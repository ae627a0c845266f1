//! What a phone opts out of: a number of ours, or the gateway that has none.
//!
//! Networks write the same number with and without `+`; both are one. As a stored word: `n:15550001111`, `g:main`.

use std::{fmt, str::FromStr};

use crate::ground::GatewayId;

/// One of ours that a phone may not want texts from.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Ours {
    /// Without its `+`.
    Number(String),
    /// A gateway without a number.
    Gateway(GatewayId),
}

impl Ours {
    /// Of a gateway, and its number where it has one.
    pub fn of(gateway: &GatewayId, number: Option<&str>) -> Self {
        number.and_then(Self::number).unwrap_or_else(|| Self::Gateway(gateway.clone()))
    }

    /// A number as somebody wrote it; `None` where nothing is left of it.
    pub fn number(written: &str) -> Option<Self> {
        let bare: String =
            written.trim().trim_start_matches('+').chars().filter(|c| !c.is_control()).take(64).collect();
        (!bare.is_empty()).then_some(Self::Number(bare))
    }

    /// For people: the number, or the gateway's name.
    pub fn shown(&self) -> String {
        match self {
            Self::Number(bare) if bare.len() > 6 && bare.bytes().all(|b| b.is_ascii_digit()) => format!("+{bare}"),
            Self::Number(bare) => bare.clone(),
            Self::Gateway(id) => format!("gateway {id}"),
        }
    }
}

impl fmt::Display for Ours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(bare) => write!(f, "n:{bare}"),
            Self::Gateway(id) => write!(f, "g:{id}"),
        }
    }
}

/// Without the number.
impl fmt::Debug for Ours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(bare) => write!(f, "Number([{}])", bare.len()),
            Self::Gateway(id) => write!(f, "Gateway({id})"),
        }
    }
}

impl FromStr for Ours {
    type Err = &'static str;
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        const WHY: &str = "n:NUMBER or g:GATEWAY";
        match word.split_once(':') {
            Some(("n", number)) => Self::number(number).ok_or(WHY),
            Some(("g", id)) => id.parse().map(Self::Gateway).map_err(|_| WHY),
            _ => Err(WHY),
        }
    }
}

impl TryFrom<String> for Ours {
    type Error = &'static str;
    fn try_from(word: String) -> Result<Self, Self::Error> {
        word.parse()
    }
}

impl From<Ours> for String {
    fn from(ours: Ours) -> Self {
        ours.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_however_it_is_written() {
        let main: GatewayId = "main".parse().expect("an id");
        let plus = Ours::of(&main, Some("+15550001111"));
        assert_eq!(plus, Ours::of(&main, Some("15550001111")));
        assert_eq!(plus.shown(), "+15550001111");
        assert_eq!(Ours::of(&main, Some("46645")).shown(), "46645");
        assert_eq!(Ours::of(&main, None), Ours::Gateway(main.clone()));
        assert_eq!(Ours::of(&main, Some(" + ")), Ours::Gateway(main));
    }

    #[test]
    fn stored_words_read_back_and_debug_hides_the_number() {
        for word in ["n:15550001111", "g:15550001111", "n:46645"] {
            assert_eq!(word.parse::<Ours>().expect(word).to_string(), word);
        }
        for bad in ["", "15550001111", "n:", "g:", "x:1"] {
            assert!(bad.parse::<Ours>().is_err(), "{bad}");
        }
        assert!(!format!("{:?}", Ours::number("+15550001111")).contains("1555"));
    }
}
