//! Patterns of definitions: the `regex` crate, linear in time, small.

use regex::{Regex, RegexBuilder};

/// The longest pattern, in octets.
const LONGEST: usize = 4096;

/// Reads one.
///
/// # Errors
/// Why it is none, in one line.
pub fn read(written: &str) -> Result<Regex, String> {
    if written.len() > LONGEST {
        return Err(format!("a pattern has at most {LONGEST} octets"));
    }
    RegexBuilder::new(written).size_limit(1 << 20).build().map_err(|error| {
        let words = error.to_string();
        let cause = words.lines().rev().find_map(|line| line.strip_prefix("error: "));
        let otherwise =
            if matches!(error, regex::Error::CompiledTooBig(_)) { "it is too large" } else { "it cannot be read" };
        format!("bad pattern: {}", cause.unwrap_or(otherwise))
    })
}

/// Reads one that is about the whole of a text.
///
/// # Errors
/// Why it is none, in one line.
pub fn read_whole(written: &str) -> Result<Regex, String> {
    // The pattern by itself first, so that an error is about what was written.
    read(written)?;
    read(&format!("^(?:{written})$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_small_and_linear() {
        assert!(read("^AC[0-9a-f]{32}$").is_ok());
        assert_eq!(read("a(").err().as_deref(), Some("bad pattern: unclosed group"));
        for bad in [r"\w{1000}{1000}", "(?=x)", &"a".repeat(5000)] {
            assert!(read(bad).is_err(), "{bad:.20}");
        }
        let either = read_whole("a|ab").expect("a pattern");
        assert!(either.is_match("ab") && !either.is_match("abc"));
    }
}
