//! Which phones a gateway serves, and what a segment to them costs.
//!
//! Numbers are told apart by how they begin, or by the region that they belong to; only the latter asks the number
//! library. Short codes have no `+` and no region.

use std::{collections::HashMap, str::FromStr};

use crate::address::{Destination, Region};

/// Some phones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Area {
    /// Numbers that begin so, `+` included; without `+` short codes.
    Prefix(String),
    Region(Region),
}

impl Area {
    fn holds(&self, to: &Destination) -> bool {
        match (self, to) {
            (Self::Prefix(prefix), _) => to.as_str().starts_with(prefix.as_str()),
            (Self::Region(region), Destination::Number(number)) => number.region() == Some(*region),
            (Self::Region(_), Destination::Short(_)) => false,
        }
    }
}

/// What is no area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoArea;

impl FromStr for Area {
    type Err = NoArea;

    fn from_str(given: &str) -> Result<Self, NoArea> {
        if prefix(given) {
            return Ok(Self::Prefix(given.to_owned()));
        }
        given.parse().map(Self::Region).map_err(|_| NoArea)
    }
}

/// Is it the beginning of a number or a short code?
fn prefix(given: &str) -> bool {
    let digits = given.strip_prefix('+').unwrap_or(given);
    (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

/// The phones that a gateway may send to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Only these; empty: all.
    pub allow: Vec<Area>,
    /// None of these, also where they are allowed.
    pub deny: Vec<Area>,
}

impl Reach {
    pub fn admits(&self, to: &Destination) -> bool {
        let among = |areas: &[Area]| areas.iter().any(|area| area.holds(to));
        !among(&self.deny) && (self.allow.is_empty() || among(&self.allow))
    }
}

/// The price of one segment in millionths, so that prices compare exactly. Without a currency: all gateways use the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Price(pub u64);

impl Price {
    /// What is not in the list costs more than everything that is.
    pub const UNKNOWN: Self = Self(u64::MAX);
}

/// What a gateway charges for a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Costs {
    Flat(Price),
    /// By how the number begins; the longest beginning that fits counts, `""` fits all.
    ByPrefix(HashMap<String, Price>),
}

impl Default for Costs {
    fn default() -> Self {
        Self::Flat(Price(0))
    }
}

impl Costs {
    /// As [`Costs::of`]; for a number without a price the dearest of the list.
    pub fn at_most(&self, to: &Destination) -> Price {
        match (self.of(to), self) {
            (Price::UNKNOWN, Self::ByPrefix(list)) => list.values().copied().max().unwrap_or_default(),
            (price, _) => price,
        }
    }

    pub fn of(&self, to: &Destination) -> Price {
        match self {
            Self::Flat(price) => *price,
            Self::ByPrefix(list) => {
                let number = to.as_str();
                let fits = (0..=number.len()).rev().find_map(|end| list.get(number.get(..end)?));
                fits.copied().unwrap_or(Price::UNKNOWN)
            }
        }
    }
}

/// Is it a beginning that a price may stand at?
pub fn is_price_prefix(given: &str) -> bool {
    given.is_empty() || prefix(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(number: &str) -> Destination {
        Destination::try_from(number.to_owned()).expect(number)
    }

    fn reach(allow: &[&str], deny: &[&str]) -> Reach {
        let read = |given: &[&str]| given.iter().map(|area| area.parse().expect("an area")).collect();
        Reach { allow: read(allow), deny: read(deny) }
    }

    #[test]
    fn areas_are_beginnings_and_regions() {
        for bad in ["", "+", "1555x", "USA", "QQ", "+1234567890123456", "1-555", "**"] {
            assert_eq!(bad.parse::<Area>(), Err(NoArea), "{bad}");
        }
        assert_eq!("us".parse::<Area>(), "US".parse::<Area>());
    }

    #[test]
    fn denied_goes_before_allowed() {
        let (us, ca, gb, short) = ("+12015550123", "+16135550123", "+447400123456", "46645");
        for (reach, admitted) in [
            (reach(&[], &[]), [true, true, true, true]),
            (reach(&["+1"], &[]), [true, true, false, false]),
            (reach(&["US"], &[]), [true, false, false, false]),
            (reach(&["+1", "466"], &["CA"]), [true, false, false, true]),
            (reach(&[], &["+1201", "GB"]), [false, true, false, true]),
            (reach(&["GB"], &["+4474"]), [false; 4]),
        ] {
            assert_eq!([us, ca, gb, short].map(|number| reach.admits(&to(number))), admitted, "{reach:?}");
        }
    }

    #[test]
    fn the_longest_beginning_is_the_price() {
        let list = [("+1", 10), ("+1201", 20), ("466", 5)];
        let costs = Costs::ByPrefix(list.map(|(prefix, price)| (prefix.to_owned(), Price(price))).into());
        for (number, price) in [("+12015550123", 20), ("+16135550123", 10), ("46645", 5), ("+447400123456", u64::MAX)] {
            assert_eq!(costs.of(&to(number)), Price(price), "{number}");
        }
        let all = Costs::ByPrefix([(String::new(), Price(7))].into());
        assert_eq!(all.of(&to("+447400123456")), Price(7));
        assert_eq!(Costs::default().of(&to("46645")), Price(0));
    }
}
