//! DATA: the whole mail, one answer per recipient. 250 means that the store has it.

use std::{collections::HashMap, sync::Arc};

use super::{
    Accept, Handed, Inner, Listener, Outbound, Peer,
    asks::Patience,
    entry::{Made, fingerprint},
    facts::Asked,
    identify::identify,
    one_answer,
    one_answer::Fate,
    rcpt::{Phones, Refusal, Resolved, check, credentials, refuse, speaker},
    ruled::{self, Around, Goes},
    shape::Shaped,
};
use crate::{
    accounts::{Allowance, Limit, Wish},
    address::{Destination, Mailbox, Params, ReversePath, Trace, mask},
    ground::{AccountName, Enhanced, GatewayId, MessageId, Timestamp},
    mail::{self, AutoSubmitted, Mail},
    observe,
    rules::Pii,
    smtp::{Envelope, LogIn, Recipient, Reply},
    store::{self, About, New, Origin, Original, OriginalId, Placed},
};

/// The words of a mail, by the account whose style they have and whether they are data.
type Words = HashMap<(AccountName, bool), Result<String, Refusal>>;

impl Accept for Outbound {
    async fn recipient(&self, listener: &Listener, peer: &Peer, envelope: &Envelope, recipient: &Recipient) -> Reply {
        match self.0.rcpt(listener, peer, envelope, recipient).await {
            Ok(()) => Reply::new(250, Enhanced::new(2, 1, 5), "ok"),
            Err(refusal) => refusal.voiced(door(listener)),
        }
    }

    async fn log_in(&self, listener: &Listener, peer: &Peer, user: &str, pass: &[u8]) -> LogIn {
        self.0.door_log_in(listener, peer, user, pass).await
    }

    async fn mail(&self, handed: Handed) -> Vec<Reply> {
        self.0.accept(handed).await
    }
}

pub(super) fn door(listener: &Listener) -> &'static str {
    if listener.lmtp { "lmtp" } else { "smtp" }
}

/// What is the same for every recipient of a mail.
pub(super) struct Common<'a> {
    pub handed: &'a Handed,
    pub mail: &'a Mail<'a>,
    pub now: Timestamp,
    /// By the listener's evidence, credentials aside.
    proved: Option<AccountName>,
    /// Octets of every credential's password in any recipient, in all their forms: masked wherever the mail is kept.
    pub secrets: Vec<Vec<u8>>,
    pub sender: Option<Mailbox>,
    author: Option<Mailbox>,
    pub original: Arc<Original>,
    /// Of the sender, with what rules ask.
    patience: Patience,
}

impl Inner {
    async fn accept(&self, handed: Handed) -> Vec<Reply> {
        let door = door(&handed.listener);
        let count = handed.recipients.len();
        let same = |refusal: Refusal| vec![refusal.voiced(door); count];
        let opened = mail::open(&handed.data);
        let mail = match mail::read(&opened) {
            Ok(mail) => mail,
            Err(error) => return same(refuse(554, (5, 6, 0), error.to_string(), "unreadable")),
        };
        if let Err(refusal) = self.loops(&mail) {
            return same(refusal);
        }
        let resolved: Vec<_> = handed.recipients.iter().map(|r| self.resolve(r)).collect();
        let common = self.common(&handed, &mail, &resolved);
        let (fates, groups) = self.sort(&common, resolved).await;
        if handed.listener.lmtp {
            return replies(placed(fates, self.put(groups, door).await), door);
        }
        // SMTP: one answer for all of them.
        if let Some(refusal) = one_answer::refused_whole(&fates) {
            return same(refusal);
        }
        let fates = placed(fates, self.put(groups, door).await);
        match self.tell_refused(&common, &fates).await {
            Ok(()) => replies(fates, door),
            Err(refusal) => same(refusal),
        }
    }

