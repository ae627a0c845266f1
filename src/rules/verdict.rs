//! What a program or a URL says of a message before it is committed, read from its JSON.
//!
//! ```json
//! { "verdict": "reject", "text": "not today", "headers": { "X-Seen": "yes" }, "variables": { "team": "ops" }, "body": "…" }
//! ```
//! What can go wrong: no JSON, a word that is none, names that are no names. All of it counts as no verdict.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

/// What becomes of the message.
#[derive(Clone, PartialEq, Eq)]
pub enum Says {
    Pass,
    Reject(String),
    Hold(String),
    Discard,
}

/// A verdict, with what it changes.
#[derive(Clone, PartialEq, Eq)]
pub struct Verdict {
    pub says: Says,
    pub headers: Vec<(String, String)>,
    /// Names in lower case.
    pub variables: Vec<(String, String)>,
    pub body: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    verdict: Word,
    text: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    body: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Pass,
    Reject,
    Hold,
    Discard,
}

/// Header fields and variables of one verdict at most.
const MOST: usize = 100;

impl Verdict {
    /// The message goes on as it is.
    pub fn pass() -> Self {
        Self { says: Says::Pass, headers: Vec::new(), variables: Vec::new(), body: None }
    }

    /// Reads one JSON object.
    ///
    /// # Errors
    /// Why it is no verdict, without what stood in it.
    pub fn read(octets: &[u8]) -> Result<Self, String> {
        let written: Written = serde_json::from_slice(octets).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            match error.classify() {
                serde_json::error::Category::Data => format!("no verdict: line {line}, column {column} does not fit"),
                _ => format!("no verdict: not JSON at line {line}, column {column}"),
            }
        })?;
        if written.headers.len() + written.variables.len() > MOST {
            return Err(format!("no verdict: more than {MOST} header fields and variables"));
        }
        if !written.headers.keys().all(|name| is_field(name)) {
            return Err("no verdict: a header field has no sound name".to_owned());
        }
        let text = written.text.unwrap_or_default();
        let says = match written.verdict {
            Word::Pass => Says::Pass,
            Word::Reject => Says::Reject(text),
            Word::Hold => Says::Hold(text),
            Word::Discard => Says::Discard,
        };
        let lower = |(name, value): (String, String)| (name.to_ascii_lowercase(), value);
        let variables = written.variables.into_iter().map(lower).collect();
        Ok(Self { says, headers: written.headers.into_iter().collect(), variables, body: written.body })
    }
}

/// May a header field have this name?
pub(super) fn is_field(name: &str) -> bool {
    !name.is_empty() && name.len() <= 76 && name.bytes().all(|b| b.is_ascii_graphic() && b != b':')
}

/// Without words and values.
impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.says {
            Says::Pass => "Verdict(pass)",
            Says::Reject(_) => "Verdict(reject)",
            Says::Hold(_) => "Verdict(hold)",
            Says::Discard => "Verdict(discard)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_read_whole_or_not_at_all() {
        let whole = br#"{"verdict":"reject","text":"no","headers":{"X-A":"1"},"variables":{"Team":"ops"},"body":"b"}"#;
        let read = Verdict::read(whole).expect("a verdict");
        assert!(read.says == Says::Reject("no".into()) && read.body.as_deref() == Some("b"));
        assert_eq!(read.headers, [("X-A".to_owned(), "1".to_owned())]);
        assert_eq!(read.variables, [("team".to_owned(), "ops".to_owned())]);
        assert_eq!(Verdict::read(br#" {"verdict":"pass"} "#), Ok(Verdict::pass()));
        for wrong in [
            "",
            "pass",
            "{}",
            r#"{"verdict":"maybe"}"#,
            r#"{"verdict":"pass","verdikt":1}"#,
            r#"{"verdict":"pass"} more"#,
            r#"{"verdict":"pass","headers":{"a b":"c"}}"#,
            r#"{"verdict":"pass","headers":{"a":1}}"#,
        ] {
            let why = Verdict::read(wrong.as_bytes()).expect_err(wrong);
            assert!(why.starts_with("no verdict"), "{wrong}: {why}");
        }
    }
}
