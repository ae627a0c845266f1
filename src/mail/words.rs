//! The plain words of reports: templates that an administrator may translate.
//!
//! The first line is the subject, an empty line, then the text. A template is tried out when it is loaded, so that an
//! unknown variable or a slip of syntax is an error of the configuration. One that fails on a mail all the same gives
//! way to the built-in words: a report is never lost for its wording.

use std::fmt;

use minijinja::{Environment, UndefinedBehavior, context};

/// Octets of a template, and of what it may write.
const MAX: usize = 16 * 1024;

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    Failed,
    Expired,
    /// Taken out of the queue by hand.
    Cancelled,
    /// The outcome is unknown and the text was not repeated.
    Unsure,
    Delayed,
    /// A receipt of the phone.
    Delivered,
    /// Taken by the network, no receipt to come.
    Relayed,
}

impl Event {
    /// All events.
    pub const ALL: [Self; 7] =
        [Self::Failed, Self::Expired, Self::Cancelled, Self::Unsure, Self::Delayed, Self::Delivered, Self::Relayed];

    /// The template's name: `failed`, `expired`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Unsure => "unsure",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
        }
    }

    /// `Action:` (RFC 3464 2.3.3).
    pub fn action(self) -> &'static str {
        match self {
            Self::Failed | Self::Expired | Self::Cancelled | Self::Unsure => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
        }
    }

    fn built_in(self) -> &'static str {
        match self {
            Self::Failed => include_str!("words/failed.txt"),
            Self::Expired => include_str!("words/expired.txt"),
            Self::Cancelled => include_str!("words/cancelled.txt"),
            Self::Unsure => include_str!("words/unsure.txt"),
            Self::Delayed => include_str!("words/delayed.txt"),
            Self::Delivered => include_str!("words/delivered.txt"),
            Self::Relayed => include_str!("words/relayed.txt"),
        }
    }
}

/// The variables of every template; an empty string or zero is false in `{% if %}`.
#[derive(Clone, Default)]
pub struct Values<'a> {
    /// The phone, as people read it.
    pub number: &'a str,
    /// The network's or our own words of the cause.
    pub reason: &'a str,
    pub gateway: &'a str,
    /// Enhanced status code.
    pub status: &'a str,
    /// The address itself is wrong (status x.1.x).
    pub invalid: bool,
    /// Parts that were sent, of how many.
    pub sent: u8,
    pub total: u8,
    /// When trying ends, for `delayed`.
    pub until: &'a str,
    /// Subject of the mail that is reported on.
    pub subject: &'a str,
    /// When that mail came.
    pub arrival: &'a str,
    /// Our host name.
    pub host: &'a str,
}

/// Templates for all events.
#[derive(Clone)]
pub struct Words(Environment<'static>);

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words")
    }
}

/// Why a template is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadTemplate {
    pub event: Event,
    /// With the line, where it is known.
    pub why: String,
}

impl fmt::Display for BadTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "words of {:?}: {}", self.event.name(), self.why)
    }
}

impl std::error::Error for BadTemplate {}

impl Default for Words {
    /// The English words that come with Martlet.
    fn default() -> Self {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_fuel(Some(20_000));
        Self(env)
    }
}

impl Words {
    /// Takes a translation of one event's words: subject line, empty line, text.
    pub fn replace(&mut self, event: Event, source: String) -> Result<(), BadTemplate> {
        let bad = |why: String| BadTemplate { event, why };
        if source.len() > MAX {
            return Err(bad("longer than 16 KiB".into()));
        }
        let mut tried = self.0.clone();
        tried.add_template_owned(event.name(), source).map_err(|e| bad(e.to_string()))?;
        let full = Values {
            number: "+15550001111",
            reason: "x",
            gateway: "x",
            status: "5.0.0",
            invalid: true,
            sent: 1,
            total: 2,
            until: "x",
            subject: "x",
            arrival: "x",
            host: "x",
        };
        for values in [full, Values::default()] {
            let text = render(&tried, event, &values).map_err(|e| bad(e.to_string()))?;
            let (subject, _) = split(&text).ok_or_else(|| bad("the second line must be empty".into()))?;
            if subject.is_empty() {
                return Err(bad("the first line is the subject and must not be empty".into()));
            }
        }
        self.0 = tried;
        Ok(())
    }

