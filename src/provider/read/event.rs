//! `[[hook.event]]` and `[[poll.event]]`: what an item of a call means.

use std::sync::Arc;

use toml::de::DeValue;

use super::{
    desk::{At, Desk, Section},
    hook::conditions,
    rule::{sources, table},
    top::{charset_at, normal},
};
use crate::provider::{
    charset,
    codes::{Codes, Normal},
    hook::spec::{Charset, Decode, Event, Inbound, Is, Kind, Media, MediaFound, Octets, Report, Stated, Time},
    moment, pattern,
    source::{Pointer, Source},
    word::{State, Word},
};

/// The largest picture that is fetched where the file says nothing.
const LARGEST_MEDIA: u64 = 5 << 20;

/// Ways in which octets are written.
const DECODES: [(&str, Decode); 4] =
    [("hex", Decode::Hex), ("base64", Decode::Base64), ("percent", Decode::Percent), ("gsm7", Decode::Gsm7)];

/// One event.
pub fn event<'t>(desk: &mut Desk<'t>, mut section: Section<'t>) -> Option<Event> {
    let line = desk.line(section.at);
    let words = [("report", 0), ("inbound", 1), ("optout", 2), ("ignore", 3)];
    let kind = desk.needed(&mut section, "kind").and_then(|at| desk.word(at, &words));
    let when = conditions(desk, &mut section);
    let need = sources(desk, &mut section, "need");
    let absent = sources(desk, &mut section, "absent");
    let kind = match kind? {
        0 => report(desk, &mut section).map(Kind::Report),
        1 => inbound(desk, &mut section).map(Kind::Inbound),
        2 => {
            let from = desk.needed(&mut section, "from").and_then(|at| desk.source(at));
            let to = desk.source_of(&mut section, "to");
            let out =
                section.get("fixed").and_then(|at| desk.word(at, &[("out", true), ("in", false)])).unwrap_or(true);
            from.map(|from| Kind::OptOut { from, to, out })
        }
        _ => Some(Kind::Ignore),
    };
    desk.close(&section);
    Some(Event { when, need, absent, kind: kind?, line })
}

/// `= "value"`, `= ["a", "b"]`, `= 1`, `= true`, `= "~ regex"`
pub fn is<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Option<Is> {
    let mut words = Vec::new();
    for item in desk.list(at) {
        match item.get_ref() {
            DeValue::Integer(_) => words.push(desk.integer(item)?.to_string()),
            DeValue::Boolean(flag) => words.push(flag.to_string()),
            _ => {
                let text = desk.text(item)?;
                if let Some(regex) = text.strip_prefix("~ ") {
                    let read = pattern::read(regex).map_err(|why| desk.wrong(item.span().start, why));
                    return read.ok().map(Is::Fits);
                }
                words.push(text.to_owned());
            }
        }
    }
    Some(Is::OneOf(words))
}

fn report<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>) -> Option<Report> {
    let id = desk.source_of(section, "id");
    let own_id = desk.source_of(section, "own_id");
    let to = desk.source_of(section, "to");
    let fixed = section.get("fixed").map(|at| desk.word(at, &State::ALL));
    let source = desk.source_of(section, "state");
    let normal = section.get("normalise").map(|at| normal(desk, at)).unwrap_or_default();
    let states = section.get("states").and_then(|at| states(desk, at, normal));
    let code = desk.source_of(section, "code");
    let codes = table(desk, section, |word: Word| word.state.is_some(), "a state");
    if codes.is_some() && code.is_none() {
        desk.wrong(section.at, "`codes` needs a `code` to look up");
    }
    let detail = desk.source_of(section, "detail");
    let at = section.get("at").and_then(|at| time(desk, at));
    let (mut total, mut index, mut per_part) = (None, None, false);
    if let Some(mut parts) = section.get("parts").and_then(|at| desk.section(at, "in `parts`")) {
        total = desk.source_of(&mut parts, "total");
        index = desk.source_of(&mut parts, "index");
        per_part = parts.get("per_part").and_then(|at| desk.flag(at)).unwrap_or(false);
        desk.close(&parts);
    }
    let state = match (fixed, source, states) {
        (Some(fixed), None, None) => Stated::Fixed(fixed?),
        (None, Some(source), Some(states)) => Stated::Word { source, states },
        _ => return desk.none(section.at, "a report has `state` with `states`, or `fixed`"),
    };
    Some(Report { id, own_id, to, state, code, codes, detail, at, total, index, per_part })
}

