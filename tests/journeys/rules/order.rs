//! `martlet rules list`, `show` and `move`: the order of rules, and one moved in its file as it is written; rules of a phone's
//! text tried on the command line.

use std::fs;

use libtest_mimic::Trial;
use serde_json::json;

use super::{PHONE, World, with};
use crate::support::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("rules: listed, shown, and moved in their files as they are written", order),
        trial("rules: a phone's text tried on the command line, with the route behind them", phones_text),
        trial("rules: chosen ones are taken from an XML file", chosen),
    ]
}

const ORDER: &str = r#"# House rules.

# Before all others.
[[rule]]
title = "first"  # why
if = { body = { contains = "one" } }
do = [ { log = "one" } ]

# ---- Part two ----

[[rule]]
title = "of phones"
direction = "in"
stop = true

# Lists change.
[[rule]]
title = "second"
active = false
do = [
    { reject = "no" },   # in these words
]
"#;

const MORE: &str = "[[rule]]\ntitle = \"third\"\nstop = true\n";

fn words(world: &World, args: &[&str]) -> String {
    let output = world.martlet.command(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn order() {
    let world = with(&[("rules/10-house.toml", ORDER), ("rules/20-more.toml", MORE)], "");
    let dir = world.martlet.config.parent().expect("a folder").join("rules");
    let house = || fs::read_to_string(dir.join("10-house.toml")).expect("there");
    let titles = || {
        let all = world.martlet.json(&["rules", "list"]);
        let all = all.as_array().expect("a list").clone();
        all.iter().map(|rule| rule["title"].as_str().expect("a title").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(titles(), ["first", "of phones", "second", "third"]);
    let listed = words(&world, &["rules", "list"]);
    assert!(listed.starts_with("out (mail to text)\n   1  first   "), "{listed}");
    assert!(listed.contains("10-house.toml:17, not active\n"), "{listed}");
    assert!(listed.contains("in (text to mail)\n   1  of phones"), "{listed}");
    let shown = words(&world, &["rules", "show", "second"]);
    let (place, text) = shown.split_once('\n').expect("lines");
    assert!(place.starts_with("# ") && place.ends_with("10-house.toml:17"), "{shown}");
    assert_eq!(text, &ORDER[ORDER.find("# Lists change.").expect("there")..], "as it is written");

    // Up: past the rule for phones, which is of the other list. Comments go with their rule, headings stay.
    let said = words(&world, &["rules", "move", "second", "up"]);
    assert!(said.contains("\"second\" is number 1 of 3"), "{said}");
    assert_eq!(titles(), ["second", "first", "of phones", "third"]);
    let block = |from: &str, to: &str| {
        let from = ORDER.find(from).expect("there");
        ORDER[from..].find(to).map_or(&ORDER[from..], |end| &ORDER[from..from + end])
    };
    let (first, phones) = (block("# Before all", "\n\n# ----"), block("[[rule]]\ntitle = \"of phones\"", "\n\n"));
    let second = block("# Lists change.", "\n\n").trim_end();
    let wanted = format!("# House rules.\n\n{second}\n\n# ---- Part two ----\n\n{first}\n\n{phones}\n");
    assert_eq!(house(), wanted);
    // Down again, behind the next one of its own list, and it is the file that it was but for the third.
    words(&world, &["rules", "move", "second", "down"]);
    assert_eq!(titles(), ["first", "second", "of phones", "third"]);
    let all = world.martlet.json(&["rules", "list"]);
    let place = all[1]["place"].as_str().and_then(|place| place.rsplit('/').next()).expect("a place");
    words(&world, &["rules", "move", place, "up"]);
    assert_eq!(titles(), ["second", "first", "of phones", "third"], "by its place");
    words(&world, &["rules", "move", "first", "up"]);
    for (title, way, says) in [
        ("first", "up", "is the first of its direction already"),
        ("second", "down", "stands in"),
        ("of phones", "down", "is the last of its direction already"),
        ("secnd", "up", "did you mean `second`?"),
    ] {
        let refused = world.martlet.command(&["rules", "move", title, way]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(65) && said.contains(says), "{title} {way}: {said}");
    }
    // What is moved holds after a reload.
    assert_eq!(world.martlet.json(&["reload"]), json!({ "applied": ["rules"], "restart": [] }));

    // Two of one name are told apart by their places.
    fs::write(dir.join("20-more.toml"), format!("{MORE}{MORE}")).expect("written");
    let refused = world.martlet.command(&["rules", "show", "third"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(65) && said.contains("20-more.toml:1") && said.contains("by its place"),
        "{said}"
    );
    assert!(words(&world, &["rules", "show", "20-more.toml:4"]).contains("title = \"third\""));
    // Rules in XML move as well; a set that is wrong is not touched.
    fs::write(dir.join("30.xml"), xml(&["x", "y"])).expect("written");
    words(&world, &["rules", "move", "y", "up"]);
    assert_eq!(fs::read_to_string(dir.join("30.xml")).expect("there"), xml(&["y", "x"]));
    let before = house();
    fs::write(dir.join("40-bad.toml"), "[[rule]]\ntitle = \"x\"\nnonsense = 1\n").expect("written");
    assert_eq!(world.martlet.command(&["rules", "move", "second", "up"]).status.code(), Some(78));
    assert_eq!(house(), before);
    assert!(!dir.join("10-house.new").exists());
}

fn xml(titles: &[&str]) -> String {
    let rule =
        |title: &&str| format!("  <rule type=\"table\"><title>{title}</title><stop type=\"flag\">true</stop></rule>\n");
    format!("<rules version=\"1\">\n{}</rules>\n", titles.iter().map(rule).collect::<String>())
}

const HEARD: &str = r#"
direction = "in"
[[rule]]
title = "hours"
if = { body = { regex = '^hours\b' }, originator_region = "US" }
do = [ { reply_sms = { account = "alice@example.test", text = "8 to 17, %%originator%%" } }, { discard = true } ]
[[rule]]
title = "tidy"
if = { number = "+12025550100", gateway = "main" }
do = [ { edit = { field = "Body", pattern = '^please ', to = '' } } ]
"#;

const ROUTES: &str = "[[inbound_route]]\ntext = \"^order\"\nmailbox = \"shop@example.test\"\n";

fn phones_text() {
    let world = with(&[("rules/10.toml", HEARD)], ROUTES);
    let of = |words: &str, more: &[&str]| {
        let given = [&["rules", "test", "--text", words, "--from", "+1 (201) 555-0123"], more].concat();
        world.martlet.json(&given)[0].clone()
    };
    let said = of("hours?", &[]);
    assert_eq!((&said["phone"], &said["direction"]), (&json!(PHONE), &json!("in")), "{said}");
    assert_eq!(
        (&said["fate"], &said["rule"], &said["then"]),
        (&json!("discard"), &json!("hours"), &json!(["reply_sms"]))
    );
    assert_eq!(said["trace"][0]["conditions"][0]["value"], "hours?");
    // What one rule changes the next step sees, the route too.
    let said = of("please order 2", &["--number", "+12025550100"]);
    assert_eq!((&said["body"], &said["fate"]), (&json!("order 2"), &json!("pass")), "{said}");
    assert_eq!(said["route"], "text ^order → shop@example.test");
    assert_eq!(of("please order 2", &[])["route"], json!(null), "another number");
    let words = words(&world, &["rules", "test", "--text", "hours", "--from", PHONE]);
    for line in ["text from +12015550123", "rule \"hours\"", "yes body matches", "then: reply_sms", "discarded"] {
        assert!(words.contains(line), "{line} is missing: {words}");
    }
    for (args, code) in [
        (&["--text", "x"][..], 64),
        (&["--text", "x", "--from", PHONE, "--gateway", "nowhere"], 65),
        (&["--text", "x", "--from", PHONE, "--mail", "x.eml"], 64),
        (&[], 64),
    ] {
        let output = world.martlet.command(&[&["rules", "test"], args].concat());
        assert_eq!(output.status.code(), Some(code), "{args:?}");
    }
}

fn chosen() {
    let world = with(&[("rules/10.toml", "[[rule]]\ntitle = \"kept\"\nstop = true\n")], "");
    let folder = world.martlet.config.parent().expect("a folder");
    let file = folder.join("more.xml");
    fs::write(&file, xml(&["a", "b", "c"])).expect("written");
    let import = |titles: &[&str]| {
        let path = file.to_str().expect("a path");
        let titles: Vec<&str> = titles.iter().flat_map(|title| ["--title", title]).collect();
        world.martlet.command(&[&["rules", "import", "--force", path], titles.as_slice()].concat())
    };
    assert_eq!(import(&["d"]).status.code(), Some(65), "there is none");
    assert!(import(&["c", "a"]).status.success());
    let titles: Vec<_> = {
        let all = world.martlet.json(&["rules", "list"]);
        all.as_array().expect("a list").iter().map(|rule| rule["title"].as_str().expect("one").to_owned()).collect()
    };
    assert_eq!(titles, ["kept", "a", "c"]);
}
