//! Files of cases are read.

use std::{collections::BTreeMap, net::IpAddr};

use toml::de::{DeTable, DeValue};

use super::{
    Case, Suite, What,
    calls::{AnswerCase, HookCase, PollCase, Sign, TokenCase, WantedReply},
    requests::{Message, RequestCase, SetupCase, WantedBody, WantedRequest},
    value::{body, hex_of, json, pairs},
};
use crate::{
    ground::Timestamp,
    provider::{
        definition::{Definition, Filled},
        moment,
        read::{At, Desk, Section, Wrong},
        web::{Answer, Headers},
        word::Verdict,
    },
};

/// A public key of Ed25519 that is nobody's (RFC 8032 clause 7.1, test 1).
const PUBLIC_KEY: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// Names and values, in the file's order; a list repeats the name.
pub type Pairs = Vec<(String, String)>;

/// The file taken apart.
pub fn cases<'a>(definition: &'a Definition, text: &str, file: &str) -> Result<(Suite<'a>, Vec<Case>), Vec<Wrong>> {
    let mut desk = Desk::new(file, text);
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            desk.wrong(error.span().map_or(0, |span| span.start), error.message());
            return Err(desk.errors);
        }
    };
    let mut root = Section::of(table.get_ref(), 0, "at the top");
    let now = root.get("now").and_then(|at| time(&mut desk, at)).unwrap_or(Timestamp(1_767_323_045_000));
    let base = desk.text_of(&mut root, "base").unwrap_or_else(|| "https://sms.example.com".to_owned());
    let settings = settings(&mut desk, &mut root);
    let mut cases = Vec::new();
    for kind in ["request", "answer", "hook", "poll", "token", "setup"] {
        let at = root.get(kind);
        for section in desk.sections(at, kind) {
            cases.extend(case(&mut desk, section, kind, definition));
        }
    }
    desk.close(&root);
    if desk.errors.is_empty() { Ok((Suite { definition, now, base, settings }, cases)) } else { Err(desk.errors) }
}

fn time<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Option<Timestamp> {
    let text = desk.text(at)?;
    let read = moment::Format::Rfc3339.read(text);
    if read.is_none() {
        desk.wrong(at.span().start, "a time is such as \"2026-01-02T03:04:05Z\"");
    }
    read
}

fn settings<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>) -> BTreeMap<String, Filled> {
    let Some(table) = section.get("settings").and_then(|at| desk.section(at, "in `settings`")) else {
        return BTreeMap::new();
    };
    let mut out = BTreeMap::new();
    for (name, _, value) in table.entries() {
        let filled = match value.get_ref() {
            DeValue::Integer(_) => desk.integer(value).map(Filled::Number),
            DeValue::Boolean(flag) => Some(Filled::Bool(*flag)),
            DeValue::Array(_) => Some(Filled::List(desk.texts(value).into_iter().map(str::to_owned).collect())),
            _ => desk.text(value).map(|text| Filled::Text(text.replace("{test.public_key}", PUBLIC_KEY))),
        };
        out.extend(filled.map(|filled| (name.to_owned(), filled)));
    }
    out
}

fn case<'t>(
    desk: &mut Desk<'t>,
    mut section: Section<'t>,
    kind: &'static str,
    definition: &Definition,
) -> Option<Case> {
    let line = desk.line(section.at);
    let title = desk.needed(&mut section, "title").and_then(|at| desk.text(at)).unwrap_or_default().to_owned();
    let settings = settings(desk, &mut section);
    let what = match kind {
        "request" => request(desk, &mut section).map(What::Request),
        "answer" => answer_case(desk, &mut section).map(What::Answer),
        "hook" => hook(desk, &mut section, definition).map(What::Hook),
        "poll" => poll(desk, &mut section, definition).map(What::Poll),
        "token" => {
            let answer = answer(desk, &mut section);
            let token = desk.text_of(&mut section, "token");
            let lifetime = section.get("lifetime").and_then(|at| desk.duration(at));
            answer.map(|answer| What::Token(TokenCase { answer, token, lifetime }))
        }
        _ => {
            let at = section.get("requests");
            let requests = desk.sections(at, "setup.requests");
            let mut wanted = Vec::new();
            for mut section in requests {
                wanted.push(wanted_request(desk, &mut section));
                desk.close(&section);
            }
            Some(What::Setup(SetupCase { wanted }))
        }
    };
    desk.close(&section);
    Some(Case { title, line, settings, what: what? })
}

