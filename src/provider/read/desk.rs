//! Where a file is read: values with their places, everything that is wrong with them, and which keys were asked for, so
//! that a key nobody asks for is unknown without a list kept by hand.

use std::{collections::BTreeMap, fmt, ops::Range, time::Duration};

use regex::Regex;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    ground::{
        outcome::one_line,
        written::{duration, quoted, suggestion},
    },
    provider::{definition::Tables, pattern, source::Source, template::Template},
};

/// One thing that is wrong; `Display` is `FILE:LINE:COLUMN: cause`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// One line, with a suggestion where there is one.
    pub cause: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.cause)
    }
}

impl std::error::Error for Wrong {}

/// A value and where it stands.
pub type At<'t> = &'t Spanned<DeValue<'t>>;

/// Where a template stands, which says what it may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Send,
    Token,
    Setup,
    Poll,
    Removal,
    /// Of settings alone.
    Settings,
}

/// What is known of a setting while the rest is read.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    pub list: bool,
    pub url: bool,
    /// It may be without a value.
    pub absent: bool,
}

/// A file while it is read.
#[derive(Debug)]
pub struct Desk<'t> {
    file: &'t str,
    text: &'t str,
    pub errors: Vec<Wrong>,
    pub settings: BTreeMap<String, Known>,
    pub hooks: Vec<String>,
    pub tables: Tables,
    pub has_token: bool,
    pub has_validity: bool,
    /// Requests have a login that needs no token.
    pub has_login: bool,
}

/// A table while it is read.
#[derive(Debug)]
pub struct Section<'t> {
    entries: Vec<(&'t str, usize, At<'t>)>,
    asked: Vec<&'static str>,
    /// `in [send]`, for people.
    place: String,
    pub at: usize,
}

