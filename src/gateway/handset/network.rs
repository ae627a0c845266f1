//! The network that a handset pretends: its phones, how it behaves towards each, and the receipts it owes. Pure.
//!
//! Time comes in as a value; what is due is asked for. What can go wrong: old texts make room for new ones, idle phones
//! for new phones, and a network that owes too many receipts takes nothing more until some are given.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use crate::{
    address::Destination,
    gateway::{
        Attempt,
        inbox::{About, Fate, Part, Word},
    },
    ground::{Enhanced, Fault, MessageId, Outcome, RemoteId, Scope, Timestamp},
    sms::Body,
};

/// Texts that one phone keeps.
pub const TEXTS: usize = 200;
/// Phones at once.
pub const PHONES: usize = 100;
/// Receipts that may be owed.
const OWED: usize = 10_000;

/// What the network does with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// On the phone at once, with a receipt.
    #[default]
    Deliver,
    /// Takes it; it comes to the phone, and the receipt, after a while.
    Delay,
    /// Cannot take it now.
    Busy,
    /// Refuses the phone for good.
    Refuse,
    /// Takes it and loses it: no receipt ever.
    Lose,
    /// Never answers. The phone has it; nobody but the phone knows.
    Silent,
}

impl Behaviour {
    pub const ALL: [Self; 6] = [Self::Deliver, Self::Delay, Self::Busy, Self::Refuse, Self::Lose, Self::Silent];

    /// The word by which it is chosen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Delay => "delay",
            Self::Busy => "busy",
            Self::Refuse => "refuse",
            Self::Lose => "lose",
            Self::Silent => "silent",
        }
    }
}

impl std::str::FromStr for Behaviour {
    type Err = &'static str;
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|behaviour| behaviour.word() == word);
        known.ok_or("the network can deliver, delay, busy, refuse, lose or silent")
    }
}

/// What became of one text at a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Typed on this phone, and kept by Martlet.
    Typed,
    /// On the phone; the receipt is on its way or given.
    Delivered,
    /// In the network, on the phone from then on.
    Coming(Timestamp),
    /// The network had no time for it, so many times.
    Busy(u32),
    Refused,
    Lost,
    /// On the phone, but the network never said so.
    Silent,
}

impl State {
    /// The phone shows it.
    pub fn arrived(self) -> bool {
        matches!(self, Self::Typed | Self::Delivered | Self::Silent)
    }
}

/// One text at a phone. No `Debug`: it holds words.
#[derive(Clone)]
pub struct Text {
    /// From 1, over all phones, never used again.
    pub serial: u64,
    pub at: Timestamp,
    pub words: String,
    /// The originator that the phone shows, where one was asked for.
    pub sender: Option<String>,
    pub state: State,
    /// The message and the part of it (from 0); `None` for what was typed here.
    of: Option<(MessageId, u8)>,
}

impl Text {
    /// The message that it is of; `None` for what was typed here.
    pub fn message(&self) -> Option<MessageId> {
        self.of.map(|(id, _)| id)
    }
}

/// A phone as it is read.
#[derive(Clone)]
pub struct Phone {
    pub number: Destination,
    /// Its own, or the one of all.
    pub behaviour: Behaviour,
    /// Oldest first.
    pub texts: Vec<Text>,
}

#[derive(Default)]
struct Kept {
    behaviour: Option<Behaviour>,
    texts: VecDeque<Text>,
    /// Serial of its last change; the phone that was idle longest makes room.
    touched: u64,
}

/// A receipt to be given.
struct Owed {
    at: Timestamp,
    reference: RemoteId,
    /// The phone, and the serial of its text; `None`: that is on the phone already.
    text: Option<(Destination, u64)>,
}

/// What the network says to one attempt.
#[must_use]
pub enum Answer {
    Now(Outcome),
    /// Nothing, for as long as the gateway waits.
    Silence,
}

/// The whole of it. `delay` is how long a delayed text takes.
pub struct Network {
    phones: BTreeMap<Destination, Kept>,
    behaviour: Behaviour,
    owed: VecDeque<Owed>,
    delay: Duration,
    serial: u64,
}

impl Network {
    pub fn new(delay: Duration) -> Self {
        Self { phones: BTreeMap::new(), behaviour: Behaviour::default(), owed: VecDeque::new(), delay, serial: 0 }
    }

    /// Every phone, in the order of their numbers.
    pub fn phones(&self) -> Vec<Phone> {
        let read = |(number, kept): (&Destination, &Kept)| Phone {
            number: number.clone(),
            behaviour: kept.behaviour.unwrap_or(self.behaviour),
            texts: kept.texts.iter().cloned().collect(),
        };
        self.phones.iter().map(read).collect()
    }

    /// Puts a phone there before it gets its first text.
    pub fn add(&mut self, number: &Destination) {
        self.phone(number);
    }

    /// Chooses the behaviour towards one phone, or with `None` towards all. What was delayed comes at once when the
    /// network delivers again.
    pub fn behave(&mut self, number: Option<&Destination>, behaviour: Behaviour, now: Timestamp) {
        match number {
            Some(number) => self.phone(number).behaviour = Some(behaviour),
            None => {
                self.behaviour = behaviour;
                self.phones.values_mut().for_each(|phone| phone.behaviour = None);
            }
        }
        if behaviour == Behaviour::Deliver {
            let all = number.is_none();
            let concerns = |owed: &&mut Owed| all || owed.text.as_ref().map(|(phone, _)| phone) == number;
            self.owed.iter_mut().filter(concerns).for_each(|owed| owed.at = owed.at.min(now));
        }
    }