fn states<'t>(desk: &mut Desk<'t>, at: At<'t>, normal: Normal) -> Option<Arc<Codes<State>>> {
    let table = desk.section(at, "in `states`")?;
    // Providers do not agree with themselves about capitals.
    let mut states = Codes::new(Normal { lower: true, ..normal });
    for (keys, at, value) in table.entries() {
        if let Some(state) = desk.word(value, &State::ALL)
            && let Err(why) = states.add(keys, state)
        {
            desk.wrong(at, why);
        }
    }
    Some(Arc::new(states))
}

fn time<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Option<Time> {
    let DeValue::Table(_) = at.get_ref() else {
        return desk.source(at).map(|source| Time { source, format: moment::Format::Rfc3339 });
    };
    let mut section = desk.section(at, "in `at`")?;
    let source = desk.needed(&mut section, "field").and_then(|at| desk.source(at));
    let offset = section.get("offset").and_then(|at| {
        let text = desk.text(at)?;
        moment::offset(text).map_err(|why| desk.wrong(at.span().start, why)).ok()
    });
    let zone = section.get("zone").and_then(|at| {
        let text = desk.text(at)?;
        moment::zone(text).map_err(|why| desk.wrong(at.span().start, why)).ok()
    });
    if offset.is_some() && zone.is_some() {
        desk.wrong(section.at, "either `offset` or `zone`");
    }
    let zone = offset.or(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let format = match section.get("format") {
        None => Some(moment::Format::Rfc3339),
        Some(at) => match desk.text(at)? {
            "unix" => Some(moment::Format::Unix),
            "unix_ms" => Some(moment::Format::UnixMillis),
            "rfc3339" => Some(moment::Format::Rfc3339),
            pattern if pattern.contains('%') => match moment::check_format(pattern) {
                Ok(()) => Some(moment::Format::Pattern(pattern.to_owned(), zone)),
                Err(why) => desk.none(at.span().start, why),
            },
            _ => desk
                .none(at.span().start, "`format` is \"unix\", \"unix_ms\", \"rfc3339\" or a pattern such as %Y-%m-%d"),
        },
    };
    desk.close(&section);
    Some(Time { source: source?, format: format? })
}

fn inbound<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>) -> Option<Inbound> {
    let id = desk.source_of(section, "id");
    let from = desk.needed(section, "from").and_then(|at| desk.source(at));
    let to = desk.source_of(section, "to");
    let mut octets = |key| section.get(key).and_then(|at| octets(desk, at));
    let (text, data, udh) = (octets("text"), octets("data"), octets("udh"));
    let parts = section.get("parts").and_then(|at| parts(desk, at));
    let media = section.get("media").and_then(|at| media(desk, at));
    let subject = desk.source_of(section, "subject");
    let line = desk.source_of(section, "line");
    let at = section.get("at").and_then(|at| time(desk, at));
    if text.is_none() && data.is_none() && media.is_none() {
        desk.wrong(section.at, "a text that comes in has `text`, `data` or `media`");
    }
    Some(Inbound { id, from: from?, to, text, data, udh, parts, media, subject, line, at })
}

