//! What the page shows, as plain values for its template. Pure: everything it needs is handed in.

use serde::Serialize;

use super::{
    SENDERS,
    letters::{Kind, Letter, Thread, threads},
    write::Form,
};
use crate::{
    address::Destination,
    gateway::handset::{Behaviour, Phone, State, Text},
    ground::{MessageId, Timestamp},
    store,
};

/// Conversations on one page.
const THREADS: usize = 40;
/// Texts of one mail whose state is shown.
pub const TEXTS: usize = 20;

/// What becomes of a text, as the queue tells it.
pub struct Fate {
    pub id: MessageId,
    pub shown: store::Shown,
}

/// Everything the page is made of.
pub struct Facts<'a> {
    pub phones: &'a [Phone],
    pub letters: &'a [Letter],
    pub fates: &'a [Fate],
    pub people: &'a str,
    pub sms_domain: &'a str,
    pub command: &'a str,
    /// The one mailbox that is looked into; `None`: all.
    pub mailbox: Option<&'a str>,
    pub form: &'a Form,
    pub wrong: Option<&'a str>,
}

#[derive(Serialize)]
pub struct Page {
    command: String,
    sms_domain: String,
    senders: Vec<Sender>,
    mailbox: String,
    form: Written,
    wrong: String,
    phones: Vec<PhoneView>,
    network: Vec<Choice>,
    threads: Vec<ThreadView>,
    /// Something is still on its way: the page looks again by itself.
    open: bool,
}

#[derive(Serialize)]
struct Sender {
    address: String,
    name: String,
    chosen: bool,
    looked_into: bool,
}

#[derive(Serialize)]
struct Written {
    from: String,
    to: String,
    subject: String,
    text: String,
    receipt: bool,
    answers: String,
}

#[derive(Serialize)]
struct PhoneView {
    number: String,
    shown: String,
    id: String,
    behaviour: &'static str,
    trouble: bool,
    choices: Vec<Choice>,
    texts: Vec<TextView>,
}

#[derive(Serialize)]
struct Choice {
    word: &'static str,
    label: &'static str,
    hint: &'static str,
    chosen: bool,
}

#[derive(Serialize)]
struct TextView {
    serial: u64,
    words: String,
    sender: String,
    state: &'static str,
    arrived: bool,
    typed: bool,
    says: String,
    time: Time,
}

/// For people, and for the script that turns it into local time.
#[derive(Serialize)]
struct Time {
    clock: String,
    iso: String,
}

#[derive(Serialize)]
struct ThreadView {
    id: String,
    subject: String,
    letters: Vec<LetterView>,
}

#[derive(Serialize)]
struct LetterView {
    n: u64,
    depth: usize,
    kind: &'static str,
    label: &'static str,
    who: String,
    colour: String,
    initial: String,
    mailbox: String,
    /// The words, and for reports what follows the first paragraph.
    words: String,
    rest: String,
    answerable: bool,
    texts: Vec<FateView>,
    time: Time,
}

#[derive(Serialize)]
struct FateView {
    to: String,
    state: &'static str,
    says: String,
}

/// Puts the page together.
pub fn page(facts: &Facts<'_>) -> Page {
    let of_one = |thread: &Thread<'_>| {
        facts.mailbox.is_none_or(|who| thread.letters.iter().any(|(_, letter)| letter.mailbox == who))
    };
    let all = threads(facts.letters);
    let threads: Vec<_> = all.iter().filter(|thread| of_one(thread)).take(THREADS).map(|t| thread(t, facts)).collect();
    Page {
        command: facts.command.to_owned(),
        sms_domain: facts.sms_domain.to_owned(),
        senders: senders(facts),
        mailbox: facts.mailbox.unwrap_or_default().to_owned(),
        form: form(facts.form),
        wrong: facts.wrong.unwrap_or_default().to_owned(),
        phones: facts.phones.iter().map(phone).collect(),
        network: choices(None),
        open: facts.fates.iter().any(|fate| fate.shown.state != store::State::Closed)
            || facts.phones.iter().any(|p| p.texts.iter().any(|text| matches!(text.state, State::Coming(_)))),
        threads,
    }
}

