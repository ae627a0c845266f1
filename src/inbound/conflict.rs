//! Several people wrote to one phone and it answers: it is asked whom it means.
//!
//! At most one question per phone and hour. What waits goes to the choice that is answered, or to the default mailbox
//! when nobody answers in time; nothing waits for ever.

use super::{Inner, assemble::Assembled, compose::Delivery};
use crate::{
    accounts::{Limit, brakes},
    address::{Destination, Mailbox, Number, Originator, Trace},
    ground::{AccountName, GatewayId, MessageId, Timestamp},
    observe,
    sms::{
        Content,
        split::{self, Reference},
    },
    smtp::Notify,
    store::{
        Braked, Charge, Conflict, Down, InboundStep, Key, Link, Month, New, Origin, Payload, Priority, StoredSegment,
        Text,
    },
};

/// At most one conflict text per phone in this time.
const ASK_EVERY: std::time::Duration = std::time::Duration::from_secs(3600);

/// People a question names at most, those who wrote last; one answer is to be a digit, and a question a few segments.
const MOST_CHOICES: usize = 9;
/// Segments that wait for one answer at most; what comes behind them goes to the default mailbox at once.
const MOST_WAITING: usize = 200;
/// Of those with pictures, which go into one transaction when the answer comes.
const MOST_WITH_MEDIA: usize = 3;

/// A text of Martlet's own: to whom, by which gateway if it sends, at whose cost.
pub(super) struct Own<'a> {
    pub number: &'a Number,
    pub gateway: Option<&'a GatewayId>,
    pub account: AccountName,
    pub words: &'a str,
    pub expires: Timestamp,
    /// The one answer to an opting out.
    pub confirms: bool,
}

/// Whether a text of Martlet's own goes out.
pub(super) enum Asked {
    With(Box<New>),
    /// Too many texts of ours today.
    Braked(Braked),
    Not,
}

impl Inner {
    /// Opens a conflict, or adds a text to the open one.
    pub(super) async fn ask(
        &self,
        set: &Assembled,
        phone: &str,
        links: &[Link],
        open: Option<Conflict>,
        now: Timestamp,
    ) -> Result<InboundStep, Down> {
        let gateway = &set.first().mo.gateway;
        let ids: Vec<MessageId> = set.segments.iter().map(|s| s.id).collect();
        let mut choices: Vec<Mailbox> = Vec::new();
        let full = |waiting: &[StoredSegment]| {
            let heavy = waiting.iter().filter(|segment| segment.media > 0).count();
            waiting.len() >= MOST_WAITING || set.media() > 0 && heavy >= MOST_WITH_MEDIA
        };
        if open.as_ref().is_some_and(|c| c.open && full(&c.waiting)) {
            return self.to_ladder(set, None, "default", now).await;
        }
        for link in links.iter().take(MOST_CHOICES) {
            if !choices.contains(&link.mailbox) {
                choices.push(link.mailbox.clone());
            }
        }
        let asked_lately = open.as_ref().is_some_and(|c| c.asked + ASK_EVERY > now);
        let mut conflict = match open {
            Some(open) if open.open => open,
            earlier => Conflict {
                id: MessageId::new(),
                phone: phone.to_owned(),
                gateway: gateway.clone(),
                choices,
                waiting: Vec::new(),
                until: now + self.settings.conflict_wait,
                asked: earlier.map_or(Timestamp(0), |c| c.asked),
                open: true,
            },
        };
        conflict.waiting.extend(set.segments.iter().cloned());
        let (mut errands, mut events) = (Vec::new(), Vec::new());
        if !asked_lately {
            match self.question(&set.first().mo.from, gateway, &conflict.choices, now).await? {
                Asked::With(question) => {
                    conflict.asked = now;
                    errands.push(*question);
                }
                Asked::Braked(braked) => {
                    errands.extend(self.braked(braked));
                    events.push((set.id, "braked", brakes::words(braked)));
                }
                Asked::Not => {}
            }
        }
        observe::log::routed(set.id, gateway, "conflict", if conflict.asked == now { "asked" } else { "waits" });
        let cause = format!("{} people wrote to this phone", conflict.choices.len());
        events.push((set.id, "conflict", cause));
        Ok(InboundStep { parked: ids, errands, conflict: Some(conflict), events, ..InboundStep::default() })
    }

    /// The conflict text: leaves by the gateway the text came in on, charged to the global account within its limits.
    /// No global account, no room, or no number to send to: no question; the text waits for the default mailbox.
    async fn question(
        &self,
        phone: &Originator,
        gateway: &GatewayId,
        choices: &[Mailbox],
        now: Timestamp,
    ) -> Result<Asked, Down> {
        let Some(number) = phone.number() else { return Ok(Asked::Not) };
        let words = self.conflict_words(choices);
        let account = "*".parse().expect("a star is a sound name");
        let expires = now + self.settings.conflict_wait;
        self.own_text(
            Own { number: &number, gateway: Some(gateway), account, words: &words, expires, confirms: false },
            now,
        )
        .await
    }

