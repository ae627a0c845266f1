//! What one attempt came to: four answers, and the scope of the trouble.
//!
//! *Unsure* is the answer that mail never needed: the line broke between the request and its answer, so the phone
//! may have the text. It is never repeated blindly.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// Whom a fault concerns, which decides what is paused or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// This phone: others may go on.
    Recipient,
    /// This text: another text to the same phone may pass.
    Message,
    /// The gateway or the account there: everything waits.
    Gateway,
}

/// An enhanced mail system status code (RFC 3463): class, subject, detail.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Enhanced {
    class: u8,
    subject: u16,
    detail: u16,
}

impl Enhanced {
    /// A code known at compile time. Class is 2, 4 or 5.
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        assert!(class == 2 || class == 4 || class == 5, "RFC 3463 knows the classes 2, 4 and 5");
        assert!(subject < 1000 && detail < 1000, "RFC 3463 allows three digits");
        Self { class, subject, detail }
    }

    /// 2 success, 4 persistent transient failure, 5 permanent failure.
    pub const fn class(self) -> u8 {
        self.class
    }

    /// 7 security and policy, and so on.
    pub const fn subject(self) -> u16 {
        self.subject
    }

    /// The same subject and detail in another class: a temporary trouble that has become final.
    pub const fn in_class(self, class: u8) -> Self {
        Self::new(class, self.subject, self.detail)
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl fmt::Debug for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Enhanced {
    type Err = &'static str;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        const WHY: &str = "an enhanced status code looks like 5.1.1";
        let mut parts = s.split('.').map(|p| if p.len() <= 3 { p.parse::<u16>().ok() } else { None });
        let (Some(Some(class)), Some(Some(subject)), Some(Some(detail)), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(WHY);
        };
        match class {
            2 | 4 | 5 => Ok(Self { class: class as u8, subject, detail }),
            _ => Err(WHY),
        }
    }
}

impl TryFrom<String> for Enhanced {
    type Error = &'static str;
    fn try_from(s: String) -> Result<Self, Self::Error> {
        s.parse()
    }
}

impl From<Enhanced> for String {
    fn from(code: Enhanced) -> Self {
        code.to_string()
    }
}

/// What went wrong, for whom, and what the other side wished. `Debug` shows none of the words: networks repeat numbers
/// and texts in them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub scope: Scope,
    pub code: Enhanced,
    /// Words for a person: the network's own where it gave some, one line, at most 512 octets, no secret.
    pub text: String,
    /// When to come back at the earliest (`Retry-After`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Duration>,
    /// The phone wants no texts from the number that they came from: it goes on the opt-out list, see [`Fault::opt_out`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub opted_out: bool,
}

impl Fault {
    /// A fault without a wish for the next try. Control characters of `text` become blanks and its length is capped.
    pub fn new(scope: Scope, code: Enhanced, text: impl AsRef<str>) -> Self {
        Self { scope, code, text: one_line(text.as_ref(), 512), after: None, opted_out: false }
    }

    /// The network says that this phone has opted out of texts from our number there: `Never`, told as `5.7.1`, and
    /// remembered, so that the next text is refused at the door. For an attempt and for a receipt alike.
    pub fn opt_out(text: impl AsRef<str>) -> Self {
        Self { opted_out: true, ..Self::new(Scope::Recipient, Enhanced::new(5, 7, 1), text) }
    }

    /// The same fault with the pause that the other side asked for.
    pub fn after(mut self, pause: Option<Duration>) -> Self {
        self.after = pause;
        self
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({:?} {} [{}])", self.scope, self.code, self.text.len())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text)
    }
}

/// Foreign words made fit for one line: control characters become blanks, at most `cap` octets, cut at a character.
pub fn one_line(text: &str, cap: usize) -> String {
    let mut out = String::with_capacity(text.len().min(cap));
    for c in text.trim().chars() {
        let c = if c.is_control() { ' ' } else { c };
        if out.len() + c.len_utf8() > cap {
            break;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out
}

/// The id under which the network knows a text: the provider's own, one line, at most 256 octets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RemoteId(String);

impl RemoteId {
    /// Takes what the provider gave; `None` when nothing of it is left.
    pub fn new(given: &str) -> Option<Self> {
        let line = one_line(given, 256);
        (!line.is_empty()).then_some(Self(line))
    }

    /// The id as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The four ways in which one attempt ends.
#[must_use = "an outcome decides whether a text is sent again"]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The gateway has it.
    Sent(Option<RemoteId>),
    /// Not now; try again.
    Later(Fault),
    /// Not ever; tell the sender.
    Never(Fault),
    /// Nobody knows: the configured choice (`on_unsure`) is followed.
    Unsure(Fault),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enhanced_codes_read_back() {
        for code in ["2.0.0", "4.4.2", "5.7.1"] {
            assert_eq!(code.parse::<Enhanced>().expect(code).to_string(), code);
        }
        for bad in ["", "5.1", "3.0.0", "5.1.1.1", "5.a.1", "5.1000.1"] {
            assert!(bad.parse::<Enhanced>().is_err(), "{bad}");
        }
    }

    #[test]
    fn foreign_words_stay_on_one_line() {
        let fault = Fault::new(Scope::Gateway, Enhanced::new(4, 4, 5), "slow\r\nBcc: x\u{0}");
        assert_eq!(fault.text, "slow  Bcc: x");
        assert_eq!(one_line("ééé", 5), "éé");
        assert_eq!(RemoteId::new(" \r\n"), None);
    }
}
