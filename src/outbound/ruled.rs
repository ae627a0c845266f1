//! Rules over one text, after its words are known and before it is shaped: what is left of it, and what else is to be
//! queued with it.
//!
//! What rules make is held against the account again: number, sender and parameters. What can go wrong: a rule sends a
//! message where nothing is (refused, naming the rule), an errand that cannot be made (refused likewise: a message
//! whose copy cannot be kept does not go out).

use std::borrow::Cow;

use super::{
    Inner,
    asks::Patience,
    facts::{self, Asked},
    rcpt::{Refusal, check, refuse},
};
use crate::{
    accounts::{Allowance, Wish},
    address::{Destination, Mailbox, Params, Trace},
    observe,
    rules::{Direction, Facts, Fate, Judgement, Pii, facts::Urgency},
    store::{DeadLetter, Fingerprint, New, Priority},
};

/// What surrounds the text: whom to tell, and what a copy of its mail is made of.
pub struct Around<'a> {
    pub door: &'static str,
    /// Who is told, and may be answered.
    pub report_to: Option<Mailbox>,
    pub reply_to: Option<Mailbox>,
    /// Header block with secrets masked, and the body behind it.
    pub mail: Option<(&'a [u8], &'a [u8])>,
    pub trace: Trace,
    /// How long its sender is kept waiting.
    pub patience: &'a Patience,
    /// Of the text itself: what a repetition is known by.
    pub print: Option<Fingerprint>,
    /// It is only asked whether it would be taken.
    pub dry: bool,
}

/// What rules made of one text.
pub struct Ruled<'a> {
    /// `None`: nothing goes to the phone.
    pub goes: Option<Goes<'a>>,
    /// Mails and texts that rules send beside it or instead of it.
    pub errands: Vec<New>,
    /// Kept apart.
    pub buried: Option<DeadLetter>,
}

/// The text as it goes on.
pub struct Goes<'a> {
    pub to: Cow<'a, Destination>,
    pub params: Cow<'a, Params>,
    pub words: Cow<'a, str>,
    /// With the rules' gateway for the account's own, where they chose one.
    pub allowance: Cow<'a, Allowance>,
    pub priority: Priority,
    /// Why it waits for a person.
    pub held: Option<String>,
    /// What nothing that is kept of its mail may show.
    pub masked: Vec<Pii>,
}

/// A header block without the fields that hold any of these.
pub fn without(headers: &[u8], sets: &[Pii]) -> Vec<u8> {
    crate::mail::without(headers, |_, value| sets.iter().any(|set| set.found_in(value)))
}

impl Inner {
    /// Judges one text.
    pub async fn ruled<'a>(&self, asked: &Asked<'a>, around: &Around<'_>) -> Result<Ruled<'a>, Refusal> {
        let set = self.settings.rules.now();
        if !set.concerns(Direction::Out) {
            let goes = Goes {
                to: Cow::Borrowed(asked.to),
                params: Cow::Borrowed(asked.params),
                words: Cow::Borrowed(asked.words),
                allowance: Cow::Borrowed(asked.payer),
                priority: Priority::Normal,
                held: None,
                masked: Vec::new(),
            };
            return Ok(Ruled { goes: Some(goes), errands: Vec::new(), buried: None });
        }
        let mut before = asked.facts();
        let (who, within) = (asked.who.as_str(), set.rates(Direction::Out));
        before.rates = match around.dry {
            true => self.rates.would_count(who, within, asked.now),
            false => {
                let (rates, marks) = self.rates.count(who, within, asked.now);
                // Written before the text is: what was promised has counted, over restarts too.
                self.store.keep_rates(marks);
                rates
            }
        };
        if set.backtracks(Direction::Out) {
            // Milliseconds for each text: others have their turn in between.
            tokio::task::yield_now().await;
        }
        let judgement = Box::pin(self.judged(&set, &before, around)).await?;
        let by = judgement.by.clone().unwrap_or_default();
        let said = |fate: &str| observe::log::ruled(around.door, &by, fate);
        let mut ruled = Ruled { goes: None, errands: Vec::new(), buried: None };
        let mut held = None;
        match &judgement.fate {
            Fate::Reject(words) => {
                said("rejected");
                let words = if words.is_empty() { "refused by a rule here" } else { words };
                return Err(refuse(550, (5, 7, 1), words, "rule"));
            }
            Fate::Discard => said("discarded"),
            Fate::Moved => said("moved"),
            Fate::Quarantine => {
                said("quarantined");
                ruled.buried = Some(self.quarantined(asked, around, &judgement));
            }
            Fate::Hold(why) => {
                said("held");
                held = Some(format!("by rule {by:?}: {why}"));
            }
            Fate::Pass => {}
        }
        if matches!(judgement.fate, Fate::Pass | Fate::Hold(_)) {
            match self.gateway_or_mailbox(&judgement.facts, &by)? {
                Some(mailbox) => {
                    said("mailed");
                    let copy = self.copy(asked, around, (&before, &judgement.facts), mailbox, usize::MAX);
                    ruled.errands.extend(copy.map(|copy| New { held, ..copy }));
                }
                None => ruled.goes = Some(Goes { held, ..self.goes(asked, &before, &judgement, &by)? }),
            }
        }
        for (nth, errand) in judgement.then.iter().enumerate() {
            ruled.errands.extend(self.errand(asked, around, (&before, &judgement.facts), errand, nth)?);
        }
        Ok(ruled)
    }

