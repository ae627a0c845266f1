//! Reports: what the sender of a text is told when it failed, waits, or arrived.
//!
//! A report is a mail of ours in the same queue. Whom nobody may tell (null sender, NOTIFY=NEVER, an auto-reply)
//! leaves a dead letter instead. Words and structure are made by `mail::report`; who is told is decided here.

use std::{sync::Arc, time::Duration};

use crate::{
    address::Mailbox,
    ground::{Clock, Enhanced, Fault, GatewayId, MessageId, Scope, Timestamp},
    mail::report as dsn,
    observe::{self, METRICS, metrics::Metrics},
    smtp::Ret,
    store::{About, DeadLetter, Item, Key, Mail, New, Original, Payload, Priority, Store, Text},
};

/// What reports go by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Reporting-MTA, and the domain of our Message-IDs.
    pub hostname: String,
    /// From: of reports.
    pub from: Mailbox,
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

/// Makes reports.
#[derive(Clone)]
pub struct Reporter {
    store: Store,
    clock: Clock,
    settings: Arc<Settings>,
    words: Arc<dsn::Words>,
}

impl Reporter {
    pub fn new(store: Store, clock: Clock, settings: Settings, words: dsn::Words) -> Self {
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
        let withheld = text.origin.report_to.is_none() || text.origin.auto_replied || notify == crate::smtp::Notify::NEVER;
        let asked = match kind {
            Kind::Failed | Kind::Expired | Kind::Unsure => notify.failure,
            Kind::Delayed => notify.delay,
            Kind::Relayed | Kind::Delivered => notify.success,
        };
        let success = matches!(kind, Kind::Relayed | Kind::Delivered);
        if success && (!asked || withheld) || kind == Kind::Delayed && !asked && !withheld {
            return Told::default();
        }
        let data = self.compose(item, text, kind, fault, gateway, sent).await;
        let (fate, told) = match &text.origin.report_to {
            Some(to) if asked && !withheld => ("queued", Told { errand: Some(self.errand(item.id, to, data)), dead: None }),
            _ => {
                let cause = fault.map_or_else(|| kind.word().to_owned(), ToString::to_string);
                let dead = DeadLetter { kind: "withheld", about: Some(item.id), cause, data: data.bytes };
                ("withheld", Told { errand: None, dead: Some(dead) })
            }
        };
        observe::log::report(item.id, kind.word(), fate);
        Metrics::count(&METRICS.reports, if fate == "queued" { kind.word() } else { fate });
        told
    }

    fn errand(&self, about: MessageId, to: &Mailbox, data: Composed) -> New {
        let now = self.clock.now();
        New {
            id: MessageId::new(),
            key: Key::Mailbox,
            priority: Priority::Normal,
            due: now,
            expires: now + self.settings.expire,
            warn_at: None,
            payload: Payload::Mail(Box::new(Mail {
                from: None,
                to: to.clone(),
                ladder: Vec::new(),
                message_id: data.message_id,
                data: data.bytes.into(),
                about: About::Report(Some(about)),
            })),
            charge: None,
            fingerprint: None,
            original: None,
        }
    }

    async fn compose(
        &self,
        item: &Item,
        text: &Text,
        kind: Kind,
        fault: Option<&Fault>,
        gateway: Option<&GatewayId>,
        sent: usize,
    ) -> Composed {
        let now = self.clock.now();
        let origin = &text.origin;
        let original = match origin.original {
            Some(id) => self.store.original(id).await.ok().flatten(),
            None => None,
        };
        let message_id = format!("{}@{}", MessageId::new(), self.settings.hostname);
        let fallback = Fault::new(Scope::Message, Enhanced::new(4, 0, 0), "");
        let report = dsn::Report {
            kind: action(kind),
            from: &self.settings.from,
            to: origin.report_to.as_ref(),
            hostname: &self.settings.hostname,
            message_id: &message_id,
            date: now,
            phone: &text.to,
            written: &origin.written,
            envid: origin.envid.as_deref(),
            orcpt: origin.orcpt.as_deref(),
            arrived: origin.arrived,
            last_attempt: (item.attempts > 0).then_some(now),
            retry_until: (kind == Kind::Delayed).then_some(item.expires),
            gateway,
            status: status(kind, fault.unwrap_or(&fallback)),
            diagnostic: fault.map(|f| f.text.as_str()).filter(|t| !t.is_empty()),
            segments: (sent, usize::from(text.parts)),
            subject: origin.subject.as_deref(),
            answers: origin.message_id.as_deref(),
            references: &origin.references,
            original: self.returned(kind, origin.ret, original.as_ref()),
        };
        Composed { bytes: dsn::compose(&report, &self.words), message_id }
    }

    /// How much of the original goes back: the whole with RET=FULL or no RET if the text may stand in a report, else
    /// its headers; never the whole with delay and success (RFC 3461 6.2).
    fn returned<'a>(&self, kind: Kind, ret: Option<Ret>, original: Option<&'a Original>) -> dsn::Returned<'a> {
        let Some(original) = original else { return dsn::Returned::Nothing };
        let failure = matches!(kind, Kind::Failed | Kind::Expired | Kind::Unsure);
        match &original.body {
            Some(body) if failure && self.settings.report_text && ret != Some(Ret::Hdrs) => {
                dsn::Returned::Full { headers: &original.headers, body }
            }
            _ => dsn::Returned::Headers(&original.headers),
        }
    }

    /// When reports made now are given up.
    pub fn expires(&self) -> Timestamp {
        self.clock.now() + self.settings.expire
    }
}

struct Composed {
    bytes: Vec<u8>,
    message_id: String,
}

fn action(kind: Kind) -> dsn::Kind {
    match kind {
        Kind::Failed => dsn::Kind::Failed,
        Kind::Expired => dsn::Kind::Expired,
        Kind::Unsure => dsn::Kind::Unsure,
        Kind::Delayed => dsn::Kind::Delayed,
        Kind::Relayed => dsn::Kind::Relayed,
        Kind::Delivered => dsn::Kind::Delivered,
    }
}

/// The Status field: its class fits the action (RFC 3464 2.3.4).
fn status(kind: Kind, fault: &Fault) -> Enhanced {
    match kind {
        Kind::Failed => fault.code,
        Kind::Expired => Enhanced::new(5, 4, 7),
        Kind::Unsure => Enhanced::new(4, 4, 2),
        Kind::Delayed if fault.code.class() == 4 => fault.code,
        Kind::Delayed => Enhanced::new(4, 4, 7),
        Kind::Relayed => Enhanced::new(2, 0, 0),
        Kind::Delivered => Enhanced::new(2, 1, 5),
    }
}
