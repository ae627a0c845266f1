//! Rules over a phone's text: behind its tag and the call log, before the routes and the default mailbox.
//!
//! A text that answers one person's mail (exactly one live link) never comes here. What can go wrong: a text that a rule
//! writes and that may not be sent (no account, no room, too many today); then the phone's words go on to their mailbox
//! all the same, and the history says so.

use super::{
    Inner,
    assemble::Assembled,
    compose::Delivery,
    conflict::{Asked, Own},
    facts::Heard,
    routes::{Instead, Place},
};
use crate::{
    accounts,
    address::{Accept, Destination, Mailbox, Number, Numbering, uri},
    ground::Timestamp,
    mail::{At, media::file_name},
    observe,
    rules::{Deed, Direction, Errand, Facts, Fate},
    store::{self, DeadLetter, Down, InboundStep, New},
};

impl Inner {
    /// What the rules make of a text that would go the way of `delivery`.
    pub(super) async fn by_rules(
        &self,
        set: &Assembled,
        delivery: Delivery<'_>,
        now: Timestamp,
    ) -> Result<InboundStep, Down> {
        let mut step = InboundStep::default();
        let rules = self.settings.rules.now();
        if !rules.concerns(Direction::In) {
            self.deliver(set, self.by_routes(set, delivery, now), now, &mut step).await?;
            return Ok(step);
        }
        let mut facts = self.facts(set, &delivery, now);
        for (n, piece) in self.media(set).await?.iter().enumerate() {
            if let (At::Here(data), Some(kind)) = (&piece.at, &piece.kind) {
                facts.attachments.push(file_name(piece.name.as_deref(), kind, n + 1));
                facts.size += data.len() as u64;
            }
        }
        let originator = facts.originator.clone().unwrap_or_default();
        let (rates, marks) = self.rates.count(&originator, rules.rates(Direction::In), now);
        self.store.keep_rates(marks);
        facts.rates = rates;
        let before = facts.body.clone();
        if rules.backtracks(Direction::In) {
            tokio::task::yield_now().await;
        }
        let judgement = self.judged(&rules, facts, set, &mut step).await;
        for title in judgement.trace.matched() {
            step.events.push((set.id, "rule", title.to_owned()));
        }
        let by = judgement.by.clone().unwrap_or_default();
        let changed = (judgement.facts.body != before).then(|| judgement.facts.body.clone());
        let mut delivery = Delivery { words: changed.or(delivery.words), ..delivery };
        let texts = self.own_texts(set, &judgement.then, now, &mut step).await?;
        let mut copies: Vec<Mailbox> = Vec::new();
        let (mut folders, mut moved): (Vec<Instead>, Option<Instead>) = (Vec::new(), None);
        for errand in &judgement.then {
            match errand {
                Errand::Mail { to } => match to.parse() {
                    Ok(mailbox) => copies.push(mailbox),
                    Err(_) => step.events.push((set.id, "rule", "a copy is for what is no mail address".to_owned())),
                },
                Errand::Append { rule, folder, moved: goes } => {
                    let folder = Instead { by: rule.clone(), place: Place::Folder(folder.clone()) };
                    if *goes { folders.extend(moved.replace(folder)) } else { folders.push(folder) }
                }
                Errand::Log(line) => observe::log::rule_says(line),
                Errand::Do { rule, deed } => step.errands.push(self.outside(set, rule, deed, now)),
                _ => {}
            }
        }
        match judgement.fate {
            Fate::Pass | Fate::Hold(_) => {
                self.deliver(set, self.by_routes(set, delivery.clone(), now), now, &mut step).await?;
                // The mail is the last one.
                if let (Fate::Hold(why), Some(mail)) = (judgement.fate, step.errands.last_mut()) {
                    mail.held = Some(format!("by rule {by:?}: {why}"));
                }
            }
            Fate::Moved => {
                // The folder that a rule moved it to is the way, else the first mailbox; where there is neither and no text went
                // out instead, the usual way.
                if copies.is_empty() && moved.is_none() && texts > 0 {
                    self.done(set, "forwarded", &by, &mut step);
                } else {
                    if moved.is_some() {
                        delivery = Delivery { instead: moved, why: "rule", ..delivery };
                    } else if !copies.is_empty() {
                        delivery = Delivery { to: Some(copies.remove(0)), why: "rule", ..delivery };
                    }
                    self.deliver(set, delivery.clone(), now, &mut step).await?;
                }
            }
            Fate::Reject(_) | Fate::Discard => self.done(set, "discarded", &by, &mut step),
            Fate::Quarantine => {
                let data = self.kept(set, &delivery, now).await?;
                let (about, cause) = (Some(set.id), format!("rule {by:?}"));
                step.dead.push(DeadLetter { kind: "quarantine", about, cause, data });
                self.done(set, "quarantined", &by, &mut step);
            }
        }
        for (nth, mailbox) in copies.into_iter().enumerate() {
            step.errands.extend(self.copy(set, &delivery, mailbox, nth, now).await?);
        }
        for (nth, folder) in folders.into_iter().enumerate() {
            step.errands.extend(self.copy_into(set, &delivery, folder, nth, now).await?);
        }
        Ok(step)
    }

