//! Requests as templates: `[send]`, `[token]`, `[setup]`, `[[poll]]` and removals have these keys in common.

use std::time::Duration;

use toml::de::DeValue;

use super::desk::{At, Desk, Place, Section};
use crate::provider::{
    definition::{Auth, Body, Call, Carried, Fields, Json, Lifetime, Setup, Token},
    template::{Name, Piece, Template, filter::Filter},
};

/// The longest life of a token that is believed.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 86_400);

/// The keys of a request. `send`: what `auth = "send"` means.
pub fn call<'t>(
    desk: &mut Desk<'t>,
    section: &mut Section<'t>,
    place: Place,
    method: &str,
    send: Option<&Auth>,
) -> Option<Call> {
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"].map(|word| (word, word));
    let method = section.get("method").map_or(Some(method), |at| desk.word(at, &methods));
    let urls = urls(desk, section, place);
    let headers = fields(desk, section, "headers", place);
    for (name, _) in &headers {
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
            desk.wrong(section.at, format!("`{name}` is no name of a header"));
        }
    }
    let query = fields(desk, section, "query", place);
    let query_raw = section.get("query_raw").and_then(|at| raw(desk, at, place));
    let body = body(desk, section, place).unwrap_or(Body::None);
    let auth = match section.get("auth") {
        Some(at) => auth(desk, at, place, send),
        None => Some(Auth::None),
    };
    Some(Call { method: method?.to_owned(), urls: urls?, headers, query, query_raw, body, auth: auth? })
}

fn urls<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>, place: Place) -> Option<Vec<Template>> {
    let (one, many) = (section.get("url"), section.get("urls"));
    let at = match (one, many) {
        (Some(at), None) | (None, Some(at)) => at,
        (Some(_), Some(at)) => return desk.none(at.span().start, "either `url` or `urls`"),
        (None, None) => return desk.none(section.at, "`url` is missing"),
    };
    let items = desk.list(at);
    let urls: Vec<Template> = items.into_iter().filter_map(|item| url(desk, item, place)).collect();
    (!urls.is_empty()).then_some(urls)
}

/// A template of a URL: absolute, or behind a setting that is one.
pub fn url<'t>(desk: &mut Desk<'t>, at: At<'t>, place: Place) -> Option<Template> {
    let template = desk.template(at, place)?;
    let absolute = match template.pieces.first() {
        Some(Piece::Words(words)) => words.starts_with("https://") || words.starts_with("http://"),
        Some(Piece::Hole(hole)) => match &hole.name {
            Name::Setting(name) => desk.settings.get(name).is_some_and(|known| known.url),
            _ => false,
        },
        None => false,
    };
    if absolute {
        return Some(template);
    }
    desk.none(at.span().start, "a URL begins with https:// or with a setting of kind \"url\"")
}

/// A query that the engine does not build.
fn raw<'t>(desk: &mut Desk<'t>, at: At<'t>, place: Place) -> Option<Template> {
    let template = desk.template(at, place)?;
    if template.holes().any(|hole| hole.filters.last() != Some(&Filter::UrlEncode)) {
        return desk.none(at.span().start, "every placeholder of query_raw needs |urlencode as its last filter");
    }
    Some(template)
}

/// A table of templates.
pub fn fields<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>, key: &'static str, place: Place) -> Fields {
    let Some(at) = section.get(key) else { return Vec::new() };
    let Some(table) = desk.section(at, "in a table of fields") else { return Vec::new() };
    let entries = table.entries().into_iter();
    entries.filter_map(|(name, _, value)| Some((name.to_owned(), desk.template_of_any(value, place)?))).collect()
}

/// At most one of `form`, `json`, `multipart`, `xml`.
pub fn body<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>, place: Place) -> Option<Body> {
    let mut found = Vec::new();
    if section.get("form").is_some() {
        found.push(Body::Form(fields(desk, section, "form", place)));
    }
    if section.get("multipart").is_some() {
        found.push(Body::Multipart(fields(desk, section, "multipart", place)));
    }
    if let Some(at) = section.get("json") {
        found.extend(json(desk, at, place).map(Body::Json));
    }
    if let Some(at) = section.get("xml") {
        found.extend(desk.template(at, place).map(Body::Xml));
    }
    if found.len() > 1 {
        desk.wrong(section.at, "a request has one body: form, json, multipart or xml");
    }
    found.pop()
}

/// A value of TOML as JSON with templates.
pub fn json<'t>(desk: &mut Desk<'t>, at: At<'t>, place: Place) -> Option<Json> {
    Some(match at.get_ref() {
        DeValue::String(_) => Json::Text(desk.template(at, place)?),
        DeValue::Integer(_) => Json::Fixed(desk.integer(at)?.into()),
        DeValue::Boolean(flag) => Json::Fixed((*flag).into()),
        DeValue::Float(number) => {
            let read = number.as_str().parse::<f64>().ok().and_then(serde_json::Number::from_f64);
            match read {
                Some(number) => Json::Fixed(number.into()),
                None => return desk.none(at.span().start, "JSON has no such number"),
            }
        }
        DeValue::Datetime(_) => return desk.none(at.span().start, "write dates and times as strings"),
        DeValue::Array(items) => Json::List(items.iter().map(|item| json(desk, item, place)).collect::<Option<_>>()?),
        DeValue::Table(_) => {
            let table = desk.section(at, "in a table")?;
            let entries = table.entries().into_iter();
            let members = entries.map(|(name, _, value)| Some((name.to_owned(), json(desk, value, place)?)));
            Json::Table(members.collect::<Option<_>>()?)
        }
    })
}

