//! The notice that a text was cut.

use super::{Composed, Reporter};
use crate::{
    address::Mailbox,
    ground::MessageId,
    mail::{self, Notice},
    observe::{METRICS, metrics::Metrics},
    store::New,
};

/// A text that lost its end.
pub struct Cut<'a> {
    pub to: &'a Mailbox,
    pub subject: &'a str,
    /// Of the mail, without brackets.
    pub message_id: Option<&'a str>,
    /// What the text takes.
    pub segments: u8,
    /// Characters of the mail's words that are sent, of how many.
    pub kept: usize,
    pub all: usize,
}

impl Reporter {
    /// The notice to the sender; `None` where it cannot be written.
    pub fn cut(&self, cut: &Cut<'_>) -> Option<New> {
        let message_id = format!("{}@{}", MessageId::new(), self.settings.hostname);
        let segments = if cut.segments == 1 { "one segment".to_owned() } else { format!("{} segments", cut.segments) };
        let text = format!(
            "Your mail was too long for a text message.\nPhones get its first {} of {} characters ({segments}).\nThe rest was not sent.\n",
            cut.kept, cut.all
        );
        let bytes = mail::notice(&Notice {
            from: self.settings.postmaster.now().as_str(),
            to: cut.to.as_str(),
            subject: &format!("Cut: {}", cut.subject),
            text: &text,
            date: self.clock.now(),
            message_id: &message_id,
            in_reply_to: cut.message_id,
            host: &self.settings.hostname,
        });
        let data = Composed { bytes: bytes.ok()?, message_id };
        Metrics::count(&METRICS.reports, "cut");
        Some(self.errand(None, cut.to, data))
    }
}