fn request<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>) -> Option<RequestCase> {
    let message = desk.needed(section, "message").and_then(|at| desk.section(at, "in `message`"));
    let message = message.and_then(|section| message_of(desk, section));
    let words = [
        ("recipient", Verdict::Recipient),
        ("content", Verdict::Content),
        ("sender", Verdict::Sender),
        ("account", Verdict::Account),
    ];
    let fault = section.get("fault").and_then(|at| desk.word(at, &words));
    let wanted = wanted_request(desk, section);
    Some(RequestCase { message: message?, fault, wanted })
}

fn wanted_request<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>) -> WantedRequest {
    let method = desk.text_of(section, "method");
    let url = desk.text_of(section, "url");
    let headers = pairs(desk, section, "headers");
    let query = section.get("query").map(|_| pairs(desk, section, "query"));
    let mut body = None;
    if section.get("form").is_some() {
        body = Some(WantedBody::Form(pairs(desk, section, "form")));
    }
    if section.get("multipart").is_some() {
        body = Some(WantedBody::Multipart(pairs(desk, section, "multipart")));
    }
    if let Some(at) = section.get("json") {
        body = json(desk, at).map(WantedBody::Json);
    }
    if let Some(text) = desk.text_of(section, "body") {
        body = Some(WantedBody::Raw(text.into_bytes()));
    }
    if let Some(octets) = hex_of(desk, section, "body_hex") {
        body = Some(WantedBody::Raw(octets));
    }
    WantedRequest { method, url, headers, query, body }
}

fn message_of<'t>(desk: &mut Desk<'t>, mut section: Section<'t>) -> Option<Message> {
    let to = desk.needed(&mut section, "to").and_then(|at| desk.text(at))?.to_owned();
    let from = desk.text_of(&mut section, "from");
    let mut text = desk.text_of(&mut section, "text");
    if let Some(at) = section.get("text_repeat") {
        let items = desk.list(at);
        if let [words, count] = items.as_slice() {
            let words = desk.text(words)?;
            let count = desk.within(count, 1, 100_000)?;
            text = Some(words.repeat(usize::try_from(count).ok()?));
        } else {
            desk.wrong(at.span().start, "text_repeat = [\"x\", 500]");
        }
    }
    let data = hex_of(desk, &mut section, "data_hex");
    let udh = hex_of(desk, &mut section, "udh_hex").unwrap_or_default();
    let small = |desk: &mut Desk<'t>, at: Option<At<'t>>| {
        at.and_then(|at| desk.within(at, 0, 255)).and_then(|n| u8::try_from(n).ok())
    };
    let port = section.get("port").and_then(|at| desk.within(at, 0, 65_535)).and_then(|n| u16::try_from(n).ok());
    let id = desk.text_of(&mut section, "id");
    let validity = section.get("validity").and_then(|at| desk.duration(at));
    let priority = section.get("priority").and_then(|at| desk.integer(at));
    let class = section.get("class");
    let class = small(desk, class);
    let pid = section.get("pid");
    let pid = small(desk, pid);
    let dcs = section.get("dcs");
    let dcs = small(desk, dcs);
    let parts = section.get("parts");
    let parts = small(desk, parts);
    let max_parts = section.get("max_parts");
    let max_parts = small(desk, max_parts);
    let media_urls = section.get("media_urls").map(|at| desk.texts(at).into_iter().map(str::to_owned).collect());
    let token = desk.text_of(&mut section, "token");
    let hooks = section.get("hooks").and_then(|at| desk.flag(at)).unwrap_or(true);
    desk.close(&section);
    Some(Message {
        to,
        from,
        text,
        data,
        udh,
        port,
        id,
        validity,
        priority,
        class,
        pid,
        dcs,
        parts,
        max_parts,
        media_urls: media_urls.unwrap_or_default(),
        token,
        hooks,
    })
}

fn answer<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>) -> Option<Answer> {
    let status = desk.needed(section, "status").and_then(|at| desk.within(at, 100, 599));
    let mut headers: Headers = pairs(desk, section, "headers").into_iter().collect();
    let (kind, body) = body(desk, section);
    if let (Some(kind), None) = (kind, headers.get("content-type")) {
        headers.push("Content-Type", kind);
    }
    Some(Answer { status: u16::try_from(status?).ok()?, headers, body })
}

