//! RCPT: refuse as early as can be. By address alone first; by the sender when he is known by then.
//!
//! Where rules may send a text elsewhere, nobody is refused here for the way that his address would go: DATA tells.

use std::net::IpAddr;

use super::{Inner, Listener, Peer, accept::door, identify::identify};
use crate::{
    accounts::{self, Allowance, Busy, Guesser, Limit, Wish},
    address::{AddressError, Credentials, Destination, Helper, Params, Resolution, ReversePath, Target},
    ground::{AccountName, Enhanced},
    observe::{self, METRICS},
    routing::{self, Ask, Ours, Placement},
    rules::Direction,
    smtp::{Envelope, LogIn, Recipient, Reply},
    store::Month,
};

/// A refusal with its word for the metric.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub reply: Reply,
    pub reason: &'static str,
}

impl Refusal {
    pub fn new(code: u16, enhanced: Enhanced, words: impl AsRef<str>, reason: &'static str) -> Self {
        Self { reply: Reply::new(code, enhanced, words), reason }
    }

    /// Counts and logs it, and gives the reply.
    pub fn voiced(self, door: &str) -> Reply {
        let code = self.reply.enhanced().map_or_else(String::new, |e| e.to_string());
        observe::log::refused(door, code, self.reason);
        METRICS.door(door, self.reason);
        self.reply
    }
}

pub fn refuse(code: u16, enhanced: (u8, u16, u16), words: impl AsRef<str>, reason: &'static str) -> Refusal {
    Refusal::new(code, Enhanced::new(enhanced.0, enhanced.1, enhanced.2), words, reason)
}

/// The words for an `id=` that names neither a gateway nor a group.
pub const NO_GATEWAY: &str = "parameter id: there is no gateway of that name";

/// What an address of ours means.
pub enum Resolved {
    /// `postmaster@` and `abuse@`: a person, not a phone.
    Postmaster,
    Phones(Box<Phones>),
}

/// The phones of one address.
pub struct Phones {
    pub targets: Vec<Target>,
    /// The helper address by which they were found.
    pub helper: Option<Helper>,
}

impl Inner {
    /// The answer to one RCPT.
    pub async fn rcpt(
        &self,
        listener: &Listener,
        peer: &Peer,
        envelope: &Envelope,
        recipient: &Recipient,
    ) -> Result<(), Refusal> {
        let resolved = match self.resolve(recipient)? {
            Resolved::Postmaster => return Ok(()),
            Resolved::Phones(resolved) => resolved,
        };
        if envelope.from == ReversePath::Null {
            // Bounces and address probes: what is decided here would be remembered against every phone.
            return Ok(());
        }
        let proved = match credentials(&resolved) {
            Some(given) => Some(self.log_in(given, speaker(peer)).await?),
            None => identify(listener, peer, envelope, None, &self.accounts),
        };
        let redirects = self.settings.rules.now().redirects(Direction::Out);
        let Some(who) = proved else {
            return if redirects { Ok(()) } else { self.anybody_opted_out(peer, &resolved).await };
        };
        let payer = self.payer(&resolved, &who)?;
        let allowance = self.allowance(&payer)?;
        for target in &resolved.targets {
            for to in &target.to {
                check(&allowance, Wish { to, params: &target.params })?;
                if redirects {
                    continue;
                }
                let placement = self.place(to, &target.params, &allowance)?;
                self.takes_texts(to, &self.routes().candidates(&placement.target)).await?;
            }
        }
        let room = match self.has_quota(&allowance).await {
            Ok(()) => self.held_back(&allowance).await,
            refused => refused,
        };
        let Err(refusal) = room else { return Ok(()) };
        for to in resolved.targets.iter().flat_map(|target| &target.to) {
            if self.may_be_again(peer, envelope, to, &allowance.who).await {
                return Ok(());
            }
        }
        Err(refusal)
    }

    /// Has the phone opted out of every number that this could go by? The put decides it once more.
    pub async fn takes_texts(&self, to: &Destination, candidates: &[Ours]) -> Result<(), Refusal> {
        // A store that cannot be read is no reason to refuse for good: DATA will tell.
        let lists = self.store.opted_out(&[to.as_str()]).await.unwrap_or_default();
        let out = lists.get(to.as_str()).is_some_and(|list| candidates.iter().all(|ours| list.contains(ours)));
        if out && !candidates.is_empty() { Err(opted_out()) } else { Ok(()) }
    }

