//! What bounds a gateway, whatever its type: how much, to whom, at what price, and when it counts as down.

use std::{collections::HashMap, time::Duration};

use serde::Deserialize;
use toml::Value;

use crate::{
    address::SenderId,
    config::{
        check::Check,
        value::{Read, Setting, Within, Wrong, quoted, text},
    },
    ground::Backoff,
    routing::{Area, Costs, Price, Reach, Shows, breaker::Rules, is_price_prefix},
};

/// Requests a second: whole or broken, above 0.
pub struct Rate(pub f64);

impl Read for Rate {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = value.as_float().or_else(|| value.as_integer().map(|n| n as f64));
        match given {
            Some(rate) if (0.001..=10_000.0).contains(&rate) => Ok(Self(rate)),
            Some(_) => Err("a rate is between 0.001 and 10000 requests a second".into()),
            None => Err("expected a number of requests a second, such as 10 or 0.5".into()),
        }
    }
}

impl Read for Area {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        given.parse().map_err(|_| {
            format!(
                "{} is neither the beginning of a number, such as \"+1\", nor a region, such as \"US\"",
                quoted(given)
            )
            .into()
        })
    }
}

/// A price, or prices by how the number begins.
pub struct Cost(pub Costs);

impl Read for Cost {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let Some(list) = value.as_table() else { return price(value).map(|price| Self(Costs::Flat(price))) };
        let mut prices = HashMap::new();
        for (prefix, value) in list {
            if !is_price_prefix(prefix) {
                let why = "is no beginning of a number such as \"+1\"; \"\" stands for all others";
                return Err(format!("{} {why}", quoted(prefix)).into());
            }
            prices.insert(prefix.clone(), price(value)?);
        }
        Ok(Self(Costs::ByPrefix(prices)))
    }
}

fn price(value: &Value) -> Result<Price, Wrong> {
    let given = value.as_float().or_else(|| value.as_integer().map(|n| n as f64));
    match given {
        Some(price) if (0.0..=1e6).contains(&price) => Ok(Price((price * 1e6).round() as u64)),
        Some(_) => Err("a price is between 0 and 1000000".into()),
        None => Err("expected a price of a segment such as 0.05, or prices by prefix such as { \"+1\" = 0.01 }".into()),
    }
}

/// Which senders it can show: none, any, or these.
pub struct Sender(pub Shows);

impl Read for Sender {
    fn read(value: &Value) -> Result<Self, Wrong> {
        match value {
            Value::Boolean(true) => Ok(Self(Shows::Anybody)),
            Value::Boolean(false) => Ok(Self(Shows::Nobody)),
            Value::Array(list) => {
                list.iter().map(SenderId::read).collect::<Result<_, _>>().map(|l| Self(Shows::Only(l)))
            }
            _ => Err("expected true, false, or a list of senders such as [\"Acme\"]".into()),
        }
    }
}

/// When a gateway counts as down.
#[derive(Deserialize, Default)]
pub struct BreakerKeys {
    faults: Option<Setting<Within<1, 1000>>>,
    error_rate: Option<Setting<Within<1, 100>>>,
    stuck: Option<Setting<Duration>>,
}

pub fn breaker(keys: BreakerKeys, check: &mut Check<'_>) -> Breaker {
    let whole = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let usual = Rules::default();
    Breaker {
        faults: check.take(keys.faults).map_or(usual.faults, |n| whole(n.0)),
        error_rate: check.take(keys.error_rate).map_or(usual.error_rate, |n| whole(n.0)),
        stuck: check.time(keys.stuck, usual.stuck),
    }
}

/// The breaker without its pauses, which are those of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    pub faults: u32,
    pub error_rate: u32,
    pub stuck: Duration,
}

impl Breaker {
    /// With the pauses of the queue; a gateway is tried again after five minutes at the latest.
    pub fn rules(&self, retry: Backoff) -> Rules {
        let longest = Duration::from_secs(300);
        let pause = Backoff { min: retry.min.min(longest), max: retry.max.min(longest) };
        Rules { faults: self.faults, error_rate: self.error_rate, stuck: self.stuck, pause }
    }
}

/// Areas as they are written.
pub fn reach(allow: Option<Vec<Setting<Area>>>, deny: Option<Vec<Setting<Area>>>, check: &mut Check<'_>) -> Reach {
    Reach { allow: check.list(allow), deny: check.list(deny) }
}
