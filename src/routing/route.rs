//! Number routes: which gateways may carry a message, and the number as it goes on the wire. Pure.
//!
//! A route matches the whole number (E.164, or a short code). Its rewriting is for the wire only: limits, opt-outs and
//! the call log keep the number as it is. In it `$0` is the whole, `$N` a group, and ends at the first non-digit.

use std::fmt;

use regex::{Captures, Regex};
use serde::{Deserialize, Serialize};

use super::{Class, Target};
use crate::address::Destination;

/// A number as it goes on the wire: digits, `*`, `#`, and `+` in front. `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Dialled(String);

impl Dialled {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Dialled {
    type Error = &'static str;

    fn try_from(given: String) -> Result<Self, Self::Error> {
        let rest = given.strip_prefix('+').unwrap_or(&given);
        let sound = (1..=32).contains(&rest.len()) && rest.bytes().all(is_dialled);
        if sound { Ok(Self(given)) } else { Err("a number on the wire has 1 to 32 digits, `*` or `#`") }
    }
}

impl From<Dialled> for String {
    fn from(dialled: Dialled) -> Self {
        dialled.0
    }
}

impl fmt::Debug for Dialled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialled([{}])", self.0.len())
    }
}

fn is_dialled(octet: u8) -> bool {
    octet.is_ascii_digit() || octet == b'*' || octet == b'#'
}

/// How a number is written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Group(usize),
}

/// Why a rewriting cannot be read: at which octet, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRewrite {
    pub at: usize,
    pub why: String,
}

impl Rewrite {
    /// Reads `+1$1`; `groups` is how many groups the pattern has.
    ///
    /// # Errors
    /// Other characters than those of a number, and groups that the pattern does not have.
    pub fn read(written: &str, groups: usize) -> Result<Self, BadRewrite> {
        let bad = |at, why: String| Err(BadRewrite { at, why });
        let mut pieces = Vec::new();
        let mut at = 0;
        while let Some(c) = written[at..].chars().next() {
            if c == '$' {
                let digits: &str = &written[at + 1..];
                let digits = &digits[..digits.bytes().take_while(u8::is_ascii_digit).count()];
                match digits.parse() {
                    Ok(group) if group <= groups => pieces.push(Piece::Group(group)),
                    Ok(group) => return bad(at, format!("`${group}`: the pattern has only {groups} groups")),
                    Err(_) => return bad(at, "behind `$` stands the number of a group, as in `$1`".to_owned()),
                }
                at += 1 + digits.len();
                continue;
            }
            if !(c.is_ascii() && is_dialled(c as u8) || c == '+' && at == 0) {
                return bad(at, "only digits, `*`, `#`, `$N` and a `+` in front make a number".to_owned());
            }
            match pieces.last_mut() {
                Some(Piece::Literal(text)) => text.push(c),
                _ => pieces.push(Piece::Literal(c.to_string())),
            }
            at += c.len_utf8();
        }
        if pieces.is_empty() { bad(0, "nothing would be left of the number".to_owned()) } else { Ok(Self(pieces)) }
    }

    /// The number as it goes on the wire; `None` where it is none.
    fn write(&self, found: &Captures<'_>) -> Option<Dialled> {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Group(n) => out.push_str(found.get(*n).map_or("", |group| group.as_str())),
            }
        }
        Dialled::try_from(out).ok()
    }
}

/// One entry of the ordered list.
#[derive(Debug, Clone)]
pub struct Route {
    /// Matches the whole number, see [`whole`].
    pattern: Regex,
    rewrite: Option<Rewrite>,
    pub to: Target,
    /// Accounts of these classes may use it; empty: those of the global class.
    classes: Vec<Class>,
}

/// The pattern that fits only the whole of a number, for one that a person wrote.
///
/// # Errors
/// What `regex` says of it.
pub fn whole(written: &str) -> Result<Regex, regex::Error> {
    // By itself first: brackets that do not match would be mended by ours.
    regex::RegexBuilder::new(written).size_limit(1 << 20).build()?;
    regex::RegexBuilder::new(&format!("^(?:{written})$")).size_limit(1 << 20).build()
}

/// What a route makes of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routed<'a> {
    /// As it is, or as it is dialled there.
    To(&'a Target, Option<Dialled>),
    /// Nothing that can be dialled is left of it.
    Undialled,
}

