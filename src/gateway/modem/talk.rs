//! One command at a time: what was asked, the lines that answer it, and what comes unasked in between.
//!
//! What can go wrong: the modem echoes; lines that nobody asked for come in the middle of an answer and have their PDU in
//! the next line; a prompt comes when nobody waits for one (it is left with ESC, never with Ctrl-Z, which would send what
//! stands there); an answer never ends.

use std::time::Duration;

use super::{
    answer::{End, Known, Unasked, end, hex, registration, unasked},
    line::Framer,
    masked::masked,
};

/// ESC leaves a prompt.
pub const ESCAPE: u8 = 0x1b;
/// Ctrl-Z sends.
const SUBMIT: u8 = 0x1a;
/// How long a network may take to take a text: a short wait makes false *unsure*.
const NETWORK: Duration = Duration::from_secs(120);
/// How long the end of an answer may take whose only line is there: some modems never send it (`+CPIN: READY` of old Wavecoms).
const ENOUGH: Duration = Duration::from_secs(3);
/// Lines of one answer; a store of texts has two for each.
const LINES: usize = 8_192;

/// An answer with the lines before its end.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    pub lines: Vec<String>,
    pub end: End,
    /// What stood behind the prompt was handed over.
    pub submitted: bool,
}

named!(Answer);

impl Answer {
    pub fn ok(&self) -> bool {
        self.end == End::Ok
    }

    /// What stands behind this name in the first line that has it.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    }
}

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Answer(Answer),
    Unasked(Unasked),
    /// No answer in time; whether what stood behind the prompt was handed over.
    Silence {
        submitted: bool,
    },
}

struct Asked {
    /// What an echo would look like.
    echo: String,
    /// `+CMGS` of `AT+CMGS=23`: lines that begin otherwise are unasked.
    name: String,
    lines: Vec<String>,
    until: Duration,
    /// What is to be written at the prompt.
    payload: Option<String>,
    submitted: bool,
    /// All that can answer it is there but its end.
    enough: bool,
}

/// The line discipline of one modem.
#[derive(Default)]
pub struct Talk {
    framer: Framer,
    asked: Option<Asked>,
    /// The next line is the PDU of an unasked line; whether to keep it.
    pdu_follows: Option<bool>,
    out: Vec<u8>,
    log: Vec<(bool, String)>,
}

impl Talk {
    /// Asks; the caller has seen that nothing is asked.
    pub fn ask(&mut self, command: &str, payload: Option<String>, limit: Duration, now: Duration) {
        self.log.push((true, masked(command)));
        self.out.extend(command.as_bytes());
        self.out.push(b'\r');
        let name = command.strip_prefix("AT").unwrap_or(command);
        let name = name.split(['=', '?', ':']).next().unwrap_or_default().to_owned();
        let echo = command.to_owned();
        self.asked =
            Some(Asked { echo, name, lines: Vec::new(), until: now + limit, payload, submitted: false, enough: false });
    }

    /// Leaves a prompt, whatever stands there, and forgets what was asked and held.
    pub fn escape(&mut self) {
        self.out.push(ESCAPE);
        self.asked = None;
        self.pdu_follows = None;
        self.framer.clear();
    }

    /// Forgets what came: what was held of it is noise.
    pub fn forget(&mut self) {
        self.framer.clear();
        self.pdu_follows = None;
    }

    pub fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// What was asked and not answered: whether its payload was handed over. Nothing is asked any more.
    pub fn give_up(&mut self) -> Option<bool> {
        self.asked.take().map(|asked| asked.submitted)
    }

    /// When patience ends.
    pub fn until(&self) -> Option<Duration> {
        self.asked.as_ref().map(|asked| asked.until)
    }

