//! Starting a modem: leave any prompt, echo off, errors in numbers, radio on, PIN, PDU mode, service centre, acknowledgement,
//! storage, indications, registration.
//!
//! What can go wrong: a PIN that is entered again and again locks the SIM. So it is asked of whoever keeps the word on
//! it ([`Event::PinWanted`]), and entered once. Everything that a modem need not know may answer `ERROR`.

use std::time::Duration;

use super::{
    super::{
        answer::{AtError, End, fields, memory},
        fault::Trouble,
        talk::Answer,
    },
    Dialogue, Doing, Event, LIMIT, Phase, Task,
};

/// Quiet behind ESC, so that its answer is not taken for another's.
pub const QUIET: Duration = Duration::from_millis(300);
/// More calls to a modem that does not answer the first.
pub const WAKES: u32 = 4;
/// How long a modem may take to answer the first call.
const WAKING: Duration = Duration::from_secs(3);
/// Behind the PIN.
const SETTLE: Duration = Duration::from_secs(2);
/// How long a modem may take to switch its radio on.
const RADIO: Duration = Duration::from_secs(60);
/// Looks at a SIM that is busy.
const BUSY: u32 = 20;

/// Settings of `AT+CNMI`, the wished ones first: texts stored or direct, reports direct or stored.
const STORED: &[&str] = &["2,1,0,1,0", "1,1,0,1,0", "2,1,0,2,0", "1,1,0,2,0", "2,1,0,0,0", "1,1,0,0,0", "2,1"];
const DIRECT: &[&str] = &["2,2,0,1,0", "1,2,0,1,0", "2,2,0,0,0", "1,2,0,0,0"];
/// Only reports.
const REPORTS: &[&str] = &["2,0,0,1,0", "1,0,0,1,0", "2,0,0,2,0", "0,0,0,0,0"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Wake,
    Echo,
    Words,
    Errors,
    AskRadio,
    Radio,
    Maker,
    Model,
    Revision,
    Imei,
    AskPin,
    EnterPin,
    PduMode,
    Smsc,
    AskSmsc,
    Service,
    AskService,
    Storage,
    AskStorage,
    SameStorage,
    /// Which of the list.
    Indications(usize),
    TellRegistration,
    Registration,
    PacketRegistration,
    Signal,
    Operator,
    Imsi,
}

