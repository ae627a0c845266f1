//! From a tree to rules: every value is read, every error noted with its place.

use std::{net::IpAddr, time::Duration};

use super::{
    action::{Action, Place, Where},
    calendar,
    condition::{Condition, Field, Items, Op, Test, fits},
    facts::{Direction, Urgency},
    mask::Pii,
    pattern::Pattern,
    read::{Known, Rule, RuleError, Source},
    template::Template,
    tree::{Entry, Node, Value},
    verdict::is_field,
};
use crate::ground::written::{duration, suggestion};

/// One file while it is read.
pub struct Build<'a, 'k> {
    pub source: &'a Source,
    pub known: &'a Known<'k>,
    pub title: Option<String>,
    pub direction: Direction,
    pub errors: &'a mut Vec<RuleError>,
}

impl Build<'_, '_> {
    pub fn wrong(&mut self, node: &Node, cause: impl AsRef<str>) {
        self.at(node.span.start, cause);
    }

    fn at(&mut self, octet: usize, cause: impl AsRef<str>) {
        self.errors.push(self.source.error(octet, self.title.as_deref(), cause.as_ref()));
    }

    /// Notes keys that are not among these.
    pub fn keys(&mut self, entries: &[Entry], known: &[&str], place: &str) {
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let hint = suggestion(&entry.key, known.iter().copied());
            self.at(entry.span.start, format!("unknown key `{}` {place}{hint}", entry.key));
        }
    }

    pub fn direction(&mut self, node: &Node) -> Option<Direction> {
        match node.text() {
            Some("out") => Some(Direction::Out),
            Some("in") => Some(Direction::In),
            _ => {
                self.wrong(node, "direction is \"out\" (mail to text) or \"in\" (text to mail)");
                None
            }
        }
    }

    pub(super) fn text(&mut self, node: &Node) -> Option<String> {
        let text = node.text().map(str::to_owned);
        if text.is_none() {
            self.wrong(node, format!("expected a string, found {}", node.value.kind()));
        }
        text
    }

    fn texts(&mut self, node: &Node) -> Option<Vec<String>> {
        match &node.value {
            Value::List(items) => items.iter().map(|item| self.text(item)).collect(),
            _ => self.text(node).map(|text| vec![text]),
        }
    }

    pub(super) fn flag(&mut self, node: &Node) -> Option<bool> {
        let flag = node.flag();
        if flag.is_none() {
            self.wrong(node, format!("expected true or false, found {}", node.value.kind()));
        }
        flag
    }

    pub(super) fn duration(&mut self, node: &Node) -> Option<Duration> {
        let text = self.text(node)?;
        duration(&text).map_err(|why| self.wrong(node, why)).ok()
    }

    pub(super) fn template(&mut self, node: &Node) -> Option<Template> {
        let text = self.text(node)?;
        Template::read(&text).map_err(|(_, why)| self.wrong(node, why)).ok()
    }

    fn pattern(&mut self, node: &Node, case: bool) -> Option<Pattern> {
        let text = self.text(node)?;
        Pattern::new(&text, case).map_err(|why| self.wrong(node, format!("the pattern: {why}"))).ok()
    }

    /// The value of a key that must be there.
    pub(super) fn needed<'n>(&mut self, node: &'n Node, key: &str) -> Option<&'n Node> {
        let found = node.at(key);
        if found.is_none() {
            self.wrong(node, format!("`{key}` is missing"));
        }
        found
    }

    /// One `[[rule]]`.
    pub fn rule(&mut self, node: &Node, direction: Direction) -> Option<Rule> {
        let before = self.errors.len();
        self.title = node.at("title").and_then(Node::text).map(str::to_owned);
        let Some(entries) = node.table() else {
            self.wrong(node, "a rule is a table: write [[rule]]");
            return None;
        };
        self.keys(entries, &["title", "direction", "active", "if", "do", "stop", "note"], "in a rule");
        let title = self.needed(node, "title").and_then(|title| self.text(title)).unwrap_or_default();
        self.direction = node.at("direction").and_then(|node| self.direction(node)).unwrap_or(direction);
        let active = node.at("active").and_then(|flag| self.flag(flag)).unwrap_or(true);
        let stop = node.at("stop").and_then(|flag| self.flag(flag)).unwrap_or(false);
        let when = match node.at("if") {
            Some(condition) => self.condition(condition).unwrap_or(Condition::Always),
            None => Condition::Always,
        };
        let then = node.at("do").map(|list| self.actions(list)).unwrap_or_default();
        if then.is_empty() && !stop && self.errors.len() == before {
            self.wrong(node, "this rule does nothing: give it `do`, or `stop = true`");
        }
        let place = self.source.error(node.span.start, None, "");
        let place = format!("{}:{}", place.file.display(), place.line);
        self.title = None;
        let sound = self.errors.len() == before;
        let mut node = node.clone();
        if let (true, Value::Table(entries)) = (node.at("direction").is_none(), &mut node.value) {
            // An export stands for itself, whatever its file said at the top.
            let word = Node::of(Value::Text(self.direction.word().to_owned()));
            entries.push(Entry { key: "direction".to_owned(), span: 0..0, node: word });
        }
        sound.then_some(Rule { title, direction: self.direction, active, when, then, stop, place, node })
    }

    fn conditions(&mut self, node: &Node) -> Option<Vec<Condition>> {
        let Value::List(items) = &node.value else {
            self.wrong(node, "expected a list of conditions: [ { … }, { … } ]");
            return None;
        };
        items.iter().map(|item| self.condition(item)).collect()
    }

    /// A table with one condition, or with several that must all hold.
    fn condition(&mut self, node: &Node) -> Option<Condition> {
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

    fn pii(&mut self, node: &Node) -> Option<Pii> {
        let word = self.text(node)?;
        let found = Pii::read(&word);
        if found.is_none() {
            self.wrong(node, format!("`{word}` is none of cards, iban, email"));
        }
        found
    }

    fn actions(&mut self, node: &Node) -> Vec<Action> {
        let Value::List(items) = &node.value else {
            self.wrong(node, "expected a list of actions: [ { … }, { … } ]");
            return Vec::new();
        };
        items.iter().filter_map(|item| self.action(item)).collect()
    }

    fn action(&mut self, node: &Node) -> Option<Action> {
        let Some([entry]) = node.table() else {
            self.wrong(node, "an action is a table with one key, such as { reject = \"no\" }");
            return None;
        };
        let of = &entry.node;
        let of_body = |node: &Node| node.text().is_some_and(|field| field.eq_ignore_ascii_case("body"));
        let word = match entry.key.as_str() {
            "copy" if of.at("folder").is_some() => "folder",
            "edit" if !of.at("field").is_some_and(of_body) => "edit of a field",
            key => key,
        };
        if let Some(why) = (self.known.missing)(self.direction, word) {
            self.at(entry.span.start, why);
            return None;
        }
        Some(match entry.key.as_str() {
            "set_header" => {
                let (name, value) = self.named(of, "name", "value")?;
                Action::SetHeader { name: self.header_name(of, name)?, value }
            }
            "add_header" => {
                let (name, value) = self.named(of, "name", "value")?;
                Action::AddHeader { name: self.header_name(of, name)?, value }
            }
            "delete_header" => {
                let name = self.text(of)?;
                Action::DeleteHeader(self.header_name(of, name)?)
            }
            "edit" => self.edit(of)?,
            "gateway" => Action::Gateway(self.gateway(of)?),
            "set_sender" => Action::SetSender(self.template(of)?),
            "priority" => {
                let urgency = of.text().and_then(Urgency::read);
                if urgency.is_none() {
                    self.wrong(of, "priority is \"urgent\", \"normal\" or \"bulk\"");
                }
                Action::Priority(urgency?)
            }
            "body" => Action::Body(self.template(of)?),
            "truncate" => {
                let most = of.number().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
                if most.is_none() {
                    self.wrong(of, "expected a number of characters from 1 on");
                }
                Action::Truncate(most?)
            }
            "forward" => {
                let (to, account) = self.paid(of)?;
                Action::Forward { to, account }
            }
            "copy" if of.at("folder").is_some() => {
                let folder = self.needed(of, "folder").and_then(|folder| self.folder(folder))?;
                Action::Copy { to: Where::Folder(folder), account: None }
            }
            "copy" => {
                let (to, account) = self.paid(of)?;
                Action::Copy { to: Where::Address(to), account }
            }
            "move" => Action::Move(self.folder(of)?),
            "reply_mail" => {
                self.keys(of.table().unwrap_or_default(), &["subject", "text"], "in `reply_mail`");
                let text = self.needed(of, "text")?;
                let text = self.template(text)?;
                let subject = match of.at("subject") {
                    Some(subject) => self.template(subject)?,
                    None => Template::read("Re: %%Subject%%").expect("a sound template"),
                };
                Action::ReplyMail { subject, text }
            }
            "reply_sms" => {
                let (account, text) = self.named(of, "account", "text")?;
                Action::ReplySms { text, account }
            }
            "accept" => self.flag(of).map(|_| Action::Accept)?,
            "reject" => Action::Reject(self.template(of)?),
            "discard" => self.flag(of).map(|_| Action::Discard)?,
            "hold" => Action::Hold(self.template(of)?),
            "quarantine" => self.flag(of).map(|_| Action::Quarantine)?,
            "run" => self.run(of)?,
            "call" => self.call(of)?,
            "sql" => self.sql(of)?,
            "log" => Action::Log(self.template(of)?),
            "set" => {
                let (name, value) = self.named(of, "name", "value")?;
                Action::Set { name: name.to_ascii_lowercase(), value }
            }
            "mask" => Action::Mask(self.pii(of)?),
            "stop" => self.flag(of).map(|_| Action::Stop)?,
            other => {
                let hint = suggestion(other, Action::WORDS);
                self.at(entry.span.start, format!("there is no action `{other}`{hint}"));
                return None;
            }
        })
    }

    /// A table of a name and a template.
    fn named(&mut self, node: &Node, name: &str, value: &str) -> Option<(String, Template)> {
        self.keys(node.table().unwrap_or_default(), &[name, value], "here");
        let name = self.needed(node, name)?;
        let name = self.text(name)?;
        let value = self.needed(node, value)?;
        Some((name, self.template(value)?))
    }

    fn header_name(&mut self, node: &Node, name: String) -> Option<String> {
        let sound = is_field(&name);
        if !sound {
            self.wrong(node, "this is no name of a header field");
        }
        sound.then_some(name)
    }

    fn edit(&mut self, node: &Node) -> Option<Action> {
        self.keys(node.table().unwrap_or_default(), &["field", "pattern", "to", "case"], "in `edit`");
        let field = self.needed(node, "field")?;
        let place = match self.text(field)?.to_ascii_lowercase().as_str() {
            "to" => Place::To,
            "body" => Place::Body,
            _ => {
                let name = self.text(field)?;
                Place::Header(self.header_name(field, name)?)
            }
        };
        let case = match node.at("case") {
            Some(flag) => self.flag(flag)?,
            None => false,
        };
        let pattern = self.needed(node, "pattern")?;
        let pattern = self.pattern(pattern, case)?;
        let by = self.needed(node, "to")?;
        Some(Action::Edit { place, pattern, by: self.template(by)? })
    }

    pub(super) fn gateway(&mut self, node: &Node) -> Option<String> {
        let id = self.text(node)?;
        if let Some(known) = &self.known.gateways
            && !known.contains(&id)
        {
            let hint = suggestion(&id, known.iter().map(String::as_str));
            self.wrong(node, format!("there is no gateway or group `{id}`{hint}"));
            return None;
        }
        Some(id)
    }

    /// An address, or `{ to = …, account = … }` with who is charged.
    fn paid(&mut self, node: &Node) -> Option<(Template, Option<String>)> {
        let Some(entries) = node.table() else { return Some((self.template(node)?, None)) };
        self.keys(entries, &["to", "account"], "here");
        let account = match node.at("account") {
            Some(account) => Some(self.text(account)?),
            None => None,
        };
        let to = self.needed(node, "to")?;
        Some((self.template(to)?, account))
    }

    fn folder(&mut self, node: &Node) -> Option<Template> {
        let folder = self.template(node)?;
        if !folder.as_str().contains('/') {
            self.wrong(node, "a folder is written as \"user/Folder\"");
            return None;
        }
        Some(folder)
    }
}

/// The operators of conditions.
pub const OPERATORS: [&str; 11] =
    ["is", "contains", "starts", "ends", "regex", "in", "within", "over", "under", "exists", "holds"];
