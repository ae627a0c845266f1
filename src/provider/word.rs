//! The closed sets of words that a definition maps a provider's words to: what became of a request, and what became of
//! a message afterwards.

use std::time::Duration;

use crate::ground::{Enhanced, Fault, Outcome, RemoteId, Scope};

/// What an answer means for the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    Accepted,
    /// The provider has it from an earlier try with the same id.
    Duplicate,
    /// Too much at once: the gateway pauses.
    Throttled,
    Temporary,
    Permanent,
    /// This phone cannot be reached by anyone.
    Recipient,
    /// The phone does not want texts from this number.
    OptedOut,
    Content,
    Sender,
    /// Wrong key, no credit: the gateway pauses.
    Account,
    Expired,
    Rejected,
    /// It may have been taken.
    Uncertain,
}

/// What became of a message at the provider, as far as it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    Accepted,
    /// Handed to the network.
    Sent,
    Delivered,
    FailedPermanent,
    /// Given up, though another attempt could make sense.
    FailedTemporary,
    Expired,
    Rejected,
    Recipient,
    OptedOut,
    /// A word that is known and says nothing.
    Ignore,
}

/// A word of a table: a verdict, a state, or one that is both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    pub verdict: Option<Verdict>,
    pub state: Option<State>,
}

impl Verdict {
    /// As definitions write them.
    pub const ALL: [(&'static str, Self); 13] = [
        ("accepted", Self::Accepted),
        ("duplicate", Self::Duplicate),
        ("throttled", Self::Throttled),
        ("temporary", Self::Temporary),
        ("permanent", Self::Permanent),
        ("recipient", Self::Recipient),
        ("opted_out", Self::OptedOut),
        ("content", Self::Content),
        ("sender", Self::Sender),
        ("account", Self::Account),
        ("expired", Self::Expired),
        ("rejected", Self::Rejected),
        ("uncertain", Self::Uncertain),
    ];

    /// The word of the definition language.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, verdict)| *verdict == self).map_or("", |(word, _)| word)
    }

    /// The provider has the message.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Accepted | Self::Duplicate)
    }

    /// Whom it concerns, and the code in reports (RFC 3463).
    fn fault(self) -> (Scope, Enhanced) {
        let code = |class, subject, detail| Enhanced::new(class, subject, detail);
        match self {
            Self::Accepted | Self::Duplicate => (Scope::Message, code(2, 0, 0)),
            Self::Throttled => (Scope::Gateway, code(4, 4, 5)),
            Self::Temporary => (Scope::Message, code(4, 4, 1)),
            Self::Account => (Scope::Gateway, code(4, 3, 5)),
            Self::Uncertain => (Scope::Message, code(4, 4, 2)),
            Self::Recipient => (Scope::Recipient, code(5, 1, 1)),
            Self::OptedOut => (Scope::Recipient, code(5, 7, 1)),
            Self::Content => (Scope::Message, code(5, 6, 0)),
            Self::Sender => (Scope::Message, code(5, 1, 8)),
            Self::Expired => (Scope::Message, code(5, 4, 7)),
            Self::Rejected => (Scope::Message, code(5, 7, 1)),
            Self::Permanent => (Scope::Message, code(5, 0, 0)),
        }
    }

    /// The fault of this verdict with the provider's own words.
    pub fn with(self, text: &str, after: Option<Duration>) -> Fault {
        if self == Self::OptedOut {
            return Fault::opt_out(text);
        }
        let (scope, code) = self.fault();
        Fault::new(scope, code, text).after(after)
    }

    /// The outcome of the attempt.
    pub fn outcome(self, id: Option<RemoteId>, text: &str, after: Option<Duration>) -> Outcome {
        match self {
            Self::Accepted | Self::Duplicate => Outcome::Sent(id),
            Self::Throttled | Self::Temporary | Self::Account => Outcome::Later(self.with(text, after)),
            Self::Uncertain => Outcome::Unsure(self.with(text, after)),
            _ => Outcome::Never(self.with(text, None)),
        }
    }
}

impl State {
    /// As definitions write them.
    pub const ALL: [(&'static str, Self); 10] = [
        ("accepted", Self::Accepted),
        ("sent", Self::Sent),
        ("delivered", Self::Delivered),
        ("failed_permanent", Self::FailedPermanent),
        ("failed_temporary", Self::FailedTemporary),
        ("expired", Self::Expired),
        ("rejected", Self::Rejected),
        ("recipient", Self::Recipient),
        ("opted_out", Self::OptedOut),
        ("ignore", Self::Ignore),
    ];

    /// The word of the definition language.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, state)| *state == self).map_or("", |(word, _)| word)
    }

    /// The provider has given up.
    pub fn is_failure(self) -> bool {
        self.verdict().is_some()
    }

    /// The failure as a verdict.
    fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Accepted | Self::Sent | Self::Delivered | Self::Ignore => None,
            // The provider will not try again; its word is final.
            Self::FailedPermanent | Self::FailedTemporary => Some(Verdict::Permanent),
            Self::Expired => Some(Verdict::Expired),
            Self::Rejected => Some(Verdict::Rejected),
            Self::Recipient => Some(Verdict::Recipient),
            Self::OptedOut => Some(Verdict::OptedOut),
        }
    }

    /// The fault that the sender is told, if it is a failure.
    pub fn fault(self, text: &str) -> Option<Fault> {
        let fault = self.verdict()?.with(text, None);
        let temporary = self == Self::FailedTemporary;
        Some(if temporary { Fault { code: Enhanced::new(5, 4, 1), ..fault } } else { fault })
    }
}

impl Word {
    /// Reads a word of a table.
    pub fn read(given: &str) -> Option<Self> {
        let verdict = Verdict::ALL.iter().find(|(word, _)| *word == given).map(|(_, verdict)| *verdict);
        let state = State::ALL.iter().find(|(word, _)| *word == given).map(|(_, state)| *state);
        (verdict.is_some() || state.is_some()).then_some(Self { verdict, state })
    }

    /// Every word, for suggestions.
    pub fn all() -> impl Iterator<Item = &'static str> {
        Verdict::ALL.iter().map(|(word, _)| *word).chain(State::ALL.iter().map(|(word, _)| *word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for (word, verdict) in Verdict::ALL {
            assert_eq!((verdict.word(), Word::read(word).and_then(|w| w.verdict)), (word, Some(verdict)));
        }
        for (word, state) in State::ALL {
            assert_eq!((state.word(), Word::read(word).and_then(|w| w.state)), (word, Some(state)));
        }
        assert_eq!(Word::read("deliverd"), None);
    }

    #[test]
    fn throttled_and_account_concern_the_gateway_and_nothing_else_does() {
        for (_, verdict) in Verdict::ALL {
            let outcome = verdict.outcome(None, "words", None);
            let gateway = matches!(&outcome, Outcome::Later(fault) if fault.scope == Scope::Gateway);
            assert_eq!(gateway, matches!(verdict, Verdict::Throttled | Verdict::Account), "{verdict:?}");
            assert_eq!(matches!(outcome, Outcome::Unsure(_)), verdict == Verdict::Uncertain);
            assert_eq!(matches!(outcome, Outcome::Sent(_)), verdict.is_success());
        }
    }

    #[test]
    fn only_opted_out_says_so() {
        for (_, verdict) in Verdict::ALL {
            assert_eq!(verdict.with("", None).opted_out, verdict == Verdict::OptedOut, "{verdict:?}");
        }
    }
}
