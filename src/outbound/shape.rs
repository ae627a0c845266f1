//! From a mail to what one phone gets: words → tidy → fit → contents.

use base64::Engine as _;

use super::{
    Inner,
    rcpt::{Refusal, refuse},
};
use crate::{
    address::Params,
    mail::{self, Mail, NoText},
    sms::{
        Body, Content, fit, national,
        national::Language,
        split::{self, Reference},
        tidy::{self, Transliterate},
    },
};

/// What happens to words that take more segments than allowed (`sms.overflow`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// Cut at a word border, with an ellipsis.
    #[default]
    Truncate,
    Reject,
    /// Several messages of one segment each.
    Separate,
    /// Sent whole.
    Pass,
}

/// One message for one phone: content and how many segments it counts as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shaped {
    pub content: Content,
    pub parts: u8,
}

/// The most segments any message may take.
const MOST: u8 = 128;

impl Inner {
    /// The words of a mail as they would be sent, before they are made to fit: tidied and transliterated.
    pub fn words(&self, mail: &Mail<'_>) -> Result<String, Refusal> {
        let words = match mail::text(mail, &self.settings.choices) {
            Ok(extract) => tidy::tidy(&extract.text),
            Err(NoText::Encrypted) => {
                return Err(refuse(554, (5, 6, 0), "the mail is encrypted; a text cannot be made of it", "encrypted"));
            }
            Err(NoText::Empty) => String::new(),
        };
        match (&self.settings.placeholder, words.trim().is_empty()) {
            (None, true) => Err(refuse(554, (5, 6, 0), "nothing to send: the mail has no words", "empty")),
            (Some(placeholder), true) => Ok(placeholder.clone()),
            (_, false) => Ok(self.transliterate(words)),
        }
    }

    /// Look-alikes where they are wanted; letters that a national table has are kept with `auto`.
    fn transliterate(&self, words: String) -> String {
        let (how, tables) = (self.settings.transliterate, &self.settings.shift_tables[..]);
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
        if params.dcs.is_none() { &self.settings.shift_tables } else { &[] }
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
            return Ok(vec![Shaped { content, parts }]);
        }
        match self.settings.overflow {
            Overflow::Pass => Ok(vec![Shaped { parts: parts?, content }]),
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
                    .map(|p| Shaped { content: Content { body: p.body, udh: own.clone() }, parts: 1 })
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
        Ok(vec![Shaped { content, parts }])
    }

    /// Words of the HTTP call: tidied and made to fit only where somebody asked for it.
    pub fn shape_call(&self, words: &str, params: &Params, most: u8, capped: bool) -> Result<Vec<Shaped>, Refusal> {
        let words = self.transliterate(tidy::tidy(words));
        if words.trim().is_empty() {
            return Err(refuse(554, (5, 6, 0), "nothing to send: data is empty", "empty"));
        }
        match params.maxmsgs {
            Some(_) => self.shape_text(&words, params, most),
            None if capped => self.shape_text(&words, params, most),
            None => self.shape_text(&words, params, MOST),
        }
    }
}

fn cut(words: &str, whole: &Content, most: u8, tables: &[Language]) -> Result<Shaped, Refusal> {
    let fitted = fit::fit_any(words, most, whole, tables, Reference::Eight(0));
    let content = Content { body: Body::Text(fitted.text), udh: whole.udh.clone() };
    let parts = measured(&national::choose(&content, tables, Reference::Eight(0)))?;
    Ok(Shaped { content, parts })
}

fn measured(content: &Content) -> Result<u8, Refusal> {
    let measure = split::measure(content, Reference::Eight(0)).map_err(|_| too_long())?;
    u8::try_from(measure.segments).map_err(|_| too_long())
}

fn too_long() -> Refusal {
    refuse(554, (5, 2, 3), format!("the text takes more than {MOST} segments"), "too long")
}
