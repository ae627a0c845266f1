//! Rules over one text, after its words are known and before it is shaped: what is left of it, and what else is to be
//! queued with it.
//!
//! What rules make is held against the account again: number, sender and parameters. What can go wrong: a rule sends a
//! message where nothing is (refused, naming the rule), an errand that cannot be made (refused likewise: a message
//! whose copy cannot be kept does not go out).

use std::borrow::Cow;

use super::{
    Inner,
    accept::references,
    asks::Patience,
    entry::{Made, fingerprint},
    facts::{self, Asked},
    rcpt::{Refusal, check, refuse},
};
use crate::{
    accounts::{self, Allowance, Wish},
    address::{Destination, Mailbox, Params, Trace, uri},
    ground::{GatewayId, MessageId},
    mail::{self, AutoSubmitted, Notice},
    mailbox::imap,
    observe,
    rules::{Deed, Direction, Errand, Facts, Fate, Judgement, facts::Urgency},
    store::{self, About, Answers, DeadLetter, Fingerprint, New, Origin, Priority},
};

/// What surrounds the text: whom to tell, and what a copy of its mail is made of.
pub struct Around<'a> {
    pub door: &'static str,
    /// Who is told, and may be answered.
    pub report_to: Option<Mailbox>,
    pub reply_to: Option<Mailbox>,
    /// Header block with secrets masked, and the body behind it.
    pub mail: Option<(&'a [u8], &'a [u8])>,
    pub trace: Trace,
    /// How long its sender is kept waiting.
    pub patience: &'a Patience,
    /// Of the text itself: what a repetition is known by.
    pub print: Option<Fingerprint>,
}

/// What rules made of one text.
pub struct Ruled<'a> {
    /// `None`: nothing goes to the phone.
    pub goes: Option<Goes<'a>>,
    /// Mails and texts that rules send beside it or instead of it.
    pub errands: Vec<New>,
    /// Kept apart.
    pub buried: Option<DeadLetter>,
}

/// The text as it goes on.
pub struct Goes<'a> {
    pub to: Cow<'a, Destination>,
    pub params: Cow<'a, Params>,
    pub words: Cow<'a, str>,
    /// With the rules' gateway for the account's own, where they chose one.
    pub allowance: Cow<'a, Allowance>,
    pub priority: Priority,
    /// Why it waits for a person.
    pub held: Option<String>,
}

/// A message as a mail, and what it is found by.
struct Written {
    data: Vec<u8>,
    message_id: String,
    /// Its `X-SMS-To`: copies for several phones have one Message-ID.
    phone: Option<String>,
}

/// An answer by mail with the same words goes to the same person once in this time.
const ANSWER_AGAIN: std::time::Duration = std::time::Duration::from_secs(3_600);

impl Inner {
    /// Judges one text.
    pub async fn ruled<'a>(&self, asked: &Asked<'a>, around: &Around<'_>) -> Result<Ruled<'a>, Refusal> {
        let set = self.settings.rules.now();
        if !set.concerns(Direction::Out) {
            let goes = Goes {
                to: Cow::Borrowed(asked.to),
                params: Cow::Borrowed(asked.params),
                words: Cow::Borrowed(asked.words),
                allowance: Cow::Borrowed(asked.payer),
                priority: Priority::Normal,
                held: None,
            };
            return Ok(Ruled { goes: Some(goes), errands: Vec::new(), buried: None });
        }
        let mut before = asked.facts();
        before.rates = self.rates.count(asked.who.as_str(), set.rates(Direction::Out), asked.now);
        let judgement = Box::pin(self.judged(&set, &before, around)).await?;
        let by = judgement.by.clone().unwrap_or_default();
        let said = |fate: &str| observe::log::ruled(around.door, &by, fate);
        let mut ruled = Ruled { goes: None, errands: Vec::new(), buried: None };
        let mut held = None;
        match &judgement.fate {
            Fate::Reject(words) => {
                said("rejected");
                let words = if words.is_empty() { "refused by a rule here" } else { words };
                return Err(refuse(550, (5, 7, 1), words, "rule"));
            }
            Fate::Discard => said("discarded"),
            Fate::Moved => said("moved"),
            Fate::Quarantine => {
                said("quarantined");
                ruled.buried = Some(self.quarantined(asked, around, &by));
            }
            Fate::Hold(why) => {
                said("held");
                held = Some(format!("by rule {by:?}: {why}"));
            }
            Fate::Pass => {}
        }
        if matches!(judgement.fate, Fate::Pass | Fate::Hold(_)) {
            match self.gateway_or_mailbox(&judgement.facts, &by)? {
                Some(mailbox) => {
                    said("mailed");
                    let copy = self.copy(asked, around, (&before, &judgement.facts), mailbox, usize::MAX);
                    ruled.errands.extend(copy.map(|copy| New { held, ..copy }));
                }
                None => ruled.goes = Some(Goes { held, ..self.goes(asked, &before, &judgement, &by)? }),
            }
        }
        for (nth, errand) in judgement.then.iter().enumerate() {
            ruled.errands.extend(self.errand(asked, around, (&before, &judgement.facts), errand, nth)?);
        }
        Ok(ruled)
    }

