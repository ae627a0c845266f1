//! Random rule sets: TOML → rules → XML → rules → XML. Whatever a rule says, nothing of it changes on the way.

use martlet::{
    ground::Timestamp,
    rules::{Direction, Facts, Ruleset, Source, judge, to::To},
};
use proptest::{
    prelude::*,
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use toml::{Table, Value};

use super::known;

type Of<T> = BoxedStrategy<T>;

fn text(value: impl Into<String>) -> Value {
    Value::String(value.into())
}

fn table(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Table(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// Words of all kinds: what XML must escape, what it cannot hold, blanks at the ends, other scripts. No `%`: templates.
fn words() -> Of<String> {
    prop_oneof![
        "[a-z ]{0,12}",
        "[ <>&\"'\\\\\\]\\[{}é日😀\t\n\r\u{0}\u{1}\u{7f}\u{fffd}]{0,12}",
        any::<String>().prop_map(|words| words.replace('%', "")),
    ]
    .boxed()
}

fn patterns() -> Of<String> {
    prop_oneof![
        Just(r"^\s*order\b".to_owned()),
        Just("^(?!.*@)(.*)$".to_owned()),
        Just("[<&>]+\\d{2,3}".to_owned()),
        words().prop_map(|words| regex::escape(&words)),
    ]
    .boxed()
}

/// One operator, or a value to be equal to.
fn operator() -> Of<Value> {
    let several = || proptest::collection::vec(words(), 1..3);
    let list = |all: Vec<String>| Value::Array(all.into_iter().map(text).collect());
    let compare = (prop_oneof![Just("is"), Just("contains"), Just("starts"), Just("ends"), Just("in")], several())
        .prop_map(move |(word, all)| (word, list(all)));
    let regex = patterns().prop_map(|pattern| ("regex", text(pattern)));
    let exists = any::<bool>().prop_map(|flag| ("exists", Value::Boolean(flag)));
    let items = prop_oneof![Just(None), Just(Some("any")), Just(Some("all")), Just(Some("joined"))];
    let with = (prop_oneof![compare, regex, exists], any::<Option<bool>>(), items).prop_map(|(op, case, items)| {
        let case = case.map(|flag| ("case", Value::Boolean(flag)));
        table([op].into_iter().chain(case).chain(items.map(|items| ("items", text(items)))))
    });
    prop_oneof![3 => with, 1 => words().prop_map(text), 1 => several().prop_map(list)].boxed()
}

fn condition(inbound: bool) -> Of<Value> {
    let fields: &[&str] = if inbound {
        &["body", "originator", "gateway"]
    } else {
        &["from", "cc", "subject", "to", "body", "sender", "account", "domain", "number"]
    };
    let field = (proptest::sample::select(fields), operator()).prop_map(|(name, op)| table([(name, op)]));
    let counted = (proptest::sample::select(&["over", "under", "is"][..]), 0i64..1 << 40)
        .prop_map(|(op, number)| table([("size", table([(op, Value::Integer(number))]))]));
    let named = (words(), words()).prop_map(|(name, value)| table([("var", text(name)), ("contains", text(value))]));
    let time = Just(table([("time", table([("from", text("22:00")), ("to", text("06:00"))]))]));
    let days = Just(table([("weekday", Value::Array(vec![text("sat"), text("sun")]))]));
    let all = Just(table([("everything", Value::Boolean(true))]));
    let leaf = prop_oneof![6 => field, 2 => counted, 1 => named, 1 => time, 1 => days, 1 => all];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let some = proptest::collection::vec(inner.clone(), 1..4).prop_map(Value::Array).boxed();
        prop_oneof![
            some.clone().prop_map(|list| table([("all", list)])),
            some.prop_map(|list| table([("any", list)])),
            inner.prop_map(|one| table([("not", one)])),
        ]
    })
    .boxed()
}

fn action(inbound: bool) -> Of<Value> {
    let worded = (proptest::sample::select(&["reject", "log", "body", "hold"][..]), words())
        .prop_map(|(word, value)| table([(word, text(value))]));
    let set = (words(), words())
        .prop_map(|(name, value)| table([("set", table([("name", text(name)), ("value", text(value))]))]));
    let edit = (patterns(), words(), any::<bool>()).prop_map(|(pattern, to, case)| {
        let of =
            [("field", text("Body")), ("pattern", text(pattern)), ("to", text(to)), ("case", Value::Boolean(case))];
        table([("edit", table(of))])
    });
    let truncate = (1i64..10_000).prop_map(|most| table([("truncate", Value::Integer(most))]));
    let mask = proptest::sample::select(&["cards", "iban", "email"][..]).prop_map(|what| table([("mask", text(what))]));
    let folder = words().prop_map(|name| table([("move", text(format!("alice/{name}")))]));
    let copy = words().prop_map(|name| table([("copy", table([("folder", text(format!("a/{name}")))]))]));
    let discard = Just(table([("discard", Value::Boolean(true))]));
    let run = proptest::collection::vec(words(), 0..3).prop_map(|words| {
        let all = std::iter::once("/bin/true".to_owned()).chain(words).map(text).collect();
        table([("run", table([("program", Value::Array(all)), ("timeout", text("3s"))]))])
    });
    let both = prop_oneof![worded, set, edit, truncate, mask, folder, copy, discard, run].boxed();
    if inbound {
        return both;
    }
    let header = (words(), proptest::sample::select(&["set_header", "add_header"][..]))
        .prop_map(|(value, word)| table([(word, table([("name", text("X-Team")), ("value", text(value))]))]));
    prop_oneof![4 => both, 1 => header].boxed()
}

fn rule() -> Of<Value> {
    any::<bool>()
        .prop_flat_map(|inbound| {
            let when = proptest::option::of(condition(inbound));
            let then = proptest::collection::vec(action(inbound), 0..4);
            (Just(inbound), words(), any::<[Option<bool>; 2]>(), when, then)
        })
        .prop_map(|(inbound, title, [active, stop], when, then)| {
            let mut rule = vec![("title", text(title))];
            rule.extend(inbound.then(|| ("direction", text("in"))));
            rule.extend(active.map(|flag| ("active", Value::Boolean(flag))));
            let stop = if then.is_empty() { Some(true) } else { stop };
            rule.extend(stop.map(|flag| ("stop", Value::Boolean(flag))));
            rule.extend(when.map(|when| ("if", when)));
            rule.extend((!then.is_empty()).then_some(("do", Value::Array(then))));
            table(rule)
        })
        .boxed()
}

fn read(path: &str, text: &str) -> Result<Ruleset, TestCaseError> {
    let source = Source { path: path.into(), text: text.to_owned() };
    Ruleset::read(&[source], &known()).map_err(|errors| TestCaseError::fail(format!("{errors:?}\n{text}")))
}

/// Judging ends with both, in the same way, and in both directions; what comes of it is bounded.
fn judged(first: &Ruleset, back: &Ruleset) -> Result<(), TestCaseError> {
    for direction in [Direction::Out, Direction::In] {
        for body in
            ["", "order 12 chairs", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 4111 1111 1111 1111 é😀\u{0}"]
        {
            let given = Facts {
                headers: vec![("Subject".into(), body.into()), ("X-Team".into(), "ops".into())],
                to: To::read("+12025550123@main&sender=Acme"),
                body: body.repeat(40),
                sender: Some("alice@example.test".into()),
                originator: Some("+12025550199".into()),
                ..Facts::empty(direction, Timestamp(1_764_000_000_000))
            };
            let (one, other) = (judge(first, given.clone()), judge(back, given));
            prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
            prop_assert!(one.facts.body.len() <= 64 << 10 && one.then.len() <= 100);
            prop_assert_eq!((&one.facts.body, &one.facts.headers), (&other.facts.body, &other.facts.headers));
        }
    }
    Ok(())
}

pub fn there_and_back() {
    let sets = proptest::collection::vec(rule(), 1..5);
    let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
    // The same sets in every run: what is found once is found again.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let outcome = TestRunner::new_with_rng(config, rng).run(&sets, |rules| {
        let written = Table::from_iter([("rule".to_owned(), Value::Array(rules))]).to_string();
        let first = read("case.toml", &written)?;
        let xml = first.to_xml(&[]);
        let back = read("case.xml", &xml)?;
        prop_assert_eq!(first.rules().len(), back.rules().len());
        for (one, other) in first.rules().iter().zip(back.rules()) {
            prop_assert_eq!(&one.node, &other.node, "{}", &xml);
            prop_assert_eq!((&one.title, one.direction), (&other.title, other.direction));
            prop_assert_eq!((one.active, one.stop), (other.active, other.stop));
            prop_assert_eq!(format!("{:?} {:?}", one.when, one.then), format!("{:?} {:?}", other.when, other.then));
        }
        prop_assert_eq!(back.to_xml(&[]), xml, "written again it is the same");
        judged(&first, &back)
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, rules)) => panic!("{why}\n{rules:#?}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}
