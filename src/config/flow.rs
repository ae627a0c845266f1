//! `[store]`, `[log]`, `[inbound]` and `[queue]`: what the journeys go by.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;
use toml::Value;

use super::{
    brakes::Paced,
    check::{Check, absolute, days, hours, seconds},
    error::Place,
    later::not_available,
    value::{Domain, Read, Setting, Size, Wrong, one_of, quoted, text},
};
use crate::{
    accounts::Pace,
    address::{Mailbox, originator::Originators},
    ground::Backoff,
    inbound::opting,
    sms::keyword::{self, Keywords, Words},
    store,
};

#[derive(Deserialize, Default)]
pub struct StoreKeys {
    url: Option<Setting<StoreUrl>>,
    min_free: Option<Setting<Size>>,
    keep_closed: Option<Setting<Duration>>,
    keep_texts: Option<Setting<Duration>>,
}

/// `sqlite:FILE`.
struct StoreUrl(std::path::PathBuf);

impl Read for StoreUrl {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        let scheme = given.split(':').next().unwrap_or_default();
        if matches!(scheme, "postgres" | "postgresql") {
            return Err(format!("{}: use \"sqlite:martlet.db\"", not_available("PostgreSQL")).into());
        }
        match given.strip_prefix("sqlite:") {
            Some(file) if file.starts_with("//") => {
                Err(format!("write \"sqlite:{}\", without //", quoted(file.trim_start_matches('/')).trim_matches('`'))
                    .into())
            }
            Some("" | ":memory:") => {
                Err("a file is needed: \"sqlite:martlet.db\"; memory would not survive a crash".into())
            }
            Some(file) if file.contains(['?', '\0']) => Err("only a file name stands behind `sqlite:`".into()),
            Some(file) => Ok(Self(file.into())),
            None => Err("expected \"sqlite:FILE\", such as \"sqlite:martlet.db\"".into()),
        }
    }
}

pub fn store(keys: StoreKeys, data_dir: &std::path::Path, check: &mut Check<'_>) -> store::Settings {
    let file = check.take(keys.url).map_or_else(|| "martlet.db".into(), |url| url.0);
    store::Settings {
        path: absolute(data_dir, &file),
        min_free: check.take(keys.min_free).map_or(128 << 20, |size| size.0),
        keep_closed: check.time(keys.keep_closed, days(90)),
        keep_texts: check.time(keys.keep_texts, days(30)),
        dedupe: days(35),
    }
}

#[derive(Deserialize, Default)]
pub struct LoginKeys {
    pub percent_is_at: Option<Setting<bool>>,
}

#[derive(Deserialize, Default)]
pub struct LogKeys {
    level: Option<Setting<Level>>,
    format: Option<Setting<Format>>,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    pub level: Level,
    pub format: Format,
}

/// From few lines to many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Level {
    /// The word of the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Read for Level {
    fn read(value: &Value) -> Result<Self, Wrong> {
        one_of(
            value,
            &[Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace].map(|level| (level.as_str(), level)),
        )
    }
}

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `key=value` pairs.
    Text,
    Json,
}

impl Read for Format {
    fn read(value: &Value) -> Result<Self, Wrong> {
        one_of(value, &[("text", Self::Text), ("json", Self::Json)])
    }
}

pub fn log(keys: LogKeys, check: &mut Check<'_>) -> Log {
    Log {
        level: check.take(keys.level).unwrap_or(Level::Info),
        format: check.take(keys.format).unwrap_or(Format::Text),
    }
}

