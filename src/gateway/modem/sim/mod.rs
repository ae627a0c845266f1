//! A modem that is none: it answers as TS 27.005 has it, keeps texts, loses them by script, and hands submitted ones to
//! whoever looks. For trying things out and for tests; also for programs that are not Martlet.
//!
//! `Sim` knows neither line nor clock; [`line`] gives it a pseudo-terminal or TCP. What can go wrong here is what the
//! script says.

mod commands;
pub mod line;
mod network;
pub mod script;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

pub use script::{Act, Rule, ScriptError};

use super::answer::AtError;
use crate::{
    ground::Timestamp,
    sms::tpdu::{Submit, Toward, Tpdu, read_pdu},
};

/// Longest line that is read.
const LONGEST: usize = 2_048;
/// Submitted texts that are remembered.
const REMEMBERED: usize = 100_000;

/// What kind of modem it is.
#[derive(Clone)]
pub struct Options {
    /// The SIM wants it.
    pub pin: Option<String>,
    /// Texts that the SIM holds.
    pub room: usize,
    pub imei: String,
    pub imsi: String,
    /// The network knows the modem.
    pub registered: bool,
    /// The network reports on what it has taken at once; otherwise when it is told to.
    pub reports: bool,
    /// Status reports come by themselves, before the answer to `AT+CMGS`.
    pub report_first: bool,
    /// Every text comes back from whom it was for.
    pub echo_texts: bool,
    /// What the network answers to a code.
    pub ussd: String,
    pub script: Vec<Rule>,
}

named!(Options);

impl Default for Options {
    fn default() -> Self {
        Self {
            pin: None,
            room: 20,
            imei: "358000000000018".to_owned(),
            imsi: "001010000000001".to_owned(),
            registered: true,
            reports: true,
            report_first: false,
            echo_texts: false,
            ussd: "Your balance is 3.50 EUR".to_owned(),
            script: Vec::new(),
        }
    }
}

/// A text that the network has taken.
#[derive(Debug, Clone)]
pub struct Taken {
    pub reference: u8,
    pub submit: Submit,
}

/// The state that survives a modem being unplugged is in `options`, `store`, `taken` and `waiting`.
pub struct Sim {
    pub options: Options,
    /// Whether the network knows when it is: texts and reports have its time.
    pub now: Timestamp,
    /// Tries of the PIN that are left.
    pub pin_tries: u8,
    /// How often a PIN was entered.
    pub pins_entered: u32,
    unlocked: bool,
    /// 1: on (TS 27.007 8.2).
    radio: u8,
    echo: bool,
    cmee: u8,
    csms: u8,
    /// mode, mt, bm, ds, bfr.
    cnmi: [u8; 5],
    text_mode: bool,
    smsc: String,
    memory: String,
    /// Texts by place; the state and the PDU.
    store: Vec<Option<(u8, Vec<u8>)>>,
    reports: Vec<Option<(u8, Vec<u8>)>>,
    /// At the network, until the SIM has room.
    waiting: VecDeque<Vec<u8>>,
    /// A direct text was not acknowledged yet.
    unacknowledged: bool,
    reference: u8,
    taken: Vec<Taken>,
    /// Awaited octets of a TPDU.
    prompt: Option<usize>,
    held: Vec<u8>,
    out: Vec<u8>,
    unplugged: bool,
    /// Answers nothing any more.
    mute: bool,
}

named!(Sim);

impl Sim {
    pub fn new(options: Options) -> Self {
        let room = options.room;
        Self {
            options,
            now: Timestamp(1_000_000_000_000),
            pin_tries: 3,
            pins_entered: 0,
            unlocked: false,
            radio: 1,
            echo: true,
            cmee: 0,
            csms: 0,
            cnmi: [0; 5],
            text_mode: false,
            smsc: "+15550000000".to_owned(),
            memory: "SM".to_owned(),
            store: vec![None; room],
            reports: vec![None; 20],
            waiting: VecDeque::new(),
            unacknowledged: false,
            reference: 0,
            taken: Vec::new(),
            prompt: None,
            held: Vec::new(),
            out: Vec::new(),
            unplugged: false,
            mute: false,
        }
    }

    fn is_registered(&self) -> bool {
        self.options.registered && self.radio == 1
    }

    /// Power has come back: settings are lost, texts are not.
    pub fn power(&mut self) {
        (self.unlocked, self.echo, self.cmee, self.csms, self.cnmi) = (false, true, 0, 0, [0; 5]);
        (self.text_mode, self.prompt, self.unacknowledged) = (false, None, false);
        (self.unplugged, self.mute, self.radio) = (false, false, 1);
        "SM".clone_into(&mut self.memory);
        self.held.clear();
        self.out.clear();
    }

