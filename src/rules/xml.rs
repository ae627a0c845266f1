//! Rules as XML: one lossless form of the same trees, for backup and for copying rules from one server to another.
//!
//! `<rules version="1">` holds a `<rule>` for each rule; every key is an element of its name. A value is text; numbers,
//! flags, lists and tables say so by `type`; items of a list are `<item>`. `docs/rules.md` has the schema. Characters that
//! XML cannot hold are written as `\u{…}` in a value marked `escaped="true"`.

use quick_xml::{
    Reader, XmlVersion,
    escape::escape,
    events::{BytesStart, Event},
};

use super::tree::{DEEPEST, Entry, Misfit, Node, Value};

/// Writes rules: the nodes of their tables.
pub fn write<'a>(rules: impl IntoIterator<Item = &'a Node>) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rules version=\"1\">\n");
    for rule in rules {
        element("rule", rule, 1, &mut out);
    }
    out.push_str("</rules>\n");
    out
}

fn element(name: &str, node: &Node, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    let simple = |kind: &str, text: &str| format!("{indent}<{name}{kind}>{text}</{name}>\n");
    match &node.value {
        Value::Text(text) if text.chars().all(is_sound) => out.push_str(&simple("", &escape(text.as_str()))),
        Value::Text(text) => out.push_str(&simple(" escaped=\"true\"", &escape(escaped(text).as_str()))),
        Value::Number(number) => out.push_str(&simple(" type=\"number\"", &number.to_string())),
        Value::Flag(flag) => out.push_str(&simple(" type=\"flag\"", &flag.to_string())),
        Value::List(items) => {
            out.push_str(&format!("{indent}<{name} type=\"list\">\n"));
            items.iter().for_each(|item| element("item", item, depth + 1, out));
            out.push_str(&format!("{indent}</{name}>\n"));
        }
        Value::Table(entries) => {
            out.push_str(&format!("{indent}<{name} type=\"table\">\n"));
            entries.iter().for_each(|entry| element(&entry.key, &entry.node, depth + 1, out));
            out.push_str(&format!("{indent}</{name}>\n"));
        }
    }
}

/// What XML 1.0 holds as it is; a carriage return would be normalised away.
fn is_sound(c: char) -> bool {
    matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn escaped(text: &str) -> String {
    let one = |c: char| match c {
        '\\' => "\\\\".to_owned(),
        c if is_sound(c) => c.to_string(),
        c => format!("\\u{{{:x}}}", u32::from(c)),
    };
    text.chars().map(one).collect()
}

fn unescaped(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix('\\') {
            out.push('\\');
            rest = behind;
        } else {
            let (digits, behind) = rest.strip_prefix("u{")?.split_once('}')?;
            out.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
            rest = behind;
        }
    }
    out.push_str(rest);
    Some(out)
}

/// Reads `<rules>` into the tree that a TOML file of the same rules makes.
pub fn read(text: &str) -> Result<Node, Misfit> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut rules = Vec::new();
    let mut inside = false;
    loop {
        let at = position(&reader);
        match reader.read_event().map_err(|why| misfit(&reader, why))? {
            Event::Start(start) if !inside && start.name().as_ref() == "rules" => inside = true,
            Event::Start(start) if inside && start.name().as_ref() == "rule" => {
                rules.push(value(&mut reader, &start, at, 1)?);
            }
            Event::Start(_) => return Err(Misfit { at, cause: "expected <rules> with a <rule> for each rule".into() }),
            Event::End(_) => inside = false,
            Event::Eof => break,
            Event::DocType(_) => return Err(Misfit { at, cause: "no document type is wanted here".into() }),
            _ => {}
        }
    }
    let span = 0..text.len();
    let node = Node { span: span.clone(), value: Value::List(rules) };
    Ok(Node { span: span.clone(), value: Value::Table(vec![Entry { key: "rule".into(), span, node }]) })
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn misfit(reader: &Reader<&[u8]>, why: impl std::fmt::Display) -> Misfit {
    Misfit { at: usize::try_from(reader.error_position()).unwrap_or(usize::MAX), cause: format!("no XML: {why}") }
}