#[derive(Deserialize, Default)]
pub struct InboundKeys {
    domains: Option<Vec<Setting<Domain>>>,
    tags: Option<Setting<bool>>,
    call_log: Option<Setting<bool>>,
    dedupe: Option<Setting<Duration>>,
    empty_text: Option<Setting<String>>,
    default: Option<Setting<Mailbox>>,
    keep: Option<Setting<Duration>>,
    assemble_for: Option<Setting<Duration>>,
    originators: Option<Setting<Originators>>,
    conflict_wait: Option<Setting<Duration>>,
    conflict_text: Option<Setting<String>>,
    opt_out: Option<Setting<bool>>,
    stop_words: Option<Setting<WordList>>,
    start_words: Option<Setting<WordList>>,
    help_words: Option<Setting<WordList>>,
    stop_text: Option<Setting<String>>,
    start_text: Option<Setting<String>>,
    help_text: Option<Setting<String>>,
    flood_phone: Option<Setting<Paced>>,
    flood_gateway: Option<Setting<Paced>>,
}

/// What becomes of phones' texts.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// IDNA ASCII, lower case; the first completes `#alias#`.
    pub domains: Vec<String>,
    pub tags: bool,
    pub call_log: bool,
    /// For repeated references.
    pub dedupe: Duration,
    /// `None`: empty texts are discarded.
    pub empty_text: Option<String>,
    /// `None`: the postmaster.
    pub default: Option<Mailbox>,
    /// Life of a call-log link.
    pub keep: Duration,
    pub assemble_for: Duration,
    /// How phones' numbers without `+` are read.
    pub originators: Originators,
    pub conflict_wait: Duration,
    /// With one `{choices}`.
    pub conflict_text: String,
    /// `None`: STOP, START and HELP are words like others.
    pub opting: Option<opting::Settings>,
    /// What is more than this is held; `None`: nothing is.
    pub flood_phone: Option<Pace>,
    pub flood_gateway: Option<Pace>,
}

impl Inbound {
    /// Is any word of a phone answered?
    pub fn answers(&self) -> bool {
        let texts =
            |o: &opting::Settings| [&o.stop_text, &o.start_text, &o.help_text].iter().any(|text| text.is_some());
        self.opting.as_ref().is_some_and(texts)
    }
}

impl Read for Originators {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let words = [("auto", Self::Auto), ("international", Self::International), ("national", Self::National)];
        one_of(value, &words)
    }
}

/// `["*", "GENUG"]`: the shipped words and one more.
struct WordList(Words);

impl Read for WordList {
    fn read(value: &Value) -> Result<Self, Wrong> {
        const SHAPE: &str =
            "expected a list of words such as [\"*\", \"ENOUGH\"], where `*` stands for the shipped ones";
        let list = value.as_array().ok_or(SHAPE)?;
        let list: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
        let list = list.ok_or(SHAPE)?;
        let wrong = |at: usize| {
            let most = keyword::LONGEST;
            format!(
                "{} is no word that a phone could send: 1 to {most} characters, a letter or digit among them",
                quoted(list[at])
            )
        };
        Ok(Words::listed(&list).map(Self).map_err(wrong)?)
    }
}

/// A text of ours, with words in it.
fn own_text(given: Option<Setting<String>>, check: &mut Check<'_>) -> Option<String> {
    let (words, place) = check.placed(given)?;
    if words.trim().is_empty() {
        check.wrong(&place, "a text without words: leave the key away to send none");
        return None;
    }
    Some(words)
}

fn opting(keys: &mut InboundKeys, check: &mut Check<'_>) -> Option<opting::Settings> {
    let on = check.take(keys.opt_out.take()).unwrap_or(true);
    let mut list = |given: Option<Setting<WordList>>| check.take(given).map_or_else(Words::default, |list| list.0);
    let (stop, start) = (list(keys.stop_words.take()), list(keys.start_words.take()));
    let words = Keywords { stop, start, help: list(keys.help_words.take()) };
    let settings = opting::Settings {
        words,
        stop_text: own_text(keys.stop_text.take(), check),
        start_text: own_text(keys.start_text.take(), check),
        help_text: own_text(keys.help_text.take(), check),
    };
    on.then_some(settings)
}

fn ten_minutes(max: u64) -> Option<Pace> {
    Some(Pace { max, within: seconds(600) })
}

