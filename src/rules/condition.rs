//! Conditions: fields, operators, and how they nest. Holding is decided here, over [`Facts`] alone.
//!
//! Texts are compared without regard to case unless `case = true`. A field that has no value holds for nothing but
//! `exists = false`.

use std::{cell::RefCell, collections::HashMap, net::IpAddr, time::Duration};

use jiff::{
    civil::{Time, Weekday},
    tz::TimeZone,
};
use regex::{RegexSet, SetMatches};

use super::{
    calendar::Calendar, facts::Facts, field::Field, mask::Pii, pattern::Pattern, template::Template, trace::Seen,
};
use crate::mail::received::within;

/// A condition, or several.
#[derive(Debug, Clone)]
pub enum Condition {
    /// All messages.
    Always,
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Is(Test),
}

/// How a field of several items is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Items {
    /// At least one.
    #[default]
    Any,
    All,
    /// All in one text, `, ` between them.
    Joined,
}

/// How a value is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    Is(Vec<String>),
    Contains(Vec<String>),
    Starts(Vec<String>),
    Ends(Vec<String>),
    /// The pattern, and its place in the set of its field.
    Regex(Pattern, Option<usize>),
    /// One of a list (of a file, too); `@domain` stands for every address of it.
    In(Vec<String>),
    Within(Vec<(IpAddr, u8)>),
    Over(i64),
    Under(i64),
    Equals(i64),
    Flag(bool),
    Exists(bool),
    /// Personal data of this kind.
    Holds(Pii),
}

/// One test.
#[derive(Debug, Clone)]
pub enum Test {
    Field {
        field: Field,
        items: Items,
        case: bool,
        op: Op,
    },
    /// In this zone, from one time of day up to another; over midnight too.
    Time {
        from: Time,
        to: Time,
        zone: TimeZone,
    },
    Weekday {
        days: Vec<Weekday>,
        zone: TimeZone,
    },
    Calendar {
        name: String,
        calendar: Calendar,
    },
    /// More than so many of this sender within a time.
    Rate {
        max: u64,
        within: Duration,
    },
    /// A named statement returns rows.
    Sql {
        name: String,
        values: Vec<Template>,
        otherwise: NoAnswer,
    },
}

/// What a condition counts as when its statement could not be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// The sender is asked to try again later.
    Tempfail,
    /// As if there were rows.
    Rows,
    /// As if there were none.
    None,
}

/// Pattern sets by field, and what they found in the values as they are.
pub struct Sets<'a> {
    sets: &'a HashMap<(Field, bool), RegexSet>,
    found: RefCell<HashMap<(Field, bool), SetMatches>>,
}

impl<'a> Sets<'a> {
    pub fn new(sets: &'a HashMap<(Field, bool), RegexSet>) -> Self {
        Self { sets, found: RefCell::default() }
    }

    /// Something was changed: what was found holds no more.
    pub fn forget(&self) {
        self.found.borrow_mut().clear();
    }

    fn matches(&self, key: &(Field, bool), slot: usize, text: &str) -> Option<bool> {
        let set = self.sets.get(key)?;
        let mut found = self.found.borrow_mut();
        Some(found.entry(key.clone()).or_insert_with(|| set.matches(text)).matched(slot))
    }
}

impl Condition {
    /// Does it hold? What was looked at is noted in `seen`, where anybody wants to know.
    pub fn holds(&self, facts: &Facts, sets: &Sets<'_>, seen: &mut Option<Vec<Seen>>) -> bool {
        match self {
            Self::Always => true,
            Self::All(all) => all.iter().all(|one| one.holds(facts, sets, seen)),
            Self::Any(any) => any.iter().any(|one| one.holds(facts, sets, seen)),
            Self::Not(one) => !one.holds(facts, sets, seen),
            Self::Is(test) => {
                let holds = test.holds(facts, sets);
                if let Some(seen) = seen {
                    seen.push(Seen { condition: test.words(), value: test.value(facts), holds });
                }
                holds
            }
        }
    }

    /// Every test in it.
    pub fn tests<'a>(&'a self, out: &mut Vec<&'a Test>) {
        match self {
            Self::Always => {}
            Self::All(all) | Self::Any(all) => all.iter().for_each(|one| one.tests(out)),
            Self::Not(one) => one.tests(out),
            Self::Is(test) => out.push(test),
        }
    }

    /// Every test in it, to change.
    pub fn tests_mut<'a>(&'a mut self, out: &mut Vec<&'a mut Test>) {
        match self {
            Self::Always => {}
            Self::All(all) | Self::Any(all) => all.iter_mut().for_each(|one| one.tests_mut(out)),
            Self::Not(one) => one.tests_mut(out),
            Self::Is(test) => out.push(test),
        }
    }
}

