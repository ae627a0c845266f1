//! The mail made of a phone's text, and its way: mailbox, then default mailbox, then postmaster.

use super::{Inner, assemble::Assembled};
use crate::{
    address::Mailbox,
    ground::Timestamp,
    mail::write,
    sms::{Body, keyword::Keyword},
    store::{About, DeadLetter, Down, InboundStep, Link, Mail, MoSegment, New},
};

/// Where one text goes, and why.
#[derive(Clone)]
pub struct Delivery<'a> {
    /// The words without their tag; `None`: as they came.
    pub words: Option<String>,
    /// `None`: the default mailbox.
    pub to: Option<Mailbox>,
    /// Where it goes when that mailbox refuses for good, before the default mailbox.
    pub then: Option<Mailbox>,
    /// What it answers.
    pub link: Option<&'a Link>,
    /// What the phone asked for by one word; the mail is marked with it.
    pub keyword: Option<Keyword>,
    /// The step that found the mailbox, one word or two.
    pub why: &'static str,
}

impl Delivery<'_> {
    /// Nobody is known whom it is for.
    pub fn unknown() -> Self {
        Self { words: None, to: None, then: None, link: None, keyword: None, why: "default" }
    }
}

impl Inner {
    /// Adds the mail of one text to `step`, with its segments marked as done.
    pub(super) async fn deliver(
        &self,
        set: &Assembled,
        delivery: Delivery<'_>,
        now: Timestamp,
        step: &mut InboundStep,
    ) -> Result<(), Down> {
        let gateway = &set.first().mo.gateway;
        let to = delivery
            .to
            .clone()
            .or_else(|| self.settings.default.clone())
            .unwrap_or_else(|| self.settings.postmaster.clone());
        let mut ladder: Vec<Mailbox> = Vec::new();
        for next in delivery.then.iter().chain(&self.settings.default).chain([&self.settings.postmaster]) {
            if *next != to && !ladder.contains(next) {
                ladder.push(next.clone());
            }
        }
        step.done.extend(set.segments.iter().map(|s| s.id));
        let cause = format!("{} → {}", delivery.why, to.as_str());
        step.events.push((set.id, "routed", cause));
        // Derived from the text's own id: made again after a crash, it is the same mail.
        let message_id = format!("{}@{}", set.id, self.settings.hostname);
        match self.write(set, &delivery, &to, &message_id, now) {
            Ok(data) => {
                self.voice(set, gateway, delivery.why, "queued");
                step.errands.push(self.errand(set, to, ladder, message_id, data, now));
            }
            Err(why) => {
                self.voice(set, gateway, delivery.why, "unwritable");
                let words = set.words().unwrap_or_default().as_bytes().to_vec();
                step.dead.push(DeadLetter { kind: "unroutable", about: Some(set.id), cause: why, data: words });
            }
        }
        Ok(())
    }

    /// The same mail for another mailbox, beside its way; `None` where it cannot be written.
    pub(super) fn copy(
        &self,
        set: &Assembled,
        delivery: &Delivery<'_>,
        to: Mailbox,
        nth: usize,
        now: Timestamp,
    ) -> Option<New> {
        let message_id = format!("{}.{nth}@{}", set.id, self.settings.hostname);
        let data = self.write(set, delivery, &to, &message_id, now).ok()?;
        Some(self.errand(set, to, Vec::new(), message_id, data, now))
    }

    fn errand(
        &self,
        set: &Assembled,
        to: Mailbox,
        ladder: Vec<Mailbox>,
        message_id: String,
        data: Vec<u8>,
        now: Timestamp,
    ) -> New {
        let from = Some(self.envelope_sender(set));
        let mail = Mail { from, to, ladder, message_id, data: data.into(), about: About::Reply };
        New::mail(mail, now, now + self.settings.expire)
    }

    /// The phone's sms: address; a bounce of the mail comes back to it with a null sender. Where a gateway's `from` writes
    /// it in another way, that way, since some servers take no quotes and no colon; if it is an address of ours.
    fn envelope_sender(&self, set: &Assembled) -> String {
        let mo = &set.first().mo;
        let gateways = self.settings.gateways.now();
        let shown = gateways.from.get(&mo.gateway).and_then(|pattern| write::route(pattern, &mo.from));
        let ours = |address: &String| {
            address.rsplit_once('@').is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(&self.settings.sms_domain))
        };
        if let Some(address) = shown.filter(ours) {
            return address;
        }
        let phone = set.first().mo.from.as_str();
        let plain: String = phone.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '+').collect();
        format!("\"sms:{plain}\"@{}", self.settings.sms_domain)
    }

    /// How the gateway writes a phone's address (`from`).
    fn pattern(&self, mo: &MoSegment) -> String {
        let own = self.settings.gateways.now().from.get(&mo.gateway).cloned();
        own.unwrap_or_else(|| format!("%s@{}", self.settings.sms_domain))
    }

    fn write(
        &self,
        set: &Assembled,
        delivery: &Delivery<'_>,
        to: &Mailbox,
        message_id: &str,
        now: Timestamp,
    ) -> Result<Vec<u8>, String> {
        let mo = &set.first().mo;
        let words = match (&delivery.words, &set.content.body) {
            (Some(words), _) => words.clone(),
            (None, Body::Text(words)) if words.trim().is_empty() => {
                self.settings.empty_text.clone().unwrap_or_default()
            }
            (None, Body::Text(words)) => words.clone(),
            (None, Body::Binary(data)) => format!("[{} octets of data]\n{}", data.len(), hex(data)),
        };
        let references = delivery.link.map(|link| link.references.clone()).unwrap_or_default();
        let pattern = self.pattern(mo);
        write::Reply {
            originator: &mo.from,
            display: &mo.from.display(),
            pattern: &pattern,
            no_reply: self.settings.postmaster.as_str(),
            to: to.as_str(),
            answers: delivery.link.and_then(|link| link.subject.as_deref()),
            text: &words,
            missing: set.missing,
            date: mo.sent.unwrap_or(mo.received).min(now),
            message_id,
            in_reply_to: delivery.link.and_then(|link| link.message_id.as_deref()),
            references: &references,
            number: mo.number.as_deref(),
            gateway: &mo.gateway,
            id: set.id,
            host: &self.settings.hostname,
            trace: &mo.trace,
            keyword: delivery.keyword.map(Keyword::word),
        }
        .write()
        .map_err(|why| why.to_string())
    }
}

/// Data has no words; it is shown as it is, in hexadecimal, 32 octets a line.
fn hex(data: &[u8]) -> String {
    let lines = data.chunks(32).map(|line| line.iter().map(|b| format!("{b:02X}")).collect::<String>());
    lines.collect::<Vec<_>>().join("\n")
}