pub fn inbound(mut keys: InboundKeys, check: &mut Check<'_>) -> Inbound {
    let opting = opting(&mut keys, check);
    const CONFLICT: &str = "Several people wrote to you. Reply starting with {choices}.";
    let domains: Vec<String> = check.list(keys.domains).into_iter().map(|Domain(name)| name).collect();
    let conflict_text = match check.placed(keys.conflict_text) {
        Some((words, place)) if words.matches("{choices}").count() != 1 => {
            check.wrong(&place, "the text must have one `{choices}`: the list of people to choose from");
            CONFLICT.to_owned()
        }
        Some((words, _)) => words,
        None => CONFLICT.to_owned(),
    };
    Inbound {
        opting,
        domains,
        tags: check.take(keys.tags).unwrap_or(true),
        call_log: check.take(keys.call_log).unwrap_or(true),
        dedupe: check.time(keys.dedupe, days(35)),
        empty_text: check.take(keys.empty_text),
        default: check.take(keys.default),
        keep: check.time(keys.keep, hours(72)),
        assemble_for: check.time(keys.assemble_for, hours(1)),
        originators: check.take(keys.originators).unwrap_or_default(),
        conflict_wait: check.time(keys.conflict_wait, hours(1)),
        conflict_text,
        flood_phone: check.take(keys.flood_phone).unwrap_or(Paced(ten_minutes(500))).0,
        flood_gateway: check.take(keys.flood_gateway).unwrap_or(Paced(ten_minutes(20_000))).0,
    }
}

#[derive(Deserialize, Default)]
pub struct QueueKeys {
    expire: Option<Setting<Duration>>,
    warn_after: Option<Setting<Duration>>,
    retry_min: Option<Setting<Duration>>,
    retry_max: Option<Setting<Duration>>,
    dedupe_window: Option<Setting<Duration>>,
    receipt_wait: Option<Setting<Duration>>,
    bounce_size: Option<Setting<Size>>,
    report_text: Option<Setting<bool>>,
    report_words: Option<Setting<PathBuf>>,
    consolidate: Option<Setting<bool>>,
}

/// Retries, expiry and reports.
#[derive(Debug, Clone)]
pub struct Queue {
    pub expire: Duration,
    pub warn_after: Duration,
    pub retry: Backoff,
    pub dedupe_window: Duration,
    pub receipt_wait: Duration,
    /// How much of a mail's body is kept for reports, octets.
    pub bounce_size: u64,
    /// The text may stand in reports.
    pub report_text: bool,
    /// Folder with an administrator's own words of reports, and where it is named.
    pub report_words: Option<(PathBuf, Place)>,
    /// Short texts of one account to one number that wait may go out as one.
    pub consolidate: bool,
}

pub fn queue(keys: QueueKeys, check: &mut Check<'_>) -> Queue {
    let min_place = keys.retry_min.as_ref().or(keys.retry_max.as_ref()).map(|setting| check.place(&setting.span));
    let retry =
        Backoff { min: check.time(keys.retry_min, seconds(30)), max: check.time(keys.retry_max, seconds(1_800)) };
    if let (Some(place), true) = (min_place, retry.min > retry.max) {
        check.wrong(&place, "`retry_min` is longer than `retry_max`");
    }
    Queue {
        expire: check.time(keys.expire, days(5)),
        warn_after: check.time(keys.warn_after, hours(4)),
        retry,
        dedupe_window: check.time(keys.dedupe_window, hours(1)),
        receipt_wait: check.time(keys.receipt_wait, hours(72)),
        bounce_size: check.take(keys.bounce_size).map_or(50 << 10, |size| size.0.min(16 << 20)),
        report_text: check.take(keys.report_text).unwrap_or(true),
        report_words: check.placed(keys.report_words).map(|(dir, place)| (absolute(&check.folder, &dir), place)),
        consolidate: check.take(keys.consolidate).unwrap_or(false),
    }
}
