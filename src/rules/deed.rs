//! What a rule has done outside of Martlet: a program, an HTTP request, an SQL statement. Words only, complete with their
//! values, as they wait in the queue; who carries them out stands in `errand`.
//!
//! What can go wrong: values come from strangers. They are arguments, never a command line; parts of a path, a query or a
//! form, never of a host; bound parameters, never SQL.

use std::{collections::BTreeMap, fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deed {
    Run(Program),
    Call(Call),
    Sql(Statement),
}

/// A program with its arguments: no shell.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The program, then its arguments.
    pub words: Vec<String>,
    /// All that its environment holds beside `PATH`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Where it runs; `None`: as configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
    pub timeout: Duration,
    /// What it reads: one JSON object. It gets `id` and `attempt` when it runs.
    pub input: String,
    /// The whole mail belongs to it, and is put there by whoever has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mail: bool,
}

/// An HTTP request.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub url: String,
    /// Scheme, host and port as the rule wrote them: it goes nowhere else.
    pub place: String,
    /// `None`: GET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Content>,
    /// As the rule names them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    pub timeout: Duration,
    /// The gateway by which the phone's answers come: they find whoever wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers_by: Option<String>,
}

/// What a POST carries.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// `application/x-www-form-urlencoded`, encoded already.
    Form(String),
    /// The JSON object that a program would read.
    Json(String),
}

/// A named statement with its values.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    pub name: String,
    pub values: Vec<String>,
}

impl Deed {
    /// The word of rule files.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Call(_) => "call",
            Self::Sql(_) => "sql",
        }
    }

    /// What may be shown of it: a path, a host, a name; no values.
    pub fn target(&self) -> &str {
        match self {
            Self::Run(program) => program.words.first().map_or("", String::as_str),
            Self::Call(call) => call.target(),
            Self::Sql(statement) => &statement.name,
        }
    }
}

impl Program {
    /// With the whole mail in its document, where it asks for that.
    #[must_use]
    pub fn with_mail(mut self, mail: Option<(&[u8], &[u8])>) -> Self {
        if let (true, Some((headers, body)), Some(rest)) = (self.mail, mail, self.input.strip_prefix('{')) {
            let whole = STANDARD.encode([headers, b"\r\n", body].concat());
            self.input = format!("{{\"mail\":\"{whole}\",{rest}");
        }
        self
    }
}

impl Call {
    /// `https://host:port`: what may be shown of it.
    pub fn target(&self) -> &str {
        match self.place.contains('@') {
            true => "***",
            false => &self.place,
        }
    }
}

/// What a URL begins with: scheme, host and port, and a login if there is one.
pub fn place(url: &str) -> &str {
    let after = url.find("://").map_or(0, |at| at + 3);
    let end = url[after..].find(['/', '?', '#']).map_or(url.len(), |at| after + at);
    &url[..end]
}

/// Without arguments: they hold words and numbers.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Program({:?}, [{}])", self.words.first(), self.words.len())
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({})", self.target())
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(form) => write!(f, "Form([{}])", form.len()),
            Self::Json(json) => write!(f, "Json([{}])", json.len()),
        }
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Statement({}, [{}])", self.name, self.values.len())
    }
}
