//! `[brakes]`: limits over a stretch of time that hold for everybody.
//!
//! Without the table nothing of it holds but the limits on Martlet's own texts; with it, each key has its default.

use std::time::Duration;

use serde::Deserialize;
use toml::Value;

use super::{
    check::Check,
    value::{Read, Setting, Wrong},
};
use crate::accounts::{Brakes, Limit, Pace};

/// `{ max = 30, within = "1h" }`, or `"off"`.
pub struct Paced(pub Option<Pace>);

impl Read for Paced {
    fn read(value: &Value) -> Result<Self, Wrong> {
        const SHAPE: &str = "expected { max = 30, within = \"1h\" }, or \"off\"";
        if value.as_str() == Some("off") {
            return Ok(Self(None));
        }
        let table = value.as_table().ok_or(SHAPE)?;
        if let Some(odd) = table.keys().find(|key| !matches!(key.as_str(), "max" | "within")) {
            return Err(format!("unknown key `{odd}`: {SHAPE}").into());
        }
        let max = table.get("max").and_then(Value::as_integer).filter(|n| *n > 0).ok_or(SHAPE)?;
        let within = Duration::read(table.get("within").ok_or(SHAPE)?)?;
        if within.is_zero() {
            return Err("`within` must be more than 0".into());
        }
        Ok(Self(Some(Pace { max: max.unsigned_abs(), within })))
    }
}

/// What may be spent: `12.5`, in the currency of the gateways' `cost`, or `"unlimited"`.
pub struct Money(pub Limit);

impl Read for Money {
    fn read(value: &Value) -> Result<Self, Wrong> {
        if value.as_str() == Some("unlimited") {
            return Ok(Self(Limit::Unlimited));
        }
        let given = value.as_float().or_else(|| value.as_integer().map(|n| n as f64));
        match given {
            Some(most) if (0.000_001..=1e9).contains(&most) => Ok(Self(Limit::AtMost((most * 1e6).round() as u64))),
            Some(_) => Err("a cost is more than 0 and at most 1000000000, or \"unlimited\"".into()),
            None => Err("expected what may be spent, such as 12.5, or \"unlimited\"".into()),
        }
    }
}

/// `{ phone = 20, all = 200 }`.
struct Own {
    phone: Option<u64>,
    all: Option<u64>,
}

impl Read for Own {
    fn read(value: &Value) -> Result<Self, Wrong> {
        const SHAPE: &str = "expected { phone = 20, all = 200 }, numbers of texts a day";
        let table = value.as_table().ok_or(SHAPE)?;
        if let Some(odd) = table.keys().find(|key| !matches!(key.as_str(), "phone" | "all")) {
            return Err(format!("unknown key `{odd}`: {SHAPE}").into());
        }
        let number = |key: &str| match table.get(key) {
            None => Ok(None),
            Some(value) => value.as_integer().and_then(|n| u64::try_from(n).ok()).map(Some).ok_or(SHAPE),
        };
        Ok(Self { phone: number("phone")?, all: number("all")? })
    }
}

#[derive(Deserialize, Default)]
pub struct Keys {
    same_text: Option<Setting<Paced>>,
    new_numbers: Option<Setting<Paced>>,
    new_countries: Option<Setting<Paced>>,
    daily_max: Option<Setting<Limit>>,
    daily_cost: Option<Setting<Money>>,
    own_texts: Option<Setting<Own>>,
}

const HOUR: Duration = Duration::from_secs(3_600);

/// What holds: see the head of this file.
pub fn brakes(keys: Option<Keys>, check: &mut Check<'_>) -> Brakes {
    let Some(keys) = keys else { return Brakes::default() };
    let mut paced = |setting, max, within| {
        let default = Paced(Some(Pace { max, within }));
        check.take(setting).unwrap_or(default).0
    };
    let same_text = paced(keys.same_text, 30, HOUR);
    let new_numbers = paced(keys.new_numbers, 300, HOUR);
    let new_countries = paced(keys.new_countries, 3, 24 * HOUR);
    let own = check.take(keys.own_texts);
    let without = Brakes::default();
    Brakes {
        same_text,
        new_numbers,
        new_countries,
        daily_max: check.take(keys.daily_max).unwrap_or(Limit::Unlimited),
        daily_cost: check.take(keys.daily_cost).map_or(Limit::Unlimited, |Money(limit)| limit),
        own_phone: own.as_ref().and_then(|own| own.phone).unwrap_or(without.own_phone),
        own_all: own.and_then(|own| own.all).unwrap_or(without.own_all),
    }
}
