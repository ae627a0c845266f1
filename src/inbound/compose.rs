//! The mail made of a phone's text, and its way: mailbox, then default mailbox, then postmaster.

use super::{
    Inner,
    assemble::Assembled,
    routes::{Instead, Place},
};
use crate::{
    address::Mailbox,
    ground::Timestamp,
    mail::{Piece, write},
    sms::{Body, keyword::Keyword},
    store::{self, About, Append, DeadLetter, Down, Errand, InboundStep, Link, Mail, MoSegment, New},
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
    /// Where it goes instead of a mail.
    pub instead: Option<Instead>,
    /// The step that found the mailbox, one word or two.
    pub why: &'static str,
}

impl Delivery<'_> {
    /// Nobody is known whom it is for.
    pub fn unknown() -> Self {
        Self { words: None, to: None, then: None, link: None, keyword: None, instead: None, why: "default" }
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
        let postmaster = self.settings.postmaster.now();
        let to = delivery.to.as_ref().or(self.settings.default.as_ref()).unwrap_or(&postmaster).clone();
        let mut ladder: Vec<Mailbox> = Vec::new();
        for next in delivery.then.iter().chain(&self.settings.default).chain([&*postmaster]) {
            if *next != to && !ladder.contains(next) {
                ladder.push(next.clone());
            }
        }
        step.done.extend(set.segments.iter().map(|s| s.id));
        let instead = delivery.instead.clone().or_else(|| self.own_folder(&to));
        let target = instead.as_ref().map_or(to.as_str(), |instead| instead.target());
        step.events.push((set.id, "routed", format!("{} → {target}", delivery.why)));
        // Derived from the text's own id: made again after a crash, it is the same mail.
        let message_id = format!("{}@{}", set.id, self.settings.hostname);
        let media = self.media(set).await?;
        match self.write(set, &delivery, &to, &message_id, (&media, now)) {
            Ok(data) => {
                self.voice(set, gateway, delivery.why, "queued");
                let mail = self.mail(set, to, ladder, message_id, data);
                step.errands.push(match instead {
                    Some(instead) => self.instead(set, instead, mail, true, now),
                    None => New::mail(mail, now, now + self.settings.expire),
                });
            }
            Err(why) => {
                self.voice(set, gateway, delivery.why, "unwritable");
                let words = set.words().unwrap_or_default().as_bytes().to_vec();
                step.dead.push(DeadLetter { kind: "unroutable", about: Some(set.id), cause: why, data: words });
            }
        }
        Ok(())
    }

    /// What is kept of a text that goes nowhere: its words, or with pictures the mail that it would have been.
    pub(super) async fn kept(&self, set: &Assembled, delivery: &Delivery<'_>, now: Timestamp) -> Result<Vec<u8>, Down> {
        let media = self.media(set).await?;
        let words =
            || delivery.words.clone().or_else(|| set.words().map(str::to_owned)).unwrap_or_default().into_bytes();
        if media.is_empty() {
            return Ok(words());
        }
        let postmaster = self.settings.postmaster.now();
        let message_id = format!("{}@{}", set.id, self.settings.hostname);
        Ok(self.write(set, delivery, &postmaster, &message_id, (&media, now)).unwrap_or_else(|_| words()))
    }

    /// The same mail for another mailbox, beside its way; nothing where it cannot be written.
    pub(super) async fn copy(
        &self,
        set: &Assembled,
        delivery: &Delivery<'_>,
        to: Mailbox,
        nth: usize,
        now: Timestamp,
    ) -> Result<Option<New>, Down> {
        let message_id = format!("{}.{nth}@{}", set.id, self.settings.hostname);
        let media = self.media(set).await?;
        let Ok(data) = self.write(set, delivery, &to, &message_id, (&media, now)) else { return Ok(None) };
        let mail = self.mail(set, to, Vec::new(), message_id, data);
        Ok(Some(New::mail(mail, now, now + self.settings.expire)))
    }

    /// The same mail for a folder, beside its way; nothing where it cannot be written.
    pub(super) async fn copy_into(
        &self,
        set: &Assembled,
        delivery: &Delivery<'_>,
        folder: Instead,
        nth: usize,
        now: Timestamp,
    ) -> Result<Option<New>, Down> {
        let postmaster = self.settings.postmaster.now();
        let to = delivery.to.as_ref().or(self.settings.default.as_ref()).unwrap_or(&postmaster).clone();
        let message_id = format!("{}.f{nth}@{}", set.id, self.settings.hostname);
        let media = self.media(set).await?;
        let Ok(data) = self.write(set, delivery, &to, &message_id, (&media, now)) else { return Ok(None) };
        let mail = self.mail(set, to, Vec::new(), message_id, data);
        Ok(Some(self.instead(set, folder, mail, false, now)))
    }

    fn mail(&self, set: &Assembled, to: Mailbox, ladder: Vec<Mailbox>, message_id: String, data: Vec<u8>) -> Mail {
        let from = Some(self.envelope_sender(set));
        Mail { from, to, ladder, message_id, data: data.into(), about: About::Reply }
    }

    /// What is done in place of the mail; with `falls_back` the mail goes out when it is given up.
    fn instead(&self, set: &Assembled, instead: Instead, mail: Mail, falls_back: bool, now: Timestamp) -> New {
        let mo = &set.first().mo;
        let deed = match instead.place {
            Place::Outside(deed) => deed.into(),
            Place::Folder(folder) => store::Deed::Append(Append {
                folder,
                message_id: mail.message_id.clone(),
                phone: None,
                data: mail.data.clone(),
                seen: false,
                date: mo.sent.unwrap_or(mo.received).min(now),
            }),
        };
        let errand = Errand {
            rule: instead.by,
            about: Some(set.id),
            trace: mo.trace.clone(),
            answers: None,
            otherwise: falls_back.then(|| Box::new(mail)),
            deed,
        };
        New::errand(errand, now, now + self.settings.expire, now + self.settings.warn_after)
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
        (media, now): (&[Piece], Timestamp),
    ) -> Result<Vec<u8>, String> {
        let mo = &set.first().mo;
        let words = match (&delivery.words, &set.content.body) {
            (Some(words), _) => words.clone(),
            (None, Body::Text(words)) if words.trim().is_empty() && media.is_empty() => {
                self.settings.empty_text.clone().unwrap_or_default()
            }
            (None, Body::Text(words)) => words.clone(),
            (None, Body::Binary(data)) => format!("[{} octets of data]\n{}", data.len(), hex(data)),
        };
        let references = delivery.link.map(|link| link.references.clone()).unwrap_or_default();
        let pattern = self.pattern(mo);
        let postmaster = self.settings.postmaster.now();
        write::Reply {
            originator: &mo.from,
            display: &mo.from.display(),
            pattern: &pattern,
            no_reply: postmaster.as_str(),
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
            media,
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
