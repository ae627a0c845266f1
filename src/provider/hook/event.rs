//! From an item of a call to its event.

use super::{
    Context, Event, OptOut, Report, Taken, inbound,
    spec::{Event as Spec, Kind, Report as ReportSpec, Stated, Time},
};
use crate::{
    ground::{RemoteId, Timestamp, outcome::one_line},
    provider::{number, source::Source, view::View, word::State},
};

/// Longest code and words that are kept.
const LONGEST_CODE: usize = 64;
const LONGEST_WORDS: usize = 300;

/// The event of an item; `None`: it is none, or says nothing that is known.
pub fn take(specs: &[Spec], view: &View<'_>, context: &Context<'_>) -> Option<Taken> {
    let (number, spec) = specs.iter().enumerate().find(|(_, spec)| spec.fits(view))?;
    let event = match &spec.kind {
        Kind::Report(report) => Event::Report(report.read(view, context)?),
        Kind::Inbound(text) => Event::Inbound(inbound::read(text, view, context)?),
        Kind::OptOut { from, to, out } => Event::OptOut(OptOut {
            from: party(view, from, context)?,
            to: to.as_ref().and_then(|to| party(view, to, context)),
            out: *out,
        }),
        Kind::Ignore => return None,
    };
    let dedupe = context.dedupe.and_then(|source| view.first(source));
    Some(Taken { dedupe: dedupe.and_then(|key| kept(&key, 256)), event, number })
}

/// A phone, a number of ours, or a name, in the form of Martlet.
pub fn party(view: &View<'_>, source: &Source, context: &Context<'_>) -> Option<String> {
    kept(&view.first(source)?, 128).map(|given| number::incoming(&given, context.home))
}

/// Foreign words on one line, cut; `None`: nothing is left of them.
fn kept(words: &str, cap: usize) -> Option<String> {
    Some(one_line(words, cap)).filter(|words| !words.is_empty())
}

impl Spec {
    /// Whether an item is this event.
    pub fn fits(&self, view: &View<'_>) -> bool {
        self.when.iter().all(|when| when.holds(view))
            && self.need.iter().all(|source| view.has(source))
            && !self.absent.iter().any(|source| view.has(source))
    }
}

impl ReportSpec {
    fn read(&self, view: &View<'_>, context: &Context<'_>) -> Option<Report> {
        let stated = match &self.state {
            Stated::Fixed(state) => *state,
            Stated::Word { source, states } => states.get(&view.first(source)?)?,
        };
        if stated == State::Ignore {
            return None;
        }
        let first = |source: &Option<Source>| source.as_ref().and_then(|source| view.first(source));
        let code = first(&self.code);
        // A code makes a failure more precise; what is no failure stays what it is.
        let refined = self.codes.as_ref().zip(code.as_deref()).and_then(|(codes, code)| codes.get(code));
        let state = match refined.and_then(|word| word.state) {
            Some(refined) if stated.is_failure() => refined,
            _ => stated,
        };
        if state == State::Ignore {
            return None;
        }
        let count = |source: &Option<Source>| first(source).and_then(|n| n.parse::<u8>().ok()).filter(|n| *n > 0);
        let own_id = view.own.map(str::to_owned).or_else(|| first(&self.own_id)).and_then(|own| kept(&own, 128));
        let id = first(&self.id).and_then(|id| RemoteId::new(&id));
        let id = id.and_then(|id| context.ids.map_or(Some(id.clone()), |ids| ids.of_report(&id)));
        if own_id.is_none() && id.is_none() {
            return None;
        }
        Some(Report {
            own_id,
            id,
            to: self.to.as_ref().and_then(|to| party(view, to, context)),
            state,
            code: code.and_then(|code| kept(&code, LONGEST_CODE)),
            detail: first(&self.detail).and_then(|words| kept(&words, LONGEST_WORDS)),
            at: self.at.as_ref().and_then(|at| at.read(view)),
            per_part: self.per_part,
            index: count(&self.index),
            total: count(&self.total),
            monotone: context.monotone,
        })
    }
}

impl Time {
    /// The moment, if it can be read.
    pub fn read(&self, view: &View<'_>) -> Option<Timestamp> {
        view.first(&self.source).and_then(|written| self.format.read(&written))
    }
}
