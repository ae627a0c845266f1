//! From a tree to rules: every value is read, every error noted with its place.
//!
//! What stands behind `if` and `do` is read in `conditions` and `actions`, programs and calls in `outside`.

use std::time::Duration;

use super::{
    condition::Condition,
    facts::Direction,
    pattern::Pattern,
    read::{Known, Rule, RuleError, Source},
    template::Template,
    tree::{Entry, Node, Value},
};
use crate::ground::written::{duration, suggestion};

/// One file while it is read.
pub struct Build<'a, 'k> {
    pub source: &'a Source,
    pub known: &'a Known<'k>,
    pub title: Option<String>,
    pub direction: Direction,
    pub errors: &'a mut Vec<RuleError>,
}

impl Build<'_, '_> {
    pub fn wrong(&mut self, node: &Node, cause: impl AsRef<str>) {
        self.at(node.span.start, cause);
    }

    pub(super) fn at(&mut self, octet: usize, cause: impl AsRef<str>) {
        self.errors.push(self.source.error(octet, self.title.as_deref(), cause.as_ref()));
    }

    /// Notes keys that are not among these.
    pub fn keys(&mut self, entries: &[Entry], known: &[&str], place: &str) {
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let hint = suggestion(&entry.key, known.iter().copied());
            self.at(entry.span.start, format!("unknown key `{}` {place}{hint}", entry.key));
        }
    }

    pub fn direction(&mut self, node: &Node) -> Option<Direction> {
        match node.text() {
            Some("out") => Some(Direction::Out),
            Some("in") => Some(Direction::In),
            _ => {
                self.wrong(node, "direction is \"out\" (mail to text) or \"in\" (text to mail)");
                None
            }
        }
    }

    pub(super) fn text(&mut self, node: &Node) -> Option<String> {
        let text = node.text().map(str::to_owned);
        if text.is_none() {
            self.wrong(node, format!("expected a string, found {}", node.value.kind()));
        }
        text
    }

    pub(super) fn texts(&mut self, node: &Node) -> Option<Vec<String>> {
        match &node.value {
            Value::List(items) => items.iter().map(|item| self.text(item)).collect(),
            _ => self.text(node).map(|text| vec![text]),
        }
    }

    pub(super) fn flag(&mut self, node: &Node) -> Option<bool> {
        let flag = node.flag();
        if flag.is_none() {
            self.wrong(node, format!("expected true or false, found {}", node.value.kind()));
        }
        flag
    }

    pub(super) fn duration(&mut self, node: &Node) -> Option<Duration> {
        let text = self.text(node)?;
        duration(&text).map_err(|why| self.wrong(node, why)).ok()
    }

    pub(super) fn template(&mut self, node: &Node) -> Option<Template> {
        let text = self.text(node)?;
        Template::read(&text).map_err(|(_, why)| self.wrong(node, why)).ok()
    }

    pub(super) fn pattern(&mut self, node: &Node, case: bool) -> Option<Pattern> {
        let text = self.text(node)?;
        Pattern::new(&text, case).map_err(|why| self.wrong(node, format!("the pattern: {why}"))).ok()
    }

    /// The value of a key that must be there.
    pub(super) fn needed<'n>(&mut self, node: &'n Node, key: &str) -> Option<&'n Node> {
        let found = node.at(key);
        if found.is_none() {
            self.wrong(node, format!("`{key}` is missing"));
        }
        found
    }

    /// One `[[rule]]`.
    pub fn rule(&mut self, node: &Node, direction: Direction) -> Option<Rule> {
        let before = self.errors.len();
        self.title = node.at("title").and_then(Node::text).map(str::to_owned);
        let Some(entries) = node.table() else {
            self.wrong(node, "a rule is a table: write [[rule]]");
            return None;
        };
        self.keys(entries, &["title", "direction", "active", "if", "do", "stop", "note"], "in a rule");
        let title = self.needed(node, "title").and_then(|title| self.text(title)).unwrap_or_default();
        self.direction = node.at("direction").and_then(|node| self.direction(node)).unwrap_or(direction);
        let active = node.at("active").and_then(|flag| self.flag(flag)).unwrap_or(true);
        let stop = node.at("stop").and_then(|flag| self.flag(flag)).unwrap_or(false);
        let when = match node.at("if") {
            Some(condition) => self.condition(condition).unwrap_or(Condition::Always),
            None => Condition::Always,
        };
        let then = node.at("do").map(|list| self.actions(list)).unwrap_or_default();
        if then.is_empty() && !stop && self.errors.len() == before {
            self.wrong(node, "this rule does nothing: give it `do`, or `stop = true`");
        }
        let place = self.source.error(node.span.start, None, "");
        let place = format!("{}:{}", place.file.display(), place.line);
        self.title = None;
        let sound = self.errors.len() == before;
        let mut node = node.clone();
        if let (true, Value::Table(entries)) = (node.at("direction").is_none(), &mut node.value) {
            // An export stands for itself, whatever its file said at the top.
            let word = Node::of(Value::Text(self.direction.word().to_owned()));
            entries.push(Entry { key: "direction".to_owned(), span: 0..0, node: word });
        }
        sound.then_some(Rule { title, direction: self.direction, active, when, then, stop, place, node })
    }
}
