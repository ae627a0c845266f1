//! Which mailbox gets a phone's text: the tag in it, else who wrote to the phone, else the default mailbox.
//!
//! Each step leaves an event, so that "why did it go there?" has an answer. A mailbox that refuses for good sends the
//! mail to the next step, then to the postmaster, at last to the dead letters.

use super::{
    Inner,
    assemble::Assembled,
    compose::Delivery,
    opting::phone_of,
    tags::{self, Tag},
};
use crate::{
    address::Mailbox,
    ground::{GatewayId, Timestamp},
    observe::{self, METRICS, metrics::Metrics},
    store::{Conflict, Down, InboundStep, Link},
};

impl Inner {
    /// The whole decision for one text.
    pub(super) async fn decide(&self, set: &Assembled, now: Timestamp) -> Result<InboundStep, Down> {
        if let Some(step) = self.without_words(set) {
            return Ok(step);
        }
        let gateway = &set.first().mo.gateway;
        let phone = phone_of(&set.first().mo.from);
        if let Some(phone) = phone
            && let Some(step) = self.by_keyword(set, phone, now).await?
        {
            return Ok(step);
        }
        let open = match &phone {
            Some(phone) => self.store.conflict(phone, gateway).await?,
            None => None,
        };
        // One whose time is over counts only for when the phone was asked.
        let open = open.map(|c| Conflict { open: c.open && c.until > now, ..c });
        if self.settings.tags
            && let Some(words) = set.words()
        {
            let choices = open.as_ref().filter(|c| c.open).map_or(0, |c| c.choices.len());
            if let Some(tagged) = tags::find(words, &self.settings.domains, choices) {
                return match (tagged.tag, open) {
                    (Tag::Choice(n), Some(conflict)) => self.answered(set, conflict, n, tagged.rest, now).await,
                    (Tag::Choice(_), None) => self.by_rules(set, Delivery::unknown(), now).await,
                    (Tag::Mailbox(mailbox), _) => self.tagged(set, mailbox, tagged.rest, phone, now).await,
                };
            }
        }
        match phone.filter(|_| self.settings.call_log) {
            Some(phone) => self.by_call_log(set, phone, open, now).await,
            None => self.by_rules(set, Delivery::unknown(), now).await,
        }
    }

    async fn tagged(
        &self,
        set: &Assembled,
        mailbox: Mailbox,
        rest: String,
        phone: Option<&str>,
        now: Timestamp,
    ) -> Result<InboundStep, Down> {
        // The next step of the ladder, should the mailbox refuse: who wrote to the phone, if that is one person.
        let then = match phone.filter(|_| self.settings.call_log) {
            Some(phone) => match self.candidates(set, phone, now).await?.as_slice() {
                [link] => Some(link.mailbox.clone()),
                _ => None,
            },
            None => None,
        };
        let delivery = Delivery {
            words: Some(rest),
            to: Some(mailbox),
            then,
            link: None,
            keyword: None,
            instead: None,
            why: "tag",
        };
        self.by_rules(set, delivery, now).await
    }

    async fn by_call_log(
        &self,
        set: &Assembled,
        phone: &str,
        open: Option<Conflict>,
        now: Timestamp,
    ) -> Result<InboundStep, Down> {
        let links = self.candidates(set, phone, now).await?;
        match links.as_slice() {
            [] => self.by_rules(set, Delivery::unknown(), now).await,
            [link] => self.to_ladder(set, Some(link), "call log", now).await,
            several => self.ask(set, phone, several, open, now).await,
        }
    }

    /// Live links: those of the same gateway or number first; if none of these is live, any of that phone. One per
    /// mailbox, the latest.
    pub(super) async fn candidates(&self, set: &Assembled, phone: &str, now: Timestamp) -> Result<Vec<Link>, Down> {
        let mo = &set.first().mo;
        let all = self.store.links(phone, now).await?;
        let here = |link: &&Link| match (&mo.number, &link.number) {
            (Some(dialled), Some(ours)) => dialled == ours,
            _ => link.gateway == mo.gateway,
        };
        let near: Vec<Link> = all.iter().filter(here).cloned().collect();
        let mut chosen: Vec<Link> = Vec::new();
        for link in if near.is_empty() { all } else { near } {
            let same = |have: &Link| have.mailbox.as_str().eq_ignore_ascii_case(link.mailbox.as_str());
            if !chosen.iter().any(same) {
                chosen.push(link);
            }
        }
        Ok(chosen)
    }

    pub(super) async fn to_ladder(
        &self,
        set: &Assembled,
        link: Option<&Link>,
        why: &'static str,
        now: Timestamp,
    ) -> Result<InboundStep, Down> {
        let mut step = InboundStep::default();
        let to = link.map(|link| link.mailbox.clone());
        self.deliver(
            set,
            Delivery { words: None, to, then: None, link, keyword: None, instead: None, why },
            now,
            &mut step,
        )
        .await?;
        Ok(step)
    }

    /// Texts without words are discarded, or delivered with the configured ones.
    fn without_words(&self, set: &Assembled) -> Option<InboundStep> {
        // A picture without words is no empty text.
        let empty = set.media() == 0 && set.words().is_some_and(|words| words.trim().is_empty());
        if !empty || self.settings.empty_text.is_some() {
            return None;
        }
        self.voice(set, &set.first().mo.gateway, "empty", "discarded");
        Some(InboundStep {
            done: set.segments.iter().map(|s| s.id).collect(),
            events: vec![(set.id, "discarded", "the text was empty".to_owned())],
            ..InboundStep::default()
        })
    }

    pub(super) fn voice(&self, set: &Assembled, gateway: &GatewayId, step: &str, outcome: &str) {
        observe::log::routed(set.id, gateway, step, outcome);
        Metrics::count(&METRICS.inbound, step);
    }
}
