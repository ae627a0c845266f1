//! `[[hook]]` and `[[poll]]`: how a call is taken apart, proven and answered.

use std::time::Duration;

use toml::de::DeValue;

use super::{
    call,
    desk::{At, Desk, Place, Section},
    event,
    scheme::{fits, scheme},
    top::{charset_at, name},
};
use crate::provider::{
    definition::{Auth, Scheme},
    hook::spec::{
        Condition, Handshake, Hook, Items, JsonReply, Kind, Parse, Poll, Reading, Refusals, Removal, Reply, ReplyBody,
    },
    proof,
    source::{Kind as Place_, Source},
};

/// The names of all hooks, before any of them is read.
pub fn names(hooks: &[Section<'_>]) -> Vec<String> {
    let name = |hook: &Section<'_>| {
        hook.entries().into_iter().find_map(|(key, _, value)| match (key, value.get_ref()) {
            ("name", DeValue::String(name)) => Some(name.to_string()),
            _ => None,
        })
    };
    hooks.iter().filter_map(name).collect()
}

/// One `[[hook]]`.
pub fn hook<'t>(desk: &mut Desk<'t>, mut section: Section<'t>) -> Option<Hook> {
    let line = desk.line(section.at);
    let name = desk.needed(&mut section, "name").and_then(|at| name(desk, at));
    if let Some(name) = &name
        && desk.hooks.iter().filter(|other| *other == name).count() > 1
    {
        desk.wrong(section.at, format!("there are two hooks `{name}`"));
    }
    let path = section.get("path").and_then(|at| path(desk, at));
    let about = desk.text_of(&mut section, "about");
    let words = ["GET", "POST", "PUT"].map(|word| (word, word.to_owned()));
    let methods = match section.get("methods") {
        Some(at) => desk.list(at).into_iter().filter_map(|item| desk.word(item, &words)).collect(),
        None => vec!["POST".to_owned()],
    };
    let reading = reading(desk, &mut section);
    let verify = verify(desk, &mut section);
    let dedupe = desk.source_of(&mut section, "dedupe");
    let order = section.get("order").and_then(|at| desk.word(at, &[("monotone", true), ("as-sent", false)]));
    let handshakes = handshakes(desk, &mut section);
    let reply_at = section.get("reply");
    let reply = match reply_at {
        Some(at) => reply(desk, at),
        None => Some(Reply { status: 204, media_type: None, body: ReplyBody::Empty }),
    };
    let refuse = refusals(desk, &mut section);
    let body_is_reply = section.get("body_is_reply").and_then(|at| desk.flag(at)).unwrap_or(true);
    let events = section.get("event");
    let events = desk.sections(events, "hook.event");
    if events.is_empty() {
        desk.wrong(section.at, "a hook has [[hook.event]]");
    }
    let events: Vec<_> = events.into_iter().filter_map(|section| event::event(desk, section)).collect();
    let inbound = events.iter().any(|event| matches!(event.kind, Kind::Inbound(_)));
    if let (Some(reply), true, true, Some(at)) = (&reply, inbound, body_is_reply, reply_at)
        && reply.is_plain_words()
    {
        desk.wrong(
            at.span().start,
            "some providers text such a body to the phone: say `body_is_reply = false` if this one does not",
        );
    }
    desk.close(&section);
    Some(Hook {
        name: name?,
        path,
        about,
        methods,
        reading: reading?,
        verify,
        dedupe,
        monotone: order.unwrap_or(true),
        handshakes,
        reply: reply?,
        refuse,
        events,
        line,
    })
}

impl Reply {
    /// A body that is plain text.
    fn is_plain_words(&self) -> bool {
        let empty = match &self.body {
            ReplyBody::Empty => true,
            ReplyBody::Fixed(body) => body.is_empty(),
            ReplyBody::Echo(_) | ReplyBody::Json(_) => false,
        };
        let plain =
            self.media_type.as_deref().is_none_or(|kind| kind.trim_start().to_lowercase().starts_with("text/plain"));
        !empty && plain && !matches!(self.body, ReplyBody::Json(_))
    }
}

