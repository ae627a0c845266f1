//! Consolidation (`queue.consolidate`): short texts of one account to one number that wait for the same gateways go out as
//! one text, as far as one segment has room.
//!
//! Each stays a message of its own: it is held, cancelled and expires by itself as long as it waits, they begin together
//! or not at all, and what becomes of the one text is settled for all of them in one transaction, each with its own report.
//! What can go wrong: one of them was taken out at that moment; then none begins, and the others are leased anew.

use std::collections::HashMap;

use super::{Shared, talks::Waiting};
use crate::{
    ground::{MessageId, Timestamp},
    observe,
    sms::{
        Body, Content,
        split::{self, Reference},
    },
    store::{Item, Text},
};

/// What stands between the words of two messages.
const BETWEEN: &str = "\n";

/// Those that go out with a message, and the text that they make together.
#[derive(Default)]
pub struct Joined {
    pub mates: Vec<Item>,
    /// `None`: it goes by itself.
    pub text: Option<Text>,
}

impl Joined {
    pub fn ids(&self) -> Vec<MessageId> {
        self.mates.iter().map(|mate| mate.id).collect()
    }

    /// When the first of them is over.
    pub fn expires(&self, item: &Item) -> Timestamp {
        self.mates.iter().map(|mate| mate.expires).fold(item.expires, Timestamp::min)
    }
}

/// Puts messages that were leased together and may go out as one behind the first of them.
pub fn grouped(all: Vec<Waiting>) -> Vec<Waiting> {
    let mut leaders: HashMap<String, usize> = HashMap::new();
    let mut groups: Vec<Waiting> = Vec::with_capacity(all.len());
    for waiting in all {
        let Some(mate) = waiting.item.mate.clone() else {
            groups.push(waiting);
            continue;
        };
        match leaders.get(&mate).and_then(|at| groups.get_mut(*at)) {
            Some(leader) => leader.mates.push(waiting.item),
            None => {
                leaders.insert(mate, groups.len());
                groups.push(waiting);
            }
        }
    }
    groups
}

/// Finds what can go out with this message now: those leased with it, and whatever else waits. The others go back.
pub async fn join(shared: &Shared, item: &Item, leased: Vec<Item>, now: Timestamp) -> Joined {
    let mut others = leased;
    if item.mate.is_some() {
        match shared.store.lease_mates(item, now).await {
            Ok(more) => others.extend(more),
            // By itself, then.
            Err(down) => observe::log::store_down("mates", down),
        }
    }
    if others.is_empty() {
        return Joined::default();
    }
    others.sort_by_key(|other| other.id);
    let (mut words, mut mates, mut back) = (Vec::new(), Vec::new(), Vec::new());
    words.extend(words_of(item).map(|own| (item.id, own.to_owned())));
    for other in others {
        let room = other.mate == item.mate && other.expires > now;
        match words_of(&other).filter(|_| room).and_then(|more| with(&words, (other.id, more))) {
            Some(more) => {
                words = more;
                mates.push(other);
            }
            None => back.push(other.id),
        }
    }
    if !back.is_empty() {
        shared.store.give_back(&back);
    }
    let text = item.payload.text().filter(|_| !mates.is_empty());
    let text = text.map(|text| Text { content: content(&words), ..text.clone() });
    Joined { mates, text }
}

fn words_of(item: &Item) -> Option<&str> {
    match &item.payload.text()?.content.body {
        Body::Text(words) => Some(words),
        Body::Binary(_) => None,
    }
}

type Words = Vec<(MessageId, String)>;

/// With the words of one more, in the order in which they were accepted; `None` where one segment has no room for all.
fn with(words: &Words, (id, more): (MessageId, &str)) -> Option<Words> {
    let mut all = words.clone();
    all.push((id, more.to_owned()));
    all.sort_by_key(|(id, _)| *id);
    let measure = split::measure(&content(&all), Reference::Eight(0)).ok()?;
    (measure.segments == 1).then_some(all)
}

fn content(words: &Words) -> Content {
    let words: Vec<&str> = words.iter().map(|(_, words)| words.as_str()).collect();
    Content::text(words.join(BETWEEN))
}
