//! How a sender's mails become texts, where it differs from `[sms]`.

use crate::{
    mail::{Strip, Template},
    sms::fit::Overflow,
};

/// What the rows of a sender say; `None`: inherited, at last from `[sms]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wording {
    pub template: Option<Template>,
    pub strip: Option<Strip>,
    /// Empty: a mail without words is refused.
    pub placeholder: Option<String>,
    /// Empty: attachments are not named.
    pub attachment_notice: Option<Template>,
    pub overflow: Option<Overflow>,
    pub truncation_notice: Option<bool>,
}

impl Wording {
    /// Field by field: what is said here, else what `below` says.
    pub fn or(self, below: &Self) -> Self {
        Self {
            template: self.template.or_else(|| below.template.clone()),
            strip: self.strip.or(below.strip),
            placeholder: self.placeholder.or_else(|| below.placeholder.clone()),
            attachment_notice: self.attachment_notice.or_else(|| below.attachment_notice.clone()),
            overflow: self.overflow.or(below.overflow),
            truncation_notice: self.truncation_notice.or(below.truncation_notice),
        }
    }
}
