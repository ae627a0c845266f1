//! The classic HTTP call: one request, one text to each number, all or nothing.

use std::net::IpAddr;

use base64::Engine as _;

use super::{
    Outbound,
    accept::id_of,
    asks::Patience,
    entry::{Made, down, fingerprint},
    facts::Asked,
    rcpt::{Refusal, check, over_quota, refuse},
    ruled::Around,
    shape::MOST,
};
use crate::{
    accounts::{self, Limit, Wish},
    address::{Credentials, Trace, uri::Call},
    ground::{AccountName, MessageId, Timestamp},
    store::{Month, New, Origin},
};

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Called {
    Queued(Vec<MessageId>),
    /// `dry_run`: it would have been.
    WouldQueue,
}

/// The most numbers of one call.
const MOST_NUMBERS: usize = 1_000;

/// What the caller says of himself. Credentials among the parameters go before it.
pub enum Claim {
    /// Of basic authentication.
    Credentials(Option<Credentials>, Option<IpAddr>),
    /// An administrator sends as this account.
    Account(AccountName),
    /// An administrator, by his login on this machine: the account of that name, else the global one. Where there is
    /// neither, what holds without any account: he could declare one.
    Admin(String),
}

impl Outbound {
    /// Allows, shapes and queues one call. `basic`: credentials of basic authentication; those among the parameters
    /// go before them. `trace`: the Martlets that it went through before.
    pub async fn call(
        &self,
        call: Call,
        basic: Option<Credentials>,
        peer: Option<IpAddr>,
        trace: Trace,
    ) -> Result<Called, Refusal> {
        self.call_as(call, Claim::Credentials(basic, peer), trace, "http").await
    }

    /// As [`Outbound::call`], by whoever the door knows.
    pub async fn call_as(&self, call: Call, claim: Claim, trace: Trace, door: &str) -> Result<Called, Refusal> {
        let inner = &*self.0;
        if trace.loops_here(&inner.settings.node) {
            return Err(refuse(
                554,
                (5, 4, 6),
                "loop: this text was here before, or went through too many hosts",
                "loop",
            ));
        }
        let Call { target, data, dry_run } = call;
        let data = data.unwrap_or_default();
        let params = &target.params;
        if target.to.is_empty() || target.to.len() > MOST_NUMBERS {
            return Err(refuse(550, (5, 5, 3), format!("give 1 to {MOST_NUMBERS} numbers"), "numbers"));
        }
        let admin = matches!(claim, Claim::Admin(_)) && params.credentials.is_none();
        let who = inner.claimed(params.credentials.as_ref(), claim).await?;
        // Strangers do not learn which gateways there are.
        inner.known_gateway(params)?;
        let allowance = match inner.allowance(&who) {
            Err(_) if admin && !inner.accounts.speaks_for(&who) => inner.accounts.undeclared(&who),
            allowance => allowance?,
        };
        if params.authenticated {
            crate::observe::log::authenticated_ignored(door);
        }
        for to in &target.to {
            check(&allowance, Wish { to, params })?;
        }
        let door: &'static str = if door == "http" { "http" } else { "control" };
        let style = inner.settings.style.of(&allowance.wording);
        // `sms.max_parts` is for mails: a program is cut where it asks for it, or its account says so.
        let most = if inner.accounts.caps_parts(&who) { allowance.max_parts } else { MOST };
        let (data, now) = (data.trim(), inner.clock.now());
        let words = match params.binary {
            true => url_safe(data),
            false => style.words(data)?,
        };
        let mut own = inner.addresses(&allowance, params.reply.as_ref(), params.reply.as_ref());
        if admin && own.report_to.is_none() {
            own.report_to = Some((*inner.settings.postmaster.now()).clone());
        }
        let (mut entries, mut buried, patience) = (Vec::new(), Vec::new(), Patience::default());
        for to in &target.to {
            let print = |piece: usize| {
                let msgid = params.msgid.as_ref()?;
                let pieces: [&[u8]; 4] =
                    [allowance.who.as_str().as_bytes(), msgid.as_bytes(), to.as_str().as_bytes(), &piece.to_be_bytes()];
                Some(fingerprint(&pieces, now + inner.settings.dedupe_window.max(MSGID_KEPT)))
            };
            let asked = Asked {
                mail: None,
                headers: b"",
                sender: None,
                who: &who,
                payer: &allowance,
                to,
                params,
                words: &words,
                peer: None,
                extension: None,
                now,
            };
            let around = Around {
                door,
                report_to: own.report_to.clone(),
                reply_to: own.reply_to.clone(),
                mail: None,
                trace: trace.clone(),
                patience: &patience,
                print: print(usize::MAX),
                dry: dry_run,
            };
            let ruled = inner.ruled(&asked, &around).await?;
            entries.extend(ruled.errands);
            buried.extend(ruled.buried);
            let Some(goes) = ruled.goes else { continue };
            let shaped = match params.binary {
                true => style.shape_binary(&goes.words, &goes.params, most)?,
                false => style.shape_text(&goes.words, &goes.params, most)?,
            };
            for (piece, shaped) in shaped.into_iter().enumerate() {
                let made = Made {
                    to: &goes.to,
                    params: &goes.params,
                    shaped,
                    allowance: &goes.allowance,
                    origin: Origin::of_call(&own.report_to, &own.reply_to, to.as_str(), now),
                    fingerprint: print(piece),
                    original: None,
                    trace: trace.clone(),
                    answers: false,
                    replaced: false,
                };
                entries.push(New { priority: goes.priority, held: goes.held.clone(), ..inner.entry(made, now)? });
            }
        }
        if dry_run {
            let brakes: Vec<_> = entries.iter().flat_map(|e| e.brakes.clone()).collect();
            if let Some(braked) = inner.store.would_refuse(&brakes).await.map_err(|why| down(&why))? {
                return Err(super::brakes::refusal(braked));
            }
            for new in &entries {
                if let Some(text) = new.payload.text() {
                    inner.takes_texts(&text.to, &new.candidates).await?;
                }
            }
            let amount: u64 = entries.iter().filter_map(|e| e.charge.as_ref()).map(|c| c.amount).sum();
            return inner.would_fit(&allowance, amount, now).await;
        }
        for letter in buried {
            inner.keep(letter).await?;
        }
        if entries.is_empty() {
            return Ok(Called::Queued(Vec::new()));
        }
        let placed = inner.put(vec![entries], door).await.pop();
        let placed = placed.unwrap_or_else(|| Err(refuse(451, (4, 3, 0), "not queued, try again later", "broken")))?;
        Ok(Called::Queued(placed.into_iter().map(id_of).collect()))
    }
}

