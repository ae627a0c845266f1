//! What follows from judging a message: its fate, what is to be done, and why.

use super::{
    action::{Errand, Question},
    facts::Facts,
    mask::Pii,
    trace::Trace,
};

/// What becomes of the message.
#[derive(Clone, PartialEq, Eq)]
pub enum Fate {
    Pass,
    /// It waits for a person.
    Hold(String),
    /// Kept apart, and nothing is sent.
    Quarantine,
    /// With the words for the sender.
    Reject(String),
    /// Gone, with a line in the log.
    Discard,
    /// It went elsewhere: into a folder, or to the address that it was forwarded to.
    Moved,
}

/// Without the words.
impl std::fmt::Debug for Fate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pass => "Pass",
            Self::Hold(_) => "Hold",
            Self::Quarantine => "Quarantine",
            Self::Reject(_) => "Reject",
            Self::Discard => "Discard",
            Self::Moved => "Moved",
        })
    }
}

/// What follows.
#[derive(Clone)]
pub struct Judgement {
    /// The message as the rules left it.
    pub facts: Facts,
    pub fate: Fate,
    /// The number or name to show, where a rule set it.
    pub sender: Option<String>,
    pub then: Vec<Errand>,
    /// Sets of personal data that were found and masked: nothing that is kept of the message shows them.
    pub masked: Vec<Pii>,
    /// The rule that decided the fate or changed `To:` last: reports name it.
    pub by: Option<String>,
    pub trace: Trace,
    /// What must be known first: then everything else here is of no account, and the message is judged again with the
    /// answer among its facts.
    pub asks: Option<Question>,
}

/// Without words, numbers and values that were looked at.
impl std::fmt::Debug for Judgement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Judgement({:?}, {:?}, by {:?})", self.fate, self.then, self.by)
    }
}