    /// Decides each recipient up to the put: what becomes of it, and the entries of those that are to be queued.
    async fn sort(&self, common: &Common<'_>, resolved: Vec<Result<Resolved, Refusal>>) -> (Vec<Fate>, Vec<Vec<New>>) {
        let handed = common.handed;
        let mut fates = Vec::with_capacity(handed.recipients.len());
        let mut groups = Vec::new();
        let (mut words, mut buried) = (HashMap::new(), None);
        for (recipient, resolved) in handed.recipients.iter().zip(resolved) {
            fates.push(match resolved {
                Err(refusal) => Fate::Refused(refusal, None),
                Ok(Resolved::Postmaster) => {
                    groups.push(vec![self.to_postmaster(common)]);
                    Fate::Waits(None)
                }
                Ok(Resolved::Phones(_)) if handed.envelope.from == ReversePath::Null => {
                    if buried.is_none() {
                        // One dead letter, however many phones the bounce was for.
                        buried = Some(self.bounce(common).await);
                    }
                    match buried.clone().expect("it was just set") {
                        Ok(()) => Fate::Done(Reply::new(250, Enhanced::new(2, 0, 0), "kept as a dead letter")),
                        Err(refusal) => Fate::Refused(refusal, None),
                    }
                }
                Ok(Resolved::Phones(phones)) => {
                    let mut who = None;
                    match self.to_phones(common, recipient, &phones, &mut words, &mut who).await {
                        // A rule keeps it from the phone.
                        Ok(entries) if entries.is_empty() => Fate::Done(taken()),
                        Ok(entries) => {
                            groups.push(entries);
                            Fate::Waits(who)
                        }
                        Err(refusal) => Fate::Refused(refusal, who),
                    }
                }
            });
        }
        (fates, groups)
    }