/// A caller's own id is remembered this long: a relay may try again for days.
const MSGID_KEPT: std::time::Duration = std::time::Duration::from_secs(7 * 86_400);

impl super::Inner {
    async fn claimed(&self, credentials: Option<&Credentials>, claim: Claim) -> Result<AccountName, Refusal> {
        let claim = match credentials {
            Some(given) => {
                let peer = if let Claim::Credentials(_, peer) = claim { peer } else { None };
                return self.log_in(given, peer).await;
            }
            None => claim,
        };
        match claim {
            Claim::Credentials(Some(given), peer) => self.log_in(&given, peer).await,
            Claim::Credentials(None, _) => {
                Err(refuse(550, (5, 7, 8), "give user and pass, or basic authentication", "no identity"))
            }
            Claim::Account(name) => Ok(name),
            Claim::Admin(login) => {
                Ok(accounts::name(&login).unwrap_or_else(|| "*".parse().expect("the global account's name")))
            }
        }
    }

    async fn would_fit(
        &self,
        allowance: &crate::accounts::Allowance,
        amount: u64,
        now: Timestamp,
    ) -> Result<Called, Refusal> {
        self.store.ready().await.map_err(|why| down(&why))?;
        let Limit::AtMost(limit) = allowance.limit else { return Ok(Called::WouldQueue) };
        let month = Month::of(now, &self.settings.zone);
        let used = self.store.usage(&allowance.pool, month).await.map_err(|why| down(&why))?;
        if used.saturating_add(amount) > limit { Err(over_quota(limit, month)) } else { Ok(Called::WouldQueue) }
    }
}

/// Base64 of queries comes in both alphabets, and with blanks where `+` was not escaped.
fn url_safe(data: &str) -> String {
    let standard = data.replace('-', "+").replace('_', "/").replace(' ', "+");
    let padding = (4 - standard.trim_end_matches('=').len() % 4) % 4;
    let bare = standard.trim_end_matches('=');
    let padded = format!("{bare}{}", "=".repeat(padding));
    if base64::engine::general_purpose::STANDARD.decode(&padded).is_ok() { padded } else { data.to_owned() }
}
