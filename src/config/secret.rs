//! Secrets: written out, or named (`{ env = "NAME" }`, `{ file = "path" }`) and fetched while the file is read.
//!
//! No error quotes a secret. A file's last line end is not part of it.

use std::path::{Path, PathBuf};

use toml::Value;

use super::{
    error::Place,
    schema::article,
    value::{Read, Wrong},
};
use crate::ground::Secret;

/// The largest secret file, in octets.
pub const LARGEST: u64 = 64 * 1024;

/// Where a secret comes from.
pub enum Origin {
    Written(String),
    Env(String),
    File(PathBuf),
}

impl Read for Origin {
    fn read(value: &Value) -> Result<Self, Wrong> {
        const SHAPES: &str = "\"…\", { env = \"NAME\" } or { file = \"path\" }";
        match value {
            Value::String(written) => Ok(Self::Written(written.clone())),
            Value::Table(table) => match (table.len(), table.get("env"), table.get("file")) {
                (1, Some(Value::String(name)), None) if !name.is_empty() && !name.contains(['=', '\0']) => {
                    Ok(Self::Env(name.clone()))
                }
                (1, None, Some(Value::String(path))) if !path.is_empty() => Ok(Self::File(path.into())),
                _ => Err(format!("expected {SHAPES}").into()),
            },
            other => Err(format!("expected {SHAPES}, found {}", article(other.type_str())).into()),
        }
    }
}

/// What the configuration may ask of its surroundings.
pub trait World {
    /// An environment variable.
    fn env(&self, name: &str) -> Option<String>;
    /// The text of a file of at most `LARGEST` octets.
    fn read(&self, path: &Path) -> Result<String, String>;
}

/// The machine.
pub struct Machine;

impl World for Machine {
    #[expect(clippy::disallowed_methods, reason = "this is the place where secrets are taken from the environment")]
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn read(&self, path: &Path) -> Result<String, String> {
        let length = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
        if length > LARGEST {
            return Err(format!("it is larger than {LARGEST} octets"));
        }
        std::fs::read_to_string(path).map_err(|e| e.to_string())
    }
}

impl Origin {
    /// The secret itself; `folder` is where relative paths begin.
    pub fn fetch(self, world: &dyn World, folder: &Path) -> Result<Secret<String>, String> {
        match self {
            Self::Written(text) => Ok(Secret::new(text)),
            Self::Env(name) => world
                .env(&name)
                .map(Secret::new)
                .ok_or_else(|| format!("the environment has no variable `{name}`, or it is not UTF-8")),
            Self::File(path) => {
                let path = folder.join(path);
                let text = world.read(&path).map_err(|why| format!("cannot read {}: {why}", path.display()))?;
                let end = text.strip_suffix('\n').map_or(text.len(), |t| t.strip_suffix('\r').unwrap_or(t).len());
                Ok(Secret::new(text.get(..end).unwrap_or_default().to_owned()))
            }
        }
    }
}

/// A text that whoever uses it parses (URL templates, bodies): kept with its place, never printed, since it may hold
/// passwords.
#[derive(Debug, Clone)]
pub struct Written {
    pub text: Secret<String>,
    pub place: Place,
}

/// The same text is the same, wherever it stands.
impl PartialEq for Written {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Written {
    /// An error about octet `offset` of the text.
    pub fn error(&self, offset: usize, cause: impl AsRef<str>) -> super::Error {
        self.place.error_inside(self.text.expose(), offset, cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake;
    impl World for Fake {
        fn env(&self, name: &str) -> Option<String> {
            (name == "PIN").then(|| "1234".to_owned())
        }
        fn read(&self, path: &Path) -> Result<String, String> {
            if path == Path::new("/etc/m/pin") { Ok("5678\r\n".into()) } else { Err("no such file".into()) }
        }
    }

    fn fetch(written: &str) -> Result<String, String> {
        let table: toml::Table = format!("v = {written}").parse().expect("toml");
        let origin = Origin::read(&table["v"]).map_err(|w| w.cause)?;
        origin.fetch(&Fake, Path::new("/etc/m")).map(|s| s.expose().clone())
    }

    #[test]
    fn three_ways_to_a_secret() {
        assert_eq!(fetch("'plain'"), Ok("plain".into()));
        assert_eq!(fetch("{ env = 'PIN' }"), Ok("1234".into()));
        assert_eq!(fetch("{ file = 'pin' }"), Ok("5678".into()));
        assert!(fetch("{ env = 'NONE' }").expect_err("not set").contains("NONE"));
        assert!(fetch("{ file = 'none' }").expect_err("no such file").contains("/etc/m/none"));
        for bad in ["1", "{}", "{ env = 'A', file = 'b' }", "{ env = 1 }", "{ envv = 'A' }", "{ env = '' }"] {
            assert!(fetch(bad).expect_err(bad).starts_with("expected"), "{bad}");
        }
    }
}