    fn common<'a>(&self, handed: &'a Handed, mail: &'a Mail<'a>, resolved: &[Result<Resolved, Refusal>]) -> Common<'a> {
        let (headers, body) = mail::header_block(&handed.data);
        let mut secrets = Vec::new();
        for (recipient, resolved) in handed.recipients.iter().zip(resolved) {
            if matches!(resolved, Ok(Resolved::Phones(phones)) if credentials(phones).is_some()) {
                secrets.extend(mask::masks(&recipient.path.local));
            }
        }
        // Addresses that were refused or went elsewhere stand in the headers too: theirs go by their name.
        let masked = mail::mask_named(headers);
        let masked = if secrets.is_empty() { masked } else { mail::mask(&masked, &secrets) };
        let kept = (body.len() <= self.settings.bounce_size).then(|| Arc::from(body));
        Common {
            proved: identify(&handed.listener, &handed.peer, &handed.envelope, Some(headers), &self.accounts),
            sender: match &handed.envelope.from {
                ReversePath::Null => None,
                ReversePath::Path(path) => path.to_wire().parse().ok(),
            },
            author: mail.from.as_ref().and_then(|person| person.address.parse().ok()),
            original: Arc::new(Original { id: OriginalId(MessageId::new()), headers: masked.into(), body: kept }),
            now: self.clock.now(),
            handed,
            mail,
            patience: Patience::default(),
            secrets,
        }
    }

    /// Mails that go round in circles, and machines that answer machines.
    fn loops(&self, mail: &Mail<'_>) -> Result<(), Refusal> {
        if mail.hops > self.settings.hops || trace(mail).loops_here(&self.settings.node) {
            return Err(refuse(554, (5, 4, 6), "mail loop: it went through too many hosts, or came from here", "loop"));
        }
        Ok(())
    }

    /// Is it the answer to a mail that a phone's text became?
    fn answers_ours(&self, mail: &Mail<'_>) -> bool {
        let ours = |id: &String| id.rsplit_once('@').is_some_and(|(_, host)| host == self.settings.hostname);
        mail.in_reply_to.iter().chain(mail.references.last()).any(ours)
    }

    /// Which machines may write to phones.
    fn automatic(&self, mail: &Mail<'_>) -> Result<(), Refusal> {
        let replied = mail.is_mdn || mail.auto_submitted == AutoSubmitted::AutoReplied;
        let generated = matches!(mail.auto_submitted, AutoSubmitted::AutoGenerated | AutoSubmitted::Other);
        let refused = replied && !self.settings.send_auto_replied
            || generated && !self.settings.send_auto_generated
            || mail.is_list && !self.settings.send_lists;
        if refused {
            Err(refuse(550, (5, 7, 1), "automatic mails of this kind are not sent to phones", "automatic"))
        } else {
            Ok(())
        }
    }

    async fn to_phones(
        &self,
        common: &Common<'_>,
        recipient: &Recipient,
        phones: &Phones,
        words: &mut Words,
        known: &mut Option<AccountName>,
    ) -> Result<Vec<New>, Refusal> {
        self.automatic(common.mail)?;
        let who = match credentials(phones) {
            Some(given) => self.log_in(given, speaker(&common.handed.peer)).await?,
            None => common.proved.clone().ok_or_else(|| {
                refuse(550, (5, 7, 1), "this server does not know who sends: log in at your mail server", "no identity")
            })?,
        };
        if self.allowance(&who).is_ok() {
            *known = Some(who.clone());
        }
        let payer = self.payer(phones, &who)?;
        let allowance = self.allowance(&payer)?;
        *known = Some(who.clone());
        // A helper's account pays; whose words they are decides where reports and replies go.
        let author = if payer == who { allowance.clone() } else { self.author(&who, &allowance) };
        let style = self.settings.style.of(&allowance.wording);
        let (mut entries, mut cut) = (Vec::new(), None);
        for target in &phones.targets {
            if let Limit::AtMost(_) = allowance.limit {
                let Handed { peer, envelope, .. } = common.handed;
                target.to.iter().for_each(|to| self.may_come_again(peer, envelope, to, common.now));
            }
            if target.params.authenticated {
                observe::log::authenticated_ignored(door(&common.handed.listener));
            }
            for to in &target.to {
                check(&allowance, Wish { to, params: &target.params })?;
                let of = (payer.clone(), target.params.binary);
                let words = words.entry(of).or_insert_with(|| {
                    if target.params.binary { style.data(common.mail) } else { Ok(style.extract(common.mail)?.text) }
                });
                let words = words.as_deref().map_err(|refusal| (*refusal).clone())?;
                let asked = self.asked(common, recipient, phones, (&who, &allowance), (to, &target.params), words);
                let ruled = self.ruled(&asked, &self.around(common, &author, &asked)).await?;
                entries.extend(ruled.errands);
                if let Some(letter) = ruled.buried {
                    self.keep(letter).await?;
                }
                let Some(goes) = ruled.goes else { continue };
                let shaped = if goes.params.binary {
                    style.shape_binary(&goes.words, &goes.params, allowance.max_parts)?
                } else {
                    style.shape_text(&goes.words, &goes.params, allowance.max_parts)?
                };
                if let Some(shaped) = shaped.iter().find(|shaped| shaped.cut && style.truncation_notice) {
                    cut = cut.or_else(|| self.cut_notice(common, recipient, &author, &goes.words, shaped));
                }
                for (piece, shaped) in shaped.into_iter().enumerate() {
                    let new = self.made(common, recipient, &author, &goes, shaped, piece)?;
                    entries.push(New { priority: goes.priority, held: goes.held.clone(), ..new });
                }
            }
        }
        entries.extend(cut);
        Ok(entries)
    }

    /// What rules are told of one text.
    fn asked<'a>(
        &self,
        common: &'a Common<'_>,
        recipient: &'a Recipient,
        phones: &Phones,
        (who, payer): (&'a AccountName, &'a Allowance),
        (to, params): (&'a Destination, &'a Params),
        words: &'a str,
    ) -> Asked<'a> {
        let extension = recipient.path.local.split_once('+').map(|(_, extension)| extension);
        Asked {
            mail: Some(common.mail),
            headers: &common.original.headers,
            sender: common.sender.as_ref().map(Mailbox::as_str),
            who,
            payer,
            to,
            params,
            words,
            peer: common.handed.peer.addr,
            extension: extension.filter(|_| phones.helper.is_some()),
            now: common.now,
        }
    }

    fn around<'a>(&self, common: &'a Common<'_>, author: &Allowance, asked: &Asked<'_>) -> Around<'a> {
        let own = self.addresses(author, common.sender.as_ref(), common.author.as_ref());
        Around {
            door: door(&common.handed.listener),
            report_to: own.report_to,
            reply_to: own.reply_to,
            mail: Some((&common.original.headers, mail::header_block(&common.handed.data).1)),
            trace: trace(common.mail),
            patience: &common.patience,
            dry: false,
            print: self.mail_fingerprint(common, asked.to.as_str(), asked.params.id.as_ref(), usize::MAX),
        }
    }

    /// The addresses of somebody who writes through a helper and may have no account himself.
    pub(super) fn author(&self, who: &AccountName, payer: &Allowance) -> Allowance {
        let addresses = who.as_str().parse().ok().into_iter().collect();
        Allowance { who: who.clone(), addresses, ..payer.clone() }
    }

    fn made(
        &self,
        common: &Common<'_>,
        recipient: &Recipient,
        author: &Allowance,
        goes: &Goes<'_>,
        shaped: Shaped,
        piece: usize,
    ) -> Result<New, Refusal> {
        let Goes { to, params, allowance, masked, .. } = goes;
        let own = self.addresses(author, common.sender.as_ref(), common.author.as_ref());
        let reply_to = params.reply.clone().or(own.reply_to);
        let hide = |written: String| hidden(&written, &common.secrets);
        let mask = |words: String| masked.iter().fold(words, |words, set| set.masked(&words));
        let original = kept(&common.original, masked);
        let origin = Origin {
            report_to: own.report_to,
            reply_to,
            notify: recipient.notify.unwrap_or_default(),
            ret: common.handed.envelope.dsn.ret,
            envid: common.handed.envelope.dsn.envid.clone(),
            orcpt: recipient.orcpt.clone().map(hide),
            written: hide(recipient.path.to_wire()),
            auto_replied: common.mail.auto_submitted == AutoSubmitted::AutoReplied,
            arrived: common.now,
            message_id: common.mail.message_id.clone(),
            references: references(common.mail),
            subject: (!common.mail.subject.is_empty()).then(|| mask(hide(common.mail.subject.clone()))),
            original: Some(original.id),
        };
        let fingerprint = self.mail_fingerprint(common, to.as_str(), params.id.as_ref(), piece);
        let made = Made {
            to,
            params,
            shaped,
            allowance,
            origin,
            fingerprint,
            original: Some(original),
            trace: trace(common.mail),
            answers: self.answers_ours(common.mail),
            replaced: own.replaced,
        };
        self.entry(made, common.now)
    }

    /// The same mail handed over again: peer, sender, recipient, the whole DATA, and the MTA's queue id if it told.
    /// The recipient is the phone, however it was written (with the gateway that the address asks for).
    fn mail_fingerprint(
        &self,
        common: &Common<'_>,
        to: &str,
        pinned: Option<&GatewayId>,
        piece: usize,
    ) -> Option<crate::store::Fingerprint> {
        let handed = common.handed;
        let peer = handed.peer.addr.map_or_else(|| "unix".to_owned(), |addr| addr.to_string());
        let from = match &handed.envelope.from {
            ReversePath::Null => String::new(),
            ReversePath::Path(path) => path.to_wire(),
        };
        let ident = handed.envelope.xforward.ident.as_deref().unwrap_or_default();
        let pieces: [&[u8]; 7] = [
            peer.as_bytes(),
            from.as_bytes(),
            to.as_bytes(),
            pinned.map_or("", GatewayId::as_str).as_bytes(),
            &handed.data,
            ident.as_bytes(),
            &piece.to_be_bytes(),
        ];
        Some(fingerprint(&pieces, common.now + self.settings.dedupe_window))
    }

    /// Mail to `postmaster@` or `abuse@` of an SMS domain: passed on with our Received line.
    fn to_postmaster(&self, common: &Common<'_>) -> New {
        let id = MessageId::new();
        let hostname = &self.settings.hostname;
        let protocol = if common.handed.listener.lmtp { "LMTP" } else { "ESMTP" };
        let mut data =
            format!("Received: by {hostname} (Martlet) with {protocol} id {id};\r\n\t{}\r\n", common.now.rfc5322())
                .into_bytes();
        // A password in its fields is not for him.
        let body = mail::header_block(&common.handed.data).1;
        for piece in [&common.original.headers[..], b"\r\n", body] {
            data.extend_from_slice(piece);
        }
        let from = match &common.handed.envelope.from {
            ReversePath::Null => None,
            ReversePath::Path(path) => Some(path.to_wire()),
        };
        let peer = common.handed.peer.addr.map_or_else(|| "unix".to_owned(), |addr| addr.to_string());
        let pieces: [&[u8]; 4] =
            [b"postmaster", peer.as_bytes(), from.as_deref().unwrap_or_default().as_bytes(), &common.handed.data];
        let fingerprint = fingerprint(&pieces, common.now + self.settings.dedupe_window);
        let mail = store::Mail {
            from,
            to: (*self.settings.postmaster.now()).clone(),
            ladder: Vec::new(),
            message_id: common.mail.message_id.clone().unwrap_or_else(|| format!("{id}@{hostname}")),
            data: data.into(),
            about: About::Report(None),
        };
        let expires = common.now + self.settings.expire;
        New { id, fingerprint: Some(fingerprint), ..New::mail(mail, common.now, expires) }
    }
}

