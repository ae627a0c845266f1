//! Providers by definition: every shipped file with its cases, and the list of what is unverified.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use libtest_mimic::Trial;
use martlet::provider::{Definition, cases, proof, shipped, sign};

use crate::support::{root, trial};

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("providers::each_file_is_shipped_with_its_cases", each_file_is_shipped_with_its_cases),
        trial("providers::each_file_has_a_case_of_each_kind", each_file_has_a_case_of_each_kind),
        trial("providers::what_is_unverified_stands_in_the_docs", what_is_unverified_stands_in_the_docs),
        trial("providers::the_runner_notices", the_runner_notices),
        trial("providers::the_docs_teach_what_works", the_docs_teach_what_works),
        trial("providers::the_docs_name_every_scheme", the_docs_name_every_scheme),
        trial("providers::commands", commands),
    ];
    for name in names() {
        trials.push(trial(&format!("providers::{name}"), move || cases_of(&name)));
    }
    trials
}

fn martlet(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_martlet")).args(args).current_dir(root()).output().expect("the program runs")
}

fn folder() -> PathBuf {
    root().join("config/providers")
}

fn names() -> Vec<String> {
    let files = fs::read_dir(folder()).expect("config/providers").flatten();
    let mut names: Vec<String> = files
        .filter_map(|file| file.file_name().to_str().and_then(|name| name.strip_suffix(".toml")).map(str::to_owned))
        .filter(|name| !name.ends_with(".tests"))
        .collect();
    names.sort();
    names
}

fn definition(name: &str) -> Definition {
    let text = fs::read_to_string(folder().join(format!("{name}.toml"))).expect(name);
    match Definition::read(&text, &format!("config/providers/{name}.toml")) {
        Ok(definition) => definition,
        Err(wrong) => panic!("{}", wrong.iter().map(|wrong| format!("{wrong}\n")).collect::<String>()),
    }
}

fn told(definition: &Definition, text: &str, file: &str) -> Vec<String> {
    match cases::run(definition, text, file) {
        Ok(told) => {
            let cases = told.cases.iter().filter(|case| !case.differs.is_empty());
            let cases = cases.map(|case| {
                format!("{file}:{}: {} {:?}: {}", case.line, case.kind, case.title, case.differs.join("; "))
            });
            cases.chain(told.own.iter().map(|own| format!("{file}: {own}"))).collect()
        }
        Err(wrong) => wrong.iter().map(ToString::to_string).collect(),
    }
}

