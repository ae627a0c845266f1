//! The top of a file, settings, numbers, texts, validity, pace, and tables of codes.

use std::time::Duration;

use super::{
    call,
    desk::{At, Desk, Known, Place, Section},
    hook, rule,
};
use crate::ground::written::suggestion;
use crate::provider::{
    charset,
    codes::Normal,
    definition::{
        Auth, Binary, Definition, Filled, Numbers, Rate, Row, SenderKind, Setting, SettingKind, Split, Texts, Unit,
        Validity,
    },
    ids::{Base, Ids},
    moment,
    number::Form,
    word::Word,
};

/// The whole file.
pub fn definition<'t>(desk: &mut Desk<'t>, mut root: Section<'t>) -> Option<Definition> {
    match desk.needed(&mut root, "format").map(|at| (at, desk.integer(at))) {
        Some((_, Some(1)) | (_, None)) | None => {}
        Some((at, Some(other))) => {
            desk.wrong(at.span().start, format!("format {other} is not known: this Martlet reads 1"))
        }
    }
    let name = desk.needed(&mut root, "name").and_then(|at| name(desk, at)).unwrap_or_default();
    let title = desk.needed(&mut root, "title").and_then(|at| desk.text(at)).unwrap_or_default().to_owned();
    let (sends, receives) = directions(desk, &mut root);
    let mut strings = |key| match root.get(key) {
        Some(at) => desk.texts(at).into_iter().map(str::to_owned).collect(),
        None => Vec::new(),
    };
    let (documents, unverified) = (strings("documents"), strings("unverified"));
    let settings = settings(desk, &mut root);
    codes(desk, &mut root);
    // What templates may name is known before the first of them is read.
    let hooks = root.get("hook");
    let hooks = desk.sections(hooks, "hook");
    desk.hooks = hook::names(&hooks);
    let token = root.get("token");
    desk.has_token = token.is_some();
    let number = root.get("number").and_then(|at| desk.section(at, "in [number]"));
    let number = numbers(desk, number);
    let text = root.get("text").and_then(|at| desk.section(at, "in [text]"));
    let text = texts(desk, text);
    let validity = root.get("validity").and_then(|at| desk.section(at, "in [validity]"));
    let validity = validity.and_then(|section| self::validity(desk, section));
    desk.has_validity = validity.is_some();
    let rate = root.get("rate").and_then(|at| desk.section(at, "in [rate]"));
    let rate = rate.map(|section| self::rate(desk, section)).unwrap_or_default();
    let ids = root.get("ids").and_then(|at| desk.section(at, "in [ids]"));
    let ids = ids.and_then(|section| self::ids(desk, section));
    let send = root.get("send").and_then(|at| desk.section(at, "in [send]"));
    let send = send.and_then(|section| rule::sending(desk, section));
    let send_auth = send.as_ref().map(|send| send.call.auth.clone());
    desk.has_login = !matches!(send_auth, None | Some(Auth::None | Auth::Token));
    let token = token.and_then(|at| desk.section(at, "in [token]")).and_then(|section| call::token(desk, section));
    let setup = root.get("setup").and_then(|at| desk.section(at, "in [setup]"));
    let setup = setup.and_then(|section| call::setup(desk, section, send_auth.as_ref()));
    let polls = root.get("poll");
    let polls = desk.sections(polls, "poll");
    let polls = polls.into_iter().filter_map(|section| hook::poll(desk, section, send_auth.as_ref())).collect();
    let hooks = hooks.into_iter().filter_map(|section| hook::hook(desk, section)).collect();
    if sends && send.is_none() && desk.errors.is_empty() {
        desk.wrong(0, "there is no [send]; a provider that only brings texts says directions = [\"mo\"]");
    }
    desk.close(&root);
    Some(Definition {
        name,
        title,
        sends,
        receives,
        documents,
        unverified,
        settings,
        number,
        text,
        validity,
        rate,
        ids,
        token,
        send,
        hooks,
        polls,
        setup,
    })
}