    /// What is to be written.
    pub fn take_out(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Lines for the log, without payload: whether they went out, and their words.
    pub fn take_log(&mut self) -> Vec<(bool, String)> {
        std::mem::take(&mut self.log)
    }

    /// What these octets say, in order.
    pub fn receive(&mut self, octets: &[u8], now: Duration, heard: &mut Vec<Heard>) {
        for octet in octets {
            if let Some(line) = self.framer.push(*octet)
                && let Some(something) = self.line(&line, now)
            {
                heard.push(something);
            }
            if *octet == b'>' && self.framer.prompt() {
                self.prompt(now);
            }
        }
    }

    /// Patience has ended?
    pub fn tick(&mut self, now: Duration) -> Option<Heard> {
        let asked = self.asked.take_if(|asked| asked.until <= now)?;
        let Asked { lines, submitted, enough, .. } = asked;
        Some(match enough {
            true => Heard::Answer(Answer { lines, end: End::Ok, submitted }),
            false => Heard::Silence { submitted },
        })
    }

    fn prompt(&mut self, now: Duration) {
        let Some((asked, payload)) = self.asked.as_mut().and_then(|asked| {
            let payload = asked.payload.take()?;
            Some((asked, payload))
        }) else {
            // Nobody waits for it; Ctrl-Z would send what stands there.
            self.out.push(ESCAPE);
            return;
        };
        self.log.push((true, masked(&payload)));
        self.out.extend(payload.as_bytes());
        self.out.push(SUBMIT);
        asked.submitted = true;
        asked.until = now + NETWORK;
        asked.echo = payload;
    }

    fn line(&mut self, line: &str, now: Duration) -> Option<Heard> {
        self.log.push((false, masked(line)));
        let line = line.strip_prefix('>').map_or(line, str::trim);
        if let Some(keep) = self.pdu_follows.take()
            && let Some(pdu) = hex(line)
        {
            return keep.then_some(Heard::Unasked(Unasked::Direct(pdu)));
        }
        match unasked(line) {
            Some(Known::Is(unasked)) => return Some(Heard::Unasked(unasked)),
            Some(Known::PduFollows(keep)) => {
                self.pdu_follows = Some(keep);
                return None;
            }
            Some(Known::Ignored) => return None,
            None => {}
        }
        let Some(asked) = self.asked.as_mut() else { return stray(line) };
        if line == asked.echo {
            return None;
        }
        if let Some(end) = end(line).or_else(|| in_digits(asked, line)) {
            let asked = self.asked.take()?;
            return Some(Heard::Answer(Answer { lines: asked.lines, end, submitted: asked.submitted }));
        }
        if line.starts_with(['+', '^', '%', '*', '$']) && !belongs(line, &asked.name) {
            return stray(line);
        }
        if asked.lines.len() < LINES {
            asked.lines.push(line.to_owned());
        }
        if !asked.enough && asked.echo == "AT+CPIN?" && line.starts_with("+CPIN:") {
            asked.enough = true;
            asked.until = asked.until.min(now + ENOUGH);
        }
        None
    }
}

/// Results as digits (`ATV0`), only where a digit can be nothing else.
fn in_digits(asked: &Asked, line: &str) -> Option<End> {
    match (asked.name.as_str(), line) {
        ("" | "E0" | "V1", "0") => Some(End::Ok),
        ("" | "E0" | "V1", "4") => Some(End::Error(super::answer::AtError::Plain)),
        _ => None,
    }
}

/// Whether a line answers the command of this name. A line of registration that looks unasked is unasked.
fn belongs(line: &str, name: &str) -> bool {
    let Some((first, rest)) = line.split_once(':') else { return true };
    let is_registration = matches!(first, "+CREG" | "+CGREG" | "+CEREG");
    let two_fields = rest.split(',').nth(1).is_some_and(|field| !field.trim().starts_with('"'));
    first.eq_ignore_ascii_case(name) && (!is_registration || two_fields)
}

fn stray(line: &str) -> Option<Heard> {
    let (name, rest) = line.split_once(':')?;
    let state = matches!(name, "+CREG" | "+CGREG" | "+CEREG").then(|| registration(rest, false))??;
    Some(Heard::Unasked(Unasked::Registration(state)))
}

impl std::fmt::Debug for Talk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Talk({})", if self.is_asking() { "asking" } else { "idle" })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::answer::AtError, *};

    const LIMIT: Duration = Duration::from_secs(16);

    fn heard(talk: &mut Talk, octets: &str) -> Vec<Heard> {
        let mut heard = Vec::new();
        talk.receive(octets.as_bytes(), Duration::ZERO, &mut heard);
        heard
    }

    fn asked(command: &str) -> Talk {
        let mut talk = Talk::default();
        talk.ask(command, None, LIMIT, Duration::ZERO);
        talk
    }

