//! What rules have done outside: `run`, `call`, `sql`, and the condition `sql`, from their trees to deeds with values.
//!
//! What can go wrong when a rule is read: no list where a program is meant, a URL whose host a message could change, a
//! statement that is not there or takes another number of values, a verdict that is waited for too long.

use std::{collections::BTreeMap, time::Duration};

use super::{
    action::{Action, Asks, Otherwise, Posted},
    build::Build,
    condition::{NoAnswer, Test},
    deed::{Call, Content, Deed, Program, Statement, place},
    document::document,
    facts::{Direction, Facts},
    template::Template,
    tree::{Node, Value},
};
use crate::ground::written::suggestion;

/// How long a program or a request may take where the rule says nothing.
const TIMEOUT: Duration = Duration::from_secs(10);
/// No errand takes longer: it holds a place that others wait for.
const LONGEST: Duration = Duration::from_secs(600);
/// A verdict is waited for no longer than this: a sender waits with it.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// An action with the values of this message.
pub fn deed(action: &Action, facts: &Facts, rule: &str) -> Option<Deed> {
    // No argument and no variable of an environment holds a NUL.
    let plain = |value: &Template| value.expand(facts).replace('\0', "");
    Some(match action {
        Action::Run { program, env, dir, mail, timeout, .. } => Deed::Run(Program {
            words: program.iter().map(plain).collect(),
            env: env.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
            dir: dir.clone(),
            timeout: *timeout,
            input: document(facts, rule),
            mail: *mail,
        }),
        Action::Call { url, body, headers, timeout, answers_by, .. } => Deed::Call(Call {
            url: url.expand_url(facts),
            place: place(url.as_str()).to_owned(),
            body: body.as_ref().map(|body| match body {
                Posted::Form(form) => Content::Form(form.expand_form(facts)),
                Posted::Json => Content::Json(document(facts, rule)),
            }),
            headers: headers.clone(),
            timeout: *timeout,
            answers_by: answers_by.clone(),
        }),
        Action::Sql { statement, values } => Deed::Sql(Statement {
            name: statement.clone(),
            values: values.iter().map(|value| value.expand(facts)).collect(),
        }),
        _ => return None,
    })
}

impl Build<'_, '_> {
    /// How long it may take, and whether its verdict is waited for.
    fn times(&mut self, node: &Node) -> Option<(Duration, Option<Asks>)> {
        let timeout = match node.at("timeout") {
            Some(written) => {
                let timeout = self.duration(written)?;
                if timeout > LONGEST {
                    self.wrong(written, "10m at most: what takes longer starts something of its own");
                    return None;
                }
                Some(timeout)
            }
            None => None,
        };
        let Some(written) = node.at("wait") else {
            if let Some(otherwise) = node.at("otherwise") {
                self.wrong(otherwise, "`otherwise` says what follows without a verdict: it needs `wait`");
                return None;
            }
            return Some((timeout.unwrap_or(TIMEOUT), None));
        };
        let wait = self.duration(written)?;
        if wait > LONGEST_WAIT {
            self.wrong(written, "a sender waits for this verdict: 10s at most");
            return None;
        }
        if timeout.is_some() {
            self.wrong(written, "`wait` is its time-out: leave `timeout` out");
            return None;
        }
        let otherwise = self.otherwise(node)?;
        Some((wait, Some(Asks { wait, otherwise })))
    }

    fn otherwise(&mut self, node: &Node) -> Option<Otherwise> {
        let inbound = self.direction == Direction::In;
        let Some(written) = node.at("otherwise") else {
            return Some(if inbound { Otherwise::Pass } else { Otherwise::Tempfail });
        };
        match written.text() {
            Some("pass") => Some(Otherwise::Pass),
            Some("tempfail") if inbound => {
                self.wrong(written, "a phone cannot be asked to try again: a text without a verdict passes");
                None
            }
            Some("tempfail") => Some(Otherwise::Tempfail),
            _ => {
                self.wrong(written, "otherwise is \"pass\" or \"tempfail\"");
                None
            }
        }
    }

    pub(super) fn run(&mut self, node: &Node) -> Option<Action> {
        let known = ["program", "env", "dir", "mail", "timeout", "wait", "otherwise"];
        self.keys(node.table().unwrap_or_default(), &known, "in `run`");
        let program = self.needed(node, "program")?;
        let Value::List(words) = &program.value else {
            self.wrong(program, "a program is a list, [\"/usr/local/bin/alarm\", \"%%number%%\"]: there is no shell");
            return None;
        };
        let words: Option<Vec<Template>> = words.iter().map(|word| self.template(word)).collect();
        let words = words?;
        if !words.first().is_some_and(|first| first.as_str().starts_with('/') && first.is_literal()) {
            self.wrong(program, "the program itself is a path from / on, without variables");
            return None;
        }
        let env = match node.at("env") {
            Some(env) => self.environment(env)?,
            None => Vec::new(),
        };
        let dir = match node.at("dir") {
            Some(written) => {
                let dir = self.text(written)?;
                if !dir.starts_with('/') {
                    self.wrong(written, "a working directory is a path from / on");
                    return None;
                }
                Some(dir)
            }
            None => None,
        };
        let mail = match node.at("mail") {
            Some(written) if self.direction == Direction::In => {
                self.wrong(written, "a phone's text is no mail: its words are `body`");
                return None;
            }
            Some(flag) => self.flag(flag)?,
            None => false,
        };
        let (timeout, asks) = self.times(node)?;
        Some(Action::Run { program: words, env, dir, mail, timeout, asks })
    }

