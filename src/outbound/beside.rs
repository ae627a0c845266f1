//! What rules send beside a text or instead of it: copies, answers, texts of their own, mails for folders, errands.
//!
//! All of it is queued with the text, or neither is. What can go wrong: an address or a phone that is none, an account that
//! may not (then the message is refused).

use super::{
    Inner,
    accept::references,
    entry::{Made, fingerprint},
    facts::Asked,
    rcpt::{Refusal, check, refuse},
    ruled::Around,
};
use crate::{
    accounts::{self, Wish},
    address::{Destination, Mailbox, Params, uri},
    ground::{GatewayId, MessageId},
    mail::{self, AutoSubmitted, Notice},
    mailbox::imap,
    observe,
    rules::{Deed, Errand, Facts},
    store::{self, About, Answers, Fingerprint, New, Origin},
};

/// An answer by mail with the same words goes to the same person once in this time.
const ANSWER_AGAIN: std::time::Duration = std::time::Duration::from_secs(3_600);

/// A message as a mail, and what it is found by.
struct Written {
    data: Vec<u8>,
    message_id: String,
    /// Its `X-SMS-To`: copies for several phones have one Message-ID.
    phone: Option<String>,
}

impl Inner {
    /// What one errand of a rule becomes in the queue.
    pub(super) fn errand(
        &self,
        asked: &Asked<'_>,
        around: &Around<'_>,
        facts: (&Facts, &Facts),
        errand: &Errand,
        nth: usize,
    ) -> Result<Vec<New>, Refusal> {
        let wrong = |what: &str| refuse(550, (5, 3, 5), format!("a rule here {what}"), "rule");
        Ok(match errand {
            Errand::Mail { to } => {
                let to = to.parse().map_err(|_| wrong("sends a copy to what is no mail address"))?;
                self.copy(asked, around, facts, to, nth).into_iter().collect()
            }
            Errand::Sms { to, text, account } => {
                let target = uri::parse(to, &self.domains().numbering);
                let target = target.map_err(|why| wrong(&format!("writes to a phone that cannot be: {why}")))?;
                let mut texts = Vec::new();
                for phone in &target.to {
                    texts.extend(self.text(asked, around, (phone, &target.params), text, account.as_deref(), nth)?);
                }
                texts
            }
            Errand::ReplySms { text, account } => match &asked.payer.phone {
                Some(phone) => {
                    let phone = Destination::Number(phone.clone());
                    self.text(asked, around, (&phone, &Params::default()), text, Some(account), nth)?
                }
                None => {
                    observe::log::ruled(around.door, "", "no answer: the sender's account has no phone");
                    Vec::new()
                }
            },
            Errand::ReplyMail { subject, text } => self.answer(asked, around, subject, text).into_iter().collect(),
            Errand::Log(line) => {
                observe::log::rule_says(line);
                Vec::new()
            }
            Errand::Do { rule, deed } => vec![self.outside(asked, around, facts.1, rule, deed, nth)],
            Errand::Append { rule, folder, moved } => {
                if let Some(why) = imap::name::wrong(folder) {
                    return Err(wrong(&format!("names a folder that cannot be: {why}")));
                }
                self.append(asked, around, facts, (rule, folder, *moved), nth).into_iter().collect()
            }
        })
    }

    /// What a rule has done outside of Martlet, after the commit.
    fn outside(
        &self,
        asked: &Asked<'_>,
        around: &Around<'_>,
        after: &Facts,
        rule: &str,
        deed: &Deed,
        nth: usize,
    ) -> New {
        let gateway = match deed {
            Deed::Call(call) => call.answers_by.as_ref().and_then(|id| id.parse().ok()),
            Deed::Run(_) | Deed::Sql(_) => None,
        };
        let answers = gateway.map(|gateway| Box::new(self.relayed(asked, around, after, gateway)));
        let errand = store::Errand {
            rule: rule.to_owned(),
            about: None,
            trace: around.trace.clone(),
            answers,
            otherwise: None,
            deed: whole(deed.clone(), around).into(),
        };
        let (expires, warn_at) = (asked.now + self.settings.expire, asked.now + self.settings.warn_after);
        let fingerprint = again(around, &[b"errand", &nth.to_be_bytes()]);
        New { fingerprint, ..New::errand(errand, asked.now, expires, warn_at) }
    }

