//! Values of cases: octets, fields, JSON, bodies.

use toml::de::DeValue;

use super::{read::Pairs, requests};
use crate::provider::read::{At, Desk, Section};

pub fn hex_of<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>, key: &'static str) -> Option<Vec<u8>> {
    let at = section.get(key)?;
    let text = desk.text(at)?;
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let pairs = digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let octets: Option<Vec<u8>> = pairs.collect();
    if octets.is_none() || !digits.len().is_multiple_of(2) {
        return desk.none(at.span().start, "octets are pairs of hexadecimal digits");
    }
    octets
}

pub fn pairs<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>, key: &'static str) -> Pairs {
    let Some(table) = section.get(key).and_then(|at| desk.section(at, "in a table of fields")) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for (name, _, value) in table.entries() {
        for item in desk.list(value) {
            let text = match item.get_ref() {
                DeValue::Integer(_) => desk.integer(item).map(|number| number.to_string()),
                DeValue::Boolean(flag) => Some(flag.to_string()),
                DeValue::Float(number) => Some(number.as_str().to_owned()),
                _ => desk.text(item).map(str::to_owned),
            };
            out.extend(text.map(|text| (name.to_owned(), text)));
        }
    }
    out
}

/// A value of TOML as JSON.
pub fn json<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Option<serde_json::Value> {
    Some(match at.get_ref() {
        DeValue::Integer(_) => desk.integer(at)?.into(),
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Float(number) => serde_json::from_str(number.as_str()).ok()?,
        DeValue::Datetime(date) => date.to_string().into(),
        DeValue::Array(items) => items.iter().map(|item| json(desk, item)).collect::<Option<Vec<_>>>()?.into(),
        DeValue::Table(_) => {
            let table = desk.section(at, "in a table")?;
            let members =
                table.entries().into_iter().map(|(name, _, value)| Some((name.to_owned(), json(desk, value)?)));
            serde_json::Value::Object(members.collect::<Option<_>>()?)
        }
        DeValue::String(text) => text.as_ref().into(),
    })
}

/// Octets and their media type, as a case gives them.
pub fn body<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>) -> (Option<&'static str>, Vec<u8>) {
    let mut out = (None, Vec::new());
    if let Some(value) = section.get("json").and_then(|at| json(desk, at)) {
        out = (Some("application/json"), value.to_string().into_bytes());
    }
    if section.get("form").is_some() {
        let fields = pairs(desk, section, "form");
        out = (Some("application/x-www-form-urlencoded"), requests::encode(&fields).into_bytes());
    }
    if section.get("multipart").is_some() {
        out = (Some("multipart/form-data; boundary=case"), requests::multipart(&pairs(desk, section, "multipart")));
    }
    if let Some(text) = desk.text_of(section, "body") {
        let kind = match text.trim_start().as_bytes().first() {
            Some(b'{' | b'[') => Some("application/json"),
            Some(b'<') => Some("text/xml"),
            _ => None,
        };
        out = (kind, text.into_bytes());
    }
    if let Some(octets) = hex_of(desk, section, "body_hex") {
        out = (None, octets);
    }
    out
}