impl Route {
    /// `pattern` comes from [`whole`].
    pub fn new(pattern: Regex, rewrite: Option<Rewrite>, to: Target) -> Self {
        Self { pattern, rewrite, to, classes: Vec::new() }
    }

    /// For accounts of these classes only.
    #[must_use]
    pub fn for_classes(self, classes: Vec<Class>) -> Self {
        Self { classes, ..self }
    }

    /// May an account of these classes use it?
    pub fn is_open_to(&self, classes: &[Class]) -> bool {
        match self.classes.is_empty() {
            true => classes.iter().any(Class::is_global),
            false => self.classes.iter().any(|class| classes.contains(class)),
        }
    }

    /// Its classes, if it names any.
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// `None`: the route does not fit.
    pub fn of(&self, to: &Destination) -> Option<Routed<'_>> {
        let Some(rewrite) = &self.rewrite else {
            return self.pattern.is_match(to.as_str()).then_some(Routed::To(&self.to, None));
        };
        let found = self.pattern.captures(to.as_str())?;
        Some(rewrite.write(&found).map_or(Routed::Undialled, |dialled| Routed::To(&self.to, Some(dialled))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routed(pattern: &str, rewrite: Option<&str>, number: &str) -> Option<String> {
        let pattern = whole(pattern).expect(pattern);
        let groups = pattern.captures_len() - 1;
        let rewrite = rewrite.map(|written| Rewrite::read(written, groups).unwrap_or_else(|bad| panic!("{bad:?}")));
        let route = Route::new(pattern, rewrite, Target::Any);
        let to = Destination::try_from(number.to_owned()).expect(number);
        match route.of(&to)? {
            Routed::To(_, dialled) => Some(dialled.map_or_else(|| "as it is".to_owned(), String::from)),
            Routed::Undialled => Some("nothing".to_owned()),
        }
    }

    #[test]
    fn the_whole_number_counts() {
        for (pattern, number, fits) in [
            (r"\+1.*", "+12015550123", true),
            (r"\+1", "+12015550123", false),
            ("2015550123", "+12015550123", false),
            (r"\+1|\+44.*", "+12015550123", false),
            (r"\+1|\+44.*", "+447911123456", true),
            (r"^\+1\d+$", "+12015550123", true),
            (r"\d{5}", "46645", true),
            (".*", "46645", true),
            ("", "46645", false),
        ] {
            assert_eq!(routed(pattern, None, number).is_some(), fits, "{pattern} {number}");
        }
        assert!(whole("a)(b").is_err() && whole("(").is_err());
    }

    #[test]
    fn rewriting_ends_a_group_at_the_first_non_digit() {
        let number = "+12015550123";
        for (pattern, rewrite, dialled) in [
            (r"\+1(\d+)", "$1", "2015550123"),
            (r"\+1(\d{3})(\d+)", "*$2#$1", "*5550123#201"),
            (r"\+1(\d+)", "001$1", "0012015550123"),
            (r"\+1(\d+)", "$0", "+12015550123"),
            (r"\+1(?:(201)|(202))(\d+)", "9$1$2$3", "92015550123"),
            (r"\+(\d)(\d)(\d)(\d)(\d)(\d)(\d)(\d)(\d)(\d)(\d)", "$10*$1", "2*1"),
            (r"\+1(9)?\d+", "$1", "nothing"),
            (r"\+1(\d+)", "+$0", "nothing"),
        ] {
            assert_eq!(routed(pattern, Some(rewrite), number).as_deref(), Some(dialled), "{pattern} {rewrite}");
        }
    }

    #[test]
    fn bad_rewritings_say_where() {
        for (written, at) in
            [("", 0), ("$2", 0), ("00$", 2), ("$x", 0), ("12a", 2), ("1+1", 1), ("1é", 1), ("$99999999999999999999", 0)]
        {
            assert_eq!(Rewrite::read(written, 1).expect_err(written).at, at, "{written}");
        }
    }

    #[test]
    fn a_number_on_the_wire_is_read_back_and_never_printed() {
        let dialled = Dialled::try_from("*5550123#".to_owned()).expect("a number");
        let json = serde_json::to_string(&dialled).expect("JSON");
        assert_eq!(serde_json::from_str::<Dialled>(&json).expect("it"), dialled);
        assert_eq!(format!("{dialled:?}"), "Dialled([9])");
        for bad in ["", "+", "1 2", "a", "++1", "1+", &"1".repeat(33)] {
            assert!(Dialled::try_from((*bad).to_owned()).is_err(), "{bad}");
        }
    }
}