/// What is kept of a mail for reports: where rules masked anything, neither its body nor a field that holds such.
fn kept(original: &Arc<Original>, masked: &[Pii]) -> Arc<Original> {
    if masked.is_empty() {
        return original.clone();
    }
    let headers = ruled::without(&original.headers, masked).into();
    Arc::new(Original { id: OriginalId(MessageId::new()), headers, body: None })
}

/// The answer where a rule keeps a text from its phone: whoever sent it has done all he can.
fn taken() -> Reply {
    Reply::new(250, Enhanced::new(2, 0, 0), "taken")
}

/// What the put made of those that waited for it.
fn placed(fates: Vec<Fate>, placed: Vec<Result<Vec<Placed>, Refusal>>) -> Vec<Fate> {
    let mut placed = placed.into_iter();
    let queued = |placed: &[Placed]| {
        let ids: Vec<String> = placed.iter().map(|p| id_of(*p).to_string()).collect();
        match ids.is_empty() {
            true => taken(),
            false => Reply::new(250, Enhanced::new(2, 0, 0), format!("queued as {}", ids.join(","))),
        }
    };
    let settled = |fate| match fate {
        Fate::Waits(who) => match placed.next() {
            Some(Ok(placed)) => Fate::Done(queued(&placed)),
            Some(Err(refusal)) => Fate::Refused(refusal, who),
            // `put` gives one result per group; without one nothing is promised.
            None => Fate::Refused(refuse(451, (4, 3, 0), "not queued, try again later", "broken"), who),
        },
        decided => decided,
    };
    fates.into_iter().map(settled).collect()
}

