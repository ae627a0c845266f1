//! From a shaped message to an entry of the queue: what it costs, who is told, where replies go.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{
    Inner, brakes,
    rcpt::{Refusal, opted_out, over_quota, refuse},
    shape::Shaped,
};
use crate::{
    accounts::{self, Allowance, Count, Limit, brakes::Size},
    address::{Destination, Mailbox, Params, Trace},
    ground::{MessageId, Timestamp},
    observe,
    routing::Placement,
    store::{
        Charge, Down, Fingerprint, Key, Mate, Month, New, Origin, Original, Payload, Placed, Priority, Refund, Refused,
        Text,
    },
};

/// What one entry is made of.
pub struct Made<'a> {
    pub to: &'a Destination,
    pub params: &'a Params,
    pub shaped: Shaped,
    pub allowance: &'a Allowance,
    pub origin: Origin,
    pub fingerprint: Option<Fingerprint>,
    pub original: Option<Arc<Original>>,
    /// Hosts of ours that it went through before.
    pub trace: Trace,
    /// It answers a mail of ours.
    pub answers: bool,
    /// An address that is not the account's own was replaced by the account's.
    pub replaced: bool,
}

impl Inner {
    /// One entry for the queue.
    ///
    /// # Errors
    /// No gateway will ever carry it.
    pub fn entry(&self, made: Made<'_>, now: Timestamp) -> Result<New, Refusal> {
        let Made { to, params, shaped, allowance, origin, fingerprint, original, trace, answers, replaced } = made;
        let amount = match allowance.count {
            Count::Segments => u64::from(shaped.parts),
            Count::Messages => 1,
        };
        let limit = match allowance.limit {
            Limit::AtMost(limit) => Some(limit),
            Limit::Unlimited => None,
        };
        let (pool, month) = (allowance.pool.clone(), Month::of(now, &self.settings.zone));
        let charged = Some(Refund { pool: pool.clone(), month, amount });
        let Placement { target, wire } = self.place(to, params, allowance)?;
        let candidates = self.routes().candidates(&target);
        let size = Size::of(shaped.parts, self.routes().dearest(&target, to));
        let mut brakes = self.settings.brakes.of_text(allowance, to, &shaped.content, size, now, &self.settings.zone);
        if answers {
            brakes.push(accounts::brakes::of_answer(&allowance.who, to, &shaped.content, now));
        }
        let text = Text {
            to: to.clone(),
            parts: shaped.parts,
            content: shaped.content,
            reference: self.references.next(to.as_str()),
            sender: params.sender.clone(),
            sender_required: allowance.sender_required,
            wire,
            sender_phone: allowance.phone.as_ref().map(|phone| phone.as_str().to_owned()),
            pid: params.pid,
            dcs: params.dcs,
            value: params.value.clone(),
            account: allowance.who.clone(),
            charged,
            confirms: false,
            trace,
            origin,
        };
        let key = Key::from(target);
        Ok(New {
            id: MessageId::new(),
            mate: self.settings.consolidate.then(|| Mate::of(&text, &key)).flatten(),
            key,
            priority: Priority::Normal,
            due: now,
            expires: now + allowance.expire_after.unwrap_or(self.settings.expire),
            warn_at: Some(now + self.settings.warn_after),
            payload: Payload::Text(Box::new(text)),
            charge: Some(Charge { pool, month, amount, limit }),
            candidates,
            brakes,
            fingerprint,
            held: None,
            note: replaced.then_some("an address that is not the account's own was replaced by the account's"),
            original,
        })
    }

    /// Queues entries, those of one recipient together or not at all, and logs each. One result per group.
    pub async fn put(&self, groups: Vec<Vec<New>>, door: &str) -> Vec<Result<Vec<Placed>, Refusal>> {
        // Most mails have one message per recipient: these share one put, and so one transaction.
        if groups.iter().all(|group| group.len() == 1) {
            let flat: Vec<New> = groups.into_iter().flatten().collect();
            let count = flat.len();
            return match self.put_all(flat, false, door).await {
                Ok(results) => results.into_iter().map(|result| result.map(|placed| vec![placed])).collect(),
                Err(refusal) => vec![Err(refusal); count],
            };
        }
        let mut results = Vec::with_capacity(groups.len());
        for group in groups {
            let texts: Vec<bool> = group.iter().map(|new| new.payload.text().is_some()).collect();
            let placed = self.put_all(group, true, door).await;
            // Notices go with their text and are not what the answer names.
            results.push(placed.and_then(|all| {
                let mut texts = texts.iter();
                let mut all = all.into_iter().collect::<Result<Vec<_>, _>>()?;
                all.retain(|_| *texts.next().unwrap_or(&true));
                Ok(all)
            }));
        }
        results
    }