    /// The part behind `@`: a gateway, or the domain of a mailbox; anything else goes nowhere.
    fn gateway_or_mailbox(&self, facts: &Facts, by: &str) -> Result<Option<Mailbox>, Refusal> {
        let Some(at) = facts.to.at.as_deref() else { return Ok(None) };
        if at.parse().is_ok_and(|id| self.routes().knows(&id)) {
            return Ok(None);
        }
        let nowhere = || {
            let words = format!("rule {by:?} sends this to {at:?}, which is neither a gateway nor a mail domain");
            refuse(550, (5, 1, 2), words, "rule")
        };
        let mailbox: Option<Mailbox> = format!("{}@{at}", facts.to.number).parse().ok();
        let ours = |mailbox: &Mailbox| self.domains().domains.iter().any(|domain| domain == mailbox.domain());
        mailbox.filter(|mailbox| at.contains('.') && !ours(mailbox)).map(Some).ok_or_else(nowhere)
    }

    /// The text as the rules left it, held against the account once more.
    fn goes<'a>(
        &self,
        asked: &Asked<'a>,
        before: &Facts,
        judgement: &Judgement,
        by: &str,
    ) -> Result<Goes<'a>, Refusal> {
        let facts = &judgement.facts;
        let wrong = |why: &dyn std::fmt::Display| {
            refuse(550, (5, 1, 3), format!("rule {by:?} makes a recipient that cannot be used: {why}"), "rule")
        };
        let to = match facts.to.number == before.to.number {
            true => Cow::Borrowed(asked.to),
            false => {
                let read = self.domains().numbering.read(&facts.to.number);
                Cow::Owned(read.map_err(|why| wrong(&why))?.destination)
            }
        };
        let mut params =
            facts::params(asked.params, &facts.to, judgement.sender.as_deref()).map_err(|why| wrong(&why))?;
        let mut allowance = Cow::Borrowed(asked.payer);
        if facts.to.at != before.to.at {
            params.id = facts.to.at.as_deref().and_then(|at| at.parse().ok());
            // The rule's choice goes before the account's, and is an administrator's.
            allowance.to_mut().gateway.clone_from(&params.id);
        }
        check(&allowance, Wish { to: &to, params: &params })?;
        let priority = match facts.urgency {
            Urgency::Urgent => Priority::Urgent,
            Urgency::Normal => Priority::Normal,
            Urgency::Bulk => Priority::Bulk,
        };
        let words = match facts.body == before.body {
            true => Cow::Borrowed(asked.words),
            false => Cow::Owned(facts.body.clone()),
        };
        Ok(Goes { to, params: Cow::Owned(params), words, allowance, priority, held: None })
    }

    fn errand(
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
    fn copy(
        &self,
        asked: &Asked<'_>,
        around: &Around<'_>,
        (before, after): (&Facts, &Facts),
        to: Mailbox,
        nth: usize,
    ) -> Option<New> {
        let Written { data, .. } = self.written(asked, around, (before, after), &to)?;
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
        let to = around.report_to.as_ref().unwrap_or(&self.settings.postmaster);
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
            from: self.settings.postmaster.as_str(),
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

    fn quarantined(&self, asked: &Asked<'_>, around: &Around<'_>, by: &str) -> DeadLetter {
        let data = match around.mail {
            Some((headers, body)) => [headers, b"\r\n", body].concat(),
            None => format!("To: {}\r\n\r\n{}", asked.to.as_str(), asked.words).into_bytes(),
        };
        let most = data.len().min(1 << 20);
        DeadLetter { kind: "quarantine", about: None, cause: format!("rule {by:?}"), data: data[..most].to_vec() }
    }

    /// Keeps a dead letter.
    pub async fn keep(&self, letter: DeadLetter) -> Result<(), Refusal> {
        self.store.bury(letter).await.map_err(|down| {
            observe::log::store_down("bury", &down);
            super::entry::down(&down)
        })
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
