//! Reports: what the sender of a text is told when it failed, waits, or arrived.
//!
//! A report is a mail of ours in the same queue. Whom nobody may tell (null sender, NOTIFY=NEVER, an auto-reply)
//! leaves a dead letter instead. Words and structure are made by `mail::report`; who is told is decided here.

mod cut;

use std::{sync::Arc, time::Duration};

pub use cut::Cut;
use sha2::{Digest, Sha256};

use crate::{
    address::Mailbox,
    ground::{Clock, Fault, GatewayId, MessageId, Swap, Timestamp},
    mail::{self, Event, Words},
    observe::{self, METRICS, metrics::Metrics},
    store::{About, DeadLetter, Fingerprint, Item, Mail, New, Store, Text},
};

/// What reports go by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Reporting-MTA, and the domain of our Message-IDs.
    pub hostname: String,
    /// From: of reports, and who is told what nobody else can be.
    pub postmaster: Swap<Mailbox>,
    /// `queue.report_text`: the text may stand in a report.
    pub report_text: bool,
    /// How long the mail server may take to accept a report.
    pub expire: Duration,
}

/// What happened to the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Failed,
    Expired,
    /// Taken out of the queue by hand.
    Cancelled,
    /// It may have arrived.
    Unsure,
    Delayed,
    /// The network has it and says no more.
    Relayed,
    /// The phone has it.
    Delivered,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Failed => "failure",
            Self::Expired => "expiry",
            Self::Cancelled => "cancellation",
            Self::Unsure => "unsure",
            Self::Delayed => "delay",
            Self::Relayed | Self::Delivered => "success",
        }
    }
}

/// What follows for the store: a mail, a dead letter, or nothing.
#[derive(Debug, Default)]
pub struct Told {
    pub errand: Option<New>,
    pub dead: Option<DeadLetter>,
}

/// A recipient that was refused after the mail was taken for others: SMTP has one answer for all of them.
pub struct NotTaken<'a> {
    /// The phone, or the local part where there is none.
    pub number: &'a str,
    /// The RCPT address without secrets.
    pub written: &'a str,
    pub orcpt: Option<&'a str>,
    pub notify: crate::smtp::Notify,
    pub auto_replied: bool,
    pub fault: &'a Fault,
    pub report_to: Option<&'a Mailbox>,
    pub original: mail::report::Original<'a>,
}

/// Makes reports.
#[derive(Clone)]
pub struct Reporter {
    store: Store,
    clock: Clock,
    settings: Arc<Settings>,
    words: Arc<Words>,
}

impl Reporter {
    pub fn new(store: Store, clock: Clock, settings: Settings, words: Words) -> Self {
        Self { store, clock, settings: Arc::new(settings), words: Arc::new(words) }
    }

    /// The report on `item`. `sent` counts the segments that went out before it failed.
    pub async fn tell(
        &self,
        item: &Item,
        kind: Kind,
        fault: Option<&Fault>,
        gateway: Option<&GatewayId>,
        sent: usize,
    ) -> Told {
        let Some(text) = item.payload.text() else { return Told::default() };
        let notify = text.origin.notify;
        let withheld =
            text.origin.report_to.is_none() || text.origin.auto_replied || notify == crate::smtp::Notify::NEVER;
        let asked = match kind {
            Kind::Failed | Kind::Expired | Kind::Cancelled | Kind::Unsure => notify.failure,
            Kind::Delayed => notify.delay,
            Kind::Relayed | Kind::Delivered => notify.success,
        };
        let success = matches!(kind, Kind::Relayed | Kind::Delivered);
        if success && (!asked || withheld) || kind == Kind::Delayed && !asked && !withheld {
            return Told::default();
        }
        let data = match self.compose(item, text, kind, fault, gateway, sent).await {
            Ok(data) => data,
            Err(why) => {
                observe::log::report(item.id, kind.word(), "unwritable");
                return Told { errand: None, dead: Some(dead("unroutable", item, why.to_string(), Vec::new())) };
            }
        };
        let (fate, told) = match &text.origin.report_to {
            Some(to) if asked && !withheld => {
                ("queued", Told { errand: Some(self.errand(Some(item.id), to, data)), dead: None })
            }
            _ => {
                let cause = fault.map_or_else(|| kind.word().to_owned(), ToString::to_string);
                ("withheld", Told { errand: None, dead: Some(dead("withheld", item, cause, data.bytes)) })
            }
        };
        observe::log::report(item.id, kind.word(), fate);
        Metrics::count(&METRICS.reports, if fate == "queued" { kind.word() } else { fate });
        told
    }