/// `auth = { scheme = … }`, or `"send"`.
fn auth<'t>(desk: &mut Desk<'t>, at: At<'t>, place: Place, send: Option<&Auth>) -> Option<Auth> {
    if let (DeValue::String(_), Place::Setup | Place::Poll | Place::Removal | Place::Token) = (at.get_ref(), place) {
        desk.word(at, &[("send", ())])?;
        return match send {
            Some(auth) => Some(auth.clone()),
            None => desk.none(at.span().start, "there is no [send] whose `auth` this could be"),
        };
    }
    let mut section = desk.section(at, "in `auth`")?;
    let words = ["none", "basic", "bearer", "header", "token"].map(|word| (word, word));
    let scheme = desk.needed(&mut section, "scheme").and_then(|at| desk.word(at, &words))?;
    let mut needed = |key| desk.needed(&mut section, key).and_then(|at| desk.template(at, place));
    let auth = match scheme {
        "basic" => {
            let (user, password) = (needed("user"), needed("password"));
            Auth::Basic { user: user?, password: password? }
        }
        "bearer" => Auth::Bearer(needed("token")?),
        "header" => {
            let value = needed("value");
            let name = desk.needed(&mut section, "name").and_then(|at| desk.text(at));
            Auth::Header { name: name?.to_owned(), value: value? }
        }
        "token" if !desk.has_token => return desk.none(at.span().start, "there is no [token]"),
        "token" => Auth::Token,
        _ => Auth::None,
    };
    desk.close(&section);
    Some(auth)
}

/// `[token]`
pub fn token<'t>(desk: &mut Desk<'t>, mut section: Section<'t>) -> Option<Token> {
    let call = call(desk, &mut section, Place::Token, "POST", None);
    let value = desk.needed(&mut section, "value").and_then(|at| desk.source(at));
    let lifetime = desk.needed(&mut section, "lifetime").and_then(|at| {
        let text = desk.text(at)?;
        // "15m" is a duration; every source of a body has a colon.
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return desk.duration(at).map(|life| Lifetime::Fixed(life.min(LONGEST_LIFE)));
        }
        desk.source(at).map(Lifetime::Answered)
    });
    let carried = match section.get("use") {
        None => Some(Carried::Bearer),
        Some(at) => match desk.text(at)? {
            "bearer" => Some(Carried::Bearer),
            "field" => Some(Carried::Field),
            other => match other.strip_prefix("header:").filter(|name| !name.is_empty()) {
                Some(name) => Some(Carried::Header(name.to_owned())),
                None => desk.none(at.span().start, "`use` is \"bearer\", \"header:NAME\" or \"field\""),
            },
        },
    };
    let refresh = match section.get("refresh") {
        Some(at) => statuses(desk, at),
        None => vec![(401, 401)],
    };
    desk.close(&section);
    Some(Token { call: call?, value: value?, lifetime: lifetime?, carried: carried?, refresh })
}

/// `[setup]`
pub fn setup<'t>(desk: &mut Desk<'t>, mut section: Section<'t>, send: Option<&Auth>) -> Option<Setup> {
    let call = call(desk, &mut section, Place::Setup, "POST", send);
    let each =
        section.get("each").map(|at| desk.texts(at).into_iter().map(str::to_owned).collect()).unwrap_or_default();
    let ok = match section.get("ok") {
        Some(at) => statuses(desk, at),
        None => vec![(200, 299)],
    };
    let needs: Vec<At<'t>> = section.get("needs").map(|at| desk.list(at)).unwrap_or_default();
    let needs = needs.into_iter().filter_map(|at| {
        let name = desk.text(at)?;
        match desk.settings.contains_key(name) {
            true => Some(name.to_owned()),
            false => desk.none(at.span().start, format!("there is no setting `{name}`")),
        }
    });
    let needs = needs.collect();
    desk.close(&section);
    Some(Setup { call: call?, needs, each, ok })
}

/// `["200", "2xx", "500-599"]`
pub fn statuses<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Vec<(u16, u16)> {
    let items = desk.list(at);
    items.into_iter().filter_map(|item| status(desk, item)).collect()
}

fn status<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Option<(u16, u16)> {
    let whole = |text: &str| text.parse::<u16>().ok().filter(|status| (100..=599).contains(status));
    let range = match at.get_ref() {
        DeValue::Integer(number) => whole(number.as_str()).map(|status| (status, status)),
        _ => {
            let text = desk.text(at)?;
            match (text.strip_suffix("xx"), text.split_once('-')) {
                (Some(class), _) => {
                    class.parse().ok().filter(|c| (1..=5).contains(c)).map(|c: u16| (c * 100, c * 100 + 99))
                }
                (None, Some((low, high))) => whole(low).zip(whole(high)).filter(|(low, high)| low <= high),
                (None, None) => whole(text).map(|status| (status, status)),
            }
        }
    };
    if range.is_none() {
        desk.wrong(at.span().start, "a status is \"200\", \"2xx\" or \"500-599\"");
    }
    range
}
