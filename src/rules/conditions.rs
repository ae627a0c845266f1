//! From trees to conditions: fields with their operators, nested; times, calendars, rates, networks and lists.
//!
//! What can go wrong: a word that is none, an operator that does not fit its field, a field that is not known of messages of
//! this direction, a list that cannot be read; each with its place.

use std::net::IpAddr;

use super::{
    build::Build,
    calendar,
    condition::{Condition, Items, Op, Test},
    field::{Field, fits},
    mask::Pii,
    tree::{Entry, Node, Value},
};
use crate::ground::written::suggestion;

/// The operators of conditions.
pub const OPERATORS: [&str; 11] =
    ["is", "contains", "starts", "ends", "regex", "in", "within", "over", "under", "exists", "holds"];

impl Build<'_, '_> {
    fn conditions(&mut self, node: &Node) -> Option<Vec<Condition>> {
        let Value::List(items) = &node.value else {
            self.wrong(node, "expected a list of conditions: [ { … }, { … } ]");
            return None;
        };
        items.iter().map(|item| self.condition(item)).collect()
    }

    /// A table with one condition, or with several that must all hold.
    pub(super) fn condition(&mut self, node: &Node) -> Option<Condition> {
        let Some(entries) = node.table() else {
            self.wrong(
                node,
                format!("expected a condition such as {{ subject = \"…\" }}, found {}", node.value.kind()),
            );
            return None;
        };
        if node.at("header").is_some() || node.at("var").is_some() {
            return self.named_field(node);
        }
        let mut all: Vec<Condition> = entries.iter().filter_map(|entry| self.one(entry)).collect();
        match (entries.len(), all.len()) {
            (0, _) => Some(Condition::Always),
            (wanted, found) if wanted != found => None,
            (1, _) => all.pop(),
            _ => Some(Condition::All(all)),
        }
    }

    fn one(&mut self, entry: &Entry) -> Option<Condition> {
        let node = &entry.node;
        Some(match entry.key.as_str() {
            "all" => Condition::All(self.conditions(node)?),
            "any" => Condition::Any(self.conditions(node)?),
            "not" => Condition::Not(Box::new(self.condition(node)?)),
            "everything" => {
                self.flag(node)?;
                Condition::Always
            }
            "peer" => Condition::Is(self.peer(node)?),
            "time" => Condition::Is(self.time(node)?),
            "weekday" => Condition::Is(self.weekday(node)?),
            "calendar" => Condition::Is(self.calendar(node)?),
            "rate" => Condition::Is(self.rate(node)?),
            "sql" => Condition::Is(self.rows(node)?),
            name => {
                let Some((_, field)) = Field::NAMED.iter().find(|(word, _)| *word == name) else {
                    let special =
                        ["header", "var", "all", "any", "not", "peer", "time", "weekday", "calendar", "rate", "sql"];
                    let hint = suggestion(name, Field::NAMED.iter().map(|(word, _)| *word).chain(special));
                    self.at(entry.span.start, format!("there is no condition `{name}`{hint}"));
                    return None;
                };
                if !fits(field, self.direction) {
                    let direction = self.direction.word();
                    self.at(
                        entry.span.start,
                        format!("`{name}` is not known of messages of direction \"{direction}\""),
                    );
                    return None;
                }
                Condition::Is(self.compared(field.clone(), node)?)
            }
        })
    }

    /// `{ header = "X-Spam", is = "YES" }`, `{ var = "team", is = "ops" }`.
    fn named_field(&mut self, node: &Node) -> Option<Condition> {
        let (key, of) = match node.at("header") {
            Some(name) => ("header", name),
            None => ("var", self.needed(node, "var")?),
        };
        let name = self.text(of)?;
        let field = match key {
            "header" => Field::Header(name),
            _ => Field::Variable(name.to_ascii_lowercase()),
        };
        let rest: Vec<Entry> = node.table()?.iter().filter(|entry| entry.key != key).cloned().collect();
        let rest = Node { span: node.span.clone(), value: Value::Table(rest) };
        self.compared(field, &rest).map(Condition::Is)
    }

