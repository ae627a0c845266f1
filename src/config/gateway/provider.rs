//! `type = "http"` with `provider = "…"`: a gateway by definition.
//!
//! What can go wrong beyond bad values: a definition that does not exist or cannot be read, settings that it does not ask
//! for, that are missing or do not fit, hooks that it does not have.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use serde::Deserialize;
use toml::{Spanned, Value};

use super::{
    Keys,
    http::{Wire, wire},
};
use crate::{
    config::{
        check::{Check, absolute},
        error::{Error, Place},
        http::{HttpTls, HttpTlsKeys, http_tls},
        net::Tcp,
        schema::article,
        secret::Origin,
        value::{Read, Setting, Wrong, quoted, text},
    },
    ground::written::suggestion,
    provider::{Definition, Settings, definition::Filled, shipped},
};

/// A value of `settings`.
pub enum Given {
    Origin(Origin),
    Plain(Filled),
}

impl Read for Given {
    fn read(value: &Value) -> Result<Self, Wrong> {
        match value {
            Value::Integer(number) => Ok(Self::Plain(Filled::Number(*number))),
            Value::Boolean(flag) => Ok(Self::Plain(Filled::Bool(*flag))),
            Value::Array(items) => {
                let items = items.iter().map(|item| text(item).map(str::to_owned)).collect::<Result<_, _>>()?;
                Ok(Self::Plain(Filled::List(items)))
            }
            Value::String(_) | Value::Table(_) => Origin::read(value).map(Self::Origin),
            other => Err(format!("expected a value of a setting, found {}", article(other.type_str())).into()),
        }
    }
}

/// The name of a definition that comes with Martlet, or the path of one.
pub struct Named(String);

impl Read for Named {
    fn read(value: &Value) -> Result<Self, Wrong> {
        text(value).map(|name| Self(name.to_owned()))
    }
}

/// An address that others reach us by: without `/` at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base(pub String);

impl Read for Base {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        let sound = url_of(given);
        sound.map(Self).ok_or_else(|| {
            format!("{} is no address such as \"https://sms.example.com\", without query", quoted(given)).into()
        })
    }
}

fn url_of(given: &str) -> Option<String> {
    let url = reqwest::Url::parse(given).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    plain.then(|| given.trim_end_matches('/').to_owned())
}

#[derive(Deserialize)]
pub struct HookKeys {
    path: Option<Setting<HookPath>>,
    bind: Option<Setting<Tcp>>,
    tls: Option<Spanned<HttpTlsKeys>>,
}

/// A path of a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookPath(String);

impl Read for HookPath {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'"' | b'<' | b'>' | b'\\' | b'%');
        let sound = given.len() > 1 && given.starts_with('/') && !given.contains("//") && given.bytes().all(plain);
        if sound {
            Ok(Self(given.trim_end_matches('/').to_owned()))
        } else {
            Err(format!("{} is no path such as \"/inbound.asp\"", quoted(given)).into())
        }
    }
}

/// Where a hook stands, other than usual.
#[derive(Debug, Clone)]
pub struct HookAt {
    pub path: Option<String>,
    /// A listener of its own, and its TLS.
    pub bind: Option<SocketAddr>,
    pub tls: Option<HttpTls>,
    pub(super) place: Place,
}

/// The same place is the same, wherever it is written.
impl PartialEq for HookAt {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.bind == other.bind && self.tls == other.tls
    }
}

/// A gateway by definition.
#[derive(Clone)]
pub struct Provider {
    /// With the paths of hooks as configured.
    pub definition: Arc<Definition>,
    text: String,
    pub settings: Settings,
    given: BTreeMap<String, Filled>,
    pub timeout: Option<Duration>,
    pub wire: Wire,
    /// Its own, or that of `[http]`.
    pub public_url: Option<String>,
    pub hooks: BTreeMap<String, HookAt>,
    place: Place,
}

impl PartialEq for Provider {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
            && self.given == other.given
            && self.timeout == other.timeout
            && self.wire == other.wire
            && self.public_url == other.public_url
            && self.hooks == other.hooks
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Provider({})", self.definition.name)
    }
}

impl Provider {
    /// An error about the definition or its settings as a whole.
    pub fn error(&self, cause: impl AsRef<str>) -> Error {
        self.place.error(cause)
    }

    /// Where its hooks stand: name, path, listener (`None`: that of `[http]`).
    pub fn doors(&self, id: &crate::ground::GatewayId) -> Vec<(String, String, Option<SocketAddr>)> {
        let door = |hook: &crate::provider::hook::spec::Hook| {
            let usual = || format!("/gateway/{id}/hook/{}", hook.name);
            let at = self.hooks.get(&hook.name);
            (hook.name.clone(), hook.path.clone().unwrap_or_else(usual), at.and_then(|at| at.bind))
        };
        self.definition.hooks.iter().map(door).collect()
    }
}

/// Keys of a definition at a gateway that has none.
pub fn only_provider(keys: &Keys, check: &mut Check<'_>) {
    let spans = [
        ("settings", keys.settings.as_ref().and_then(|s| s.values().next()).map(|s| s.span.clone())),
        ("public_url", keys.public_url.as_ref().map(|s| s.span.clone())),
    ];
    for (name, span) in spans {
        if let Some(span) = span {
            let place = check.place(&span);
            check.wrong(&place, format!("only a gateway with `provider` has `{name}`"));
        }
    }
}

