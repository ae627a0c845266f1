//! What rules ask about a phone's text before it is judged: rows of statements, verdicts of programs and URLs.
//!
//! The phone has its acknowledgement and cannot be asked to try again: without an answer the text goes on as the rule says.
//! Texts of one phone are looked at in order, and few phones at once, so whoever does not answer is left alone for a
//! while: one script that hangs keeps no text from its mailbox.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Inner, assemble::Assembled};
use crate::{
    errand::Tag,
    ground::{Fault, MessageId},
    observe::{self, METRICS},
    rules::{Direction, Facts, Judgement, NoAnswer, Ruleset, Verdict, judge_briefly},
    store::InboundStep,
};

/// Who did not answer is asked again after this.
const REST: Duration = Duration::from_secs(30);
/// Rows are waited for no longer than this.
const ROWS: Duration = Duration::from_secs(5);
/// Verdicts on one text at most.
const MOST: usize = 8;

/// Who did not answer, and until when they are left alone, by the monotonic clock.
#[derive(Default)]
pub struct Asking(Mutex<HashMap<String, Duration>>);

impl Asking {
    fn rests(&self, who: &str, now: Duration) -> bool {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.get(who).is_some_and(|until| now < *until)
    }

    fn failed(&self, who: &str, now: Duration) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.retain(|_, until| now < *until);
        map.insert(who.to_owned(), now + REST);
    }
}

impl Inner {
    /// What the rules make of a phone's text, everything asked that they want to know.
    pub(super) async fn judged(
        &self,
        rules: &Ruleset,
        mut facts: Facts,
        set: &Assembled,
        step: &mut InboundStep,
    ) -> Judgement {
        for (name, (values, otherwise)) in rules.statements(Direction::In) {
            let values: Vec<String> = values.iter().map(|value| value.expand(&facts)).collect();
            let who = format!("sql {name}");
            let asked = self.settings.hands.rows(name, &values, ROWS);
            let rows = self.put_to(&who, "sql", asked).await;
            if rows.is_none() {
                step.events.push((set.id, "rule", format!("the statement {name} could not be run")));
            }
            facts.rows.insert(name.to_owned(), rows.unwrap_or(otherwise == NoAnswer::Rows));
        }
        loop {
            let judgement = judge_briefly(rules, facts.clone());
            let Some(question) = judgement.asks.clone().filter(|_| facts.verdicts.len() < MOST) else {
                return judgement;
            };
            let trace = set.first().mo.trace.through(&self.settings.node);
            let tag = Tag { id: MessageId::new(), attempt: 1, trace };
            let word = question.deed.word();
            let who = format!("{word} {}", question.rule);
            let asked = self.settings.hands.ask(&tag, &question, question.asks.wait);
            let verdict = self.put_to(&who, word, asked).await;
            if verdict.is_none() {
                step.events.push((set.id, "rule", format!("no verdict for {:?}: it goes on", question.rule)));
            }
            facts.verdicts.push(verdict.unwrap_or_else(Verdict::pass));
        }
    }

    /// The answer, unless there is none or whoever is asked gave none a moment ago.
    async fn put_to<T>(&self, who: &str, kind: &str, asked: impl Future<Output = Result<T, Fault>>) -> Option<T> {
        if self.asking.rests(who, self.clock.monotonic()) {
            METRICS.question(kind, "unanswered");
            return None;
        }
        match asked.await {
            Ok(answer) => {
                METRICS.question(kind, "answered");
                Some(answer)
            }
            Err(fault) => {
                METRICS.question(kind, "unanswered");
                observe::log::no_answer(who, kind, fault.code, "goes on");
                self.asking.failed(who, self.clock.monotonic());
                None
            }
        }
    }
}