    /// Subject and text for one event.
    pub fn say(&self, event: Event, values: &Values<'_>) -> (String, String) {
        let own = render(&self.0, event, values).ok();
        let built_in = || self.0.render_str(event.built_in(), variables(values)).ok();
        let said = own.as_deref().and_then(split).or_else(|| built_in().as_deref().and_then(split));
        said.unwrap_or_else(|| {
            (
                format!("Your text: {}", event.action()),
                format!("{}: {} {}\n", values.number, event.action(), values.status),
            )
        })
    }
}

fn render(env: &Environment<'_>, event: Event, values: &Values<'_>) -> Result<String, minijinja::Error> {
    match env.get_template(event.name()) {
        Ok(template) => template.render(variables(values)),
        Err(_) => env.render_str(event.built_in(), variables(values)),
    }
}

fn variables(values: &Values<'_>) -> minijinja::Value {
    let Values { number, reason, gateway, status, invalid, sent, total, until, subject, arrival, host } = *values;
    context! { number, reason, gateway, status, invalid, sent, total, until, subject, arrival, host }
}

/// Subject line and text; runs of empty lines become one.
fn split(text: &str) -> Option<(String, String)> {
    let mut cut = text.len().min(MAX);
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    let text = text[..cut].replace("\r\n", "\n");
    let (subject, body) = text.trim_start().split_once("\n\n")?;
    let mut kept = String::new();
    let mut blank = true;
    for line in body.lines().map(str::trim_end) {
        if !(line.is_empty() && blank) {
            kept.push_str(line);
            kept.push('\n');
        }
        blank = line.is_empty();
    }
    (!subject.contains('\n')).then(|| (subject.trim().to_owned(), format!("{}\n", kept.trim_end())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_words_say_which_number_what_and_what_to_do() {
        let words = Words::default();
        let values = Values {
            number: "+1 555-000-1111",
            reason: "no such phone",
            status: "5.1.1",
            invalid: true,
            ..Values::default()
        };
        for event in Event::ALL {
            let (subject, text) = words.say(event, &values);
            assert!(subject.contains("+1 555-000-1111") && text.contains("+1 555-000-1111"), "{event:?}");
            assert!(!text.contains("\n\n\n") && !text.contains('{'), "{text}");
        }
        let (_, failed) = words.say(Event::Failed, &values);
        assert!(failed.contains("no such phone") && failed.contains("check the number") && !failed.contains("parts"));
        let (_, unsure) = words.say(Event::Unsure, &values);
        assert!(unsure.contains("may have arrived"));
        let (_, partly) = words.say(Event::Failed, &Values { sent: 1, total: 3, ..values });
        assert!(partly.contains("1 of 3 parts"));
    }

    #[test]
    fn translations_are_tried_when_loaded() {
        let mut words = Words::default();
        words.replace(Event::Failed, "Zpráva pro {{ number }}\n\nNešlo to: {{ reason }}\n".into()).expect("a template");
        let (subject, text) = words.say(Event::Failed, &Values { number: "+1", reason: "x", ..Values::default() });
        assert_eq!((subject.as_str(), text.as_str()), ("Zpráva pro +1", "Nešlo to: x\n"));
        for bad in [
            "S\n\n{{ phone }}",
            "S\n\n{% if %}",
            "no empty line",
            "{{ until }}\n\nx",
            "S\n\n{% for i in range(99999) %}x{% endfor %}",
        ] {
            assert!(words.replace(Event::Failed, bad.into()).is_err(), "{bad}");
        }
        assert_eq!(words.say(Event::Failed, &Values::default()).0, "Zpráva pro");
    }
}
