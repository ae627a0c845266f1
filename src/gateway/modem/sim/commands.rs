//! The commands of TS 27.005 and TS 27.007 that programs use, as a plain modem answers them.

use super::{
    super::answer::{AtError, fields},
    Sim,
};

impl Sim {
    pub(super) fn command(&mut self, line: &str) {
        // Of several commands in one line the first counts.
        let line = line.split(';').next().unwrap_or_default();
        let upper = line.to_ascii_uppercase();
        let Some(rest) = upper.strip_prefix("AT") else { return self.refuse(AtError::Plain) };
        // What is asked or set stands behind `?` or `=`; words in quotes keep their case.
        let argument = line.split_once('=').map_or("", |(_, argument)| argument).trim();
        let name = rest.split(['=', '?']).next().unwrap_or_default();
        let asks = rest.ends_with('?') && !rest.ends_with("=?");
        let lists = rest.ends_with("=?");
        if self.is_locked()
            && !matches!(
                name,
                "" | "Z"
                    | "&F"
                    | "E0"
                    | "E1"
                    | "V1"
                    | "+CMEE"
                    | "+CFUN"
                    | "+CPIN"
                    | "+CGMI"
                    | "+CGMM"
                    | "+CGMR"
                    | "+CGSN"
            )
        {
            return self.refuse(AtError::Cme(11));
        }
        match name {
            "" | "Z" | "&F" | "V1" | "S0" => self.say("OK"),
            "E0" | "E1" => {
                self.echo = name == "E1";
                self.say("OK");
            }
            "I" | "+CGMM" | "+GMM" => self.word("Simulator 27"),
            "+CGMI" | "+GMI" => self.word("Martlet"),
            "+CGMR" | "+GMR" => self.word(env!("CARGO_PKG_VERSION")),
            "+CGSN" | "+GSN" => self.word(&self.options.imei.clone()),
            "+CIMI" => self.word(&self.options.imsi.clone()),
            "+CMEE" => {
                self.cmee = argument.parse().unwrap_or(0);
                self.say("OK");
            }
            "+CPIN" => self.pin(asks, argument),
            "+CMGF" if lists => self.word("+CMGF: (0)"),
            "+CMGF" if asks => self.word(if self.text_mode { "+CMGF: 1" } else { "+CMGF: 0" }),
            // Text mode is not for this one.
            "+CMGF" => self.either(argument == "0", AtError::Cms(303)),
            "+CSCS" if lists => self.word("+CSCS: (\"GSM\")"),
            "+CSCS" if asks => self.word("+CSCS: \"GSM\""),
            "+CSCS" => self.either(argument == "\"GSM\"", AtError::Cme(4)),
            "+CSCA" if asks => self.word(&format!("+CSCA: \"{}\",145", self.smsc)),
            "+CSCA" => {
                self.smsc = fields(argument).into_iter().next().unwrap_or_default();
                self.say("OK");
            }
            "+CSMS" if asks => self.word(&format!("+CSMS: {},1,1,1", self.csms)),
            "+CSMS" if lists => self.word("+CSMS: (0,1)"),
            "+CSMS" => {
                self.csms = argument.parse().unwrap_or(0);
                self.word("+CSMS: 1,1,1");
            }
            "+CPMS" => self.memories(asks, lists, argument),
            "+CNMI" if asks => self.word(&format!("+CNMI: {}", self.cnmi.map(|n| n.to_string()).join(","))),
            "+CNMI" if lists => self.word("+CNMI: (0-2),(0-2),(0),(0-2),(0)"),
            "+CNMI" => self.indicate(argument),
            "+CREG" | "+CGREG" | "+CEREG" if asks => {
                let state = u8::from(self.is_registered());
                self.word(&format!("{name}: 0,{state}"));
            }
            "+CREG" | "+CGREG" | "+CEREG" | "+CMMS" | "+CSMP" | "+CSDH" | "+CLIP" | "+CRC" => self.say("OK"),
            "+CFUN" if lists => self.word("+CFUN: (0,1,4),(0)"),
            "+CFUN" if asks => self.word(&format!("+CFUN: {}", self.radio)),
            "+CFUN" => {
                let state = fields(argument).first().and_then(|state| state.parse().ok());
                let state = state.filter(|state| matches!(state, 0 | 1 | 4));
                self.radio = state.unwrap_or(self.radio);
                self.either(state.is_some(), AtError::Cme(4));
            }
            "+CSQ" => self.word("+CSQ: 21,99"),
            "+COPS" if asks => self.word("+COPS: 0,0,\"Simulated\""),
            "+CNMA" => self.acknowledged(),
            "+CMGS" => match argument.parse() {
                Ok(length) => {
                    self.prompt = Some(length);
                    if !self.mute {
                        self.out.extend(b"\r\n> ");
                    }
                }
                Err(_) => self.refuse(AtError::Cms(304)),
            },
            "+CMGL" => self.list(),
            "+CMGR" => self.read(argument),
            "+CMGD" => self.delete(argument),
            "+CUSD" => {
                self.say("OK");
                let words = self.options.ussd.clone();
                self.say(&format!("+CUSD: 0,\"{words}\",15"));
            }
            _ => self.refuse(AtError::Cme(4)),
        }
    }

