//! `[[account]]`: who may send, by which gateway, how much.
//!
//! What can go wrong beyond bad values: two accounts of one name, a gateway that is not there.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use jiff::{civil::Date, tz::TimeZone};
use serde::Deserialize;
use toml::{Spanned, Value};

use super::{
    brakes::{Money, Paced},
    check::{Check, days},
    error::Place,
    folders::Folder,
    net::Network,
    route::Classes,
    secret::Origin,
    sms,
    value::{Read, Setting, Within, Wrong, domain, one_of, quoted, text},
};
use crate::{
    accounts::{Count, Limit, Pace, Wording},
    address::{Destination, Mailbox, Number, Numbering, Region, SenderId},
    ground::{AccountName, GatewayId, Secret, Timestamp},
    mail::Template,
    routing::Class,
    sms::fit::Overflow,
};

#[derive(Deserialize)]
pub struct Keys {
    user: Option<Setting<User>>,
    password: Option<Setting<Origin>>,
    active: Option<Setting<bool>>,
    expires: Option<Setting<Day>>,
    monthly_max: Option<Setting<Limit>>,
    count: Option<Setting<Count>>,
    rate: Option<Setting<Paced>>,
    daily_max: Option<Setting<Limit>>,
    daily_cost: Option<Setting<Money>>,
    shared: Option<Setting<bool>>,
    max_parts: Option<Setting<Within<1, 128>>>,
    regions: Option<Vec<Setting<Region>>>,
    senders: Option<Vec<Setting<SenderId>>>,
    phone: Option<Setting<String>>,
    reply: Option<Setting<Mailbox>>,
    addresses: Option<Vec<Setting<Mailbox>>>,
    gateway: Option<Setting<GatewayId>>,
    class: Option<Setting<Classes>>,
    sender_required: Option<Setting<bool>>,
    short_codes: Option<Setting<bool>>,
    premium: Option<Setting<bool>>,
    expire_after: Option<Setting<Duration>>,
    value: Option<Setting<bool>>,
    description: Option<Setting<String>>,
    folder: Option<Setting<Folder>>,
    networks: Option<Vec<Setting<Network>>>,
    template: Option<Setting<Template>>,
    strip: Option<Vec<Setting<sms::Cut>>>,
    placeholder: Option<Setting<String>>,
    attachment_notice: Option<Setting<Template>>,
    overflow: Option<Setting<Overflow>>,
    truncation_notice: Option<Setting<bool>>,
}

/// One declared account. `None`: inherited from the domain's account, then from `*`.
#[derive(Debug, Clone)]
pub struct Account {
    pub user: AccountName,
    /// Plain, or an argon2 hash (`$argon2id$…`).
    pub password: Option<Secret<String>>,
    pub active: Option<bool>,
    /// From this moment on it may not send.
    pub expires: Option<Timestamp>,
    pub monthly_max: Option<Limit>,
    pub count: Option<Count>,
    pub rate: Option<Pace>,
    /// Segments.
    pub daily_max: Option<Limit>,
    /// In millionths.
    pub daily_cost: Option<Limit>,
    /// One pool of limits for everybody under a domain or under `*`.
    pub shared: bool,
    pub max_parts: Option<u8>,
    pub regions: Option<Vec<Region>>,
    pub senders: Option<Vec<SenderId>>,
    pub phone: Option<Number>,
    /// Where replies and reports go.
    pub reply: Option<Mailbox>,
    /// Other mail addresses of the same person.
    pub addresses: Vec<Mailbox>,
    /// A gateway or a group.
    pub gateway: Option<GatewayId>,
    /// Whose routes it may use.
    pub classes: Option<Vec<Class>>,
    /// Rather not at all than without the wished sender.
    pub sender_required: Option<bool>,
    pub short_codes: Option<bool>,
    /// Numbers that cost whoever writes to them extra.
    pub premium: Option<bool>,
    /// Life of its texts, instead of `queue.expire`.
    pub expire_after: Option<Duration>,
    /// `value=` in addresses is allowed.
    pub value: Option<bool>,
    pub description: Option<String>,
    /// Where texts of phones go instead of the inbox.
    pub folder: Option<String>,
    /// Networks whose programs send as this account, by the `xforward` of their mail server.
    pub networks: Vec<(IpAddr, u8)>,
    /// How its mails become texts.
    pub wording: Wording,
}

impl Read for Limit {
    fn read(value: &Value) -> Result<Self, Wrong> {
        match value {
            Value::String(word) if word == "unlimited" => Ok(Self::Unlimited),
            Value::Integer(0) => Err("a limit of 0 sends nothing: write active = false, or \"unlimited\"".into()),
            Value::Integer(n) if (1..=1_000_000_000_000).contains(n) => Ok(Self::AtMost(n.unsigned_abs())),
            _ => Err("expected a number of segments from 1 on, or \"unlimited\"".into()),
        }
    }
}

impl Read for Count {
    fn read(value: &Value) -> Result<Self, Wrong> {
        one_of(value, &[("segments", Self::Segments), ("messages", Self::Messages)])
    }
}

/// A calendar day: `2027-01-31`, quoted or not.
struct Day(Date);

impl Read for Day {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let written = match value {
            Value::Datetime(moment) if moment.time.is_none() => moment.to_string(),
            Value::String(written) => written.clone(),
            _ => String::new(),
        };
        written.parse().map(Self).map_err(|_| "expected a day such as 2027-01-31".into())
    }
}

/// The kinds of account names: a mail address, `@domain`, `*`, or a plain name.
struct User(AccountName);