/// Keys of a template at a gateway by definition.
fn no_template(keys: &Keys, check: &mut Check<'_>) {
    let spans = [
        ("url", keys.url.as_ref().map(|s| &s.span)),
        ("method", keys.method.as_ref().map(|s| &s.span)),
        ("body", keys.body.as_ref().map(|s| &s.span)),
        ("headers", keys.headers.as_ref().and_then(|h| h.values().next()).map(|s| &s.span)),
        ("split", keys.split.as_ref().map(|s| &s.span)),
    ];
    for (name, span) in spans {
        if let Some(span) = span {
            let place = check.place(span);
            check.wrong(&place, format!("`{name}` and `provider` exclude each other: the definition says it"));
        }
    }
}

pub fn provider(keys: &mut Keys, check: &mut Check<'_>) -> Option<Provider> {
    no_template(keys, check);
    let (Named(name), place) = check.placed(keys.provider.take())?;
    let wire = wire(keys, check);
    let timeout = keys.timeout.take().map(|timeout| check.time(Some(timeout), Duration::from_secs(30)));
    let public_url = check.take(keys.public_url.take()).map(|Base(base)| base);
    let given = keys.settings.take().unwrap_or_default();
    let hooks = keys.hook.take().unwrap_or_default();
    let (text, definition) = definition(&name, &place, check)?;
    let mut definition = definition;
    let hooks = self::hooks(hooks, &mut definition, &place, check);
    let (given, settings) = settings(given, &definition, &place, check)?;
    Some(Provider { definition: Arc::new(definition), text, settings, given, timeout, wire, public_url, hooks, place })
}

/// The definition of that name: one that comes with Martlet, or a file.
fn definition(name: &str, place: &Place, check: &mut Check<'_>) -> Option<(String, Definition)> {
    let (file, text) = if name.contains('/') || name.ends_with(".toml") {
        let path = absolute(&check.folder, std::path::Path::new(name));
        match check.world.read(&path) {
            Ok(text) => (path, text),
            Err(why) => {
                check.wrong(place, format!("cannot read {}: {why}", path.display()));
                return None;
            }
        }
    } else if let Some(text) = shipped::text(name) {
        (format!("{name}.toml").into(), text)
    } else {
        let names = shipped::names();
        let hint = suggestion(name, names.iter().map(String::as_str));
        let how = "`martlet provider list` shows them; a file of your own is written as a path, \"./name.toml\"";
        check.wrong(place, format!("there is no definition {}{hint}; {how}", quoted(name)));
        return None;
    };
    match Definition::read(&text, &file.display().to_string()) {
        Ok(definition) => Some((text, definition)),
        Err(wrong) => {
            check.errors.extend(wrong.into_iter().map(|wrong| Error {
                file: file.clone(),
                line: wrong.line,
                column: wrong.column,
                cause: wrong.cause,
            }));
            None
        }
    }
}

/// The settings, filled in.
fn settings(
    given: BTreeMap<String, Setting<Given>>,
    definition: &Definition,
    place: &Place,
    check: &mut Check<'_>,
) -> Option<(BTreeMap<String, Filled>, Settings)> {
    let before = check.errors.len();
    let (mut filled, mut places) = (BTreeMap::new(), BTreeMap::new());
    for (name, setting) in given {
        let Some((given, place)) = check.placed(Some(setting)) else { continue };
        let value = match given {
            Given::Plain(value) => value,
            Given::Origin(Origin::Written(text)) => Filled::Text(text),
            Given::Origin(origin) => match origin.fetch(check.world, &check.folder) {
                Ok(secret) => Filled::Secret(secret),
                Err(why) => {
                    check.wrong(&place, why);
                    continue;
                }
            },
        };
        places.insert(name.clone(), place);
        filled.insert(name, value);
    }
    if check.errors.len() > before {
        return None;
    }
    match definition.settings(filled.clone()) {
        Ok(settings) => Some((filled, settings)),
        Err(unfit) => {
            for unfit in unfit {
                let place = places.get(&unfit.setting).unwrap_or(place).clone();
                check.wrong(&place, format!("`settings.{}`: {}", unfit.setting, unfit.cause));
            }
            None
        }
    }
}

/// Where hooks stand, written into the definition.
fn hooks(
    given: BTreeMap<String, HookKeys>,
    definition: &mut Definition,
    place: &Place,
    check: &mut Check<'_>,
) -> BTreeMap<String, HookAt> {
    let mut out = BTreeMap::new();
    for (name, keys) in given {
        let path = check.placed(keys.path);
        let bind = check.placed(keys.bind);
        let at = path.as_ref().map(|(_, p)| p).or(bind.as_ref().map(|(_, p)| p)).unwrap_or(place).clone();
        let path = path.map(|(HookPath(path), _)| path);
        let bind = bind.map(|(Tcp(addr), _)| addr);
        let tls_at = keys.tls.as_ref().map(|tls| check.place(&tls.span()));
        let tls = http_tls(keys.tls, check);
        if let (Some(place), None) = (&tls_at, bind) {
            check.wrong(place, "`tls` of a hook is that of its own listener: add `bind`, or set tls in [http]");
        }
        let known: Vec<String> = definition.hooks.iter().map(|hook| hook.name.clone()).collect();
        match definition.hooks.iter_mut().find(|hook| hook.name == name) {
            Some(hook) => hook.path = path.clone().or(hook.path.take()),
            None => {
                let hint = suggestion(&name, known.iter().map(String::as_str));
                let which = if known.is_empty() { "it has none".to_owned() } else { known.join(", ") };
                check.wrong(&at, format!("{} has no hook {}{hint} ({which})", definition.name, quoted(&name)));
            }
        }
        out.insert(name, HookAt { path, bind, tls, place: at });
    }
    out
}
