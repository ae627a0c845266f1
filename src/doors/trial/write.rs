//! A mail written on the page, handed in as at any mail door.
//!
//! What can go wrong is told in the words that a mail server would answer: no number, nobody who may send, nothing to
//! send. Nothing is queued then.

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::Message;

use super::{Trial, letters::Letter, listener};
use crate::{
    address::{Path, ReversePath},
    ground::{MessageId, outcome::one_line},
    outbound::{Accept as _, Handed},
    smtp::{Envelope, Notify, Recipient},
};

/// Phones of one mail at most.
const MOST: usize = 20;
/// Characters of the words at most.
const LONGEST: usize = 10_000;

/// What was filled in.
#[derive(Clone, Default)]
pub struct Form {
    pub from: String,
    pub to: String,
    pub subject: String,
    pub text: String,
    /// Tell when it was delivered too.
    pub receipt: bool,
    /// The mail that it answers.
    pub answers: Option<u64>,
}

/// Sends it; an error is for the person at the page.
pub async fn send(trial: &Trial, form: &Form) -> Result<(), String> {
    if form.text.chars().count() > LONGEST {
        return Err(format!("The text is longer than {LONGEST} characters."));
    }
    let from: Path = form.from.trim().parse().map_err(|_| "Choose who writes.".to_owned())?;
    let recipients = recipients(trial, form)?;
    let answered = form.answers.and_then(|n| trial.letterbox.read().into_iter().find(|letter| letter.n == n));
    let data = mail(trial, form, &recipients, answered.as_ref())?;
    let envelope = Envelope { from: ReversePath::Path(from), ..Envelope::default() };
    let (listener, peer) = listener();
    for recipient in &recipients {
        let reply = trial.noting.recipient(&listener, &peer, &envelope, recipient).await;
        if !reply.is_positive() {
            return Err(said(reply.code(), reply.words()));
        }
    }
    let replies = trial.noting.mail(Handed { listener, peer, envelope, recipients, data }).await;
    match replies.iter().find(|reply| !reply.is_positive()) {
        Some(refused) => Err(said(refused.code(), refused.words())),
        None => Ok(()),
    }
}

fn said(code: u16, words: &str) -> String {
    format!("Martlet answered {code}: {words}")
}

fn recipients(trial: &Trial, form: &Form) -> Result<Vec<Recipient>, String> {
    let notify = form.receipt.then_some(Notify { success: true, failure: true, delay: true });
    let mut recipients = Vec::new();
    for written in form.to.split([',', ';', '\n']).map(str::trim).filter(|written| !written.is_empty()) {
        let path = path(trial, written)?;
        recipients.push(Recipient { path, notify, orcpt: None });
    }
    match recipients.len() {
        0 => Err("To which phone? Write a number such as +12025550123.".to_owned()),
        1..=MOST => Ok(recipients),
        _ => Err(format!("{MOST} phones at once are enough here.")),
    }
}

/// An address as it is, or a number completed with the SMS domain.
fn path(trial: &Trial, written: &str) -> Result<Path, String> {
    if written.contains('@') {
        return written.parse().map_err(|_| format!("{written:?} is no address."));
    }
    let reading = trial.numbering.read(written).map_err(|why| format!("{written:?}: {why}."))?;
    Ok(Path { local: reading.destination.as_str().to_owned(), domain: Some(trial.sms_domain.clone()) })
}

fn mail(trial: &Trial, form: &Form, to: &[Recipient], answered: Option<&Letter>) -> Result<Vec<u8>, String> {
    let wrong = |what: &str| format!("{what:?} cannot stand in a mail.");
    let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(trial.clock.now().0).unwrap_or(0));
    let mut builder = Message::builder()
        .from(form.from.trim().parse().map_err(|_| wrong(&form.from))?)
        .subject(one_line(&form.subject, 300))
        .message_id(Some(format!("<{}@{}>", MessageId::new(), trial.people)))
        .date(now);
    for recipient in to {
        let wire = recipient.path.to_wire();
        builder = builder.to(wire.parse().map_err(|_| wrong(&wire))?);
    }
    if let Some(id) = answered.and_then(|letter| letter.message_id.as_deref()) {
        let earlier = answered.map(|letter| letter.answers.as_slice()).unwrap_or_default();
        let chain: Vec<String> = earlier.iter().map(String::as_str).chain([id]).map(|id| format!("<{id}>")).collect();
        builder = builder.in_reply_to(format!("<{id}>")).references(chain.join(" "));
    }
    let message = builder.body(form.text.clone()).map_err(|_| wrong(&form.subject))?;
    Ok(message.formatted())
}
