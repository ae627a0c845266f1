//! Providers by definition: every shipped file with its cases, and the list of what is unverified.

use std::{fs, path::PathBuf};

use libtest_mimic::Trial;
use martlet::provider::{Definition, cases, shipped};

use crate::support::{root, trial};

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("providers::each_file_is_shipped_with_its_cases", each_file_is_shipped_with_its_cases),
        trial("providers::what_is_unverified_stands_in_the_docs", what_is_unverified_stands_in_the_docs),
        trial("providers::the_runner_notices", the_runner_notices),
    ];
    for name in names() {
        trials.push(trial(&format!("providers::{name}"), move || cases_of(&name)));
    }
    trials
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
