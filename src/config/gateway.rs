//! `[[gateway]]`: ways to the mobile network.
//!
//! What can go wrong beyond bad values: two gateways with one id, keys of one type at a gateway of another.

mod bounds;
mod doors;
mod http;
mod modem;
mod provider;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::Deserialize;
use toml::{Spanned, Value};

pub use bounds::Breaker;
use bounds::{BreakerKeys, Cost, Rate, Sender};
pub use doors::clashes;
pub use http::{Answer, Http, Method, Wire};
use http::{AnswerKeys, SplitWord, http, only_http};
pub use modem::Modem;
use modem::{BalanceKeys, Memory, Smsc, modem, only_modem};
pub use provider::{Base, HookAt, Provider};
use provider::{Given, HookKeys, Named, only_provider, provider};

use super::{
    check::Check,
    error::Place,
    later::not_available,
    secret::Origin,
    value::{Read, Setting, Within, Wrong, domain, one_of, quoted, text},
};
use crate::{
    address::{Destination, Numbering},
    dispatch::policy::OnUnsure,
    gateway::modem::Device,
    ground::{GatewayId, Secret},
    routing::{Area, Costs, Reach, Shows},
};

#[derive(Deserialize)]
pub struct Keys {
    id: Option<Setting<GatewayId>>,
    #[serde(rename = "type")]
    kind: Option<Setting<Type>>,
    active: Option<Setting<bool>>,
    send: Option<Setting<bool>>,
    receive: Option<Setting<bool>>,
    number: Option<Setting<String>>,
    description: Option<Setting<String>>,
    from: Option<Setting<PhoneFrom>>,
    priority: Option<Setting<Within<1, 1000>>>,
    weight: Option<Setting<Within<1, 1000>>>,
    window: Option<Setting<Within<1, 1000>>>,
    rate: Option<Setting<Rate>>,
    daily_max: Option<Setting<Within<1, 1_000_000_000>>>,
    allow: Option<Vec<Setting<Area>>>,
    deny: Option<Vec<Setting<Area>>>,
    cost: Option<Setting<Cost>>,
    validity: Option<Setting<Duration>>,
    sender: Option<Setting<Sender>>,
    breaker: Option<BreakerKeys>,
    on_unsure: Option<Setting<OnUnsure>>,
    password: Option<Setting<Origin>>,
    url: Option<Setting<Origin>>,
    provider: Option<Setting<Named>>,
    settings: Option<BTreeMap<String, Setting<Given>>>,
    public_url: Option<Setting<Base>>,
    hook: Option<BTreeMap<String, HookKeys>>,
    method: Option<Setting<Method>>,
    body: Option<Setting<Origin>>,
    headers: Option<BTreeMap<String, Setting<Origin>>>,
    timeout: Option<Setting<Duration>>,
    connect_timeout: Option<Setting<Duration>>,
    split: Option<Setting<SplitWord>>,
    answer: Option<AnswerKeys>,
    ca: Option<Setting<PathBuf>>,
    client_cert: Option<Setting<PathBuf>>,
    client_key: Option<Setting<PathBuf>>,
    proxy: Option<Setting<Origin>>,
    keep_alive: Option<Setting<Duration>>,
    log_payload: Option<Setting<Duration>>,
    device: Option<Setting<Device>>,
    baud: Option<Setting<Within<300, 4_000_000>>>,
    pin: Option<Setting<Origin>>,
    smsc: Option<Setting<Smsc>>,
    storage: Option<Setting<Memory>>,
    direct: Option<Setting<bool>>,
    receipts: Option<Setting<bool>>,
    search: Option<Vec<Setting<PathBuf>>>,
    balance: Option<BalanceKeys>,
}

/// One gateway as declared.
#[derive(Debug, Clone, PartialEq)]
pub struct Gateway {
    pub id: GatewayId,
    /// Takes no part when false, whatever `send` and `receive` say.
    pub active: bool,
    pub send: bool,
    pub receive: bool,
    /// Our number there.
    pub number: Option<Destination>,
    pub description: Option<String>,
    /// `From:` of mails made of its texts; `None`: `%s@` and the first SMS domain.
    pub from: Option<PhoneFrom>,
    /// Lower is preferred.
    pub priority: u16,
    /// Share among equal priorities.
    pub weight: u16,
    /// Attempts in flight at once.
    pub window: usize,
    /// Requests a second.
    pub rate: Option<f64>,
    /// Segments a calendar day.
    pub daily_max: Option<u64>,
    pub reach: Reach,
    pub costs: Costs,
    /// The longest validity that is passed on.
    pub validity: Option<Duration>,
    /// Which senders it can show; `None`: any, where its requests name one.
    pub shows: Option<Shows>,
    pub breaker: Breaker,
    pub on_unsure: OnUnsure,
    /// For `/sms/deliver.html`; `None`: that call is refused for this gateway.
    pub password: Option<Secret<String>>,
    pub kind: Kind,
}

/// What kind of gateway, and what only that kind has.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Http(Box<Http>),
    Handset,
    Modem(Box<Modem>),
    Provider(Box<Provider>),
}

impl Read for OnUnsure {
    fn read(value: &Value) -> Result<Self, Wrong> {
        one_of(value, &[("report", Self::Report), ("retry", Self::Retry), ("hold", Self::Hold)])
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Http,
    Handset,
    Modem,
}

impl Read for Type {
    fn read(value: &Value) -> Result<Self, Wrong> {
        if let given @ ("smpp" | "sip" | "xmpp") = text(value)? {
            return Err(not_available(&format!("type = \"{given}\"")).into());
        }
        one_of(value, &[("http", Self::Http), ("modem", Self::Modem), ("handset", Self::Handset)])
    }
}

/// The sender of mails made of texts: one `%s` or `{number}` stands for the phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneFrom(String);

impl PhoneFrom {
    /// The pattern with `%s` for the phone.
    pub fn pattern(&self) -> String {
        self.0.replacen("{number}", "%s", 1)
    }

