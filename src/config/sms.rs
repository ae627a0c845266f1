//! `[sms]`: how numbers are read and how a mail becomes a text.

use regex::Regex;
use serde::Deserialize;
use toml::Value;

use super::{
    check::Check,
    value::{Read, Setting, Within, Wrong, one_of, quoted, text},
};
use crate::{
    address::{Accept, Numbering, Region},
    mail::{Choices, Strip, Template, TemplateError},
    sms::{
        fit::Overflow,
        national::{Language, UnknownLanguage},
        tidy::Transliterate,
    },
};

#[derive(Deserialize, Default)]
pub struct Keys {
    region: Option<Setting<Region>>,
    max_parts: Option<Setting<Within<1, 128>>>,
    numbers: Option<Setting<Accept>>,
    bare_numbers: Option<Setting<bool>>,
    prefix: Option<Vec<Setting<Scheme>>>,
    transliterate: Option<Setting<Transliterate>>,
    shift_tables: Option<Vec<Setting<Language>>>,
    strip: Option<Vec<Setting<Cut>>>,
    disclaimers: Option<Vec<Setting<Regex>>>,
    template: Option<Setting<Template>>,
    placeholder: Option<Setting<String>>,
    attachment_notice: Option<Setting<Template>>,
    overflow: Option<Setting<Overflow>>,
    truncation_notice: Option<Setting<bool>>,
    html: Option<HtmlKeys>,
    auto_replied: Option<Setting<bool>>,
    auto_generated: Option<Setting<bool>>,
    lists: Option<Setting<bool>>,
}

#[derive(Deserialize, Default)]
struct HtmlKeys {
    links: Option<Setting<bool>>,
}

/// How numbers are read and how a mail becomes a text.
#[derive(Debug, Clone)]
pub struct Sms {
    pub numbering: Numbering,
    pub max_parts: u8,
    pub bare_numbers: bool,
    /// Scheme names in lower case, `sms` first.
    pub prefixes: Vec<String>,
    pub transliterate: Transliterate,
    /// National language tables that may be used where they save segments.
    pub shift_tables: Vec<Language>,
    /// What is cut, the template, links of HTML mails.
    pub choices: Choices,
    /// Sent where a mail has nothing to say; `None`: such a mail is refused.
    pub placeholder: Option<String>,
    pub overflow: Overflow,
    /// The sender is told when his text was cut.
    pub truncation_notice: bool,
    /// Which machines may write to phones: those that answer by themselves, those that raise an alarm, mailing lists.
    pub auto_replied: bool,
    pub auto_generated: bool,
    pub lists: bool,
}

impl Read for Overflow {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let words = [
            ("truncate", Self::Truncate),
            ("reject", Self::Reject),
            ("separate", Self::Separate),
            ("pass", Self::Pass),
        ];
        one_of(value, &words)
    }
}

impl Read for Accept {
    fn read(value: &Value) -> Result<Self, Wrong> {
        one_of(value, &[("possible", Self::Possible), ("valid", Self::Valid)])
    }
}

impl Read for Transliterate {
    fn read(value: &Value) -> Result<Self, Wrong> {
        one_of(value, &[("auto", Self::Auto), ("never", Self::Never), ("always", Self::Always)])
    }
}

impl Read for Language {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let found = match value {
            Value::Integer(id) => u8::try_from(*id).ok().and_then(Self::from_id).ok_or(UnknownLanguage),
            _ => text(value)?.parse(),
        };
        found.map_err(|why: UnknownLanguage| why.to_string().into())
    }
}

/// One word of `strip`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Quotes,
    Signature,
    Footer,
}

impl Read for Cut {
    fn read(value: &Value) -> Result<Self, Wrong> {
        one_of(value, &[("quotes", Self::Quotes), ("signature", Self::Signature), ("footer", Self::Footer)])
    }
}

/// A URI scheme name (RFC 3986 3.1), without its colon.
struct Scheme(String);

impl Read for Scheme {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        let sound = given.len() <= 32
            && given.starts_with(|c: char| c.is_ascii_alphabetic())
            && given.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if sound {
            Ok(Self(given.to_ascii_lowercase()))
        } else {
            Err(format!("{} is no prefix: letters and digits, without the colon", quoted(given)).into())
        }
    }
}

impl Read for Template {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        given.parse().map_err(|why: TemplateError| {
            let at = match &why {
                TemplateError::Unknown(name) => given.find(&format!("{{{name}")),
                TemplateError::Brace | TemplateError::TooLong => None,
            };
            Wrong { cause: why.to_string(), at: at.map(|at| (given.to_owned(), at)) }
        })
    }
}

/// What is cut; an empty list cuts nothing.
pub(super) fn strip(given: Option<Vec<Setting<Cut>>>, check: &mut Check<'_>) -> Option<Strip> {
    let cuts = check.list(Some(given?));
    let cut = |what: Cut| cuts.contains(&what);
    Some(Strip { quotes: cut(Cut::Quotes), signature: cut(Cut::Signature), footer: cut(Cut::Footer) })
}

/// `None` only if even the default region is unknown.
pub fn sms(keys: Keys, check: &mut Check<'_>) -> Option<Sms> {
    let region = check.take(keys.region).or_else(|| "US".parse().ok());
    let accept = check.take(keys.numbers).unwrap_or_default();
    let mut prefixes = vec!["sms".to_owned()];
    for Scheme(name) in check.list(keys.prefix) {
        if !prefixes.contains(&name) {
            prefixes.push(name);
        }
    }
    let mut shift_tables = check.list(keys.shift_tables);
    shift_tables.sort_by_key(|language| language.id());
    shift_tables.dedup();
    let strip = strip(keys.strip, check).unwrap_or_default();
    Some(Sms {
        max_parts: check.take(keys.max_parts).map_or(3, |n| u8::try_from(n.0).unwrap_or(u8::MAX)),
        bare_numbers: check.take(keys.bare_numbers).unwrap_or(true),
        prefixes,
        transliterate: check.take(keys.transliterate).unwrap_or_default(),
        shift_tables,
        choices: Choices {
            strip,
            template: check.take(keys.template),
            html_links: keys.html.and_then(|html| check.take(html.links)).unwrap_or(false),
            disclaimers: check.list(keys.disclaimers),
            attachment_notice: check.take(keys.attachment_notice),
        },
        placeholder: check.take(keys.placeholder).filter(|words| !words.trim().is_empty()),
        overflow: check.take(keys.overflow).unwrap_or_default(),
        truncation_notice: check.take(keys.truncation_notice).unwrap_or(false),
        auto_replied: check.take(keys.auto_replied).unwrap_or(false),
        auto_generated: check.take(keys.auto_generated).unwrap_or(true),
        lists: check.take(keys.lists).unwrap_or(true),
        numbering: Numbering { region: region?, accept },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_variable_is_pointed_at() {
        let read = |given: &str| Template::read(&Value::String(given.into()));
        assert!(read("New mail from {from_name}: {subject}").is_ok());
        let Err(wrong) = read("é {sbject}") else { panic!("there is no sbject") };
        assert_eq!(wrong.at, Some(("é {sbject}".to_owned(), 3)));
        assert!(read("{body").is_err());
    }
}