    /// What a rule has done outside of Martlet: written with what becomes of the text, done after that.
    fn outside(&self, set: &Assembled, rule: &str, deed: &Deed, now: Timestamp) -> New {
        let errand = store::Errand {
            rule: rule.to_owned(),
            about: Some(set.id),
            trace: set.first().mo.trace.clone(),
            answers: None,
            otherwise: None,
            deed: deed.clone().into(),
        };
        New::errand(errand, now, now + self.settings.expire, now + self.settings.warn_after)
    }

    /// Nothing goes to a mailbox.
    fn done(&self, set: &Assembled, outcome: &'static str, by: &str, step: &mut InboundStep) {
        self.voice(set, &set.first().mo.gateway, "rule", outcome);
        step.done.extend(set.segments.iter().map(|segment| segment.id));
        step.events.push((set.id, outcome, format!("by rule {by:?}")));
    }

    pub(super) fn facts(&self, set: &Assembled, delivery: &Delivery<'_>, now: Timestamp) -> Facts {
        let mo = &set.first().mo;
        let heard = Heard {
            from: &mo.from,
            gateway: mo.gateway.as_str(),
            number: mo.number.as_deref(),
            words: delivery.words.as_deref().or(set.words()).unwrap_or_default(),
            binary: set.words().is_none(),
            now,
        };
        heard.facts()
    }

    /// Texts that rules write, queued with what becomes of the phone's own; how many.
    async fn own_texts(
        &self,
        set: &Assembled,
        errands: &[Errand],
        now: Timestamp,
        step: &mut InboundStep,
    ) -> Result<usize, Down> {
        let mut count = 0;
        for errand in errands {
            let (number, text, account, back) = match errand {
                Errand::ReplySms { text, account } => (set.first().mo.from.number(), text, account.as_str(), true),
                Errand::Sms { to, text, account } => (self.phone(to), text, account.as_deref().unwrap_or("*"), false),
                _ => continue,
            };
            let asked = match (number, accounts::name(account)) {
                (Some(number), Some(account)) => {
                    let gateway = back.then_some(&set.first().mo.gateway);
                    let expires = now + self.settings.expire;
                    let own = Own { number: &number, gateway, account, words: text, expires, confirms: false };
                    self.own_text(own, now).await?
                }
                _ => Asked::Not,
            };
            match asked {
                Asked::With(new) => {
                    step.errands.push(*new);
                    count += 1;
                }
                Asked::Braked(braked) => {
                    step.errands.extend(self.braked(braked));
                    step.events.push((set.id, "rule", "its text was not sent: too many today".to_owned()));
                }
                Asked::Not => {
                    let why = "its text was not sent: no such number, account, or room in it";
                    step.events.push((set.id, "rule", why.to_owned()));
                }
            }
        }
        Ok(count)
    }

    fn phone(&self, written: &str) -> Option<Number> {
        let numbering = Numbering { region: self.settings.region, accept: Accept::default() };
        match uri::parse(written, &numbering).ok()?.to.into_iter().next()? {
            Destination::Number(number) => Some(number),
            Destination::Short(_) => None,
        }
    }
}
