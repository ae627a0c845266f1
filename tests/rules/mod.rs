//! Rules by tables of cases: conditions, actions, errors; XML there and back; what judging may never do.
//!
//! A condition, an operator or an action without a case is a failure: `everything_has_a_case`.

mod covered;
mod roundtrip;

use std::{
    collections::{BTreeSet, HashSet},
    fs,
};

use libtest_mimic::Trial;
use martlet::{
    ground::Timestamp,
    rules::{
        Action, Calendar, Condition, Deed, Direction, Errand, Facts, Fate, Field, Items, Judgement, Known, OPERATORS,
        Op, Pii, Ruleset, Source, Statement, Test, Verdict, action::Where, calendar, deed::Content, facts::Urgency,
        judge, judge_briefly, template::Template, to::To,
    },
};
use toml::{Table, Value};

use crate::support::{root, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("rules: every condition holds where it should, and nowhere else", conditions),
        trial("rules: every action does what it says", actions),
        trial("rules: files that are wrong are refused for their reason", errors),
        trial(
            "rules: every condition, operator and action has a case, and there are enough",
            covered::everything_has_a_case,
        ),
        trial("rules: XML there and back is the same rules", xml),
        trial("rules: any rules come back from XML as they were", roundtrip::there_and_back),
        trial("rules: a pattern that explodes ends, and the rest runs", pathological),
        trial("rules: the shipped sets do what their cases say", shipped),
        trial("rules: the examples of docs/rules.md are sound", documented),
    ]
}

fn cases(file: &str) -> Vec<Table> {
    let path = root().join("tests/rules/cases").join(file);
    let text = fs::read_to_string(&path).expect("a file of cases");
    let mut table: Table = text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let Some(Value::Array(cases)) = table.remove("case") else { panic!("no cases in {file}") };
    cases.into_iter().map(|case| case.as_table().expect("a table").clone()).collect()
}

fn list(name: &str) -> Result<Vec<String>, String> {
    match name {
        "blocked.txt" => Ok(vec!["mallory@elsewhere.example".into(), "@spam.example".into()]),
        other => Err(format!("there is no list {other}")),
    }
}

fn known() -> Known<'static> {
    let mut days: [calendar::Spans; 7] = Default::default();
    days[..5].fill_with(|| vec![calendar::span("08:00-18:00").expect("a span")]);
    let holidays = vec!["2026-12-25".parse().expect("a day")];
    let office = Calendar { zone: jiff::tz::TimeZone::UTC, days, holidays };
    Known {
        gateways: Some(["main", "backup", "us", "usgw"].map(str::to_owned).into()),
        statements: [
            ("blocked".to_owned(), statement(&["%%number%%"])),
            ("note".to_owned(), statement(&["%%number%%", "-"])),
        ]
        .into(),
        calendars: [("office".to_owned(), office)].into(),
        pii: [("badges".to_owned(), Pii::of("badges", vec![regex::Regex::new(r"\bE\d{6}\b").expect("a pattern")]))]
            .into(),
        zone: jiff::tz::TimeZone::UTC,
        list: &list,
        missing: |_, _| None,
    }
}

fn statement(values: &[&str]) -> Statement {
    let values: Vec<_> = values.iter().map(|value| Template::read(value).expect("a template")).collect();
    Statement { takes: values.len(), values }
}

