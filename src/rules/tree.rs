//! A rule file as a tree: what TOML and XML have in common. Every node knows where it stands.
//!
//! What can go wrong: syntax, and values that rules do not have (dates, fractions); both with their place.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// One value and where it stands in its file (octets).
#[derive(Debug, Clone)]
pub struct Node {
    pub span: Range<usize>,
    pub value: Value,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key, where it stands, and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    pub span: Range<usize>,
    pub node: Node,
}

/// Places do not count.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (&self.key, &self.node) == (&other.key, &other.node)
    }
}

/// What is wrong, and at which octet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    pub at: usize,
    pub cause: String,
}

/// Deeper than this nothing is read.
pub const DEEPEST: usize = 32;

impl Value {
    /// What it is, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Number(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    /// A node without a place.
    pub fn of(value: Value) -> Self {
        Self { span: 0..0, value }
    }

    /// Its entries, if it is a table.
    pub fn table(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Table(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key, if it is a table that has it.
    pub fn at(&self, key: &str) -> Option<&Node> {
        self.table()?.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn number(&self) -> Option<i64> {
        match self.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    pub fn flag(&self) -> Option<bool> {
        match self.value {
            Value::Flag(flag) => Some(flag),
            _ => None,
        }
    }
}

/// Reads TOML.
pub fn toml(text: &str) -> Result<Node, Misfit> {
    let table = DeTable::parse(text)
        .map_err(|error| Misfit { at: error.span().map_or(0, |span| span.start), cause: error.message().to_owned() })?;
    let value = of_table(table.get_ref(), 0)?;
    Ok(Node { span: table.span(), value })
}

fn of_table(table: &DeTable<'_>, depth: usize) -> Result<Value, Misfit> {
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table {
        let node = of_value(value.get_ref(), value.span(), depth + 1)?;
        entries.push(Entry { key: key.get_ref().to_string(), span: key.span(), node });
    }
    Ok(Value::Table(entries))
}

fn of_value(value: &DeValue<'_>, span: Range<usize>, depth: usize) -> Result<Node, Misfit> {
    let misfit = |cause: &str| Misfit { at: span.start, cause: cause.to_owned() };
    if depth > DEEPEST {
        return Err(misfit("nested too deeply"));
    }
    let value = match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            let read = i64::from_str_radix(&digits, number.radix());
            Value::Number(read.map_err(|_| misfit("this number is too large"))?)
        }
        DeValue::Array(items) => {
            let items = items.iter().map(|item| of_value(item.get_ref(), item.span(), depth + 1));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => of_table(table, depth)?,
        DeValue::Float(_) => return Err(misfit("rules have whole numbers only")),
        DeValue::Datetime(_) => return Err(misfit("write dates and times as strings")),
    };
    Ok(Node { span, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toml_keeps_its_places() {
        let text =
            "[[rule]]\ntitle = \"a\"\nif = { subject = { contains = [\"x\", \"y\"] }, size = { over = 1_000 } }\n";
        let tree = toml(text).expect("toml");
        let Value::List(rules) = &tree.at("rule").expect("rules").value else { panic!("a list") };
        let size = rules[0].at("if").and_then(|node| node.at("size")).and_then(|node| node.at("over")).expect("over");
        assert_eq!((size.number(), &text[size.span.clone()]), (Some(1_000), "1_000"));
        assert_eq!(toml("a = 1.5").map_err(|misfit| misfit.at), Err(4));
        assert!(toml("a = [").is_err() && toml(&format!("a = {}1{}", "[".repeat(40), "]".repeat(40))).is_err());
    }
}
