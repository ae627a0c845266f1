//! Phones that want no more texts: the words they say, the list, and by which of ours they are on it.
//!
//! The word goes before tag and call log; its mail is delivered like any other, marked. A phone that has opted out is
//! answered once, by `stop_text`, and gets nothing after that. What can go wrong: no global account, no room in it or too
//! many texts of ours today; then nothing is answered and the list is changed all the same.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{
    Inbound, Inner,
    assemble::Assembled,
    compose::Delivery,
    conflict::{Asked, Own},
};
use crate::{
    accounts::brakes,
    address::{Destination, Number, Originator, Region},
    ground::{GatewayId, Timestamp},
    observe::{self, METRICS, metrics::Metrics},
    routing::{Ours, Price},
    sms::keyword::{Keyword, Keywords},
    store::{Down, Fingerprint, How, InboundStep, Opting},
};

/// What the words mean here. Texts that are not set are not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    pub words: Keywords,
    pub stop_text: Option<String>,
    pub start_text: Option<String>,
    pub help_text: Option<String>,
}

/// A phone is told who writes to it at most once in this time.
const HELP_AGAIN: Duration = Duration::from_secs(3_600);

impl Inbound {
    /// The network's own word: a phone opts out of texts from our number there, or takes them again; `false`: it was so
    /// already.
    pub async fn opt(
        &self,
        gateway: &GatewayId,
        phone: &Originator,
        number: Option<&str>,
        out: bool,
    ) -> Result<bool, Down> {
        let changes = self.by_network(gateway, phone, number, out);
        let Some(Opting { phone, .. }) = changes.first().cloned() else { return Ok(false) };
        let changed = self.0.store.opt(changes).await?.contains(&true);
        if changed {
            voice(gateway, &phone, out, How::Provider);
        }
        Ok(changed)
    }

    /// What the network's own word changes; nothing for who has no number.
    pub fn by_network(&self, gateway: &GatewayId, phone: &Originator, number: Option<&str>, out: bool) -> Vec<Opting> {
        phone_of(phone).map_or_else(Vec::new, |phone| self.0.opting(gateway, phone, number, out, How::Provider))
    }
}

impl Inner {
    /// What follows when a whole text is one of the words; `None`: it is a text like others. START of a phone that has not
    /// opted out is one.
    pub(super) async fn by_keyword(
        &self,
        set: &Assembled,
        phone: &str,
        now: Timestamp,
    ) -> Result<Option<InboundStep>, Down> {
        let Some(settings) = &self.settings.opting else { return Ok(None) };
        let Some(words) = set.words().filter(|_| set.missing == 0) else { return Ok(None) };
        let Some(keyword) = settings.words.read(words, &self.regions(set)) else { return Ok(None) };
        let mo = &set.first().mo;
        let out = keyword == Keyword::Stop;
        let changes = match keyword {
            Keyword::Help => Vec::new(),
            Keyword::Stop | Keyword::Start => self.opting(&mo.gateway, phone, mo.number.as_deref(), out, How::Word),
        };
        let lists = self.store.opted_out(&[phone]).await?;
        let is_out = |ours: &Ours| lists.get(phone).is_some_and(|list| list.contains(ours));
        let fresh = changes.iter().any(|change| is_out(&change.ours) != out);
        let text = match keyword {
            Keyword::Stop => settings.stop_text.as_ref().filter(|_| fresh),
            Keyword::Start if !fresh => return Ok(None),
            Keyword::Start => settings.start_text.as_ref(),
            Keyword::Help => settings.help_text.as_ref(),
        };
        let mut step = self.marked(set, phone, keyword, now).await?;
        step.opting = changes;
        if fresh {
            voice(&mo.gateway, phone, out, How::Word);
            step.events.push((set.id, if out { "opted out" } else { "opted in" }, "by its own word".to_owned()));
        } else if keyword == Keyword::Help {
            Metrics::count(&METRICS.opt_outs, "help");
        }
        if let Some(text) = text {
            self.answer(set, keyword, text, now, &mut step).await?;
        }
        Ok(Some(step))
    }

    /// The mail of one of the words: to everybody who writes to the phone, for all of them are concerned; nobody is asked
    /// whom it means.
    async fn marked(
        &self,
        set: &Assembled,
        phone: &str,
        keyword: Keyword,
        now: Timestamp,
    ) -> Result<InboundStep, Down> {
        let links = if self.settings.call_log { self.candidates(set, phone, now).await? } else { Vec::new() };
        let keyword = Some(keyword);
        let Some((first, others)) = links.split_first() else {
            return self.by_rules(set, Delivery { keyword, ..Delivery::unknown() }, now).await;
        };
        let mut step = InboundStep::default();
        let to = Some(first.mailbox.clone());
        let delivery = Delivery { to, link: Some(first), keyword, why: "call log", ..Delivery::unknown() };
        self.deliver(set, delivery, now, &mut step).await?;
        for (nth, link) in others.iter().enumerate() {
            let delivery = Delivery { link: Some(link), keyword, why: "call log", ..Delivery::unknown() };
            step.errands.extend(self.copy(set, &delivery, link.mailbox.clone(), nth, now).await?);
        }
        Ok(step)
    }

