//! The configuration: `config/martlet.toml` against the code both ways, and bad configurations that must be refused
//! for exactly their reason.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use libtest_mimic::Trial;
use martlet::config::{self, Config, Source, World};

use crate::support::{root, trial};

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("config::every_key_is_documented_and_every_documented_key_exists", keys_both_ways),
        trial("config::the_documented_file_loads_as_it_is_and_with_every_key", documented_file_loads),
        trial("config::documented_defaults_are_the_defaults", documented_defaults),
        trial("config::the_quickstart_loads", quickstart_loads),
        trial("config::paths_begin_at_the_files_folder", paths_begin_at_the_folder),
        trial("config::secrets_are_not_printed", secrets_are_not_printed),
        trial("config::errors_in_kept_texts_point_into_them", errors_inside_kept_texts),
        trial("config::examples_of_the_docs_are_sound", examples_of_the_docs),
        trial("config::the_example_of_the_gateways_page_is_sound", example_of_the_gateways_page),
        trial("config::there_are_bad_configs", || assert!(bad_configs().len() >= 30)),
    ];
    trials.extend(bad_configs().into_iter().map(|dir| {
        let name = dir.file_name().expect("a name").to_string_lossy().into_owned();
        trial(&format!("config::bad::{name}"), move || refused_for_its_reason(&dir))
    }));
    trials
}

/// An environment that has every variable.
struct Everything;
impl World for Everything {
    fn env(&self, name: &str) -> Option<String> {
        // A PIN is digits, whatever else is secret.
        Some(if name == "STICK_SIM_PIN" { "2580".to_owned() } else { format!("hunter2-{name}") })
    }
    fn read(&self, _: &Path) -> Result<String, String> {
        Ok("hunter2".into())
    }
}

fn parse(text: String) -> Result<Config, String> {
    let source = Source { path: "martlet.toml".into(), text };
    config::parse(source, Vec::new(), Path::new("/etc/martlet"), &Everything).map_err(|errors| errors.to_string())
}

fn documented() -> String {
    fs::read_to_string(root().join("config/martlet.toml")).expect("config/martlet.toml")
}

/// Takes the `#` from lines that are keys or headers; with `examples` from all of them, else only from defaults.
fn uncommented(text: &str, examples: bool) -> String {
    let mut out = String::new();
    let (mut example, mut example_section, mut in_comment) = (false, false, false);
    for line in text.lines() {
        let key = line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '['));
        let words = key.is_none() && line.starts_with('#');
        if words {
            // A comment says of the keys below it whether they are examples.
            example = (in_comment && example) || line.contains("(example)");
        }
        in_comment = words;
        match key {
            Some(rest) => {
                // What stands below the header of an example is one too.
                example_section |= rest.starts_with('[') && example;
                out.push_str(if examples || !(example || example_section) { rest } else { line });
            }
            None => {
                example_section &= !line.starts_with('[');
                out.push_str(line);
            }
        }
        out.push('\n');
    }
    out
}

/// Paths of the keys in a table; below what the code reads as one value nothing counts.
fn paths(table: &toml::Table, path: &str, known: &BTreeSet<String>, out: &mut BTreeSet<String>) {
    for (key, value) in table {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let has_children = known.iter().any(|known| known.starts_with(&format!("{path}.")));
        match value {
            toml::Value::Table(inner) if has_children => paths(inner, &path, known, out),
            toml::Value::Array(items) if has_children => {
                for item in items.iter().filter_map(toml::Value::as_table) {
                    paths(item, &path, known, out);
                }
            }
            _ => {}
        }
        out.insert(path);
    }
}

fn keys_both_ways() {
    let known: BTreeSet<String> = config::keys().into_iter().collect();
    assert!(known.len() > 100 && known.contains("gateway.answer.id"), "the keys were not learned: {known:?}");
    let table: toml::Table = uncommented(&documented(), true).parse().expect("TOML with every key");
    let mut documented = BTreeSet::new();
    paths(&table, "", &known, &mut documented);
    let missing: Vec<_> = known.difference(&documented).collect();
    assert!(missing.is_empty(), "not in config/martlet.toml: {missing:?}");
    let unknown: Vec<_> = documented.difference(&known).collect();
    assert!(unknown.is_empty(), "in config/martlet.toml, but no such key: {unknown:?}");
}

fn documented_file_loads() {
    let bare = parse(documented()).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(bare.warnings.is_empty(), "{:?}", bare.warnings);
    let full = parse(uncommented(&documented(), true)).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(full.accounts[0].senders.as_ref().map(Vec::len), Some(1));
    assert_eq!(full.helpers.len(), 1);
}

