//! What rules must know before they can judge a text: whether statements return rows, and verdicts of programs and URLs.
//!
//! All of it happens before the commit, while a sender waits: each question has its time, a whole mail has [`WHOLE`].
//! What can go wrong is said by the rule: the text passes, or its sender is asked to try again (451 4.3.0).

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{
    Inner,
    beside::whole,
    rcpt::{Refusal, refuse},
    ruled::Around,
};
use crate::{
    errand::Tag,
    ground::MessageId,
    observe::{self, METRICS},
    rules::{self, Direction, Facts, Judgement, NoAnswer, Otherwise, Question, Ruleset, Verdict},
};

/// All questions of one mail, for all of its phones, take no longer.
const WHOLE: Duration = Duration::from_secs(30);
/// Rows are waited for no longer than this.
const ROWS: Duration = Duration::from_secs(10);
/// Verdicts on one text at most.
const MOST: usize = 8;

/// How long a mail's sender is kept waiting yet.
#[derive(Debug)]
pub struct Patience(Mutex<Duration>);

impl Default for Patience {
    fn default() -> Self {
        Self(Mutex::new(WHOLE))
    }
}

impl Patience {
    fn left(&self) -> Duration {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spend(&self, time: Duration) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.saturating_sub(time);
    }
}

impl Inner {
    /// What the rules make of a text, everything asked that they want to know.
    pub(super) async fn judged(
        &self,
        set: &Ruleset,
        before: &Facts,
        around: &Around<'_>,
    ) -> Result<Judgement, Refusal> {
        let hands = &self.settings.hands;
        let mut facts = before.clone();
        for (name, (values, otherwise)) in set.statements(Direction::Out) {
            let values: Vec<String> = values.iter().map(|value| value.expand(before)).collect();
            let since = self.clock.monotonic();
            let rows = hands.rows(name, &values, around.patience.left().min(ROWS)).await;
            around.patience.spend(self.clock.monotonic().saturating_sub(since));
            METRICS.question("sql", if rows.is_ok() { "answered" } else { "unanswered" });
            let rows = match (rows, otherwise) {
                (Ok(rows), _) => rows,
                (Err(fault), NoAnswer::Tempfail) => {
                    observe::log::no_answer("", name, fault.code, "tempfail");
                    return Err(later("a rule here looks into a database that does not answer; try again later"));
                }
                (Err(fault), otherwise) => {
                    observe::log::no_answer("", name, fault.code, "goes on");
                    otherwise == NoAnswer::Rows
                }
            };
            facts.rows.insert(name.to_owned(), rows);
        }
        loop {
            let judgement = rules::judge_briefly(set, facts.clone());
            let Some(question) = judgement.asks.clone() else { return Ok(judgement) };
            let question = Question { deed: whole(question.deed, around), ..question };
            if facts.verdicts.len() >= MOST {
                return Err(refuse(550, (5, 3, 5), "rules here ask for too many verdicts on one text", "rule"));
            }
            let tag = Tag { id: MessageId::new(), attempt: 1, trace: around.trace.through(&self.settings.node) };
            let since = self.clock.monotonic();
            let said = hands.ask(&tag, &question, around.patience.left()).await;
            around.patience.spend(self.clock.monotonic().saturating_sub(since));
            let word = question.deed.word();
            METRICS.question(word, if said.is_ok() { "answered" } else { "unanswered" });
            let verdict = match (said, question.asks.otherwise) {
                (Ok(verdict), _) => verdict,
                (Err(fault), otherwise) => {
                    let then = if otherwise == Otherwise::Pass { "pass" } else { "tempfail" };
                    observe::log::no_answer(&question.rule, word, fault.code, then);
                    if otherwise == Otherwise::Tempfail {
                        return Err(later("a rule here waits for a verdict that did not come; try again later"));
                    }
                    Verdict::pass()
                }
            };
            facts.verdicts.push(verdict);
        }
    }
}

fn later(words: &'static str) -> Refusal {
    refuse(451, (4, 3, 0), words, "no verdict")
}
