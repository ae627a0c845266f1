//! What the sections share while they are checked: places, errors gathered on the way, secrets, paths.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    error::{Error, Place, Source},
    secret::{Origin, World, Written},
    value::Setting,
};
use crate::{
    address::{Destination, Numbering},
    ground::Secret,
};

/// The state of checking one file.
pub struct Check<'w> {
    pub world: &'w dyn World,
    /// The folder of the configuration: where relative paths begin.
    pub folder: PathBuf,
    pub source: Arc<Source>,
    pub errors: Vec<Error>,
    pub warnings: Vec<Error>,
}

impl Check<'_> {
    pub fn place(&self, span: &Range<usize>) -> Place {
        Place { source: Arc::clone(&self.source), span: span.clone() }
    }

    pub fn wrong(&mut self, place: &Place, cause: impl AsRef<str>) {
        self.errors.push(place.error(cause));
    }

    pub fn warn(&mut self, place: &Place, cause: impl AsRef<str>) {
        self.warnings.push(place.error(cause));
    }

    /// The value with its place; `None` where the key is absent or its value was bad (then that is noted).
    pub fn placed<T>(&mut self, setting: Option<Setting<T>>) -> Option<(T, Place)> {
        let setting = setting?;
        let place = self.place(&setting.span);
        match setting.value {
            Ok(value) => Some((value, place)),
            Err(wrong) => {
                self.errors.push(match wrong.at {
                    Some((text, offset)) => place.error_inside(&text, offset, wrong.cause),
                    None => place.error(wrong.cause),
                });
                None
            }
        }
    }

    /// The value, or `None`.
    pub fn take<T>(&mut self, setting: Option<Setting<T>>) -> Option<T> {
        self.placed(setting).map(|(value, _)| value)
    }

    /// Every good value of a list with its place.
    pub fn placed_list<T>(&mut self, list: Option<Vec<Setting<T>>>) -> Vec<(T, Place)> {
        list.unwrap_or_default().into_iter().filter_map(|setting| self.placed(Some(setting))).collect()
    }

    /// Every good value of a list.
    pub fn list<T>(&mut self, list: Option<Vec<Setting<T>>>) -> Vec<T> {
        self.placed_list(list).into_iter().map(|(value, _)| value).collect()
    }

    /// A duration that must be more than nothing.
    pub fn time(&mut self, setting: Option<Setting<Duration>>, default: Duration) -> Duration {
        match self.placed(setting) {
            Some((value, place)) if value.is_zero() => {
                self.wrong(&place, "must be more than 0");
                default
            }
            Some((value, _)) => value,
            None => default,
        }
    }

    /// A secret with its place.
    pub fn secret(&mut self, setting: Option<Setting<Origin>>) -> Option<(Secret<String>, Place)> {
        let (origin, place) = self.placed(setting)?;
        match origin.fetch(self.world, &self.folder) {
            Ok(secret) => Some((secret, place)),
            Err(why) => {
                self.wrong(&place, why);
                None
            }
        }
    }

    /// A password or the like: a secret that is not empty.
    pub fn password(&mut self, setting: Option<Setting<Origin>>) -> Option<Secret<String>> {
        let (secret, place) = self.secret(setting)?;
        if secret.expose().is_empty() {
            self.wrong(&place, "the secret is empty: leave the key out instead");
            return None;
        }
        Some(secret)
    }

    /// A text that somebody else parses.
    pub fn written(&mut self, setting: Option<Setting<Origin>>) -> Option<Written> {
        self.secret(setting).map(|(text, place)| Written { text, place })
    }

    /// A phone number or short code, as it is dialled from `sms.region`.
    pub fn number(
        &mut self,
        setting: Option<Setting<String>>,
        numbering: Option<Numbering>,
    ) -> Option<(Destination, Place)> {
        let (written, place) = self.placed(setting)?;
        match numbering?.read(&written) {
            Ok(reading) => Some((reading.destination, place)),
            Err(why) => {
                self.wrong(&place, format!("this number cannot be used: {why}"));
                None
            }
        }
    }

    /// A path, relative ones from the configuration's folder.
    pub fn path(&mut self, setting: Option<Setting<PathBuf>>) -> Option<PathBuf> {
        self.take(setting).map(|path| absolute(&self.folder, &path))
    }

    /// A PEM file with its place.
    pub fn pem(&mut self, setting: Option<Setting<PathBuf>>) -> Option<PemFile> {
        let (path, place) = self.placed(setting)?;
        Some(PemFile { path: absolute(&self.folder, &path), place })
    }

    /// Says that `key` is missing in the table at `place`.
    pub fn missing(&mut self, place: &Place, key: &str, why: &str) {
        self.wrong(place, format!("`{key}` is missing: {why}"));
    }
}

/// A PEM file as the configuration names it; whoever reads it says where what is wrong with it was written.
#[derive(Debug, Clone)]
pub struct PemFile {
    pub path: PathBuf,
    place: Place,
}

/// The same file is the same, wherever it is named.
impl PartialEq for PemFile {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl PemFile {
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// An error about this file.
    pub fn error(&self, cause: impl AsRef<str>) -> Error {
        self.place.error(cause)
    }
}

/// `path` as of `folder`, without `.` parts.
pub fn absolute(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path).components().collect()
}

/// Seconds.
pub const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Hours.
pub const fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3_600)
}

/// Days.
pub const fn days(n: u64) -> Duration {
    Duration::from_secs(n * 86_400)
}