    /// The conversation of a text that another host sends for us.
    fn relayed(&self, asked: &Asked<'_>, around: &Around<'_>, after: &Facts, gateway: GatewayId) -> Answers {
        let to = self.domains().numbering.read(&after.to.number).map(|read| read.destination);
        let phone = to.as_ref().unwrap_or(asked.to).as_str().to_owned();
        let mut origin = Origin::of_call(&around.report_to, &around.reply_to, &phone, asked.now);
        if let Some(mail) = asked.mail {
            origin.message_id.clone_from(&mail.message_id);
            origin.references = references(mail);
            origin.subject = after.header("Subject").next().filter(|words| !words.is_empty()).map(str::to_owned);
        }
        Answers { phone, gateway, origin }
    }

    /// A text that a rule writes; it is charged to the named account, or to whoever pays for the message.
    fn text(
        &self,
        asked: &Asked<'_>,
        around: &Around<'_>,
        (to, params): (&Destination, &Params),
        words: &str,
        account: Option<&str>,
        nth: usize,
    ) -> Result<Vec<New>, Refusal> {
        let allowance = match account {
            None => asked.payer.clone(),
            Some(name) => {
                let unknown = || refuse(550, (5, 3, 5), "a rule here charges an account that is none", "rule");
                self.allowance(&accounts::name(name).ok_or_else(unknown)?)?
            }
        };
        check(&allowance, Wish { to, params })?;
        let style = self.settings.style.of(&allowance.wording);
        let mut texts = Vec::new();
        for (piece, shaped) in style.shape_text(words, params, allowance.max_parts)?.into_iter().enumerate() {
            let mut origin = Origin::of_call(&around.report_to, &around.reply_to, to.as_str(), asked.now);
            // What follows from a machine's text is a machine's.
            origin.auto_replied = asked.mail.is_some_and(|mail| mail.auto_submitted == AutoSubmitted::AutoReplied);
            let pieces = [&nth.to_be_bytes()[..], to.as_str().as_bytes(), &piece.to_be_bytes()];
            let made = Made {
                to,
                params,
                shaped,
                allowance: &allowance,
                origin,
                fingerprint: again(around, &pieces),
                original: None,
                trace: around.trace.clone(),
                answers: false,
                replaced: false,
            };
            let new = self.entry(made, asked.now)?;
            // A phone that has opted out is no reason to refuse the message: this text alone ends, with a report.
            texts.push(New { note: Some("written by a rule"), candidates: Vec::new(), ..new });
        }
        Ok(texts)
    }

    /// An answer by mail to whoever wrote; none to machines and lists, and the same one once an hour.
    fn answer(&self, asked: &Asked<'_>, around: &Around<'_>, subject: &str, text: &str) -> Option<New> {
        let by_machine = |mail: &mail::Mail<'_>| mail.auto_submitted != AutoSubmitted::No || mail.is_list;
        if asked.mail.is_some_and(by_machine) {
            return None;
        }
        let to = around.report_to.as_ref()?;
        let about = asked.mail.and_then(|mail| mail.message_id.as_deref());
        let mut new = self.notice(to, subject, text, about, asked)?;
        let pieces: [&[u8]; 4] = [b"answer", to.as_str().as_bytes(), subject.as_bytes(), text.as_bytes()];
        new.fingerprint = Some(fingerprint(&pieces, asked.now + ANSWER_AGAIN));
        Some(new)
    }

    /// The message as a mail: as it came, or, where rules changed its words or fields, what they made of it.
    pub(super) fn copy(
        &self,
        asked: &Asked<'_>,
        around: &Around<'_>,
        (before, after): (&Facts, &Facts),
        to: Mailbox,
        nth: usize,
    ) -> Option<New> {
        let Written { data, phone, .. } = self.written(asked, around, (before, after), &to)?;
        let data = match phone {
            Some(_) => [self.received(around, asked).as_bytes(), &data].concat(),
            None => data,
        };
        let fingerprint = again(around, &[&nth.to_be_bytes()]);
        Some(New { fingerprint, ..self.mail(to, data, asked) })
    }

    /// The message as a mail for a folder: read already where it is only a copy.
    fn append(
        &self,
        asked: &Asked<'_>,
        around: &Around<'_>,
        facts: (&Facts, &Facts),
        (rule, folder, moved): (&str, &str, bool),
        nth: usize,
    ) -> Option<New> {
        let postmaster = self.settings.postmaster.now();
        let to = around.report_to.as_ref().unwrap_or(&postmaster);
        let Written { data, message_id, phone } = self.written(asked, around, facts, to)?;
        let deed = store::Deed::Append(store::Append {
            folder: folder.to_owned(),
            message_id,
            phone,
            data: data.into(),
            seen: !moved,
            date: asked.now,
        });
        let (about, answers, otherwise) = (None, None, None);
        let errand =
            store::Errand { rule: rule.to_owned(), about, trace: around.trace.clone(), answers, otherwise, deed };
        let (expires, warn_at) = (asked.now + self.settings.expire, asked.now + self.settings.warn_after);
        let fingerprint = again(around, &[b"folder", &nth.to_be_bytes()]);
        Some(New { fingerprint, ..New::errand(errand, asked.now, expires, warn_at) })
    }

