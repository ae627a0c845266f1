//! Accounts: who may send what, and who is charged.
//!
//! Rows are declared in the configuration. A sender's allowance is put together field by field from three of them:
//! the user's own, the domain's (`@example.com`), the global one (`*`). No row at all: denied.
//! What can go wrong: a [`Denied`] reason, whose words are fit for an SMTP reply.

pub mod allow;
mod guesses;
pub mod brakes;
pub mod password;
mod verified;
mod wording;

pub use allow::{Allowance, Denied, Wish};
pub use brakes::{Brakes, Pace};
pub use guesses::{Guesser, Guesses};
pub use password::{Busy, Password};
pub use wording::Wording;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use self::verified::Verified;
use crate::{
    address::{Mailbox, Number, Region, SenderId, domain},
    ground::{AccountName, GatewayId, Timestamp},
    mail::received::within,
    routing::Class,
};

/// The account name that a login or a user name means: without regard to case, its domain as IDNA writes it.
pub fn name(written: &str) -> Option<AccountName> {
    match written.rsplit_once('@') {
        Some((local, host)) => match domain::ascii(host) {
            Some(host) => format!("{local}@{host}").parse().ok(),
            None => written.parse().ok(),
        },
        None => written.parse().ok(),
    }
}

/// `*` and `@example.com`: rows, not people.
pub fn speaks_for_many(name: &AccountName) -> bool {
    name.as_str() == "*" || name.as_str().starts_with('@')
}

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
    /// Texts in a stretch of time.
    pub rate: Option<Pace>,
    /// Segments in a day.
    pub daily_max: Option<Limit>,
    /// What may be spent in a day, in millionths.
    pub daily_cost: Option<Limit>,
    /// One counter for all who inherit this row's limit, instead of one each.
    pub shared: bool,
    pub max_parts: Option<u8>,
    /// Where texts may go; absent everywhere: `sms.region` only.
    pub regions: Option<Vec<Region>>,
    pub short_codes: Option<bool>,
    /// Premium-rate numbers; absent: no.
    pub premium: Option<bool>,
    /// Life of a text that cannot be sent; absent everywhere: `queue.expire`.
    pub expire_after: Option<Duration>,
    /// Originators that may be shown.
    pub senders: Option<Vec<SenderId>>,
    /// Own number, for `%sender_phonealias%`.
    pub phone: Option<Number>,
    /// Further mail addresses that are this sender's own.
    pub addresses: Option<Vec<Mailbox>>,
    /// Where reports and replies go when the account's name is no mail address.
    pub reply: Option<Mailbox>,
    /// Networks whose programs send as this account, address and prefix length.
    pub networks: Vec<(IpAddr, u8)>,
    /// Pinned gateway or group.
    pub gateway: Option<GatewayId>,
    /// Whose routes it may use; absent everywhere: the global class.
    pub classes: Option<Vec<Class>>,
    /// Rather not at all than without the wished sender.
    pub sender_required: Option<bool>,
    /// May pass `value=` on to the gateway.
    pub value: Option<bool>,
    /// Where texts of phones go instead of the inbox.
    pub folder: Option<String>,
    /// How its mails become texts.
    pub wording: Wording,
}

/// The accounts as they are declared now; all clones see a new declaration at once.
#[derive(Debug, Clone)]
pub struct Accounts(Arc<RwLock<Arc<Table>>>);

impl Accounts {
    /// Rows by name; `*` is the global one, `@domain` a domain's.
    pub fn new(rows: HashMap<AccountName, Row>, region: Region, max_parts: u8) -> Self {
        let table = Table { decoy: decoy(&rows), rows, verified: Verified::default(), region, max_parts };
        Self(Arc::new(RwLock::new(Arc::new(table))))
    }

    /// From now on what `other` says; what is being decided goes on with what was.
    pub fn replace(&self, other: &Self) {
        let table = other.now();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = table;
    }

    fn now(&self) -> Arc<Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The account in whose networks `addr` lies; the narrowest network decides, and of two equal ones neither.
    pub fn by_network(&self, addr: IpAddr) -> Option<AccountName> {
        self.now().by_network(addr).cloned()
    }