    async fn put_all(&self, entries: Vec<New>, all: bool, door: &str) -> Result<Vec<Result<Placed, Refusal>>, Refusal> {
        let spoken: Vec<_> = entries.iter().map(Spoken::of).collect();
        let month = Month::of(self.clock.now(), &self.settings.zone);
        let results = self.store.put(entries, all).await.map_err(|down| {
            observe::log::store_down("put", &down);
            self::down(&down)
        })?;
        let mut answers = Vec::with_capacity(results.len());
        // `all`: the entry that has its own reason speaks for the others.
        let speaker = results.iter().find_map(|r| match r {
            Err(Refused::Quota { limit, .. }) => Some(over_quota(*limit, month)),
            Err(Refused::Braked(braked)) => Some(brakes::refusal(*braked)),
            Err(Refused::OptedOut) => Some(opted_out()),
            _ => None,
        });
        let mut braked = Vec::new();
        for (result, spoken) in results.into_iter().zip(&spoken) {
            answers.push(match result {
                Ok(placed) => {
                    if let Some(spoken) = spoken {
                        spoken.voice(placed, door);
                    }
                    Ok(placed)
                }
                Err(Refused::Quota { limit, .. }) => Err(over_quota(limit, month)),
                Err(Refused::Braked(by)) => {
                    braked.extend(spoken.as_ref().map(|spoken| (by, spoken.account.clone())));
                    Err(brakes::refusal(by))
                }
                Err(Refused::OptedOut) => Err(opted_out()),
                Err(Refused::WithOthers) => Err(speaker.clone().unwrap_or_else(brakes::with_others)),
            });
        }
        for (by, who) in braked {
            self.braked(by, &who).await;
        }
        Ok(answers)
    }

    /// The text's origin: whom to tell and where replies go. Only the account's own addresses; else its main one.
    pub fn addresses(&self, allowance: &Allowance, sender: Option<&Mailbox>, author: Option<&Mailbox>) -> Addresses {
        let own =
            |wished: Option<&Mailbox>| wished.filter(|w| allowance.owns(w)).or_else(|| allowance.address()).cloned();
        let author = author.or(sender);
        let replaced = [sender, author].into_iter().flatten().any(|wished| !allowance.owns(wished));
        Addresses { report_to: own(sender), reply_to: own(author), replaced }
    }
}

/// Where reports and replies of one text go.
pub struct Addresses {
    pub report_to: Option<Mailbox>,
    pub reply_to: Option<Mailbox>,
    /// One of them is not what the mail says.
    pub replaced: bool,
}

/// The answer while the store takes nothing.
pub fn down(down: &Down) -> Refusal {
    match down {
        Down::Full => refuse(452, (4, 3, 1), "no disk space left here, try again later", "full"),
        Down::Broken(_) => refuse(451, (4, 3, 0), "the queue cannot be written, try again later", "broken"),
    }
}

/// What is said of an entry once it is durable.
struct Spoken {
    to: String,
    account: crate::ground::AccountName,
    parts: u8,
}

impl Spoken {
    fn of(new: &New) -> Option<Self> {
        let text = new.payload.text()?;
        Some(Self { to: text.to.masked(), account: text.account.clone(), parts: text.parts })
    }

    fn voice(&self, placed: Placed, door: &str) {
        match placed {
            Placed::New(id) => {
                observe::log::accepted(id, &self.to, &self.account, self.parts, door);
                observe::METRICS.door(door, "accepted");
            }
            Placed::Before(id) => {
                observe::log::handed_over_again(id, door);
                observe::METRICS.door(door, "again");
            }
        }
    }
}

/// A fingerprint over named pieces; lengths keep the pieces apart.
pub fn fingerprint(pieces: &[&[u8]], until: Timestamp) -> Fingerprint {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update((piece.len() as u64).to_be_bytes());
        hash.update(piece);
    }
    Fingerprint { hash: hash.finalize().into(), until }
}
