//! What the runner looks for by itself, whatever a file of cases says.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    Case, ID, Suite, Touched, What,
    calls::{HookCase, Sign},
};
use crate::provider::{
    answer::Answered,
    hook::{Event, Hooked, Proof},
    settings::Settings,
    web::{Answer, Headers},
    word::{State, Verdict},
};

/// Octets that are turned in one call.
const MOST_TURNED: usize = 4_096;
/// A word that no provider has.
const UNKNOWN: &str = "zz-martlet-unknown";

/// Everything that is found.
pub fn look(suite: &Suite<'_>, cases: &[Case], touched: &Touched) -> Vec<String> {
    let mut found = untouched(suite, touched);
    found.extend(tables(suite));
    let Ok(settings) = suite.settings_with(&std::collections::BTreeMap::new()) else { return found };
    found.extend(garbage(suite));
    found.extend(secrets(suite, &settings, cases));
    for case in cases {
        if let What::Hook(hook) = &case.what
            && let Ok(settings) = suite.settings_with(&case.settings)
        {
            let place = format!("hook case {:?} (line {})", case.title, case.line);
            found.extend(turned(suite, &settings, hook).map(|why| format!("{place}: {why}")));
            found.extend(unknown(suite, &settings, hook).map(|why| format!("{place}: {why}")));
        }
    }
    found
}

/// Rules, variants and events that no case touches.
fn untouched(suite: &Suite<'_>, touched: &Touched) -> Vec<String> {
    let mut found = Vec::new();
    let definition = suite.definition;
    if let Some(send) = &definition.send {
        for (n, rule) in send.rules.iter().enumerate().filter(|(n, _)| !touched.rules.contains(n)) {
            found.push(format!("no case touches the rule of line {} ([[send.rule]] {})", rule.line, n + 1));
        }
        for n in (0..send.variants.len()).filter(|n| !touched.variants.contains(n)) {
            found.push(format!("no case touches [[send.variant]] {}", n + 1));
        }
    }
    let hooks = definition.hooks.iter().map(|hook| (&hook.name, &hook.events));
    let polls = definition.polls.iter().map(|poll| (&poll.name, &poll.events));
    for (name, events) in hooks.chain(polls) {
        for (n, event) in events.iter().enumerate() {
            if !touched.events.contains(&(name.clone(), n)) {
                let kind = event.kind.word();
                found.push(format!("no case touches the event of line {} ({name}, {kind})", event.line));
            }
        }
    }
    found
}

/// A table of states that knows every word is none.
fn tables(suite: &Suite<'_>) -> Vec<String> {
    let known = |word: &str| {
        let events = suite.definition.hooks.iter().flat_map(|hook| &hook.events);
        let events = events.chain(suite.definition.polls.iter().flat_map(|poll| &poll.events));
        events
            .filter(|event| event.state_of(word).is_some_and(|state| state != State::Ignore))
            .map(|e| e.line)
            .collect::<Vec<_>>()
    };
    known(UNKNOWN).iter().map(|line| format!("the states of line {line} know a word that nobody has")).collect()
}

/// An answer of garbage proves no success, with whatever status.
fn garbage(suite: &Suite<'_>) -> Vec<String> {
    let mut found = Vec::new();
    if suite.definition.send.is_none() {
        return found;
    }
    for body in [&b""[..], b"\xff\x00<x", b"{\"", b"[]", b"{}"] {
        for status in 100..600 {
            let answer = Answer { status, headers: Headers::default(), body: body.to_vec() };
            let answered = suite.definition.outcome(&answer, ID, suite.now);
            if answered.verdict == Verdict::Accepted {
                found.push(format!("an answer of {status} with nothing in it counts as accepted"));
            }
        }
    }
    found
}

