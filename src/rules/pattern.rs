//! Patterns: linear-time regular expressions, and look-around through an engine whose steps are bounded.
//!
//! `^(?!.*@)(.*)$` is a pattern that administrators know and `regex` has not; it goes to `fancy_regex` with a limit. A
//! limit that is hit counts as no match. In replacements `$1` ends at the first character that is no digit.

use std::fmt;

/// Steps of a pattern with look-around: enough for any mail header, and milliseconds at most.
const STEPS: usize = 20_000;
/// What a compiled pattern may take, octets.
const SIZE: usize = 1 << 20;
/// A text longer than this is looked at up to here: patterns with look-around are not linear.
const FANCY_LONGEST: usize = 4 << 10;

/// One pattern as written, compiled.
#[derive(Clone)]
pub struct Pattern {
    written: String,
    engine: Engine,
}

#[derive(Clone)]
enum Engine {
    Linear(regex::Regex),
    Bounded(Box<fancy_regex::Regex>),
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.written)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Pattern {
    /// Compiles; an error is one line. `case`: letters must be as written.
    pub fn new(written: &str, case: bool) -> Result<Self, String> {
        let linear = regex::RegexBuilder::new(written).case_insensitive(!case).size_limit(SIZE).build();
        let engine = match linear {
            Ok(linear) => Engine::Linear(linear),
            Err(regex::Error::CompiledTooBig(_)) => return Err("this pattern is too large".to_owned()),
            Err(why) => {
                let flags = if case { String::new() } else { "(?i)".to_owned() };
                let bounded = fancy_regex::RegexBuilder::new(&format!("{flags}{written}"))
                    .backtrack_limit(STEPS)
                    .delegate_size_limit(SIZE)
                    .build();
                // What neither can read is told in the words of the first.
                Engine::Bounded(Box::new(bounded.map_err(|_| line(&why.to_string()))?))
            }
        };
        Ok(Self { written: written.to_owned(), engine })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Can it stand in a set of linear patterns?
    pub fn is_linear(&self) -> bool {
        matches!(self.engine, Engine::Linear(_))
    }

    pub fn matches(&self, text: &str) -> bool {
        match &self.engine {
            Engine::Linear(pattern) => pattern.is_match(text),
            Engine::Bounded(pattern) => pattern.is_match(cut(text)).unwrap_or(false),
        }
    }

    /// Every match replaced; `None` where nothing matches.
    pub fn replace(&self, text: &str, by: &str) -> Option<String> {
        let mut out = String::new();
        let mut last = 0;
        let mut any = false;
        let mut found = |whole: std::ops::Range<usize>, group: &dyn Fn(usize) -> Option<String>| {
            any = true;
            out.push_str(&text[last..whole.start]);
            expand(by, group, &mut out);
            last = whole.end;
        };
        match &self.engine {
            Engine::Linear(pattern) => {
                for captures in pattern.captures_iter(text) {
                    let whole = captures.get_match().range();
                    found(whole, &|n| captures.get(n).map(|m| m.as_str().to_owned()));
                }
            }
            Engine::Bounded(pattern) => {
                // A limit that is hit ends the replacing where it is.
                for captures in pattern.captures_iter(cut(text)).map_while(Result::ok) {
                    let Some(whole) = captures.get(0).map(|m| m.range()) else { break };
                    found(whole, &|n| captures.get(n).map(|m| m.as_str().to_owned()));
                }
            }
        }
        out.push_str(&text[last..]);
        any.then_some(out)
    }
}

fn line(words: &str) -> String {
    let last = words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("not a pattern");
    last.trim().trim_start_matches("error: ").to_owned()
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(FANCY_LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// `$N` is a group, `$$` a dollar; a group that is not there is empty.
fn expand(by: &str, group: &dyn Fn(usize) -> Option<String>, out: &mut String) {
    let mut rest = by;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            if let Ok(n) = rest[..digits].parse::<usize>() {
                out.push_str(&group(n).unwrap_or_default());
            }
            rest = &rest[digits..];
        } else {
            out.push('$');
            rest = rest.strip_prefix('$').unwrap_or(rest);
        }
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(pattern: &str, by: &str, text: &str) -> Option<String> {
        Pattern::new(pattern, false).expect("a pattern").replace(text, by)
    }

    #[test]
    fn look_around_works_as_administrators_know_it() {
        let to = |text| replaced(r"^(?!.*@)(.*)$", "$1@usgw", text);
        assert_eq!(to("+12025550123").as_deref(), Some("+12025550123@usgw"));
        assert_eq!(to("+12025550123@main"), None);
        assert_eq!(replaced(r"^\+1(\d{3})", "$1x$$", "+1202").as_deref(), Some("202x$"));
        assert_eq!(
            replaced("(a)(b)?", "$1$2$3-", "ab a").as_deref(),
            Some("ab- a-"),
            "a group ends at the first non-digit"
        );
    }

    #[test]
    fn a_pathological_pattern_ends() {
        let evil = Pattern::new(r"^(?=(a+)+$)b", false).expect("a pattern");
        assert!(!evil.is_linear() && !evil.matches(&"a".repeat(100_000)));
        assert!(!Pattern::new("(a+)+$", false).expect("linear").matches(&format!("{}b", "a".repeat(100_000))));
    }

    #[test]
    fn errors_are_one_line() {
        let error = Pattern::new("a(", false).expect_err("no pattern");
        assert!(!error.contains('\n') && error.contains("group"), "{error}");
        assert!(Pattern::new(r"(\w{1000}){1000}", false).is_err());
    }
}
