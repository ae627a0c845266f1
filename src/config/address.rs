//! `[[address]]`: mail addresses that stand for phones.
//!
//! What can go wrong beyond bad values: addresses that lead in a circle or nowhere, somebody who is to pay and has no
//! account.

use std::collections::HashMap;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::{
    account::Account,
    check::Check,
    error::{Place, suggestion},
    value::{Read, Setting, Strings, Wrong, domain, quoted, text},
};
use crate::{
    address::{Helper, HelperEntry, HelperError, Mailbox, Numbering, helper},
    ground::AccountName,
};

#[derive(Deserialize)]
pub struct Keys {
    address: Option<Setting<Mailbox>>,
    to: Option<Setting<Strings>>,
    account: Option<Setting<AccountName>>,
    from: Option<Vec<Setting<Sender>>>,
}

/// Who may use it: one sender, or `@domain`.
struct Sender(String);

impl Read for Sender {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        let sender = match given.strip_prefix('@') {
            Some(host) => domain(host).map(|host| format!("@{host}")),
            None => given.parse::<Mailbox>().ok().map(|address| address.as_str().to_lowercase()),
        };
        sender
            .map(Self)
            .ok_or_else(|| format!("{} is neither a plain mail address nor \"@domain\"", quoted(given)).into())
    }
}

/// Accounts with the place of their name and of their gateway.
pub type Accounts = [(Account, Place, Option<Place>)];

/// Reads every `[[address]]` and follows those that name each other.
pub fn helpers(
    all: Vec<Spanned<Keys>>,
    numbering: Option<Numbering>,
    accounts: &Accounts,
    check: &mut Check<'_>,
) -> HashMap<String, Helper> {
    let count = all.len();
    let mut entries = Vec::new();
    let mut places: Vec<(String, Place, Place)> = Vec::new();
    for keys in all {
        let Some((entry, place, to_place)) = entry(keys, accounts, check) else { continue };
        match places.iter().find(|(name, ..)| *name == entry.address) {
            Some((name, first, _)) => {
                let cause = format!("`{name}` is declared already, in {}", first.line());
                check.wrong(&place, cause);
            }
            None => {
                places.push((entry.address.clone(), place, to_place));
                entries.push(entry);
            }
        }
    }
    let (Some(numbering), true) = (numbering, entries.len() == count) else {
        return HashMap::new(); // what is missing has been said; following the rest would blame the wrong ones
    };
    helper::read(&entries, &numbering).unwrap_or_else(|why| {
        let name = match &why {
            HelperError::Address(name)
            | HelperError::Twice(name)
            | HelperError::Cycle(name)
            | HelperError::Empty(name)
            | HelperError::TooMany(name)
            | HelperError::To { address: name, .. } => name,
        };
        // Every entry is known by its own name; were it not, the first one is as good a place to look.
        let found = places.iter().find(|(known, ..)| known == name).or(places.first());
        if let Some((_, _, to_place)) = found {
            check.wrong(to_place, why.to_string());
        }
        HashMap::new()
    })
}

fn entry(keys: Spanned<Keys>, accounts: &Accounts, check: &mut Check<'_>) -> Option<(HelperEntry, Place, Place)> {
    let header = check.place(&keys.span());
    let keys = keys.into_inner();
    for (absent, key, why) in [
        (keys.address.is_none(), "address", "the mail address that stands for phones"),
        (keys.to.is_none(), "to", "one or several phones, such as \"sms:+15550001111\""),
        (keys.account.is_none(), "account", "who pays"),
    ] {
        if absent {
            check.missing(&header, key, why);
        }
    }
    let name = check.placed(keys.address);
    let to = check.placed(keys.to);
    let payer = check.placed(keys.account);
    let from = check.list(keys.from).into_iter().map(|Sender(sender)| sender).collect();
    if let Some((payer, place)) = &payer
        && !has_account(payer, accounts)
    {
        let hint = suggestion(payer.as_str(), accounts.iter().map(|(account, _, _)| account.user.as_str()));
        check.wrong(place, format!("there is no account `{payer}`, nor one for its domain, nor \"*\"{hint}"));
    }
    let ((name, place), (Strings(to), to_place), (account, _)) = (name?, to?, payer?);
    Some((HelperEntry { address: name.as_str().to_lowercase(), to, account, from }, place, to_place))
}

fn has_account(name: &AccountName, accounts: &Accounts) -> bool {
    let name = name.as_str();
    let of_domain = name.find('@').and_then(|at| name.get(at..)).unwrap_or_default();
    accounts.iter().any(|(account, _, _)| [name, of_domain, "*"].contains(&account.user.as_str()))
}