    fn environment(&mut self, node: &Node) -> Option<Vec<(String, Template)>> {
        let Some(entries) = node.table() else {
            self.wrong(node, "expected a table of variables: { TEAM = \"ops\" }");
            return None;
        };
        let mut all = Vec::new();
        for entry in entries {
            let sound = is_word(&entry.key, b'_');
            if !sound || entry.key == "PATH" || entry.key.starts_with("LD_") {
                self.wrong(&entry.node, format!("`{}` cannot be set here", entry.key));
                return None;
            }
            all.push((entry.key.clone(), self.template(&entry.node)?));
        }
        Some(all)
    }

    pub(super) fn call(&mut self, node: &Node) -> Option<Action> {
        let table = node.table().is_some();
        let known = ["url", "body", "json", "headers", "answers_by", "timeout", "wait", "otherwise"];
        self.keys(node.table().unwrap_or_default(), &known, "in `call`");
        let url = if table { self.needed(node, "url")? } else { node };
        let target = self.template(url)?;
        if !is_fixed(target.as_str()) {
            self.wrong(url, "a URL begins with http:// or https:// and a host without variables");
            return None;
        }
        let json = match node.at("json") {
            Some(flag) => self.flag(flag)?,
            None => false,
        };
        let body = match (node.at("body"), json) {
            (Some(body), true) => {
                self.wrong(body, "`json = true` posts the message as JSON: there is no `body` beside it");
                return None;
            }
            (Some(body), false) => Some(Posted::Form(self.template(body)?)),
            (None, json) => json.then_some(Posted::Json),
        };
        let headers = match node.at("headers") {
            Some(headers) => self.request_headers(headers)?,
            None => BTreeMap::new(),
        };
        let answers_by = match node.at("answers_by") {
            Some(written) if self.direction == Direction::In => {
                self.wrong(written, "`answers_by` is for mails on their way to phones");
                return None;
            }
            Some(written) => Some(self.gateway(written)?),
            None => None,
        };
        let (timeout, asks) = self.times(node)?;
        Some(Action::Call { url: target, body, headers, timeout, asks, answers_by })
    }

    /// Fixed values only: nothing that a stranger wrote gets into a request's head.
    fn request_headers(&mut self, node: &Node) -> Option<BTreeMap<String, String>> {
        let Some(entries) = node.table() else {
            self.wrong(node, "expected a table of header fields: { Authorization = \"Bearer …\" }");
            return None;
        };
        let mut all = BTreeMap::new();
        for entry in entries {
            let value = self.text(&entry.node)?;
            let sound = value.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
            if !is_word(&entry.key, b'-') || !sound {
                self.wrong(&entry.node, "a header field has a plain name and a value of printable ASCII");
                return None;
            }
            all.insert(entry.key.clone(), value);
        }
        Some(all)
    }

    pub(super) fn sql(&mut self, node: &Node) -> Option<Action> {
        if node.table().is_none() {
            let (statement, values) = self.statement(node, None)?;
            return Some(Action::Sql { statement, values });
        }
        self.keys(node.table().unwrap_or_default(), &["statement", "values"], "in `sql`");
        let name = self.needed(node, "statement")?;
        let (statement, values) = self.statement(name, node.at("values"))?;
        Some(Action::Sql { statement, values })
    }

    /// `"name"`, or `{ statement = "name", otherwise = "none" }`.
    pub(super) fn rows(&mut self, node: &Node) -> Option<Test> {
        let name = match node.table() {
            Some(entries) => {
                self.keys(entries, &["statement", "otherwise"], "in `sql`");
                self.needed(node, "statement")?
            }
            None => node,
        };
        let (name, values) = self.statement(name, None)?;
        let inbound = self.direction == Direction::In;
        let otherwise = match node.at("otherwise") {
            None if inbound => NoAnswer::None,
            None => NoAnswer::Tempfail,
            Some(written) => match written.text() {
                Some("rows") => NoAnswer::Rows,
                Some("none") => NoAnswer::None,
                Some("tempfail") if !inbound => NoAnswer::Tempfail,
                _ => {
                    let words = if inbound { "\"rows\" or \"none\"" } else { "\"tempfail\", \"rows\" or \"none\"" };
                    self.wrong(written, format!("otherwise is {words}"));
                    return None;
                }
            },
        };
        Some(Test::Sql { name, values, otherwise })
    }

    /// The name of a statement that is there, and as many values as it takes.
    fn statement(&mut self, node: &Node, values: Option<&Node>) -> Option<(String, Vec<Template>)> {
        let name = self.text(node)?;
        let Some(statement) = self.known.statements.get(&name) else {
            let hint = suggestion(&name, self.known.statements.keys().map(String::as_str));
            self.wrong(node, format!("there is no statement `{name}`{hint}"));
            return None;
        };
        let takes = statement.takes;
        let (given, place) = match values {
            Some(list) => {
                let Value::List(items) = &list.value else {
                    self.wrong(list, "expected a list of values");
                    return None;
                };
                (items.iter().map(|item| self.template(item)).collect::<Option<Vec<_>>>()?, list)
            }
            None => (statement.values.clone(), node),
        };
        if given.len() != takes {
            let given = given.len();
            self.wrong(place, format!("the statement `{name}` takes {takes} values, here are {given}"));
            return None;
        }
        Some((name, given))
    }
}

/// A letter first, then letters, digits and this.
fn is_word(name: &str, other: u8) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || (c == '_' && other == b'_'))
        && name.len() <= 76
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == other)
}

/// Scheme and host are written out: no value can change them.
fn is_fixed(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains(['%', '\\', ' '])
}
