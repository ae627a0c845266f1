//! Handing texts over: `AT+CMGS`, runs with `AT+CMMS`, and what failures in a row mean.
//!
//! What can go wrong: the answer gets lost behind the PDU: then the network may have the text. Three failures in a row
//! start the modem anew, whatever they were.

use std::{collections::VecDeque, time::Duration};

use super::{
    super::{
        answer::{AtError, End, fields},
        talk::Answer,
    },
    Dialogue, Doing, Event, Facts, LIMIT,
};

/// Failures in a row that start the modem anew.
const FAILURES: u32 = 3;
/// How long a modem keeps the link of a run at least (TS 27.005 3.5.6).
const LINK: Duration = Duration::from_secs(1);

/// One TPDU to hand over.
#[derive(Clone, PartialEq, Eq)]
pub struct Submission {
    pub id: u64,
    /// SUBMIT without service centre.
    pub tpdu: Vec<u8>,
    /// More of the same text follow.
    pub more: bool,
}

named!(Submission);

/// What became of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendEnd {
    /// The network has it, under this reference.
    Sent(Option<u8>),
    /// The modem or the network said no; whether the PDU had been handed over by then.
    Refused(AtError, bool),
    /// It was handed over, and no answer came.
    Unsure,
    /// It was not handed over: the modem is not there, or has no network.
    NotNow,
}

/// Texts that wait, and how it goes.
#[derive(Debug, Default)]
pub struct Sends {
    waiting: VecDeque<Submission>,
    /// Texts and tasks take turns.
    task_next: bool,
    failures: u32,
    /// Until when the link of a run is kept.
    link: Option<Duration>,
    runs_refused: bool,
}

impl Sends {
    pub fn turn(&mut self) -> bool {
        self.task_next = !self.task_next;
        self.task_next
    }

    pub fn run_answered(&mut self, ok: bool, facts: &mut Facts, now: Duration) {
        facts.runs = Some(ok);
        self.runs_refused = !ok;
        self.link = ok.then_some(now + LINK);
    }
}

impl Dialogue {
    /// Hands this over when its turn comes; the end comes as [`Event::Ended`].
    pub fn submit(&mut self, submission: Submission, now: Duration) {
        if !(self.is_starting() || self.is_ready() && self.facts.is_registered()) {
            self.events.push_back(Event::Ended(submission.id, SendEnd::NotNow));
            return;
        }
        self.sends.waiting.push_back(submission);
        self.advance(now);
    }

    pub(super) fn fail_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.sends.waiting);
        self.events.extend(waiting.into_iter().map(|submission| Event::Ended(submission.id, SendEnd::NotNow)));
    }

    /// Hands over the next text, if one waits.
    pub(super) fn ask_send(&mut self, now: Duration) -> bool {
        let Some(next) = self.sends.waiting.front() else { return false };
        let run = next.more || self.sends.waiting.len() > 1;
        if run && !self.sends.runs_refused && self.sends.link.is_none_or(|until| until <= now) {
            self.ask("AT+CMMS=1", Doing::Run, now);
            return true;
        }
        let Some(submission) = self.sends.waiting.pop_front() else { return false };
        // The service centre of the SIM: its octet does not count.
        let pdu: String = std::iter::once(&0).chain(&submission.tpdu).map(|octet| format!("{octet:02X}")).collect();
        let command = format!("AT+CMGS={}", submission.tpdu.len());
        self.doing = Some(Doing::Send(Box::new(submission)));
        self.talk.ask(&command, Some(pdu), LIMIT, now);
        true
    }

    pub(super) fn send_answered(&mut self, submission: &Submission, answer: &Answer, now: Duration) {
        let reference = answer.value("+CMGS").and_then(|rest| fields(rest).first()?.parse().ok());
        let end = match answer.end {
            // A reference means that the network has it, whatever comes behind.
            _ if reference.is_some() => SendEnd::Sent(reference),
            End::Ok if answer.submitted => SendEnd::Sent(None),
            End::Ok => SendEnd::Refused(AtError::Plain, false),
            End::Error(error) => SendEnd::Refused(error, answer.submitted),
        };
        self.events.push_back(Event::Ended(submission.id, end));
        if matches!(end, SendEnd::Sent(_)) {
            self.sends.failures = 0;
            if let Some(link) = &mut self.sends.link {
                *link = now + LINK;
            }
            return;
        }
        self.sends.failures += 1;
        if self.sends.failures >= FAILURES {
            self.sends.failures = 0;
            self.begin(now);
        }
    }
}