pub fn read(text: &str) -> Result<Ruleset, String> {
    let source = Source { path: "case.toml".into(), text: text.to_owned() };
    Ruleset::read(&[source], &known())
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// One rule of these pieces, written as a file.
fn written(direction: &str, condition: Option<&Value>, actions: &Value) -> String {
    let mut rule = Table::new();
    rule.insert("title".into(), "case".into());
    rule.insert("direction".into(), direction.into());
    rule.extend(condition.map(|condition| ("if".to_owned(), condition.clone())));
    rule.insert("do".into(), actions.clone());
    let file = Table::from_iter([("rule".to_owned(), Value::Array(vec![rule.into()]))]);
    toml::to_string(&file).expect("TOML")
}

fn facts(given: &Table) -> Facts {
    let direction = match given.get("direction").and_then(Value::as_str) {
        Some("in") => Direction::In,
        _ => Direction::Out,
    };
    let mut facts = Facts::empty(direction, Timestamp(1_800_000_000_000));
    for (key, value) in given {
        let text = || Some(value.as_str().expect(key).to_owned());
        let mut header = |name: &str| facts.headers.push((name.to_owned(), value.as_str().expect(key).to_owned()));
        match key.as_str() {
            "direction" => {}
            "from" => header("From"),
            "cc" => header("Cc"),
            "reply_to" => header("Reply-To"),
            "date" => header("Date"),
            "subject" => header("Subject"),
            "headers" => {
                for (name, value) in value.as_table().expect(key) {
                    facts.headers.push((name.clone(), value.as_str().expect(key).to_owned()));
                }
            }
            "to" => facts.to = To::read(value.as_str().expect(key)),
            "body" => facts.body = value.as_str().expect(key).to_owned(),
            "binary" => facts.binary = value.as_bool().expect(key),
            "sender" => facts.sender = text(),
            "login" => facts.login = text(),
            "account" => facts.account = text(),
            "domain" => facts.domain = text(),
            "gateway" => facts.gateway = text(),
            "originator" => facts.originator = text(),
            "originator_region" => facts.originator_region = text(),
            "region" => facts.region = text(),
            "alias" => facts.alias = text(),
            "extension" => facts.extension = text(),
            "size" => facts.size = value.as_integer().expect(key).unsigned_abs(),
            "attachments" => {
                let names = value.as_array().expect(key).iter();
                facts.attachments = names.map(|name| name.as_str().expect(key).to_owned()).collect();
            }
            "priority" => facts.urgency = Urgency::read(value.as_str().expect(key)).expect(key),
            "peer" => facts.peer = Some(value.as_str().expect(key).parse().expect(key)),
            "local" => facts.local = value.as_bool().expect(key),
            "now" => {
                let moment: jiff::Timestamp = value.as_str().expect(key).parse().expect(key);
                facts.now = Timestamp(moment.as_millisecond());
            }
            "rates" => {
                for (within, n) in value.as_table().expect(key) {
                    let within = martlet::ground::written::duration(within).expect(key);
                    facts.rates.insert(within, n.as_integer().expect(key).unsigned_abs());
                }
            }
            "rows" => {
                let rows = value.as_table().expect(key).iter();
                facts.rows = rows.map(|(name, any)| (name.clone(), any.as_bool().expect(key))).collect();
            }
            "verdicts" => {
                let verdicts = value.as_array().expect(key).iter();
                let read = |said: &Value| Verdict::read(said.as_str().expect(key).as_bytes()).expect(key);
                facts.verdicts = verdicts.map(read).collect();
            }
            "vars" => {
                let vars = value.as_table().expect(key).iter();
                facts.variables = vars.map(|(name, v)| (name.clone(), v.as_str().expect(key).to_owned())).collect();
            }
            other => panic!("no fact `{other}`"),
        }
    }
    facts
}

fn conditions() {
    for case in cases("conditions.toml") {
        let condition = &case["if"];
        for (key, wanted) in [("yes", true), ("no", false)] {
            for given in case[key].as_array().expect(key) {
                let facts = facts(given.as_table().expect("facts"));
                let rules = covered::asking(condition, facts.direction.word());
                let judgement = judge(&rules, facts);
                assert_eq!(!judgement.then.is_empty(), wanted, "{condition} over {given}\n{:?}", judgement.trace);
            }
        }
    }
}

/// What is done outside, as cases write it.
fn done(deed: &Deed) -> String {
    match deed {
        Deed::Run(program) => {
            let env: String = program.env.iter().map(|(name, value)| format!("{name}={value} ")).collect();
            let dir = program.dir.as_ref().map(|dir| format!("in {dir} ")).unwrap_or_default();
            let dir = if program.mail { format!("{dir}with its mail ") } else { dir };
            format!("run {} {env}{dir}{}", program.timeout.as_millis(), program.words.join("|"))
        }
        Deed::Call(call) => {
            let body = match &call.body {
                None => "-".to_owned(),
                Some(Content::Form(form)) => form.clone(),
                Some(Content::Json(json)) => {
                    let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
                    format!("json body {}", json["body"])
                }
            };
            let headers: String = call.headers.iter().map(|(name, value)| format!(" {name}: {value}")).collect();
            let by = call.answers_by.as_ref().map(|id| format!(" answers by {id}")).unwrap_or_default();
            format!("call {} {} {body}{headers}{by}", call.timeout.as_millis(), call.url)
        }
        Deed::Sql(statement) => format!("sql {} {}", statement.name, statement.values.join("|")),
    }
}

/// An errand as cases write it.
fn shown(errand: &Errand) -> String {
    let dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
    match errand {
        Errand::Mail { to } => format!("mail {to}"),
        Errand::Sms { to, text, account } => format!("sms {to} {} {text}", dash(account)),
        Errand::ReplyMail { subject, text } => format!("reply_mail {subject} | {text}"),
        Errand::ReplySms { text, account } => format!("reply_sms {account} | {text}"),
        Errand::Append { folder, .. } => format!("append {folder}"),
        Errand::Do { deed, .. } => done(deed),
        Errand::Log(line) => format!("log {line}"),
    }
}

fn fate(fate: &Fate) -> String {
    match fate {
        Fate::Pass => "pass".into(),
        Fate::Hold(why) => format!("hold {why}"),
        Fate::Quarantine => "quarantine".into(),
        Fate::Reject(words) => format!("reject {words}"),
        Fate::Discard => "discard".into(),
        Fate::Moved => "moved".into(),
    }
}

/// The rules of a case of `actions.toml`.
fn rules_of(case: &Table) -> Ruleset {
    let direction = case["given"].get("direction").and_then(Value::as_str).unwrap_or("out");
    let text = match case.get("rules") {
        Some(rules) => rules.as_str().expect("rules").to_owned(),
        None => written(direction, None, &case["do"]),
    };
    read(&text).unwrap_or_else(|e| panic!("{case}: {e}"))
}

fn judged(case: &Table) -> Judgement {
    let (facts, rules) = (facts(case["given"].as_table().expect("facts")), rules_of(case));
    let (brief, whole) = (judge_briefly(&rules, facts.clone()), judge(&rules, facts));
    let what = |j: &Judgement| format!("{:?}{:?}{:?}{:?}", j.fate, j.by, j.then, j.trace.matched().collect::<Vec<_>>());
    assert_eq!(what(&brief), what(&whole), "{case}: the brief way judges alike");
    whole
}

fn actions() {
    for case in cases("actions.toml") {
        let Judgement { facts, fate: became, sender, then, by, trace, asks, masked } = judged(&case);
        let wanted = |key: &str| case.get(key).and_then(Value::as_str).map(str::to_owned);
        let same = |key: &str, found: String| {
            if let Some(wanted) = wanted(key) {
                assert_eq!(found, wanted, "{key} of {case}");
            }
        };
        assert_eq!(fate(&became), wanted("fate").unwrap_or_else(|| "pass".into()), "{case}");
        same("to", facts.to.to_string());
        same("body", facts.body.clone());
        same("sender", sender.unwrap_or_default());
        same("priority", facts.urgency.word().to_owned());
        same("by", by.unwrap_or_default());
        let question = asks.map(|asks| format!("{:?} {}", asks.asks.otherwise, done(&asks.deed)).to_lowercase());
        assert_eq!(question, wanted("asks"), "{case}");
        let strings = |key: &str| -> Vec<String> {
            let list = case.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
            list.iter().map(|one| one.as_str().expect(key).to_owned()).collect()
        };
        assert_eq!(masked.iter().map(Pii::word).collect::<Vec<_>>(), strings("masked"), "{case}");
        assert_eq!(then.iter().map(shown).collect::<Vec<_>>(), strings("then"), "{case}");
        if case.contains_key("matched") {
            assert_eq!(trace.matched().collect::<Vec<_>>(), strings("matched"), "{case}");
        }
        for (name, value) in case.get("headers").and_then(Value::as_table).into_iter().flatten() {
            let found = facts.header(name).collect::<Vec<_>>().join(", ");
            assert_eq!(found, value.as_str().expect("a value"), "{name} of {case}");
        }
    }
}

fn errors() {
    for case in cases("errors.toml") {
        let text = case["text"].as_str().expect("a text");
        let wanted = format!("case.toml:{}", case["error"].as_str().expect("an error"));
        let found = read(text).map(drop).expect_err(text);
        let first = found.lines().next().unwrap_or_default();
        assert!(
            if wanted.ends_with(": ") { first.starts_with(&wanted) } else { first == wanted },
            "{text}\n{found}\n{wanted}"
        );
    }
}

fn xml() {
    // Every rule of every case, and the rules that come back judge alike.
    let texts = cases("actions.toml").into_iter().map(|case| match case.get("rules") {
        Some(rules) => rules.as_str().expect("rules").to_owned(),
        None => written("out", None, &case["do"]),
    });
    let conditions = cases("conditions.toml").into_iter().map(|case| {
        let stop: Value = "list = [{ stop = true }]".parse::<Table>().expect("TOML")["list"].clone();
        written("out", Some(&case["if"]), &stop)
    });
    let mut seen = HashSet::new();
    for text in texts.chain(conditions) {
        // What is known of inbound texts only cannot be asked of mails, and the other way round: those are left out here.
        let Ok(rules) = read(&text) else { continue };
        let xml = rules.to_xml(&[]);
        let source = Source { path: "case.xml".into(), text: xml.clone() };
        let back = Ruleset::read(&[source], &known()).unwrap_or_else(|e| panic!("{xml}\n{e:?}"));
        assert_eq!(back.rules().len(), rules.rules().len());
        for (one, other) in rules.rules().iter().zip(back.rules()) {
            assert_eq!(one.node, other.node, "{xml}");
            assert_eq!(
                (&one.title, one.direction, one.active, one.stop),
                (&other.title, other.direction, other.active, other.stop)
            );
            assert_eq!(format!("{:?}{:?}", one.when, one.then), format!("{:?}{:?}", other.when, other.then));
        }
        assert_eq!(back.to_xml(&[]), xml, "written again it is the same");
        seen.insert(xml);
    }
    assert!(seen.len() > 80, "{}", seen.len());
    let two = read("[[rule]]\ntitle = \"a\"\nstop = true\n[[rule]]\ntitle = \"b\"\nstop = true\n").expect("rules");
    let one = two.to_xml(&["b".to_owned()]);
    assert!(one.contains("<title>b</title>") && !one.contains("<title>a</title>"), "selected ones alone");
}

fn pathological() {
    let rules = "[[rule]]\ntitle = \"evil\"\nif = { body = { regex = '^(?=((a+)+)+$)b' } }\ndo = [{ reject = \"x\" }]\n\
        [[rule]]\ntitle = \"evil too\"\ndo = [{ edit = { field = \"Body\", pattern = '(?=(a|a)*$)c', to = \"\" } }, { log = \"went on\" }]\n";
    let rules = read(rules).expect("rules");
    let given = Facts { body: "a".repeat(60_000), ..Facts::empty(Direction::Out, Timestamp(0)) };
    let judgement = judge(&rules, given);
    assert_eq!((fate(&judgement.fate).as_str(), judgement.then.len()), ("pass", 1));
    // Every variable in every other: what rules make stays bounded.
    let grows = (0..40).map(|n| format!("[[rule]]\ntitle = \"{n}\"\ndo = [{{ body = \"%%body%%%%body%%\" }}]\n"));
    let rules = read(&grows.collect::<String>()).expect("rules");
    let given = Facts { body: "ab".into(), ..Facts::empty(Direction::Out, Timestamp(0)) };
    assert!(judge(&rules, given).facts.body.len() <= 64 << 10);
}

/// Rules of the repository, their lists beside them; any gateway will do.
fn of_the_repository(source: Source) -> Ruleset {
    let list = |name: &str| {
        let text = fs::read_to_string(root().join("rules").join(name)).map_err(|why| why.to_string())?;
        Ok(text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect())
    };
    let known = Known { gateways: None, list: &list, ..known() };
    Ruleset::read(&[source], &known).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn shipped() {
    let mut sets = 0;
    for entry in fs::read_dir(root().join("rules")).expect("rules").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a set");
        assert!(text.starts_with("# "), "{name} says what it is for");
        let rules = of_the_repository(Source { path: path.clone(), text });
        let cases = cases(&format!("../../../rules/cases/{name}"));
        for case in &cases {
            let judgement = judge(&rules, facts(case["given"].as_table().expect("facts")));
            let is = |key: &str, found: &str| {
                if let Some(wanted) = case.get(key).and_then(Value::as_str) {
                    assert_eq!(found, wanted, "{key} of {case} in {name}");
                }
            };
            is("fate", fate(&judgement.fate).split(' ').next().unwrap_or_default());
            is("to", &judgement.facts.to.to_string());
            is("body", &judgement.facts.body);
            is("priority", judgement.facts.urgency.word());
            is("by", judgement.by.as_deref().unwrap_or_default());
            if let Some(hidden) = case.get("hides").and_then(Value::as_str) {
                assert!(!judgement.facts.body.contains(hidden), "{case} in {name}");
            }
            if let Some(then) = case.get("then").and_then(Value::as_array) {
                let found: Vec<_> = judgement.then.iter().map(Errand::word).collect();
                let wanted: Vec<_> = then.iter().filter_map(Value::as_str).collect();
                assert_eq!(found, wanted, "{case} in {name}");
            }
        }
        assert!(cases.len() >= 2, "{name} has cases");
        sets += 1;
    }
    assert!(sets >= 9, "{sets} sets");
}

fn documented() {
    let text = fs::read_to_string(root().join("docs/rules.md")).expect("docs/rules.md");
    let blocks = |kind: &str| -> Vec<String> {
        let fence = format!("```{kind}\n");
        text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
    };
    let toml: Vec<String> = blocks("toml").into_iter().filter(|block| block.contains("[[rule]]")).collect();
    assert!(toml.len() >= 5, "{} examples", toml.len());
    for block in toml {
        let count = block.matches("[[rule]]").count();
        let rules = of_the_repository(Source { path: "example.toml".into(), text: block });
        assert_eq!(rules.rules().len(), count);
    }
    for block in blocks("xml") {
        let rules = of_the_repository(Source { path: "example.xml".into(), text: block.clone() });
        assert_eq!(rules.to_xml(&[]).trim(), block.trim(), "the XML is what an export writes");
    }
    for word in Action::WORDS {
        assert!(text.contains(&format!("`{word}`")), "the action {word} is explained");
    }
    for (word, _) in Field::NAMED {
        assert!(text.contains(&format!("`{word}`")), "the condition {word} is explained");
    }
}
