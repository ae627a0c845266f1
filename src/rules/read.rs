//! From the text of rule files to a [`Ruleset`]: all of it, or every error with file, line, column, rule and cause.
//!
//! What can go wrong is found when a set is read, never when a message is judged: unknown keys (with a suggestion), values
//! of the wrong kind, patterns, variables, gateways and statements that are not there.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    path::PathBuf,
    time::Duration,
};

use jiff::tz::TimeZone;
use regex::{RegexSet, RegexSetBuilder};

use super::{
    action::Action,
    build::Build,
    calendar::Calendar,
    condition::{Condition, NoAnswer, Op, Test},
    facts::Direction,
    field::Field,
    mask::Pii,
    template::Template,
    tree::{self, Misfit, Node, Value},
    xml,
};
use crate::ground::outcome::one_line;

/// One file of rules.
#[derive(Debug, Clone)]
pub struct Source {
    pub path: PathBuf,
    pub text: String,
}

/// What rules may name.
pub struct Known<'a> {
    /// Gateways and groups; `None`: any name will do.
    pub gateways: Option<HashSet<String>>,
    /// Named SQL statements.
    pub statements: HashMap<String, Statement>,
    pub calendars: HashMap<String, Calendar>,
    /// Sets of personal data beside those that are always there.
    pub pii: BTreeMap<String, Pii>,
    /// The zone of times where a rule names none.
    pub zone: TimeZone,
    /// The lines of a list's file.
    pub list: &'a dyn Fn(&str) -> Result<Vec<String>, String>,
    /// Why an action (`folder`: a copy into one) cannot be done here; `None`: it can.
    pub missing: fn(Direction, &str) -> Option<&'static str>,
}

/// What rules must know of a named SQL statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// How many values it takes: `$1`, `$2` …
    pub takes: usize,
    /// What it is given where a rule names none.
    pub values: Vec<Template>,
}

impl Default for Known<'_> {
    /// Nothing is known, any gateway will do, and there are no lists.
    fn default() -> Self {
        Self {
            gateways: None,
            statements: HashMap::new(),
            calendars: HashMap::new(),
            pii: BTreeMap::new(),
            zone: TimeZone::UTC,
            list: &|name| Err(format!("there is no list {name}")),
            missing: |_, _| None,
        }
    }
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    pub title: String,
    pub direction: Direction,
    pub active: bool,
    pub when: Condition,
    pub then: Vec<Action>,
    /// No rule behind it is looked at when it matches.
    pub stop: bool,
    /// `FILE:LINE`.
    pub place: String,
    /// As it was written: what an export writes.
    pub node: Node,
}

/// Rules of both directions, in their order.
#[derive(Debug, Clone, Default)]
pub struct Ruleset {
    rules: Vec<Rule>,
    /// The linear patterns of each field, so that one look at a text answers for all of them.
    sets: HashMap<(Field, bool), RegexSet>,
    /// Directions in which a rule may send a message elsewhere, and in which a pattern backtracks.
    redirects: HashSet<Direction>,
    backtracks: HashSet<Direction>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The title of the rule, if it has one.
    pub rule: Option<String>,
    /// One line.
    pub cause: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file.display(), self.line, self.column)?;
        if let Some(rule) = &self.rule {
            write!(f, "rule {rule:?}: ")?;
        }
        f.write_str(&self.cause)
    }
}

impl std::error::Error for RuleError {}

impl Source {
    /// An error at an octet of this file.
    pub(super) fn error(&self, at: usize, rule: Option<&str>, cause: &str) -> RuleError {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let start = self.text[..at].rfind('\n').map_or(0, |i| i + 1);
        RuleError {
            file: self.path.clone(),
            line: self.text[..start].matches('\n').count() + 1,
            column: self.text[start..at].chars().count() + 1,
            rule: rule.map(|title| one_line(title, 100)),
            cause: one_line(cause, 500),
        }
    }

    /// By its name.
    pub(super) fn is_xml(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("xml"))
    }

    pub(super) fn tree(&self) -> Result<Node, Misfit> {
        match self.is_xml() {
            true => xml::read(&self.text),
            false => tree::toml(&self.text),
        }
    }
}

impl Rule {
    /// Is a pattern of it not linear?
    fn backtracks(&self) -> bool {
        let mut tests = Vec::new();
        self.when.tests(&mut tests);
        let asks = |test: &&Test| matches!(test, Test::Field { op: Op::Regex(pattern, _), .. } if !pattern.is_linear());
        let edits = |action: &Action| matches!(action, Action::Edit { pattern, .. } if !pattern.is_linear());
        tests.iter().any(asks) || self.then.iter().any(edits)
    }
}

/// Rules of one set at most; more are an error.
const MOST: usize = 10_000;