/// `a-z 0-9 -`, at most 40.
pub fn name<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Option<String> {
    let given = desk.text(at)?;
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if (1..=40).contains(&given.len()) && given.bytes().all(fits) && !given.starts_with('-') {
        return Some(given.to_owned());
    }
    desk.none(at.span().start, "a name is 1 to 40 of a-z 0-9 - and does not begin with -")
}

fn directions<'t>(desk: &mut Desk<'t>, root: &mut Section<'t>) -> (bool, bool) {
    let Some(at) = root.get("directions") else { return (true, true) };
    let items = desk.list(at);
    let words: Vec<bool> =
        items.into_iter().filter_map(|item| desk.word(item, &[("mt", true), ("mo", false)])).collect();
    (words.contains(&true), words.contains(&false))
}

fn settings<'t>(desk: &mut Desk<'t>, root: &mut Section<'t>) -> Vec<Setting> {
    let Some(section) = root.get("setting").and_then(|at| desk.section(at, "in [setting]")) else { return Vec::new() };
    let mut out = Vec::new();
    for (name, at, value) in section.entries() {
        let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        if !(1..=40).contains(&name.len()) || !name.bytes().all(fits) {
            desk.wrong(at, "a setting's name is 1 to 40 of a-z 0-9 _");
        }
        let Some(section) = desk.section(value, "in a setting") else { continue };
        if let Some(setting) = setting(desk, name, section) {
            let known = Known {
                list: matches!(setting.kind, SettingKind::List(_)),
                url: matches!(setting.kind, SettingKind::Url),
                absent: setting.optional && setting.default.is_none(),
            };
            desk.settings.insert(name.to_owned(), known);
            out.push(setting);
        }
    }
    out
}

fn setting<'t>(desk: &mut Desk<'t>, name: &str, mut section: Section<'t>) -> Option<Setting> {
    let words = [("text", 0), ("secret", 1), ("url", 2), ("number", 3), ("bool", 4), ("choice", 5), ("list", 6)];
    let word = desk.needed(&mut section, "kind").and_then(|at| desk.word(at, &words));
    let pattern = section.get("pattern").map(|at| (at, desk.whole_pattern(at)));
    let min = section.get("min").and_then(|at| desk.integer(at));
    let max = section.get("max").and_then(|at| desk.integer(at));
    let choices = section.get("choices").map(|at| desk.texts(at).into_iter().map(str::to_owned).collect::<Vec<_>>());
    let about = desk.text_of(&mut section, "about");
    let optional = section.get("optional").and_then(|at| desk.flag(at)).unwrap_or(false);
    let default = section.get("default");
    if let (Some((at, _)), Some(2..=5)) = (&pattern, word) {
        desk.wrong(at.span().start, "`pattern` is of text, secret and list");
    }
    let pattern = pattern.and_then(|(_, pattern)| pattern);
    let at = section.at;
    desk.close(&section);
    let kind = match word? {
        0 => SettingKind::Text(pattern),
        1 => SettingKind::Secret(pattern),
        2 => SettingKind::Url,
        3 => SettingKind::Number { min: min.unwrap_or(i64::MIN), max: max.unwrap_or(i64::MAX) },
        4 => SettingKind::Bool,
        5 => match choices {
            Some(choices) if !choices.is_empty() => SettingKind::Choice(choices),
            _ => return desk.none(at, "a choice has `choices`"),
        },
        _ => SettingKind::List(pattern),
    };
    let default = default.and_then(|at| default_of(desk, at, &kind));
    Some(Setting { name: name.to_owned(), kind, about, default, optional })
}

fn default_of<'t>(desk: &mut Desk<'t>, at: At<'t>, kind: &SettingKind) -> Option<Filled> {
    let given = match kind {
        SettingKind::Secret(_) => return desk.none(at.span().start, "a secret has no default"),
        SettingKind::Number { .. } => Filled::Number(desk.integer(at)?),
        SettingKind::Bool => Filled::Bool(desk.flag(at)?),
        SettingKind::List(_) => Filled::List(desk.texts(at).into_iter().map(str::to_owned).collect()),
        SettingKind::Text(_) | SettingKind::Url | SettingKind::Choice(_) => Filled::Text(desk.text(at)?.to_owned()),
    };
    kind.check(given).map_err(|why| desk.wrong(at.span().start, why)).ok()
}

