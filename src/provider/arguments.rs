//! Arguments of a verifier or a signer: what stands beside `scheme`, with its settings filled in.
//!
//! What can go wrong is an argument that is unknown, missing, or not of its kind. It is told by name and never quotes a
//! value, which may be a secret.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::digest::Encoding;
use crate::ground::{
    Secret,
    written::{duration, suggestion},
};

/// One argument, filled in.
#[derive(Debug, Clone)]
pub enum Given {
    Text(Secret<String>),
    Number(i64),
    Bool(bool),
    List(Vec<Secret<String>>),
    Table(BTreeMap<String, Given>),
}

impl From<&str> for Given {
    fn from(text: &str) -> Self {
        Self::Text(Secret::new(text.to_owned()))
    }
}

impl<const N: usize> From<[&str; N]> for Given {
    fn from(items: [&str; N]) -> Self {
        Self::List(items.iter().map(|item| Secret::new((*item).to_owned())).collect())
    }
}

impl From<bool> for Given {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

/// Arguments by name.
pub type Arguments = BTreeMap<String, Given>;

/// What is wrong with one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    pub argument: String,
    /// One line; quotes no value.
    pub cause: String,
}

impl Misfit {
    pub(super) fn new(argument: &str, cause: impl Into<String>) -> Self {
        Self { argument: argument.to_owned(), cause: cause.into() }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.argument, self.cause)
    }
}

impl std::error::Error for Misfit {}

/// Reads arguments by kind.
pub(super) struct Desk<'a>(pub &'a Arguments);

impl<'a> Desk<'a> {
    /// Nothing but `known` is there.
    pub fn only(&self, known: &[&str]) -> Result<(), Misfit> {
        match self.0.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => {
                let hint = suggestion(key, known.iter().copied());
                Err(Misfit::new(key, format!("this scheme has no such argument{hint}")))
            }
        }
    }

    /// A string; an empty one is none.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>, Misfit> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Given::Text(text)) => Ok(Some(text.expose().as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(Misfit::new(key, "expected a string")),
        }
    }

    /// A string that must be there.
    pub fn need(&self, key: &str) -> Result<&'a str, Misfit> {
        self.text(key)?.ok_or_else(|| Misfit::new(key, "is missing or empty"))
    }

    /// A string, or a list of them; empty ones are left out.
    pub fn texts(&self, key: &str) -> Result<Vec<&'a str>, Misfit> {
        match self.0.get(key) {
            Some(Given::List(items)) => {
                Ok(items.iter().map(|item| item.expose().as_str()).filter(|item| !item.is_empty()).collect())
            }
            _ => Ok(self.text(key)?.into_iter().collect()),
        }
    }

    /// Keys, at least one: several are for the time in which a key is replaced.
    pub fn keys(&self, key: &str, encoding: Encoding) -> Result<Vec<Secret<Vec<u8>>>, Misfit> {
        let bad = || Misfit::new(key, "is not written in its `key_encoding`");
        let keys: Vec<_> = self
            .texts(key)?
            .into_iter()
            .map(|text| encoding.read(text).filter(|octets| !octets.is_empty()).map(Secret::new).ok_or_else(bad))
            .collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(Misfit::new(key, "is missing or empty")) } else { Ok(keys) }
    }

    /// One of a closed set of words.
    pub fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<Option<T>, Misfit> {
        let given = match self.0.get(key) {
            Some(Given::Number(number)) => Some(number.to_string()),
            _ => self.text(key)?.map(str::to_owned),
        };
        given.map(|given| choose(key, &given, words)).transpose()
    }

    /// Words of a closed set.
    pub fn words<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<Vec<T>, Misfit> {
        self.texts(key)?.into_iter().map(|given| choose(key, given, words)).collect()
    }

    pub fn flag(&self, key: &str) -> Result<Option<bool>, Misfit> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Given::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(Misfit::new(key, "expected true or false")),
        }
    }

    /// A duration, or `"off"`, which is none.
    pub fn duration(&self, key: &str, usual: Option<Duration>) -> Result<Option<Duration>, Misfit> {
        match self.text(key)? {
            None => Ok(usual),
            Some("off") => Ok(None),
            Some(given) => duration(given).map(Some).map_err(|cause| Misfit::new(key, cause)),
        }
    }

    /// Strings by name.
    pub fn table(&self, key: &str) -> Result<Vec<(&'a str, &'a str)>, Misfit> {
        let entries = match self.0.get(key) {
            None => return Ok(Vec::new()),
            Some(Given::Table(entries)) => entries,
            Some(_) => return Err(Misfit::new(key, "expected a table")),
        };
        let pair = |(name, value): (&'a String, &'a Given)| match value {
            Given::Text(text) => Ok((name.as_str(), text.expose().as_str())),
            _ => Err(Misfit::new(key, format!("`{name}` is no string"))),
        };
        entries.iter().map(pair).collect()
    }
}

fn choose<T: Copy>(key: &str, given: &str, words: &[(&str, T)]) -> Result<T, Misfit> {
    words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let hint = suggestion(given, known.iter().copied());
        Misfit::new(key, format!("it is not one of {}{hint}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misfits_name_the_argument_and_no_value() {
        let given: Arguments = [("key".to_owned(), "zz".into()), ("tolerance".to_owned(), "5".into())].into();
        let desk = Desk(&given);
        let wrong = desk.only(&["keys", "tolerance"]).expect_err("an unknown argument").to_string();
        assert_eq!(wrong, "`key`: this scheme has no such argument; did you mean `keys`?");
        let wrong = desk.keys("key", Encoding::Hex).expect_err("no hex").to_string();
        assert!(!wrong.contains("zz"), "{wrong}");
        assert!(desk.duration("tolerance", None).is_err(), "no unit");
        assert!(desk.need("absent").is_err());
        let empty: Arguments = [("key".to_owned(), "".into())].into();
        assert!(Desk(&empty).keys("key", Encoding::Text).is_err(), "an empty key would prove everything");
    }
}
