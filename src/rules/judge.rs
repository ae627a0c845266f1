//! Judging: rules in their order over one message. Cannot fail, always ends.
//!
//! A rule that matches does its actions in order; an edit whose pattern does not match is skipped and the rest runs. A
//! stop, a reject, a discard and an accept end the looking. What was changed is seen by the rules that follow.

use super::{
    action::{Action, Asks, Errand, Place, Question, Where},
    condition::Sets,
    deed::Deed,
    facts::Facts,
    judgement::{Fate, Judgement},
    mask::Pii,
    outside,
    read::{Rule, Ruleset},
    to::To,
    trace::{Looked, Trace},
    verdict::Says,
};

/// Texts that rules make grow no larger than this, octets.
const LONGEST: usize = 64 << 10;
/// Errands of one message at most.
const MOST_ERRANDS: usize = 100;

struct Hand<'a> {
    facts: Facts,
    fate: Fate,
    sender: Option<String>,
    then: Vec<Errand>,
    masked: Vec<Pii>,
    by: Option<String>,
    asks: Option<Question>,
    /// How many questions were answered.
    asked: usize,
    sets: Sets<'a>,
}

/// Looks at every rule of the message's direction, with a trace of everything that was looked at.
pub fn judge(rules: &Ruleset, facts: Facts) -> Judgement {
    look(rules, facts, true)
}

/// The same on the accept path: the trace holds the rules that matched and what they did, and no conditions. Writing down
/// what each condition saw takes longer than looking.
pub fn judge_briefly(rules: &Ruleset, facts: Facts) -> Judgement {
    look(rules, facts, false)
}

fn look(rules: &Ruleset, facts: Facts, whole: bool) -> Judgement {
    let direction = facts.direction;
    let (fate, sets) = (Fate::Pass, Sets::new(rules.sets()));
    let (then, masked) = (Vec::new(), Vec::new());
    let mut hand = Hand { facts, fate, sender: None, then, masked, by: None, asks: None, asked: 0, sets };
    let mut trace = Trace::default();
    for rule in rules.rules().iter().filter(|rule| rule.active && rule.direction == direction) {
        let mut conditions = whole.then(Vec::new);
        let matched = rule.when.holds(&hand.facts, &hand.sets, &mut conditions);
        let mut changes = Vec::new();
        let ends = matched && hand.follow(rule, &mut changes);
        if whole || matched {
            let conditions = conditions.unwrap_or_default();
            trace.0.push(Looked { rule: rule.title.clone(), place: rule.place.clone(), matched, conditions, changes });
        }
        if ends {
            break;
        }
    }
    let Hand { facts, fate, sender, then, masked, by, asks, .. } = hand;
    Judgement { facts, fate, sender, then, masked, by, trace, asks }
}

