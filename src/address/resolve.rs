//! From a RCPT path to phones.
use super::{AddressError, Numbering, Path, Target};
use crate::ground::AccountName;
use std::collections::HashMap;

/// What addresses resolve by.
#[derive(Debug, Clone)]
pub struct Domains {
    /// SMS domains, IDNA ASCII, lower case.
    pub domains: Vec<String>,
    /// Scheme names, `sms` first.
    pub prefixes: Vec<String>,
    pub bare_numbers: bool,
    pub numbering: Numbering,
    /// `[[address]]` by their address in lower case.
    pub helpers: HashMap<String, Helper>,
}

/// `[[address]]`: a mail address that stands for one or several phones.
#[derive(Debug, Clone)]
pub struct Helper {
    /// One or several sms: URIs, resolved at load.
    pub to: Vec<Target>,
    /// Who pays.
    pub account: AccountName,
    /// Senders who may use it: addresses or `@domain`; empty: only the account itself.
    pub from: Vec<String>,
}

#[derive(Debug, Clone)]
pub enum Resolution {
    Phones {
        targets: Vec<Target>,
        helper: Option<AccountName>,
    },
    /// `postmaster@` and `abuse@` of an SMS domain.
    Postmaster,
    /// Not at any of our domains: `550 5.1.2`.
    Foreign,
    Refused(AddressError),
}

impl Domains {
    pub fn resolve(&self, _path: &Path) -> Resolution {
        unimplemented!()
    }
}
