//! The JSON object that programs read, and that calls may post: the message as the rule saw it.
//!
//! A stable form for scripts, described in `docs/rules.md`: keys are added, never renamed; what is not known is null.

use serde_json::{Map, Value, json};

use super::{
    facts::{Direction, Facts},
    field::alphabet,
};

/// Octets of words and header fields in one document at most: what is beyond is left out and marked.
const MOST: usize = 128 << 10;

/// The document of a message, for the rule of this title.
pub fn document(facts: &Facts, rule: &str) -> String {
    let mut room = MOST.saturating_sub(facts.body.len().min(MOST));
    let mut headers = Vec::new();
    for (name, value) in &facts.headers {
        let size = name.len() + value.len();
        if size > room {
            break;
        }
        room -= size;
        headers.push(json!([name, value]));
    }
    let cut = headers.len() < facts.headers.len();
    let variables: Map<String, Value> =
        facts.variables.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    let measure = facts.measure();
    let inbound = facts.direction == Direction::In;
    json!({
        "version": 1,
        "rule": rule,
        "direction": facts.direction.word(),
        // The phone: that is written to, or that wrote.
        "phone": if inbound { facts.originator.as_deref() } else { Some(facts.to.number.as_str()) },
        "to": facts.to.to_string(),
        "from": if inbound { facts.originator.as_deref() } else { facts.header("From").next() },
        "originator": facts.originator,
        "gateway": facts.gateway.as_ref().or(facts.to.at.as_ref()),
        "sender": facts.sender,
        "login": facts.login,
        "account": facts.account,
        "domain": facts.domain,
        "region": if inbound { &facts.originator_region } else { &facts.region },
        "subject": facts.header("Subject").next(),
        "body": facts.body,
        "binary": facts.binary,
        "headers": headers,
        "headers_cut": cut,
        "attachments": facts.attachments,
        "segments": measure.as_ref().map(|measure| measure.segments),
        "alphabet": measure.as_ref().map(|measure| alphabet(measure.alphabet)),
        "size": facts.size,
        "priority": facts.urgency.word(),
        "peer": facts.peer.map(|peer| peer.to_string()),
        "time": facts.now.utc().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "variables": variables,
    })
    .to_string()
}
