//! From a message to the request that a definition makes of it.
//!
//! What can go wrong is the message's own: it is too long, binary where that is not taken, its sender does not fit, a
//! value is missing. Then there is a [`Fault`] and no request.

pub mod build;
mod json;
mod multipart;
pub mod scope;
pub mod variant;

pub use variant::number_of as variant_of;

use std::{collections::BTreeMap, fmt, time::Duration};

use self::scope::Scope;
use super::{
    definition::{Auth, Binary, Call, Definition, SenderKind, Split},
    settings::Settings,
    template::Name,
    web,
    word::Verdict,
};
use crate::{
    ground::{Enhanced, Fault, Secret, Timestamp},
    sms::{Body, Dcs, udh},
};

/// One message, or one segment of one, on its way to a provider. `Debug` shows neither number nor text.
#[derive(Clone, Copy)]
pub struct Submission<'a> {
    /// Ours; of segments with `-n` behind it.
    pub id: &'a str,
    /// E.164 with `+`, or a short code.
    pub to: &'a str,
    pub from: Option<&'a str>,
    pub body: &'a Body,
    /// Without its length octet.
    pub udh: &'a [u8],
    pub validity: Option<Duration>,
    pub priority: Option<i64>,
    pub pid: Option<u8>,
    pub dcs: Option<u8>,
    /// Segments that the whole takes.
    pub parts: u8,
    pub max_parts: Option<u8>,
    pub media_urls: &'a [String],
    /// Addresses of the hooks by name, made for this message; empty while there is no public address.
    pub hooks: &'a BTreeMap<String, String>,
    pub token: Option<&'a Secret<String>>,
    pub now: Timestamp,
    /// Which of `urls`, from 0.
    pub host: usize,
}

impl fmt::Debug for Submission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Submission({} {:?} udh[{}])", self.id, self.body, self.udh.len())
    }
}

impl Submission<'_> {
    /// The destination port in its header (TS 23.040 9.2.3.24.3 and .4).
    pub fn port(&self) -> Option<u16> {
        udh::elements(self.udh).find_map(|(id, data)| match (id, data) {
            (0x05, [high, low, ..]) => Some(u16::from_be_bytes([*high, *low])),
            (0x04, [port, ..]) => Some(u16::from(*port)),
            _ => None,
        })
    }

    /// Its class (TS 23.038).
    pub fn class(&self) -> Option<u8> {
        self.dcs.and_then(|dcs| Dcs(dcs).class())
    }
}

const TOO_LONG: Enhanced = Enhanced::new(5, 3, 4);

impl Definition {
    /// The request for a message.
    ///
    /// # Errors
    /// Why this provider cannot be asked to send it.
    pub fn request(&self, settings: &Settings, message: &Submission<'_>) -> Result<web::Request, Fault> {
        let Some(send) = &self.send else {
            return Err(Verdict::Permanent.with("this provider sends nothing", None));
        };
        let cut = self.check(message)?;
        let body = cut.map(Body::Text);
        let message = Submission { body: body.as_ref().unwrap_or(message.body), ..*message };
        let call = variant::chosen(send, &message)?;
        let scope = Scope { message: Some(&message), token: message.token, ..Scope::new(self, settings, message.now) };
        scope.build(call, message.host, self.text.charset).map_err(|missing| missing_fault(&missing.0))
    }

    /// How many addresses there are to try while nothing was written.
    pub fn hosts(&self) -> usize {
        self.send.as_ref().map_or(0, |send| send.call.urls.len())
    }

    /// The request for a token; `None`: this provider has none.
    ///
    /// # Errors
    /// A setting is missing.
    pub fn token_request(&self, settings: &Settings, now: Timestamp) -> Option<Result<web::Request, Fault>> {
        let token = self.token.as_ref()?;
        Some(self.plain_request(settings, &token.call, now))
    }

    /// The login of its requests, for what else is asked of this provider; empty where it has none, or one that takes a
    /// token.
    pub fn login(&self, settings: &Settings, now: Timestamp) -> web::Headers {
        let mut headers = web::Headers::default();
        if let Some(send) = self.send.as_ref().filter(|send| !matches!(send.call.auth, Auth::Token)) {
            // Without a value there is none, and the provider says so.
            let _ = Scope::new(self, settings, now).authorise(&send.call.auth, &mut headers);
        }
        headers
    }

    fn plain_request(&self, settings: &Settings, call: &Call, now: Timestamp) -> Result<web::Request, Fault> {
        let scope = Scope::new(self, settings, now);
        scope.build(call, 0, encoding_rs::UTF_8).map_err(|missing| missing_fault(&missing.0))
    }

    /// The requests that register our hooks: `hooks` by name, `own` names each at the provider.
    ///
    /// # Errors
    /// There is no public address, or a setting is missing.
    pub fn setup_requests(
        &self,
        settings: &Settings,
        hooks: &BTreeMap<String, String>,
        own: &str,
        token: Option<&Secret<String>>,
        now: Timestamp,
    ) -> Result<Vec<web::Request>, Fault> {
        let Some(setup) = &self.setup else { return Ok(Vec::new()) };
        let missing = setup.needs.iter().find(|name| settings.get(name).is_none());
        if let Some(missing) = missing.and_then(|name| self.settings.iter().find(|setting| setting.name == *name)) {
            let about = missing.about.as_deref().map(|about| format!(" ({about})")).unwrap_or_default();
            return Err(Verdict::Account.with(&format!("for that, fill in settings.{}{about}", missing.name), None));
        }
        let once = [String::new()];
        let each: &[String] = if setup.each.is_empty() { &once } else { &setup.each };
        let mut requests = Vec::new();
        for each in each {
            let own_hook_id = own_hook_id(own, each);
            let scope = Scope {
                hooks: Some(hooks),
                each: Some(each),
                own_hook_id: Some(&own_hook_id),
                token,
                ..Scope::new(self, settings, now)
            };
            requests
                .push(scope.build(&setup.call, 0, encoding_rs::UTF_8).map_err(|missing| missing_fault(&missing.0))?);
        }
        Ok(requests)
    }