fn documented_defaults() {
    let shown = |config: &Config| {
        // Keys that are written out move what stands below them.
        let lines = format!("{config:#?}");
        lines.lines().filter(|l| !l.contains("span:") && !l.contains("Source(")).collect::<Vec<_>>().join("\n")
    };
    let bare = parse(documented()).unwrap_or_else(|errors| panic!("{errors}"));
    let written = uncommented(&documented(), false);
    assert!(written.contains("\nretry_min = ") && written.contains("\n#senders = "), "defaults are told from examples");
    let written = parse(written).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(shown(&bare), shown(&written));
}

fn quickstart_loads() {
    let config = config::load(&root().join("config/quickstart.toml")).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(config.listeners.iter().all(|listener| listener.bind.is_local()), "only this machine");
    assert!(config.http.is_some_and(|http| http.bind.ip().is_loopback()), "only this machine");
    let demo = config.accounts.iter().find(|account| account.user.as_str() == "demo").expect("the program's account");
    assert!(demo.password.as_ref().is_some_and(|password| password.matches(b"demo")));
}

fn paths_begin_at_the_folder() {
    let config = parse(documented()).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.data_dir, Path::new("/etc/martlet/data"));
    assert_eq!(config.store.path, Path::new("/etc/martlet/data/martlet.db"));
    assert_eq!(config.listeners[0].bind.to_string(), "unix:/etc/martlet/lmtp.sock");
}

fn secrets_are_not_printed() {
    let config = parse(uncommented(&documented(), true)).unwrap_or_else(|errors| panic!("{errors}"));
    let printed = format!("{config:?} {config:#?}");
    for secret in ["hunter2", "provider.example.test/send", "user:password@", "2025550123"] {
        assert!(!printed.contains(secret), "Debug shows {secret}");
    }
}

fn errors_inside_kept_texts() {
    let text = documented();
    let line = text.lines().position(|line| line.starts_with("url = \"https")).expect("the URL") + 1;
    let config = parse(text).unwrap_or_else(|errors| panic!("{errors}"));
    let config::Kind::Http(http) = &config.gateways[0].kind else { panic!("an HTTP gateway") };
    let error = Config::error_at(&http.url, 8, "no such host");
    assert_eq!(error.to_string(), format!("martlet.toml:{line}:{}: no such host", "url = \"https://".len() + 1));
}

/// The first block is whole; the others are parts, put behind it in place of its own tables of that name.
fn examples_of_the_docs() {
    let docs = fs::read_to_string(root().join("docs/configuration.md")).expect("docs/configuration.md");
    let blocks: Vec<&str> = docs.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 4, "the examples were not found");
    let (whole, parts) = blocks.split_first().expect("blocks");
    for part in std::iter::once(&"").chain(parts) {
        let tables: Vec<&str> = whole
            .split("\n\n")
            .filter(|table| {
                let header = table.lines().next().unwrap_or_default().split(']').next().unwrap_or_default();
                !(header.starts_with('[') && part.contains(header))
            })
            .collect();
        let text = format!("{}\n\n{part}", tables.join("\n\n"));
        parse(text.clone()).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    }
}

/// Its gateways in place of those of the documented file.
fn example_of_the_gateways_page() {
    let docs = fs::read_to_string(root().join("docs/gateways.md")).expect("docs/gateways.md");
    let example = docs.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let own = documented();
    let (before, after) = own.split_once("\n[[gateway]]\n").expect("a gateway");
    let (_, after) = after.split_once("\n[[account]]\n").expect("an account");
    let text = format!("{before}\n{example}\n[[account]]\n{after}");
    let config = parse(text).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!((config.gateways.len(), config.groups.len(), config.routes.len()), (3, 1, 1));
}

fn bad_configs() -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = fs::read_dir(root().join("tests/bad-configs"))
        .expect("tests/bad-configs")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    dirs.sort();
    dirs
}

fn refused_for_its_reason(dir: &Path) {
    let expected = fs::read_to_string(dir.join("expected-error")).expect("expected-error");
    assert!(!expected.trim().is_empty(), "an expected error");
    let errors = config::load(&dir.join("martlet.toml")).expect_err("a bad configuration was taken");
    // Names in errors are those that were given; here they are shortened to the folder.
    let found = errors.to_string().replace(&format!("{}/", dir.display()), "");
    assert_eq!(found.trim(), expected.trim());
    for error in errors.iter() {
        let lines = fs::read(&error.file).expect("the file of the error");
        let count = lines.split(|octet| *octet == b'\n').count();
        assert!((1..=count).contains(&error.line) && error.column >= 1, "{error}: outside the file");
    }
}
