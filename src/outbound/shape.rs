//! From a mail to what one phone gets: words → tidy → fit → contents.

use std::borrow::Cow;

use base64::Engine as _;

use super::rcpt::{Refusal, refuse};
use crate::{
    accounts::Wording,
    address::Params,
    mail::{self, Choices, Extract, Mail, NoText, Strip},
    sms::{
        Body, Content,
        fit::{self, Overflow},
        national,
        national::Language,
        split::{self, Reference},
        tidy::{self, Transliterate},
    },
};

/// One message for one phone: content and how many segments it counts as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shaped {
    pub content: Content,
    pub parts: u8,
    /// Words are missing at its end.
    pub cut: bool,
}

/// The most segments any message may take.
pub(super) const MOST: u8 = 128;

/// How mails become texts: `[sms]`, or what an account says instead.
#[derive(Debug, Clone, Default)]
pub struct Style {
    pub choices: Choices,
    pub transliterate: Transliterate,
    /// National language tables to count with: those that every gateway will use.
    pub shift_tables: Vec<Language>,
    /// Sent when a mail has no words at all; `None`: refused.
    pub placeholder: Option<String>,
    pub overflow: Overflow,
    /// The sender is told by mail when his text was cut.
    pub truncation_notice: bool,
}

impl Style {
    /// With what an account says.
    pub fn of(&self, wording: &Wording) -> Cow<'_, Self> {
        if *wording == Wording::default() {
            return Cow::Borrowed(self);
        }
        let mut style = self.clone();
        style.choices.template = wording.template.clone().or(style.choices.template);
        style.choices.strip = wording.strip.unwrap_or(style.choices.strip);
        style.choices.attachment_notice = wording.attachment_notice.clone().or(style.choices.attachment_notice);
        style.placeholder = wording.placeholder.clone().or(style.placeholder).filter(|p| !p.is_empty());
        style.overflow = wording.overflow.unwrap_or(style.overflow);
        style.truncation_notice = wording.truncation_notice.unwrap_or(style.truncation_notice);
        Cow::Owned(style)
    }

    /// The words of a mail as they would be sent, before they are made to fit: tidied and transliterated.
    pub fn extract(&self, mail: &Mail<'_>) -> Result<Extract, Refusal> {
        let found = match mail::text(mail, &self.choices) {
            Ok(extract) => Some(Extract { text: tidy::tidy(&extract.text), cuts: extract.cuts }),
            Err(NoText::Encrypted) => {
                return Err(refuse(554, (5, 6, 0), "the mail is encrypted; a text cannot be made of it", "encrypted"));
            }
            Err(NoText::Empty) => None,
        };
        match (found.filter(|extract| !extract.text.trim().is_empty()), &self.placeholder) {
            (Some(extract), _) => Ok(Extract { text: self.transliterate(extract.text), cuts: extract.cuts }),
            (None, Some(placeholder)) => Ok(Extract { text: placeholder.clone(), cuts: Vec::new() }),
            (None, None) => Err(refuse(554, (5, 6, 0), "nothing to send: the mail has no words", "empty")),
        }
    }

    /// The base64 of a mail that is data: what a person would cut or add has no place in it.
    pub fn data(&self, mail: &Mail<'_>) -> Result<String, Refusal> {
        let bare = Self {
            choices: Choices { strip: Strip::NOTHING, ..Choices::default() },
            transliterate: Transliterate::Never,
            ..Self::default()
        };
        bare.extract(mail).map(|extract| extract.text)
    }

    /// Look-alikes where they are wanted; letters that a national table has are kept with `auto`.
    fn transliterate(&self, words: String) -> String {
        let (how, tables) = (self.transliterate, &self.shift_tables[..]);
        if how != Transliterate::Auto || tables.is_empty() {
            return tidy::transliterate(words, how);
        }
        let covered = |words: &str| national::covers(words, tables);
        if covered(&words) {
            return words;
        }
        let alike = tidy::look_alikes(&words);
        if covered(&alike) { alike } else { tidy::transliterate(words, how) }
    }

    /// The tables that a text with these parameters may use: a coding that the sender gave leaves no choice.
    fn tables(&self, params: &Params) -> &[Language] {
        if params.dcs.is_none() { &self.shift_tables } else { &[] }
    }

    /// What of these words goes to one phone. `most` is the account's limit; the address may ask for less.
    pub fn shape_text(&self, words: &str, params: &Params, most: u8) -> Result<Vec<Shaped>, Refusal> {
        let most = params.maxmsgs.map_or(most, |wished| wished.min(most)).clamp(1, MOST);
        let udh = params.udh.clone().unwrap_or_default();
        let content = Content { body: Body::Text(words.to_owned()), udh: udh.clone() };
        let tables = self.tables(params);
        let parts = measured(&national::choose(&content, tables, Reference::Eight(0)));
        if let Ok(parts) = parts
            && parts <= most
        {
            return Ok(vec![Shaped { content, parts, cut: false }]);
        }
        match self.overflow {
            Overflow::Pass => Ok(vec![Shaped { parts: parts?, content, cut: false }]),
            Overflow::Reject => {
                let words = format!("the text takes more than the {most} segments allowed");
                Err(refuse(554, (5, 2, 3), words, "too long"))
            }
            Overflow::Separate => {
                let ways = national::candidates(&content, tables).filter_map(|way| split::separate(&way).ok());
                let own = crate::sms::udh::without_concat(&udh);
                let pieces = ways.min_by_key(Vec::len).ok_or_else(too_long)?;
                Ok(pieces
                    .into_iter()
                    .map(|p| Shaped { content: Content { body: p.body, udh: own.clone() }, parts: 1, cut: false })
                    .collect())
            }
            Overflow::Truncate => Ok(vec![cut(words, &content, most, tables)?]),
        }
    }

    /// Binary data of a mail: base64 in its text part.
    pub fn shape_binary(&self, words: &str, params: &Params, most: u8) -> Result<Vec<Shaped>, Refusal> {
        let packed: String = words.chars().filter(|c| !c.is_whitespace()).collect();
        let data = base64::engine::general_purpose::STANDARD
            .decode(packed)
            .map_err(|_| refuse(554, (5, 6, 0), "parameter binary: the text is not base64", "binary"))?;
        if data.is_empty() {
            return Err(refuse(554, (5, 6, 0), "nothing to send: the binary message is empty", "empty"));
        }
        let content = Content { body: Body::Binary(data), udh: params.udh.clone().unwrap_or_default() };
        let parts = measured(&content)?;
        if parts > most {
            let words = format!("the data takes {parts} segments, {most} are allowed; data is never cut");
            return Err(refuse(554, (5, 2, 3), words, "too long"));
        }
        Ok(vec![Shaped { content, parts, cut: false }])
    }

    /// Words of the HTTP call: tidied, with look-alikes.
    pub fn words(&self, given: &str) -> Result<String, Refusal> {
        let words = self.transliterate(tidy::tidy(given));
        if words.trim().is_empty() {
            return Err(refuse(554, (5, 6, 0), "nothing to send: data is empty", "empty"));
        }
        Ok(words)
    }
}

fn cut(words: &str, whole: &Content, most: u8, tables: &[Language]) -> Result<Shaped, Refusal> {
    let fitted = fit::fit_any(words, most, whole, tables, Reference::Eight(0));
    let content = Content { body: Body::Text(fitted.text), udh: whole.udh.clone() };
    let parts = measured(&national::choose(&content, tables, Reference::Eight(0)))?;
    Ok(Shaped { content, parts, cut: fitted.cut })
}

fn measured(content: &Content) -> Result<u8, Refusal> {
    let measure = split::measure(content, Reference::Eight(0)).map_err(|_| too_long())?;
    u8::try_from(measure.segments).map_err(|_| too_long())
}

fn too_long() -> Refusal {
    refuse(554, (5, 2, 3), format!("the text takes more than {MOST} segments"), "too long")
}