    /// Whether a registration was taken.
    pub fn setup_done(&self, status: u16) -> bool {
        self.setup.as_ref().is_some_and(|setup| setup.ok.iter().any(|(low, high)| (*low..=*high).contains(&status)))
    }

    /// The request of `[[poll]]` number `poll`.
    ///
    /// # Errors
    /// A setting is missing.
    pub fn poll_request(
        &self,
        settings: &Settings,
        poll: usize,
        cursor: Option<&str>,
        token: Option<&Secret<String>>,
        now: Timestamp,
    ) -> Option<Result<web::Request, Fault>> {
        let poll = self.polls.get(poll)?;
        let scope = Scope { cursor, token, ..Scope::new(self, settings, now) };
        Some(scope.build(&poll.call, 0, encoding_rs::UTF_8).map_err(|missing| missing_fault(&missing.0)))
    }

    /// The request that takes an item of a poll away, if the definition has one.
    pub fn removal(
        &self,
        settings: &Settings,
        poll: usize,
        item: &str,
        token: Option<&Secret<String>>,
        now: Timestamp,
    ) -> Option<Result<web::Request, Fault>> {
        let removal = self.polls.get(poll)?.remove.as_ref()?;
        let scope = Scope { item: Some(item), token, ..Scope::new(self, settings, now) };
        Some(scope.build(&removal.call, 0, encoding_rs::UTF_8).map_err(|missing| missing_fault(&missing.0)))
    }

    /// The form in which a sender is written; `None`: this provider does not take such a one.
    pub fn sender(&self, given: &str) -> Option<String> {
        let digits = given.strip_prefix('+').unwrap_or(given);
        let number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        self.number.from.iter().find_map(|kind| match kind {
            SenderKind::Any => Some(given.to_owned()),
            SenderKind::Number(form) if number && digits.len() > 6 => Some(form.write(&format!("+{digits}"))),
            SenderKind::Short if number && digits.len() <= 6 && digits.len() == given.len() => Some(given.to_owned()),
            SenderKind::Alpha if !number => {
                let fits = self.number.alpha.as_ref().is_none_or(|pattern| pattern.is_match(given));
                let letter = !self.number.require_letter || given.chars().any(char::is_alphabetic);
                (fits && letter).then(|| given.to_owned())
            }
            _ => None,
        })
    }

    /// What a provider would refuse is not sent; the text, where it had to be cut.
    fn check(&self, message: &Submission<'_>) -> Result<Option<String>, Fault> {
        if !message.to.starts_with('+') && !self.number.short_ok {
            return Err(Verdict::Recipient.with("this provider sends to no short codes", None));
        }
        if message.from.is_some_and(|from| self.sender(from).is_none()) {
            return Err(Verdict::Sender.with("this provider does not show such a sender", None));
        }
        let text = match (message.body, self.text.binary) {
            (Body::Text(text), _) => text,
            (Body::Binary(_), Binary::Yes) => return Ok(None),
            (Body::Binary(_), Binary::ToPort) if message.port().is_some() => return Ok(None),
            (Body::Binary(_), Binary::ToPort) => {
                return Err(Verdict::Content.with("this provider takes binary messages to a port only", None));
            }
            (Body::Binary(_), Binary::No) => {
                return Err(Verdict::Content.with("this provider takes no binary messages", None));
            }
        };
        let too_long = |what: &str| Err(Fault { code: TOO_LONG, ..Verdict::Content.with(what, None) });
        let most = if self.text.split == Split::None { Some(1) } else { self.text.max_parts };
        if most.is_some_and(|most| message.parts > most) && !self.text.truncate {
            return too_long("this text has more segments than the provider takes");
        }
        match self.text.max_chars {
            Some(most) if text.chars().count() > most && self.text.truncate => {
                Ok(Some(text.chars().take(most).collect()))
            }
            Some(most) if text.chars().count() > most => too_long("this text is longer than the provider takes"),
            _ => Ok(None),
        }
    }
}

/// What names a hook of ours at the provider.
pub(super) fn own_hook_id(own: &str, each: &str) -> String {
    if each.is_empty() { own.to_owned() } else { format!("{own}-{}", each.replace([':', '.'], "-")) }
}

/// What a missing value means for the message.
fn missing_fault(name: &Name) -> Fault {
    let word = name.word();
    match name {
        Name::From => Verdict::Sender.with("this provider needs a sender", None),
        Name::Hook(_) => Verdict::Account.with(&format!("{{{word}}} needs the public address of Martlet"), None),
        Name::Token | Name::Setting(_) => Verdict::Account.with(&format!("{{{word}}} has no value"), None),
        _ => Verdict::Content.with(&format!("this provider needs {{{word}}}"), None),
    }
}

#[cfg(test)]
mod tests;