impl Dialogue {
    fn indications(&self) -> &'static [&'static str] {
        match (self.setup.receive, self.setup.direct && self.facts.acknowledges) {
            (false, _) => REPORTS,
            (true, true) => DIRECT,
            (true, false) => STORED,
        }
    }

    /// Asks what this step asks, or goes on where there is nothing to ask.
    pub(super) fn ask_step(&mut self, step: Step, now: Duration) {
        let command = match step {
            Step::Wake => "AT".to_owned(),
            Step::Echo => "ATE0".to_owned(),
            Step::Words => "ATV1".to_owned(),
            Step::Errors => "AT+CMEE=1".to_owned(),
            Step::AskRadio => "AT+CFUN?".to_owned(),
            Step::Radio => "AT+CFUN=1".to_owned(),
            Step::Maker => "AT+CGMI".to_owned(),
            Step::Model => "AT+CGMM".to_owned(),
            Step::Revision => "AT+CGMR".to_owned(),
            Step::Imei => "AT+CGSN".to_owned(),
            Step::AskPin => "AT+CPIN?".to_owned(),
            Step::EnterPin => {
                self.phase = Phase::Pin;
                return;
            }
            Step::PduMode => "AT+CMGF=0".to_owned(),
            Step::Smsc => match &self.setup.smsc {
                Some(smsc) => format!("AT+CSCA=\"{smsc}\",{}", if smsc.starts_with('+') { 145 } else { 129 }),
                None => return self.to(Step::AskSmsc),
            },
            Step::AskSmsc => "AT+CSCA?".to_owned(),
            Step::Service => format!("AT+CSMS={}", u8::from(self.setup.direct)),
            Step::AskService => "AT+CSMS?".to_owned(),
            Step::Storage => match &self.setup.storage {
                Some(memory) => format!("AT+CPMS=\"{memory}\",\"{memory}\",\"{memory}\""),
                None => return self.to(Step::AskStorage),
            },
            Step::AskStorage => "AT+CPMS?".to_owned(),
            Step::SameStorage => match &self.kept.home {
                Some(memory) if self.kept.memory.as_ref() != Some(memory) => {
                    format!("AT+CPMS=\"{memory}\",\"{memory}\",\"{memory}\"")
                }
                _ => return self.to(Step::Indications(0)),
            },
            Step::Indications(n) => match self.indications().get(n) {
                Some(setting) => format!("AT+CNMI={setting}"),
                None => return self.to(Step::TellRegistration),
            },
            Step::TellRegistration => "AT+CREG=1".to_owned(),
            Step::Registration => "AT+CREG?".to_owned(),
            Step::PacketRegistration => "AT+CEREG?".to_owned(),
            Step::Signal => "AT+CSQ".to_owned(),
            Step::Operator => "AT+COPS?".to_owned(),
            Step::Imsi => "AT+CIMI".to_owned(),
        };
        self.doing = Some(Doing::Step(step));
        let limit = match step {
            Step::Wake => WAKING,
            Step::Radio => RADIO,
            _ => LIMIT,
        };
        self.talk.ask(&command, None, limit, now);
    }

    fn to(&mut self, step: Step) {
        self.phase = Phase::Starting(step);
    }

    fn pause(&mut self, pause: Duration, then: Step, now: Duration) {
        self.phase = Phase::Pause { until: now + pause, then, deaf: false };
    }

    pub(super) fn step_answered(&mut self, step: Step, answer: &Answer, now: Duration) {
        let word = || answer.lines.first().map(|line| plain(line)).filter(|_| answer.ok());
        match step {
            // Behind a late answer to an earlier call there may be more.
            Step::Wake if self.tries > 0 => {
                self.tries = 0;
                self.phase = Phase::Pause { until: now + QUIET, then: Step::Echo, deaf: true };
            }
            Step::Wake => self.to(Step::Echo),
            Step::Echo => self.to(Step::Words),
            Step::Words => self.to(Step::Errors),
            Step::Errors => self.to(Step::AskRadio),
            Step::AskRadio => {
                let switch = !self.switched && is_off(answer);
                self.to(if switch { Step::Radio } else { Step::Maker });
            }
            // It is as if it had been plugged in now.
            Step::Radio if answer.ok() => {
                self.switched = true;
                self.pause(SETTLE, Step::Echo, now);
            }
            Step::Radio => self.to(Step::Maker),
            Step::Maker => {
                self.facts.maker = word();
                self.to(Step::Model);
            }
            Step::Model => {
                self.facts.model = word();
                self.to(Step::Revision);
            }
            Step::Revision => {
                self.facts.revision = word();
                self.to(Step::Imei);
            }
            Step::Imei => {
                self.facts.imei = word();
                self.to(Step::AskPin);
            }
            Step::AskPin => self.sim(answer, now),
            Step::EnterPin => self.pin_answered(answer, now),
            Step::PduMode if answer.ok() => {
                self.tries = 0;
                self.to(Step::Smsc);
            }
            Step::PduMode if is_busy(answer) && self.tries < BUSY => self.busy(Step::PduMode, now),
            Step::PduMode => self.unfit(Trouble::NoPduMode, now),
            Step::Smsc => self.to(Step::AskSmsc),
            Step::AskSmsc => {
                self.facts.smsc = answer.value("+CSCA").and_then(|rest| fields(rest).into_iter().next());
                self.to(Step::Service);
            }
            Step::Service => self.to(Step::AskService),
            Step::AskService => {
                let service = answer.value("+CSMS").and_then(|rest| fields(rest).into_iter().next());
                self.facts.acknowledges = service.as_deref() == Some("1");
                self.to(Step::Storage);
            }
            Step::Storage => self.to(Step::AskStorage),
            Step::AskStorage => {
                self.room(answer);
                let fields = answer.value("+CPMS").map(fields).unwrap_or_default();
                let name = |at: usize| fields.get(at).and_then(|field| memory(field));
                self.kept.memory = name(0);
                self.kept.home = self.setup.storage.clone().or_else(|| name(6)).or_else(|| name(0));
                self.to(Step::SameStorage);
            }
            Step::SameStorage => {
                if answer.ok() {
                    self.kept.memory.clone_from(&self.kept.home);
                } else {
                    self.kept.home.clone_from(&self.kept.memory);
                }
                self.to(Step::Indications(0));
            }
            Step::Indications(n) if answer.ok() => {
                self.facts.indications = self.indications().get(n).copied();
                self.to(Step::TellRegistration);
            }
            Step::Indications(n) => self.to(Step::Indications(n + 1)),
            Step::TellRegistration => self.to(Step::Registration),
            Step::Registration => {
                let asks = self.circuit_answered(answer);
                self.to(if asks { Step::PacketRegistration } else { Step::Signal });
            }
            Step::PacketRegistration => {
                self.packet_answered(answer);
                self.to(Step::Signal);
            }
            Step::Signal => {
                self.signal(answer);
                self.to(Step::Operator);
            }
            Step::Operator => {
                self.facts.operator = answer.value("+COPS").and_then(|rest| fields(rest).into_iter().nth(2));
                self.to(Step::Imsi);
            }
            Step::Imsi => {
                self.facts.imsi = word();
                self.ready(now);
            }
        }
    }

    fn ready(&mut self, now: Duration) {
        self.phase = Phase::Ready;
        self.checked = now;
        if self.setup.receive {
            self.task(Task::List);
        }
        self.events.push_back(Event::Ready);
        if !self.facts.is_registered() {
            self.fail_waiting();
        }
    }

    /// It is asked again in a second.
    fn busy(&mut self, step: Step, now: Duration) {
        self.tries += 1;
        self.pause(Duration::from_secs(1), step, now);
    }

    /// What the SIM says of itself.
    fn sim(&mut self, answer: &Answer, now: Duration) {
        let state = answer.value("+CPIN").map(str::to_ascii_uppercase);
        match (state.as_deref(), answer.end) {
            // As long as it was busy it may have refused everything else, too.
            (Some("READY" | "SIM PIN2" | "SIM PUK2"), _) if self.tries > 0 => {
                self.tries = 0;
                self.to(Step::Echo);
            }
            (Some("READY" | "SIM PIN2" | "SIM PUK2"), _) => self.to(Step::PduMode),
            (Some("SIM PIN"), _) | (None, End::Error(AtError::Cme(11) | AtError::Cms(311))) => {
                if self.setup.has_pin {
                    self.to(Step::EnterPin);
                    self.events.push_back(Event::PinWanted);
                } else {
                    self.unfit(Trouble::PinWanted, now);
                }
            }
            (Some("SIM PUK"), _) | (None, End::Error(AtError::Cme(12) | AtError::Cms(316))) => {
                self.unfit(Trouble::Puk, now);
            }
            (Some(_), _) => self.unfit(Trouble::Locked, now),
            (None, End::Error(AtError::Cme(10) | AtError::Cms(310))) => self.unfit(Trouble::NoSim, now),
            (None, End::Error(AtError::Cme(13 | 15) | AtError::Cms(313 | 315))) => {
                self.unfit(Trouble::SimFailure, now);
            }
            (None, End::Error(error)) if error.is_busy() && self.tries < BUSY => self.busy(Step::AskPin, now),
            (None, End::Error(error)) if error.is_busy() => self.unfit(Trouble::SimFailure, now),
            // A modem without SIM has no PIN either.
            (None, _) => self.to(Step::PduMode),
        }
    }

    /// The answer to [`Event::PinWanted`]: the PIN, or `None` where it was refused before.
    pub fn pin(&mut self, pin: Option<&str>, now: Duration) {
        if !matches!(self.phase, Phase::Pin) {
            return;
        }
        match pin {
            Some(pin) => {
                self.phase = Phase::Starting(Step::EnterPin);
                self.doing = Some(Doing::Step(Step::EnterPin));
                self.talk.ask(&format!("AT+CPIN=\"{pin}\""), None, LIMIT, now);
            }
            None => self.unfit(Trouble::PinRefused, now),
        }
        self.drain_log();
    }

    fn pin_answered(&mut self, answer: &Answer, now: Duration) {
        match answer.end {
            End::Ok => {
                self.events.push_back(Event::PinTaken(Some(true)));
                // Some modems have refused everything until now, also that they shall not echo.
                self.pause(SETTLE, Step::Echo, now);
            }
            End::Error(error) if error.is_busy() => {
                self.events.push_back(Event::PinTaken(None));
                self.pause(SETTLE, Step::AskPin, now);
            }
            End::Error(_) => {
                self.events.push_back(Event::PinTaken(Some(false)));
                self.unfit(Trouble::PinRefused, now);
            }
        }
    }
}

/// The radio is off (TS 27.007 8.2), as other programs leave modems. What a maker has invented beyond that stays as it is.
fn is_off(answer: &Answer) -> bool {
    let state = answer.value("+CFUN").and_then(|rest| fields(rest).into_iter().next());
    matches!(state.as_deref(), Some("0" | "2" | "3" | "4"))
}

fn is_busy(answer: &Answer) -> bool {
    matches!(answer.end, End::Error(error) if error.is_busy())
}

/// A word of identification: some modems put the name of the command in front of it, or quotes around.
fn plain(line: &str) -> String {
    let word = if line.starts_with('+') { line.split_once(':').map_or(line, |(_, word)| word) } else { line };
    word.trim().trim_matches('"').chars().take(64).collect()
}
