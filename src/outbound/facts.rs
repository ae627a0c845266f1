//! What rules are told of a text before it goes into the queue, and the parameters of the `To:` that they leave.

use std::net::IpAddr;

use crate::{
    accounts::Allowance,
    address::{AddressError, Destination, Params, SenderId, params::Form},
    ground::{AccountName, Timestamp},
    mail::Mail,
    rules::{Direction, Facts, to::To},
};

/// One text for one phone, as it was asked for.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// `None`: an HTTP call, or an administrator.
    pub mail: Option<&'a Mail<'a>>,
    /// Its header block, secrets masked.
    pub headers: &'a [u8],
    /// MAIL FROM.
    pub sender: Option<&'a str>,
    pub who: &'a AccountName,
    pub payer: &'a Allowance,
    pub to: &'a Destination,
    pub params: &'a Params,
    pub words: &'a str,
    pub peer: Option<IpAddr>,
    /// What stood behind `+` or `:` in the local part.
    pub extension: Option<&'a str>,
    pub now: Timestamp,
}

impl Asked<'_> {
    /// The `To:` that rules see: the number, the gateway that is pinned, the sender that is asked for.
    fn to(&self) -> To {
        let at = self.params.id.as_ref().or(self.payer.gateway.as_ref());
        let sender = self.params.sender.as_ref().map(|sender| ("sender".to_owned(), sender.as_str().to_owned()));
        To {
            number: self.to.as_str().to_owned(),
            at: at.map(|id| id.as_str().to_owned()),
            params: sender.into_iter().collect(),
        }
    }

    /// Everything that is known, but for rates.
    pub fn facts(&self) -> Facts {
        let who = self.who.as_str();
        let region = match self.to {
            Destination::Number(number) => number.region().map(|region| region.as_str().to_owned()),
            Destination::Short(_) => None,
        };
        let alias = self.payer.phone.as_ref().map(|phone| phone.as_str().to_owned());
        let shown = self.params.sender.as_ref().map(|sender| sender.as_str().to_owned());
        let mut headers = crate::mail::headers(self.headers);
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case("To"));
        let own = |sender: &str| sender.parse().is_ok_and(|sender| self.payer.owns(&sender));
        Facts {
            headers,
            to: self.to(),
            body: self.words.to_owned(),
            binary: self.params.binary,
            sender: self.sender.map(str::to_owned),
            login: Some(who.to_owned()),
            account: Some(self.payer.who.as_str().to_owned()),
            domain: who.rsplit_once('@').map(|(_, domain)| domain.to_owned()),
            originator: shown.or_else(|| alias.clone()),
            region,
            size: self.mail.map_or(self.words.len(), |mail| mail.size) as u64,
            attachments: self.attachments(),
            peer: self.peer,
            local: self.sender.is_none_or(own),
            alias,
            extension: self.extension.map(str::to_owned),
            ..Facts::empty(Direction::Out, self.now)
        }
    }

    fn attachments(&self) -> Vec<String> {
        let all = self.mail.map(|mail| mail.attachments.as_slice()).unwrap_or_default();
        all.iter().map(|attachment| attachment.name.clone().unwrap_or_else(|| attachment.kind.clone())).collect()
    }
}

/// Parameters as the rules leave them: what stands in `To:` behind `&`, else what the address said. The sender to show
/// is what `To:` says, or none; `shown` goes before it.
///
/// # Errors
/// One that is no parameter, or has a bad value.
pub fn params(asked: &Params, to: &To, shown: Option<&str>) -> Result<Params, AddressError> {
    let given: Vec<String> = to.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let given = Params::parse(&given.join("&"), Form::Uri)?;
    let shown = match shown {
        Some(shown) => Some(shown.parse::<SenderId>().map_err(AddressError::Number)?),
        None => given.sender,
    };
    let mut params = asked.clone();
    params.sender = shown;
    params.maxmsgs = given.maxmsgs.or(params.maxmsgs);
    params.udh = given.udh.or(params.udh);
    params.pid = given.pid.or(params.pid);
    params.dcs = given.dcs.or(params.dcs);
    params.reply = given.reply.or(params.reply);
    if !given.value.is_empty() {
        params.value = given.value;
    }
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_the_rewritten_recipient_go_before_those_of_the_address() {
        let asked = Params::parse("maxmsgs=2&sender=Acme", Form::Uri).expect("parameters");
        let of = |to: &str, shown| params(&asked, &To::read(to), shown);
        let kept = of("+12025550123@main&sender=Other", None).expect("parameters");
        assert_eq!((kept.maxmsgs, kept.sender.as_ref().map(SenderId::as_str)), (Some(2), Some("Other")));
        let gone = of("+12025550123&maxmsgs=1", None).expect("parameters");
        assert_eq!((gone.maxmsgs, gone.sender), (Some(1), None));
        let set = of("+12025550123&sender=Other", Some("+12025550199")).expect("parameters");
        assert_eq!(set.sender.as_ref().map(SenderId::as_str), Some("+12025550199"));
        assert!(
            of("+12025550123&nonsense=1", None).is_err() && of("+12025550123", Some("far too long a name")).is_err()
        );
    }
}
