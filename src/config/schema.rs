//! Which keys there are: learned from the structs that serde reads into, so that no list is kept by hand.
//!
//! [`schema`] deserialises `File` from a source that holds nothing and notes the fields it is asked
//! for. [`walk`] compares a file with that: every unknown key and every table or list of the wrong shape is found in
//! one go. What can go wrong: a field that serde never asks for would be unknown; `tests/config.rs` compares the
//! keys with `config/martlet.toml` both ways.

use std::ops::Range;

use serde::{
    Deserialize,
    de::{
        DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor,
        value::{BorrowedStrDeserializer, Error},
    },
    forward_to_deserialize_any,
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{error::suggestion, later};

/// The shape of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A plain value, or an inline table that is read as one (`{ env = … }`).
    Leaf,
    Table(Vec<(&'static str, Node)>),
    /// `[[…]]` or `[ … ]`.
    List(Box<Node>),
    /// Keys are the user's (`headers`).
    Map(Box<Node>),
}

/// The shape of `T`.
pub fn schema<'de, T: Deserialize<'de>>() -> Node {
    let mut node = Node::Leaf;
    // The recorder answers every question with an empty value; what `T` makes of it does not matter.
    let _ = T::deserialize(Recorder(&mut node));
    node
}

impl Node {
    /// Every key with its path (`gateway.answer.id`), tables and lists included.
    pub fn keys(&self) -> Vec<String> {
        let mut out = Vec::new();
        self.collect("", &mut out);
        out
    }

    fn collect(&self, path: &str, out: &mut Vec<String>) {
        match self {
            Self::Leaf | Self::Map(_) => {}
            Self::List(inner) => inner.collect(path, out),
            Self::Table(fields) => {
                for (name, node) in fields {
                    let path = join(path, name);
                    node.collect(&path, out);
                    out.push(path);
                }
            }
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A key or shape that does not fit: where, and why.
pub type Misfit = (Range<usize>, String);

/// Everything in `table` that `node` does not know.
pub fn walk(node: &Node, table: &DeTable<'_>, path: &str, out: &mut Vec<Misfit>) {
    let Node::Table(fields) = node else { return };
    for (key, value) in table {
        let name: &str = key.get_ref();
        match fields.iter().find(|(field, _)| *field == name) {
            Some((_, node)) => walk_value(node, value, &join(path, name), out),
            None => out.push((key.span(), unknown(name, path, fields))),
        }
    }
}

fn unknown(name: &str, path: &str, fields: &[(&'static str, Node)]) -> String {
    if let Some(words) = later::key(&join(path, name)) {
        return words;
    }
    let place = if path.is_empty() { "at the top".to_owned() } else { format!("in `{path}`") };
    // A top-level key below a table header is the commonest slip in TOML.
    let known = fields.iter().map(|(field, _)| *field);
    format!("unknown key `{name}` {place}{}", suggestion(name, known))
}

fn walk_value(node: &Node, value: &Spanned<DeValue<'_>>, path: &str, out: &mut Vec<Misfit>) {
    let found = value.get_ref().type_str();
    match (node, value.get_ref()) {
        (Node::Leaf, _) => {}
        (Node::Table(_), DeValue::Table(table)) => walk(node, table, path, out),
        (Node::Map(inner), DeValue::Table(table)) => {
            for (key, value) in table {
                walk_value(inner, value, &join(path, key.get_ref()), out);
            }
        }
        (Node::List(inner), DeValue::Array(items)) => {
            for item in items {
                walk_value(inner, item, path, out);
            }
        }
        (Node::List(inner), _) if matches!(**inner, Node::Table(_)) => {
            let hint = if found == "table" { format!(": write `[[{path}]]`") } else { String::new() };
            out.push((value.span(), format!("`{path}` is a list of tables{hint}")));
        }
        (Node::List(_), _) => {
            out.push((value.span(), format!("`{path}` is a list, found {}: write [ … ]", article(found))));
        }
        (Node::Table(_) | Node::Map(_), _) => {
            out.push((value.span(), format!("`{path}` is a table, found {}", article(found))));
        }
    }
}

/// `an integer`, `a string`: TOML's names of types for people.
pub fn article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    let kind = if kind == "array" { "list" } else { kind };
    let article = if kind == "list" { "a" } else { article };
    format!("{article} {kind}")
}

struct Recorder<'a>(&'a mut Node);

impl<'de> Deserializer<'de> for Recorder<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(false)
    }

    /// The octets of a span.
    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u64(0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.0 = Node::List(Box::new(Node::Leaf));
        let Node::List(inner) = self.0 else { return visitor.visit_unit() };
        visitor.visit_seq(Once(Some(inner)))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.0 = Node::Map(Box::new(Node::Leaf));
        let Node::Map(inner) = self.0 else { return visitor.visit_unit() };
        visitor.visit_map(OneEntry(Some(inner)))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name.starts_with("$__serde_spanned") {
            return visitor.visit_map(SpanFields { node: self.0, fields, next: 0 });
        }
        *self.0 = Node::Table(fields.iter().map(|field| (*field, Node::Leaf)).collect());
        let Node::Table(fields) = self.0 else { return visitor.visit_unit() };
        visitor.visit_map(Fields { fields, next: 0 })
    }

    forward_to_deserialize_any! {
        bool u8 u16 u32 i8 i16 i32 i64 f32 f64 char str string bytes byte_buf unit unit_struct
        tuple tuple_struct enum identifier ignored_any
    }
}

struct Once<'a>(Option<&'a mut Node>);

impl<'de> SeqAccess<'de> for Once<'_> {
    type Error = Error;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.take().map(|node| seed.deserialize(Recorder(node))).transpose()
    }
}

