//! How far providers that are asked were read, over restarts and reloads.
//!
//! The app fills it from the store before the first gateway starts; a poll reads its own place from it, and moves it when
//! the new one is durable. What can go wrong: a gateway that goes to another provider under the same id; the words of one
//! definition mean nothing to another, so that reading begins anew.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{gateway::inbox::Position, ground::GatewayId};

/// The longest position that is kept, in octets.
pub const LONGEST: usize = 4096;

/// The positions of all polls of all gateways; cheap to clone.
#[derive(Clone, Default)]
pub struct Positions(Arc<Mutex<HashMap<(GatewayId, String), Position>>>);

impl fmt::Debug for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Positions")
    }
}

impl Positions {
    /// Where this poll goes on; `None`: at the beginning.
    pub fn of(&self, gateway: &GatewayId, poll: &str, definition: &str) -> Option<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(&(gateway.clone(), poll.to_owned()))?;
        (known.definition == definition).then(|| known.position.clone())
    }

    /// A poll has read up to here.
    pub fn keep(&self, gateway: &GatewayId, position: Position) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert((gateway.clone(), position.poll.clone()), position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_of_one_gateway_poll_and_definition() {
        let (main, other): (GatewayId, GatewayId) = ("main".parse().expect("id"), "other".parse().expect("id"));
        let positions = Positions::default();
        assert_eq!(positions.of(&main, "inbox", "acme"), None);
        let at =
            |position: &str| Position { poll: "inbox".into(), definition: "acme".into(), position: position.into() };
        positions.clone().keep(&main, at("7"));
        positions.keep(&main, at("9"));
        assert_eq!(positions.of(&main, "inbox", "acme").as_deref(), Some("9"));
        for (gateway, poll, definition) in
            [(&other, "inbox", "acme"), (&main, "reports", "acme"), (&main, "inbox", "emca")]
        {
            assert_eq!(positions.of(gateway, poll, definition), None, "{gateway} {poll} {definition}");
        }
        assert!(!format!("{:?} {:?}", at("secret"), positions).contains("secret"));
    }
}
