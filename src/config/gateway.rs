//! `[[gateway]]`: ways to the mobile network.
//!
//! What can go wrong beyond bad values: two gateways with one id, keys of one type at a gateway of another. URL
//! templates, bodies and header values are kept as written with their place; the gateway's own parser reads them.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use regex::Regex;
use serde::Deserialize;
use toml::{Spanned, Value};

use super::{
    check::{Check, seconds},
    error::Place,
    later::not_available,
    secret::{Origin, Written},
    value::{Read, Setting, Within, Wrong, domain, one_of, quoted, text},
};
use crate::{
    address::{Destination, Numbering},
    dispatch::policy::OnUnsure,
    gateway::Split,
    ground::{GatewayId, Secret},
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
    on_unsure: Option<Setting<OnUnsure>>,
    password: Option<Setting<Origin>>,
    url: Option<Setting<Origin>>,
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
}

#[derive(Deserialize, Default)]
struct AnswerKeys {
    success: Option<Setting<Regex>>,
    permanent: Option<Setting<Regex>>,
    temporary: Option<Setting<Regex>>,
    throttled: Option<Setting<Regex>>,
    id: Option<Setting<Regex>>,
}

/// One gateway as declared.
#[derive(Debug, Clone)]
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
    pub on_unsure: OnUnsure,
    /// For `/sms/deliver.html`; `None`: that call is refused for this gateway.
    pub password: Option<Secret<String>>,
    pub kind: Kind,
}

/// What kind of gateway, and what only that kind has.
#[derive(Debug, Clone)]
pub enum Kind {
    Http(Box<Http>),
    Handset,
}

/// `type = "http"`.
#[derive(Debug, Clone)]
pub struct Http {
    /// A template.
    pub url: Written,
    pub method: Method,
    /// A template, for POST.
    pub body: Option<Written>,
    /// Names as written; values are templates.
    pub headers: Vec<(String, Written)>,
    pub timeout: Duration,
    pub connect_timeout: Duration,
    pub split: Split,
    pub answer: Answer,
    /// PEM files.
    pub ca: Option<PathBuf>,
    /// Certificate and key, PEM; the key may stand in the certificate's file.
    pub client_cert: Option<(PathBuf, Option<PathBuf>)>,
    /// `http://user:password@host:port`.
    pub proxy: Option<Written>,
}

/// How answers are told apart; `None`: by the HTTP status alone.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub success: Option<Regex>,
    pub permanent: Option<Regex>,
    pub temporary: Option<Regex>,
    pub throttled: Option<Regex>,
    /// Its first group is the network's id.
    pub id: Option<Regex>,
}

/// The HTTP method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

impl Read for Method {
    fn read(value: &Value) -> Result<Self, Wrong> {
        one_of(value, &[("GET", Self::Get), ("POST", Self::Post)])
    }
}

impl Read for OnUnsure {
    fn read(value: &Value) -> Result<Self, Wrong> {
        one_of(value, &[("report", Self::Report), ("retry", Self::Retry), ("hold", Self::Hold)])
    }
}

struct SplitWord(Split);

impl Read for SplitWord {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let words = [("provider", Split::Provider), ("udh", Split::Udh), ("separate", Split::Separate)];
        one_of(value, &words).map(Self)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Http,
    Handset,
}

impl Read for Type {
    fn read(value: &Value) -> Result<Self, Wrong> {
        if let given @ ("modem" | "smpp" | "sip" | "xmpp") = text(value)? {
            return Err(not_available(&format!("type = \"{given}\"")).into());
        }
        one_of(value, &[("http", Self::Http), ("handset", Self::Handset)])
    }
}

/// The sender of mails made of texts: one `%s` or `{number}` stands for the phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneFrom(String);

impl PhoneFrom {
    /// Only the number: it becomes the display name, and there is no way to reply.
    pub fn is_name_only(&self) -> bool {
        !self.0.contains('@')
    }

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
        check.missing(&header, "type", "\"http\" or \"handset\"");
    }
    let id = check.placed(keys.id.take());
    let kind = match check.take(keys.kind.take()) {
        Some(Type::Http) => http(&mut keys, &header, check).map(|http| Kind::Http(Box::new(http))),
        Some(Type::Handset) => {
            only_http(&keys, check);
            Some(Kind::Handset)
        }
        None => None,
    };
    let number = check.placed(keys.number).and_then(|(written, place)| match numbering?.read(&written) {
        Ok(reading) => Some(reading.destination),
        Err(why) => {
            check.wrong(&place, format!("this number cannot be used: {why}"));
            None
        }
    });
    let small = |n: u64| u16::try_from(n).unwrap_or(u16::MAX);
    let active = check.take(keys.active).unwrap_or(true);
    let send = check.take(keys.send).unwrap_or(true);
    let receive = check.take(keys.receive).unwrap_or(true);
    let description = check.take(keys.description);
    let from = check.take(keys.from);
    let priority = check.take(keys.priority).map_or(1, |n| small(n.0));
    let weight = check.take(keys.weight).map_or(1, |n| small(n.0));
    let window = check.take(keys.window).map_or(10, |n| usize::try_from(n.0).unwrap_or(1));
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
        on_unsure,
        password,
        kind,
    };
    Some((gateway, place))
}

