//! Filters of templates: how a value is written. Each takes one shape and makes one, so that a chain is checked when the
//! definition is read.

use base64::{Engine as _, engine::general_purpose};
use md5::Digest as _;

use crate::{
    ground::{Timestamp, written::suggestion},
    provider::{charset, number::Form},
    sms::alphabet,
};

/// What a value is on its way through the filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Text,
    Octets,
    /// Octets that the place takes as they are.
    Raw,
    List,
    Moment,
}

impl Shape {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Octets | Self::Raw => "octets",
            Self::List => "a list",
            Self::Moment => "a moment",
        }
    }
}

/// A value on its way.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Octets(Vec<u8>),
    List(Vec<String>),
    Moment(Timestamp),
}

/// One filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    Number(Form),
    Utf16Be,
    Charset(&'static encoding_rs::Encoding),
    Gsm7,
    Hex,
    HexLower,
    Base64,
    Base64Url,
    Raw,
    Units(String),
    UnitsDec(String),
    Join(String),
    Lower,
    Upper,
    Alnum32,
    Cut(usize),
    UrlEncode,
    Quote,
    JsonString,
    Md5,
    Sha1,
    Sha256,
    Date(String),
}

const WORDS: [&str; 26] = [
    "digits",
    "e164",
    "00",
    "national",
    "national0",
    "tel",
    "utf16be",
    "charset",
    "gsm7",
    "hex",
    "hexlower",
    "base64",
    "base64url",
    "raw",
    "units",
    "unitsdec",
    "join",
    "lower",
    "upper",
    "alnum32",
    "cut",
    "urlencode",
    "quote",
    "jsonstring",
    "md5",
    "sha256",
];

impl Filter {
    /// Reads `name` or `name:argument`.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(written: &str) -> Result<Self, String> {
        if let Some((name, argument)) = written.split_once(':') {
            return match name {
                "charset" => charset::named(argument).map(Self::Charset),
                "units" => Ok(Self::Units(argument.to_owned())),
                "unitsdec" => Ok(Self::UnitsDec(argument.to_owned())),
                "join" => Ok(Self::Join(argument.to_owned())),
                "cut" => match argument.parse() {
                    Ok(most) if most > 0 => Ok(Self::Cut(most)),
                    _ => Err(format!("`|cut:{argument}` is no number of characters")),
                },
                "date" => {
                    crate::provider::moment::check_format(argument)?;
                    Ok(Self::Date(argument.to_owned()))
                }
                _ => {
                    Err(format!("`|{name}:` is no filter with an argument: charset, units, unitsdec, join, cut, date"))
                }
            };
        }
        if let Some(form) = Form::read(written) {
            return Ok(Self::Number(form));
        }
        Ok(match written {
            "utf16be" => Self::Utf16Be,
            "gsm7" => Self::Gsm7,
            "hex" => Self::Hex,
            "hexlower" => Self::HexLower,
            "base64" => Self::Base64,
            "base64url" => Self::Base64Url,
            "raw" => Self::Raw,
            "lower" => Self::Lower,
            "upper" => Self::Upper,
            "alnum32" => Self::Alnum32,
            "urlencode" => Self::UrlEncode,
            "quote" => Self::Quote,
            "jsonstring" => Self::JsonString,
            "md5" => Self::Md5,
            "sha1" => Self::Sha1,
            "sha256" => Self::Sha256,
            other => return Err(format!("`|{other}` is no filter{}", suggestion(other, WORDS))),
        })
    }

    /// The shape that it makes of one, if it takes that.
    pub fn makes(&self, of: Shape) -> Option<Shape> {
        match (self, of) {
            (Self::Utf16Be | Self::Charset(_) | Self::Gsm7, Shape::Text) => Some(Shape::Octets),
            (Self::Hex | Self::HexLower | Self::Base64 | Self::Base64Url, Shape::Text | Shape::Octets)
            | (Self::Md5 | Self::Sha1 | Self::Sha256 | Self::UrlEncode, Shape::Text | Shape::Octets)
            | (Self::Units(_) | Self::UnitsDec(_), Shape::Text)
            | (Self::Join(_), Shape::List)
            | (Self::Date(_), Shape::Moment) => Some(Shape::Text),
            (Self::Raw, Shape::Octets) => Some(Shape::Raw),
            (
                Self::Number(_)
                | Self::Lower
                | Self::Upper
                | Self::Alnum32
                | Self::Cut(_)
                | Self::Quote
                | Self::JsonString,
                Shape::Text | Shape::List,
            ) => Some(of),
            _ => None,
        }
    }

    /// Its name.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Number(form) => form.word(),
            Self::Utf16Be => "utf16be",
            Self::Charset(_) => "charset",
            Self::Gsm7 => "gsm7",
            Self::Hex => "hex",
            Self::HexLower => "hexlower",
            Self::Base64 => "base64",
            Self::Base64Url => "base64url",
            Self::Raw => "raw",
            Self::Units(_) => "units",
            Self::UnitsDec(_) => "unitsdec",
            Self::Join(_) => "join",
            Self::Lower => "lower",
            Self::Upper => "upper",
            Self::Alnum32 => "alnum32",
            Self::Cut(_) => "cut",
            Self::UrlEncode => "urlencode",
            Self::Quote => "quote",
            Self::JsonString => "jsonstring",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Date(_) => "date",
        }
    }

    /// What it makes of a value. Shapes were checked by [`Filter::makes`]; one that does not fit stays as it is.
    pub fn apply(&self, value: Value) -> Value {
        match (self, value) {
            (Self::Join(separator), Value::List(items)) => Value::Text(items.join(separator)),
            (Self::Date(format), Value::Moment(at)) => Value::Text(crate::provider::moment::write(at, format)),
            (Self::Raw, value) => value,
            (_, Value::List(items)) => Value::List(items.iter().map(|item| self.text(item)).collect()),
            (_, Value::Text(text)) => match self.octets_of(&text) {
                Some(octets) => Value::Octets(octets),
                None => Value::Text(self.text(&text)),
            },
            (_, Value::Octets(octets)) => Value::Text(self.written(&octets)),
            (_, moment) => moment,
        }
    }

    fn octets_of(&self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Utf16Be => Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
            Self::Charset(encoding) => Some(charset::encode(text, encoding)),
            Self::Gsm7 => Some(gsm7(text)),
            _ => None,
        }
    }

    fn written(&self, octets: &[u8]) -> String {
        match self {
            Self::Hex => hex(octets).to_uppercase(),
            Self::HexLower => hex(octets),
            Self::Base64 => general_purpose::STANDARD.encode(octets),
            Self::Base64Url => general_purpose::URL_SAFE_NO_PAD.encode(octets),
            Self::Md5 => hex(&md5::Md5::digest(octets)),
            Self::Sha1 => hex(&sha1::Sha1::digest(octets)),
            Self::Sha256 => hex(&sha2::Sha256::digest(octets)),
            Self::UrlEncode => charset::percent(octets),
            _ => String::new(),
        }
    }

    fn text(&self, text: &str) -> String {
        match self {
            Self::Number(form) => form.write_any(text),
            Self::Lower => text.to_lowercase(),
            Self::Upper => text.to_uppercase(),
            Self::Alnum32 => text.chars().filter(char::is_ascii_alphanumeric).take(32).collect(),
            Self::Cut(most) => text.chars().take(*most).collect(),
            Self::Quote => format!("\"{text}\""),
            Self::JsonString => {
                let written = serde_json::Value::from(text).to_string();
                written[1..written.len() - 1].to_owned()
            }
            Self::Units(separator) => units(text, separator, |unit| format!("{unit:X}")),
            Self::UnitsDec(separator) => units(text, separator, |unit| unit.to_string()),
            other => other.written(text.as_bytes()),
        }
    }
}

