//! Events as cases write them, and what differs between them.

use serde_json::{Map, Value, json};

use crate::{
    ground::Timestamp,
    mail::{At, MediaType},
    provider::{
        hook::{Event, Inbound, Report, Taken},
        template::filter::hex,
    },
    sms::{Body, split::Reference, udh},
};

/// An event with all that can be compared.
pub fn event(taken: &Taken) -> Value {
    let mut out = match &taken.event {
        Event::Report(event) => report(event),
        Event::Inbound(event) => inbound(event),
        Event::OptOut(event) => {
            let mut out = Map::new();
            out.insert("kind".into(), "optout".into());
            out.insert("from".into(), event.from.as_str().into());
            put(&mut out, "to", event.to.as_deref());
            out.insert("fixed".into(), if event.out { "out" } else { "in" }.into());
            out
        }
    };
    // Without a name of its own the provider's id is what repetitions have in common.
    let dedupe = taken.dedupe.clone().or_else(|| out.get("id").and_then(Value::as_str).map(str::to_owned));
    put(&mut out, "dedupe", dedupe.as_deref());
    Value::Object(out)
}

/// RFC 3339, with as much of a second as there is.
fn moment(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|at| at.to_string()).unwrap_or_default()
}

fn put(out: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        out.insert(name.to_owned(), value.into());
    }
}

fn report(event: &Report) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("kind".into(), "report".into());
    put(&mut out, "id", event.id.as_ref().map(crate::ground::RemoteId::as_str));
    put(&mut out, "own_id", event.own_id.as_deref());
    put(&mut out, "to", event.to.as_deref());
    out.insert("state".into(), event.state.word().into());
    put(&mut out, "code", event.code.as_deref());
    put(&mut out, "detail", event.detail.as_deref());
    put(&mut out, "at", event.at.map(moment).as_deref());
    out.insert("per_part".into(), event.per_part.into());
    out.extend(event.index.map(|index| ("index".to_owned(), Value::from(index))));
    out.extend(event.total.map(|total| ("total".to_owned(), Value::from(total))));
    out
}

fn inbound(event: &Inbound) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("kind".into(), "inbound".into());
    put(&mut out, "id", event.id.as_ref().map(crate::ground::RemoteId::as_str));
    out.insert("from".into(), event.from.as_str().into());
    put(&mut out, "to", event.to.as_deref());
    match &event.segment.body {
        Body::Text(text) => put(&mut out, "text", Some(text)),
        Body::Binary(data) => put(&mut out, "data_hex", Some(&hex(data))),
    }
    if !event.segment.udh.is_empty() {
        let length = u8::try_from(event.segment.udh.len()).unwrap_or(u8::MAX);
        put(&mut out, "udh_hex", Some(&hex(&[&[length], event.segment.udh.as_slice()].concat())));
    }
    if let Some(concat) = udh::concat(&event.segment.udh) {
        let reference = match concat.reference {
            Reference::Eight(reference) => u16::from(reference),
            Reference::Sixteen(reference) => reference,
        };
        out.insert("ref".into(), reference.into());
        out.insert("index".into(), concat.seq.into());
        out.insert("total".into(), concat.total.into());
    }
    put(&mut out, "subject", event.subject.as_deref());
    put(&mut out, "line", event.line.as_deref());
    put(&mut out, "at", event.at.map(moment).as_deref());
    let media = event.media.iter().map(|piece| {
        let mut one = Map::new();
        put(&mut one, "type", piece.kind.as_ref().map(MediaType::as_str));
        put(&mut one, "name", piece.name.as_deref());
        match &piece.at {
            At::Elsewhere(place) => put(&mut one, "url", Some(&place.url)),
            At::Here(data) => put(&mut one, "inline_hex", Some(&hex(data))),
            At::Missing(why) => put(&mut one, "missing", Some(why)),
        }
        Value::Object(one)
    });
    out.insert("media".into(), media.collect());
    out
}

/// What differs; what is not named is not looked at.
pub fn compare(wanted: &[Value], got: &[Value]) -> Vec<String> {
    if wanted.len() != got.len() {
        return vec![format!("wanted {} events, got {}: {}", wanted.len(), got.len(), json!(got))];
    }
    let mut differs = Vec::new();
    for (n, (wanted, got)) in wanted.iter().zip(got).enumerate() {
        let Some(members) = wanted.as_object() else {
            differs.push(format!("event {}: a wanted event is a table", n + 1));
            continue;
        };
        for (name, wanted) in members {
            let found = got.get(name).unwrap_or(&Value::Null);
            if !same(name, wanted, found) {
                differs.push(format!("event {} {name}: wanted {wanted}, got {found}", n + 1));
            }
        }
    }
    differs
}

fn same(name: &str, wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len()
                && wanted.iter().zip(found).all(|(wanted, found)| match wanted.as_object() {
                    Some(members) => members.iter().all(|(name, wanted)| same(name, wanted, &found[name.as_str()])),
                    None => wanted == found,
                })
        }
        // A word with small letters or capitals in hexadecimal is the same octets.
        (Value::String(wanted), Value::String(found)) if name.ends_with("_hex") => {
            wanted.replace(' ', "").eq_ignore_ascii_case(found)
        }
        // To the second, unless the case says more.
        (Value::String(wanted), Value::String(found)) if name == "at" && !wanted.contains('.') => {
            wanted.get(..19) == found.get(..19)
        }
        // An empty wanted word: it must not be there.
        (Value::String(wanted), Value::Null) => wanted.is_empty(),
        (Value::String(_), _) | (_, Value::String(_)) => text(wanted) == text(found),
        (wanted, found) => wanted == found,
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