fn path<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Option<String> {
    let path = desk.text(at)?;
    let odd = |c: char| !c.is_ascii_graphic() || matches!(c, '?' | '#' | '%' | '"' | '\\' | '{' | '}');
    if path.starts_with('/') && path.len() > 1 && path.len() <= 200 && !path.contains(odd) && !path.contains("//") {
        return Some(path.to_owned());
    }
    desk.none(at.span().start, "a path is such as \"/inbound.asp\": begins with /, no query, no escapes")
}

fn reading<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>) -> Option<Reading> {
    let words = [
        ("query", Parse::Query),
        ("form", Parse::Form),
        ("params", Parse::Params),
        ("multipart", Parse::Multipart),
        ("json", Parse::Json),
        ("xml", Parse::Xml),
        ("claims", Parse::Claims),
        ("any", Parse::Any),
    ];
    let parse = desk.needed(section, "parse").and_then(|at| desk.word(at, &words));
    let charset = section.get("charset").and_then(|at| charset_at(desk, at)).unwrap_or(encoding_rs::UTF_8);
    let inner = desk.source_of(section, "inner");
    let items = section.get("items").and_then(|at| items(desk, at));
    Some(Reading { parse: parse?, charset, inner, items })
}

fn items<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Option<Items> {
    if let DeValue::Table(_) = at.get_ref() {
        let mut section = desk.section(at, "in `items`")?;
        let fields =
            desk.needed(&mut section, "lists").map(|at| desk.texts(at).into_iter().map(str::to_owned).collect());
        let by = desk.text_of(&mut section, "by").unwrap_or_else(|| ",".to_owned());
        if by.is_empty() {
            desk.wrong(section.at, "`by` is empty");
        }
        desk.close(&section);
        return Some(Items::Lists { fields: fields?, by });
    }
    match desk.source(at)?.0.as_slice() {
        [place] => match &place.kind {
            Place_::Json(pointer) if place.pick.is_none() => Some(Items::Json(pointer.clone())),
            _ => desk.none(at.span().start, "`items` is \"json:/pointer\" or { lists = [ … ], by = \",\" }"),
        },
        _ => desk.none(at.span().start, "`items` is one source"),
    }
}

fn verify<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>) -> Vec<Scheme> {
    let Some(at) = section.get("verify") else {
        desk.wrong(section.at, "`verify` is missing: how a call is proven, or { scheme = \"none\" }");
        return Vec::new();
    };
    let mut schemes = Vec::new();
    for item in desk.list(at) {
        let Some(scheme) = scheme(desk, item, "in `verify`") else { continue };
        fits(desk, &scheme, item.span().start, proof::SCHEMES, "verifier");
        schemes.push(scheme);
    }
    schemes
}

fn handshakes<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>) -> Vec<Handshake> {
    let Some(at) = section.get("handshake") else { return Vec::new() };
    desk.list(at).into_iter().filter_map(|item| handshake(desk, item)).collect()
}

fn handshake<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Option<Handshake> {
    let mut section = desk.section(at, "in `handshake`")?;
    let words = ["GET", "HEAD", "POST", "PUT", "OPTIONS"].map(|word| (word, word.to_owned()));
    let method = section.get("method").and_then(|at| desk.word(at, &words));
    let when = conditions(desk, &mut section);
    let answer = match section.get("reply") {
        Some(at) => reply(desk, at),
        None => Some(Reply { status: 200, media_type: None, body: ReplyBody::Empty }),
    };
    let fetch = desk.source_of(&mut section, "fetch");
    let hosts: Vec<String> =
        section.get("hosts").map(|at| desk.texts(at).into_iter().map(str::to_owned).collect()).unwrap_or_default();
    let open = section.get("open").and_then(|at| desk.flag(at)).unwrap_or(false);
    if fetch.is_some() && hosts.is_empty() {
        desk.wrong(section.at, "`fetch` needs `hosts`: which hosts may be called");
    }
    if method.is_none() && when.is_empty() {
        desk.wrong(section.at, "a handshake has a `method` or a `when`: otherwise every call is one");
    }
    desk.close(&section);
    Some(Handshake { method, when, reply: answer?, fetch, hosts, open })
}

