//! A room uses only rooms declared above it in `src/lib.rs`.
//!
//! Reads the `pub mod` lines for the order, and every `crate::room` path of every source file.

use std::{fs, path::Path};

use libtest_mimic::Trial;

use crate::support::{root, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("layers::a_room_uses_only_rooms_above_it", a_room_uses_only_rooms_above_it),
        trial("layers::the_check_sees_a_breach", the_check_sees_a_breach),
        trial("layers::words_are_pure", words_are_pure),
        trial("layers::integration_tests_are_trials", integration_tests_are_trials),
        trial("layers::every_file_says_what_it_is_for", every_file_says_what_it_is_for),
    ]
}

fn rooms() -> Vec<String> {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs");
    lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).map(str::to_owned).collect()
}

fn sources(dir: &Path, out: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(dir).expect("a folder of sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// The rooms named in `crate::…` paths of `text`, with their line; grouped imports (`use crate::{a, b::C}`) too.
fn uses(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let line_start = text[..at].rfind('\n').map_or(0, |i| i + 1);
        if text[line_start..at].trim_start().starts_with("//") {
            continue;
        }
        let line = text[..at].matches('\n').count() + 1;
        let rest = &text[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            let mut expecting = true;
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => expecting = true,
                    c if depth == 0 && expecting && (c.is_alphanumeric() || c == '_') => word.push(c),
                    _ if !word.is_empty() => {
                        found.push((line, std::mem::take(&mut word)));
                        expecting = false;
                    }
                    _ => {}
                }
                if c == ',' && depth == 0 && !word.is_empty() {
                    found.push((line, std::mem::take(&mut word)));
                }
            }
            if !word.is_empty() {
                found.push((line, word));
            }
        } else {
            let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.push((line, word));
        }
    }
    found
}

fn breaches(room: &str, rooms: &[String], text: &str) -> Vec<String> {
    let place = |name: &str| rooms.iter().position(|r| r == name);
    let own = place(room);
    uses(text)
        .into_iter()
        .filter(|(_, used)| place(used).is_some_and(|used| own.is_some_and(|own| used > own)))
        .map(|(line, used)| format!("line {line}: `{room}` stands above `{used}` and must not use it"))
        .collect()
}

fn room_of(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).expect("below src");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn a_room_uses_only_rooms_above_it() {
    let rooms = rooms();
    assert!(rooms.len() > 10, "the rooms of src/lib.rs were not read: {rooms:?}");
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mut wrong = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).expect("a source file");
        for breach in breaches(&room_of(&path), &rooms, &text) {
            wrong.push(format!("{}: {breach}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn the_check_sees_a_breach() {
    let rooms: Vec<String> = ["ground", "words", "doors"].map(str::to_owned).to_vec();
    assert_eq!(breaches("words", &rooms, "use crate::doors::X;").len(), 1);
    assert_eq!(breaches("words", &rooms, "use crate::{\n    ground::Y,\n    doors,\n};").len(), 1);
    assert_eq!(breaches("words", &rooms, "use crate::{doors::{A, B}, ground};").len(), 1);
    assert_eq!(breaches("words", &rooms, "fn f() -> crate::doors::X {}").len(), 1);
    assert!(breaches("words", &rooms, "// crate::doors\nuse crate::ground::Z;").is_empty());
    assert!(breaches("doors", &rooms, "use crate::{ground, words::{A}};").is_empty());
}

/// Words never log, wait or read a clock.
fn words_are_pure() {
    let forbidden = ["tokio::", "tracing::", "std::net::Tcp", "SystemTime::now", "Instant::now", "std::fs::", "Clock"];
    let mut files = Vec::new();
    for room in ["address", "sms", "smtp", "mail", "routing", "rules", "provider"] {
        sources(&root().join("src").join(room), &mut files);
    }
    for path in files {
        let text = fs::read_to_string(&path).expect("a source file");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in forbidden {
            let used = code.lines().any(|l| !l.trim_start().starts_with("//") && l.contains(word));
            assert!(!used, "{} uses {word}: words are pure", path.display());
        }
    }
}

/// `#[test]` would be silently ignored in a binary with its own runner.
fn integration_tests_are_trials() {
    let mut files = Vec::new();
    sources(&root().join("tests"), &mut files);
    for path in files {
        let text = fs::read_to_string(&path).expect("a test file");
        let stray = text.lines().any(|l| matches!(l.trim(), "#[test]" | "#[tokio::test]"));
        assert!(!stray, "{}: make it a trial", path.display());
    }
}

/// What one would read first in a file, in the product, its tests, benches and fuzz targets alike.
fn every_file_says_what_it_is_for() {
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "fuzz/checks", "fuzz/fuzz_targets"] {
        let before = files.len();
        sources(&root().join(folder), &mut files);
        assert!(files.len() > before, "no sources in {folder}");
    }
    let silent = |path: &Path| {
        let text = fs::read_to_string(path).expect("a source file");
        let words = text.lines().next().and_then(|first| first.strip_prefix("//! "));
        words.is_none_or(|words| words.split(' ').count() < 3)
    };
    let wrong: Vec<_> = files.iter().filter(|path| silent(path)).map(|path| path.display().to_string()).collect();
    assert!(wrong.is_empty(), "these do not begin with `//!` and what they are for:\n{}", wrong.join("\n"));
}