    /// The part behind `@`: a gateway, or the domain of a mailbox; anything else goes nowhere.
    fn gateway_or_mailbox(&self, facts: &Facts, by: &str) -> Result<Option<Mailbox>, Refusal> {
        let Some(at) = facts.to.at.as_deref() else { return Ok(None) };
        if at.parse().is_ok_and(|id| self.routes().knows(&id)) {
            return Ok(None);
        }
        let nowhere = || {
            let words = format!("rule {by:?} sends this to {at:?}, which is neither a gateway nor a mail domain");
            refuse(550, (5, 1, 2), words, "rule")
        };
        let mailbox: Option<Mailbox> = format!("{}@{at}", facts.to.number).parse().ok();
        let ours = |mailbox: &Mailbox| self.domains().domains.iter().any(|domain| domain == mailbox.domain());
        mailbox.filter(|mailbox| at.contains('.') && !ours(mailbox)).map(Some).ok_or_else(nowhere)
    }

    /// The text as the rules left it, held against the account once more.
    fn goes<'a>(
        &self,
        asked: &Asked<'a>,
        before: &Facts,
        judgement: &Judgement,
        by: &str,
    ) -> Result<Goes<'a>, Refusal> {
        let facts = &judgement.facts;
        let wrong = |why: &dyn std::fmt::Display| {
            refuse(550, (5, 1, 3), format!("rule {by:?} makes a recipient that cannot be used: {why}"), "rule")
        };
        let to = match facts.to.number == before.to.number {
            true => Cow::Borrowed(asked.to),
            false => {
                let read = self.domains().numbering.read(&facts.to.number);
                Cow::Owned(read.map_err(|why| wrong(&why))?.destination)
            }
        };
        let mut params =
            facts::params(asked.params, &facts.to, judgement.sender.as_deref()).map_err(|why| wrong(&why))?;
        let mut allowance = Cow::Borrowed(asked.payer);
        if facts.to.at != before.to.at {
            params.id = facts.to.at.as_deref().and_then(|at| at.parse().ok());
            // The rule's choice goes before the account's, and is an administrator's.
            allowance.to_mut().gateway.clone_from(&params.id);
        }
        check(&allowance, Wish { to: &to, params: &params })?;
        let priority = match facts.urgency {
            Urgency::Urgent => Priority::Urgent,
            Urgency::Normal => Priority::Normal,
            Urgency::Bulk => Priority::Bulk,
        };
        let words = match facts.body == before.body {
            true => Cow::Borrowed(asked.words),
            false => Cow::Owned(facts.body.clone()),
        };
        let masked = judgement.masked.clone();
        Ok(Goes { to, params: Cow::Owned(params), words, allowance, priority, held: None, masked })
    }

    fn quarantined(&self, asked: &Asked<'_>, around: &Around<'_>, judgement: &Judgement) -> DeadLetter {
        let Judgement { facts, masked, by, .. } = judgement;
        let data = match around.mail {
            Some((headers, body)) if masked.is_empty() => [headers, b"\r\n", body].concat(),
            Some((headers, _)) => [&without(headers, masked), &b"\r\n"[..], facts.body.as_bytes()].concat(),
            None => format!("To: {}\r\n\r\n{}", asked.to.as_str(), facts.body).into_bytes(),
        };
        let most = data.len().min(1 << 20);
        let cause = format!("rule {:?}", by.as_deref().unwrap_or_default());
        DeadLetter { kind: "quarantine", about: None, cause, data: data[..most].to_vec() }
    }

    /// Keeps a dead letter.
    pub async fn keep(&self, letter: DeadLetter) -> Result<(), Refusal> {
        self.store.bury(letter).await.map_err(|down| {
            observe::log::store_down("bury", &down);
            super::entry::down(&down)
        })
    }
}
