//! What a provider's answer means for a message: ordered rules, the first that passes all its tests.
//!
//! The HTTP status comes first, then codes, then words; success must be proven, and what no rule knows is read by its status
//! alone ([`by_status`]). Nothing that an answer holds can make this fail.

mod pause;

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::{
    charset,
    definition::{Definition, Lifetime, Rule, Tests, Wanted},
    settings::Settings,
    source::Pointer,
    view::{self, View},
    web::Answer,
    word::Verdict,
    xml::{self, Element},
};
use crate::ground::{Fault, Outcome, RemoteId, Secret, Timestamp, outcome::one_line};

/// As much of a body as is looked at.
const SEEN: usize = 256 << 10;
/// Longest code and words that are kept.
const LONGEST_CODE: usize = 64;
const LONGEST_WORDS: usize = 300;

/// What an answer says of a message. `Debug` shows none of the provider's words: they may repeat number and text.
#[derive(Clone, PartialEq, Eq)]
pub struct Answered {
    pub verdict: Verdict,
    /// The provider's ids: one, or one for each part.
    pub ids: Vec<RemoteId>,
    pub code: Option<String>,
    pub detail: Option<String>,
    /// How long to wait.
    pub after: Option<Duration>,
    pub status: u16,
    /// Which rule it was, from 0; `None`: none, the status alone.
    pub rule: Option<usize>,
}

impl std::fmt::Debug for Answered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { verdict, ids, code, after, status, rule, .. } = self;
        write!(
            f,
            "Answered({verdict:?} {status} ids[{}] code[{}] {after:?} rule {rule:?})",
            ids.len(),
            code.as_deref().map_or(0, str::len)
        )
    }
}

impl Answered {
    /// The words for a report: status, code, the provider's own words.
    pub fn words(&self) -> String {
        let code = self.code.as_deref().map(|code| format!(" code {code}")).unwrap_or_default();
        let detail = self.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
        format!("HTTP {}{code}{detail}", self.status)
    }

    /// The outcome of the attempt. Where there are several ids the first stands for the message; [`Self::ids`] has all.
    pub fn outcome(&self) -> Outcome {
        self.verdict.outcome(self.ids.first().cloned(), &self.words(), self.after)
    }

    /// The same answer, where a provider's words may have repeated secrets.
    #[must_use]
    pub fn without(mut self, settings: &Settings) -> Self {
        for words in [&mut self.code, &mut self.detail].into_iter().flatten() {
            for secret in settings.secrets().map(Secret::expose).filter(|secret| secret.len() >= 4) {
                if words.contains(secret.as_str()) {
                    *words = words.replace(secret.as_str(), "[secret]");
                }
            }
        }
        self
    }
}

/// An answer taken apart, each way that a rule may look at it.
struct Parsed {
    text: String,
    json: Option<Value>,
    xml: Option<Element>,
    fields: view::Fields,
}

impl Parsed {
    fn of(answer: &Answer) -> Self {
        let body = &answer.body[..answer.body.len().min(SEEN)];
        let label =
            answer.headers.get("content-type").and_then(|kind| kind.split_once("charset=")).map(|(_, label)| label);
        let label = label.map(|label| label.split(';').next().unwrap_or_default());
        let encoding = label.and_then(|label| charset::named(label).ok()).unwrap_or(encoding_rs::UTF_8);
        let text = charset::decode(body, encoding);
        let trimmed = text.trim_start();
        let json = if trimmed.starts_with('<') { None } else { serde_json::from_str(trimmed).ok() };
        let xml = if trimmed.starts_with('<') { xml::read(trimmed) } else { None };
        let fields = if json.is_none() && xml.is_none() { view::form(text.trim().as_bytes()) } else { Vec::new() };
        Self { text, json, xml, fields }
    }