/// The value of an element that has just begun, up to its end.
fn value(reader: &mut Reader<&[u8]>, start: &BytesStart<'_>, at: usize, depth: usize) -> Result<Node, Misfit> {
    let wrong = |cause: &str| Misfit { at, cause: cause.to_owned() };
    if depth > DEEPEST {
        return Err(wrong("nested too deeply"));
    }
    let attribute = |name: &str| -> Result<Option<String>, Misfit> {
        let found = start.try_get_attribute(name).map_err(|why| misfit(reader, why))?;
        let read = found.map(|found| found.normalized_value(XmlVersion::Explicit1_0).map(|value| value.into_owned()));
        read.transpose().map_err(|why| misfit(reader, why))
    };
    let (kind, is_escaped) = (attribute("type")?, attribute("escaped")?.is_some_and(|flag| flag == "true"));
    let (mut text, mut children) = (String::new(), Vec::new());
    let end = loop {
        let here = position(reader);
        match reader.read_event().map_err(|why| misfit(reader, why))? {
            Event::Start(child) => {
                let key = child.name().as_ref().to_owned();
                let node = value(reader, &child, here, depth + 1)?;
                children.push(Entry { key, span: here..position(reader), node });
            }
            Event::Text(piece) => text.push_str(&piece),
            Event::CData(piece) => text.push_str(&piece),
            Event::GeneralRef(name) => text.push(reference(&name).ok_or_else(|| wrong("an unknown entity"))?),
            Event::End(_) => break position(reader),
            Event::Eof => return Err(wrong("the element does not end")),
            _ => {}
        }
    };
    let value = match kind.as_deref() {
        Some("number") => Value::Number(text.trim().parse().map_err(|_| wrong("expected a whole number"))?),
        Some("flag") => Value::Flag(text.trim().parse().map_err(|_| wrong("expected true or false"))?),
        Some("list") => Value::List(children.into_iter().map(|child| child.node).collect()),
        Some("table") => Value::Table(children),
        Some(_) => return Err(wrong("type is one of number, flag, list, table")),
        None if !children.is_empty() => Value::Table(children),
        None if is_escaped => Value::Text(unescaped(&text).ok_or_else(|| wrong("a bad escape"))?),
        None => Value::Text(text),
    };
    Ok(Node { span: at..end, value })
}

/// The five entities of XML, and characters by number.
fn reference(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        number => {
            let digits = number.strip_prefix('#')?;
            let code = match digits.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tree::toml;

    fn rules(text: &str) -> Node {
        toml(text).expect("toml")
    }

    #[test]
    fn there_and_back() {
        let root = rules(
            "[[rule]]\ntitle = \"a <b> & \\\"c\\\" \\u0001 \\r x\\\\u{1}\"\nactive = false\nif = { any = [ { subject = [\" x \", \"\"] }, \
             { size = { over = -5 } } ] }\ndo = [ { reject = \"\" }, { run = { program = [] } } ]\n",
        );
        let Value::List(list) = &root.at("rule").expect("rules").value else { panic!("a list") };
        let xml = write(list);
        assert_eq!(read(&xml).expect("xml").at("rule"), root.at("rule"), "{xml}");
    }

    #[test]
    fn what_is_no_rule_file_is_refused_with_its_place() {
        for bad in [
            "<a/>",
            "<rules><rule>",
            "<!DOCTYPE x><rules/>",
            "<rules><x/></rules>",
            "<rules><rule type=\"y\">1</rule></rules>",
            "<rules><rule>&nope;</rule></rules>",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let deep = format!("<rules><rule>{}{}</rule></rules>", "<a>".repeat(100), "</a>".repeat(100));
        assert!(read(&deep).is_err());
        assert!(read("<rules/>").is_ok() && read("").is_ok());
    }
}
