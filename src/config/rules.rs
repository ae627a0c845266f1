//! `[rules]`, `[[calendar]]` and `[[pii]]`: where rule files stand, what they may name, and how a folder of them becomes a set.
//!
//! All files are read and checked together; one that is wrong refuses the whole set, with file, line, column and rule.
//! What can go wrong beyond that: a folder or a list that cannot be read, a calendar that is none.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    time::SystemTime,
};

use jiff::{civil::Date, tz::TimeZone};
use regex::Regex;
use serde::Deserialize;
use toml::{Spanned, Value};

use super::{
    check::{Check, absolute},
    error::Place,
    value::{Read, Setting, Wrong, quoted, text},
};
use crate::{
    ground::GatewayId,
    rules::{
        Calendar, Direction, Known, Pii, Ruleset, Source, Statement,
        calendar::{self, MOST_SPANS, Spans},
    },
};

#[derive(Deserialize, Default)]
pub struct Keys {
    dir: Option<Setting<PathBuf>>,
    zone: Option<Setting<String>>,
}

#[derive(Deserialize)]
pub struct CalendarKeys {
    name: Option<Setting<String>>,
    zone: Option<Setting<String>>,
    workdays: Option<Vec<Setting<Day>>>,
    hours: Option<Vec<Setting<Span>>>,
    other_hours: Option<Vec<Setting<Span>>>,
    holidays: Option<Vec<Setting<Holiday>>>,
}

#[derive(Deserialize)]
pub struct PiiKeys {
    name: Option<Setting<String>>,
    patterns: Option<Vec<Setting<Regex>>>,
}

struct Day(usize);

impl Read for Day {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        let day = calendar::weekday(given).map(|day| usize::from(day.to_monday_zero_offset().unsigned_abs()));
        day.map(Self).ok_or_else(|| format!("{} is none of mon, tue, wed, thu, fri, sat, sun", quoted(given)).into())
    }
}

struct Span(jiff::civil::Time, jiff::civil::Time);

impl Read for Span {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        let span = calendar::span(given).map(|(from, to)| Self(from, to));
        span.ok_or_else(|| format!("{} is no span such as \"08:30-12:00\"", quoted(given)).into())
    }
}

struct Holiday(Date);

impl Read for Holiday {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        given.parse().map(Self).map_err(|_| format!("{} is no day such as \"2026-12-25\"", quoted(given)).into())
    }
}

/// Where rules stand and what they may name.
#[derive(Clone)]
pub struct Rules {
    pub dir: PathBuf,
    /// Where the folder is named, if it is: then it must be there.
    place: Option<Place>,
    /// Of times in rules that name none.
    pub zone: TimeZone,
    pub calendars: HashMap<String, Calendar>,
    /// Named sets of personal data.
    pub pii: BTreeMap<String, Pii>,
    /// Named SQL statements.
    pub statements: HashMap<String, Statement>,
    /// Whether there is a server of folders.
    pub folders: bool,
}

/// Without the place: it is for errors only.
impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules")
            .field("dir", &self.dir)
            .field("zone", &self.zone)
            .field("calendars", &self.calendars)
            .finish_non_exhaustive()
    }
}

/// A set as it was read, and what it was read from.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    pub set: Ruleset,
    pub sources: Vec<Source>,
    /// Files of lists that rules name, and how each looked when it was read.
    lists: Vec<(PathBuf, Seen)>,
}

/// By what a changed file is recognised: when it was written, and its length. `None`: it is not there.
type Seen = Option<(SystemTime, u64)>;

/// A list or a file of rules is at most this large, octets.
const LARGEST: u64 = 16 << 20;

