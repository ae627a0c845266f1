//! Templates filled in.

use super::{Cast, Hole, Mark, Name, Piece, Template, filter::Value};

/// Where the values of names come from.
pub trait Values {
    /// The value of a name; `None`: there is none. `bare`: a number without the form that the definition gives it,
    /// because a filter will.
    fn value(&self, name: &Name, bare: bool) -> Option<Value>;
}

/// What became of a template.
#[derive(Clone, PartialEq, Eq)]
pub enum Expanded {
    /// The field is left out.
    Absent,
    Text(String),
    /// As they are.
    Octets(Vec<u8>),
    /// The field is repeated.
    Many(Vec<String>),
}

/// A value that a template needs and nobody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(pub Name);

impl Template {
    /// Fills it in; escaping is the business of the place.
    ///
    /// # Errors
    /// A value that must be there is not.
    pub fn expand(&self, values: &dyn Values) -> Result<Expanded, Missing> {
        if let Some(hole) = self.lone() {
            return hole.fill(values);
        }
        let mut out: Vec<u8> = Vec::new();
        let mut text = true;
        for piece in &self.pieces {
            match piece {
                Piece::Words(words) => out.extend_from_slice(words.as_bytes()),
                Piece::Hole(hole) => match hole.fill(values)? {
                    Expanded::Absent => return Ok(Expanded::Absent),
                    Expanded::Text(words) => out.extend_from_slice(words.as_bytes()),
                    Expanded::Octets(octets) => {
                        text = false;
                        out.extend_from_slice(&octets);
                    }
                    Expanded::Many(items) => out.extend_from_slice(items.join(",").as_bytes()),
                },
            }
        }
        Ok(match String::from_utf8(out) {
            Ok(words) if text => Expanded::Text(words),
            Ok(words) => Expanded::Octets(words.into_bytes()),
            Err(octets) => Expanded::Octets(octets.into_bytes()),
        })
    }

    /// Fills it in where words stand as they are and each value is escaped; a value that is not there is empty.
    ///
    /// # Errors
    /// A value that must be there is not.
    pub fn expand_escaped(
        &self,
        values: &dyn Values,
        escape: &dyn Fn(&Hole, &str) -> String,
    ) -> Result<String, Missing> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Words(words) => out.push_str(words),
                Piece::Hole(hole) => match hole.fill(values)? {
                    Expanded::Absent => {}
                    Expanded::Text(words) => out.push_str(&escape(hole, &words)),
                    Expanded::Octets(octets) => out.push_str(&crate::provider::charset::percent(&octets)),
                    Expanded::Many(items) => out.push_str(&escape(hole, &items.join(","))),
                },
            }
        }
        Ok(out)
    }
}

impl Hole {
    fn fill(&self, values: &dyn Values) -> Result<Expanded, Missing> {
        let bare = matches!(self.filters.first(), Some(super::filter::Filter::Number(_)));
        let value = values.value(&self.name, bare).filter(|value| !self.is_nothing(value));
        let Some(mut value) = value else {
            return match self.mark {
                // Words may be empty, and so may a setting.
                Mark::Needed if matches!(self.name, Name::Text | Name::Setting(_)) => Ok(Expanded::Text(String::new())),
                Mark::Needed => Err(Missing(self.name.clone())),
                Mark::Optional | Mark::Repeat => Ok(Expanded::Absent),
            };
        };
        for filter in &self.filters {
            value = filter.apply(value);
        }
        Ok(match value {
            Value::Text(text) => Expanded::Text(text),
            Value::Octets(octets) => Expanded::Octets(octets),
            Value::List(items) => Expanded::Many(items),
            Value::Moment(_) => Expanded::Absent,
        })
    }

    /// Empty values count as none.
    fn is_nothing(&self, value: &Value) -> bool {
        match value {
            Value::Text(text) => text.is_empty(),
            Value::Octets(octets) => octets.is_empty(),
            Value::List(items) => items.is_empty(),
            Value::Moment(_) => false,
        }
    }
}

impl Cast {
    /// The value as JSON; text that is none of that kind stays a string.
    pub fn json(self, text: &str) -> serde_json::Value {
        let trimmed = text.trim();
        let read = match self {
            Self::Int => trimmed.parse::<i64>().ok().map(serde_json::Value::from),
            Self::Number => serde_json::from_str::<serde_json::Number>(trimmed).ok().map(serde_json::Value::from),
            Self::Bool => match trimmed {
                "true" | "1" => Some(true.into()),
                "false" | "0" => Some(false.into()),
                _ => None,
            },
        };
        read.unwrap_or_else(|| text.into())
    }
}