    /// A value to be equal to, or a table with an operator and how to compare.
    fn compared(&mut self, field: Field, node: &Node) -> Option<Test> {
        let flagged = matches!(field, Field::Attachments | Field::Authenticated | Field::Local | Field::Spam);
        let counted = matches!(field, Field::Segments | Field::Size);
        let (mut items, mut case) = (Items::default(), false);
        let entries = match &node.value {
            Value::Table(entries) => entries,
            Value::Flag(flag) if flagged => {
                return Some(Test::Field { field, items, case, op: Op::Flag(*flag) });
            }
            Value::Number(n) if counted => return Some(Test::Field { field, items, case, op: Op::Equals(*n) }),
            Value::Text(_) | Value::List(_) if !flagged && !counted => {
                let op = Op::Is(self.texts(node)?);
                return Some(Test::Field { field, items, case, op });
            }
            other => {
                let wanted = if flagged { "true or false" } else { "a number, or { over = … }" };
                self.wrong(node, format!("expected {wanted}, found {}", other.kind()));
                return None;
            }
        };
        if let Some(flag) = node.at("case") {
            case = self.flag(flag)?;
        }
        if let Some(word) = node.at("items") {
            items = match word.text() {
                Some("any") => Items::Any,
                Some("all") => Items::All,
                Some("joined") => Items::Joined,
                _ => {
                    self.wrong(word, "items is \"any\", \"all\" or \"joined\"");
                    return None;
                }
            };
        }
        let operators: Vec<&Entry> =
            entries.iter().filter(|entry| !matches!(entry.key.as_str(), "case" | "items")).collect();
        let [operator] = operators.as_slice() else {
            self.wrong(node, format!("expected one operator ({})", OPERATORS.join(", ")));
            return None;
        };
        let op = self.operator(operator, case, counted)?;
        Some(Test::Field { field, items, case, op })
    }

    fn operator(&mut self, entry: &Entry, case: bool, counted: bool) -> Option<Op> {
        let node = &entry.node;
        let number = |build: &mut Self| {
            if !counted {
                build.at(entry.span.start, "`over`, `under` compare segments and size");
                return None;
            }
            let number = node.number();
            if number.is_none() {
                build.wrong(node, format!("expected a number, found {}", node.value.kind()));
            }
            number
        };
        Some(match entry.key.as_str() {
            "is" if counted => Op::Equals(number(self)?),
            "is" => Op::Is(self.texts(node)?),
            "contains" => Op::Contains(self.texts(node)?),
            "starts" => Op::Starts(self.texts(node)?),
            "ends" => Op::Ends(self.texts(node)?),
            "regex" => Op::Regex(self.pattern(node, case)?, None),
            "in" => Op::In(self.list(node)?),
            "within" => Op::Within(self.networks(node)?),
            "over" => Op::Over(number(self)?),
            "under" => Op::Under(number(self)?),
            "exists" => Op::Exists(self.flag(node)?),
            "holds" => Op::Holds(self.pii(node)?),
            other => {
                let hint = suggestion(other, OPERATORS);
                self.at(entry.span.start, format!("there is no operator `{other}`{hint}"));
                return None;
            }
        })
    }

    /// Values, and the lines of files: `"file:blocked.txt"`.
    fn list(&mut self, node: &Node) -> Option<Vec<String>> {
        let mut all = Vec::new();
        for written in self.texts(node)? {
            match written.strip_prefix("file:") {
                Some(name) => match (self.known.list)(name) {
                    Ok(lines) => all.extend(lines),
                    Err(why) => self.wrong(node, why),
                },
                None => all.push(written),
            }
        }
        Some(all)
    }

