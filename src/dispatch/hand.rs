//! An administrator's hand on the queue: hold, release, retry, cancel.
//!
//! Everything accepted ends told: whose text is cancelled gets a report, or it becomes a dead letter. What can go wrong:
//! an attempt begins between the look and the deed; then the deed is not done and the answer says how things stand.

use super::{Shared, errands, mails, policy::was_sent, step, sweep::closing};
use crate::{
    ground::{Enhanced, Fault, MessageId, Scope},
    report::Kind,
    store::{Closed, Down, Hand, Item, Next, Payload, Refund, SegmentState, Settle, Shown},
};

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Hold,
    Release,
    Retry,
    Cancel,
}

impl Wish {
    /// The word of the command.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Retry => "retry",
            Self::Cancel => "cancel",
        }
    }
}

/// What became of it, with the item as it is then.
pub enum Did {
    Done(Box<Shown>),
    /// Its state does not allow it.
    NotNow(Box<Shown>),
    NoSuch,
}

/// Carries a wish out.
pub async fn hand(shared: &Shared, id: MessageId, wish: Wish) -> Result<Did, Down> {
    let done = match wish {
        Wish::Hold => shared.store.admin(id, Hand::Hold).await?,
        Wish::Release => shared.store.admin(id, Hand::Release).await?,
        Wish::Retry => shared.store.admin(id, Hand::Retry).await?,
        Wish::Cancel => cancel(shared, id).await?,
    };
    Ok(match shared.store.show(id).await? {
        None => Did::NoSuch,
        Some(shown) if done => Did::Done(Box::new(shown)),
        Some(shown) => Did::NotNow(Box::new(shown)),
    })
}

async fn cancel(shared: &Shared, id: MessageId) -> Result<bool, Down> {
    let Some(item) = shared.store.item(id).await? else { return Ok(false) };
    let settlement = match &item.payload {
        Payload::Text(text) => text_cancelled(shared, &item, text.charged.clone()).await,
        Payload::Mail(mail) => {
            let fault = Fault::new(Scope::Message, Enhanced::new(5, 7, 1), "cancelled by an administrator");
            let dead = mails::dead(&item, mail, "cancelled", &fault.text);
            let told = crate::report::Told { errand: None, dead: Some(dead) };
            closing(&item, Next::Closed(Closed::Cancelled), Some(fault), "cancelled", told)
        }
        Payload::Errand(errand) => {
            let fault = Fault::new(Scope::Message, Enhanced::new(5, 7, 1), "cancelled by an administrator");
            let dead = errands::dead(errand, "cancelled", &fault.text);
            let told = crate::report::Told { errand: None, dead: Some(dead) };
            closing(&item, Next::Closed(Closed::Cancelled), Some(fault), "cancelled", told)
        }
    };
    shared.store.cancel(&item, settlement).await
}

/// What was never sent is given back; what was held as unsure may have arrived, and is told as that.
async fn text_cancelled(shared: &Shared, item: &Item, charged: Option<Refund>) -> Settle {
    let unsure = item.segments.iter().any(|s| s.state == SegmentState::Unsure);
    let (kind, code) = match unsure {
        true => (Kind::Unsure, Enhanced::new(4, 4, 2)),
        false => (Kind::Cancelled, Enhanced::new(5, 7, 1)),
    };
    let fault = Fault::new(Scope::Message, code, "cancelled by an administrator");
    let sent = step::sent_before(item);
    let told = shared.reporter.tell(item, kind, Some(&fault), item.gateway.as_ref(), sent).await;
    let never_sent = !unsure && !item.segments.iter().any(|s| was_sent(s.state));
    let mut settlement = closing(item, Next::Closed(Closed::Cancelled), Some(fault), "cancelled", told);
    settlement.refund = charged.filter(|_| never_sent);
    settlement.unlink = never_sent;
    settlement
}