impl Read for User {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        let name = match given.split_once('@') {
            Some(("", host)) => format!(
                "@{}",
                domain(host).ok_or_else(|| format!("{} names no domain: write \"@example.com\"", quoted(given)))?
            ),
            Some(("*", host)) => {
                return Err(format!("for a whole domain write \"@{}\"", quoted(host).trim_matches('`')).into());
            }
            Some(_) => {
                let address: Mailbox =
                    given.parse().map_err(|_| format!("{} is not a plain mail address", quoted(given)))?;
                address.as_str().to_owned()
            }
            None if given.contains(['*', '?']) && given != "*" => {
                return Err("patterns are not accounts: a mail address, \"@domain\", \"*\" or a plain name".into());
            }
            None => given.to_owned(),
        };
        name.parse().map(Self).map_err(|why| Wrong::from(format!("{why}")))
    }
}

pub fn account(
    keys: Spanned<Keys>,
    numbering: Option<Numbering>,
    zone: &TimeZone,
    check: &mut Check<'_>,
) -> Option<(Account, Place, Option<Place>)> {
    let header = check.place(&keys.span());
    let keys = keys.into_inner();
    if keys.user.is_none() {
        check.missing(&header, "user", "a mail address, \"@domain\", \"*\" or a plain name");
    }
    let user = check.placed(keys.user);
    let expires = expires(keys.expires, zone, check);
    let phone = phone(keys.phone, numbering, check);
    let shared = check.placed(keys.shared);
    let password = check.password(keys.password);
    let active = check.take(keys.active);
    let monthly_max = check.take(keys.monthly_max);
    let count = check.take(keys.count);
    let rate = check.take(keys.rate).and_then(|Paced(pace)| pace);
    let daily_max = check.take(keys.daily_max);
    let daily_cost = check.take(keys.daily_cost).map(|Money(limit)| limit);
    let max_parts = check.take(keys.max_parts).map(|n| u8::try_from(n.0).unwrap_or(u8::MAX));
    let regions = keys.regions.map(|list| check.list(Some(list)));
    let senders = keys.senders.map(|list| check.list(Some(list)));
    let reply = check.take(keys.reply);
    let addresses = check.list(keys.addresses);
    let gateway = check.placed(keys.gateway);
    let classes = check.take(keys.class).map(|Classes(classes)| classes);
    let sender_required = check.take(keys.sender_required);
    let short_codes = check.take(keys.short_codes);
    let premium = check.take(keys.premium);
    let expire_after = keys.expire_after.map(|given| check.time(Some(given), days(5)));
    let value = check.take(keys.value);
    let description = check.take(keys.description);
    let folder = check.take(keys.folder).map(|Folder(name)| name);
    let networks = check.placed_list(keys.networks);
    let wording = Wording {
        template: check.take(keys.template),
        strip: sms::strip(keys.strip, check),
        placeholder: check.take(keys.placeholder).map(|words| words.trim().to_owned()),
        attachment_notice: check.take(keys.attachment_notice),
        overflow: check.take(keys.overflow),
        truncation_notice: check.take(keys.truncation_notice),
    };
    let (user, place) = user?;
    let whole = user.0.as_str().starts_with(['@', '*']);
    if let (Some((true, at)), false) = (&shared, whole) {
        check.wrong(at, "only a domain (\"@example.com\") or \"*\" is shared by several people");
    }
    if let (Some((_, at)), true) = (networks.first(), whole) {
        check.wrong(at, "programs send as one account, not as a domain or everybody");
    }
    let networks = networks.into_iter().map(|(Network(addr, length), _)| (addr, length)).collect();
    let (gateway, gateway_place) = gateway.unzip();
    let account = Account {
        user: user.0,
        password,
        active,
        expires,
        monthly_max,
        count,
        rate,
        daily_max,
        daily_cost,
        shared: shared.is_some_and(|(shared, _)| shared),
        max_parts,
        regions,
        senders,
        phone,
        reply,
        addresses,
        gateway,
        classes,
        sender_required,
        short_codes,
        premium,
        expire_after,
        value,
        description,
        folder,
        networks,
        wording,
    };
    Some((account, place, gateway_place))
}

/// The end of the last day on which an account may send.
fn expires(setting: Option<Setting<Day>>, zone: &TimeZone, check: &mut Check<'_>) -> Option<Timestamp> {
    let (Day(day), place) = check.placed(setting)?;
    let end = day.tomorrow().ok().and_then(|next| next.to_zoned(zone.clone()).ok());
    if end.is_none() {
        check.wrong(&place, "this day is out of range");
    }
    end.map(|moment| Timestamp(moment.timestamp().as_millisecond()))
}

fn phone(setting: Option<Setting<String>>, numbering: Option<Numbering>, check: &mut Check<'_>) -> Option<Number> {
    match check.number(setting, numbering)? {
        (Destination::Number(number), _) => Some(number),
        (Destination::Short(_), place) => {
            check.wrong(&place, "this is a short code, not a phone's number");
            None
        }
    }
}

/// Accounts among each other.
pub fn together(accounts: &[(Account, Place, Option<Place>)], check: &mut Check<'_>) {
    let mut seen: HashMap<&AccountName, &Place> = HashMap::new();
    for (account, place, _) in accounts {
        if let Some(first) = seen.get(&account.user) {
            let cause = format!("the account `{}` is declared already, in {}", account.user, first.line());
            check.wrong(place, cause);
        } else {
            seen.insert(&account.user, place);
        }
        let twice = account.networks.iter().find_map(|network| {
            let other =
                accounts.iter().find(|(other, ..)| other.user != account.user && other.networks.contains(network));
            other.filter(|(other, ..)| other.user < account.user).map(|(other, ..)| (network, other))
        });
        if let Some(((addr, length), other)) = twice {
            check.wrong(place, format!("the network {addr}/{length} is `{}`'s already", other.user));
        }
    }
}
