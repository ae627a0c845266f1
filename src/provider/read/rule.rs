//! `[send]`: its request, variants, and the rules by which answers are read.

use std::{sync::Arc, time::Duration};

use regex::Regex;
use toml::de::DeValue;

use super::{
    call::{self, statuses},
    desk::{At, Desk, Place, Section},
    scheme::{fits as scheme_fits, scheme},
};
use crate::ground::written::suggestion;
use crate::provider::{
    codes::Codes,
    definition::{Changes, PauseUnit, RetryAfter, Rule, Sending, Tests, Variant, Wanted, When},
    pattern,
    request::variant::merged,
    sign,
    source::{Kind, Pointer, Source, XmlPath},
    word::{Verdict, Word},
};

/// The longest pause that is believed where the file says nothing.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// `[send]`
pub fn sending<'t>(desk: &mut Desk<'t>, mut section: Section<'t>) -> Option<Sending> {
    let call = call::call(desk, &mut section, Place::Send, "POST", None);
    let timeout = section.get("timeout").and_then(|at| desk.duration(at)).unwrap_or(Duration::from_secs(30));
    let sign = section.get("sign").and_then(|at| {
        let scheme = scheme(desk, at, "in `sign`")?;
        scheme_fits(desk, &scheme, at.span().start, sign::SCHEMES, "signer");
        Some(scheme)
    });
    let idempotent = section.get("idempotency").and_then(|at| desk.word(at, &[("none", false), ("own_id", true)]));
    let variants = section.get("variant");
    let variants = desk.sections(variants, "send.variant");
    let variants: Vec<_> = variants.into_iter().filter_map(|section| variant(desk, section)).collect();
    let rules = section.get("rule");
    let rules = desk.sections(rules, "send.rule");
    if rules.is_empty() {
        desk.wrong(section.at, "there is no [[send.rule]]: nothing would prove that a text was taken");
    }
    let rules = rules.into_iter().filter_map(|section| rule(desk, section)).collect();
    desk.close(&section);
    let call = call?;
    let whole = |(when, changes)| Variant { when, whole: merged(&call, &changes) };
    let variants = variants.into_iter().map(whole).collect();
    Some(Sending { call, timeout, sign, idempotent: idempotent.unwrap_or(false), variants, rules })
}

fn variant<'t>(desk: &mut Desk<'t>, mut section: Section<'t>) -> Option<(Vec<When>, Changes)> {
    let words = [
        ("gsm7", When::Gsm7),
        ("ucs2", When::Ucs2),
        ("text", When::Text),
        ("binary", When::Binary),
        ("mms", When::Mms),
        ("flash", When::Flash),
    ];
    let when = desk.needed(&mut section, "when").map(|at| {
        let items = desk.list(at);
        items.into_iter().filter_map(|item| desk.word(item, &words)).collect()
    });
    let url = section.get("url").and_then(|at| call::url(desk, at, Place::Send));
    let headers = call::fields(desk, &mut section, "headers", Place::Send);
    let query = call::fields(desk, &mut section, "query", Place::Send);
    let body = call::body(desk, &mut section, Place::Send);
    let drop =
        section.get("drop").map(|at| desk.texts(at).into_iter().map(str::to_owned).collect()).unwrap_or_default();
    desk.close(&section);
    Some((when?, Changes { url, headers, query, body, drop }))
}

fn rule<'t>(desk: &mut Desk<'t>, mut section: Section<'t>) -> Option<Rule> {
    let line = desk.line(section.at);
    let tests = tests(desk, &mut section);
    let at = desk.needed(&mut section, "result");
    let result = at.and_then(|at| desk.word(at, &Verdict::ALL));
    let id = desk.source_of(&mut section, "id");
    let ids = desk.source_of(&mut section, "ids");
    let code = desk.source_of(&mut section, "code");
    let detail = desk.source_of(&mut section, "detail");
    let codes = table(desk, &mut section, |word: Word| word.verdict.is_some(), "a result");
    if codes.is_some() && code.is_none() {
        desk.wrong(section.at, "`codes` needs a `code` to look up");
    }
    let retry_after = section.get("retry_after").and_then(|at| retry_after(desk, at));
    captured(desk, &section, &tests, [&id, &ids, &code, &detail]);
    let found = id.iter().chain(&ids).any(|source| source.0.iter().any(|place| place.kind != Kind::Own));
    if let (Some(Verdict::Accepted), false, false, Some(at)) = (result, tests.look_inside(), found, at) {
        desk.wrong(
            at.span().start,
            "success must be proven: test something besides the status, or find an `id` in the answer",
        );
    }
    desk.close(&section);
    Some(Rule { tests, result: result?, id, ids, code, detail, codes, retry_after, line })
}

impl Tests {
    /// Something besides the status is looked at.
    fn look_inside(&self) -> bool {
        !(self.headers.is_empty()
            && self.json.is_empty()
            && self.some.is_empty()
            && self.text.is_none()
            && self.xml.is_empty()
            && self.fields.is_empty())
    }
}

