//! What a sender is told at once, beside the answer to his mail server: that his text was cut (`truncation_notice`).
//!
//! Once per mail, however many phones it went to: the notice has a fingerprint, like the mail. It is queued together
//! with the text, so that neither is there without the other.

use super::{Inner, accept::Common, entry::fingerprint, shape::Shaped};
use crate::{
    accounts::Allowance,
    address::ReversePath,
    mail::AutoSubmitted,
    report::Cut,
    sms::Body,
    smtp::{Notify, Recipient},
    store::New,
};

impl Inner {
    /// The notice, unless nobody may be told: a machine wrote, a list, or the sender wants no reports.
    pub(super) fn cut_notice(
        &self,
        common: &Common<'_>,
        recipient: &Recipient,
        author: &Allowance,
        words: &str,
        shaped: &Shaped,
    ) -> Option<New> {
        let mail = common.mail;
        let by_machine = mail.auto_submitted != AutoSubmitted::No || mail.is_list;
        if by_machine || recipient.notify == Some(Notify::NEVER) {
            return None;
        }
        let Body::Text(kept) = &shaped.content.body else { return None };
        let to = self.addresses(author, common.sender.as_ref(), None).report_to?;
        let kept = kept.trim_end_matches(['.', '…']).chars().count();
        let mut notice = self.reporter.cut(&Cut {
            to: &to,
            subject: &mail.subject,
            message_id: mail.message_id.as_deref(),
            segments: shaped.parts,
            kept,
            all: words.chars().count(),
        })?;
        let from = match &common.handed.envelope.from {
            ReversePath::Null => String::new(),
            ReversePath::Path(path) => path.to_wire(),
        };
        let pieces: [&[u8]; 4] = [b"cut", from.as_bytes(), to.as_str().as_bytes(), &common.handed.data];
        notice.fingerprint = Some(fingerprint(&pieces, common.now + self.settings.dedupe_window));
        Some(notice)
    }
}
