//! An answer or a hook taken apart, so that sources find their values in it.
//!
//! Looking never fails: what is not there, null or of the wrong shape is nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    charset,
    source::{Kind, Place, Pointer, Source, Step},
    web::Headers,
    xml::Element,
};

/// Most values that one source gives.
const MOST: usize = 1_000;

/// Names and octets of parameters, in their order.
pub type Fields = Vec<(String, Vec<u8>)>;

/// What sources look into. Cheap to copy.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub headers: &'a Headers,
    /// Of the URL.
    pub query: &'a [(String, Vec<u8>)],
    pub fields: &'a [(String, Vec<u8>)],
    pub charset: &'static encoding_rs::Encoding,
    /// The item.
    pub json: Option<&'a Value>,
    /// The whole.
    pub root: Option<&'a Value>,
    pub xml: Option<&'a Element>,
    pub claims: Option<&'a Value>,
    pub captures: Option<&'a BTreeMap<String, String>>,
    pub own: Option<&'a str>,
}

impl<'a> View<'a> {
    /// A view of header fields alone.
    pub fn new(headers: &'a Headers) -> Self {
        Self {
            headers,
            query: &[],
            fields: &[],
            charset: encoding_rs::UTF_8,
            json: None,
            root: None,
            xml: None,
            claims: None,
            captures: None,
            own: None,
        }
    }

    /// The first value that is there and not empty, trimmed.
    pub fn first(&self, source: &Source) -> Option<String> {
        source.0.iter().find_map(|place| self.at(place).into_iter().find(|value| !value.is_empty()))
    }

    /// All values of the first place that has one.
    pub fn all(&self, source: &Source) -> Vec<String> {
        let mut found = source.0.iter().map(|place| self.at(place));
        found.find(|values| values.iter().any(|value| !value.is_empty())).unwrap_or_default()
    }

    /// Whether there is something, be it empty.
    pub fn has(&self, source: &Source) -> bool {
        source.0.iter().any(|place| !self.at(place).is_empty())
    }

    /// The octets of a parameter, or those of the text of anything else.
    pub fn octets(&self, source: &Source) -> Option<Vec<u8>> {
        source.0.iter().find_map(|place| match &place.kind {
            Kind::Field(name) if place.pick.is_none() && self.json_member(name).is_none() => self
                .fields
                .iter()
                .find(|(field, _)| field == name)
                .map(|(_, value)| value.clone())
                .filter(|v| !v.is_empty()),
            _ => self.at(place).into_iter().find(|value| !value.is_empty()).map(String::into_bytes),
        })
    }

    /// The values of JSON that a source points at.
    pub fn json_at(&self, source: &Source) -> Vec<&'a Value> {
        let values = |place: &Place| match &place.kind {
            Kind::Json(pointer) => self.json.map(|json| pointed(json, &pointer.0)).unwrap_or_default(),
            Kind::Root(pointer) => self.root.map(|json| pointed(json, &pointer.0)).unwrap_or_default(),
            Kind::Field(name) => self.json_member(name).into_iter().collect(),
            _ => Vec::new(),
        };
        source.0.iter().map(values).find(|values| !values.is_empty()).unwrap_or_default()
    }

    fn json_member(&self, name: &str) -> Option<&'a Value> {
        self.json.or(self.claims)?.get(name)
    }

    fn at(&self, place: &Place) -> Vec<String> {
        let mut values = self.raw(&place.kind);
        if let Some(pick) = &place.pick {
            values = values.iter().filter_map(|value| picked(pick, value)).collect();
        }
        values.truncate(MOST);
        values.iter_mut().for_each(trim);
        values
    }

    fn raw(&self, kind: &Kind) -> Vec<String> {
        let texts = |values: Vec<&Value>| values.into_iter().filter_map(text_of).collect();
        match kind {
            Kind::Field(name) => {
                let mut values = self.named(self.fields, name);
                if values.is_empty() {
                    values = texts(self.json_member(name).into_iter().collect());
                }
                values
            }
            Kind::Query(name) => self.named(self.query, name),
            Kind::Json(pointer) => texts(self.json.map(|json| pointed(json, &pointer.0)).unwrap_or_default()),
            Kind::Root(pointer) => texts(self.root.map(|json| pointed(json, &pointer.0)).unwrap_or_default()),
            Kind::Xml(path) => self.xml.and_then(|root| root.find(path)).into_iter().collect(),
            Kind::Header(name) => self.headers.all(name).map(str::to_owned).collect(),
            Kind::Claim(name) => texts(self.claims.and_then(|claims| claims.get(name)).into_iter().collect()),
            Kind::Capture(name) => self.captures.and_then(|groups| groups.get(name)).cloned().into_iter().collect(),
            Kind::Own => self.own.map(str::to_owned).into_iter().collect(),
        }
    }

    fn named(&self, fields: &[(String, Vec<u8>)], name: &str) -> Vec<String> {
        let values = fields.iter().filter(|(field, _)| field == name);
        values.map(|(_, value)| charset::decode(value, self.charset)).collect()
    }
}