    /// The report on a recipient that was not taken at all.
    pub fn not_taken(&self, refused: &NotTaken<'_>) -> Told {
        let message_id = format!("{}@{}", MessageId::new(), self.settings.hostname);
        let postmaster = self.settings.postmaster.now();
        let report = mail::Report {
            event: Event::Failed,
            from: postmaster.as_str(),
            to: refused.report_to.unwrap_or(&postmaster).as_str(),
            host: &self.settings.hostname,
            date: self.clock.now(),
            message_id: &message_id,
            original: refused.original,
            with_text: self.settings.report_text,
            number: refused.number,
            original_recipient: refused.orcpt,
            final_recipient: refused.written,
            fault: Some(refused.fault),
            gateway: None,
            parts: None,
            last_attempt: None,
            until: None,
        };
        let dead = |kind, cause, data| DeadLetter { kind, about: None, cause, data };
        let bytes = match report.write(&self.words) {
            Ok(bytes) => bytes,
            Err(why) => return Told { errand: None, dead: Some(dead("unroutable", why.to_string(), Vec::new())) },
        };
        let (fate, told) = match refused.report_to {
            Some(to) if refused.notify.failure && !refused.auto_replied => {
                let errand = self.errand(None, to, Composed { bytes, message_id });
                ("failure", Told { errand: Some(errand), dead: None })
            }
            _ => {
                let dead = dead("withheld", refused.fault.to_string(), bytes);
                ("withheld", Told { errand: None, dead: Some(dead) })
            }
        };
        Metrics::count(&METRICS.reports, fate);
        told
    }

    /// A notice to the postmaster, told once until `until` for all that share `about`; `None` where it cannot be written.
    pub fn notice(&self, about: &str, subject: &str, text: &str, until: Timestamp) -> Option<New> {
        let message_id = format!("{}@{}", MessageId::new(), self.settings.hostname);
        let postmaster = self.settings.postmaster.now();
        let written = mail::notice(&mail::Notice {
            from: postmaster.as_str(),
            to: postmaster.as_str(),
            subject,
            text,
            date: self.clock.now(),
            message_id: &message_id,
            in_reply_to: None,
            host: &self.settings.hostname,
        });
        let bytes = match written {
            Ok(bytes) => bytes,
            Err(why) => {
                observe::log::oddity("notice", why);
                return None;
            }
        };
        let hash = Sha256::digest(format!("notice {about}")).into();
        let errand = self.errand(None, &postmaster, Composed { bytes, message_id });
        Some(New { fingerprint: Some(Fingerprint { hash, until }), note: Some("a notice to the postmaster"), ..errand })
    }

    fn errand(&self, about: Option<MessageId>, to: &Mailbox, data: Composed) -> New {
        let now = self.clock.now();
        let mail = Mail {
            from: None,
            to: to.clone(),
            ladder: Vec::new(),
            message_id: data.message_id,
            data: data.bytes.into(),
            about: About::Report(about),
        };
        New::mail(mail, now, now + self.settings.expire)
    }

    async fn compose(
        &self,
        item: &Item,
        text: &Text,
        kind: Kind,
        fault: Option<&Fault>,
        gateway: Option<&GatewayId>,
        sent: usize,
    ) -> Result<Composed, mail::Unwritable> {
        let now = self.clock.now();
        let origin = &text.origin;
        let original = match origin.original {
            Some(id) => self.store.original(id).await.ok().flatten(),
            None => None,
        };
        let message_id = format!("{}@{}", MessageId::new(), self.settings.hostname);
        let original = mail::report::Original {
            headers: original.as_ref().map_or(&[], |o| &o.headers),
            body: original.as_ref().and_then(|o| o.body.as_deref()),
            message_id: origin.message_id.as_deref(),
            references: &origin.references,
            subject: origin.subject.as_deref().unwrap_or_default(),
            ret: origin.ret,
            envid: origin.envid.as_deref(),
            arrival: Some(origin.arrived),
        };
        let postmaster = self.settings.postmaster.now();
        let report = mail::Report {
            event: event(kind),
            from: postmaster.as_str(),
            // Whom nobody may tell still gets a dead letter that reads like the report.
            to: origin.report_to.as_ref().unwrap_or(&postmaster).as_str(),
            host: &self.settings.hostname,
            date: now,
            message_id: &message_id,
            original,
            with_text: self.settings.report_text,
            number: text.to.as_str(),
            original_recipient: origin.orcpt.as_deref(),
            final_recipient: &origin.written,
            fault,
            gateway,
            parts: (text.parts > 1).then_some((u8::try_from(sent).unwrap_or(u8::MAX), text.parts)),
            last_attempt: item.last_attempt,
            until: (kind == Kind::Delayed).then_some(item.expires),
        };
        Ok(Composed { bytes: report.write(&self.words)?, message_id })
    }
}

fn dead(kind: &'static str, item: &Item, cause: String, data: Vec<u8>) -> DeadLetter {
    DeadLetter { kind, about: Some(item.id), cause, data }
}

struct Composed {
    bytes: Vec<u8>,
    message_id: String,
}

fn event(kind: Kind) -> Event {
    match kind {
        Kind::Failed => Event::Failed,
        Kind::Expired => Event::Expired,
        Kind::Cancelled => Event::Cancelled,
        Kind::Unsure => Event::Unsure,
        Kind::Delayed => Event::Delayed,
        Kind::Relayed => Event::Relayed,
        Kind::Delivered => Event::Delivered,
    }
}