fn senders(facts: &Facts<'_>) -> Vec<Sender> {
    let addresses = SENDERS.iter().map(|name| format!("{name}@{}", facts.people));
    let sender = |address: String| Sender {
        name: address.split('@').next().unwrap_or_default().to_owned(),
        chosen: facts.form.from == address,
        looked_into: facts.mailbox == Some(address.as_str()),
        address,
    };
    addresses.map(sender).collect()
}

fn form(form: &Form) -> Written {
    Written {
        from: form.from.clone(),
        to: form.to.clone(),
        subject: form.subject.clone(),
        text: form.text.clone(),
        receipt: form.receipt,
        answers: form.answers.map(|n| n.to_string()).unwrap_or_default(),
    }
}

/// The choices of a network, with the chosen one if all phones are not meant.
fn choices(chosen: Option<Behaviour>) -> Vec<Choice> {
    let choice = |behaviour: Behaviour| {
        let (label, hint) = match behaviour {
            Behaviour::Deliver => ("Deliver", "Texts arrive at once, with a receipt."),
            Behaviour::Delay => ("Delay", "Taken, but on the phone only after fifteen seconds."),
            Behaviour::Busy => ("Busy", "Not now: Martlet tries again, and tells the writer that it takes longer."),
            Behaviour::Refuse => ("Refuse", "Refused for good: the writer gets a bounce."),
            Behaviour::Lose => ("Lose", "Taken and lost: no receipt ever comes."),
            Behaviour::Silent => {
                ("Stay silent", "No answer: nobody knows whether the phone has it. It is not sent again.")
            }
        };
        Choice { word: behaviour.word(), label, hint, chosen: chosen == Some(behaviour) }
    };
    Behaviour::ALL.into_iter().map(choice).collect()
}

fn phone(phone: &Phone) -> PhoneView {
    let number = phone.number.as_str().to_owned();
    PhoneView {
        shown: display(&phone.number),
        id: number.trim_start_matches('+').to_owned(),
        behaviour: phone.behaviour.word(),
        trouble: phone.behaviour != Behaviour::Deliver,
        choices: choices(Some(phone.behaviour)),
        texts: phone.texts.iter().map(text).collect(),
        number,
    }
}

/// A number with its blanks.
fn display(number: &Destination) -> String {
    number.number().map_or_else(|| number.as_str().to_owned(), |number| number.formatted())
}

fn text(text: &Text) -> TextView {
    let (state, says) = match text.state {
        State::Typed => ("typed", "Sent".to_owned()),
        State::Delivered => ("delivered", String::new()),
        State::Coming(_) => ("coming", "On its way".to_owned()),
        State::Busy(1) => ("busy", "Network busy, tried once".to_owned()),
        State::Busy(times) => ("busy", format!("Network busy, tried {times} times")),
        State::Refused => ("refused", "Refused by the network".to_owned()),
        State::Lost => ("lost", "Lost on the way: the network said it took it, and no receipt will come".to_owned()),
        State::Silent => ("silent", "Arrived, but the network never said so".to_owned()),
    };
    TextView {
        serial: text.serial,
        words: text.words.clone(),
        sender: text.sender.clone().unwrap_or_default(),
        state,
        arrived: text.state.arrived(),
        typed: text.state == State::Typed,
        says,
        time: time(text.at),
    }
}

fn time(at: Timestamp) -> Time {
    let utc = at.utc();
    Time { clock: utc.strftime("%H:%M UTC").to_string(), iso: utc.strftime("%Y-%m-%dT%H:%M:%SZ").to_string() }
}

