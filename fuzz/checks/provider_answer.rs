//! Any answer to any shipped definition gives one verdict; what is kept of it stays on one line and within its length, and
//! `Debug` shows none of it.
//!
//! Input: name of a definition, LF, status, LF, header fields, each a line, an empty line, body.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use martlet::{
    ground::{Outcome, Timestamp},
    provider::{
        Definition, Verdict, shipped,
        web::{Answer, Headers},
    },
};

static ALL: LazyLock<BTreeMap<String, Definition>> = LazyLock::new(|| {
    let one = |name: String| {
        let definition = Definition::read(&shipped::text(&name)?, &name).ok()?;
        Some((name, definition))
    };
    shipped::names().into_iter().filter_map(one).collect()
});

pub fn provider_answer(data: &[u8]) {
    let mut lines = data.splitn(2, |octet| *octet == b'\n');
    let (name, rest) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let Some(definition) = ALL.get(String::from_utf8_lossy(name).trim()) else { return };
    let mut lines = rest.splitn(2, |octet| *octet == b'\n');
    let status = String::from_utf8_lossy(lines.next().unwrap_or_default()).trim().parse().unwrap_or(200);
    let mut rest = lines.next().unwrap_or_default();
    let mut headers = Headers::default();
    while let Some(end) = rest.iter().position(|octet| *octet == b'\n') {
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 1..];
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push(name.trim(), value.trim());
    }
    let answer = Answer { status, headers, body: rest.to_vec() };
    let now = Timestamp(1_767_323_045_000);
    let answered = definition.outcome(&answer, "own-id", now);
    assert!(answered.words().chars().all(|c| !c.is_control()), "one line");
    assert!(answered.code.as_deref().is_none_or(|code| !code.is_empty() && code.len() <= 64));
    assert!(answered.detail.as_deref().is_none_or(|words| !words.is_empty() && words.len() <= 300));
    assert!(answered.after.is_none_or(|after| after <= Duration::from_secs(30 * 86_400)), "a pause has a bound");
    match answered.outcome() {
        Outcome::Sent(_) => assert!(answered.verdict.is_success()),
        Outcome::Later(fault) => assert_eq!(fault.code.class(), 4),
        Outcome::Never(fault) => {
            assert_eq!(fault.code.class(), 5);
            assert_eq!(fault.opted_out, answered.verdict == Verdict::OptedOut);
        }
        Outcome::Unsure(_) => assert_eq!(answered.verdict, Verdict::Uncertain),
    }
    assert!(answered.ids.is_empty() || answered.verdict.is_success(), "ids of what was not taken");
    // Names of header fields are shown, and an input may have its words there as well.
    let shown = format!("{answered:?} {:?}", Answer { headers: Headers::default(), ..answer.clone() });
    assert!(answered.detail.as_deref().is_none_or(|words| words.len() < 12 || !shown.contains(words)));
    let _ = definition.token(&answer, now);
    for poll in 0..definition.polls.len() {
        let _ = definition.polled(&martlet::provider::Settings::default(), poll, &answer);
    }
}
