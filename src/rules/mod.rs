//! Rules: content filters for both directions. Files become a [`Ruleset`]; [`judge`] says what follows for a message.
//!
//! | step | file |
//! |---|---|
//! | TOML or XML → a tree with places | `tree`, `xml` |
//! | tree → rules, every error with file, line, column and rule | `read`, `build`, `conditions`, `actions` |
//! | a rule's place in its file | `blocks` |
//! | what is known of a message, and what rules change of it | `facts`, `to` |
//! | facts → what follows, with a trace | `judge`, `judgement`, `verdict` |
//! | what is done outside | `outside`, `deed`, `document` |
//!
//! Pure: no file, socket or clock. Lists, results of SQL statements and rates are gathered by the caller before
//! [`judge`], which cannot fail and always ends: patterns are linear, or bounded in their steps. Where a rule wants a
//! verdict from outside, judging stops with a question, and begins anew when its answer stands among the facts.

pub mod action;
mod actions;
pub mod blocks;
mod build;
pub mod calendar;
pub mod condition;
mod conditions;
pub mod deed;
mod document;
pub mod facts;
pub mod field;
pub mod judge;
pub mod judgement;
pub mod mask;
mod outside;
pub mod pattern;
pub mod rates;
pub mod read;
pub mod template;
pub mod to;
pub mod trace;
pub mod tree;
pub mod verdict;
pub mod xml;

pub use action::{Action, Asks, Errand, Otherwise, Question};
pub use calendar::Calendar;
pub use condition::{Condition, Items, NoAnswer, Op, Test};
pub use conditions::OPERATORS;
pub use deed::Deed;
pub use facts::{Direction, Facts};
pub use field::Field;
pub use judge::{judge, judge_briefly};
pub use judgement::{Fate, Judgement};
pub use mask::Pii;
pub use outside::deed as deed_of;
pub use rates::{Mark, Rates};
pub use read::{Known, Rule, RuleError, Ruleset, Source, Statement};
pub use trace::Trace;
pub use verdict::Verdict;