    /// Takes one segment of an attempt.
    pub fn take(&mut self, attempt: &Attempt, part: u8, now: Timestamp) -> Answer {
        if self.owed.len() >= OWED {
            let fault = Fault::new(Scope::Gateway, Enhanced::new(4, 3, 2), "the handset owes too many receipts");
            return Answer::Now(Outcome::Later(fault));
        }
        let common = self.behaviour;
        let phone = self.phone(&attempt.to);
        let behaviour = phone.behaviour.unwrap_or(common);
        let of = Some((attempt.id, part));
        let before = phone.texts.iter().position(|text| text.of == of);
        let tried = match before.and_then(|at| phone.texts.remove(at)).map(|text| text.state) {
            Some(State::Busy(times)) => times,
            _ => 0,
        };
        let state = match behaviour {
            Behaviour::Deliver => State::Delivered,
            Behaviour::Delay => State::Coming(now + self.delay),
            Behaviour::Busy => State::Busy(tried + 1),
            Behaviour::Refuse => State::Refused,
            Behaviour::Lose => State::Lost,
            Behaviour::Silent => State::Silent,
        };
        let sender = attempt.sender.as_ref().map(|sender| sender.as_str().to_owned());
        let serial = self.put(&attempt.to, Text { serial: 0, at: now, words: words(attempt, part), sender, state, of });
        self.answer(attempt, part, serial, state, now)
    }

    fn answer(&mut self, attempt: &Attempt, part: u8, serial: u64, state: State, now: Timestamp) -> Answer {
        let fault = |code, words: &str| Fault::new(Scope::Recipient, code, words);
        let due = match state {
            State::Refused => {
                let words = "this phone takes no texts";
                return Answer::Now(Outcome::Never(fault(Enhanced::new(5, 1, 1), words)));
            }
            State::Busy(_) => {
                let words = "the network is busy";
                return Answer::Now(Outcome::Later(fault(Enhanced::new(4, 4, 5), words)));
            }
            State::Silent => return Answer::Silence,
            State::Coming(at) => Some(at),
            State::Delivered => Some(now),
            State::Lost | State::Typed => None,
        };
        // Unlike a serial it differs from those of an earlier run.
        let reference = RemoteId::new(&format!("{}-{}-{part}", attempt.id, attempt.n));
        if let (Some(at), Some(reference)) = (due, reference.clone()) {
            self.owed.push_back(Owed { at, reference, text: Some((attempt.to.clone(), serial)) });
        }
        Answer::Now(Outcome::Sent(reference))
    }

    /// Shows what was typed on a phone, once it is kept.
    pub fn typed(&mut self, number: &Destination, words: String, now: Timestamp) {
        self.put(number, Text { serial: 0, at: now, words, sender: None, state: State::Typed, of: None });
    }

    /// The receipts that are due, which are no longer owed then; delayed texts among them are on the phone now.
    pub fn due(&mut self, now: Timestamp) -> Vec<Word> {
        let (due, rest): (VecDeque<_>, VecDeque<_>) = self.owed.drain(..).partition(|owed| owed.at <= now);
        self.owed = rest;
        for owed in &due {
            self.arrive(owed, now);
        }
        due.into_iter()
            .map(|owed| Word {
                about: About::Theirs(owed.reference),
                part: Part::Named,
                total: None,
                fate: Fate::Delivered,
                at: Some(now),
                reused: false,
            })
            .collect()
    }

    /// Owes receipts again that could not be given.
    pub fn owe_again(&mut self, words: Vec<Word>, at: Timestamp) {
        self.owed.extend(
            words.into_iter().filter_map(|word| Some(Owed { at, reference: word.about.theirs()?.clone(), text: None })),
        );
    }

    /// When the next receipt is due.
    pub fn next(&self) -> Option<Timestamp> {
        self.owed.iter().map(|owed| owed.at).min()
    }

    fn arrive(&mut self, owed: &Owed, now: Timestamp) {
        let Some((phone, serial)) = &owed.text else { return };
        let Some(phone) = self.phones.get_mut(phone) else { return };
        let Some(at) = phone.texts.iter().position(|text| text.serial == *serial) else { return };
        if matches!(phone.texts.get(at).map(|text| text.state), Some(State::Coming(_)))
            && let Some(mut text) = phone.texts.remove(at)
        {
            // It stands where a phone would show it: behind what came meanwhile.
            (text.state, text.at) = (State::Delivered, now);
            phone.texts.push_back(text);
        }
    }

    fn put(&mut self, number: &Destination, text: Text) -> u64 {
        let phone = self.phone(number);
        if phone.texts.len() >= TEXTS {
            phone.texts.pop_front();
        }
        let serial = phone.touched;
        phone.texts.push_back(Text { serial, ..text });
        serial
    }

    /// The phone, which is touched by that and made if it is not there.
    fn phone(&mut self, number: &Destination) -> &mut Kept {
        self.serial += 1;
        if !self.phones.contains_key(number) && self.phones.len() >= PHONES {
            let idle = self.phones.iter().min_by_key(|(_, phone)| phone.touched).map(|(number, _)| number.clone());
            if let Some(idle) = idle {
                self.phones.remove(&idle);
            }
        }
        let phone = self.phones.entry(number.clone()).or_default();
        phone.touched = self.serial;
        phone
    }
}

/// What the phone shows of a segment.
fn words(attempt: &Attempt, part: u8) -> String {
    match attempt.segments.get(usize::from(part)).map(|segment| &segment.body) {
        Some(Body::Text(words)) => words.clone(),
        Some(Body::Binary(data)) => format!("[{} octets of data]", data.len()),
        None => String::new(),
    }
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
