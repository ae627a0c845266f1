//! Bodies of hooks and of answers to polls, taken apart.

use serde_json::Value;

use super::{
    Parts,
    spec::{Items, Parse, Reading},
};
use crate::provider::{
    charset,
    view::{self, Fields, View},
    web::{Answer, Headers, HookRequest},
    xml,
};

/// Most items of one call.
const MOST_ITEMS: usize = 1_000;

/// A call taken apart, not yet what is inside of it; `None`: it cannot be read as the definition says.
pub fn parts(reading: &Reading, request: &HookRequest, claims: Option<Value>) -> Option<Parts> {
    let url = Parts::of_url(request);
    let get = matches!(request.method.as_str(), "GET" | "HEAD");
    let media_type = request.headers.get("content-type").unwrap_or_default();
    body_parts(reading, url, &request.body, media_type, get, claims)
}

/// The same for the answer to a poll.
pub fn answer_parts(reading: &Reading, answer: &Answer) -> Option<Parts> {
    if !(200..300).contains(&answer.status) {
        return None;
    }
    let nothing = Parts { query: Vec::new(), fields: Vec::new(), json: None, xml: None, claims: None, own: None };
    let media_type = answer.headers.get("content-type").unwrap_or_default();
    within(reading, body_parts(reading, nothing, &answer.body, media_type, false, None)?)
}

fn body_parts(
    reading: &Reading,
    mut parts: Parts,
    body: &[u8],
    media_type: &str,
    get: bool,
    claims: Option<Value>,
) -> Option<Parts> {
    let query = parts.query.clone();
    let kind = match reading.parse {
        Parse::Any => by_media_type(media_type, body, get),
        given => given,
    };
    match kind {
        Parse::Query => parts.fields = query,
        Parse::Form | Parse::Params if is_multipart(media_type) => {
            parts.fields = if kind == Parse::Params { query } else { Vec::new() };
            parts.fields.extend(multipart(media_type, body)?);
        }
        Parse::Form => parts.fields = view::form(body),
        Parse::Params => {
            parts.fields = query;
            parts.fields.extend(view::form(body));
        }
        Parse::Multipart => parts.fields = multipart(media_type, body)?,
        Parse::Json => parts.json = Some(json(body)?),
        Parse::Xml => parts.xml = Some(xml::read(charset::decode(body, encoding_rs::UTF_8).trim_start())?),
        Parse::Claims => parts.json = Some(claims.clone()?),
        Parse::Any => {}
    }
    parts.claims = claims;
    Some(parts)
}

/// The same with the JSON that stands in a string of the body, where the definition says so. `None`: there is none.
pub fn within(reading: &Reading, mut parts: Parts) -> Option<Parts> {
    if let Some(inner) = &reading.inner {
        let headers = Headers::default();
        let text = parts.view(&headers, reading.charset).first(inner)?;
        parts.json = Some(json(text.as_bytes())?);
    }
    Some(parts)
}

fn json(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body)).ok()
}

fn is_multipart(media_type: &str) -> bool {
    media_type.trim_start().to_ascii_lowercase().starts_with("multipart/form-data")
}

fn by_media_type(media_type: &str, body: &[u8], get: bool) -> Parse {
    let kind = media_type.to_ascii_lowercase();
    let begins = body.iter().find(|octet| !octet.is_ascii_whitespace());
    if get {
        Parse::Query
    } else if is_multipart(&kind) {
        Parse::Multipart
    } else if kind.contains("json") || (kind.is_empty() && matches!(begins, Some(b'{' | b'['))) {
        Parse::Json
    } else if kind.contains("xml") || (kind.is_empty() && begins == Some(&b'<')) {
        Parse::Xml
    } else {
        Parse::Params
    }
}

/// The fields of `multipart/form-data` (RFC 7578); files count as fields.
pub fn multipart(media_type: &str, body: &[u8]) -> Option<Fields> {
    let (_, boundary) = media_type.split_once("boundary=")?;
    let boundary = boundary.split(';').next()?.trim().trim_matches('"');
    if boundary.is_empty() || boundary.len() > 70 {
        return None;
    }
    let delimiter = format!("--{boundary}");
    let finder = memchr::memmem::Finder::new(delimiter.as_bytes());
    let places: Vec<usize> = finder.find_iter(body).take(MOST_ITEMS).collect();
    let mut fields = Vec::new();
    for pair in places.windows(2) {
        let part = body.get(pair[0] + delimiter.len()..pair[1])?;
        let part = part.strip_prefix(b"\r\n").or(part.strip_prefix(b"\n"))?;
        let (head, value) = match memchr::memmem::find(part, b"\r\n\r\n") {
            Some(at) => (&part[..at], &part[at + 4..]),
            None => {
                let at = memchr::memmem::find(part, b"\n\n")?;
                (&part[..at], &part[at + 2..])
            }
        };
        let value = value.strip_suffix(b"\r\n").or(value.strip_suffix(b"\n")).unwrap_or(value);
        if let Some(name) = field_name(&String::from_utf8_lossy(head)) {
            fields.push((name, value.to_vec()));
        }
    }
    (!fields.is_empty()).then_some(fields)
}

fn field_name(head: &str) -> Option<String> {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    // `filename=` has `name=` in it.
    let at = line.find("; name=").or_else(|| line.find(";name="))?;
    let (_, value) = line[at..].split_once('=')?;
    match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().map(str::to_owned),
        None => value.split(';').next().map(|name| name.trim().to_owned()),
    }
}

/// Calls `take` with the view of each item; `None`: there are no such items.
pub fn each_item(parts: &Parts, headers: &Headers, reading: &Reading, mut take: impl FnMut(&View<'_>)) -> Option<()> {
    let whole = parts.view(headers, reading.charset);
    match &reading.items {
        None => take(&whole),
        Some(Items::Json(pointer)) => {
            let list = view::pointed_at(parts.json.as_ref()?, pointer)?;
            match list {
                Value::Array(items) => {
                    items.iter().take(MOST_ITEMS).for_each(|item| take(&View { json: Some(item), ..whole }));
                }
                // Some give the one itself where there is one.
                one => take(&View { json: Some(one), ..whole }),
            }
        }
        Some(Items::Lists { fields, by }) => {
            let split = |name: &String| {
                let value = parts.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_slice());
                let value = charset::decode(value.unwrap_or_default(), reading.charset);
                (name.clone(), value.split(by.as_str()).map(|item| item.trim().to_owned()).collect::<Vec<_>>())
            };
            let lists: Vec<_> = fields.iter().map(split).collect();
            let count = lists.first().map_or(0, |(_, items)| items.len()).min(MOST_ITEMS);
            for index in 0..count {
                let mut own: Fields = Vec::new();
                for (name, items) in &lists {
                    if let Some(item) = items.get(index) {
                        own.push((name.clone(), item.clone().into_bytes()));
                    }
                }
                own.extend(parts.fields.iter().filter(|(name, _)| !fields.contains(name)).cloned());
                // The items are UTF-8 by now.
                take(&View { fields: &own, ..whole });
            }
        }
    }
    Some(())
}
