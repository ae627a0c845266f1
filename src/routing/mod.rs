//! Routing: under which key a message waits, and which of several gateways takes it.
//!
//! Pure: the dispatcher supplies a snapshot of its gateways and the randomness.

use crate::{
    ground::GatewayId,
    sms::{Body, Content},
};

/// What choosing must know of one gateway at this moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub id: GatewayId,
    /// Lower is preferred; the next tier is used only when no gateway of this one can take the message.
    pub priority: u32,
    /// Share among equals, at least 1.
    pub weight: u32,
    /// Attempts under way.
    pub outstanding: usize,
    /// Attempts it takes at once.
    pub window: usize,
    /// Switched off, paused after a fault, or stopping.
    pub paused: bool,
    pub binary: bool,
    /// It can show an originator other than its own number.
    pub sender: bool,
}

/// What a message needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    pub binary: bool,
    pub sender: bool,
}

impl Needs {
    /// What this content and this wish for an originator need.
    pub fn of(content: &Content, sender: bool) -> Self {
        Self { binary: matches!(content.body, Body::Binary(_)) || !content.udh.is_empty(), sender }
    }
}

impl Candidate {
    /// Could it ever carry the message, whatever its state now?
    pub fn can_carry(&self, needs: Needs) -> bool {
        self.binary || !needs.binary
    }

    /// Has it a slot now?
    pub fn is_free(&self) -> bool {
        !self.paused && self.outstanding < self.window
    }

    fn load(&self) -> f64 {
        self.outstanding as f64 / f64::from(self.weight.max(1))
    }
}

/// The gateway that takes a message, if one can now: the best tier with an unpaused gateway; those that can show the
/// wished originator before the others; among equals two are drawn by weight and the less loaded one takes it.
///
/// A full gateway of a better tier makes the message wait; only a paused one lets the next tier in.
/// `draws` lie in `0.0..1.0`.
pub fn choose(candidates: &[Candidate], needs: Needs, draws: [f64; 2]) -> Option<&Candidate> {
    let able = || candidates.iter().filter(|c| c.can_carry(needs) && !c.paused);
    let tier = able().map(|c| c.priority).min()?;
    let shows = able().any(|c| c.priority == tier && c.sender);
    let equals: Vec<&Candidate> = able()
        .filter(|c| c.priority == tier && (!needs.sender || !shows || c.sender))
        .filter(|c| c.is_free())
        .collect();
    let first = draw(&equals, draws[0])?;
    let second = draw(&equals, draws[1])?;
    Some(if second.load() < first.load() { second } else { first })
}

fn draw<'a>(from: &[&'a Candidate], at: f64) -> Option<&'a Candidate> {
    let total: f64 = from.iter().map(|c| f64::from(c.weight.max(1))).sum();
    let mut left = at.clamp(0.0, 1.0) * total;
    for candidate in from {
        left -= f64::from(candidate.weight.max(1));
        if left < 0.0 {
            return Some(candidate);
        }
    }
    from.last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(id: &str, priority: u32, weight: u32) -> Candidate {
        Candidate {
            id: id.parse().expect("an id"),
            priority,
            weight,
            outstanding: 0,
            window: 4,
            paused: false,
            binary: true,
            sender: true,
        }
    }

    const TEXT: Needs = Needs { binary: false, sender: false };

    fn chosen(all: &[Candidate], needs: Needs, draws: [f64; 2]) -> Option<String> {
        choose(all, needs, draws).map(|c| c.id.to_string())
    }

    #[test]
    fn the_lower_priority_goes_first_and_the_next_tier_steps_in_when_it_is_paused() {
        let mut all = [gateway("a", 1, 1), gateway("b", 2, 9)];
        assert_eq!(chosen(&all, TEXT, [0.9, 0.9]).as_deref(), Some("a"));
        all[0].outstanding = 4;
        assert_eq!(chosen(&all, TEXT, [0.9, 0.9]), None, "a full gateway makes the message wait");
        all[0].paused = true;
        assert_eq!(chosen(&all, TEXT, [0.0, 0.0]).as_deref(), Some("b"));
        all[1].paused = true;
        assert_eq!(chosen(&all, TEXT, [0.0, 0.0]), None);
    }

    #[test]
    fn equals_share_by_weight() {
        let all = [gateway("a", 1, 1), gateway("b", 1, 3)];
        let hits = (0..1000).filter(|i| chosen(&all, TEXT, [f64::from(*i) / 1000.0, 0.99]).as_deref() == Some("b"));
        assert_eq!(hits.count(), 750);
    }

    #[test]
    fn the_less_loaded_of_two_takes_it() {
        let mut all = [gateway("a", 1, 1), gateway("b", 1, 1)];
        all[0].outstanding = 3;
        assert_eq!(chosen(&all, TEXT, [0.1, 0.9]).as_deref(), Some("b"));
        assert_eq!(chosen(&all, TEXT, [0.9, 0.1]).as_deref(), Some("b"));
    }

    #[test]
    fn needs_narrow_the_choice() {
        let mut all = [gateway("a", 1, 1), gateway("b", 1, 1)];
        all[0].binary = false;
        all[0].sender = false;
        let binary = Needs { binary: true, sender: false };
        let shown = Needs { binary: false, sender: true };
        assert_eq!(chosen(&all, binary, [0.0, 0.0]).as_deref(), Some("b"));
        assert_eq!(chosen(&all, shown, [0.0, 0.0]).as_deref(), Some("b"));
        all[1].sender = false;
        assert_eq!(chosen(&all, shown, [0.0, 0.0]).as_deref(), Some("a"), "less preferred is not refused");
    }
}
