//! The words of reports: an administrator's own where he has written some, else those that come with Martlet.
//!
//! One file for each event in the folder that `queue.report_words` names. What can go wrong: a name that no event has, a
//! template that cannot be used; both are errors of the configuration, with the place of the key.

use std::{ffi::OsStr, path::Path};

use super::StartError;
use crate::{
    config::Config,
    mail::{Event, Words},
};

/// As the configuration says.
pub fn own(config: &Config) -> Result<Words, StartError> {
    let mut words = Words::default();
    let Some((dir, place)) = &config.queue.report_words else { return Ok(words) };
    let wrong = |cause: String| StartError::new(78, place.error(cause).to_string());
    let unreadable = |path: &Path, why: std::io::Error| wrong(format!("{}: cannot be read: {why}", path.display()));
    for entry in std::fs::read_dir(dir).map_err(|why| unreadable(dir, why))? {
        let path = entry.map_err(|why| unreadable(dir, why))?.path();
        let Some(name) = path.file_name().and_then(OsStr::to_str).and_then(|name| name.strip_suffix(".txt")) else {
            continue;
        };
        let Some(event) = Event::ALL.into_iter().find(|event| event.name() == name) else {
            let names = Event::ALL.map(|event| format!("{}.txt", event.name())).join(", ");
            return Err(wrong(format!("{}: reports have no such words; there are {names}", path.display())));
        };
        let source = std::fs::read_to_string(&path).map_err(|why| unreadable(&path, why))?;
        words.replace(event, source).map_err(|why| wrong(format!("{}: {}", path.display(), why.why)))?;
    }
    Ok(words)
}