impl Test {
    fn holds(&self, facts: &Facts, sets: &Sets<'_>) -> bool {
        match self {
            Self::Field { field, items, case, op } => field_holds(field, *items, *case, op, facts, sets),
            Self::Time { from, to, zone } => {
                let now = facts.now.utc().with_time_zone(zone.clone()).time();
                if from <= to { *from <= now && now < *to } else { now >= *from || now < *to }
            }
            Self::Weekday { days, zone } => {
                days.contains(&facts.now.utc().with_time_zone(zone.clone()).date().weekday())
            }
            Self::Calendar { calendar, .. } => calendar.works(facts.now),
            Self::Rate { max, within } => facts.rates.get(within).is_some_and(|n| n > max),
            Self::Sql { name, .. } => facts.rows.get(name).copied().unwrap_or(false),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Field { field, items, op, .. } => {
                let items = match items {
                    Items::Any => "",
                    Items::All => " (all items)",
                    Items::Joined => " (joined)",
                };
                format!("{}{items} {}", field.words(), op.words())
            }
            Self::Time { from, to, .. } => format!("time from {} to {}", from.strftime("%H:%M"), to.strftime("%H:%M")),
            Self::Weekday { days, .. } => {
                format!("weekday in {}", days.iter().map(|d| format!("{d:?}")).collect::<Vec<_>>().join(", "))
            }
            Self::Calendar { name, .. } => format!("calendar {name} works"),
            Self::Rate { max, within } => format!("more than {max} of this sender within {}s", within.as_secs()),
            Self::Sql { name, .. } => format!("statement {name} returns rows"),
        }
    }

    fn value(&self, facts: &Facts) -> String {
        let whole = match self {
            Self::Field { field, .. } => field.values(facts).join(", "),
            Self::Time { zone, .. } | Self::Weekday { zone, .. } => {
                facts.now.utc().with_time_zone(zone.clone()).strftime("%a %H:%M").to_string()
            }
            Self::Calendar { calendar, .. } => {
                facts.now.utc().with_time_zone(calendar.zone.clone()).strftime("%a %Y-%m-%d %H:%M").to_string()
            }
            Self::Rate { within, .. } => facts.rates.get(within).map_or_else(String::new, u64::to_string),
            Self::Sql { name, .. } => facts.rows.get(name).map_or_else(String::new, bool::to_string),
        };
        crate::ground::outcome::one_line(&whole, 120)
    }
}

impl Op {
    fn words(&self) -> String {
        let list = |verb: &str, of: &[String]| match of {
            [one] => format!("{verb} {one:?}"),
            many => format!("{verb} one of {} values", many.len()),
        };
        match self {
            Self::Is(of) => list("is", of),
            Self::Contains(of) => list("contains", of),
            Self::Starts(of) => list("starts with", of),
            Self::Ends(of) => list("ends with", of),
            Self::Regex(pattern, _) => format!("matches {}", pattern.as_str()),
            Self::In(of) => list("in", of),
            Self::Within(of) => format!("within {} networks", of.len()),
            Self::Over(n) => format!("over {n}"),
            Self::Under(n) => format!("under {n}"),
            Self::Equals(n) => format!("is {n}"),
            Self::Flag(flag) => format!("is {flag}"),
            Self::Exists(flag) => format!("exists: {flag}"),
            Self::Holds(set) => format!("holds {}", set.word()),
        }
    }

    fn compare(&self, value: &str, case: bool) -> bool {
        let fold = |text: &str| if case { text.to_owned() } else { text.to_lowercase() };
        let any = |of: &[String], test: fn(&str, &str) -> bool| {
            let value = fold(value);
            of.iter().any(|wanted| test(&value, &fold(wanted)))
        };
        match self {
            Self::Is(of) => any(of, |value, wanted| value.trim() == wanted),
            Self::Contains(of) => any(of, |value, wanted| value.contains(wanted)),
            Self::Starts(of) => any(of, |value, wanted| value.trim_start().starts_with(wanted)),
            Self::Ends(of) => any(of, |value, wanted| value.trim_end().ends_with(wanted)),
            Self::In(of) => any(of, |value, wanted| {
                let value = value.trim();
                value == wanted || (wanted.starts_with('@') && value.ends_with(wanted))
            }),
            Self::Regex(pattern, _) => pattern.matches(value),
            Self::Within(networks) => value.parse().is_ok_and(|addr| within(networks, addr)),
            Self::Holds(set) => set.found_in(value),
            Self::Over(_) | Self::Under(_) | Self::Equals(_) | Self::Flag(_) | Self::Exists(_) => false,
        }
    }
}

fn field_holds(field: &Field, items: Items, case: bool, op: &Op, facts: &Facts, sets: &Sets<'_>) -> bool {
    match op {
        Op::Over(n) => return field.number(facts).is_some_and(|value| value > *n),
        Op::Under(n) => return field.number(facts).is_some_and(|value| value < *n),
        Op::Equals(n) => return field.number(facts) == Some(*n),
        Op::Flag(flag) => return field.flag(facts) == *flag,
        Op::Exists(wanted) => {
            let exists = field.values(facts).iter().any(|value| !value.trim().is_empty());
            return exists == *wanted;
        }
        _ => {}
    }
    let values = field.values(facts);
    // The set looks at one text for all patterns of the field.
    if let (Op::Regex(_, Some(slot)), [only]) = (op, values.as_slice())
        && let Some(found) = sets.matches(&(field.clone(), case), *slot, only)
    {
        return found;
    }
    match items {
        Items::Any => values.iter().any(|value| op.compare(value, case)),
        Items::All => !values.is_empty() && values.iter().all(|value| op.compare(value, case)),
        Items::Joined => !values.is_empty() && op.compare(&values.join(", "), case),
    }
}