    fn answer(lines: &[&str], end: End, submitted: bool) -> Heard {
        Heard::Answer(Answer { lines: lines.iter().map(|line| (*line).to_owned()).collect(), end, submitted })
    }

    #[test]
    fn answers_with_echo_and_unasked_lines_between() {
        let mut talk = asked("AT+CSQ");
        let said =
            "AT+CSQ\r\r\n+CMTI: \"SM\",7\r\n+CSQ: 21,99\r\n+CMT: ,23\r\n0123AB\r\n+CREG: 2\r\nRING\r\n\r\nOK\r\n";
        assert_eq!(
            heard(&mut talk, said),
            [
                Heard::Unasked(Unasked::Stored { memory: "SM".to_owned(), index: 7 }),
                Heard::Unasked(Unasked::Direct(vec![1, 0x23, 0xab])),
                Heard::Unasked(Unasked::Registration(2)),
                answer(&["+CSQ: 21,99"], End::Ok, false),
            ]
        );
        assert_eq!(heard(&mut talk, "OK\r\n^RSSI: 3\r\n"), []);
    }

    #[test]
    fn octet_by_octet() {
        let mut talk = asked("AT+CREG?");
        let mut all = Vec::new();
        for octet in "AT+CREG?\r\r\n+CREG: 1,\"00A1\",\"0B2C\"\r\n+CREG: 0,5\r\nOK\r\n".bytes() {
            talk.receive(&[octet], Duration::ZERO, &mut all);
        }
        assert_eq!(all, [Heard::Unasked(Unasked::Registration(1)), answer(&["+CREG: 0,5"], End::Ok, false)]);
    }

    #[test]
    fn prompts() {
        for prompt in ["\r\n> ", "\r\n>", ">\r\n", "AT+CMGS=14\r\r\n> "] {
            let mut talk = Talk::default();
            talk.ask("AT+CMGS=14", Some("0001".to_owned()), LIMIT, Duration::ZERO);
            assert_eq!(talk.take_out(), b"AT+CMGS=14\r");
            assert_eq!(heard(&mut talk, prompt), [], "{prompt:?}");
            assert_eq!(talk.take_out(), b"0001\x1a", "{prompt:?}");
            assert_eq!(talk.until(), Some(NETWORK));
            assert_eq!(
                heard(&mut talk, " 0001\x1a\r\n+CMGS: 7\r\n\r\nOK\r\n"),
                [answer(&["+CMGS: 7"], End::Ok, true)],
                "{prompt:?}"
            );
        }
        // One that nobody waits for is left with ESC.
        let mut talk = Talk::default();
        assert_eq!((heard(&mut talk, "\r\n> "), talk.take_out()), (vec![], vec![ESCAPE]));
    }

    #[test]
    fn an_answer_without_an_end() {
        let mut talk = asked("AT+CPIN?");
        assert_eq!(heard(&mut talk, "\r\n+CPIN: READY\r\n"), []);
        assert_eq!((talk.until(), talk.tick(ENOUGH - Duration::from_millis(1))), (Some(ENOUGH), None));
        assert_eq!(talk.tick(ENOUGH), Some(answer(&["+CPIN: READY"], End::Ok, false)));
        // Of other answers half is no answer.
        let mut talk = asked("AT+CSQ");
        assert_eq!(heard(&mut talk, "\r\n+CSQ: 21,99\r\n"), []);
        assert_eq!((talk.tick(ENOUGH), talk.tick(LIMIT)), (None, Some(Heard::Silence { submitted: false })));
    }

    #[test]
    fn refused_before_the_prompt_and_silence() {
        let mut talk = Talk::default();
        talk.ask("AT+CMGS=14", Some("0001".to_owned()), LIMIT, Duration::ZERO);
        let refused = answer(&[], End::Error(AtError::Cms(331)), false);
        assert_eq!(heard(&mut talk, "\r\n+CMS ERROR: 331\r\n"), [refused]);
        talk.ask("AT", None, LIMIT, Duration::ZERO);
        assert_eq!(talk.tick(LIMIT - Duration::from_millis(1)), None);
        assert_eq!(talk.tick(LIMIT), Some(Heard::Silence { submitted: false }));
        assert!(!talk.is_asking());
    }
}