    /// While nobody knows who sends: a phone that has opted out of everything, whoever writes. Strangers do not learn it.
    async fn anybody_opted_out(&self, peer: &Peer, resolved: &Phones) -> Result<(), Refusal> {
        if !peer.trusted {
            return Ok(());
        }
        for target in &resolved.targets {
            let candidates = self.routes().candidates(&match &target.params.id {
                Some(id) => self.routes().pinned(id),
                None => routing::Target::Any,
            });
            for to in &target.to {
                self.takes_texts(to, &candidates).await?;
            }
        }
        Ok(())
    }

    /// From an address to phones; unknown domains, bad numbers and parameters, unknown gateways end here.
    pub fn resolve(&self, recipient: &Recipient) -> Result<Resolved, Refusal> {
        let domains = self.domains();
        match domains.resolve(&recipient.path) {
            Resolution::Foreign => {
                Err(refuse(550, (5, 1, 2), "no such domain here: this server only sends texts", "domain"))
            }
            Resolution::Refused(error) => Err(bad_address(&error)),
            Resolution::Postmaster => Ok(Resolved::Postmaster),
            Resolution::Phones { targets, helper } => {
                for target in &targets {
                    self.known_gateway(&target.params)?;
                }
                let helper = helper.and_then(|_| domains.helper(&recipient.path)).cloned();
                Ok(Resolved::Phones(Box::new(Phones { targets, helper })))
            }
        }
    }

    pub fn known_gateway(&self, params: &Params) -> Result<(), Refusal> {
        match &params.id {
            Some(id) if !self.routes().knows(id) => Err(refuse(550, (5, 1, 3), NO_GATEWAY, "gateway")),
            _ => Ok(()),
        }
    }

    /// Where a text waits; refused where no gateway will ever carry it.
    pub fn place(&self, to: &Destination, params: &Params, allowance: &Allowance) -> Result<Placement, Refusal> {
        let ask = Ask {
            to,
            pinned: params.id.as_ref().or(allowance.gateway.as_ref()),
            binary: params.binary || params.udh.as_ref().is_some_and(|udh| !udh.is_empty()),
            sender: params.sender.as_ref(),
            sender_required: allowance.sender_required,
            classes: &allowance.classes,
            granted: params.id.is_none() || params.id == allowance.gateway,
        };
        self.routes().place(&ask).map_err(|why| Refusal::new(550, why.code(), why.to_string(), "route"))
    }

    /// Credentials decide alone. One answer, one time, whether the user or the password is wrong.
    pub async fn log_in(&self, given: &Credentials, peer: Option<IpAddr>) -> Result<AccountName, Refusal> {
        self.proved(given.readings(self.settings.percent_is_at), given.pass.expose().as_bytes(), peer)
            .await?
            .ok_or_else(|| refuse(550, (5, 7, 8), "user or password is wrong", "credentials"))
    }

    /// Whoever was wrong too often waits, and no password of his is looked at meanwhile.
    async fn proved(
        &self,
        users: &[String],
        pass: &[u8],
        peer: Option<IpAddr>,
    ) -> Result<Option<AccountName>, Refusal> {
        // One account is counted as one, however its name is written: the last reading is the fullest.
        let name = users.iter().rev().find_map(|user| accounts::name(user));
        let user = name.as_ref().map_or_else(|| users.first().map_or("", String::as_str), AccountName::as_str);
        let guesser = Guesser { user, peer };
        if let Some(wait) = self.guesses.wait(guesser, self.clock.monotonic()) {
            let words = format!("too many wrong passwords, try again in {} s", wait.as_secs().max(1));
            return Err(refuse(454, (4, 7, 0), words, "locked"));
        }
        let found = self
            .accounts
            .verify(users, pass)
            .await
            .map_err(|Busy| refuse(451, (4, 3, 2), "too many log in at once, try again later", "busy"))?;
        match found {
            Some(_) => self.guesses.right(guesser),
            None => self.guesses.wrong(guesser, self.clock.monotonic()),
        }
        Ok(found)
    }