pub fn rules(
    keys: Option<Keys>,
    calendars: Option<Vec<Spanned<CalendarKeys>>>,
    pii: Option<Vec<Spanned<PiiKeys>>>,
    zone: &TimeZone,
    check: &mut Check<'_>,
) -> Rules {
    let keys = keys.unwrap_or_default();
    let dir = check.placed(keys.dir);
    let own = self::zone(keys.zone, zone, check);
    let mut all: HashMap<String, Calendar> = HashMap::new();
    for keys in calendars.unwrap_or_default() {
        let header = check.place(&keys.span());
        let keys = keys.into_inner();
        let Some((name, place)) = check.placed(keys.name) else {
            check.missing(&header, "name", "rules name a calendar by it");
            continue;
        };
        let calendar = one(keys.zone, keys.workdays, [keys.hours, keys.other_hours], keys.holidays, &own, check);
        if all.insert(name.clone(), calendar).is_some() {
            check.wrong(&place, format!("there is a calendar {} already", quoted(&name)));
        }
    }
    let (dir, place) = match dir {
        Some((dir, place)) => (dir, Some(place)),
        None => ("rules".into(), None),
    };
    Rules {
        dir: absolute(&check.folder, &dir),
        place,
        zone: own,
        calendars: all,
        pii: sets(pii, check),
        statements: HashMap::new(),
        folders: false,
    }
}

fn sets(given: Option<Vec<Spanned<PiiKeys>>>, check: &mut Check<'_>) -> BTreeMap<String, Pii> {
    let mut all = BTreeMap::new();
    for keys in given.unwrap_or_default() {
        let header = check.place(&keys.span());
        let keys = keys.into_inner();
        let patterns = check.list(keys.patterns);
        if patterns.is_empty() {
            check.missing(&header, "patterns", "what is personal data, such as ['\\bE\\d{6}\\b']");
        }
        let Some((name, place)) = check.placed(keys.name) else {
            check.missing(&header, "name", "rules name the set by it");
            continue;
        };
        if Pii::NAMES.contains(&name.as_str()) || all.contains_key(&name) {
            check.wrong(&place, format!("there is a set {} already", quoted(&name)));
        }
        all.insert(name.clone(), Pii::of(&name, patterns));
    }
    all
}

fn zone(given: Option<Setting<String>>, otherwise: &TimeZone, check: &mut Check<'_>) -> TimeZone {
    let Some((name, place)) = check.placed(given) else { return otherwise.clone() };
    TimeZone::get(&name).unwrap_or_else(|_| {
        check.wrong(&place, format!("{} is no time zone such as \"Europe/Berlin\"", quoted(&name)));
        otherwise.clone()
    })
}

fn one(
    given_zone: Option<Setting<String>>,
    workdays: Option<Vec<Setting<Day>>>,
    [hours, other_hours]: [Option<Vec<Setting<Span>>>; 2],
    holidays: Option<Vec<Setting<Holiday>>>,
    otherwise: &TimeZone,
    check: &mut Check<'_>,
) -> Calendar {
    let zone = zone(given_zone, otherwise, check);
    let workdays: Vec<usize> = match workdays {
        Some(days) => check.list(Some(days)).into_iter().map(|Day(day)| day).collect(),
        None => (0..5).collect(),
    };
    let mut spans = |given: Option<Vec<Setting<Span>>>| -> Option<Spans> {
        let given = check.placed_list(Some(given?));
        if let Some((_, place)) = given.get(MOST_SPANS) {
            check.wrong(place, format!("a day has at most {MOST_SPANS} spans"));
        }
        Some(given.into_iter().map(|(Span(from, to), _)| (from, to)).collect())
    };
    let whole_day = || vec![calendar::span("00:00-24:00").expect("a sound span")];
    let (hours, others) = (spans(hours).unwrap_or_else(whole_day), spans(other_hours).unwrap_or_default());
    let mut days: [Spans; 7] = Default::default();
    for (day, of_day) in days.iter_mut().enumerate() {
        *of_day = if workdays.contains(&day) { hours.clone() } else { others.clone() };
    }
    let holidays = check.list(holidays).into_iter().map(|Holiday(day)| day).collect();
    Calendar { zone, days, holidays }
}

impl Rules {
    /// Rules of another folder, with nothing that a configuration would name.
    pub fn of_folder(dir: PathBuf) -> Self {
        let (calendars, pii, statements) = (HashMap::new(), BTreeMap::new(), HashMap::new());
        Self { dir, place: None, zone: TimeZone::UTC, calendars, pii, statements, folders: true }
    }

    /// The same, with these statements, and with folders or without.
    #[must_use]
    pub fn with(self, statements: HashMap<String, Statement>, folders: bool) -> Self {
        Self { statements, folders, ..self }
    }

    /// The same, of another folder.
    #[must_use]
    pub fn elsewhere(&self, dir: PathBuf) -> Self {
        Self { dir, place: None, ..self.clone() }
    }

