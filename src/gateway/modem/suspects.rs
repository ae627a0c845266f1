//! Failures whose cause may be the modem or the text: who fails again and again while others pass, or alone, is the cause.
//!
//! What can go wrong: a modem that refuses everything must not bounce everything. So where several texts fail one after
//! the other it is the modem's trouble, and no text's.

use std::collections::HashMap;

use crate::ground::MessageId;

/// Tries of a text before it leaves the queue.
pub const TRIES: u32 = 5;
/// Texts that fail one after the other before it is the modem.
const OTHERS: usize = 3;
/// Texts that are remembered.
const MOST: usize = 1_000;

/// One segment of a text.
type Which = (MessageId, u8);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody knows yet.
    Later,
    /// It is this text: it leaves the queue.
    Text,
    /// It is the modem.
    Modem,
}

#[derive(Debug, Default)]
pub struct Suspects {
    tries: HashMap<Which, u32>,
    /// Who failed since something passed.
    row: Vec<Which>,
}

impl Suspects {
    pub fn passed(&mut self, which: Which) {
        self.tries.remove(&which);
        self.row.clear();
    }

    pub fn failed(&mut self, which: Which) -> Verdict {
        if self.tries.len() >= MOST {
            self.tries.clear();
        }
        let tries = self.tries.entry(which).or_default();
        *tries += 1;
        let tries = *tries;
        if !self.row.contains(&which) && self.row.len() < MOST {
            self.row.push(which);
        }
        match self.row.len() {
            n if n >= OTHERS => Verdict::Modem,
            1 if tries >= TRIES => {
                self.tries.remove(&which);
                Verdict::Text
            }
            _ => Verdict::Later,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_fails_while_others_pass_is_the_cause() {
        let (poison, other) = ((MessageId::new(), 0), (MessageId::new(), 0));
        let mut suspects = Suspects::default();
        for _ in 1..TRIES {
            assert_eq!(suspects.failed(poison), Verdict::Later);
            suspects.passed(other);
        }
        assert_eq!(suspects.failed(poison), Verdict::Text);
    }

    #[test]
    fn a_modem_that_refuses_everything_is_the_cause() {
        let texts: Vec<_> = (0..3).map(|_| (MessageId::new(), 0)).collect();
        let mut suspects = Suspects::default();
        let mut last = Verdict::Later;
        for _ in 0..10 {
            for text in &texts {
                last = suspects.failed(*text);
                assert_ne!(last, Verdict::Text);
            }
        }
        assert_eq!(last, Verdict::Modem);
    }
}
