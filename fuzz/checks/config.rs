//! Any text gives a configuration or errors, never a panic; every error stands inside the file, on one line, and
//! nothing that is read prints a secret.

use std::path::Path;

use martlet::config::{self, Source, World};

/// Surroundings with one known secret, and nothing else.
struct Nowhere;

/// No input contains it by chance.
const SECRET: &str = "k9Z-secret-of-the-environment-Q4x";

impl World for Nowhere {
    fn env(&self, name: &str) -> Option<String> {
        (name == "PIN").then(|| SECRET.to_owned())
    }

    fn read(&self, _: &Path) -> Result<String, String> {
        Err("nothing is read here".to_owned())
    }
}

pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.contains(SECRET) {
        // A fuzzer that has seen what it is compared with writes it down: then it is no secret.
        return;
    }
    let lines = text.split('\n').count();
    let source = |name: &str, text: &str| Source { path: name.into(), text: text.to_owned() };
    // The same text as a file of its own, and as one of `gateways.d`.
    for (main, more) in [(text, None), ("", Some(text))] {
        let more: Vec<Source> = more.iter().map(|text| source("gateways.d/a.toml", text)).collect();
        match config::parse(source("martlet.toml", main), more, Path::new("/etc/martlet"), &Nowhere) {
            Ok(config) => {
                assert!(!config.domains.is_empty(), "a configuration without domains");
                assert!(!format!("{config:?}").contains(SECRET), "Debug shows a secret");
                assert!(config.store.path.starts_with("/") && config.data_dir.starts_with("/"), "a relative path");
            }
            Err(errors) => {
                let mut count = 0;
                for error in errors.iter() {
                    count += 1;
                    let most = if error.file == Path::new("martlet.toml") { main.split('\n').count() } else { lines };
                    assert!((1..=most).contains(&error.line), "line {} of {most}", error.line);
                    let here = if error.file == Path::new("martlet.toml") { main } else { text };
                    let line = here.split('\n').nth(error.line - 1).unwrap_or_default();
                    assert!((1..=line.chars().count() + 1).contains(&error.column), "column {}", error.column);
                    assert!(!error.cause.is_empty() && !error.cause.contains(['\n', '\r']), "one line of words");
                    assert!(!error.cause.contains(SECRET), "an error shows a secret");
                }
                assert!(count > 0, "refused without a reason");
            }
        }
    }
}
