//! What goes wrong, and when: one rule a line, `WHAT WHICH ACT`.
//!
//! WHAT is the beginning of a command (`AT+CMGS`), or `submit` for what stands behind a prompt. WHICH is `every`, a number
//! (the second is 2), or `N+` (from that one on). ACT is `error`, `cms N`, `cme N`, `silence` (no answer to this), `mute`
//! (no answer any more), `unplug`, `taken-unplug` and `taken-silence` (behind a `submit` that the network has taken),
//! `say LINE` (before the answer) or `answer LINE` (instead of it).

use super::super::answer::AtError;

/// A rule of the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub what: String,
    pub which: Which,
    pub act: Act,
    met: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Every,
    Only(u32),
    From(u32),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Error(AtError),
    Silence,
    Mute,
    Unplug,
    TakenUnplug,
    TakenSilence,
    Say(String),
    Answer(String),
}

/// Which line of a script is no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// From 1.
    pub line: usize,
    pub why: &'static str,
}

impl std::fmt::Display for ScriptError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for ScriptError {}

impl Rule {
    pub fn new(what: &str, which: Which, act: Act) -> Self {
        Self { what: what.to_ascii_uppercase(), which, act, met: 0 }
    }

    /// The act, if this is what the rule is about.
    pub(super) fn meets(&mut self, what: &str) -> Option<Act> {
        if !what.to_ascii_uppercase().starts_with(&self.what) {
            return None;
        }
        self.met += 1;
        let due = match self.which {
            Which::Every => true,
            Which::Only(n) => self.met == n,
            Which::From(n) => self.met >= n,
        };
        due.then(|| self.act.clone())
    }
}

/// A script; empty lines and those that begin with `#` say nothing.
pub fn read(text: &str) -> Result<Vec<Rule>, ScriptError> {
    let lines = text.lines().zip(1..).map(|(line, n)| (line.trim(), n));
    let rules = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    rules.map(|(line, n)| rule(line).map_err(|why| ScriptError { line: n, why })).collect()
}

fn rule(line: &str) -> Result<Rule, &'static str> {
    let mut words = line.splitn(3, char::is_whitespace);
    let (Some(what), Some(which), Some(act)) = (words.next(), words.next(), words.next()) else {
        return Err("WHAT, WHICH and ACT are wanted, as in `AT+CMGS 2 cms 331`");
    };
    let number = |text: &str| text.parse::<u32>().map_err(|_| "WHICH is `every`, a number, or a number and `+`");
    let which = match which.strip_suffix('+') {
        Some(from) => Which::From(number(from)?),
        None if which == "every" => Which::Every,
        None => Which::Only(number(which)?),
    };
    let (verb, rest) = act.trim().split_once(' ').unwrap_or((act.trim(), ""));
    let code = || rest.trim().parse().map_err(|_| "the number of an error is wanted");
    let act = match verb {
        "error" => Act::Error(AtError::Plain),
        "cms" => Act::Error(AtError::Cms(code()?)),
        "cme" => Act::Error(AtError::Cme(code()?)),
        "silence" => Act::Silence,
        "mute" => Act::Mute,
        "unplug" => Act::Unplug,
        "taken-unplug" => Act::TakenUnplug,
        "taken-silence" => Act::TakenSilence,
        "say" => Act::Say(rest.trim().to_owned()),
        "answer" => Act::Answer(rest.trim().to_owned()),
        _ => {
            return Err(
                "ACT is error, cms N, cme N, silence, mute, unplug, taken-unplug, taken-silence, say LINE or answer LINE",
            );
        }
    };
    Ok(Rule::new(what, which, act))
}