    /// AUTH at a door. A bare name is read as it is and with the listener's domain; two that exist are refused.
    pub async fn door_log_in(&self, listener: &Listener, peer: &Peer, user: &str, pass: &[u8]) -> LogIn {
        let mut users = vec![user.to_owned()];
        if let Some(domain) = listener.login_domain.as_ref().filter(|_| !user.contains('@')) {
            users.push(format!("{user}@{domain}"));
        }
        let wrong = match self.proved(&users, pass, speaker(peer)).await {
            Ok(Some(name)) if !accounts::speaks_for_many(&name) => return LogIn::Known(name),
            Ok(_) => refuse(535, (5, 7, 8), "user or password is wrong", "credentials"),
            Err(refusal) => refusal,
        };
        let outcome = match wrong.reason {
            "busy" => LogIn::Busy,
            "locked" => LogIn::Locked,
            _ => LogIn::Wrong,
        };
        wrong.voiced(door(listener));
        outcome
    }

    /// Who is charged: the helper address's account if the sender may use it, else the sender.
    pub fn payer(&self, resolved: &Phones, who: &AccountName) -> Result<AccountName, Refusal> {
        match &resolved.helper {
            None => Ok(who.clone()),
            Some(helper) if admits(helper, who) => Ok(helper.account.clone()),
            Some(_) => Err(refuse(550, (5, 7, 1), "you may not use this address", "helper")),
        }
    }

    pub fn allowance(&self, who: &AccountName) -> Result<Allowance, Refusal> {
        let now = self.clock.now();
        self.accounts
            .allowance(who, now)
            .map_err(|denied| Refusal::new(550, denied.code(), denied.to_string(), "account"))
    }

    /// Is anything left this month? What is counted exactly is decided with the put.
    async fn has_quota(&self, allowance: &Allowance) -> Result<(), Refusal> {
        let Limit::AtMost(limit) = allowance.limit else { return Ok(()) };
        let month = Month::of(self.clock.now(), &self.settings.zone);
        // A store that cannot be read is no reason to refuse for good: DATA will tell.
        let used = self.store.usage(&allowance.pool, month).await.unwrap_or(0);
        if used >= limit { Err(over_quota(limit, month)) } else { Ok(()) }
    }
}

/// Whose guesses are counted by address: not those that a trusted mail server hands on for many.
pub(super) fn speaker(peer: &Peer) -> Option<IpAddr> {
    peer.addr.filter(|_| !peer.trusted)
}

/// The account itself, and the senders that the entry names: addresses or `@domain`.
fn admits(helper: &Helper, who: &AccountName) -> bool {
    let domain = who.as_str().rsplit_once('@').map(|(_, domain)| format!("@{domain}"));
    let named = |from: &String| {
        from.eq_ignore_ascii_case(who.as_str()) || domain.as_ref().is_some_and(|d| d.eq_ignore_ascii_case(from))
    };
    helper.account == *who || helper.from.iter().any(named)
}

pub fn over_quota(limit: u64, month: Month) -> Refusal {
    let words = format!("monthly limit of {limit} reached; it starts anew on {}", month.reset_date());
    refuse(550, (5, 7, 1), words, "quota")
}

pub fn opted_out() -> Refusal {
    refuse(550, (5, 7, 1), "this phone has opted out of texts from here", "opted out")
}

pub fn check(allowance: &Allowance, wish: Wish<'_>) -> Result<(), Refusal> {
    allowance.check(wish).map_err(|denied| Refusal::new(550, denied.code(), denied.to_string(), "denied"))
}

pub fn credentials(resolved: &Phones) -> Option<&Credentials> {
    resolved.targets.iter().find_map(|target: &Target| target.params.credentials.as_ref())
}

pub fn bad_address(error: &AddressError) -> Refusal {
    let code = match error {
        AddressError::Parameter { name, .. } if name == "sender" => Enhanced::new(5, 7, 1),
        _ => Enhanced::new(5, 1, 3),
    };
    Refusal::new(550, code, error.to_string(), "address")
}