impl Ruleset {
    /// Reads files in their order.
    pub fn read(sources: &[Source], known: &Known<'_>) -> Result<Self, Vec<RuleError>> {
        let (mut rules, mut errors) = (Vec::new(), Vec::new());
        for source in sources {
            match source.tree() {
                Ok(root) => file(source, &root, known, &mut rules, &mut errors),
                Err(misfit) => errors.push(source.error(misfit.at, None, &misfit.cause)),
            }
        }
        if let (true, Some(source)) = (rules.len() > MOST, sources.last()) {
            errors.push(source.error(0, None, &format!("more than {MOST} rules")));
        }
        match errors.is_empty() {
            true => Ok(Self::of(rules)),
            false => Err(errors),
        }
    }

    fn of(mut rules: Vec<Rule>) -> Self {
        let mut patterns: HashMap<(Field, bool), Vec<String>> = HashMap::new();
        for rule in rules.iter_mut().filter(|rule| rule.active) {
            let mut tests = Vec::new();
            rule.when.tests_mut(&mut tests);
            for test in tests {
                if let Test::Field { field, case, op: Op::Regex(pattern, slot), .. } = test
                    && pattern.is_linear()
                {
                    let of_field = patterns.entry((field.clone(), *case)).or_default();
                    *slot = Some(of_field.len());
                    of_field.push(pattern.as_str().to_owned());
                }
            }
        }
        let set = |((field, case), patterns): ((Field, bool), Vec<String>)| {
            // One that is too large for all of them leaves each pattern to itself.
            let set = RegexSetBuilder::new(patterns).case_insensitive(!case).size_limit(64 << 20).build().ok()?;
            Some(((field, case), set))
        };
        let of = |what: fn(&Rule) -> bool| {
            rules.iter().filter(|rule| rule.active && what(rule)).map(|rule| rule.direction).collect()
        };
        let redirects = of(|rule| rule.then.iter().any(Action::redirects));
        let backtracks = of(Rule::backtracks);
        Self { sets: patterns.into_iter().filter_map(set).collect(), rules, redirects, backtracks }
    }

    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(super) fn sets(&self) -> &HashMap<(Field, bool), RegexSet> {
        &self.sets
    }

    /// Is there any active rule of this direction?
    pub fn concerns(&self, direction: Direction) -> bool {
        self.rules.iter().any(|rule| rule.active && rule.direction == direction)
    }

    /// May a rule of this direction send a message elsewhere, by another way, as somebody else, or nowhere? Then what its
    /// address says is not yet where it goes.
    pub fn redirects(&self, direction: Direction) -> bool {
        self.redirects.contains(&direction)
    }

    /// Has it a pattern that is not linear? Judging may take milliseconds then.
    pub fn backtracks(&self, direction: Direction) -> bool {
        self.backtracks.contains(&direction)
    }

    fn tests(&self, direction: Direction) -> Vec<&Test> {
        let mut tests = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.active && rule.direction == direction) {
            rule.when.tests(&mut tests);
        }
        tests
    }

    /// The times within which messages of a sender are counted.
    pub fn rates(&self, direction: Direction) -> HashSet<Duration> {
        let within = |test: &&Test| match test {
            Test::Rate { within, .. } => Some(*within),
            _ => None,
        };
        self.tests(direction).iter().filter_map(within).collect()
    }

    /// The statements whose rows conditions ask for, with their values, and what holds where they cannot be run. Of
    /// several conditions on one statement the strictest says that.
    pub fn statements(&self, direction: Direction) -> BTreeMap<&str, (&[Template], NoAnswer)> {
        let mut asked: BTreeMap<&str, (&[Template], NoAnswer)> = BTreeMap::new();
        for test in self.tests(direction) {
            if let Test::Sql { name, values, otherwise } = test {
                let entry = asked.entry(name).or_insert((values, *otherwise));
                if *otherwise == NoAnswer::Tempfail {
                    entry.1 = NoAnswer::Tempfail;
                }
            }
        }
        asked
    }

    /// The rules as XML, those whose titles are named, or all.
    pub fn to_xml(&self, titles: &[String]) -> String {
        let wanted = |rule: &&Rule| titles.is_empty() || titles.contains(&rule.title);
        xml::write(self.rules.iter().filter(wanted).map(|rule| &rule.node))
    }
}

/// The rules of one file.
fn file(source: &Source, root: &Node, known: &Known<'_>, rules: &mut Vec<Rule>, errors: &mut Vec<RuleError>) {
    let mut build = Build { source, known, title: None, direction: Direction::Out, errors };
    let entries = root.table().unwrap_or_default();
    build.keys(entries, &["direction", "rule"], "at the top");
    let direction = root.at("direction").and_then(|node| build.direction(node)).unwrap_or(Direction::Out);
    let Some(list) = root.at("rule") else { return };
    let Value::List(list) = &list.value else {
        return build.wrong(list, "`rule` is a list of tables: write [[rule]]");
    };
    rules.extend(list.iter().filter_map(|node| build.rule(node, direction)));
}
