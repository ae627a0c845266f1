//! Settings: what an operator has filled in, checked against what the definition asks for.
//!
//! What can go wrong is told by setting, and never quotes a value.

use std::collections::BTreeMap;

use super::{
    definition::{Definition, Filled, SettingKind},
    prove::Proofs,
};
use crate::ground::{Secret, written::suggestion};

/// A definition's settings with their values: all that it asks for, each of its kind.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    values: BTreeMap<String, Filled>,
    pub(super) proofs: Proofs,
}

/// What is wrong with one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    pub setting: String,
    /// One line; names no value.
    pub cause: String,
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`: {}", self.setting, self.cause)
    }
}

impl std::error::Error for Unfit {}

impl Definition {
    /// Checks what was filled in.
    ///
    /// # Errors
    /// Everything that is missing, unknown or does not fit; never empty.
    pub fn settings(&self, given: BTreeMap<String, Filled>) -> Result<Settings, Vec<Unfit>> {
        let (mut values, mut unfit) = (BTreeMap::new(), Vec::new());
        for (name, value) in given {
            let Some(setting) = self.setting(&name) else {
                let hint = suggestion(&name, self.settings.iter().map(|setting| setting.name.as_str()));
                unfit.push(Unfit { cause: format!("{} has no such setting{hint}", self.name), setting: name });
                continue;
            };
            match setting.kind.check(value) {
                Ok(value) => drop(values.insert(name, value)),
                Err(cause) => unfit.push(Unfit { setting: name, cause }),
            }
        }
        for setting in &self.settings {
            if values.contains_key(&setting.name) || unfit.iter().any(|unfit| unfit.setting == setting.name) {
                continue;
            }
            match (&setting.default, setting.optional) {
                (Some(default), _) => drop(values.insert(setting.name.clone(), default.clone())),
                (None, true) => {}
                (None, false) => {
                    let about = setting.about.as_deref().map(|about| format!(" ({about})")).unwrap_or_default();
                    let cause = format!("is missing{about}: {}", setting.kind.words());
                    unfit.push(Unfit { setting: setting.name.clone(), cause });
                }
            }
        }
        if !unfit.is_empty() {
            return Err(unfit);
        }
        let mut settings = Settings { values, proofs: Proofs::default() };
        settings.proofs = self.proofs(&settings)?;
        Ok(settings)
    }
}

impl Settings {
    /// The value of a setting.
    pub fn get(&self, name: &str) -> Option<&Filled> {
        self.values.get(name)
    }

    /// Every secret among them: for checks that none of them shows.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret<String>> {
        self.values.values().filter_map(|value| match value {
            Filled::Secret(secret) => Some(secret),
            _ => None,
        })
    }
}

impl SettingKind {
    /// A value that fits, in its form; why it does not fit names no secret.
    pub fn check(&self, given: Filled) -> Result<Filled, String> {
        let clean = |text: &str| match text.chars().any(char::is_control) {
            true => Err("there is a control character in it".to_owned()),
            false => Ok(()),
        };
        let fits = |pattern: &Option<regex::Regex>, text: &str| {
            clean(text)?;
            match pattern {
                Some(pattern) if !pattern.is_match(text) => {
                    Err("it does not look like one; is it complete?".to_owned())
                }
                _ => Ok(()),
            }
        };
        match (self, given) {
            (Self::Text(pattern), Filled::Text(text)) => fits(pattern, &text).map(|()| Filled::Text(text)),
            (Self::Secret(pattern), Filled::Text(text)) => {
                fits(pattern, &text).map(|()| Filled::Secret(Secret::new(text)))
            }
            (Self::Secret(pattern), Filled::Secret(secret)) => {
                fits(pattern, secret.expose()).map(|()| Filled::Secret(secret))
            }
            // Secrets come from the environment or a file, and so may plain texts.
            (kind, Filled::Secret(secret)) => kind.check(Filled::Text(secret.expose().clone())),
            (Self::Url, Filled::Text(text)) => url(&text).map(Filled::Text),
            (Self::Number { min, max }, Filled::Number(number)) => match (*min..=*max).contains(&number) {
                true => Ok(Filled::Number(number)),
                false => Err(format!("{number} is not between {min} and {max}")),
            },
            (Self::Bool, Filled::Bool(flag)) => Ok(Filled::Bool(flag)),
            (Self::Choice(choices), Filled::Text(text)) => match choices.contains(&text) {
                true => Ok(Filled::Text(text)),
                false => {
                    let hint = suggestion(&text, choices.iter().map(String::as_str));
                    Err(format!("it is not one of {}{hint}", choices.join(", ")))
                }
            },
            (Self::List(_), Filled::Text(text)) => self.check(Filled::List(vec![text])),
            (Self::List(pattern), Filled::List(items)) => {
                items.iter().try_for_each(|item| fits(pattern, item)).map(|()| Filled::List(items))
            }
            (kind, _) => Err(format!("expected {}", kind.words())),
        }
    }

    /// For people.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Secret(_) => "a secret: a string, or { env = … } or { file = … }",
            Self::Url => "a URL",
            Self::Number { .. } => "a whole number",
            Self::Bool => "true or false",
            Self::Choice(_) => "one of the choices",
            Self::List(_) => "a list of strings",
        }
    }
}

/// An absolute http or https URL without query, and without `/` at its end.
fn url(given: &str) -> Result<String, String> {
    let bad = || Err("it is no URL such as https://api.example.com".to_owned());
    let Some(rest) = given.strip_prefix("https://").or_else(|| given.strip_prefix("http://")) else { return bad() };
    let host = rest.split('/').next().unwrap_or_default();
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '"' | '<' | '>' | '\\');
    if host.is_empty() || host.contains('@') || rest.contains(odd) {
        return bad();
    }
    Ok(given.trim_end_matches('/').to_owned())
}
