//! Errors of the configuration: where, what, and what to write instead.
//!
//! Each one names file, line and column (both from 1, columns in characters). All that can be found in one go are
//! reported together. No cause quotes a secret: values are quoted only where they cannot be one.

use std::{fmt, ops::Range, path::PathBuf, sync::Arc};

use crate::ground::outcome::one_line;
pub(super) use crate::ground::written::suggestion;

/// The longest cause, in octets.
const CAUSE: usize = 500;

/// One file as read.
pub struct Source {
    /// As it was named to us.
    pub path: PathBuf,
    pub text: String,
}

impl Source {
    /// Line and column of the octet at `offset`, which may lie behind the end.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let text = self.text.as_str();
        let mut at = offset.min(text.len());
        if at == text.len() && text.ends_with('\n') {
            at -= 1; // the end of the file is shown at the end of its last line
        }
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let line_start = text[..at].rfind('\n').map_or(0, |i| i + 1);
        let line = text[..line_start].matches('\n').count() + 1;
        (line, text[line_start..at].chars().count() + 1)
    }

    /// The octet of the file where octet `offset` of the string written at `span` stands. With escapes in the string
    /// the two do not correspond; then it is the beginning of the value.
    fn inside(&self, span: &Range<usize>, value: &str, offset: usize) -> usize {
        let Some(written) = self.text.get(span.clone()) else { return span.start };
        let (opening, body) = ["\"\"\"\n", "'''\n", "\"\"\"", "'''", "\"", "'"]
            .iter()
            .find_map(|quote| Some((quote.len(), written.strip_prefix(quote)?)))
            .unwrap_or((0, written));
        if body.starts_with(value) { span.start + opening + offset.min(value.len()) } else { span.start }
    }
}

impl fmt::Debug for Source {
    /// The text may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({}, [{}])", self.path.display(), self.text.len())
    }
}

/// Where a value stands in the configuration.
#[derive(Debug, Clone)]
pub struct Place {
    pub(super) source: Arc<Source>,
    pub(super) span: Range<usize>,
}

impl Place {
    /// An error about the whole value.
    pub fn error(&self, cause: impl AsRef<str>) -> Error {
        self.error_at_octet(self.span.start, cause.as_ref())
    }

    /// An error about octet `offset` of `value`, the string that is written here.
    pub fn error_inside(&self, value: &str, offset: usize, cause: impl AsRef<str>) -> Error {
        self.error_at_octet(self.source.inside(&self.span, value, offset), cause.as_ref())
    }

    fn error_at_octet(&self, octet: usize, cause: &str) -> Error {
        let (line, column) = self.source.line_column(octet);
        Error { file: self.source.path.clone(), line, column, cause: one_line(cause, CAUSE) }
    }

    /// `FILE:LINE`, for causes that point at another place.
    pub(super) fn line(&self) -> String {
        format!("{}:{}", self.source.path.display(), self.source.line_column(self.span.start).0)
    }
}

/// One thing that is wrong; `Display` is `FILE:LINE:COLUMN: cause`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Error {
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// One line.
    pub cause: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file.display(), self.line, self.column, self.cause)
    }
}

impl std::error::Error for Error {}

/// Everything that is wrong, in the order of the files; never empty. `Display`: one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors(Vec<Error>);

impl Errors {
    /// `None` where nothing is wrong.
    pub fn of(errors: Vec<Error>) -> Option<Self> {
        (!errors.is_empty()).then_some(Self(errors))
    }

    /// The errors, first to last.
    pub fn iter(&self) -> impl Iterator<Item = &Error> {
        self.0.iter()
    }
}

impl From<Error> for Errors {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(error, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source { path: "m.toml".into(), text: text.to_owned() }
    }

    #[test]
    fn lines_and_columns_stay_inside_the_file() {
        let s = source("é = 1\nb = 2\n");
        assert_eq!(s.line_column(0), (1, 1));
        assert_eq!(s.line_column(1), (1, 1), "inside a character");
        assert_eq!(s.line_column(5), (1, 5));
        assert_eq!(s.line_column(7), (2, 1));
        assert_eq!(s.line_column(999), (2, 6));
        assert_eq!(source("").line_column(3), (1, 1));
        assert_eq!(source("\n\n").line_column(3), (2, 1));
    }

    #[test]
    fn offsets_inside_strings() {
        let s = source("u = \"http://x/%no%\"\nv = \"\"\"\nab\"\"\"\nw = \"a\\tb\"");
        assert_eq!(s.inside(&(4..19), "http://x/%no%", 9), 14);
        assert_eq!(s.inside(&(24..33), "ab", 1), 29);
        assert_eq!(s.inside(&(38..44), "a\tb", 2), 38, "escapes: the beginning of the value");
    }
}
