//! Any call to any hook of any shipped definition is taken apart: events have what they need, words stay within their
//! lengths, `Debug` shows neither numbers nor texts, and a second look says the same.
//!
//! Input: name of a definition, blank, name of a hook, blank, method, LF, query, LF, media type, LF, body.

use std::{collections::BTreeMap, sync::LazyLock};

use martlet::{
    provider::{
        Definition, Settings, State,
        hook::{Event, Hooked, Proof},
        shipped,
        web::HookRequest,
    },
    sms::Body,
};

static ALL: LazyLock<BTreeMap<String, Definition>> = LazyLock::new(|| {
    let one = |name: String| {
        let definition = Definition::read(&shipped::text(&name)?, &name).ok()?;
        Some((name, definition))
    };
    shipped::names().into_iter().filter_map(one).collect()
});

pub fn provider_hook(data: &[u8]) {
    let mut lines = data.splitn(4, |octet| *octet == b'\n');
    let mut line = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (first, query, media_type) = (line(), line(), line());
    let body = data.splitn(4, |octet| *octet == b'\n').nth(3).unwrap_or_default();
    let mut words = first.split(' ');
    let (name, hook, method) = (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next());
    let Some(definition) = ALL.get(name) else { return };
    let request = HookRequest {
        method: method.unwrap_or("POST").to_owned(),
        url: format!("https://m.example/gateway/g/hook/{hook}?{query}"),
        headers: [("Content-Type", media_type)].into_iter().collect(),
        body: body.to_vec(),
        peer: [192, 0, 2, 1].into(),
        certificate: None,
    };
    let settings = Settings::default();
    let look = || definition.hooked(&settings, hook, &request, || Proof::Yes(None));
    let hooked = look();
    assert_eq!(hooked, look());
    let unproven = definition.hooked(&settings, hook, &request, || Proof::No);
    assert!(!matches!(unproven, Hooked::Take { .. } | Hooked::Fetch { .. }), "nothing is taken without proof");
    let Hooked::Take { events, .. } = hooked else { return };
    for taken in &events {
        assert!(taken.dedupe.as_deref().is_none_or(|key| !key.is_empty() && key.len() <= 256));
        match &taken.event {
            Event::Report(report) => {
                assert!(report.id.is_some() || report.own_id.is_some(), "a report is about something");
                assert_ne!(report.state, State::Ignore);
                assert!(report.code.as_deref().is_none_or(|code| code.len() <= 64));
                assert!(report.index.is_none_or(|n| n > 0) && report.total.is_none_or(|n| n > 0));
            }
            Event::Inbound(inbound) => {
                // What is given, and `+` with the code of a country.
                assert!(!inbound.from.is_empty() && inbound.from.len() <= 128 + 4);
                assert!(inbound.media.len() <= 20);
                // Ids are shown; whoever puts a text into one shows it.
                let bare = martlet::provider::hook::Inbound { id: None, ..inbound.clone() };
                let shown = format!("{bare:?}");
                if let Body::Text(text) = &inbound.segment.body {
                    assert!(text.len() < 12 || !shown.contains(text.as_str()), "{shown}");
                }
                assert!(inbound.from.len() < 8 || !shown.contains(&inbound.from), "{shown}");
            }
            Event::OptOut(opt) => assert!(!opt.from.is_empty()),
        }
    }
}
