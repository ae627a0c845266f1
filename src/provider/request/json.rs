//! JSON bodies from their templates.

use serde_json::{Map, Value};

use super::scope::Scope;
use crate::provider::{
    definition::Json,
    template::{
        Cast, Name,
        expand::{Expanded, Missing},
    },
};

/// The value; `None`: it had something to hold, and all of that is absent.
pub fn expand(template: &Json, scope: &Scope<'_>) -> Result<Option<Value>, Missing> {
    match template {
        Json::Fixed(value) => Ok(Some(value.clone())),
        Json::Text(text) => {
            let hole = text.lone();
            let int = hole.is_some_and(|hole| hole.name == Name::To && hole.filters.is_empty());
            let cast = hole.and_then(|hole| hole.cast).or((int && scope.definition.number.int).then_some(Cast::Int));
            let one = |text: &str| cast.map_or_else(|| text.into(), |cast| cast.json(text));
            Ok(match text.expand(scope)? {
                Expanded::Absent => None,
                Expanded::Text(text) => Some(one(&text)),
                Expanded::Octets(octets) => Some(String::from_utf8_lossy(&octets).into_owned().into()),
                Expanded::Many(items) => Some(items.iter().map(|item| one(item)).collect()),
            })
        }
        Json::List(items) => list(items, scope),
        Json::Table(members) => {
            let mut out = Map::new();
            for (name, member) in members {
                if let Some(value) = expand(member, scope)? {
                    out.insert(name.clone(), value);
                }
            }
            Ok((!out.is_empty() || members.is_empty()).then_some(Value::Object(out)))
        }
    }
}

/// A hole that gives several stands for several items.
fn list(items: &[Json], scope: &Scope<'_>) -> Result<Option<Value>, Missing> {
    let mut out = Vec::new();
    for item in items {
        let several = matches!(item, Json::Text(text)
            if text.lone().is_some_and(|hole| hole.mark == crate::provider::template::Mark::Repeat));
        match expand(item, scope)? {
            Some(Value::Array(values)) if several => out.extend(values),
            Some(value) => out.push(value),
            None => {}
        }
    }
    Ok((!out.is_empty() || items.is_empty()).then_some(Value::Array(out)))
}
