//! What was looked at and what came of it: the answer to "why did it go there?".

use serde::Serialize;

/// Every rule that was looked at, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Trace(pub Vec<Looked>);

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Looked {
    pub rule: String,
    /// Where it stands: `FILE:LINE`.
    pub place: String,
    pub matched: bool,
    /// Each condition that was looked at, and whether it held.
    pub conditions: Vec<Seen>,
    /// What its actions did, one line each.
    pub changes: Vec<String>,
}

/// One condition.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// As a person reads it: `subject contains "alarm"`.
    pub condition: String,
    /// What the field held; cut.
    pub value: String,
    pub holds: bool,
}

/// Without the value.
impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seen({}, {})", self.condition, self.holds)
    }
}

impl Trace {
    /// The titles of the rules that matched.
    pub fn matched(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|looked| looked.matched).map(|looked| looked.rule.as_str())
    }
}