    fn view<'a>(
        &'a self,
        answer: &'a Answer,
        own: &'a str,
        captures: Option<&'a BTreeMap<String, String>>,
    ) -> View<'a> {
        View {
            fields: &self.fields,
            json: self.json.as_ref(),
            root: self.json.as_ref(),
            xml: self.xml.as_ref(),
            captures,
            own: Some(own),
            ..View::new(&answer.headers)
        }
    }
}

impl Definition {
    /// What an answer to a request for the message `own` means.
    pub fn outcome(&self, answer: &Answer, own: &str, now: Timestamp) -> Answered {
        let parsed = Parsed::of(answer);
        let rules = self.send.as_ref().map(|send| send.rules.as_slice()).unwrap_or_default();
        let found = rules.iter().enumerate().find_map(|(n, rule)| Some((n, rule.judge(answer, &parsed, own, now)?)));
        match found {
            Some((n, mut answered)) => {
                if let Some(ids) = self.ids {
                    let kept = |id: &RemoteId| if id.as_str() == own { Some(id.clone()) } else { ids.of_answer(id) };
                    answered.ids = answered.ids.iter().filter_map(kept).collect();
                }
                Answered { rule: Some(n), ..answered }
            }
            None => Answered {
                verdict: by_status(answer.status),
                ids: Vec::new(),
                code: None,
                detail: None,
                after: pause::usual(answer, by_status(answer.status) == Verdict::Throttled, now),
                status: answer.status,
                rule: None,
            },
        }
    }

    /// The token in the answer to [`Definition::token_request`], and how long it lives.
    ///
    /// # Errors
    /// There is none in it.
    pub fn token(&self, answer: &Answer, now: Timestamp) -> Result<(Secret<String>, Duration), Fault> {
        let fault = |verdict: Verdict, words: &str| {
            let after = pause::usual(answer, verdict == Verdict::Throttled, now);
            verdict.with(&format!("no token: HTTP {}, {words}", answer.status), after)
        };
        let Some(token) = &self.token else { return Err(fault(Verdict::Account, "the definition has no [token]")) };
        match answer.status {
            200..=299 => {}
            429 => return Err(fault(Verdict::Throttled, "too many requests")),
            500..=599 => return Err(fault(Verdict::Temporary, "the provider has a trouble of its own")),
            _ => return Err(fault(Verdict::Account, "the login was refused")),
        }
        let parsed = Parsed::of(answer);
        let view = parsed.view(answer, "", None);
        let Some(value) = view.first(&token.value) else { return Err(fault(Verdict::Account, "the answer has none")) };
        let life = match &token.lifetime {
            Lifetime::Fixed(life) => *life,
            Lifetime::Answered(source) => {
                let seconds = view.first(source).and_then(|seconds| seconds.parse::<f64>().ok()).unwrap_or(300.0);
                Duration::from_secs_f64(seconds.clamp(1.0, 30.0 * 86_400.0))
            }
        };
        Ok((Secret::new(value), life))
    }

    /// Whether after this status the token is asked for anew.
    pub fn refreshes(&self, status: u16) -> bool {
        let statuses = self.token.as_ref().map(|token| token.refresh.as_slice()).unwrap_or_default();
        statuses.iter().any(|(low, high)| (*low..=*high).contains(&status))
    }
}

/// What a status means by itself. A 2xx proves nothing.
fn by_status(status: u16) -> Verdict {
    match status {
        429 => Verdict::Throttled,
        // Nobody follows redirects: the address wants correcting.
        300..=399 | 401 | 403 | 407 => Verdict::Account,
        408 => Verdict::Temporary,
        400..=499 => Verdict::Permanent,
        // A proxy lost the provider behind the written request.
        502 | 504 => Verdict::Uncertain,
        500..=599 => Verdict::Temporary,
        _ => Verdict::Uncertain,
    }
}