    fn is_locked(&self) -> bool {
        self.options.pin.is_some() && !self.unlocked
    }

    /// One line, and that it went well.
    fn word(&mut self, line: &str) {
        self.say(line);
        self.say("OK");
    }

    fn either(&mut self, ok: bool, error: AtError) {
        if ok { self.say("OK") } else { self.refuse(error) }
    }

    fn pin(&mut self, asks: bool, argument: &str) {
        if asks {
            let state = match (self.is_locked(), self.pin_tries) {
                (false, _) => "READY",
                (true, 0) => "SIM PUK",
                (true, _) => "SIM PIN",
            };
            return self.word(&format!("+CPIN: {state}"));
        }
        self.pins_entered += 1;
        if self.pin_tries == 0 {
            return self.refuse(AtError::Cme(12));
        }
        let given = fields(argument).into_iter().next();
        self.unlocked = given == self.options.pin;
        self.pin_tries = if self.unlocked { 3 } else { self.pin_tries - 1 };
        self.either(self.unlocked, AtError::Cme(16));
    }

    fn memories(&mut self, asks: bool, lists: bool, argument: &str) {
        if lists {
            return self.word("+CPMS: (\"SM\",\"SR\"),(\"SM\"),(\"SM\")");
        }
        let now = argument.trim_matches('"').split('"').next().unwrap_or_default();
        if !asks && !matches!(now, "SM" | "SR") {
            return self.refuse(AtError::Cms(302));
        }
        if !asks {
            now.clone_into(&mut self.memory);
        }
        let counts = |places: &[Option<(u8, Vec<u8>)>]| (places.iter().flatten().count(), places.len());
        let (used, room) = if self.memory == "SR" { counts(&self.reports) } else { counts(&self.store) };
        let (stored, places) = counts(&self.store);
        let line = if asks {
            let memory = &self.memory;
            format!("+CPMS: \"{memory}\",{used},{room},\"SM\",{stored},{places},\"SM\",{stored},{places}")
        } else {
            format!("+CPMS: {used},{room},{stored},{places},{stored},{places}")
        };
        self.word(&line);
    }

    fn indicate(&mut self, argument: &str) {
        let given: Vec<Option<u8>> = argument.split(',').map(|n| n.trim().parse().ok().filter(|n| *n <= 2)).collect();
        if given.len() > 5 || given.contains(&None) {
            return self.refuse(AtError::Cms(302));
        }
        for (place, n) in self.cnmi.iter_mut().zip(given.into_iter().flatten()) {
            *place = n;
        }
        self.say("OK");
        self.next_waiting();
    }

    fn places(&mut self) -> &mut Vec<Option<(u8, Vec<u8>)>> {
        if self.memory == "SR" { &mut self.reports } else { &mut self.store }
    }

    fn list(&mut self) {
        let mut lines = Vec::new();
        for (n, place) in self.places().iter_mut().enumerate() {
            let Some((state, pdu)) = place else { continue };
            lines.push(format!("+CMGL: {},{state},,{}", n + 1, length(pdu)));
            lines.push(hex(pdu));
            *state = (*state).max(1);
        }
        // A store of texts is one answer: no blank lines between.
        if !lines.is_empty() {
            self.say(&lines.join("\r\n"));
        }
        self.say("OK");
    }

    fn read(&mut self, argument: &str) {
        let place = argument.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        let lines = place.and_then(|n| self.places().get_mut(n)).and_then(Option::as_mut).map(|(state, pdu)| {
            let lines = format!("+CMGR: {state},,{}\r\n{}", length(pdu), hex(pdu));
            *state = (*state).max(1);
            lines
        });
        match lines {
            Some(lines) => self.word(&lines),
            None => self.refuse(AtError::Cms(321)),
        }
    }

    fn delete(&mut self, argument: &str) {
        let n = fields(argument).first().and_then(|n| n.parse::<usize>().ok()).and_then(|n| n.checked_sub(1));
        let Some(place) = n.and_then(|n| self.places().get_mut(n)) else { return self.refuse(AtError::Cms(321)) };
        *place = None;
        self.say("OK");
        self.next_waiting();
    }
}

/// Octets of the TPDU alone.
fn length(pdu: &[u8]) -> usize {
    pdu.len() - 1 - usize::from(pdu.first().copied().unwrap_or(0))
}

pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}