    /// Does any row speak for `who`?
    pub fn speaks_for(&self, who: &AccountName) -> bool {
        !self.now().speaking_for(who).is_empty()
    }

    /// Does a row of this sender say `max_parts`? Then it caps the HTTP call too.
    pub fn caps_parts(&self, who: &AccountName) -> bool {
        self.now().caps_parts(who)
    }

    /// The rights of `who` at `now`.
    ///
    /// # Errors
    /// [`Denied`]: why not.
    pub fn allowance(&self, who: &AccountName, now: Timestamp) -> Result<Allowance, Denied> {
        self.now().allowance(who, now)
    }

    /// The folder for texts to this mailbox: its own row's, else its domain's, else everybody's.
    pub fn folder(&self, mailbox: &Mailbox) -> Option<String> {
        let who = name(mailbox.as_str())?;
        self.now().speaking_for(&who).into_iter().find_map(|(_, row)| row.folder.clone())
    }

    /// Where replies to this account go: where it says, else its own address.
    pub fn mailbox(&self, who: &AccountName) -> Option<Mailbox> {
        let reply = self.now().rows.get(who).and_then(|row| row.reply.clone());
        reply.or_else(|| who.as_str().parse().ok())
    }

    /// What holds where no row says anything: for whoever needs none.
    pub fn undeclared(&self, who: &AccountName) -> Allowance {
        self.now().gathered(who, &[])
    }

    /// Checks credentials. Users are the readings of one written name: the one that exists decides; two that exist are
    /// refused. A wrong user costs the same time as a wrong password, and the answer is the same: where any password is
    /// a hash, whoever gives a wrong one waits for a hash.
    ///
    /// # Errors
    /// [`Busy`]: too many passwords wait to be checked.
    pub async fn verify(&self, users: &[String], given: &[u8]) -> Result<Option<AccountName>, Busy> {
        self.now().verify(users, given).await
    }
}

/// All declared rows, and what holds where none says anything.
#[derive(Debug)]
struct Table {
    rows: HashMap<AccountName, Row>,
    /// What a password is compared with where no account is meant.
    decoy: Password,
    verified: Verified,
    /// `sms.region`.
    region: Region,
    /// `sms.max_parts`.
    max_parts: u8,
}

impl Table {
    /// The account in whose networks `addr` lies; the narrowest network decides, and of two equal ones neither.
    fn by_network(&self, addr: IpAddr) -> Option<&AccountName> {
        let mut found: Option<(u8, Option<&AccountName>)> = None;
        for (name, row) in &self.rows {
            for network in row.networks.iter().filter(|network| within(&[**network], addr)) {
                found = match found {
                    Some((length, _)) if length > network.1 => found,
                    Some((length, _)) if length == network.1 => Some((length, None)),
                    _ => Some((network.1, Some(name))),
                };
            }
        }
        found?.1
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

    async fn verify(&self, users: &[String], given: &[u8]) -> Result<Option<AccountName>, Busy> {
        let mut known: Vec<(AccountName, &Password)> = Vec::new();
        for name in users.iter().filter_map(|user| name(user)) {
            let password = self.rows.get(&name).and_then(|row| row.password.as_ref());
            if let Some(password) = password.filter(|_| known.iter().all(|(other, _)| *other != name)) {
                known.push((name, password));
            }
        }
        let found = if known.len() == 1 { known.pop() } else { None };
        if let Some((name, password)) = &found
            && self.verified.knows(name, password, given)
        {
            return Ok(Some(name.clone()));
        }
        let right = match &found {
            Some((_, password)) => password.verify(given).await?,
            None => self.decoy.verify(given).await?,
        };
        let hashed = found.as_ref().is_some_and(|(_, password)| password.is_hash());
        match found {
            Some((name, password)) if right => {
                if hashed {
                    self.verified.learn(&name, password, given);
                }
                Ok(Some(name))
            }
            // The unknown were measured with the decoy already; a plain password that is wrong takes as long.
            Some(_) if !hashed && self.decoy.is_hash() => self.decoy.verify(given).await.map(|_| None),
            _ => Ok(None),
        }
    }
}

/// A password nobody has, of the kind that is most expensive to check among these.
fn decoy(rows: &HashMap<AccountName, Row>) -> Password {
    let hashed = rows.values().filter_map(|row| row.password.as_ref()).filter(|p| p.is_hash());
    hashed.max_by_key(|p| p.cost()).cloned().unwrap_or_else(Password::decoy).never()
}

#[cfg(test)]
mod tests {
    use argon2::{Algorithm, Argon2, Params, Version, password_hash::PasswordHasher};