    fn networks(&mut self, node: &Node) -> Option<Vec<(IpAddr, u8)>> {
        let mut networks = Vec::new();
        for written in self.texts(node)? {
            let (addr, length) = written.split_once('/').map_or((written.as_str(), None), |(a, l)| (a, Some(l)));
            let addr: Option<IpAddr> = addr.parse().ok();
            let most = if addr.is_some_and(|addr| addr.is_ipv4()) { 32 } else { 128 };
            let length = length.map_or(Some(most), |l| l.parse().ok()).filter(|l| *l <= most);
            match addr.zip(length) {
                Some(network) => networks.push(network),
                None => self.wrong(node, format!("`{written}` is no network such as \"192.0.2.0/24\"")),
            }
        }
        Some(networks)
    }

    fn peer(&mut self, node: &Node) -> Option<Test> {
        if !fits(&Field::Peer, self.direction) {
            self.wrong(node, "`peer` is not known of messages of direction \"in\"");
            return None;
        }
        let node = node.at("within").unwrap_or(node);
        let op = Op::Within(self.networks(node)?);
        Some(Test::Field { field: Field::Peer, items: Items::Any, case: false, op })
    }

    fn zone(&mut self, node: &Node) -> Option<jiff::tz::TimeZone> {
        let Some(zone) = node.at("zone") else { return Some(self.known.zone.clone()) };
        let name = self.text(zone)?;
        let found = jiff::tz::TimeZone::get(&name).ok();
        if found.is_none() {
            self.wrong(zone, format!("`{name}` is no time zone such as \"Europe/Berlin\""));
        }
        found
    }

    fn time(&mut self, node: &Node) -> Option<Test> {
        self.keys(node.table().unwrap_or_default(), &["from", "to", "zone"], "in `time`");
        let zone = self.zone(node)?;
        let mut of = |key: &str| {
            let node = self.needed(node, key)?;
            let found = node.text().and_then(calendar::time);
            if found.is_none() {
                self.wrong(node, "expected a time such as \"08:30\"");
            }
            found
        };
        let (from, to) = (of("from")?, of("to")?);
        Some(Test::Time { from, to, zone })
    }

    fn weekday(&mut self, node: &Node) -> Option<Test> {
        let zone = self.zone(node)?;
        let list = node.at("in").unwrap_or(node);
        let mut days = Vec::new();
        for word in self.texts(list)? {
            match calendar::weekday(&word) {
                Some(day) => days.push(day),
                None => self.wrong(list, format!("`{word}` is none of mon, tue, wed, thu, fri, sat, sun")),
            }
        }
        Some(Test::Weekday { days, zone })
    }

    fn calendar(&mut self, node: &Node) -> Option<Test> {
        let name = self.text(node)?;
        let Some(calendar) = self.known.calendars.get(&name) else {
            let hint = suggestion(&name, self.known.calendars.keys().map(String::as_str));
            self.wrong(node, format!("there is no calendar `{name}`{hint}"));
            return None;
        };
        Some(Test::Calendar { calendar: calendar.clone(), name })
    }

    fn rate(&mut self, node: &Node) -> Option<Test> {
        self.keys(node.table().unwrap_or_default(), &["max", "within"], "in `rate`");
        let max = self.needed(node, "max")?;
        let within = self.needed(node, "within")?;
        let Some(most) = max.number().and_then(|n| u64::try_from(n).ok()) else {
            self.wrong(max, "expected a number of messages");
            return None;
        };
        Some(Test::Rate { max: most, within: self.duration(within)? })
    }

    pub(super) fn pii(&mut self, node: &Node) -> Option<Pii> {
        let word = self.text(node)?;
        let found = Pii::ours(&word).or_else(|| self.known.pii.get(&word).cloned());
        if found.is_none() {
            let names: Vec<&str> = Pii::NAMES.into_iter().chain(self.known.pii.keys().map(String::as_str)).collect();
            self.wrong(
                node,
                format!("`{word}` is none of {}{}", names.join(", "), suggestion(&word, names.iter().copied())),
            );
        }
        found
    }
}