fn cases_of(name: &str) {
    let definition = definition(name);
    assert_eq!(definition.name, name, "the name is the file's");
    let file = format!("config/providers/{name}.tests.toml");
    let text = fs::read_to_string(root().join(&file)).expect("a file of cases");
    let wrong = told(&definition, &text, &file);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn each_file_is_shipped_with_its_cases() {
    assert_eq!(shipped::names(), names(), "what is in the binary is what is in the folder");
    for name in names() {
        assert!(folder().join(format!("{name}.tests.toml")).is_file(), "{name} has no cases");
    }
}

/// What a provider does not do, so that it has no case.
const NONE: [(&str, &[Kind], &str); 6] = [
    ("martlet", &[Kind::Delivered, Kind::Failed], "another Martlet reports by mail"),
    ("ovh", &[Kind::Inbound], "replies have to be fetched one by one with signed requests"),
    ("playsms", &[Kind::BadSignature], "it is asked and never calls"),
    ("smseagle", &[Kind::Delivered, Kind::Failed], "it tells nothing of deliveries"),
    ("teltonika", &[Kind::Delivered, Kind::Failed], "it tells nothing of deliveries"),
    ("teltonika-legacy", &[Kind::Delivered, Kind::Failed], "it tells nothing of deliveries"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Success,
    Permanent,
    Temporary,
    Throttled,
    Delivered,
    Failed,
    Inbound,
    BadSignature,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Success,
        Self::Permanent,
        Self::Temporary,
        Self::Throttled,
        Self::Delivered,
        Self::Failed,
        Self::Inbound,
        Self::BadSignature,
    ];

    /// Whether these cases have one of it.
    fn is_in(self, cases: &toml::Table) -> bool {
        let tables = |name: &str| {
            let list = cases.get(name).and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
            list.iter().filter_map(toml::Value::as_table)
        };
        let answer = |words: &[&str]| {
            tables("answer").any(|case| case.get("result").and_then(|r| r.as_str()).is_some_and(|r| words.contains(&r)))
        };
        let events = || {
            let lists = tables("hook").chain(tables("poll")).filter_map(|case| case.get("events")?.as_array());
            lists.flatten().filter_map(toml::Value::as_table)
        };
        let event = |name: &str, words: &[&str]| {
            events().any(|event| event.get(name).and_then(|word| word.as_str()).is_some_and(|w| words.contains(&w)))
        };
        match self {
            Self::Success => answer(&["accepted"]),
            Self::Permanent => answer(&["permanent", "recipient", "content", "sender", "rejected"]),
            Self::Temporary => answer(&["temporary"]),
            Self::Throttled => answer(&["throttled"]),
            Self::Delivered => event("state", &["delivered"]),
            Self::Failed => event("state", &["failed_permanent", "failed_temporary", "expired", "rejected"]),
            Self::Inbound => event("kind", &["inbound"]),
            Self::BadSignature => tables("hook").any(|case| {
                let unproven = case.get("sign").is_some_and(|sign| sign.as_bool() != Some(true));
                let status = case.get("reply").and_then(|reply| reply.get("status")?.as_integer());
                unproven && status.is_some_and(|status| status >= 400)
            }),
        }
    }
}

fn each_file_has_a_case_of_each_kind() {
    for name in names() {
        let text = fs::read_to_string(folder().join(format!("{name}.tests.toml"))).expect("a file of cases");
        let cases: toml::Table = text.parse().expect("TOML");
        let lacks = NONE.iter().find(|(lacking, ..)| *lacking == name).map(|(_, kinds, _)| *kinds).unwrap_or_default();
        for kind in Kind::ALL {
            assert_eq!(kind.is_in(&cases), !lacks.contains(&kind), "{name}: {kind:?}");
        }
    }
    assert!(NONE.iter().all(|(name, ..)| names().iter().any(|known| known == name)), "{NONE:?}");
}

/// A marked block of `docs/providers.md`.
fn block(name: &str) -> String {
    let docs = fs::read_to_string(root().join("docs/providers.md")).expect("docs/providers.md");
    let mark = format!("<!-- example: {name} -->\n```toml\n");
    let (_, rest) = docs.split_once(&mark).expect(name);
    rest.split_once("```").expect("the end of the block").0.to_owned()
}

fn the_docs_teach_what_works() {
    let definition = Definition::read(&block("acme.toml"), "acme.toml").unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let wrong = told(&definition, &block("acme.tests.toml"), "acme.tests.toml");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each verifier and signer has a row that names its arguments.
fn the_docs_name_every_scheme() {
    let docs = fs::read_to_string(root().join("docs/providers.md")).expect("docs/providers.md");
    let row = |part: &str, scheme: &str| {
        let (_, rest) = docs.split_once(part).expect(part);
        let rest = rest.split("\n#").next().unwrap_or_default();
        let row = rest.lines().find(|line| line.starts_with(&format!("| `{scheme}` |")));
        row.unwrap_or_else(|| panic!("{scheme} has no row")).to_owned()
    };
    for (part, schemes) in [("### Verifiers", proof::SCHEMES), ("### Signers", sign::SCHEMES)] {
        for (scheme, arguments) in schemes.iter().filter(|(scheme, _)| *scheme != "digest") {
            let row = row(part, scheme);
            for argument in *arguments {
                assert!(row.contains(&format!("`{argument}`")), "{scheme}: {argument} is not in its row");
            }
        }
    }
}

/// `martlet provider list`, `show`, `new` and `test`, from outside.
fn commands() {
    let text = |output: &std::process::Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let list = martlet(&["provider", "list", "--json"]);
    let all: Vec<serde_json::Value> = serde_json::from_slice(&list.stdout).expect("one JSON value");
    assert_eq!(all.iter().filter_map(|one| one["name"].as_str()).collect::<Vec<_>>(), names());
    assert!(all.iter().all(|one| one["sends"].is_boolean() && one["settings"].is_array()));
    let show = martlet(&["provider", "show", "twilio"]);
    let file = fs::read_to_string(folder().join("twilio.toml")).expect("twilio.toml");
    assert_eq!(text(&show), file);
    let none = martlet(&["provider", "show", "twillio"]);
    let why = String::from_utf8_lossy(&none.stderr).into_owned();
    assert_eq!((none.status.code(), why.contains("did you mean `twilio`")), (Some(65), true), "{why}");
    // What `new` writes is TOML, with each setting, and nothing that looks like a secret.
    for name in names() {
        let made = text(&martlet(&["provider", "new", &name, "--id", "g-1"]));
        let table: toml::Table = made.parse().unwrap_or_else(|why| panic!("{name}: {why}\n{made}"));
        let gateway = &table["gateway"][0];
        assert_eq!((gateway["id"].as_str(), gateway["provider"].as_str()), (Some("g-1"), Some(name.as_str())));
        for setting in &definition(&name).settings {
            assert!(made.contains(&setting.name), "{name}: {}", setting.name);
        }
        for hook in &definition(&name).hooks {
            let own = hook.path.clone().unwrap_or_else(|| format!("/gateway/g-1/hook/{}", hook.name));
            assert!(made.contains(&own), "{name}: {own}");
        }
    }
    let plain: toml::Table = text(&martlet(&["provider", "new", "--url"])).parse().expect("toml");
    assert!(plain["gateway"][0]["url"].as_str().is_some_and(|url| url.contains("%number%")));
    let dir = tempfile::tempdir().expect("a folder");
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(path("form.toml"), EXAMPLE).expect("a file");
    fs::write(path("form.tests.toml"), CASES).expect("a file");
    let good = martlet(&["provider", "test", &path("form.toml")]);
    assert!(good.status.success() && text(&good).contains("0 that differ"), "{}", text(&good));
    fs::write(path("form.tests.toml"), CASES.replace("after = \"17s\"", "after = \"18s\"")).expect("a file");
    let bad = martlet(&["provider", "test", &path("form.toml")]);
    assert_eq!(bad.status.code(), Some(65));
    assert!(text(&bad).contains("FAIL answer \"too fast\"") && text(&bad).contains("wanted \"18s\", got \"17s\""));
    fs::write(path("form.toml"), EXAMPLE.replace("format = 1", "format = 1\nformt = 2")).expect("a file");
    let wrong = martlet(&["provider", "test", &path("form.toml")]);
    let why = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert_eq!((wrong.status.code(), why.contains(":3:1: unknown key `formt`")), (Some(78), true), "{why}");
}

/// `docs/providers.md` lists each sentence of each file, in order.
fn what_is_unverified_stands_in_the_docs() {
    let docs = fs::read_to_string(root().join("docs/providers.md")).expect("docs/providers.md");
    let (_, told) = docs.split_once("## What is unverified").expect("the section");
    let mut wanted = String::new();
    for name in names() {
        let definition = definition(&name);
        if !definition.unverified.is_empty() {
            wanted.push_str(&format!("\n- **{}** (`{name}`)\n", definition.title));
            wanted.extend(definition.unverified.iter().map(|sentence| format!("  - {sentence}\n")));
        }
    }
    if std::env::var_os("MARTLET_UPDATE").is_some() {
        let (before, _) = docs.split_once("## What is unverified").expect("the section");
        let intro = "## What is unverified\n\nWhat no document of the provider was seen for, by file; a test keeps this list.\n";
        fs::write(root().join("docs/providers.md"), format!("{before}{intro}{wanted}")).expect("docs/providers.md");
        return;
    }
    assert!(told.ends_with(&wanted), "run with MARTLET_UPDATE=1 to write the list anew:\n{wanted}");
}

const EXAMPLE: &str = include_str!("providers/language/form.toml");
const CASES: &str = include_str!("providers/language/form.tests.toml");

/// The example's own cases hold; each change of them, or of the definition, is noticed.
fn the_runner_notices() {
    let read = |text: &str| Definition::read(text, "form.toml").expect("a definition");
    let good = told(&read(EXAMPLE), CASES, "form.tests.toml");
    assert!(good.is_empty(), "{}", good.join("\n"));
    for (from, to, why) in [
        ("Body = \"Hi\"", "Body = \"Ho\"", "form Body"),
        ("method = \"POST\"", "method = \"GET\"", "method"),
        ("result = \"account\"", "result = \"permanent\"", "result"),
        ("state = \"delivered\"", "state = \"sent\"", "state"),
        ("after = \"17s\"", "after = \"18s\"", "after"),
        ("text = \"Hej\"", "text = \"hej\"", "text"),
        ("reply = { status = 403 }", "reply = { status = 204 }", "reply"),
        ("fault = \"content\"", "fault = \"sender\"", "wanted sender"),
        ("title = \"stop\"", "titel = \"stop\"", "did you mean `title`"),
        ("hook = \"inbound\"", "hook = \"inbund\"", "did you mean `inbound`"),
        ("MessageStatus = \"undelivered\"", "MessageStatus = \"sent\"", "state"),
    ] {
        assert!(CASES.contains(from), "{from}");
        let wrong = told(&read(EXAMPLE), &CASES.replacen(from, to, 1), "form.tests.toml").join("\n");
        assert!(wrong.contains(why), "{to}: {wrong}");
    }
    // What no case touches.
    let more = EXAMPLE.replacen(
        "[codes.send]",
        "[[send.rule]]\nstatus = [\"418\"]\nresult = \"permanent\"\n\n[codes.send]",
        1,
    );
    let wrong = told(&read(&more), CASES, "form.tests.toml").join("\n");
    assert!(wrong.contains("no case touches the rule"), "{wrong}");
    // A table that takes every word for a failure.
    let greedy = EXAMPLE.replacen("receiving = \"ignore\"", "\"zz*\" = \"failed_permanent\"", 1);
    let wrong = told(&read(&greedy), CASES, "form.tests.toml").join("\n");
    assert!(wrong.contains("a word that nobody has"), "{wrong}");
}