impl Hand<'_> {
    /// Does what the rule says; `true` when nothing more is looked at.
    fn follow(&mut self, rule: &Rule, changes: &mut Vec<String>) -> bool {
        for action in &rule.then {
            let (done, ends) = self.act(action, rule);
            changes.push(done);
            if ends {
                return true;
            }
        }
        rule.stop
    }

    fn act(&mut self, action: &Action, rule: &Rule) -> (String, bool) {
        // Before anything is read anew: what was found in the old values holds no more.
        self.sets.forget();
        let facts = &self.facts;
        let then = |hand: &mut Self, errand: Errand| {
            let word = errand.word();
            if hand.then.len() >= MOST_ERRANDS {
                return (format!("{word}: left out, there are {MOST_ERRANDS} already"), false);
            }
            hand.then.push(errand);
            (format!("then: {word}"), false)
        };
        match action {
            Action::SetHeader { name, value } => {
                let value = one_line(&value.expand(facts));
                (self.set_header(name, value, rule), false)
            }
            Action::AddHeader { name, value } => {
                let value = one_line(&value.expand(facts));
                self.facts.headers.push((name.clone(), value));
                (format!("added header {name}"), false)
            }
            Action::DeleteHeader(name) => {
                let before = self.facts.headers.len();
                self.facts.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
                (format!("deleted {} of header {name}", before - self.facts.headers.len()), false)
            }
            Action::Edit { place, pattern, by } => {
                let by = by.expand(facts);
                (self.edit(place, pattern, &by, rule), false)
            }
            Action::Gateway(id) => {
                self.facts.to.at = Some(id.clone());
                self.by = Some(rule.title.clone());
                (format!("gateway {id}"), false)
            }
            Action::SetSender(value) => {
                self.sender = Some(one_line(&value.expand(facts))).filter(|sender| !sender.is_empty());
                ("set the sender to show".to_owned(), false)
            }
            Action::Priority(urgency) => {
                self.facts.urgency = *urgency;
                (format!("priority {}", urgency.word()), false)
            }
            Action::Body(value) => {
                self.facts.body = bounded(value.expand(facts));
                ("set the body".to_owned(), false)
            }
            Action::Truncate(most) => {
                self.facts.body = truncated(facts.body.as_str(), *most);
                (format!("truncated to {most} characters"), false)
            }
            Action::Mask(set) => {
                let found = set.found_in(&facts.body) || facts.headers.iter().any(|(_, value)| set.found_in(value));
                if !found {
                    return (format!("no {} to mask", set.word()), false);
                }
                self.facts.body = set.masked(&facts.body);
                for (_, value) in &mut self.facts.headers {
                    *value = set.masked(value);
                }
                self.masked.push(set.clone());
                (format!("masked {}", set.word()), false)
            }
            Action::Set { name, value } => {
                let value = bounded(value.expand(facts));
                self.facts.variables.insert(name.clone(), value);
                (format!("set variable {name}"), false)
            }
            Action::Forward { to, account } => {
                let to = to.expand(facts);
                self.fate(Fate::Moved, rule);
                then(self, sent(to, &self.facts, account))
            }
            Action::Copy { to: Where::Address(to), account } => {
                let to = to.expand(facts);
                then(self, sent(to, &self.facts, account))
            }
            Action::Copy { to: Where::Folder(folder), .. } => {
                let folder = folder.expand_folder(facts);
                then(self, Errand::Append { rule: rule.title.clone(), folder, moved: false })
            }
            Action::Move(folder) => {
                let folder = folder.expand_folder(facts);
                self.fate(Fate::Moved, rule);
                then(self, Errand::Append { rule: rule.title.clone(), folder, moved: true })
            }
            Action::ReplyMail { subject, text } => {
                let (subject, text) = (one_line(&subject.expand(facts)), bounded(text.expand(facts)));
                then(self, Errand::ReplyMail { subject, text })
            }
            Action::ReplySms { text, account } => {
                let text = bounded(text.expand(facts));
                then(self, Errand::ReplySms { text, account: account.clone() })
            }
            Action::Run { asks, .. } | Action::Call { asks, .. } => {
                let deed = outside::deed(action, facts, &rule.title);
                match (deed, asks) {
                    (None, _) => ("nothing to do".to_owned(), false),
                    (Some(deed), Some(asks)) => self.ask(deed, *asks, rule),
                    (Some(deed), None) => then(self, Errand::Do { rule: rule.title.clone(), deed }),
                }
            }
            Action::Sql { .. } => match outside::deed(action, facts, &rule.title) {
                Some(deed) => then(self, Errand::Do { rule: rule.title.clone(), deed }),
                None => ("nothing to do".to_owned(), false),
            },
            Action::Log(line) => {
                let line = one_line(&line.expand(facts));
                then(self, Errand::Log(line))
            }
            Action::Hold(why) => {
                let why = one_line(&why.expand(facts));
                (self.fate(Fate::Hold(why), rule), false)
            }
            Action::Quarantine => (self.fate(Fate::Quarantine, rule), false),
            Action::Reject(words) => {
                let words = one_line(&words.expand(facts));
                (self.fate(Fate::Reject(words), rule), true)
            }
            Action::Discard => (self.fate(Fate::Discard, rule), true),
            Action::Accept => (self.fate(Fate::Pass, rule), true),
            Action::Stop => ("stop".to_owned(), true),
        }
    }

    /// What was said to it, or the question; `true` when nothing more is looked at.
    fn ask(&mut self, deed: Deed, asks: Asks, rule: &Rule) -> (String, bool) {
        let word = deed.word();
        let Some(verdict) = self.facts.verdicts.get(self.asked).cloned() else {
            self.asks = Some(Question { rule: rule.title.clone(), deed, asks });
            return (format!("asks: {word}"), true);
        };
        self.asked += 1;
        for (name, value) in verdict.headers {
            let value = one_line(&value);
            self.set_header(&name, value, rule);
        }
        for (name, value) in verdict.variables {
            self.facts.variables.insert(name, bounded(value));
        }
        if let Some(body) = verdict.body {
            self.facts.body = bounded(body);
        }
        let (said, ends) = match verdict.says {
            Says::Pass => ("pass".to_owned(), false),
            Says::Hold(why) => (self.fate(Fate::Hold(one_line(&why)), rule), false),
            Says::Reject(words) => (self.fate(Fate::Reject(one_line(&words)), rule), true),
            Says::Discard => (self.fate(Fate::Discard, rule), true),
        };
        (format!("asked: {word}, said: {said}"), ends)
    }

    fn fate(&mut self, fate: Fate, rule: &Rule) -> String {
        let words = format!("{fate:?}").to_lowercase();
        self.fate = fate;
        self.by = Some(rule.title.clone());
        words
    }

    fn set_header(&mut self, name: &str, value: String, rule: &Rule) -> String {
        if name.eq_ignore_ascii_case("To") {
            self.facts.to = To::read(&value);
            self.by = Some(rule.title.clone());
            return "set To:".to_owned();
        }
        match self.facts.headers.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value,
            None => self.facts.headers.push((name.to_owned(), value)),
        }
        format!("set header {name}")
    }

    fn edit(&mut self, place: &Place, pattern: &super::pattern::Pattern, by: &str, rule: &Rule) -> String {
        let done = |yes: bool, what: &str| match yes {
            true => format!("edited {what}"),
            false => format!("{what}: the pattern does not match, skipped"),
        };
        match place {
            Place::To => match pattern.replace(&self.facts.to.to_string(), by) {
                Some(new) => {
                    self.facts.to = To::read(&one_line(&new));
                    self.by = Some(rule.title.clone());
                    done(true, "To:")
                }
                None => done(false, "To:"),
            },
            Place::Body => match pattern.replace(&self.facts.body, by) {
                Some(new) => {
                    self.facts.body = bounded(new);
                    done(true, "the body")
                }
                None => done(false, "the body"),
            },
            Place::Header(name) => {
                let mut any = false;
                for (n, value) in &mut self.facts.headers {
                    if n.eq_ignore_ascii_case(name)
                        && let Some(new) = pattern.replace(value, by)
                    {
                        *value = one_line(&new);
                        any = true;
                    }
                }
                done(any, &format!("header {name}"))
            }
        }
    }
}

/// To a mail address, or to a phone with the words as they are now.
fn sent(to: String, facts: &Facts, account: &Option<String>) -> Errand {
    let is_sms = to.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("sms:"));
    match is_sms {
        true => Errand::Sms { to, text: facts.body.clone(), account: account.clone() },
        false => Errand::Mail { to },
    }
}

/// Nothing that rules make breaks a line of a header or a log.
fn one_line(value: &str) -> String {
    crate::ground::outcome::one_line(value, 2_000)
}

fn bounded(mut value: String) -> String {
    if value.len() > LONGEST {
        let mut end = LONGEST;
        while !value.is_char_boundary(end) {
            end -= 1;
        }
        value.truncate(end);
    }
    value
}

fn truncated(text: &str, most: usize) -> String {
    use unicode_segmentation::UnicodeSegmentation as _;
    text.graphemes(true).take(most).collect()
}