    /// The cable was pulled, by script or by [`Sim::unplug`].
    pub fn is_unplugged(&self) -> bool {
        self.unplugged
    }

    pub fn unplug(&mut self) {
        self.unplugged = true;
    }

    /// What the network has taken, oldest first.
    pub fn taken(&self) -> &[Taken] {
        &self.taken
    }

    /// How many texts stand in the SIM.
    pub fn stored(&self) -> usize {
        self.store.iter().flatten().count()
    }

    /// Octets for the line.
    pub fn take_out(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Octets from the line.
    pub fn receive(&mut self, octets: &[u8]) {
        for octet in octets {
            if self.unplugged {
                return;
            }
            match (self.prompt, octet) {
                (Some(length), 0x1a) => self.submitted(length),
                (_, 0x1b) => {
                    self.held.clear();
                    if self.prompt.take().is_some() {
                        self.say("OK");
                    }
                }
                (None, b'\r') => self.line(),
                (None, b'\n') => {}
                _ => {
                    if self.held.len() < LONGEST {
                        self.held.push(*octet);
                    }
                    if self.echo && !self.mute {
                        self.out.push(*octet);
                    }
                }
            }
        }
    }

    /// A line of the modem's.
    fn say(&mut self, line: &str) {
        if !self.mute {
            self.out.extend(b"\r\n");
            self.out.extend(line.as_bytes());
            self.out.extend(b"\r\n");
        }
    }

    fn refuse(&mut self, error: AtError) {
        let line = match error {
            AtError::Plain => "ERROR".to_owned(),
            AtError::Cms(_) | AtError::Cme(_) if self.cmee == 0 => "ERROR".to_owned(),
            error => error.to_string(),
        };
        self.say(&line);
    }

    /// What the script says of this; `None`: as usual.
    fn scripted(&mut self, what: &str) -> Option<Act> {
        // Every rule counts, and the first that is due acts.
        let due: Vec<_> = self.options.script.iter_mut().filter_map(|rule| rule.meets(what)).collect();
        due.into_iter().next()
    }

    /// Does what a rule says; `true`: nothing else is to be done.
    fn act(&mut self, act: &Act) -> bool {
        match act {
            Act::Error(error) => self.refuse(*error),
            Act::Silence => {}
            Act::Mute => self.mute = true,
            Act::Unplug => self.unplugged = true,
            Act::Say(line) => {
                let line = line.clone();
                self.say(&line);
                return false;
            }
            Act::Answer(line) => {
                let line = line.clone();
                self.say(&line);
            }
            Act::TakenUnplug | Act::TakenSilence => return false,
        }
        true
    }

    fn line(&mut self) {
        let line = String::from_utf8_lossy(&self.held).trim().to_owned();
        self.held.clear();
        if self.echo && !self.mute {
            self.out.push(b'\r');
        }
        if line.is_empty() {
            return;
        }
        if let Some(act) = self.scripted(&line)
            && self.act(&act)
        {
            return;
        }
        self.command(&line);
    }

    /// What stood behind the prompt.
    fn submitted(&mut self, length: usize) {
        self.prompt = None;
        let digits = String::from_utf8_lossy(&self.held).trim().to_owned();
        self.held.clear();
        let act = self.scripted("submit");
        if let Some(act) = &act
            && self.act(act)
        {
            return;
        }
        let read = super::answer::hex(&digits).and_then(|octets| {
            let smsc = 1 + usize::from(*octets.first()?);
            let (_, tpdu) = read_pdu(&octets, Toward::Network).ok()?;
            (octets.len() == smsc + length).then_some(tpdu)
        });
        let Some(Tpdu::Submit(submit)) = read.filter(|tpdu| matches!(tpdu, Tpdu::Submit(submit) if submit.sound))
        else {
            return self.refuse(AtError::Cms(304));
        };
        if !self.is_registered() {
            return self.refuse(AtError::Cms(331));
        }
        let reference = self.reference;
        self.reference = self.reference.wrapping_add(1);
        if self.taken.len() < REMEMBERED {
            self.taken.push(Taken { reference, submit: submit.clone() });
        }
        match act {
            Some(Act::TakenUnplug) => return self.unplugged = true,
            Some(Act::TakenSilence) => return,
            _ => {}
        }
        if self.options.reports && self.options.report_first {
            self.report_on(reference, &submit, 0);
        }
        self.say(&format!("+CMGS: {reference}"));
        self.say("OK");
        if self.options.reports && !self.options.report_first {
            self.report_on(reference, &submit, 0);
        }
        if self.options.echo_texts {
            self.echo_text(&submit);
        }
    }
}
