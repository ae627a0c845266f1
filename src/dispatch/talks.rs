//! Who talks to whom by which gateway: so that a conversation stays where it is, and no phone gets two senders on one
//! number where that can be avoided.
//!
//! The call log says it. What was assigned a moment ago does not stand there yet, so that is kept here until it does.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use super::{lane::Lane, roster::Lanes};
use crate::{
    address::Mailbox,
    ground::{MessageId, Timestamp},
    observe,
    routing::Ours,
    store::{Item, Store, Talk, Text},
};

/// Texts that are on their way to the call log.
#[derive(Default)]
pub struct Talking(Mutex<HashMap<String, Vec<Talk>>>);

/// Forgets one text when its attempt is over: the call log has it then.
pub struct Spoken {
    talking: Arc<Talking>,
    phone: String,
    talk: Talk,
}

impl Talking {
    /// This text goes by this lane.
    pub fn speak(self: &Arc<Self>, text: &Text, lane: &Lane) -> Option<Spoken> {
        let mailbox = text.origin.reply_to.clone()?;
        let talk = Talk { gateway: lane.id.clone(), number: lane.settings.number.clone(), mailbox };
        let phone = text.to.as_str().to_owned();
        let mut talking = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        talking.entry(phone.clone()).or_default().insert(0, talk.clone());
        drop(talking);
        Some(Spoken { talking: self.clone(), phone, talk })
    }

    fn of(&self, phone: &str) -> Vec<Talk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(phone).cloned().unwrap_or_default()
    }
}

impl Drop for Spoken {
    fn drop(&mut self) {
        let mut talking = self.talking.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_phone) = talking.get_mut(&self.phone) {
            if let Some(at) = of_phone.iter().rposition(|talk| *talk == self.talk) {
                of_phone.remove(at);
            }
            if of_phone.is_empty() {
                talking.remove(&self.phone);
            }
        }
    }
}

/// A message, and who talks to its phone by the call log.
pub struct Waiting {
    pub item: Item,
    pub talks: Vec<Talk>,
    /// What its phone has opted out of.
    pub opted: HashSet<Ours>,
    /// Leased with it, to go out with it in one text.
    pub mates: Vec<Item>,
}

impl Waiting {
    pub fn of(item: Item, talks: Vec<Talk>) -> Self {
        Self { item, talks, opted: HashSet::new(), mates: Vec::new() }
    }

    /// Every message that is leased for it.
    pub fn ids(&self) -> impl Iterator<Item = MessageId> {
        std::iter::once(&self.item).chain(&self.mates).map(|item| item.id)
    }
}

/// Where the choice is free, the call log is asked, once for all of them.
pub async fn ask(store: &Store, lanes: &Lanes, items: Vec<Item>, now: Timestamp) -> Vec<Waiting> {
    let phones: Vec<&str> = items.iter().filter(|item| lanes.members(&item.key).len() > 1).filter_map(phone).collect();
    let mut found = match phones.is_empty() {
        true => HashMap::new(),
        false => store.talks(&phones, now).await.unwrap_or_else(|down| {
            // The choice is less good, and none the less made.
            observe::log::store_down("talks", down);
            HashMap::new()
        }),
    };
    drop(phones);
    // Several messages to one phone: each of them has the list.
    let mut left: HashMap<String, usize> = HashMap::new();
    for item in &items {
        if let Some(phone) = phone(item) {
            *left.entry(phone.to_owned()).or_default() += 1;
        }
    }
    let mut talks_of = |item: &Item| {
        let phone = phone(item)?;
        let left = left.get_mut(phone)?;
        *left -= 1;
        if *left == 0 { found.remove(phone) } else { found.get(phone).cloned() }
    };
    items
        .into_iter()
        .map(|item| {
            let talks = talks_of(&item).unwrap_or_default();
            Waiting::of(item, talks)
        })
        .collect()
}

/// What the phones of these have opted out of. The store looks once more when an attempt begins.
pub async fn ask_opted(store: &Store, waiting: &mut [Waiting]) {
    let asked = |waiting: &Waiting| {
        let text = waiting.item.payload.text().filter(|text| !text.confirms)?;
        Some(text.to.as_str().to_owned())
    };
    let phones: Vec<String> = waiting.iter().filter_map(asked).collect();
    let phones: Vec<&str> = phones.iter().map(String::as_str).collect();
    let lists = store.opted_out(&phones).await.unwrap_or_else(|down| {
        observe::log::store_down("opted out", down);
        HashMap::new()
    });
    if lists.is_empty() {
        return;
    }
    for waiting in waiting {
        if let Some(list) = asked(waiting).and_then(|phone| lists.get(&phone)) {
            waiting.opted.clone_from(list);
        }
    }
}

/// The phone of a text that a reply to will be looked up for.
fn phone(item: &Item) -> Option<&str> {
    let text = item.payload.text()?;
    text.origin.reply_to.as_ref().map(|_| text.to.as_str())
}

/// How a lane stands to the talks of one phone.
pub struct Company<'a> {
    mailbox: Option<&'a Mailbox>,
    recent: Vec<Talk>,
    talks: &'a [Talk],
}

impl<'a> Company<'a> {
    pub fn of(text: &'a Text, talks: &'a [Talk], talking: &Talking) -> Self {
        let mailbox = text.origin.reply_to.as_ref();
        let recent = if mailbox.is_some() { talking.of(text.to.as_str()) } else { Vec::new() };
        Self { mailbox, recent, talks }
    }

    fn all(&self) -> impl Iterator<Item = &Talk> {
        self.recent.iter().chain(self.talks)
    }

    fn is_own(&self, talk: &Talk) -> bool {
        self.mailbox.is_some_and(|own| own.as_str().eq_ignore_ascii_case(talk.mailbox.as_str()))
    }

    /// The sender talks to the phone by it; 0 is the latest of such gateways.
    pub fn talks(&self, lane: &Lane) -> Option<u32> {
        let at = self.all().filter(|talk| self.is_own(talk)).position(|talk| talk.gateway == lane.id)?;
        u32::try_from(at).ok()
    }

    /// Somebody else does, by its number. A gateway without a number is one of its own.
    pub fn taken(&self, lane: &Lane) -> bool {
        let here = |talk: &Talk| match (&talk.number, &lane.settings.number) {
            (Some(theirs), Some(ours)) => theirs == ours,
            _ => talk.gateway == lane.id,
        };
        self.mailbox.is_some() && self.all().any(|talk| !self.is_own(talk) && here(talk))
    }
}