    /// The address of one phone.
    pub fn of(&self, phone: &str) -> String {
        self.0.replacen("%s", phone, 1).replacen("{number}", phone, 1)
    }
}

impl Read for PhoneFrom {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        if given.matches("%s").count() + given.matches("{number}").count() != 1 {
            return Err("one `%s` (the phone's number) is needed, as in \"sms:%s@sms.example.com\"".into());
        }
        if given.chars().any(|c| c.is_control() || matches!(c, '<' | '>')) {
            return Err("only an address: no control characters, no < >".into());
        }
        let sound = match given.rsplit_once('@') {
            Some((_, host)) => domain(host).is_some(),
            None => matches!(given, "%s" | "{number}"),
        };
        if sound {
            Ok(Self(given.to_owned()))
        } else {
            Err(format!("{} is no address such as \"sms:%s@sms.example.com\"", quoted(given)).into())
        }
    }
}

pub fn gateway(keys: Spanned<Keys>, numbering: Option<Numbering>, check: &mut Check<'_>) -> Option<(Gateway, Place)> {
    let header = check.place(&keys.span());
    let mut keys = keys.into_inner();
    if keys.id.is_none() {
        check.missing(&header, "id", "a name of 1 to 64 letters, digits, _ and -");
    }
    if keys.kind.is_none() {
        check.missing(&header, "type", "\"http\", \"modem\" or \"handset\"");
    }
    let id = check.placed(keys.id.take());
    let kind = match check.take(keys.kind.take()) {
        Some(Type::Http) => {
            only_modem(&keys, check);
            if keys.provider.is_some() {
                provider(&mut keys, check).map(|provider| Kind::Provider(Box::new(provider)))
            } else {
                only_provider(&keys, check);
                http(&mut keys, &header, check).map(|http| Kind::Http(Box::new(http)))
            }
        }
        Some(Type::Modem) => {
            only_http(&keys, check);
            modem(&mut keys, &header, check).map(|modem| Kind::Modem(Box::new(modem)))
        }
        Some(Type::Handset) => {
            only_http(&keys, check);
            only_modem(&keys, check);
            Some(Kind::Handset)
        }
        None => None,
    };
    let number = check.number(keys.number, numbering).map(|(number, _)| number);
    let small = |n: u64| u16::try_from(n).unwrap_or(u16::MAX);
    let active = check.take(keys.active).unwrap_or(true);
    let send = check.take(keys.send).unwrap_or(true);
    let receive = check.take(keys.receive).unwrap_or(true);
    let description = check.take(keys.description);
    let from = check.take(keys.from);
    let priority = check.take(keys.priority).map_or(1, |n| small(n.0));
    let weight = check.take(keys.weight).map_or(1, |n| small(n.0));
    let of_provider = match &kind {
        Some(Kind::Provider(provider)) => provider.definition.rate,
        _ => crate::provider::definition::Rate::default(),
    };
    let usual = of_provider.concurrency.map_or(10, usize::from);
    let window = check.take(keys.window).map_or(usual, |n| usize::try_from(n.0).unwrap_or(1));
    let usual = of_provider.requests.map(|(n, time)| f64::from(n) / time.as_secs_f64().max(0.001));
    let rate = check.take(keys.rate).map(|rate| rate.0).or(usual);
    let daily_max = check.take(keys.daily_max).map(|n| n.0);
    let reach = bounds::reach(keys.allow, keys.deny, check);
    let costs = check.take(keys.cost).map(|cost| cost.0).unwrap_or_default();
    let validity = keys.validity.map(|validity| check.time(Some(validity), Duration::from_secs(1)));
    let shows = check.take(keys.sender).map(|sender| sender.0);
    let breaker = bounds::breaker(keys.breaker.unwrap_or_default(), check);
    let on_unsure = check.take(keys.on_unsure).unwrap_or_default();
    let password = check.password(keys.password);
    let (id, place) = id?;
    let kind = kind?;
    let gateway = Gateway {
        id,
        active,
        send,
        receive,
        number,
        description,
        from,
        priority,
        weight,
        window,
        rate,
        daily_max,
        reach,
        costs,
        validity,
        shows,
        breaker,
        on_unsure,
        password,
        kind,
    };
    Some((gateway, place))
}

/// One name, one gateway; over all files.
pub fn unique(gateways: &[(Gateway, Place)], check: &mut Check<'_>) {
    let mut seen: BTreeMap<String, &Place> = BTreeMap::new();
    for (gateway, place) in gateways {
        // Compared without case: `Main` and `main` side by side are a slip of the pen.
        if let Some(first) = seen.get(&gateway.id.as_str().to_ascii_lowercase()) {
            let cause = format!("the gateway id `{}` is taken already, in {}", gateway.id, first.line());
            check.wrong(place, cause);
        } else {
            seen.insert(gateway.id.as_str().to_ascii_lowercase(), place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_of_phones_texts() {
        let read = |given: &str| PhoneFrom::read(&Value::String(given.into())).map_err(|w| w.cause);
        let from = read("sms:%s@sms.example.test").expect("from");
        assert_eq!(from.of("+15551234567"), "sms:+15551234567@sms.example.test");
        assert!(read("%s").is_ok(), "only the number: there is no way to reply");
        for bad in ["", "sms@x.test", "%s%s@x.test", "%s@", "%s@a b", "<%s@x.test>", "%s\n@x.test", "a%s"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