fn octets<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Option<Octets> {
    let DeValue::Table(_) = at.get_ref() else {
        let source = desk.source(at)?;
        return Some(Octets { source, decode: Decode::Plain, charset: Charset::Usual });
    };
    let mut section = desk.section(at, "in a field")?;
    let source = desk.needed(&mut section, "field").and_then(|at| desk.source(at));
    let decode = section.get("decode").map_or(Some(Decode::Plain), |at| desk.word(at, &DECODES));
    let otherwise = section.get("charset_default").and_then(|at| charset_at(desk, at));
    let charset = match section.get("charset") {
        None => Charset::Usual,
        Some(at) => {
            let text = desk.text(at)?;
            // A label has no colon; a source that names the charset is written with one.
            if text.contains(':') {
                let source = desk.source(at)?;
                Charset::Named { source, otherwise: otherwise.unwrap_or(encoding_rs::UTF_8) }
            } else {
                match charset::named(text) {
                    Ok(encoding) => Charset::Fixed(encoding),
                    Err(why) => return desk.none(at.span().start, why),
                }
            }
        }
    };
    desk.close(&section);
    Some(Octets { source: source?, decode: decode?, charset })
}

fn parts<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Option<(Source, Source, Source)> {
    let mut section = desk.section(at, "in `parts`")?;
    let mut needed = |key| desk.needed(&mut section, key).and_then(|at| desk.source(at));
    let parts = (needed("ref"), needed("index"), needed("total"));
    desk.close(&section);
    Some((parts.0?, parts.1?, parts.2?))
}

fn media<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Option<Media> {
    let mut section = desk.section(at, "in `media`")?;
    let list = desk.source_of(&mut section, "list");
    let fetch_auth = section.get("fetch_auth").and_then(|at| {
        let login = desk.word(at, &[("send", true), ("none", false)]);
        if login == Some(true) && !desk.has_login {
            return desk.none(at.span().start, "[send] has no login that media could be fetched with");
        }
        login
    });
    let max_bytes = section.get("max_bytes").and_then(|at| desk.within(at, 1, 100 << 20));
    let hosts =
        section.get("hosts").map(|at| desk.texts(at).into_iter().map(str::to_owned).collect()).unwrap_or_default();
    let found = match list {
        Some(list) => listed(desk, &mut section, list),
        None => numbered(desk, &mut section),
    };
    desk.close(&section);
    let max_bytes = max_bytes.map_or(LARGEST_MEDIA, i64::unsigned_abs);
    Some(Media { found: found?, fetch_auth: fetch_auth.unwrap_or(false), max_bytes, hosts })
}

fn listed<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>, list: Source) -> Option<MediaFound> {
    let mut pointer = |key| {
        let at = section.get(key)?;
        let text = desk.text(at)?;
        Pointer::read(text).map_err(|why| desk.wrong(at.span().start, why)).ok()
    };
    let (url, inline, media_type, name) = (pointer("url"), pointer("inline"), pointer("type"), pointer("name"));
    let decode = section.get("decode").map_or(Some(Decode::Base64), |at| desk.word(at, &DECODES));
    if url.is_some() == inline.is_some() {
        return desk.none(section.at, "media of a list have `url` or `inline`");
    }
    let inline = match inline {
        Some(inline) => Some((inline, decode?)),
        None => None,
    };
    Some(MediaFound::List { list, url, inline, media_type, name })
}

fn numbered<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>) -> Option<MediaFound> {
    let count = desk.source_of(section, "count");
    let base = section.get("base").and_then(|at| desk.within(at, 0, 1)).unwrap_or(0);
    let mut field = |key| {
        let at = section.get(key)?;
        let text = desk.text(at)?;
        if text.contains("{i}") {
            Some(text.to_owned())
        } else {
            desk.none(at.span().start, "a numbered field has {i} in its name")
        }
    };
    let (url, media_type) = (field("url"), field("type"));
    let first = section.get("first").and_then(|at| desk.text(at)).map(str::to_owned);
    let Some(url) = url else {
        return desk.none(section.at, "media have a `list`, or a `url` such as \"MediaUrl{i}\"");
    };
    Some(MediaFound::Numbered { count, url, first, media_type, base: u32::try_from(base).unwrap_or(0) })
}