/// No secret shows where people look: `Debug`, faults, the words of a report.
fn secrets(suite: &Suite<'_>, settings: &Settings, cases: &[Case]) -> Vec<String> {
    let secrets: Vec<String> = settings
        .secrets()
        .map(|secret| secret.expose().clone())
        .filter(|secret| secret.len() >= 4 && !"[secret] secrets Secret".contains(secret.as_str()))
        .collect();
    let mut found = Vec::new();
    let mut clean = |what: &str, shown: &str| {
        if secrets.iter().any(|secret| shown.contains(secret.as_str())) {
            found.push(format!("{what} shows a secret"));
        }
    };
    clean("Debug of the settings", &format!("{settings:?}"));
    for case in cases {
        match &case.what {
            What::Request(request) => request.message.submit(suite, settings, |message, _| {
                let made = suite.definition.request(settings, message);
                clean("Debug of a request", &format!("{made:?} {message:?}"));
                if let Err(fault) = made {
                    clean("a fault", &fault.to_string());
                }
            }),
            What::Answer(answer) => {
                // A provider that repeats what it was sent.
                for secret in &secrets {
                    let body = repeating(&answer.answer.body, secret);
                    let answer = Answer { body, ..answer.answer.clone() };
                    let answered: Answered = suite.definition.outcome(&answer, ID, suite.now).without(settings);
                    // An id is the provider's own, whatever it says.
                    let shown = format!("{} {answered:?}", answered.words());
                    clean("the words of an outcome", &shown);
                }
            }
            What::Hook(hook) => {
                if let Some((request, sealed)) = hook.request(suite, settings) {
                    let hooked = hook.hooked(suite, settings, &request, sealed);
                    clean("Debug of a call", &format!("{request:?} {hooked:?}"));
                }
            }
            What::Poll(_) | What::Token(_) | What::Setup(_) => {}
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The body with a secret behind each of its texts.
fn repeating(body: &[u8], secret: &str) -> Vec<u8> {
    fn add(value: &mut serde_json::Value, secret: &str) {
        match value {
            serde_json::Value::String(text) => text.push_str(&format!(" {secret}")),
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| add(item, secret)),
            serde_json::Value::Object(members) => members.values_mut().for_each(|member| add(member, secret)),
            _ => {}
        }
    }
    match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(mut value) => {
            add(&mut value, secret);
            value.to_string().into_bytes()
        }
        Err(_) => [body, b" ", secret.as_bytes()].concat(),
    }
}

/// The call with one octet turned, at many places: nothing breaks, and nothing that is signed is believed.
fn turned(suite: &Suite<'_>, settings: &Settings, case: &HookCase) -> Option<String> {
    let (request, _) = case.request(suite, settings)?;
    let length = request.body.len();
    let step = (length / MOST_TURNED).max(1);
    for at in (0..length).step_by(step) {
        let mut other = request.clone();
        other.body[at] ^= 0x11;
        let run = || suite.definition.hooked(settings, &case.hook, &other, || Proof::Yes(None));
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            return Some(format!("with octet {at} of its body turned the engine breaks"));
        }
    }
    let url: Vec<char> = request.url.chars().collect();
    for at in 0..url.len().min(MOST_TURNED) {
        let mut other = request.clone();
        other.url = url.iter().enumerate().map(|(n, c)| if n == at { '%' } else { *c }).collect();
        let run = || suite.definition.hooked(settings, &case.hook, &other, || Proof::Yes(None));
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            return Some(format!("with character {at} of its address turned the engine breaks"));
        }
    }
    None
}

/// The same call with a status word that nobody has: it is no report.
fn unknown(suite: &Suite<'_>, settings: &Settings, case: &HookCase) -> Option<String> {
    if case.sign != Sign::True {
        return None;
    }
    let (request, _) = case.request(suite, settings)?;
    let words = suite.definition.state_words(&case.hook, &request);
    for (number, word) in &words {
        let mut other = request.clone();
        other.url = other.url.replace(word, UNKNOWN);
        let body = String::from_utf8(other.body).ok()?;
        other.body = body.replace(word, UNKNOWN).into_bytes();
        let hooked = suite.definition.hooked(settings, &case.hook, &other, || Proof::Yes(None));
        let Hooked::Take { events, .. } = hooked else { continue };
        let reports = events.iter().filter(|taken| taken.number == *number && matches!(taken.event, Event::Report(_)));
        // Other items of the call have words of their own.
        let others = words.iter().filter(|(n, other)| n == number && !other.contains(word.as_str()));
        if reports.count() > others.count() {
            return Some("a status word that nobody has still changes something".to_owned());
        }
    }
    None
}