    /// The message as it came, or, where rules changed its words or fields, what they made of it.
    fn written(
        &self,
        asked: &Asked<'_>,
        around: &Around<'_>,
        (before, after): (&Facts, &Facts),
        to: &Mailbox,
    ) -> Option<Written> {
        let changed = before.body != after.body || before.headers != after.headers;
        let host = &self.settings.hostname;
        let own = format!("{}@{host}", MessageId::new());
        let Some((headers, body)) = around.mail.filter(|_| !changed) else {
            let subject = after.header("Subject").next().filter(|subject| !subject.is_empty());
            let subject = subject.map_or_else(|| format!("Text to {}", asked.to.as_str()), str::to_owned);
            let from = after.header("From").next().map(|from| format!("From: {from}\n")).unwrap_or_default();
            let text = format!("{from}To: {}\n\n{}", asked.to.as_str(), after.body);
            let data = self.noticed(to, &subject, &text, None, asked, &own)?;
            return Some(Written { data, message_id: own, phone: None });
        };
        let phone = asked.to.as_str().to_owned();
        let mut data = format!("{}: {host}\r\nX-SMS-To: {phone}\r\n", mail::TRACE).into_bytes();
        let message_id = match asked.mail.and_then(|mail| mail.message_id.clone()) {
            Some(id) => id,
            None => {
                data.extend_from_slice(format!("Message-ID: <{own}>\r\n").as_bytes());
                own
            }
        };
        data.extend_from_slice(headers);
        data.extend_from_slice(b"\r\n");
        data.extend_from_slice(body);
        Some(Written { data, message_id, phone: Some(phone) })
    }

    /// Our line above those of the hosts before us (RFC 5321 4.4), for a mail that goes on as it came.
    fn received(&self, around: &Around<'_>, asked: &Asked<'_>) -> String {
        let protocol = if around.door == "lmtp" { "LMTP" } else { "ESMTP" };
        let (host, id) = (&self.settings.hostname, MessageId::new());
        format!("Received: by {host} (Martlet) with {protocol} id {id};\r\n\t{}\r\n", asked.now.rfc5322())
    }

    fn notice(&self, to: &Mailbox, subject: &str, text: &str, about: Option<&str>, asked: &Asked<'_>) -> Option<New> {
        let message_id = format!("{}@{}", MessageId::new(), self.settings.hostname);
        self.noticed(to, subject, text, about, asked, &message_id).map(|data| self.mail(to.clone(), data, asked))
    }

    fn noticed(
        &self,
        to: &Mailbox,
        subject: &str,
        text: &str,
        about: Option<&str>,
        asked: &Asked<'_>,
        message_id: &str,
    ) -> Option<Vec<u8>> {
        mail::notice(&Notice {
            from: self.settings.postmaster.now().as_str(),
            to: to.as_str(),
            subject,
            text,
            date: asked.now,
            message_id,
            in_reply_to: about,
            host: &self.settings.hostname,
        })
        .ok()
    }

    /// With the null sender: nothing comes back of it but a dead letter here.
    fn mail(&self, to: Mailbox, data: Vec<u8>, asked: &Asked<'_>) -> New {
        let message_id = format!("{}@{}", MessageId::new(), self.settings.hostname);
        let about = About::Report(None);
        let mail = store::Mail { from: None, to, ladder: Vec::new(), message_id, data: data.into(), about };
        New { note: Some("written by a rule"), ..New::mail(mail, asked.now, asked.now + self.settings.expire) }
    }
}

/// With the whole mail, where a program is to read it.
pub(super) fn whole(deed: Deed, around: &Around<'_>) -> Deed {
    match deed {
        Deed::Run(program) => Deed::Run(program.with_mail(around.mail)),
        other => other,
    }
}

/// What a repetition of an errand is known by: that of its text, and which errand it is.
fn again(around: &Around<'_>, pieces: &[&[u8]]) -> Option<Fingerprint> {
    let of = around.print.as_ref()?;
    let all: Vec<&[u8]> = [&b"rule"[..], &of.hash].into_iter().chain(pieces.iter().copied()).collect();
    Some(fingerprint(&all, of.until))
}