fn trim(value: &mut String) {
    let trimmed = value.trim();
    if trimmed.len() != value.len() {
        *value = trimmed.to_owned();
    }
}

/// Group `id`, else the first, else the whole match.
fn picked(pick: &regex::Regex, value: &str) -> Option<String> {
    let groups = pick.captures(value)?;
    let group = groups.name("id").or_else(|| groups.get(1)).or_else(|| groups.get(0))?;
    Some(group.as_str().to_owned())
}

/// The text of a value; null, lists and tables have none.
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The values behind a pointer.
pub fn pointed<'v>(value: &'v Value, steps: &[Step]) -> Vec<&'v Value> {
    let mut found = vec![value];
    for step in steps {
        let mut next = Vec::new();
        for value in found {
            match step {
                Step::Key(key) => next.extend(match value {
                    Value::Object(members) => members.get(key),
                    Value::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
                    _ => None,
                }),
                Step::Each => next.extend(value.as_array().into_iter().flatten().take(MOST)),
                Step::Last => next.extend(value.as_array().and_then(|items| items.last())),
            }
        }
        next.truncate(MOST);
        found = next;
    }
    found
}

/// The value behind a pointer that names one.
pub fn pointed_at<'v>(value: &'v Value, pointer: &Pointer) -> Option<&'v Value> {
    pointed(value, &pointer.0).into_iter().next()
}

/// The fields of a query string or a form.
pub fn form(written: &[u8]) -> Fields {
    let parts = written.split(|octet| *octet == b'&').filter(|part| !part.is_empty()).take(MOST);
    parts
        .map(|part| {
            let at = part.iter().position(|octet| *octet == b'=').unwrap_or(part.len());
            let name = String::from_utf8_lossy(&charset::unpercent(&part[..at], true)).into_owned();
            (name, charset::unpercent(part.get(at + 1..).unwrap_or_default(), true))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_find_their_values() {
        let headers: Headers = [("X-Id", " h1 ")].into_iter().collect();
        let fields = form(b"a=1&b=%E9&a=2&c=");
        let json = serde_json::json!({
            "data": "Success \"u-1\"", "list": [{"id": 1}, {"id": 2}], "n": null, "t": true, "e": "", "big": 18_446_744_073_709_551_615u64,
        });
        let captures = BTreeMap::from([("code".to_owned(), "130".to_owned())]);
        let view = View {
            fields: &fields,
            charset: encoding_rs::WINDOWS_1252,
            json: Some(&json),
            root: Some(&json),
            captures: Some(&captures),
            own: Some("mine"),
            ..View::new(&headers)
        };
        let first = |written: &[&str]| view.first(&Source::read(written.iter().copied()).expect("a source"));
        for (written, found) in [
            (&["a"][..], Some("1")),
            (&["b"], Some("é")),
            (&["c"], None),
            (&["t"], Some("true")),
            (&["json:/n", "json:/e", "json:/list/-1/id"], Some("2")),
            (&["json:/big"], Some("18446744073709551615")),
            (&[r#"json:/data ~ "(?P<id>[^"]+)""#], Some("u-1")),
            (&["header:x-id"], Some("h1")),
            (&["capture:code"], Some("130")),
            (&["own"], Some("mine")),
            (&["json:/list"], None),
            (&["json:/list/7/id"], None),
        ] {
            assert_eq!(first(written).as_deref(), found, "{written:?}");
        }
        let all = |written: &str| view.all(&Source::read([written]).expect("a source"));
        assert_eq!(all("json:/list/*/id"), ["1", "2"]);
        assert_eq!(all("a"), ["1", "2"]);
        assert!(
            view.has(&Source::read(["c"]).expect("a source"))
                && !view.has(&Source::read(["json:/n"]).expect("a source"))
        );
        assert_eq!(view.octets(&Source::read(["b"]).expect("a source")), Some(vec![0xe9]));
    }
}
