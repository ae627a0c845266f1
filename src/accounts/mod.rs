//! Accounts: who may send what, and who is charged.
//!
//! Rows are declared in the configuration. A sender's allowance is put together field by field from three of them:
//! the user's own, the domain's (`@example.com`), the global one (`*`). No row at all: denied.
//! What can go wrong: a [`Denied`] reason, whose words are fit for an SMTP reply.

pub mod allow;
pub mod password;

pub use allow::{Allowance, Denied, Wish};
pub use password::Password;

use std::collections::HashMap;

use crate::{
    address::{Mailbox, Number, Region, SenderId},
    ground::{AccountName, GatewayId, Timestamp},
};

/// How much may be sent in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// At least 1; in segments or messages, see [`Count`].
    AtMost(u64),
    Unlimited,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Count {
    #[default]
    Segments,
    Messages,
}

/// One declared row. `None`: inherited from the domain's or the global row.
#[derive(Debug, Clone, Default)]
pub struct Row {
    pub active: Option<bool>,
    /// Denied from this moment on.
    pub expires: Option<Timestamp>,
    pub password: Option<Password>,
    pub monthly_max: Option<Limit>,
    pub count: Option<Count>,
    /// One counter for all who inherit this row's limit, instead of one each.
    pub shared: bool,
    pub max_parts: Option<u8>,
    /// Where texts may go; absent everywhere: `sms.region` only.
    pub regions: Option<Vec<Region>>,
    pub short_codes: Option<bool>,
    /// Premium-rate numbers; absent: no.
    pub premium: Option<bool>,
    /// Originators that may be shown.
    pub senders: Option<Vec<SenderId>>,
    /// Own number, for `%sender_phonealias%`.
    pub phone: Option<Number>,
    /// Further mail addresses that are this sender's own.
    pub addresses: Option<Vec<Mailbox>>,
    /// Where reports and replies go when the account's name is no mail address.
    pub reply: Option<Mailbox>,
    /// Pinned gateway.
    pub gateway: Option<GatewayId>,
    /// May pass `value=` on to the gateway.
    pub value: Option<bool>,
}

/// All declared rows, and what holds where none says anything.
#[derive(Debug, Clone)]
pub struct Accounts {
    rows: HashMap<AccountName, Row>,
    /// `sms.region`.
    region: Region,
    /// `sms.max_parts`.
    max_parts: u8,
}

impl Accounts {
    /// Rows by name; `*` is the global one, `@domain` a domain's.
    pub fn new(rows: HashMap<AccountName, Row>, region: Region, max_parts: u8) -> Self {
        Self { rows, region, max_parts }
    }

    /// The row of exactly this name.
    pub fn row(&self, name: &AccountName) -> Option<&Row> {
        self.rows.get(name)
    }

    /// The rows that speak for `who`, most precise first.
    fn speaking_for<'a>(&'a self, who: &AccountName) -> Vec<(AccountName, &'a Row)> {
        let domain = who.as_str().rsplit_once('@').filter(|(local, _)| !local.is_empty()).map(|(_, d)| format!("@{d}"));
        let names = [Some(who.as_str().to_owned()), domain, Some("*".to_owned())];
        names
            .into_iter()
            .flatten()
            .filter_map(|name| name.parse::<AccountName>().ok())
            .filter_map(|name| self.rows.get(&name).map(|row| (name, row)))
            .collect()
    }

    /// Checks credentials. Users are the readings of one written name: the one that exists decides; two that exist are
    /// refused. A wrong user costs the same time as a wrong password, and the answer is the same.
    pub async fn verify(&self, users: &[String], given: &[u8]) -> Option<AccountName> {
        let mut known = users.iter().filter_map(|user| {
            let name = user.parse::<AccountName>().ok()?;
            let row = self.rows.get(&name)?;
            row.password.as_ref().map(|password| (name, password.clone()))
        });
        let found = match (known.next(), known.next()) {
            (Some(found), None) => Some(found),
            _ => None,
        };
        let (name, password) = match found {
            Some((name, password)) => (Some(name), password),
            None => (None, self.decoy()),
        };
        let right = password.verify(given).await;
        name.filter(|_| right)
    }

    /// A password nobody has, of the kind that is most expensive to check here.
    fn decoy(&self) -> Password {
        let hashed = self.rows.values().filter_map(|row| row.password.as_ref()).find(|p| p.is_hash());
        hashed.cloned().unwrap_or_else(Password::decoy).never()
    }
}