struct OneEntry<'a>(Option<&'a mut Node>);

impl<'de> MapAccess<'de> for OneEntry<'_> {
    type Error = Error;
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if self.0.is_none() {
            return Ok(None);
        }
        seed.deserialize(BorrowedStrDeserializer::new("key")).map(Some)
    }
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.0.take() {
            Some(node) => seed.deserialize(Recorder(node)),
            None => seed.deserialize(Recorder(&mut Node::Leaf)),
        }
    }
}

struct Fields<'a> {
    fields: &'a mut [(&'static str, Node)],
    next: usize,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.fields.get(self.next).map(|(name, _)| seed.deserialize(BorrowedStrDeserializer::new(name))).transpose()
    }
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        self.next += 1;
        match self.fields.get_mut(self.next - 1) {
            Some((_, node)) => seed.deserialize(Recorder(node)),
            None => seed.deserialize(Recorder(&mut Node::Leaf)),
        }
    }
}

/// The fields of a value with its place: only the value itself has a shape.
struct SpanFields<'a> {
    node: &'a mut Node,
    fields: &'static [&'static str],
    next: usize,
}

impl<'de> MapAccess<'de> for SpanFields<'_> {
    type Error = Error;
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.fields.get(self.next).map(|name| seed.deserialize(BorrowedStrDeserializer::new(name))).transpose()
    }
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        self.next += 1;
        if self.fields.get(self.next - 1).is_some_and(|name| name.ends_with("_value")) {
            seed.deserialize(Recorder(self.node))
        } else {
            seed.deserialize(Recorder(&mut Node::Leaf))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::value::Setting;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Inner {
        url: Option<Setting<String>>,
        headers: Option<BTreeMap<String, Setting<String>>>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Outer {
        name: Option<Setting<String>>,
        gateway: Option<Vec<Spanned<Inner>>>,
        trust: Option<Vec<Setting<bool>>>,
    }

    #[test]
    fn the_shape_is_learned_from_the_structs() {
        let inner = Node::Table(vec![("url", Node::Leaf), ("headers", Node::Map(Box::new(Node::Leaf)))]);
        let outer = Node::Table(vec![
            ("name", Node::Leaf),
            ("gateway", Node::List(Box::new(inner))),
            ("trust", Node::List(Box::new(Node::Leaf))),
        ]);
        assert_eq!(schema::<Outer>(), outer);
        assert_eq!(outer.keys(), ["name", "gateway.url", "gateway.headers", "gateway", "trust"]);
    }

    #[test]
    fn every_misfit_is_found() {
        let text = "nam = 1\ntrust = 5\n[gateway]\nurl = 1\n";
        let table = DeTable::parse(text).expect("toml");
        let mut found = Vec::new();
        walk(&schema::<Outer>(), table.get_ref(), "", &mut found);
        let mut causes: Vec<_> = found.into_iter().map(|(_, cause)| cause).collect();
        causes.sort();
        assert_eq!(
            causes,
            [
                "`gateway` is a list of tables: write `[[gateway]]`",
                "`trust` is a list, found an integer: write [ … ]",
                "unknown key `nam` at the top; did you mean `name`?",
            ]
        );
    }
}
