//! Values of actions: literal text with variables, `%%From%%`, `%sender_phonealias%`, `%%Header:Name%%`.
//!
//! Names do not care about case. An unknown name is a load error with its place; a fact that is not there is empty.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::facts::Facts;

/// A template as written, and its pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    written: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Fact(Variable),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Variable {
    From,
    To,
    Number,
    Body,
    Subject,
    Sender,
    Login,
    Account,
    Domain,
    Gateway,
    Originator,
    Region,
    Segments,
    Size,
    Date,
    Priority,
    Extension,
    Alias,
    Header(String),
    Named(String),
}

const NAMES: [(&str, Variable); 18] = [
    ("from", Variable::From),
    ("to", Variable::To),
    ("number", Variable::Number),
    ("body", Variable::Body),
    ("subject", Variable::Subject),
    ("sender", Variable::Sender),
    ("login", Variable::Login),
    ("account", Variable::Account),
    ("domain", Variable::Domain),
    ("gateway", Variable::Gateway),
    ("originator", Variable::Originator),
    ("region", Variable::Region),
    ("segments", Variable::Segments),
    ("size", Variable::Size),
    ("date", Variable::Date),
    ("priority", Variable::Priority),
    ("extensionnosep", Variable::Extension),
    ("sender_phonealias", Variable::Alias),
];

/// What a URL keeps as it is.
const URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Variable {
    fn named(name: &str) -> Option<Self> {
        let name = name.trim();
        if let Some((kind, rest)) = name.split_once(':') {
            let rest = rest.trim();
            return match kind.trim().to_ascii_lowercase().as_str() {
                "header" if !rest.is_empty() => Some(Self::Header(rest.to_owned())),
                "var" if !rest.is_empty() => Some(Self::Named(rest.to_ascii_lowercase())),
                _ => None,
            };
        }
        let name = name.to_ascii_lowercase();
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, variable)| variable.clone())
    }

    fn value(&self, facts: &Facts) -> String {
        let or_empty = |value: &Option<String>| value.clone().unwrap_or_default();
        match self {
            // The phone of an inbound text, the From: of a mail.
            Self::From if facts.direction == super::Direction::In => or_empty(&facts.originator),
            Self::From => facts.header("From").next().unwrap_or_default().to_owned(),
            Self::To => facts.to.to_string(),
            Self::Number => facts.to.number.clone(),
            Self::Body => facts.body.clone(),
            Self::Subject => facts.header("Subject").next().unwrap_or_default().to_owned(),
            Self::Sender => or_empty(&facts.sender),
            Self::Login => or_empty(&facts.login),
            Self::Account => or_empty(&facts.account),
            Self::Domain => or_empty(&facts.domain),
            Self::Gateway => facts.gateway.clone().or_else(|| facts.to.at.clone()).unwrap_or_default(),
            Self::Originator => or_empty(&facts.originator),
            Self::Region => or_empty(&facts.region),
            Self::Segments => facts.measure().map(|m| m.segments.to_string()).unwrap_or_default(),
            Self::Size => facts.size.to_string(),
            Self::Date => facts.now.utc().strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            Self::Priority => facts.urgency.word().to_owned(),
            Self::Extension => or_empty(&facts.extension),
            Self::Alias => or_empty(&facts.alias),
            Self::Header(name) => facts.header(name).collect::<Vec<_>>().join(", "),
            Self::Named(name) => facts.variables.get(name).cloned().unwrap_or_default(),
        }
    }
}

