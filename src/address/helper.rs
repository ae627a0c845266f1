//! `[[address]]`: mail addresses that stand for phones.
//!
//! What can go wrong: entries that name each other must not go round in circles; those are refused at load, as is what
//! leads to no phone.

use std::{collections::HashMap, fmt};

use super::{AddressError, Numbering, Params, Path, Target, params, uri};
use crate::ground::AccountName;

/// `[[address]]`: a mail address that stands for one or several phones.
#[derive(Debug, Clone)]
pub struct Helper {
    /// One or several sms: URIs, resolved at load.
    pub to: Vec<Target>,
    /// `Some`: `local+NUMBER@domain` is that phone, with these parameters (`to = "sms:{extension}?maxmsgs=2"`).
    pub extension: Option<Params>,
    /// Who pays.
    pub account: AccountName,
    /// Senders who may use it: addresses or `@domain`; empty: only the account itself.
    pub from: Vec<String>,
}

impl Helper {
    /// Adds phones that are not named yet; the first parameters of a phone count.
    fn add(&mut self, mut target: Target) {
        target.to.retain(|phone| !self.to.iter().any(|earlier| earlier.to.contains(phone)));
        if !target.to.is_empty() {
            self.to.push(target);
        }
    }
}

/// `[[address]]` as the configuration has it. `Debug` shows no phones.
#[derive(Clone)]
pub struct HelperEntry {
    pub address: String,
    /// `sms:` URIs, `sms:{extension}` with parameters, or addresses of other entries.
    pub to: Vec<String>,
    pub account: AccountName,
    pub from: Vec<String>,
}

impl fmt::Debug for HelperEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HelperEntry([{}] by {:?})", self.to.len(), self.account)
    }
}

/// Why `[[address]]` entries cannot be; each names the entry. `Display` is for the administrator whose words these are;
/// `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub enum HelperError {
    /// Its own address is none.
    Address(String),
    Twice(String),
    /// It leads back to itself.
    Cycle(String),
    /// It names no phone.
    Empty(String),
    /// It names more than [`uri::MOST_RECIPIENTS`] URIs in all.
    TooMany(String),
    /// One of its `to` is neither an `sms:` URI nor another entry.
    To {
        address: String,
        to: String,
        why: AddressError,
    },
}

impl fmt::Display for HelperError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address} is not a mail address"),
            Self::Twice(address) => write!(f, "{address} is given twice"),
            Self::Cycle(address) => write!(f, "{address} leads back to itself"),
            Self::Empty(address) => write!(f, "{address} leads to no phone"),
            Self::TooMany(address) => write!(f, "{address} leads to too many phones"),
            Self::To { address, to, why } => write!(f, "{address}: {to}: {why}"),
        }
    }
}

impl fmt::Debug for HelperError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address(_) => "Address",
            Self::Twice(_) => "Twice",
            Self::Cycle(_) => "Cycle",
            Self::Empty(_) => "Empty",
            Self::TooMany(_) => "TooMany",
            Self::To { why, .. } => return write!(f, "To({why:?})"),
        })
    }
}

impl std::error::Error for HelperError {}

/// What stands for the extension in `to`.
const EXTENSION: &str = "{extension}";

/// Reads `[[address]]` entries; entries may name other entries.
///
/// # Errors
/// [`HelperError`]: an entry that leads back to itself, to no phone, or to something else.
pub fn read(entries: &[HelperEntry], numbering: &Numbering) -> Result<HashMap<String, Helper>, HelperError> {
    let mut by_address: HashMap<String, &HelperEntry> = HashMap::new();
    for entry in entries {
        let key = key(&entry.address).ok_or_else(|| HelperError::Address(entry.address.clone()))?;
        if by_address.insert(key, entry).is_some() {
            return Err(HelperError::Twice(entry.address.clone()));
        }
    }
    let mut helpers = HashMap::new();
    for (key, entry) in &by_address {
        let helper = read_helper(key, entry, &by_address, numbering)?;
        helpers.insert(key.clone(), helper);
    }
    Ok(helpers)
}

/// An address as the key of its entry.
fn key(address: &str) -> Option<String> {
    let path: Path = address.trim().parse().ok()?;
    path.domain.map(|domain| format!("{}@{domain}", path.local.to_lowercase()))
}