/// Replies in the order of the recipients.
fn replies(fates: Vec<Fate>, door: &str) -> Vec<Reply> {
    let reply = |fate| match fate {
        Fate::Done(reply) => reply,
        Fate::Refused(refusal, _) => refusal.voiced(door),
        Fate::Waits(_) => refuse(451, (4, 3, 0), "not queued, try again later", "broken").voiced(door),
    };
    fates.into_iter().map(reply).collect()
}

/// The id under which an entry is known.
pub fn id_of(placed: Placed) -> MessageId {
    match placed {
        Placed::New(id) | Placed::Before(id) => id,
    }
}

/// Hosts of ours that the mail went through.
fn trace(mail: &Mail<'_>) -> Trace {
    Trace::read(mail.trace.iter().map(String::as_str))
}

/// The thread that the mail belongs to, its own id last and left out: the store keeps that by itself.
pub(super) fn references(mail: &Mail<'_>) -> Vec<String> {
    if mail.references.is_empty() { mail.in_reply_to.iter().cloned().collect() } else { mail.references.clone() }
}

/// Every form of every secret replaced.
pub(super) fn hidden(written: &str, secrets: &[Vec<u8>]) -> String {
    let mut secrets: Vec<&str> =
        secrets.iter().filter_map(|s| std::str::from_utf8(s).ok()).filter(|s| !s.is_empty()).collect();
    // The longest form first, so that no rest of it stays.
    secrets.sort_by_key(|s| std::cmp::Reverse(s.len()));
    // By its name first: a quoted pair may stand before any of its characters (RFC 5321 4.1.2), in ORCPT as well.
    let named = String::from_utf8_lossy(&mail::mask_named(written.as_bytes())).into_owned();
    secrets.iter().fold(named, |text, secret| text.replace(secret, "***"))
}