fn thread(thread: &Thread<'_>, facts: &Facts<'_>) -> ThreadView {
    ThreadView {
        // The first mail names it for as long as it is kept.
        id: thread.letters.first().map(|(_, letter)| letter.n.to_string()).unwrap_or_default(),
        subject: if thread.subject.is_empty() { "(no subject)".to_owned() } else { thread.subject.to_owned() },
        letters: thread.letters.iter().map(|(depth, l)| letter(*depth, l, facts)).collect(),
    }
}

fn letter(depth: usize, letter: &Letter, facts: &Facts<'_>) -> LetterView {
    let (kind, label) = match letter.kind {
        Kind::Written => ("written", "Mail"),
        Kind::Reply => ("reply", "Text from a phone"),
        Kind::Report => ("report", "Report"),
    };
    let (words, rest) = match letter.kind {
        Kind::Report => first_paragraph(&letter.words),
        Kind::Written | Kind::Reply => (letter.words.as_str(), ""),
    };
    let fates = letter.texts.iter().take(TEXTS).filter_map(|id| facts.fates.iter().find(|fate| fate.id == *id));
    LetterView {
        n: letter.n,
        depth: depth.min(3),
        kind,
        label,
        who: letter.from_name.clone(),
        colour: colour(letter, facts.people),
        initial: initial(letter),
        mailbox: letter.mailbox.clone(),
        words: words.to_owned(),
        rest: rest.to_owned(),
        answerable: letter.kind == Kind::Reply,
        texts: fates.map(|of| fate(of, facts.phones)).collect(),
        time: time(letter.at),
    }
}

/// For writers; the others have a picture.
fn initial(letter: &Letter) -> String {
    let first = letter.from_name.chars().find(|c| c.is_alphanumeric()).filter(|_| letter.kind == Kind::Written);
    first.map(|c| c.to_uppercase().collect()).unwrap_or_default()
}

fn first_paragraph(words: &str) -> (&str, &str) {
    let (first, rest) = words.split_once("\n\n").unwrap_or((words, ""));
    (first, rest.trim_start())
}

/// Writers have a colour of their own, others that of their kind.
fn colour(letter: &Letter, people: &str) -> String {
    let address = format!("{}@{people}", letter.from.split('@').next().unwrap_or_default());
    match letter.kind {
        Kind::Written if SENDERS.iter().any(|name| format!("{name}@{people}") == address) => {
            letter.from.split('@').next().unwrap_or_default().to_ascii_lowercase()
        }
        Kind::Written => "other".to_owned(),
        Kind::Reply => "handset".to_owned(),
        Kind::Report => "report".to_owned(),
    }
}

/// The queue shows a number in part; a phone of this page that knows the text shows it whole.
fn fate(fate: &Fate, phones: &[Phone]) -> FateView {
    use store::{Closed, State};
    let shown = &fate.shown;
    let phone = phones.iter().find(|phone| phone.texts.iter().any(|text| text.message() == Some(fate.id)));
    let to = phone.map_or_else(|| shown.to.clone(), |phone| phone.number.as_str().to_owned());
    let (state, says) = match (shown.state, shown.result) {
        (State::Closed, Some(Closed::Delivered)) => ("delivered", "delivered"),
        (State::Closed, Some(Closed::Relayed)) => ("relayed", "taken by the network, no receipt came"),
        (State::Closed, Some(Closed::Failed)) => ("failed", "failed"),
        (State::Closed, Some(Closed::Expired)) => ("failed", "given up"),
        (State::Closed, Some(Closed::Cancelled)) => ("failed", "cancelled"),
        (State::Closed, None) => ("failed", "over"),
        (State::Sent, _) => ("sent", "taken by the network, waiting for a receipt"),
        (State::Waiting, _) if shown.attempts > 0 => ("waiting", "waiting to be tried again"),
        (State::Waiting | State::Trying, _) => ("waiting", "on its way"),
        (State::Held, _) => ("waiting", "held"),
    };
    FateView { to, state, says: says.to_owned() }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