fn codes<'t>(desk: &mut Desk<'t>, root: &mut Section<'t>) {
    let Some(mut section) = root.get("codes").and_then(|at| desk.section(at, "in [codes]")) else { return };
    if let Some(at) = section.get("normalise") {
        desk.tables.normal = normal(desk, at);
    }
    for (name, _, value) in section.entries() {
        if name == "normalise" {
            continue;
        }
        let Some(table) = desk.section(value, "in a table of codes") else { continue };
        let mut rows = Vec::new();
        for (keys, at, value) in table.entries() {
            let Some(text) = desk.text(value) else { continue };
            match Word::read(text) {
                Some(word) => rows.push(Row { keys: keys.to_owned(), word, at }),
                None => {
                    let hint = suggestion(text, Word::all());
                    desk.wrong(value.span().start, format!("`{text}` is neither a result nor a state{hint}"));
                }
            }
        }
        desk.tables.rows.insert(name.to_owned(), rows);
    }
}

/// `normalise = [ … ]`
pub fn normal<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Normal {
    let words = [("strip_zeros", 0), ("lower", 1), ("trim", 2)];
    let items = desk.list(at);
    let given: Vec<i32> = items.into_iter().filter_map(|item| desk.word(item, &words)).collect();
    Normal { strip_zeros: given.contains(&0), lower: given.contains(&1) }
}

fn numbers<'t>(desk: &mut Desk<'t>, section: Option<Section<'t>>) -> Numbers {
    let mut numbers = Numbers {
        to: Form::E164,
        int: false,
        from: vec![SenderKind::None],
        alpha: None,
        require_letter: false,
        home: None,
        short_ok: false,
    };
    let Some(mut section) = section else { return numbers };
    let forms = Form::ALL.map(|(word, form)| (word, (form, false)));
    let to: Vec<_> = forms.into_iter().chain([("int", (Form::Digits, true))]).collect();
    if let Some((form, int)) = section.get("to").and_then(|at| desk.word(at, &to)) {
        (numbers.to, numbers.int) = (form, int);
    }
    let kinds: Vec<_> = Form::ALL
        .map(|(word, form)| (word, SenderKind::Number(form)))
        .into_iter()
        .chain([("short", SenderKind::Short), ("alpha", SenderKind::Alpha)])
        .chain([("none", SenderKind::None), ("any", SenderKind::Any)])
        .collect();
    if let Some(at) = section.get("from") {
        let items = desk.list(at);
        numbers.from = items.into_iter().filter_map(|item| desk.word(item, &kinds)).collect();
    }
    if let Some(mut alpha) = section.get("alpha").and_then(|at| desk.section(at, "in `alpha`")) {
        numbers.alpha = alpha.get("pattern").and_then(|at| desk.whole_pattern(at));
        numbers.require_letter = alpha.get("require_letter").and_then(|at| desk.flag(at)).unwrap_or(false);
        desk.close(&alpha);
    }
    numbers.home = section.get("home").and_then(|at| desk.template(at, Place::Settings));
    numbers.short_ok = section.get("short_ok").and_then(|at| desk.flag(at)).unwrap_or(false);
    desk.close(&section);
    numbers
}

