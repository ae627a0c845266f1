//! One job on its way through the modem: segments to SUBMITs, ends to outcomes.
//!
//! Segments go in order; behind one that was not sent the others are not tried.

use super::{
    Settings,
    dialogue::{SendEnd, Submission},
    fault::{self, Class, Trouble},
    reference,
    suspects::{Suspects, TRIES, Verdict},
};
use crate::{
    gateway::Job,
    ground::{Enhanced, Fault, Outcome, Scope},
    sms::{
        Dcs,
        tpdu::{Address, Submit, TpduError, Validity, alphabet_of},
    },
};

/// A job of which one segment is with the modem.
#[derive(Debug)]
pub struct Under {
    job: Job,
    part: u8,
    outcomes: Vec<(u8, Outcome)>,
    with_validity: bool,
}

/// What comes next for a job.
pub enum Next {
    Submit(Submission),
    /// It is over, and its reply is given.
    Over(Option<Trouble>),
}

impl Under {
    pub fn new(job: Job) -> Self {
        let part = job.parts.start;
        Self { job, part, outcomes: Vec::new(), with_validity: true }
    }

    fn tpdu(&self, settings: &Settings) -> Result<Vec<u8>, Fault> {
        let attempt = &self.job.attempt;
        let refused = |why: &str| Fault::new(Scope::Message, Enhanced::new(5, 6, 0), why);
        let segment =
            attempt.segments.get(usize::from(self.part)).ok_or_else(|| refused("there is no such segment"))?;
        let to = Address::number(attempt.number())
            .ok_or_else(|| Fault::new(Scope::Recipient, Enhanced::new(5, 1, 3), TpduError::Address.to_string()))?;
        let alphabet = alphabet_of(&attempt.segments);
        let dcs = attempt.dcs.map_or_else(|| Dcs::plain(alphabet), |dcs| Dcs(dcs).with_alphabet(alphabet));
        let submit = Submit {
            report: settings.receipts,
            pid: attempt.pid.unwrap_or(0),
            validity: self.with_validity.then(|| Validity::relative(attempt.validity)),
            ..Submit::new(to, dcs, segment.clone())
        };
        let mut tpdu = Vec::with_capacity(164);
        submit.write(&mut tpdu).map_err(|error| refused(&error.to_string()))?;
        Ok(tpdu)
    }

    /// Hands the segment that is due to the modem, or ends where it cannot be written.
    pub fn submit(mut self, id: u64, settings: &Settings) -> (Option<Self>, Next) {
        match self.tpdu(settings) {
            Ok(tpdu) => {
                let attempt = &self.job.attempt;
                let more = usize::from(self.part) + 1 < attempt.segments.len();
                (Some(self), Next::Submit(Submission { id, tpdu, more }))
            }
            Err(fault) => {
                self.outcomes.push((self.part, Outcome::Never(fault)));
                self.over(None)
            }
        }
    }

    /// What the end of its segment means.
    pub fn ended(
        mut self,
        end: SendEnd,
        id: u64,
        settings: &Settings,
        suspects: &mut Suspects,
    ) -> (Option<Self>, Next) {
        let which = (self.job.attempt.id, self.part);
        let (class, said) = match end {
            SendEnd::Sent(reference) => {
                suspects.passed(which);
                let name = reference.filter(|_| settings.receipts);
                let name = name.and_then(|reference| reference::sent(reference, self.job.attempt.number()));
                return self.sent(name, id, settings);
            }
            SendEnd::Unsure => (Class::Unsure, "no answer".to_owned()),
            SendEnd::NotNow => (Class::Network, "not handed over".to_owned()),
            SendEnd::Refused(error, submitted) => (fault::class(error, submitted), error.to_string()),
        };
        match class {
            Class::Taken => return self.sent(None, id, settings),
            Class::WithoutValidity if self.with_validity => {
                self.with_validity = false;
                return self.submit(id, settings);
            }
            _ => {}
        }
        let (outcome, trouble) = match class {
            Class::Suspect => suspicion(suspects.failed(which), &said),
            Class::Device(trouble) => (fault::outcome(class, &said), Some(trouble)),
            class => (fault::outcome(class, &said), None),
        };
        self.outcomes.push((self.part, outcome));
        self.over(trouble)
    }

    fn sent(mut self, name: Option<crate::ground::RemoteId>, id: u64, settings: &Settings) -> (Option<Self>, Next) {
        self.outcomes.push((self.part, Outcome::Sent(name)));
        self.part += 1;
        if self.part < self.job.parts.end {
            self.with_validity = true;
            return self.submit(id, settings);
        }
        self.over(None)
    }

    /// Answers for all segments: those behind the last that was tried go with it.
    fn over(mut self, trouble: Option<Trouble>) -> (Option<Self>, Next) {
        let last = self.outcomes.last().map(|(_, outcome)| outcome.clone());
        let rest = match last {
            Some(Outcome::Unsure(fault)) => Some(Outcome::Later(fault)),
            Some(Outcome::Sent(_)) | None => None,
            other => other,
        };
        if let Some(rest) = rest {
            let tried = self.outcomes.last().map_or(0, |(part, _)| *part);
            self.outcomes.extend((tried + 1..self.job.parts.end).map(|part| (part, rest.clone())));
        }
        // A caller that is gone finds the attempt open and counts it as unsure.
        let _ = self.job.reply.send(self.outcomes);
        (None, Next::Over(trouble))
    }
}

fn suspicion(verdict: Verdict, said: &str) -> (Outcome, Option<Trouble>) {
    match verdict {
        Verdict::Later => (fault::outcome(Class::Suspect, said), None),
        Verdict::Text => {
            let words = format!("the modem refused this text {TRIES} times while it took others ({said})");
            (Outcome::Never(Fault::new(Scope::Message, Enhanced::new(5, 6, 0), words)), None)
        }
        Verdict::Modem => (fault::outcome(Class::Device(Trouble::Refuses), said), Some(Trouble::Refuses)),
    }
}

/// Answers a job that the modem cannot take now: other gateways shall.
pub fn refuse(job: Job, class: Class, words: &str) {
    let outcome = fault::outcome(class, words);
    let outcomes = job.parts.clone().map(|part| (part, outcome.clone())).collect();
    let _ = job.reply.send(outcomes);
}

/// The error of a modem that never answered what it was asked.
pub const NOT_THERE: &str = "the modem is not there";