impl<'t> Section<'t> {
    /// A table of the file; its entries in the order in which they were written.
    pub fn of(table: &'t DeTable<'t>, at: usize, place: &str) -> Self {
        let mut entries: Vec<_> =
            table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value)).collect();
        entries.sort_by_key(|(_, at, _)| *at);
        Self { entries, asked: Vec::new(), place: place.to_owned(), at }
    }

    /// The value of a key.
    pub fn get(&mut self, key: &'static str) -> Option<At<'t>> {
        self.asked.push(key);
        self.entries.iter().find(|(name, ..)| *name == key).map(|(.., value)| *value)
    }

    /// All of it, where the keys are the file's own.
    pub fn entries(&self) -> Vec<(&'t str, usize, At<'t>)> {
        self.entries.clone()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// What a value is, for people.
pub fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

impl<'t> Desk<'t> {
    pub fn new(file: &'t str, text: &'t str) -> Self {
        Self {
            file,
            text,
            errors: Vec::new(),
            settings: BTreeMap::new(),
            hooks: Vec::new(),
            tables: Tables::default(),
            has_token: false,
            has_validity: false,
            has_login: false,
        }
    }

    /// The line of an octet, from 1.
    pub fn line(&self, at: usize) -> usize {
        self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|b| **b == b'\n').count() + 1
    }

    /// Notes what is wrong at an octet.
    pub fn wrong(&mut self, at: usize, cause: impl AsRef<str>) {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let start = self.text[..at].rfind('\n').map_or(0, |i| i + 1);
        let column = self.text[start..at].chars().count() + 1;
        let wrong =
            Wrong { file: self.file.to_owned(), line: self.line(at), column, cause: one_line(cause.as_ref(), 500) };
        if self.errors.len() < 100 && !self.errors.contains(&wrong) {
            self.errors.push(wrong);
        }
    }

    /// Notes what is wrong, and gives nothing.
    pub fn none<T>(&mut self, at: usize, cause: impl AsRef<str>) -> Option<T> {
        self.wrong(at, cause);
        None
    }

    fn want<T>(&mut self, at: At<'t>, what: &str) -> Option<T> {
        let found = kind(at.get_ref());
        self.none(at.span().start, format!("expected {what}, found {found}"))
    }

    /// A table.
    pub fn section(&mut self, at: At<'t>, place: &str) -> Option<Section<'t>> {
        match at.get_ref() {
            DeValue::Table(table) => Some(Section::of(table, at.span().start, place)),
            _ => self.want(at, "a table"),
        }
    }

    /// Keys that nobody asked for.
    pub fn close(&mut self, section: &Section<'t>) {
        for (key, at, _) in &section.entries {
            if !section.asked.contains(key) {
                let hint = suggestion(key, section.asked.iter().copied());
                self.wrong(*at, format!("unknown key `{}` {}{hint}", one_line(key, 60), section.place));
            }
        }
    }

    /// The tables of a `[[list]]`.
    pub fn sections(&mut self, at: Option<At<'t>>, name: &str) -> Vec<Section<'t>> {
        let Some(at) = at else { return Vec::new() };
        match at.get_ref() {
            DeValue::Array(items) => {
                Some(items.iter().filter_map(|item| self.section(item, &format!("in [[{name}]]"))).collect())
            }
            DeValue::Table(_) => self.none(at.span().start, format!("`{name}` is a list of tables: write [[{name}]]")),
            _ => self.want(at, "a list of tables"),
        }
        .unwrap_or_default()
    }

    pub fn text(&mut self, at: At<'t>) -> Option<&'t str> {
        match at.get_ref() {
            DeValue::String(text) => Some(text.as_ref()),
            _ => self.want(at, "a string"),
        }
    }

    pub fn flag(&mut self, at: At<'t>) -> Option<bool> {
        match at.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            _ => self.want(at, "true or false"),
        }
    }

    pub fn integer(&mut self, at: At<'t>) -> Option<i64> {
        let DeValue::Integer(number) = at.get_ref() else { return self.want(at, "a whole number") };
        match i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()) {
            Ok(number) => Some(number),
            Err(_) => self.none(at.span().start, "this number is too large"),
        }
    }

    /// A whole number within bounds.
    pub fn within(&mut self, at: At<'t>, low: i64, high: i64) -> Option<i64> {
        let number = self.integer(at)?;
        if (low..=high).contains(&number) {
            Some(number)
        } else {
            self.none(at.span().start, format!("{number} is not between {low} and {high}"))
        }
    }

    /// One of a closed set of words.
    pub fn word<T: Clone>(&mut self, at: At<'t>, words: &[(&str, T)]) -> Option<T> {
        let given = self.text(at)?;
        if let Some((_, found)) = words.iter().find(|(word, _)| *word == given) {
            return Some(found.clone());
        }
        let all: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let hint = suggestion(given, words.iter().map(|(word, _)| *word));
        self.none(at.span().start, format!("{} is not one of {}{hint}", quoted(given), all.join(", ")))
    }

    /// The values of a list, or the value itself.
    pub fn list(&mut self, at: At<'t>) -> Vec<At<'t>> {
        match at.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![at],
        }
    }

    /// A string or a list of strings.
    pub fn texts(&mut self, at: At<'t>) -> Vec<&'t str> {
        self.list(at).into_iter().filter_map(|item| self.text(item)).collect()
    }

    pub fn duration(&mut self, at: At<'t>) -> Option<Duration> {
        let text = self.text(at)?;
        duration(text).map_err(|why| self.wrong(at.span().start, why)).ok()
    }

    pub fn pattern(&mut self, at: At<'t>) -> Option<Regex> {
        let text = self.text(at)?;
        pattern::read(text).map_err(|why| self.wrong(at.span().start, why)).ok()
    }

    pub fn whole_pattern(&mut self, at: At<'t>) -> Option<Regex> {
        let text = self.text(at)?;
        pattern::read_whole(text).map_err(|why| self.wrong(at.span().start, why)).ok()
    }

    /// A source, or a list of them of which the first counts that gives something.
    pub fn source(&mut self, at: At<'t>) -> Option<Source> {
        let before = self.errors.len();
        let written = self.texts(at);
        if self.errors.len() > before {
            return None;
        }
        Source::read(written).map_err(|why| self.wrong(at.span().start, why)).ok()
    }

    /// The source of a key.
    pub fn source_of(&mut self, section: &mut Section<'t>, key: &'static str) -> Option<Source> {
        let at = section.get(key)?;
        self.source(at)
    }

    /// The text of a key.
    pub fn text_of(&mut self, section: &mut Section<'t>, key: &'static str) -> Option<String> {
        let at = section.get(key)?;
        self.text(at).map(str::to_owned)
    }

    /// The value of a key that must be there.
    pub fn needed(&mut self, section: &mut Section<'t>, key: &'static str) -> Option<At<'t>> {
        let found = section.get(key);
        if found.is_none() {
            let place = section.place.clone();
            self.wrong(section.at, format!("`{key}` is missing {place}"));
        }
        found
    }

    pub fn template(&mut self, at: At<'t>, place: Place) -> Option<Template> {
        let text = self.text(at)?;
        self.template_of(text, at.span(), place)
    }

    /// A template of any plain value: numbers and booleans are written as they are.
    pub fn template_of_any(&mut self, at: At<'t>, place: Place) -> Option<Template> {
        match at.get_ref() {
            DeValue::Integer(_) => self.integer(at).map(|number| Template::words(number.to_string())),
            DeValue::Boolean(flag) => Some(Template::words(flag.to_string())),
            _ => self.template(at, place),
        }
    }

    fn template_of(&mut self, text: &str, span: Range<usize>, place: Place) -> Option<Template> {
        let read = Template::read(text, &|name| self.fact(name, place));
        read.map_err(|why| self.wrong(span.start, why)).ok()
    }
}