    /// What the phone is answered, on the global account and within the limits of texts of ours.
    async fn answer(
        &self,
        set: &Assembled,
        keyword: Keyword,
        text: &str,
        now: Timestamp,
        step: &mut InboundStep,
    ) -> Result<(), Down> {
        let mo = &set.first().mo;
        let Some(number) = mo.from.number() else { return Ok(()) };
        let own = Own {
            number: &number,
            gateway: Some(&mo.gateway),
            account: "*".parse().expect("a star is a sound name"),
            words: text,
            expires: now + self.settings.expire,
            confirms: keyword == Keyword::Stop,
        };
        match self.own_text(own, now).await? {
            Asked::With(mut new) => {
                if keyword == Keyword::Help {
                    new.fingerprint = Some(help_print(&mo.gateway, number.as_str(), now));
                }
                step.errands.push(*new);
            }
            Asked::Braked(braked) => {
                step.errands.extend(self.braked(braked));
                step.events.push((set.id, "braked", brakes::words(braked)));
            }
            Asked::Not => {
                let why = format!("{} was not answered: no account `*`, region or room for it", keyword.word());
                step.events.push((set.id, "unanswered", why));
            }
        }
        Ok(())
    }

    /// Where the words of a text are looked up: the regions of the phone and of the number it dialled; of neither: ours.
    fn regions(&self, set: &Assembled) -> Vec<Region> {
        let mo = &set.first().mo;
        let gateways = self.settings.gateways.now();
        let dialled = mo.number.as_ref().or_else(|| gateways.numbers.get(&mo.gateway));
        let dialled = dialled.and_then(|number| number.parse::<Number>().ok());
        let numbers = [mo.from.number(), dialled];
        let mut regions: Vec<Region> = numbers.iter().flatten().filter_map(Number::region).collect();
        if regions.is_empty() {
            regions.push(self.settings.region);
        }
        regions
    }

    /// The lines of the list that a phone's word changes: of the number that it dialled, as far as it is one of ours. One
    /// that no gateway is configured with stands for the gateway's own beside it, or the phone would get texts from that.
    pub(super) fn opting(
        &self,
        gateway: &GatewayId,
        phone: &str,
        dialled: Option<&str>,
        out: bool,
        how: How,
    ) -> Vec<Opting> {
        let gateways = self.settings.gateways.now();
        let own = Ours::of(gateway, gateways.numbers.get(gateway).map(String::as_str));
        let dialled = dialled.and_then(Ours::number).filter(|dialled| *dialled != own);
        let known = |number: &Ours| gateways.numbers.values().any(|n| Ours::number(n).as_ref() == Some(number));
        let all = match dialled {
            Some(number) if known(&number) => vec![number],
            Some(number) => vec![own, number],
            None => vec![own],
        };
        all.into_iter().map(|ours| Opting { phone: phone.to_owned(), ours, out, how }).collect()
    }

    /// What a segment of a text of Martlet's own costs at most.
    pub(super) fn price_of_own(&self, gateway: Option<&GatewayId>, to: &Destination) -> Price {
        let gateways = self.settings.gateways.now();
        let price = |id: &GatewayId| gateways.costs.get(id).map(|costs| costs.at_most(to)).unwrap_or_default();
        match gateway {
            Some(id) => price(id),
            None => gateways.sends.iter().map(price).max().unwrap_or_default(),
        }
    }

    /// By which of ours a text of Martlet's own can go: by this gateway, or by any that sends.
    pub(super) fn candidates_of_own(&self, gateway: Option<&GatewayId>) -> Vec<Ours> {
        let gateways = self.settings.gateways.now();
        let ours = |id: &GatewayId| Ours::of(id, gateways.numbers.get(id).map(String::as_str));
        match gateway {
            Some(id) => vec![ours(id)],
            None => gateways.sends.iter().map(ours).collect(),
        }
    }
}

/// One answer to HELP an hour, for each phone and gateway.
fn help_print(gateway: &GatewayId, phone: &str, now: Timestamp) -> Fingerprint {
    let mut hash = Sha256::new();
    for piece in ["help", gateway.as_str(), phone] {
        hash.update((piece.len() as u64).to_be_bytes());
        hash.update(piece);
    }
    Fingerprint { hash: hash.finalize().into(), until: now + HELP_AGAIN }
}

/// What can be written to: no names.
pub(super) fn phone_of(from: &Originator) -> Option<&str> {
    match from {
        Originator::Number(_) | Originator::Digits(_) => Some(from.as_str()),
        Originator::Name(_) => None,
    }
}

/// Says that the list has changed.
pub(super) fn voice(gateway: &GatewayId, phone: &str, out: bool, how: How) {
    let masked = Destination::try_from(phone.to_owned()).map_or_else(|_| "***".to_owned(), |to| to.masked());
    observe::log::opting(Some(gateway), &masked, out, how.word());
    Metrics::count(&METRICS.opt_outs, if out { how.word() } else { "again" });
}
