//! The dialogue with one modem, without a line: octets and moments in, octets and events out.
//!
//! It starts the modem (`start`), hands texts over and counts what fails (`send`), takes what comes (`receive`), and sees to what else a modem
//! wants (`task`). What
//! can go wrong: silence. A check call goes out when nothing was heard for a minute; after more than two of them without
//! an octet, or a command without an answer, the line is [`Event::Dead`] and must be opened anew. An `ERROR` is an answer.

mod receive;
mod send;
mod start;
mod task;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration};

pub use send::{SendEnd, Submission};
use start::Step;
use task::{Task, Ussd};

use super::{
    answer::{AtError, Unasked},
    fault::Trouble,
    talk::{Answer, Heard, Talk},
};

/// How long a modem may take to answer.
const LIMIT: Duration = Duration::from_secs(16);
/// Between check calls, and between looks into the store.
const CHECK: Duration = Duration::from_secs(60);
/// Between looks at the registration while there is none.
const SEARCH: Duration = Duration::from_secs(10);
/// Check calls without an octet that are still no silence.
const MISSES: u32 = 2;
/// A modem that is not fit is asked again.
const UNFIT: Duration = Duration::from_secs(30);
/// Texts that may wait for the core's word; beyond them no more are read.
const UNCOMMITTED: usize = 64;
/// How a modem is to be set up.
#[derive(Clone, Default)]
pub struct Setup {
    /// Where a SIM wants one, [`Event::PinWanted`] asks for it; it is not kept here.
    pub has_pin: bool,
    /// The service centre's number, where the SIM's own shall not be used.
    pub smsc: Option<String>,
    /// `SM`, `ME` …; `None`: where the modem puts them by itself.
    pub storage: Option<String>,
    /// Texts come at once and are acknowledged to the network when they are durable (`+CMT`, `AT+CNMA`) instead of being
    /// stored in the modem.
    pub direct: bool,
    /// Whether texts are taken at all.
    pub receive: bool,
}

named!(Setup);

/// What is known of a modem.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Facts {
    pub maker: Option<String>,
    pub model: Option<String>,
    pub revision: Option<String>,
    pub imei: Option<String>,
    pub imsi: Option<String>,
    pub operator: Option<String>,
    pub smsc: Option<String>,
    /// 0 to 31.
    pub signal: Option<u8>,
    /// TS 27.007 7.2: 1 home, 5 roaming.
    pub registration: Option<u8>,
    /// Memory, texts in it, room.
    pub storage: Option<(String, u16, u16)>,
    /// The network waits for an acknowledgement of what comes directly.
    pub acknowledges: bool,
    /// The setting of `AT+CNMI` that was taken.
    pub indications: Option<&'static str>,
    pub runs: Option<bool>,
}

named!(Facts);

impl Facts {
    /// Whether texts can go out. A modem that does not say is believed.
    pub fn is_registered(&self) -> bool {
        self.registration.is_none_or(is_there)
    }
}

/// At home or roaming, for texts at least.
fn is_there(state: u8) -> bool {
    matches!(state, 1 | 5..=10)
}

/// Which text of a phone this is, until the core has its word.
pub type Ticket = u64;

/// What happened.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// For the log; it has no payload.
    Line { out: bool, words: String },
    /// The SIM wants its PIN: [`Dialogue::pin`].
    PinWanted,
    /// What became of it; `None`: the SIM was busy, it does not count.
    PinTaken(Option<bool>),
    /// The modem works.
    Ready,
    /// It does not, and is asked again after a while.
    Unfit(Trouble),
    /// Facts have changed.
    Changed,
    /// What became of a submission.
    Ended(u64, SendEnd),
    /// A PDU came: [`Dialogue::committed`] when it is durable.
    Arrived(Ticket, Vec<u8>),
    /// The network answered a code.
    Ussd { text: String, dcs: u8 },
    /// The modem takes no codes, neither as words nor packed.
    NoUssd(AtError),
    /// Nothing more will come over this line.
    Dead(&'static str),
}

named!(Event);

/// What is being done.
#[derive(Debug, Clone)]
enum Doing {
    Step(Step),
    Send(Box<Submission>),
    /// Before a run of texts.
    Run,
    Task(Task),
}

#[derive(Debug)]
enum Phase {
    /// Nothing is said before `until`; what comes until then is thrown away where `deaf`.
    Pause {
        until: Duration,
        then: Step,
        deaf: bool,
    },
    Starting(Step),
    /// Waits for [`Dialogue::pin`].
    Pin,
    Ready,
    Unfit {
        until: Duration,
    },
    Dead,
}