impl Rule {
    fn judge(&self, answer: &Answer, parsed: &Parsed, own: &str, now: Timestamp) -> Option<Answered> {
        let captures = self.tests.pass(answer, parsed)?;
        let view = parsed.view(answer, own, Some(&captures));
        let ids: Vec<RemoteId> = match (&self.ids, &self.id) {
            (Some(ids), _) => view.all(ids).iter().filter_map(|id| RemoteId::new(id)).collect(),
            (None, Some(id)) => view.first(id).and_then(|id| RemoteId::new(&id)).into_iter().collect(),
            (None, None) => Vec::new(),
        };
        let wants_id = self.id.is_some() || self.ids.is_some();
        if self.result == Verdict::Accepted && wants_id && ids.is_empty() {
            return None;
        }
        let code = self.code.as_ref().and_then(|code| view.first(code));
        let known = self.codes.as_ref().zip(code.as_deref()).and_then(|(codes, code)| codes.get(code));
        let verdict = known.and_then(|word| word.verdict).unwrap_or(self.result);
        let waits = matches!(verdict, Verdict::Throttled | Verdict::Temporary | Verdict::Account);
        let throttled = verdict == Verdict::Throttled;
        let after = match &self.retry_after {
            Some(pause) if waits => pause.read(&view, answer, throttled, now),
            None if waits => pause::usual(answer, throttled, now),
            _ => None,
        };
        let kept = |words: String, cap| Some(one_line(&words, cap)).filter(|words| !words.is_empty());
        Some(Answered {
            verdict,
            ids: if verdict.is_success() { ids } else { Vec::new() },
            code: code.and_then(|code| kept(code, LONGEST_CODE)),
            detail: self
                .detail
                .as_ref()
                .and_then(|detail| view.first(detail))
                .and_then(|words| kept(words, LONGEST_WORDS)),
            after,
            status: answer.status,
            rule: None,
        })
    }
}

impl Tests {
    /// The named groups of `text`, if all tests hold.
    fn pass(&self, answer: &Answer, parsed: &Parsed) -> Option<BTreeMap<String, String>> {
        let status =
            self.status.is_empty() || self.status.iter().any(|(low, high)| (*low..=*high).contains(&answer.status));
        let header = |(name, pattern): &(String, regex::Regex)| answer.headers.all(name).any(|v| pattern.is_match(v));
        let field = |(name, pattern): &(String, regex::Regex)| {
            parsed.fields.iter().any(|(f, v)| f == name && pattern.is_match(&String::from_utf8_lossy(v)))
        };
        let holds = status
            && self.headers.iter().all(header)
            && self.fields.iter().all(field)
            && self.json.iter().all(|(pointer, wanted)| fits(parsed, pointer, wanted, true))
            && self.some.iter().all(|(pointer, wanted)| fits(parsed, pointer, wanted, false))
            && self.xml.iter().all(|(path, pattern)| {
                parsed.xml.as_ref().and_then(|root| root.find(path)).is_some_and(|text| pattern.is_match(&text))
            });
        if !holds {
            return None;
        }
        let view = parsed.view(answer, "", None);
        if self.absent.iter().any(|source| view.first(source).is_some()) {
            return None;
        }
        let Some(pattern) = &self.text else { return Some(BTreeMap::new()) };
        let groups = pattern.captures(&parsed.text)?;
        let named = pattern.capture_names().flatten();
        Some(named.filter_map(|name| Some((name.to_owned(), groups.name(name)?.as_str().to_owned()))).collect())
    }
}

fn fits(parsed: &Parsed, pointer: &Pointer, wanted: &Wanted, every: bool) -> bool {
    let Some(json) = &parsed.json else { return false };
    let values = view::pointed(json, &pointer.0);
    let fits = |value: &&Value| match wanted {
        Wanted::Is(wanted) => *value == wanted,
        Wanted::Fits(pattern) => view::text_of(value).is_some_and(|text| pattern.is_match(&text)),
    };
    !values.is_empty() && if every { values.iter().all(fits) } else { values.iter().any(fits) }
}

#[cfg(test)]
mod tests;