    use super::*;
    use crate::ground::Secret;

    fn hashed(password: &str, rounds: u32) -> Password {
        let params = Params::new(64, rounds, 1, None).expect("params");
        let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(password.as_bytes());
        Password::new(Secret::new(hash.expect("a hash").to_string())).expect("a hash")
    }

    fn accounts(rows: &[(&str, Option<Password>)]) -> Accounts {
        let rows = rows.iter().map(|(user, password)| {
            (user.parse().expect("a name"), Row { password: password.clone(), ..Row::default() })
        });
        Accounts::new(rows.collect(), "US".parse().expect("a region"), 3)
    }

    async fn who(accounts: &Accounts, users: &[&str], given: &str) -> Option<String> {
        let users: Vec<String> = users.iter().map(|&user| user.to_owned()).collect();
        let found = accounts.verify(&users, given.as_bytes()).await.expect("a turn");
        found.map(|name| name.as_str().to_owned())
    }

    #[tokio::test]
    async fn credentials_name_one_account_or_none() {
        let plain = |p: &str| Some(Password::new(Secret::new(p.to_owned())).expect("plain"));
        let accounts = accounts(&[
            ("john@acme.test", plain("one")),
            ("j%acme.test", plain("two")),
            ("j@acme.test", plain("two")),
            ("nagios", Some(hashed("three", 1))),
            ("quiet@acme.test", None),
            ("x@xn--bcher-kva.example", plain("four")),
        ]);
        for (users, given, found) in [
            (&["john%acme.test", "john@acme.test"][..], "one", Some("john@acme.test")),
            (&["JOHN@ACME.test"], "one", Some("john@acme.test")),
            // The same account read twice is one.
            (&["john@acme.test", "John@acme.test"], "one", Some("john@acme.test")),
            // Two that exist are refused, whatever the password is.
            (&["j%acme.test", "j@acme.test"], "two", None),
            (&["nagios"], "three", Some("nagios")),
            (&["nagios"], "one", None),
            (&["quiet@acme.test"], "", None),
            (&["nobody"], "nobody has this one", None),
            (&["x@Bücher.example"], "four", Some("x@xn--bcher-kva.example")),
            (&["a b"], "one", None),
        ] {
            assert_eq!(who(&accounts, users, given).await.as_deref(), found, "{users:?}");
            assert_eq!(who(&accounts, users, given).await.as_deref(), found, "{users:?}, asked again");
        }
    }

    #[tokio::test]
    async fn whoever_is_wrong_waits_as_long() {
        let (cheap, dear) = (hashed("pw", 1), hashed("pw", 3));
        let accounts = accounts(&[
            ("plain", Some(Password::new(Secret::new("pw".to_owned())).expect("plain"))),
            ("cheap", Some(cheap.clone())),
            ("dear", Some(dear.clone())),
        ]);
        let computed = |password: &Password| {
            let key = std::str::from_utf8(password.kept()).expect("a hash").to_owned();
            super::password::COMPUTED.lock().expect("nobody panics here").get(&key).copied().unwrap_or(0)
        };
        // Each costs the dearest hash once, and nothing else.
        for (n, user) in ["plain", "dear", "nobody", "plain"].into_iter().enumerate() {
            assert_eq!(who(&accounts, &[user], "wrong").await, None);
            assert_eq!((computed(&dear), computed(&cheap)), (u32::try_from(n).expect("few") + 1, 0), "{user}");
        }
    }
}
