//! `type = "modem"`: what only these gateways have.
//!
//! What can go wrong beyond bad values: a number of a service centre that is none, and these keys at a gateway of another
//! type.

use std::{path::PathBuf, time::Duration};

use regex::Regex;
use serde::Deserialize;
use toml::Value;

use super::Keys;
use crate::{
    config::{
        check::Check,
        error::Place,
        schema::article,
        value::{Read, Setting, Within, Wrong, quoted, text},
    },
    gateway::modem::{Balance, Device},
    ground::Secret,
    sms::tpdu::Address,
};

#[derive(Deserialize, Default)]
pub struct BalanceKeys {
    code: Option<Setting<Code>>,
    every: Option<Setting<Duration>>,
    amount: Option<Setting<Regex>>,
    warn_below: Option<Setting<Amount>>,
}

/// `type = "modem"`.
#[derive(Clone, PartialEq)]
pub struct Modem {
    pub device: Device,
    pub baud: u32,
    pub pin: Option<Secret<String>>,
    pub smsc: Option<String>,
    pub storage: Option<String>,
    pub direct: bool,
    pub receipts: bool,
    pub search: Option<Vec<PathBuf>>,
    pub balance: Option<Balance>,
}

/// Without numbers and the PIN.
impl std::fmt::Debug for Modem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Modem({})", self.device)
    }
}

/// A code such as `*100#`.
struct Code(String);

impl Read for Code {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        let sound = (2..=40).contains(&given.len()) && given.bytes().all(|c| matches!(c, b'0'..=b'9' | b'*' | b'#'));
        if sound {
            Ok(Self(given.to_owned()))
        } else {
            Err(format!("{} is no code such as \"*100#\"", quoted(given)).into())
        }
    }
}

struct Amount(f64);

impl Read for Amount {
    fn read(value: &Value) -> Result<Self, Wrong> {
        match value {
            Value::Float(amount) if amount.is_finite() => Ok(Self(*amount)),
            // Amounts are small: nothing is lost.
            Value::Integer(amount) => Ok(Self(f64::from(i32::try_from(*amount).unwrap_or(i32::MAX)))),
            other => Err(format!("expected a number, found {}", article(other.type_str())).into()),
        }
    }
}

impl Read for Device {
    fn read(value: &Value) -> Result<Self, Wrong> {
        text(value)?.parse().map_err(|why: &str| why.into())
    }
}

/// A number of a service centre.
pub struct Smsc(String);

impl Read for Smsc {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        match Address::number(given) {
            Some(_) => Ok(Self(given.to_owned())),
            None => Err(format!("{} is no number such as \"+15550000000\"", quoted(given)).into()),
        }
    }
}

/// A name of a memory.
pub struct Memory(String);

impl Read for Memory {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        let sound = given.len() == 2 && given.bytes().all(|c| c.is_ascii_uppercase());
        if sound {
            Ok(Self(given.to_owned()))
        } else {
            Err(format!("{} is no memory such as \"SM\" or \"ME\"", quoted(given)).into())
        }
    }
}

/// Notes keys of a modem at a gateway of another type.
pub fn only_modem(keys: &Keys, check: &mut Check<'_>) {
    let balance = keys.balance.as_ref();
    let spans = [
        ("device", keys.device.as_ref().map(|s| &s.span)),
        ("baud", keys.baud.as_ref().map(|s| &s.span)),
        ("pin", keys.pin.as_ref().map(|s| &s.span)),
        ("smsc", keys.smsc.as_ref().map(|s| &s.span)),
        ("storage", keys.storage.as_ref().map(|s| &s.span)),
        ("direct", keys.direct.as_ref().map(|s| &s.span)),
        ("receipts", keys.receipts.as_ref().map(|s| &s.span)),
        ("search", keys.search.as_ref().and_then(|list| list.first()).map(|s| &s.span)),
        ("balance", balance.and_then(|b| b.code.as_ref()).map(|s| &s.span)),
    ];
    for (name, span) in spans {
        if let Some(span) = span {
            let place = check.place(span);
            check.wrong(&place, format!("only a gateway of type = \"modem\" has `{name}`"));
        }
    }
}

pub fn modem(keys: &mut Keys, header: &Place, check: &mut Check<'_>) -> Option<Modem> {
    if keys.device.is_none() {
        check.missing(header, "device", "such as \"/dev/serial/by-id/…\", \"/dev/ttyUSB0\" or \"tcp://host:port\"");
    }
    let device = check.take(keys.device.take());
    let baud =
        check.take(keys.baud.take()).map_or(115_200, |n: Within<300, 4_000_000>| u32::try_from(n.0).unwrap_or(115_200));
    let pin = check.secret(keys.pin.take()).and_then(|(pin, place)| {
        let sound = (4..=8).contains(&pin.expose().len()) && pin.expose().bytes().all(|c| c.is_ascii_digit());
        if !sound {
            check.wrong(&place, "a PIN has 4 to 8 digits");
        }
        sound.then_some(pin)
    });
    let search = keys.search.take().map(|list| check.list(Some(list)));
    Some(Modem {
        baud,
        pin,
        smsc: check.take(keys.smsc.take()).map(|Smsc(smsc)| smsc),
        storage: check.take(keys.storage.take()).map(|Memory(memory)| memory),
        direct: check.take(keys.direct.take()).unwrap_or(false),
        receipts: check.take(keys.receipts.take()).unwrap_or(true),
        search,
        balance: keys.balance.take().and_then(|keys| balance(keys, header, check)),
        device: device?,
    })
}

fn balance(keys: BalanceKeys, header: &Place, check: &mut Check<'_>) -> Option<Balance> {
    if keys.code.is_none() {
        check.missing(header, "balance.code", "such as \"*100#\"");
    }
    let default = || Regex::new(r"(\d+[.,]\d{1,2})").expect("invariant: a pattern that compiles");
    Some(Balance {
        every: check.time(keys.every, Duration::from_secs(86_400)),
        amount: check.take(keys.amount).unwrap_or_else(default),
        warn_below: check.take(keys.warn_below).map(|Amount(amount)| amount),
        code: check.take(keys.code)?.0,
    })
}