/// `when = { SOURCE = … }`
pub fn conditions<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>) -> Vec<Condition> {
    let Some(table) = section.get("when").and_then(|at| desk.section(at, "in `when`")) else { return Vec::new() };
    let mut out = Vec::new();
    for (written, at, value) in table.entries() {
        let source = Source::read([written]).map_err(|why| desk.wrong(at, why));
        if let (Ok(source), Some(is)) = (source, event::is(desk, value)) {
            out.push(Condition { source, is });
        }
    }
    out
}

fn reply<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Option<Reply> {
    let mut section = desk.section(at, "in `reply`")?;
    let status = section.get("status").map_or(Some(200), |at| desk.within(at, 200, 599));
    let media_type = desk.text_of(&mut section, "type");
    let fixed = desk.text_of(&mut section, "body");
    let echo = desk.source_of(&mut section, "echo");
    let json = section.get("json").and_then(|at| json_reply(desk, at));
    let body = match (fixed, echo, json) {
        (None, None, None) => ReplyBody::Empty,
        (Some(body), None, None) => ReplyBody::Fixed(body),
        (None, Some(source), None) => ReplyBody::Echo(source),
        (None, None, Some(members)) => ReplyBody::Json(members),
        _ => return desk.none(section.at, "one of `body`, `echo` and `json`"),
    };
    desk.close(&section);
    let status = u16::try_from(status?).ok()?;
    Some(Reply { status, media_type, body })
}

fn json_reply<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Option<Vec<(String, JsonReply)>> {
    let section = desk.section(at, "in `json`")?;
    let mut members = Vec::new();
    for (name, _, value) in section.entries() {
        let member = match value.get_ref() {
            DeValue::Integer(_) => JsonReply::Fixed(desk.integer(value)?.into()),
            DeValue::Boolean(flag) => JsonReply::Fixed((*flag).into()),
            _ => {
                let text = desk.text(value)?;
                match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                    Some(source) => match Source::read([source]) {
                        Ok(source) => JsonReply::From(source),
                        Err(why) => return desk.none(value.span().start, why),
                    },
                    None => JsonReply::Fixed(text.into()),
                }
            }
        };
        members.push((name.to_owned(), member));
    }
    Some(members)
}

fn refusals<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>) -> Refusals {
    let mut refuse = Refusals::default();
    let Some(mut section) = section.get("refuse").and_then(|at| desk.section(at, "in `refuse`")) else { return refuse };
    let mut status = |key, slot: &mut u16, low| {
        if let Some(status) = section.get(key).and_then(|at| desk.within(at, low, 599)) {
            *slot = u16::try_from(status).unwrap_or(*slot);
        }
    };
    status("unverified", &mut refuse.unverified, 400);
    // A 4xx makes providers drop what we could not keep.
    status("busy", &mut refuse.busy, 429);
    status("unreadable", &mut refuse.unreadable, 200);
    desk.close(&section);
    refuse
}

/// One `[[poll]]`.
pub fn poll<'t>(desk: &mut Desk<'t>, mut section: Section<'t>, send: Option<&Auth>) -> Option<Poll> {
    let name = desk.needed(&mut section, "name").and_then(|at| name(desk, at));
    let call = call::call(desk, &mut section, Place::Poll, "GET", send);
    let every = section.get("every").and_then(|at| desk.duration(at)).unwrap_or(Duration::from_secs(60));
    let reading = reading(desk, &mut section);
    let cursor = desk.source_of(&mut section, "cursor");
    let events = section.get("event");
    let events = desk.sections(events, "poll.event");
    let events = events.into_iter().filter_map(|section| event::event(desk, section)).collect();
    let remove = section.get("remove").and_then(|at| desk.section(at, "in `remove`")).and_then(|mut section| {
        let call = call::call(desk, &mut section, Place::Removal, "DELETE", send);
        let item = desk.needed(&mut section, "item").and_then(|at| desk.source(at));
        desk.close(&section);
        Some(Removal { call: call?, item: item? })
    });
    desk.close(&section);
    Some(Poll {
        name: name?,
        call: call?,
        every: every.max(Duration::from_secs(1)),
        reading: reading?,
        cursor,
        events,
        remove,
    })
}