/// Keys of `type = "http"` at another type.
fn only_http(keys: &Keys, check: &mut Check<'_>) {
    let answer = keys.answer.as_ref();
    let spans = [
        ("url", keys.url.as_ref().map(|s| &s.span)),
        ("method", keys.method.as_ref().map(|s| &s.span)),
        ("body", keys.body.as_ref().map(|s| &s.span)),
        ("headers", keys.headers.as_ref().and_then(|h| h.values().next()).map(|s| &s.span)),
        ("timeout", keys.timeout.as_ref().map(|s| &s.span)),
        ("connect_timeout", keys.connect_timeout.as_ref().map(|s| &s.span)),
        ("split", keys.split.as_ref().map(|s| &s.span)),
        ("answer", answer.and_then(|a| a.success.as_ref().or(a.id.as_ref()).or(a.permanent.as_ref())).map(|s| &s.span)),
        ("ca", keys.ca.as_ref().map(|s| &s.span)),
        ("client_cert", keys.client_cert.as_ref().map(|s| &s.span)),
        ("client_key", keys.client_key.as_ref().map(|s| &s.span)),
        ("proxy", keys.proxy.as_ref().map(|s| &s.span)),
    ];
    for (name, span) in spans {
        if let Some(span) = span {
            let place = check.place(span);
            check.wrong(&place, format!("only a gateway of type = \"http\" has `{name}`"));
        }
    }
}

fn http(keys: &mut Keys, header: &Place, check: &mut Check<'_>) -> Option<Http> {
    if keys.url.is_none() {
        check.missing(header, "url", "such as \"https://provider.example/send?to=%number%&text=%data%\"");
    }
    let url = check.written(keys.url.take()).filter(|url| {
        let given = url.text.expose();
        let sound = given.starts_with("http://") || given.starts_with("https://");
        if !sound {
            check.wrong(&url.place, "the URL begins with http:// or https://");
        }
        sound
    });
    let method = check.take(keys.method.take()).unwrap_or(Method::Get);
    let body = check.written(keys.body.take());
    if let (Some(body), Method::Get) = (&body, method) {
        check.wrong(&body.place, "a GET has no body: add method = \"POST\"");
    }
    let headers = headers(keys.headers.take().unwrap_or_default(), check);
    let timeout = check.time(keys.timeout.take(), seconds(60));
    let connect_timeout = check.time(keys.connect_timeout.take(), seconds(10));
    let split = check.take(keys.split.take()).map_or(Split::Provider, |word| word.0);
    let answer = answer(keys.answer.take().unwrap_or_default(), check);
    let ca = check.path(keys.ca.take());
    let cert = check.path(keys.client_cert.take());
    let key_place = keys.client_key.as_ref().map(|setting| check.place(&setting.span));
    let key = check.path(keys.client_key.take());
    if let (None, Some(place)) = (&cert, key_place) {
        check.wrong(&place, "`client_key` needs `client_cert`");
    }
    let proxy = check.written(keys.proxy.take()).filter(|proxy| {
        let sound = proxy.text.expose().starts_with("http://");
        if !sound {
            check.wrong(&proxy.place, "a proxy is written http://host:port or http://user:password@host:port");
        }
        sound
    });
    let client_cert = cert.map(|cert| (cert, key));
    Some(Http { url: url?, method, body, headers, timeout, connect_timeout, split, answer, ca, client_cert, proxy })
}

/// Header fields (RFC 9110 5.1: names are tokens).
fn headers(given: BTreeMap<String, Setting<Origin>>, check: &mut Check<'_>) -> Vec<(String, Written)> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let mut out: Vec<(String, Written)> = Vec::new();
    for (name, value) in given {
        let Some(value) = check.written(Some(value)) else { continue };
        if name.is_empty() || !name.bytes().all(token) {
            check.wrong(&value.place, format!("{} is no name of a header field", quoted(&name)));
        } else if matches!(
            name.to_ascii_lowercase().as_str(),
            "host" | "content-length" | "transfer-encoding" | "connection"
        ) {
            check.wrong(&value.place, format!("`{name}` is set by Martlet itself"));
        } else if out.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name)) {
            check.wrong(&value.place, format!("`{name}` is given twice"));
        } else if value.text.expose().contains(['\r', '\n', '\0']) {
            check.wrong(&value.place, "the value of a header field is one line");
        } else {
            out.push((name, value));
        }
    }
    out
}

fn answer(keys: AnswerKeys, check: &mut Check<'_>) -> Answer {
    let id = check.placed(keys.id).and_then(|(pattern, place)| {
        let sound = pattern.captures_len() > 1;
        if !sound {
            check.wrong(&place, "the pattern needs a group around the id, as in '^OK (\\S+)'");
        }
        sound.then_some(pattern)
    });
    Answer {
        success: check.take(keys.success),
        permanent: check.take(keys.permanent),
        temporary: check.take(keys.temporary),
        throttled: check.take(keys.throttled),
        id,
    }
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
        assert!(!from.is_name_only() && read("%s").expect("name").is_name_only());
        for bad in ["", "sms@x.test", "%s%s@x.test", "%s@", "%s@a b", "<%s@x.test>", "%s\n@x.test", "a%s"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
