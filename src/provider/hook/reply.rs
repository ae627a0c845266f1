//! Our answers, and calls that are no events.

use super::{
    Answering, Hooked,
    spec::{Condition, Handshake, Hook, Is, JsonReply, Reply, ReplyBody},
};
use crate::provider::view::View;

/// The longest value that is echoed.
const LONGEST_ECHO: usize = 4096;

/// An answer filled in.
pub fn fill(reply: &Reply, view: &View<'_>) -> Answering {
    let short = |text: String| if text.len() > LONGEST_ECHO { String::new() } else { text };
    let (usual, body) = match &reply.body {
        ReplyBody::Empty => (None, String::new()),
        ReplyBody::Fixed(body) => (Some("text/plain; charset=utf-8"), body.clone()),
        // What is echoed is never taken for a page.
        ReplyBody::Echo(source) => {
            (Some("text/plain; charset=utf-8"), view.first(source).map(short).unwrap_or_default())
        }
        ReplyBody::Json(members) => {
            let member = |(name, member): &(String, JsonReply)| {
                let value = match member {
                    JsonReply::Fixed(value) => value.clone(),
                    JsonReply::From(source) => {
                        view.first(source).map(short).map_or(serde_json::Value::Null, Into::into)
                    }
                };
                (name.clone(), value)
            };
            let object: serde_json::Map<_, _> = members.iter().map(member).collect();
            (Some("application/json"), serde_json::Value::Object(object).to_string())
        }
    };
    let media_type = reply.media_type.clone().or_else(|| usual.map(str::to_owned));
    Answering {
        status: reply.status,
        media_type: media_type.filter(|_| !body.is_empty() || reply.media_type.is_some()),
        body,
    }
}

impl Handshake {
    /// Whether a call is this one.
    pub fn fits(&self, method: &str, view: &View<'_>) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == method) && self.when.iter().all(|when| when.holds(view))
    }

    /// What it is answered with.
    pub fn answer(&self, hook: &Hook, view: &View<'_>) -> Hooked {
        let done = fill(&self.reply, view);
        let Some(source) = &self.fetch else { return Hooked::Answer(done) };
        match view.first(source) {
            Some(url) if self.hosts.iter().any(|pattern| host_fits(&url, pattern)) => {
                Hooked::Fetch { url, done, busy: Answering::bare(hook.refuse.busy) }
            }
            _ => Hooked::Refused { why: super::Refusal::Unverified, answer: Answering::bare(hook.refuse.unverified) },
        }
    }
}

impl Condition {
    /// Whether the source is what it must be.
    pub fn holds(&self, view: &View<'_>) -> bool {
        let found = view.all(&self.source);
        match &self.is {
            Is::OneOf(words) => found.iter().any(|value| words.contains(value)),
            Is::Fits(pattern) => found.iter().any(|value| pattern.is_match(value)),
        }
    }
}

/// Whether a URL is https to a host of this pattern; `*` is one label or more characters of one.
pub fn host_fits(url: &str, pattern: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // No logins, no ports: what a parser and a client read differently.
    if authority.is_empty() || !authority.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-') {
        return false;
    }
    name_fits(authority, pattern)
}

/// Whether the name of a host is of this pattern.
pub fn name_fits(host: &str, pattern: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let (labels, wanted): (Vec<&str>, Vec<&str>) = (host.split('.').collect(), pattern.split('.').collect());
    labels.len() == wanted.len()
        && labels.iter().zip(wanted).all(|(label, wanted)| match wanted.split_once('*') {
            Some((before, after)) => {
                label.len() >= before.len() + after.len() && label.starts_with(before) && label.ends_with(after)
            }
            None => label.eq_ignore_ascii_case(wanted),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_label_by_label() {
        for (url, fits) in [
            ("https://sns.eu-west-1.amazonaws.com/?x", true),
            ("http://sns.eu-west-1.amazonaws.com/", false),
            ("https://sns.eu.evil.amazonaws.com/", false),
            ("https://sns.x.amazonaws.com@evil.example/", false),
            ("https://evil.example/sns.x.amazonaws.com", false),
            ("https://sns.x.amazonaws.com:8443/", false),
            ("https://xsns.x.amazonaws.com/", false),
        ] {
            assert_eq!(host_fits(url, "sns.*.amazonaws.com"), fits, "{url}");
        }
    }
}
