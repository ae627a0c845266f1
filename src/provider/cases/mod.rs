//! Cases of a definition: a message and its request, an answer and its outcome, a call and its events.
//!
//! `NAME.tests.toml` holds them; [`run`] tells what differs. Beside them the runner looks by itself for what nobody writes down:
//! parts of the definition that no case touches, secrets that show, calls that are believed when they are garbled, words that
//! nobody knows and that change something ([`own`]). `docs/providers.md` has the format.

mod calls;
mod garble;
mod own;
mod read;
mod render;
mod requests;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    definition::{Definition, Filled},
    read::Wrong,
    settings::Settings,
};
use crate::ground::Timestamp;

/// What a file of cases came to.
#[derive(Debug, Clone, Default)]
pub struct Told {
    pub cases: Vec<CaseTold>,
    /// What the runner found by itself.
    pub own: Vec<String>,
}

/// What one case came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseTold {
    pub kind: &'static str,
    pub title: String,
    /// Where it stands.
    pub line: usize,
    /// What differs; empty: nothing.
    pub differs: Vec<String>,
}

impl Told {
    /// Nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.own.is_empty() && self.cases.iter().all(|case| case.differs.is_empty())
    }
}

/// Parts of a definition that cases touch.
#[derive(Debug, Default)]
pub(super) struct Touched {
    pub rules: BTreeSet<usize>,
    pub variants: BTreeSet<usize>,
    /// Hook (or poll) and event.
    pub events: BTreeSet<(String, usize)>,
}

/// What all cases of a file share.
pub(super) struct Suite<'a> {
    pub definition: &'a Definition,
    pub now: Timestamp,
    pub base: String,
    pub settings: BTreeMap<String, Filled>,
}

/// The gateway in addresses of hooks.
pub(super) const GATEWAY: &str = "test";
/// The id of a message that has none of its own.
pub(super) const ID: &str = "0198c0de000070008000000000000001";

impl Suite<'_> {
    /// The settings of one case.
    pub fn settings_with(&self, more: &BTreeMap<String, Filled>) -> Result<Settings, String> {
        let mut all = self.settings.clone();
        for (name, value) in more {
            match value {
                Filled::Text(text) if text.is_empty() => drop(all.remove(name)),
                other => drop(all.insert(name.clone(), other.clone())),
            }
        }
        let told =
            |unfit: Vec<super::settings::Unfit>| unfit.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        self.definition.settings(all).map_err(told)
    }

    /// The addresses of all hooks, for a message of ours.
    pub fn hooks(&self, settings: &Settings, own: Option<&str>) -> BTreeMap<String, String> {
        let address = |hook| self.definition.hook_address(settings, hook, &self.base, GATEWAY, own);
        self.definition.hooks.iter().map(|hook| (hook.name.clone(), address(hook))).collect()
    }
}

/// Runs a file of cases against a definition.
///
/// # Errors
/// What cannot be read, with its place.
pub fn run(definition: &Definition, text: &str, file: &str) -> Result<Told, Vec<Wrong>> {
    let (suite, cases) = read::cases(definition, text, file)?;
    let mut touched = Touched::default();
    let mut told = Told::default();
    for case in &cases {
        let differs = match suite.settings_with(&case.settings) {
            Ok(settings) => case.what.run(&suite, &settings, &mut touched),
            Err(why) => vec![format!("the settings do not fit: {why}")],
        };
        told.cases.push(CaseTold { kind: case.what.kind(), title: case.title.clone(), line: case.line, differs });
    }
    told.own = own::look(&suite, &cases, &touched);
    Ok(told)
}

/// One case.
pub(super) struct Case {
    pub title: String,
    pub line: usize,
    pub settings: BTreeMap<String, Filled>,
    pub what: What,
}

/// What a case is about.
pub(super) enum What {
    Request(requests::RequestCase),
    Answer(calls::AnswerCase),
    Hook(calls::HookCase),
    Poll(calls::PollCase),
    Token(calls::TokenCase),
    Setup(requests::SetupCase),
}

impl What {
    fn kind(&self) -> &'static str {
        match self {
            Self::Request(_) => "request",
            Self::Answer(_) => "answer",
            Self::Hook(_) => "hook",
            Self::Poll(_) => "poll",
            Self::Token(_) => "token",
            Self::Setup(_) => "setup",
        }
    }

    fn run(&self, suite: &Suite<'_>, settings: &Settings, touched: &mut Touched) -> Vec<String> {
        match self {
            Self::Request(case) => case.run(suite, settings, touched),
            Self::Answer(case) => case.run(suite, settings, touched),
            Self::Hook(case) => case.run(suite, settings, touched),
            Self::Poll(case) => case.run(suite, settings, touched),
            Self::Token(case) => case.run(suite),
            Self::Setup(case) => case.run(suite, settings),
        }
    }
}