    /// A text that Martlet writes by itself, within the regions and limits of the account it is charged to.
    pub(super) async fn own_text(&self, own: Own<'_>, now: Timestamp) -> Result<Asked, Down> {
        let Own { number, gateway, account, words, expires, confirms } = own;
        let Ok(allowance) = self.accounts.allowance(&account, now) else { return Ok(Asked::Not) };
        if number.is_premium() && !allowance.premium {
            return Ok(Asked::Not);
        }
        if !number.region().is_some_and(|region| allowance.regions.contains(&region)) {
            return Ok(Asked::Not);
        }
        let content = Content::text(words.to_owned());
        let Ok(measure) = split::measure(&content, Reference::Eight(0)) else { return Ok(Asked::Not) };
        let parts = u8::try_from(measure.segments).unwrap_or(u8::MAX);
        let month = Month::of(now, &self.settings.zone);
        let limit = match allowance.limit {
            Limit::AtMost(limit) => Some(limit),
            Limit::Unlimited => None,
        };
        if let Some(limit) = limit
            && self.store.usage(&allowance.pool, month).await? + u64::from(parts) > limit
        {
            return Ok(Asked::Not);
        }
        let gateway = gateway.filter(|gateway| self.settings.gateways.now().sends.contains(gateway));
        let to = Destination::Number(number.clone());
        let (zone, limits) = (&self.settings.zone, &self.settings.brakes);
        let mut brakes = limits.of_own(number.as_str(), now, zone);
        let size = brakes::Size::of(parts, self.price_of_own(gateway, &to));
        brakes.extend(limits.of_account(&allowance, size, now, zone));
        if let Some(braked) = self.store.would_refuse(&brakes).await? {
            return Ok(Asked::Braked(braked));
        }
        let id = MessageId::new();
        let candidates = if confirms { Vec::new() } else { self.candidates_of_own(gateway) };
        Ok(Asked::With(Box::new(New {
            id,
            key: match gateway {
                Some(gateway) => Key::Gateway(gateway.clone()),
                // A way in only: the text goes out by whichever can take it.
                None => Key::Any,
            },
            priority: Priority::Urgent,
            due: now,
            expires,
            warn_at: None,
            payload: Payload::Text(Box::new(Text {
                to,
                content,
                parts,
                reference: id.to_string().bytes().fold(0, |a, b| a.wrapping_mul(31).wrapping_add(b)),
                sender: None,
                sender_required: false,
                wire: None,
                sender_phone: None,
                pid: None,
                dcs: None,
                value: Vec::new(),
                account,
                charged: None,
                confirms,
                trace: Trace::default(),
                origin: silent(number.as_str(), now),
            })),
            charge: Some(Charge { pool: allowance.pool, month, amount: u64::from(parts), limit }),
            candidates,
            brakes,
            mate: None,
            fingerprint: None,
            held: None,
            note: None,
            original: None,
        })))
    }

    fn conflict_words(&self, choices: &[Mailbox]) -> String {
        let list: Vec<String> =
            choices.iter().enumerate().map(|(i, m)| format!("#{}# for {}", i + 1, m.as_str())).collect();
        self.settings.conflict_text.replace("{choices}", &list.join(" or "))
    }

    /// What waits for the answer goes to the mailbox that was chosen, together with the answer itself.
    pub(super) async fn answered(
        &self,
        set: &Assembled,
        conflict: Conflict,
        choice: usize,
        rest: String,
        now: Timestamp,
    ) -> Result<InboundStep, Down> {
        let Some(mailbox) = conflict.choices.get(choice - 1).cloned() else {
            return self.to_ladder(set, None, "default", now).await;
        };
        // The mail that the chosen person wrote last is the one this answers.
        let link = self.store.links(&conflict.phone, now).await?.into_iter().find(|link| link.mailbox == mailbox);
        let mut step = InboundStep { settled: Some(conflict.id), ..InboundStep::default() };
        for waiting in super::assemble::assemble(conflict.waiting, now, std::time::Duration::ZERO) {
            self.deliver(
                &waiting,
                Delivery {
                    words: None,
                    to: Some(mailbox.clone()),
                    then: None,
                    link: link.as_ref(),
                    keyword: None,
                    instead: None,
                    why: "choice",
                },
                now,
                &mut step,
            )
            .await?;
        }
        let ids = set.segments.iter().map(|s| s.id);
        if rest.is_empty() {
            step.done.extend(ids);
            step.events.push((set.id, "choice", "an answer without further words".to_owned()));
        } else {
            self.deliver(
                set,
                Delivery {
                    words: Some(rest),
                    to: Some(mailbox),
                    then: None,
                    link: link.as_ref(),
                    keyword: None,
                    instead: None,
                    why: "choice",
                },
                now,
                &mut step,
            )
            .await?;
        }
        Ok(step)
    }

    /// Conflicts nobody answered: their texts go to the default mailbox.
    pub(super) async fn stale_conflicts(&self, now: Timestamp) -> Result<bool, Down> {
        let stale = self.store.stale_conflicts(now, 100).await?;
        let any = !stale.is_empty();
        for conflict in stale {
            let mut step = InboundStep { settled: Some(conflict.id), ..InboundStep::default() };
            for waiting in super::assemble::assemble(conflict.waiting, now, std::time::Duration::ZERO) {
                self.deliver(
                    &waiting,
                    Delivery {
                        words: None,
                        to: None,
                        then: None,
                        link: None,
                        keyword: None,
                        instead: None,
                        why: "unanswered",
                    },
                    now,
                    &mut step,
                )
                .await?;
            }
            self.store.resolve(step).await?;
        }
        Ok(any)
    }
}

/// The origin of a text that Martlet itself writes: nobody is told of its fate, and no reply is expected by name.
fn silent(to: &str, now: Timestamp) -> Origin {
    Origin {
        report_to: None,
        reply_to: None,
        notify: Notify::NEVER,
        ret: None,
        envid: None,
        orcpt: None,
        written: format!("sms:{to}"),
        auto_replied: true,
        arrived: now,
        message_id: None,
        references: Vec::new(),
        subject: None,
        original: None,
    }
}