fn texts<'t>(desk: &mut Desk<'t>, section: Option<Section<'t>>) -> Texts {
    let mut texts = Texts {
        charset: encoding_rs::UTF_8,
        split: Split::Provider,
        max_chars: None,
        max_parts: None,
        truncate: false,
        binary: Binary::No,
    };
    let Some(mut section) = section else { return texts };
    if let Some(encoding) = section.get("charset").and_then(|at| charset_at(desk, at)) {
        texts.charset = encoding;
    }
    let splits =
        [("provider", Split::Provider), ("udh", Split::Udh), ("separate", Split::Separate), ("none", Split::None)];
    texts.split = section.get("split").and_then(|at| desk.word(at, &splits)).unwrap_or(Split::Provider);
    let chars = section.get("max_chars").and_then(|at| desk.within(at, 1, 100_000));
    texts.max_chars = chars.and_then(|n| usize::try_from(n).ok());
    let parts = section.get("max_parts").and_then(|at| desk.within(at, 1, 128));
    texts.max_parts = parts.and_then(|n| u8::try_from(n).ok());
    let beyond = [("refuse", false), ("truncate", true)];
    texts.truncate = section.get("beyond").and_then(|at| desk.word(at, &beyond)).unwrap_or(false);
    if let Some(at) = section.get("binary") {
        texts.binary = match at.get_ref() {
            toml::de::DeValue::Boolean(true) => Binary::Yes,
            toml::de::DeValue::Boolean(false) => Binary::No,
            _ => desk.word(at, &[("base64", Binary::ToPort)]).unwrap_or(Binary::No),
        };
    }
    desk.close(&section);
    texts
}

/// A label of a charset.
pub fn charset_at<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Option<&'static encoding_rs::Encoding> {
    let label = desk.text(at)?;
    charset::named(label).map_err(|why| desk.wrong(at.span().start, why)).ok()
}

fn validity<'t>(desk: &mut Desk<'t>, mut section: Section<'t>) -> Option<Validity> {
    let words = [
        ("s", Unit::Seconds),
        ("ms", Unit::Millis),
        ("min", Unit::Minutes),
        ("h", Unit::Hours),
        ("rfc3339", Unit::Rfc3339),
        ("unix", Unit::Unix),
    ];
    let at = desk.needed(&mut section, "unit")?;
    let unit = match desk.text(at) {
        Some(format) if format.contains('%') => {
            let checked = moment::check_format(format).map_err(|why| desk.wrong(at.span().start, why));
            checked.ok().map(|()| Unit::Pattern(format.to_owned()))
        }
        _ => desk.word(at, &words),
    };
    let min = section.get("min").and_then(|at| desk.within(at, 0, i64::MAX)).unwrap_or(0).unsigned_abs();
    let max = section.get("max").and_then(|at| desk.within(at, 1, i64::MAX)).map_or(u64::MAX, i64::unsigned_abs);
    if min > max {
        desk.wrong(section.at, "`min` is larger than `max`");
    }
    desk.close(&section);
    Some(Validity { unit: unit?, min, max })
}

fn rate<'t>(desk: &mut Desk<'t>, mut section: Section<'t>) -> Rate {
    let count = |desk: &mut Desk<'t>, at: Option<At<'t>>| {
        at.and_then(|at| desk.within(at, 1, 100_000)).and_then(|n| u32::try_from(n).ok())
    };
    let second = section.get("per_second");
    let minute = section.get("per_minute");
    if let (Some(at), Some(_)) = (minute, second) {
        desk.wrong(at.span().start, "either per_second or per_minute");
    }
    let second = count(desk, second).map(|n| (n, Duration::from_secs(1)));
    let requests = second.or(count(desk, minute).map(|n| (n, Duration::from_secs(60))));
    let concurrency = section.get("concurrency").and_then(|at| desk.within(at, 1, 1_000));
    let order = section.get("order").and_then(|at| desk.word(at, &[("per_recipient", true), ("none", false)]));
    desk.close(&section);
    Rate {
        requests,
        concurrency: concurrency.and_then(|n| u16::try_from(n).ok()),
        per_recipient: order.unwrap_or(false),
    }
}

fn ids<'t>(desk: &mut Desk<'t>, mut section: Section<'t>) -> Option<Ids> {
    let mut base = |key| desk.needed(&mut section, key).and_then(|at| desk.word(at, &Base::ALL));
    let (answer, report) = (base("answer"), base("report"));
    desk.close(&section);
    Some(Ids { answer: answer?, report: report? })
}