/// One modem.
#[derive(Debug)]
pub struct Dialogue {
    setup: Setup,
    talk: Talk,
    phase: Phase,
    doing: Option<Doing>,
    facts: Facts,
    /// What circuit switching said, until packet switching has: on LTE alone only that knows the modem.
    circuit: Option<u8>,
    packet: bool,
    tasks: VecDeque<Task>,
    sends: send::Sends,
    kept: receive::Kept,
    events: VecDeque<Event>,
    tries: u32,
    /// Its radio was switched on.
    switched: bool,
    last_heard: Duration,
    checked: Duration,
    listed: Duration,
    misses: u32,
}

impl Dialogue {
    /// A modem whose line has just been opened.
    pub fn new(setup: Setup, now: Duration) -> Self {
        let mut dialogue = Self {
            setup,
            talk: Talk::default(),
            phase: Phase::Dead,
            doing: None,
            facts: Facts::default(),
            circuit: None,
            packet: false,
            tasks: VecDeque::new(),
            sends: send::Sends::default(),
            kept: receive::Kept::default(),
            events: VecDeque::new(),
            tries: 0,
            switched: false,
            last_heard: now,
            checked: now,
            listed: now,
            misses: 0,
        };
        dialogue.begin(now);
        dialogue
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// It takes texts now, or will soon.
    pub fn is_starting(&self) -> bool {
        matches!(self.phase, Phase::Pause { .. } | Phase::Starting(_) | Phase::Pin)
    }

    pub fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready)
    }

    /// Octets from the line.
    pub fn receive(&mut self, octets: &[u8], now: Duration) {
        self.last_heard = now;
        self.misses = 0;
        let mut heard = Vec::new();
        self.talk.receive(octets, now, &mut heard);
        self.drain_log();
        if let Phase::Pause { deaf: true, .. } = self.phase {
            return;
        }
        for something in heard {
            match something {
                Heard::Answer(answer) => self.answered(&answer, now),
                Heard::Unasked(unasked) => self.unasked(unasked),
                Heard::Silence { .. } => {}
            }
        }
        self.advance(now);
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Duration) {
        match self.talk.tick(now) {
            Some(Heard::Silence { submitted }) => self.silent(submitted, now),
            Some(Heard::Answer(answer)) => self.answered(&answer, now),
            Some(Heard::Unasked(_)) | None => {}
        }
        self.advance(now);
    }

    /// When [`Dialogue::tick`] is due.
    pub fn due(&self) -> Option<Duration> {
        if let Some(until) = self.talk.until() {
            return Some(until);
        }
        match self.phase {
            Phase::Pause { until, .. } | Phase::Unfit { until } => Some(until),
            Phase::Ready => Some(self.next_check()),
            Phase::Starting(_) | Phase::Pin | Phase::Dead => None,
        }
    }

    /// Octets for the line.
    pub fn take_out(&mut self) -> Vec<u8> {
        self.talk.take_out()
    }

    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The line broke: what was under way ends.
    pub fn lost(&mut self) {
        let submitted = self.talk.give_up().unwrap_or(false);
        if let Some(Doing::Send(submission)) = self.doing.take() {
            let end = if submitted { SendEnd::Unsure } else { SendEnd::NotNow };
            self.events.push_back(Event::Ended(submission.id, end));
        }
        self.fail_waiting();
        self.phase = Phase::Dead;
    }

    /// Asks the network with a code such as `*100#`.
    pub fn ussd(&mut self, code: &str, now: Duration) {
        self.task(Task::Ussd { code: code.to_owned(), how: Ussd::Words });
        self.advance(now);
    }

    fn begin(&mut self, now: Duration) {
        self.doing = None;
        self.tasks.clear();
        self.kept.begin();
        self.tries = 0;
        self.switched = false;
        self.misses = 0;
        self.talk.escape();
        self.phase = Phase::Pause { until: now + start::QUIET, then: Step::Wake, deaf: true };
    }

    fn die(&mut self, why: &'static str) {
        if !matches!(self.phase, Phase::Dead) {
            self.lost();
            self.events.push_back(Event::Dead(why));
        }
    }

    fn next_check(&self) -> Duration {
        let every = if self.facts.is_registered() { CHECK } else { SEARCH };
        self.checked + every
    }

    /// Does what is next, as long as nothing is asked.
    fn advance(&mut self, now: Duration) {
        while !self.talk.is_asking() {
            match self.phase {
                Phase::Pause { until, then, .. } if until <= now => {
                    self.talk.forget();
                    self.phase = Phase::Starting(then);
                }
                Phase::Unfit { until } if until <= now => self.begin(now),
                Phase::Starting(step) => self.ask_step(step, now),
                Phase::Ready => {
                    if !self.ask_next(now) {
                        break;
                    }
                }
                Phase::Pause { .. } | Phase::Unfit { .. } | Phase::Pin | Phase::Dead => break,
            }
        }
        self.drain_log();
    }

    /// The next thing of a modem that works; `false`: nothing to do.
    fn ask_next(&mut self, now: Duration) -> bool {
        if self.next_check() <= now {
            self.checked = now;
            self.task(Task::Signal);
            self.task(Task::Registration);
            if self.setup.receive {
                self.task(Task::Room);
            }
            if self.setup.receive && self.listed + CHECK <= now {
                self.task(Task::List);
            }
        }
        // What the network waits for comes first; then texts and tasks take turns, so that neither starves.
        let urgent = matches!(self.tasks.front(), Some(Task::Acknowledge | Task::Delete { .. }));
        if !urgent && self.sends.turn() && self.ask_send(now) {
            return true;
        }
        let full = self.kept.uncommitted() >= UNCOMMITTED;
        let at = self.tasks.iter().position(|task| !full || !matches!(task, Task::Read { .. } | Task::List));
        match at.and_then(|at| self.tasks.remove(at)) {
            Some(task) => {
                self.ask_task(task, now);
                true
            }
            None => self.ask_send(now),
        }
    }

    fn ask(&mut self, command: &str, doing: Doing, now: Duration) {
        self.doing = Some(doing);
        self.talk.ask(command, None, LIMIT, now);
    }

    fn answered(&mut self, answer: &Answer, now: Duration) {
        match self.doing.take() {
            Some(Doing::Step(step)) => self.step_answered(step, answer, now),
            Some(Doing::Send(submission)) => self.send_answered(&submission, answer, now),
            Some(Doing::Run) => self.sends.run_answered(answer.ok(), &mut self.facts, now),
            Some(Doing::Task(task)) => self.task_answered(&task, answer),
            None => {}
        }
    }

    fn unasked(&mut self, unasked: Unasked) {
        match unasked {
            Unasked::Stored { memory, index } => {
                if !self.kept.is_held(&memory, index) {
                    self.task(Task::Read { memory, index });
                }
            }
            Unasked::Direct(pdu) => self.direct(pdu),
            // It may be circuit switching that has lost it, and packet switching that knows it.
            Unasked::Registration(state) if self.packet && !is_there(state) => self.task(Task::Registration),
            Unasked::Registration(state) => self.set_registration(Some(state)),
            Unasked::Ussd { text, dcs } => self.events.push_back(Event::Ussd { text, dcs }),
            Unasked::Full => self.task(Task::List),
        }
    }

    /// A command was not answered.
    fn silent(&mut self, submitted: bool, now: Duration) {
        match self.doing.take() {
            Some(Doing::Step(Step::Wake)) if self.tries < start::WAKES => {
                self.tries += 1;
                self.talk.escape();
                self.phase = Phase::Pause { until: now + start::QUIET, then: Step::Wake, deaf: true };
            }
            // Check calls may be missed now and then.
            Some(Doing::Task(task)) if task.is_check() && self.misses < MISSES => {
                self.misses += 1;
                self.tasks.retain(|task| !task.is_check() && *task != Task::List);
            }
            doing => {
                if let Some(Doing::Send(submission)) = doing {
                    let end = if submitted { SendEnd::Unsure } else { SendEnd::NotNow };
                    self.events.push_back(Event::Ended(submission.id, end));
                }
                self.talk.escape();
                self.die("no answer");
            }
        }
    }

    fn unfit(&mut self, trouble: Trouble, now: Duration) {
        self.fail_waiting();
        self.events.push_back(Event::Unfit(trouble));
        self.phase = Phase::Unfit { until: now + UNFIT };
    }

    fn drain_log(&mut self) {
        let lines = self.talk.take_log();
        self.events.extend(lines.into_iter().map(|(out, words)| Event::Line { out, words }));
    }
}