/// Follows one entry down to its URIs, depth first.
fn read_helper(
    own: &str,
    entry: &HelperEntry,
    entries: &HashMap<String, &HelperEntry>,
    numbering: &Numbering,
) -> Result<Helper, HelperError> {
    let mut helper =
        Helper { to: Vec::new(), extension: None, account: entry.account.clone(), from: entry.from.clone() };
    let mut steps = 0;
    let mut trail = vec![(own.to_owned(), entry.to.iter())];
    while let Some((_, rest)) = trail.last_mut() {
        let Some(to) = rest.next() else {
            trail.pop();
            continue;
        };
        steps += 1;
        if steps > uri::MOST_RECIPIENTS {
            return Err(HelperError::TooMany(own.to_owned()));
        }
        let wrong = |why| HelperError::To { address: own.to_owned(), to: params::masked(to), why };
        if uri::without_scheme(to.trim(), ["sms"]).is_some() {
            match extension_params(to) {
                Some(_) if trail.len() > 1 => {
                    return Err(wrong(AddressError::Syntax("an entry with {extension} cannot stand in another")));
                }
                Some(params) => helper.extension = Some(params.and_then(of_an_entry).map_err(wrong)?),
                None => {
                    let Target { to, params } = uri::parse(to, numbering).map_err(wrong)?;
                    helper.add(Target { to, params: of_an_entry(params).map_err(wrong)? });
                }
            }
            continue;
        }
        let next = key(to).and_then(|key| entries.get_key_value(&key));
        let Some((next, entry)) = next else {
            return Err(wrong(AddressError::Syntax("neither an sms: address nor another entry")));
        };
        if trail.iter().any(|(seen, _)| seen == next) {
            return Err(HelperError::Cycle(next.clone()));
        }
        trail.push((next.clone(), entry.to.iter()));
    }
    match helper.to.is_empty() && helper.extension.is_none() {
        true => Err(HelperError::Empty(own.to_owned())),
        false => Ok(helper),
    }
}

/// Credentials in an entry would make everybody who writes to it the account that they name, whatever `from` says.
fn of_an_entry(params: Params) -> Result<Params, AddressError> {
    if params.credentials.is_some() {
        return Err(params::bad("user", "has no place here: `account` says who pays, `from` who may"));
    }
    match params.body {
        Some(_) => Err(params::bad("body", "is the mail's own business")),
        None => Ok(params),
    }
}

/// The parameters of `sms:{extension}?…`; `None` when it is another URI.
fn extension_params(to: &str) -> Option<Result<Params, AddressError>> {
    let rest = uri::without_scheme(to.trim(), ["sms"])?;
    let (recipients, query) = rest.split_once('?').unwrap_or((rest, ""));
    (recipients == EXTENSION).then(|| Params::parse(query, params::Form::Uri))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::address::Accept;

    pub fn numbering() -> Numbering {
        Numbering { region: "US".parse().expect("a region"), accept: Accept::Possible }
    }

    pub fn entry(address: &str, to: &[&str]) -> HelperEntry {
        HelperEntry {
            address: address.to_owned(),
            to: to.iter().map(|s| (*s).to_owned()).collect(),
            account: "ops".parse().expect("an account"),
            from: Vec::new(),
        }
    }

    #[test]
    fn helpers_that_cannot_be() {
        let read = |entries: &[HelperEntry]| super::read(entries, &numbering()).map(|_| ()).map_err(|e| e.to_string());
        let bad = |entries: &[HelperEntry], why: &str| assert_eq!(read(entries), Err(why.to_owned()));
        bad(&[entry("a@x.test", &["a@x.test"])], "a@x.test leads back to itself");
        let ring = read(&[
            entry("a@x.test", &["b@x.test"]),
            entry("b@x.test", &["c@x.test"]),
            entry("c@x.test", &["a@x.test"]),
        ]);
        assert!(ring.is_err_and(|why| why.ends_with("leads back to itself")));
        bad(&[entry("a@x.test", &["sms:12345"]), entry("A@X.test", &["sms:12345"])], "A@X.test is given twice");
        bad(&[entry("a@x.test", &[])], "a@x.test leads to no phone");
        bad(&[entry("nonsense", &["sms:12345"])], "nonsense is not a mail address");
        bad(&[entry("a@x.test", &["bob@y.test"])], "a@x.test: bob@y.test: neither an sms: address nor another entry");
        bad(&[entry("a@x.test", &["sms:911"])], "a@x.test: sms:911: emergency numbers get no texts");
        let mine = "parameter user has no place here: `account` says who pays, `from` who may";
        let to = "sms:12345?user=ops&pass=secret";
        bad(&[entry("a@x.test", &[to])], &format!("a@x.test: sms:12345?user=ops&pass=***: {mine}"));
        let to = "sms:{extension}?user=ops&pass=secret";
        bad(&[entry("a@x.test", &[to])], &format!("a@x.test: sms:{{extension}}?user=ops&pass=***: {mine}"));
        let words = "a@x.test: sms:12345?body=x: parameter body is the mail's own business";
        bad(&[entry("a@x.test", &["sms:12345?body=x"])], words);
        // A diamond is no ring.
        assert_eq!(
            read(&[
                entry("a@x.test", &["b@x.test", "c@x.test"]),
                entry("b@x.test", &["c@x.test"]),
                entry("c@x.test", &["sms:12345"])
            ]),
            Ok(())
        );
    }
}