impl Template {
    /// Reads a template; an error is the octet in it and the cause.
    pub fn read(written: &str) -> Result<Self, (usize, String)> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut at = 0;
        while let Some(found) = written[at..].find('%') {
            let start = at + found;
            text.push_str(&written[at..start]);
            let rest = &written[start..];
            if let Some(inner) = rest.strip_prefix("%%")
                && let Some(end) = inner.find("%%")
            {
                let name = &inner[..end];
                let variable =
                    Variable::named(name).ok_or_else(|| (start, format!("there is no variable `%%{name}%%`")))?;
                push(&mut pieces, &mut text, variable);
                at = start + 4 + end;
            } else if rest.get(..ALIAS.len()).is_some_and(|given| given.eq_ignore_ascii_case(ALIAS)) {
                push(&mut pieces, &mut text, Variable::Alias);
                at = start + ALIAS.len();
            } else {
                text.push('%');
                at = start + 1;
            }
        }
        text.push_str(&written[at..]);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Self { written: written.to_owned(), pieces })
    }

    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The value for this message.
    pub fn expand(&self, facts: &Facts) -> String {
        self.with(facts, |value| value)
    }

    /// The value as part of a form: what variables hold is percent-encoded, the rest stays as written.
    pub fn expand_form(&self, facts: &Facts) -> String {
        self.with(facts, |value| utf8_percent_encode(&value, URL).to_string())
    }

    /// The value as a folder's name: no value adds a step to it, climbs, or is a wildcard.
    pub fn expand_folder(&self, facts: &Facts) -> String {
        let plain = |c: char| if c.is_control() || matches!(c, '/' | '%' | '*') { '_' } else { c };
        let whole = self.with(facts, |value| value.trim().chars().take(100).map(plain).collect());
        let steps: Vec<_> =
            whole.split('/').map(|step| if is_dots(step) || step.trim().is_empty() { "_" } else { step }).collect();
        steps.join("/")
    }

    /// The value as a URL. No value can change its host, nor climb in its path: a step that would be `..` is encoded
    /// once more.
    pub fn expand_url(&self, facts: &Facts) -> String {
        let whole = self.expand_form(facts);
        let end = whole.find(['?', '#']).unwrap_or(whole.len());
        let (path, rest) = whole.split_at(end);
        let steps: Vec<_> = path.split('/').map(|step| if is_dots(step) { "%252E" } else { step }).collect();
        steps.join("/") + rest
    }

    /// Is there no variable in it?
    pub fn is_literal(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Text(_)))
    }

    fn with(&self, facts: &Facts, encode: impl Fn(String) -> String) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Fact(variable) => encode(variable.value(facts)),
        };
        self.pieces.iter().map(piece).collect()
    }
}

/// `.` and `..`, which URLs take for steps of their own.
fn is_dots(step: &str) -> bool {
    matches!(step, "." | "..")
}

const ALIAS: &str = "%sender_phonealias%";

fn push(pieces: &mut Vec<Piece>, text: &mut String, variable: Variable) {
    if !text.is_empty() {
        pieces.push(Piece::Text(std::mem::take(text)));
    }
    pieces.push(Piece::Fact(variable));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ground::Timestamp,
        rules::{Direction, to::To},
    };

    fn facts() -> Facts {
        Facts {
            headers: vec![("From".into(), "alice@example.test".into()), ("X-Case".into(), "a&b".into())],
            to: To::read("+12025550123@main"),
            body: "50% off & more".into(),
            alias: Some("+12025550199".into()),
            variables: [("team".to_owned(), "ops".to_owned())].into(),
            ..Facts::empty(Direction::Out, Timestamp(0))
        }
    }

    #[test]
    fn variables_expand() {
        for (written, value) in [
            ("%%From%% to %%NUMBER%% by %%gateway%%", "alice@example.test to +12025550123 by main"),
            ("%%To%%&sender=%sender_phonealias%", "+12025550123@main&sender=+12025550199"),
            ("100% sure, 5%%", "100% sure, 5%%"),
            ("%%Header:x-case%%|%%var:Team%%|%%Header:None%%", "a&b|ops|"),
            ("%%segments%%", "1"),
        ] {
            assert_eq!(Template::read(written).expect(written).expand(&facts()), value, "{written}");
        }
        let url = Template::read("http://h/?n=%%number%%&t=%%body%%").expect("a template").expand_url(&facts());
        assert_eq!(url, "http://h/?n=%2B12025550123&t=50%25%20off%20%26%20more");
        let hostile = Facts { body: "..".into(), ..facts() };
        let url = Template::read("http://h/a/%%body%%/b?%%body%%").expect("a template").expand_url(&hostile);
        assert_eq!(url, "http://h/a/%252E/b?..", "no value climbs");
        for (body, wanted) in
            [("boss/secret", "a/boss_secret/SMS"), ("..", "a/_/SMS"), ("", "a/_/SMS"), ("%\r\n", "a/_/SMS")]
        {
            let sly = Facts { body: body.into(), ..facts() };
            let folder = Template::read("a/%%body%%/SMS").expect("a template").expand_folder(&sly);
            assert_eq!(folder, wanted, "no value adds a step");
        }
        assert_eq!(Template::read("a %%nothing%%").map_err(|(at, _)| at), Err(2));
        assert!(Template::read("%%header:%%").is_err());
    }
}