    /// Reads the files of the folder in the order of their names. `gateways`: those that rules may name; `None`: any.
    ///
    /// # Errors
    /// Everything that is wrong, a line each.
    pub fn load(&self, gateways: Option<&[GatewayId]>) -> Result<Loaded, String> {
        let entries = match std::fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && self.place.is_none() => {
                return Ok(Loaded::default());
            }
            Err(error) => {
                let cause = format!("{} cannot be read: {error}", self.dir.display());
                return Err(self.place.as_ref().map_or(cause.clone(), |place| place.error(&cause).to_string()));
            }
        };
        let is_rules = |path: &PathBuf| path.extension().is_some_and(|e| e == "toml" || e == "xml");
        let mut names: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_rules).collect();
        names.sort();
        let mut sources = Vec::new();
        for path in names {
            let text = slurp(&path).map_err(|why| format!("{}:1:1: cannot be read: {why}", path.display()))?;
            sources.push(Source { path, text });
        }
        self.of(sources, gateways)
    }

    /// The same files with their lists as they are now; `None` where no list has changed.
    ///
    /// # Errors
    /// As [`Rules::load`].
    pub fn again(&self, loaded: &Loaded, gateways: &[GatewayId]) -> Option<Result<Loaded, String>> {
        let changed = loaded.lists.iter().any(|(path, seen)| look(path) != *seen);
        changed.then(|| self.of(loaded.sources.clone(), Some(gateways)))
    }

    /// Files that were read already.
    ///
    /// # Errors
    /// As [`Rules::load`].
    pub fn of(&self, sources: Vec<Source>, gateways: Option<&[GatewayId]>) -> Result<Loaded, String> {
        let named = RefCell::new(BTreeMap::new());
        let list = |name: &str| {
            let path = self.dir.join(name);
            // Looked at before it is read: what changes meanwhile is read again.
            named.borrow_mut().insert(path.clone(), look(&path));
            lines(&path).map_err(|why| format!("the list {} cannot be read: {why}", path.display()))
        };
        let known = Known {
            gateways: gateways.map(|ids| ids.iter().map(|id| id.as_str().to_owned()).collect()),
            statements: self.statements.clone(),
            calendars: self.calendars.clone(),
            pii: self.pii.clone(),
            zone: self.zone.clone(),
            list: &list,
            missing: if self.folders { meaningless } else { unavailable },
        };
        let set = Ruleset::read(&sources, &known)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
        Ok(Loaded { set, sources, lists: named.into_inner().into_iter().collect() })
    }
}

impl Loaded {
    /// Whether the files say something else.
    pub fn differs(&self, other: &Self) -> bool {
        let texts = |loaded: &Self| loaded.sources.iter().map(|s| (s.path.clone(), s.text.clone())).collect::<Vec<_>>();
        texts(self) != texts(other)
    }

    /// After an error: the lists are not read again until they change once more.
    pub fn seen(&mut self) {
        for (path, seen) in &mut self.lists {
            *seen = look(path);
        }
    }
}

/// What a rule cannot do where no server of folders is configured.
fn unavailable(direction: Direction, action: &str) -> Option<&'static str> {
    match action {
        "move" | "folder" => Some("folders need a server: set `imap`, `imap_user` and `imap_password` in [mailbox]"),
        _ => meaningless(direction, action),
    }
}

/// What has no meaning in a rule's direction.
pub fn meaningless(direction: Direction, action: &str) -> Option<&'static str> {
    match (direction, action) {
        (Direction::In, "set_header" | "add_header" | "delete_header" | "edit of a field") => {
            Some("a phone's text has no header fields: its words are `Body`")
        }
        (Direction::In, "gateway" | "set_sender" | "priority") => Some("this is for mails on their way to phones"),
        (Direction::In, "reply_mail") => Some("whoever wrote is a phone: use `reply_sms`"),
        _ => None,
    }
}

fn look(path: &Path) -> Seen {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn slurp(path: &Path) -> Result<String, String> {
    if std::fs::metadata(path).map_err(|error| error.to_string())?.len() > LARGEST {
        return Err("it is larger than 16 MiB".to_owned());
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

/// One entry a line; blank lines and those that begin with `#` are for people.
fn lines(path: &Path) -> Result<Vec<String>, String> {
    let text = slurp(path)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}
