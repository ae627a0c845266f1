//! Every condition, operator and action has a case. What there is comes from the code itself, by matches without a rest: a new one
//! does not compile here before somebody has looked.

use super::*;

fn note(word: &'static str, out: &mut BTreeSet<&'static str>) {
    out.insert(word);
}

/// The words of a condition and of all that is in it: a kind that is added must be named here, and then wants a case.
fn asked(condition: &Condition, out: &mut BTreeSet<&'static str>) {
    let all = |list: &[Condition], out: &mut BTreeSet<_>| list.iter().for_each(|one| asked(one, out));
    let test = match condition {
        Condition::Always => return note("everything", out),
        Condition::All(list) => {
            out.insert("all");
            return all(list, out);
        }
        Condition::Any(list) => {
            out.insert("any");
            return all(list, out);
        }
        Condition::Not(one) => {
            out.insert("not");
            return asked(one, out);
        }
        Condition::Is(test) => test,
    };
    let (field, items, op) = match test {
        Test::Field { field, items, op, .. } => (field, items, op),
        Test::Time { .. } => return note("time", out),
        Test::Weekday { .. } => return note("weekday", out),
        Test::Calendar { .. } => return note("calendar", out),
        Test::Rate { .. } => return note("rate", out),
        Test::Sql { .. } => return note("sql", out),
    };
    out.insert(match field {
        Field::Header(_) => "header",
        Field::Variable(_) => "var",
        Field::Peer => "peer",
        named => Field::NAMED.iter().find(|(_, field)| field == named).expect("a word for every field").0,
    });
    out.insert(match items {
        Items::Any => "any item",
        Items::All => "all items",
        Items::Joined => "joined items",
    });
    out.insert(match op {
        Op::Is(_) | Op::Equals(_) | Op::Flag(_) => "is",
        Op::Contains(_) => "contains",
        Op::Starts(_) => "starts",
        Op::Ends(_) => "ends",
        Op::Regex(..) => "regex",
        Op::In(_) => "in",
        Op::Within(_) => "within",
        Op::Over(_) => "over",
        Op::Under(_) => "under",
        Op::Exists(_) => "exists",
        Op::Holds(_) => "holds",
    });
}

/// The same of actions.
fn acts(action: &Action) -> &'static str {
    match action {
        Action::SetHeader { .. } => "set_header",
        Action::AddHeader { .. } => "add_header",
        Action::DeleteHeader(_) => "delete_header",
        Action::Edit { .. } => "edit",
        Action::Gateway(_) => "gateway",
        Action::SetSender(_) => "set_sender",
        Action::Priority(_) => "priority",
        Action::Body(_) => "body",
        Action::Truncate(_) => "truncate",
        Action::Forward { .. } => "forward",
        Action::Copy { to: Where::Address(_), .. } => "copy",
        Action::Copy { to: Where::Folder(_), .. } => "copy into a folder",
        Action::Move(_) => "move",
        Action::ReplyMail { .. } => "reply_mail",
        Action::ReplySms { .. } => "reply_sms",
        Action::Accept => "accept",
        Action::Reject(_) => "reject",
        Action::Discard => "discard",
        Action::Hold(_) => "hold",
        Action::Quarantine => "quarantine",
        Action::Run { .. } => "run",
        Action::Call { .. } => "call",
        Action::Sql { .. } => "sql",
        Action::Log(_) => "log",
        Action::Set { .. } => "set",
        Action::Mask(_) => "mask",
        Action::Stop => "stop",
    }
}

/// The rule of a case of `conditions.toml` for a message of this direction.
pub(super) fn asking(condition: &Value, direction: &str) -> Ruleset {
    let log: Value = "list = [{ log = \"held\" }]".parse::<Table>().expect("TOML")["list"].clone();
    read(&written(direction, Some(condition), &log)).unwrap_or_else(|e| panic!("{condition}: {e}"))
}

pub(super) fn everything_has_a_case() {
    let (mut conditions, mut actions, mut count) = (BTreeSet::new(), BTreeSet::new(), 0);
    for case in cases("conditions.toml") {
        for key in ["yes", "no"] {
            for given in case[key].as_array().expect(key) {
                let direction = given.get("direction").and_then(Value::as_str).unwrap_or("out");
                asking(&case["if"], direction).rules().iter().for_each(|rule| asked(&rule.when, &mut conditions));
                count += 1;
            }
        }
    }
    for case in cases("actions.toml") {
        rules_of(&case).rules().iter().flat_map(|rule| &rule.then).for_each(|action| note(acts(action), &mut actions));
        count += 1;
    }
    count += cases("errors.toml").len();
    let special =
        ["header", "var", "all", "any", "not", "peer", "time", "weekday", "calendar", "rate", "sql", "everything"];
    let items = ["any item", "all items", "joined items"];
    for word in Field::NAMED.iter().map(|(word, _)| *word).chain(special).chain(items).chain(OPERATORS) {
        assert!(conditions.contains(word), "no case has the condition or operator `{word}`");
    }
    for word in Action::WORDS.into_iter().chain(["copy into a folder"]) {
        assert!(actions.contains(word), "no case has the action `{word}`");
    }
    assert!(count >= 150, "{count} cases");
}