/// That captures are groups of the rule's pattern.
fn captured<'t>(desk: &mut Desk<'t>, section: &Section<'t>, tests: &Tests, sources: [&Option<Source>; 4]) {
    let groups: Vec<&str> = tests.text.iter().flat_map(Regex::capture_names).flatten().collect();
    for source in sources.into_iter().flatten() {
        for place in &source.0 {
            if let Kind::Capture(name) = &place.kind
                && !groups.contains(&name.as_str())
            {
                let hint = suggestion(name, groups.iter().copied());
                desk.wrong(section.at, format!("`text` has no group `{name}`: (?P<{name}>…){hint}"));
            }
        }
    }
}

fn tests<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>) -> Tests {
    let status = section.get("status").map(|at| statuses(desk, at)).unwrap_or_default();
    let headers = patterns(desk, section, "header");
    let json = wanted(desk, section, "json");
    let some = wanted(desk, section, "some");
    let text = section.get("text").and_then(|at| desk.pattern(at));
    let mut xml = Vec::new();
    if let Some(table) = section.get("xml").and_then(|at| desk.section(at, "in `xml`")) {
        for (path, at, value) in table.entries() {
            let path = XmlPath::read(path).map_err(|why| desk.wrong(at, why));
            if let (Ok(path), Some(pattern)) = (path, desk.pattern(value)) {
                xml.push((path, pattern));
            }
        }
    }
    let fields = patterns(desk, section, "field");
    let absent = sources(desk, section, "absent");
    Tests { status, headers, json, some, text, xml, fields, absent }
}

/// A list of sources, each by itself.
pub fn sources<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>, key: &'static str) -> Vec<Source> {
    let Some(at) = section.get(key) else { return Vec::new() };
    desk.list(at).into_iter().filter_map(|item| desk.source(item)).collect()
}

fn patterns<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>, key: &'static str) -> Vec<(String, Regex)> {
    let Some(table) = section.get(key).and_then(|at| desk.section(at, "in a table of patterns")) else {
        return Vec::new();
    };
    let entries = table.entries().into_iter();
    entries.filter_map(|(name, _, value)| Some((name.to_owned(), desk.pattern(value)?))).collect()
}

fn wanted<'t>(desk: &mut Desk<'t>, section: &mut Section<'t>, key: &'static str) -> Vec<(Pointer, Wanted)> {
    let Some(table) = section.get(key).and_then(|at| desk.section(at, "in a table of pointers")) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for (pointer, at, value) in table.entries() {
        let pointer = Pointer::read(pointer).map_err(|why| desk.wrong(at, why));
        let wanted = match value.get_ref() {
            DeValue::Boolean(flag) => Some(Wanted::Is((*flag).into())),
            DeValue::Integer(_) => desk.integer(value).map(|number| Wanted::Is(number.into())),
            _ => desk.pattern(value).map(Wanted::Fits),
        };
        if let (Ok(pointer), Some(wanted)) = (pointer, wanted) {
            out.push((pointer, wanted));
        }
    }
    out
}

/// The table that `codes` names, for this use. `fits` says which words make sense.
pub fn table<'t>(
    desk: &mut Desk<'t>,
    section: &mut Section<'t>,
    fits: impl Fn(Word) -> bool,
    what: &str,
) -> Option<Arc<Codes<Word>>> {
    let at = section.get("codes");
    let matching = section.get("match").and_then(|at| desk.word(at, &[("exact", false), ("regex", true)]));
    let at = at?;
    let name = desk.text(at)?;
    let Some(rows) = desk.tables.rows.get(name).cloned() else {
        let hint = suggestion(name, desk.tables.rows.keys().map(String::as_str));
        return desk.none(at.span().start, format!("there is no [codes.{name}]{hint}"));
    };
    let mut codes = Codes::new(desk.tables.normal);
    for row in rows {
        if !fits(row.word) {
            desk.wrong(
                row.at,
                format!("line {} looks `{name}` up for {what}: this word is none", desk.line(at.span().start)),
            );
        }
        let added = if matching == Some(true) {
            pattern::read(&row.keys).map(|pattern| codes.add_pattern(pattern, row.word))
        } else {
            codes.add(&row.keys, row.word)
        };
        if let Err(why) = added {
            desk.wrong(row.at, why);
        }
    }
    Some(Arc::new(codes))
}

fn retry_after<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Option<RetryAfter> {
    let mut section = desk.section(at, "in `retry_after`")?;
    let from = desk.source_of(&mut section, "from");
    let words = [
        ("s", PauseUnit::Seconds),
        ("ms", PauseUnit::Millis),
        ("http", PauseUnit::Http),
        ("unix", PauseUnit::Unix),
        ("unix_ms", PauseUnit::UnixMillis),
    ];
    let unit = section.get("unit").map_or(Some(PauseUnit::Http), |at| desk.word(at, &words));
    let default = section.get("default").and_then(|at| desk.duration(at));
    let max = section.get("max").and_then(|at| desk.duration(at)).unwrap_or(LONGEST_PAUSE);
    if from.is_none() && default.is_none() {
        desk.wrong(section.at, "`retry_after` has a `from` or a `default`");
    }
    desk.close(&section);
    Some(RetryAfter { from, unit: unit?, default, max })
}
