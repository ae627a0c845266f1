//! `{subject}: {body}`: the shape of a text, with a fixed set of variables.
//!
//! Parsed once when the configuration is read, so that an unknown name is an error of the file and never of a mail.
//! `{{` and `}}` stand for braces. Values are inserted as they are: a `{from}` inside a subject is not expanded.

use std::{fmt, str::FromStr};

/// A variable of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    Subject,
    Body,
    /// The sender's address.
    From,
    /// The sender's display name, else the address.
    FromName,
    To,
    Date,
    Size,
    Attachments,
    MessageId,
}

const NAMES: [(&str, Variable); 9] = [
    ("subject", Variable::Subject),
    ("body", Variable::Body),
    ("from", Variable::From),
    ("from_name", Variable::FromName),
    ("to", Variable::To),
    ("date", Variable::Date),
    ("size", Variable::Size),
    ("attachments", Variable::Attachments),
    ("message_id", Variable::MessageId),
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Words(String),
    Value(Variable),
}

/// A template that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

/// Why a template is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateError {
    /// No variable has this name.
    Unknown(String),
    /// A `{` without its `}`, or the other way round.
    Brace,
    /// Longer than 4,096 octets.
    TooLong,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                let known: Vec<_> = NAMES.iter().map(|(n, _)| *n).collect();
                write!(f, "unknown variable {name:?}; known are {}", known.join(", "))
            }
            Self::Brace => f.write_str("a brace without its partner; write {{ or }} for a brace"),
            Self::TooLong => f.write_str("a template has at most 4,096 octets"),
        }
    }
}

impl std::error::Error for TemplateError {}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(source: &str) -> Result<Self, TemplateError> {
        if source.len() > 4096 {
            return Err(TemplateError::TooLong);
        }
        let mut pieces = Vec::new();
        let mut words = String::new();
        let mut chars = source.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '{' | '}' if chars.peek() == Some(&c) => {
                    chars.next();
                    words.push(c);
                }
                '}' => return Err(TemplateError::Brace),
                '{' => {
                    let mut name = String::new();
                    loop {
                        match chars.next() {
                            Some('}') => break,
                            Some('{') | None => return Err(TemplateError::Brace),
                            Some(c) => name.push(c),
                        }
                    }
                    let found = NAMES.iter().find(|(n, _)| *n == name.trim());
                    let (_, variable) = found.ok_or_else(|| TemplateError::Unknown(name.trim().to_owned()))?;
                    pieces.push(Piece::Words(std::mem::take(&mut words)));
                    pieces.push(Piece::Value(*variable));
                }
                c => words.push(c),
            }
        }
        pieces.push(Piece::Words(words));
        pieces.retain(|p| !matches!(p, Piece::Words(w) if w.is_empty()));
        Ok(Self(pieces))
    }
}

impl Template {
    /// Fills the template; `value` gives each variable's words.
    pub fn fill(&self, mut value: impl FnMut(Variable) -> String) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Words(words) => out.push_str(words),
                Piece::Value(variable) => out.push_str(&value(*variable)),
            }
        }
        out
    }

    /// Whether the variable occurs.
    pub fn names(&self, variable: Variable) -> bool {
        self.0.contains(&Piece::Value(variable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_read_and_filled() {
        for (source, want) in [
            ("{subject}: {body}", "<Subject>: <Body>"),
            ("New mail from { from_name }: {subject}", "New mail from <FromName>: <Subject>"),
            ("{{x}} {size}", "{x} <Size>"),
            ("", ""),
        ] {
            let template: Template = source.parse().expect(source);
            assert_eq!(template.fill(|v| format!("<{v:?}>")), want);
        }
    }

    #[test]
    fn values_are_not_expanded_again() {
        let template: Template = "{body}".parse().expect("template");
        assert_eq!(template.fill(|_| "{from}".into()), "{from}");
        assert!(template.names(Variable::Body) && !template.names(Variable::From));
    }

    #[test]
    fn errors_name_the_cause() {
        assert_eq!("{sender}".parse::<Template>(), Err(TemplateError::Unknown("sender".into())));
        for bad in ["{", "}", "{a{b}", "x } y"] {
            assert_eq!(bad.parse::<Template>(), Err(TemplateError::Brace), "{bad}");
        }
        assert!("{}".parse::<Template>().is_err());
        assert_eq!("x".repeat(5000).parse::<Template>(), Err(TemplateError::TooLong));
    }
}