fn answer_case<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>) -> Option<AnswerCase> {
    let answer = answer(desk, section);
    let result = desk.needed(section, "result").and_then(|at| desk.word(at, &Verdict::ALL));
    let mut ids: Option<Vec<String>> =
        section.get("ids").map(|at| desk.texts(at).into_iter().map(str::to_owned).collect());
    if let Some(id) = desk.text_of(section, "id") {
        ids = Some(vec![id]);
    }
    let code = section.get("code").map(|at| match at.get_ref() {
        DeValue::Integer(_) => desk.integer(at).map(|code| code.to_string()).unwrap_or_default(),
        _ => desk.text(at).unwrap_or_default().to_owned(),
    });
    let detail = desk.text_of(section, "detail");
    let after = section.get("after").and_then(|at| desk.duration(at));
    Some(AnswerCase { answer: answer?, result: result?, ids, code, detail, after })
}

fn events<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>) -> Option<Vec<serde_json::Value>> {
    let at = section.get("events")?;
    Some(desk.list(at).into_iter().filter_map(|item| json(desk, item)).collect())
}

fn hook<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>, definition: &Definition) -> Option<HookCase> {
    let at = desk.needed(section, "hook")?;
    let name = desk.text(at)?.to_owned();
    let Some(hook) = definition.hook_named(&name) else {
        let hint = crate::ground::written::suggestion(&name, definition.hooks.iter().map(|hook| hook.name.as_str()));
        return desk.none(at.span().start, format!("the definition has no hook `{name}`{hint}"));
    };
    let method = desk.text_of(section, "method").or_else(|| hook.methods.first().cloned()).unwrap_or_default();
    let mut query = pairs(desk, section, "query");
    let own = query.iter().any(|(name, value)| name == "own" && value == "true");
    query.retain(|(name, value)| !(name == "own" && value == "true"));
    let mut headers: Headers = pairs(desk, section, "headers").into_iter().collect();
    let (kind, body) = body(desk, section);
    let kind = desk.text_of(section, "type").or(kind.map(str::to_owned));
    if let (Some(kind), None) = (kind, headers.get("content-type")) {
        headers.push("Content-Type", kind);
    }
    let sign = match section.get("sign") {
        None => Sign::True,
        Some(at) => match at.get_ref() {
            DeValue::Boolean(true) => Sign::True,
            DeValue::Boolean(false) => Sign::False,
            _ => desk.word(at, &[("garbled", Sign::Garbled), ("stale", Sign::Stale)])?,
        },
    };
    let peer = match section.get("peer") {
        None => IpAddr::from([192, 0, 2, 1]),
        Some(at) => match desk.text(at)?.parse() {
            Ok(peer) => peer,
            Err(_) => return desk.none(at.span().start, "`peer` is an address such as \"192.0.2.1\""),
        },
    };
    let now = section.get("now").and_then(|at| time(desk, at));
    let events = events(desk, section);
    let reply = section.get("reply").and_then(|at| desk.section(at, "in `reply`")).map(|mut section| {
        let status = section.get("status").and_then(|at| desk.within(at, 100, 599)).and_then(|n| u16::try_from(n).ok());
        let media_type = desk.text_of(&mut section, "type");
        let body = desk.text_of(&mut section, "body");
        let json = section.get("json").and_then(|at| json(desk, at));
        desk.close(&section);
        WantedReply { status, media_type, body, json }
    });
    let fetch = desk.text_of(section, "fetch");
    Some(HookCase { hook: name, method, query, own, headers, body, sign, peer, now, events, reply, fetch })
}

fn poll<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>, definition: &Definition) -> Option<PollCase> {
    let at = desk.needed(section, "poll")?;
    let name = desk.text(at)?;
    let Some(poll) = definition.polls.iter().position(|poll| poll.name == name) else {
        return desk.none(at.span().start, format!("the definition has no poll `{name}`"));
    };
    let answer = answer(desk, section);
    let events = events(desk, section);
    let cursor = desk.text_of(section, "cursor");
    let request = section.get("request").and_then(|at| desk.section(at, "in `request`")).map(|mut section| {
        let wanted = wanted_request(desk, &mut section);
        desk.close(&section);
        wanted
    });
    Some(PollCase { poll, answer: answer?, events, cursor, request })
}
