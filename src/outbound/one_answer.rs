//! SMTP has one answer for all recipients of a mail, and can give it only once.
//!
//! Where all fail, or the sender of any is not proved, or something fails for now, the DATA is refused: the client
//! keeps the mail, and nobody unproven is ever sent a report. Otherwise the mail is taken and whoever wrote it is told
//! by mail which recipients failed. What can go wrong: two reports on one failure, when the client hands the mail over
//! again; so reports have fingerprints like the mails they are about.

use super::{
    Inner,
    accept::{Common, hidden},
    entry::fingerprint,
    rcpt::{Refusal, Resolved, refuse},
};
use crate::{
    address::{Mailbox, ReversePath},
    ground::{AccountName, Enhanced, Fault, outcome::Scope},
    mail::{AutoSubmitted, report::Original},
    observe,
    report::NotTaken,
    smtp::{Recipient, Reply},
};

/// What becomes of one recipient after DATA.
pub(super) enum Fate {
    /// Its entries wait for the put. With the sender, where one is proved.
    Waits(Option<AccountName>),
    /// Taken.
    Done(Reply),
    /// Refused; with the sender if he is proved and has an account.
    Refused(Refusal, Option<AccountName>),
}

/// Before the put: the refusal that stands for the whole mail, if there is one.
pub(super) fn refused_whole(fates: &[Fate]) -> Option<Refusal> {
    let refused = || {
        fates.iter().filter_map(|fate| match fate {
            Fate::Refused(refusal, who) => Some((refusal, who)),
            _ => None,
        })
    };
    let unproven = refused().find(|(_, who)| who.is_none());
    let for_now = refused().find(|(refusal, _)| refusal.reply.code() < 500);
    let all = refused().next().filter(|_| refused().count() == fates.len());
    unproven.or(for_now).or(all).map(|(refusal, _)| refusal.clone())
}

impl Inner {
    /// Behind the put: tells the sender which recipients failed while others were taken.
    ///
    /// # Errors
    /// The report could not be queued: then nothing may be promised.
    pub(super) async fn tell_refused(&self, common: &Common<'_>, fates: &[Fate]) -> Result<(), Refusal> {
        let taken = fates.iter().any(|fate| matches!(fate, Fate::Done(_)));
        let for_now = fates.iter().any(|fate| matches!(fate, Fate::Refused(refusal, _) if refusal.reply.code() < 500));
        if !taken || for_now {
            return Ok(());
        }
        for (recipient, fate) in common.handed.recipients.iter().zip(fates) {
            if let Fate::Refused(refusal, Some(who)) = fate {
                self.tell(common, recipient, refusal, who).await?;
            }
        }
        Ok(())
    }

    async fn tell(
        &self,
        common: &Common<'_>,
        recipient: &Recipient,
        refusal: &Refusal,
        who: &AccountName,
    ) -> Result<(), Refusal> {
        let code = refusal.reply.enhanced().unwrap_or(Enhanced::new(5, 0, 0));
        let fault = Fault::new(Scope::Recipient, code, refusal.reply.words());
        let envelope = &common.handed.envelope;
        let written = hidden(&recipient.path.to_wire(), &common.secrets);
        let orcpt = recipient.orcpt.as_deref().map(|orcpt| hidden(orcpt, &common.secrets));
        let number = self.first_number(recipient).unwrap_or_else(|| written.clone());
        let report_to = self.report_to(common.sender.as_ref(), who);
        let told = self.reporter.not_taken(&NotTaken {
            number: &number,
            written: &written,
            orcpt: orcpt.as_deref(),
            notify: recipient.notify.unwrap_or_default(),
            auto_replied: common.mail.auto_submitted == AutoSubmitted::AutoReplied,
            fault: &fault,
            report_to: report_to.as_ref(),
            original: Original {
                headers: &common.original.headers,
                body: common.original.body.as_deref(),
                message_id: common.mail.message_id.as_deref(),
                references: &common.mail.references,
                subject: &common.mail.subject,
                ret: envelope.dsn.ret,
                envid: envelope.dsn.envid.as_deref(),
                arrival: Some(common.now),
            },
        });
        if let Some(mut errand) = told.errand {
            let from = match &envelope.from {
                ReversePath::Null => String::new(),
                ReversePath::Path(path) => path.to_wire(),
            };
            let pieces: [&[u8]; 4] =
                [b"not taken", from.as_bytes(), recipient.path.local.as_bytes(), &common.handed.data];
            errand.fingerprint = Some(fingerprint(&pieces, common.now + self.settings.dedupe_window));
            for placed in self.put(vec![vec![errand]], "smtp").await {
                placed?;
            }
        }
        if let Some(dead) = told.dead {
            self.store.bury(dead).await.map_err(|down| {
                observe::log::store_down("bury", down);
                refuse(451, (4, 3, 0), "the store cannot be written, try again later", "broken")
            })?;
        }
        Ok(())
    }

    fn first_number(&self, recipient: &Recipient) -> Option<String> {
        let Ok(Resolved::Phones(phones)) = self.resolve(recipient) else { return None };
        Some(phones.targets.first()?.to.first()?.as_str().to_owned())
    }

    /// The envelope sender if it is this sender's own address, else his account's.
    fn report_to(&self, sender: Option<&Mailbox>, who: &AccountName) -> Option<Mailbox> {
        match self.allowance(who) {
            Ok(allowance) => self.addresses(&allowance, sender, None).report_to,
            // Whoever writes through a helper may have no account, but has an address.
            Err(_) => who.as_str().parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, who: Option<&str>) -> Fate {
        let who = who.map(|who| who.parse().expect("a name"));
        Fate::Refused(refuse(code, (5, 7, 1), "no", "test"), who)
    }

    #[test]
    fn one_answer_for_all() {
        let waits = || Fate::Waits(None);
        let a = Some("alice@example.test");
        for (fates, whole) in [
            (vec![waits(), waits()], None),
            (vec![waits(), refused(550, a)], None),
            (vec![refused(552, a), refused(550, a)], Some(552)),
            (vec![waits(), refused(451, a)], Some(451)),
            (vec![waits(), refused(550, None), refused(451, a)], Some(550)),
            (vec![refused(550, a), refused(554, None)], Some(554)),
            (vec![Fate::Done(Reply::new(250, Enhanced::new(2, 0, 0), "ok")), refused(550, a)], None),
        ] {
            assert_eq!(refused_whole(&fates).map(|refusal| refusal.reply.code()), whole);
        }
    }
}