fn units(text: &str, separator: &str, write: impl Fn(u16) -> String) -> String {
    text.encode_utf16().map(write).collect::<Vec<_>>().join(separator)
}

/// Septets, one in each octet; what the alphabet does not have is a question mark.
fn gsm7(text: &str) -> Vec<u8> {
    let code = |c| alphabet::code(c).unwrap_or((false, b'?'));
    text.chars()
        .flat_map(|c| match code(c) {
            (true, septet) => vec![alphabet::ESCAPE, septet],
            (false, septet) => vec![septet],
        })
        .collect()
}

/// Octets in hexadecimal, lower case.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(filters: &str, text: &str) -> String {
        let mut value = Value::Text(text.into());
        let mut shape = Shape::Text;
        for filter in filters.split('|') {
            let filter = Filter::read(filter).expect(filters);
            shape = filter.makes(shape).expect(filters);
            value = filter.apply(value);
        }
        match value {
            Value::Text(text) => text,
            Value::Octets(octets) => hex(&octets),
            _ => panic!("{filters}"),
        }
    }

    #[test]
    fn values_are_written_as_providers_want_them() {
        for (filters, text, written) in [
            ("utf16be|hex", "é😀", "00E9D83DDE00"),
            ("utf16be|hexlower", "é", "00e9"),
            ("charset:ISO-8859-1|hex", "é☃", "E93F"),
            ("gsm7|hex", "@€", "001B65"),
            ("base64", "hi?", "aGk/"),
            ("base64url", "hi?>", "aGk_Pg"),
            ("units:;", "مA", "645;41"),
            ("unitsdec:;", "مA", "1605;65"),
            ("alnum32", "ab-12_", "ab12"),
            ("cut:2", "éèê", "éè"),
            ("quote", "+1", "\"+1\""),
            ("jsonstring", "a\"b", "a\\\"b"),
            ("urlencode", "a b&é", "a%20b%26%C3%A9"),
            ("md5|upper", "a", "0CC175B9C0F1B6A831C399E269772661"),
            ("sha1", "a", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
            ("digits", "+46 70", "4670"),
            ("00", "+4670", "004670"),
            ("utf16be|raw", "é", "00e9"),
        ] {
            assert_eq!(run(filters, text), written, "{filters}");
        }
    }

    #[test]
    fn each_word_is_a_filter() {
        for word in WORDS {
            let with = match word {
                "charset" => "charset:utf-8".to_owned(),
                "units" | "unitsdec" | "join" => format!("{word}:;"),
                "cut" => "cut:3".to_owned(),
                plain => plain.to_owned(),
            };
            assert_eq!(Filter::read(&with).map(|filter| filter.word()), Ok(word));
        }
        assert!(Filter::read("date:%Y-%m-%d").is_ok() && Filter::read("date:%!").is_err());
        assert!(Filter::read("charset:nope").is_err() && Filter::read("cut:0").is_err());
    }
}
