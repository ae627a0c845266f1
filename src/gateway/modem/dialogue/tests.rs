//! The dialogue against the simulator, octet by octet and whole, and against modems that are worse.

mod quirks;

use proptest::prelude::*;

use super::{
    super::{
        answer::AtError,
        sim::{Options, Sim, script},
    },
    *,
};
use crate::sms::{Body, Segment};

const SUBMIT: &[u8] = &[0x01, 0, 4, 0x81, 0x21, 0x43, 0, 0, 1, 0x67];

/// A modem and what is said with it.
struct Line {
    sim: Sim,
    dialogue: Dialogue,
    now: Duration,
    events: Vec<Event>,
    /// Commands that went out.
    written: Vec<String>,
    /// Octets of the modem that come at once.
    chunk: usize,
}

impl Line {
    fn new(options: Options, setup: Setup) -> Self {
        let mut line = Self {
            sim: Sim::new(options),
            dialogue: Dialogue::new(setup, Duration::ZERO),
            now: Duration::ZERO,
            events: Vec::new(),
            written: Vec::new(),
            chunk: 4_096,
        };
        line.settle();
        line
    }

    fn plain(options: Options) -> Self {
        Self::new(options, Setup { receive: true, ..Setup::default() })
    }

    /// Until nobody has anything to say.
    fn settle(&mut self) {
        loop {
            while let Some(event) = self.dialogue.next_event() {
                if !matches!(event, Event::Line { .. }) {
                    self.events.push(event);
                }
            }
            let out = self.dialogue.take_out();
            self.written.extend(String::from_utf8_lossy(&out).split_terminator('\r').map(str::to_owned));
            self.sim.receive(&out);
            let answer = self.sim.take_out();
            if out.is_empty() && answer.is_empty() {
                return;
            }
            for octets in answer.chunks(self.chunk) {
                self.dialogue.receive(octets, self.now);
            }
        }
    }

    fn pass(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while let Some(due) = self.dialogue.due().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.dialogue.tick(self.now);
            self.settle();
        }
        self.now = until;
    }

    fn started(mut self) -> Self {
        self.pass(5);
        self
    }

    fn send(&mut self, id: u64) {
        self.dialogue.submit(Submission { id, tpdu: SUBMIT.to_vec(), more: false }, self.now);
        self.settle();
    }

    fn ends(&mut self) -> Vec<(u64, SendEnd)> {
        let ends = self.events.iter().filter_map(|event| match event {
            Event::Ended(id, end) => Some((*id, *end)),
            _ => None,
        });
        ends.collect()
    }

    fn arrived(&self) -> Vec<Ticket> {
        self.events
            .iter()
            .filter_map(|event| if let Event::Arrived(ticket, _) = event { Some(*ticket) } else { None })
            .collect()
    }

    fn trouble(&self) -> Vec<Trouble> {
        self.events
            .iter()
            .filter_map(|event| if let Event::Unfit(trouble) = event { Some(*trouble) } else { None })
            .collect()
    }

    fn deliver(&mut self, words: &str) {
        self.sim.deliver("+15551234567", Segment { body: Body::Text(words.to_owned()), udh: Vec::new() });
        self.settle();
    }

    fn commit(&mut self, ticket: Ticket, durable: bool) {
        self.dialogue.committed(ticket, durable, self.now);
        self.settle();
    }
}

fn scripted(text: &str) -> Options {
    Options { script: script::read(text).expect("a script"), ..Options::default() }
}

#[test]
fn it_starts_and_sends_octet_by_octet_too() {
    for chunk in [1, 2, 7, 4_096] {
        let mut line = Line::plain(Options::default());
        line.chunk = chunk;
        line.pass(5);
        assert!(line.dialogue.is_ready(), "{chunk}");
        let facts = line.dialogue.facts();
        assert_eq!(
            (facts.signal, facts.registration, facts.operator.as_deref()),
            (Some(21), Some(1), Some("Simulated"))
        );
        assert_eq!((facts.maker.as_deref(), facts.indications), (Some("Martlet"), Some("2,1,0,1,0")));
        line.send(7);
        assert_eq!(line.ends(), [(7, SendEnd::Sent(Some(0)))]);
        assert_eq!(line.sim.taken().len(), 1);
    }
}

#[test]
fn a_prompt_that_stood_there_is_left_without_sending() {
    let mut sim = Sim::new(Options::default());
    sim.receive(b"ATE0\rAT+CMGS=10\r00010004812143000001");
    sim.take_out();
    let mut line = Line::plain(Options::default());
    line.sim = sim;
    line.dialogue = Dialogue::new(Setup::default(), line.now);
    line.settle();
    line.pass(5);
    assert!(line.dialogue.is_ready() && line.sim.taken().is_empty());
}

#[test]
fn the_pin_is_entered_once() {
    let options = || Options { pin: Some("1234".to_owned()), ..Options::default() };
    let setup = || Setup { has_pin: true, ..Setup::default() };
    let mut line = Line::new(options(), setup()).started();
    assert_eq!(line.events, [Event::PinWanted]);
    line.dialogue.pin(Some("1234"), line.now);
    line.settle();
    line.pass(1);
    assert!(!line.dialogue.is_ready(), "the SIM settles");
    line.pass(5);
    assert!(line.dialogue.is_ready() && line.events.contains(&Event::PinTaken(Some(true))));

    let mut line = Line::new(options(), setup()).started();
    line.dialogue.pin(Some("9999"), line.now);
    line.settle();
    assert_eq!(line.trouble(), [Trouble::PinRefused]);
    assert!(line.events.contains(&Event::PinTaken(Some(false))));
    // Asked again after a while: whoever knows that it was refused says so, and nothing is entered.
    line.pass(60);
    line.dialogue.pin(None, line.now);
    assert_eq!((line.sim.pins_entered, line.sim.pin_tries), (1, 2));
    let line = Line::new(options(), Setup::default()).started();
    assert_eq!(line.trouble(), [Trouble::PinWanted]);
}

#[test]
fn sims_that_are_not_fit() {
    for (script, trouble) in [
        ("AT+CPIN every cme 10", Trouble::NoSim),
        ("AT+CPIN every cme 13", Trouble::SimFailure),
        ("AT+CPIN every cme 12", Trouble::Puk),
        ("AT+CMGF every error", Trouble::NoPduMode),
        ("AT every error", Trouble::NoPduMode),
    ] {
        let mut line = Line::plain(scripted(script)).started();
        assert_eq!(line.trouble(), [trouble], "{script}");
        line.send(1);
        assert_eq!(line.ends(), [(1, SendEnd::NotNow)], "{script}");
        // It is looked at again, and may have been mended.
        line.sim.options.script.clear();
        line.pass(60);
        assert!(line.dialogue.is_ready(), "{script}");
    }
    for busy in ["AT+CPIN 1 cme 14\nAT+CPIN 2 cme 14", "AT+CPIN 1 cme 515\nAT+CMGF 1 cme 515\nAT+CMGF 2 cms 515"] {
        let mut line = Line::plain(scripted(busy));
        line.pass(10);
        assert!(line.dialogue.is_ready() && line.trouble().is_empty(), "a busy SIM is waited for: {busy}");
    }
}

/// As others have recorded it of real ones.
#[test]
fn modems_that_keep_to_nothing() {
    // An old Wavecom: no OK behind the state of the PIN, no revision, no third memory.
    let mut line =
        Line::plain(scripted("AT+CPIN every answer +CPIN: READY\nAT+CGMR every error\nAT+CPMS= every error"));
    line.pass(10);
    assert!(line.dialogue.is_ready() && line.trouble().is_empty());

    // A ZTE: nothing but the PIN is heard before it is entered. Echo and errors are set behind it then.
    let refused = ["ATE0", "ATV1", "AT+CMEE", "AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN"];
    let script: String = refused.iter().map(|command| format!("{command} 1 answer +CME ERROR: 11\n")).collect();
    let options = Options { pin: Some("1234".to_owned()), ..scripted(&script) };
    let mut line = Line::new(options, Setup { has_pin: true, ..Setup::default() }).started();
    line.dialogue.pin(Some("1234"), line.now);
    line.settle();
    line.pass(10);
    assert!(line.dialogue.is_ready() && line.trouble().is_empty());
    assert_eq!((line.dialogue.facts().maker.as_deref(), line.sim.pins_entered), (Some("Martlet"), 1));
    line.sim.receive(b"AT\r");
    assert_eq!(line.sim.take_out(), b"\r\nOK\r\n", "the echo is off");

    // A Nokia: memories without names, nothing of what comes is told.
    let script = "AT+CPMS? every say +CPMS: ,,,,,,,,\nAT+CPMS= every error\nAT+CNMI every error";
    let mut line = Line::plain(scripted(script)).started();
    assert_eq!(line.dialogue.facts().indications, None);
    line.send(1);
    assert_eq!(line.ends(), [(1, SendEnd::Sent(Some(0)))]);
}

#[test]
fn refusals_and_a_new_start_behind_three_of_them() {
    let mut line = Line::plain(scripted("submit 1 cms 304\nAT+CMGS 2 error\nsubmit 2 cms 42")).started();
    (1..=2).for_each(|id| line.send(id));
    assert!(line.dialogue.is_ready());
    line.send(3);
    assert_eq!(
        line.ends(),
        [
            (1, SendEnd::Refused(AtError::Cms(304), true)),
            (2, SendEnd::Refused(AtError::Plain, false)),
            (3, SendEnd::Refused(AtError::Cms(42), true)),
        ]
    );
    assert!(line.dialogue.is_starting(), "three in a row");
    line.send(4);
    line.pass(5);
    assert_eq!(line.ends().last(), Some(&(4, SendEnd::Sent(Some(0)))));
}

#[test]
fn silence_behind_the_pdu_is_unsure_and_before_it_is_not() {
    let mut line = Line::plain(scripted("submit 1 taken-silence")).started();
    line.send(1);
    line.pass(119);
    assert_eq!(line.ends(), []);
    line.pass(2);
    assert_eq!(line.ends(), [(1, SendEnd::Unsure)]);
    assert!(line.events.contains(&Event::Dead("no answer")));

    let mut line = Line::plain(scripted("AT+CMGS 1 silence")).started();
    line.send(1);
    line.send(2);
    line.pass(17);
    assert_eq!(line.ends(), [(1, SendEnd::NotNow), (2, SendEnd::NotNow)]);
}

#[test]
fn a_line_that_breaks() {
    let mut line = Line::plain(scripted("submit 1 taken-silence")).started();
    line.send(1);
    line.send(2);
    line.dialogue.lost();
    line.settle();
    assert_eq!(line.ends(), [(1, SendEnd::Unsure), (2, SendEnd::NotNow)]);
}

#[test]
fn check_calls_notice_silence_but_not_errors() {
    let mut line = Line::plain(Options::default()).started();
    line.pass(600);
    assert!(line.dialogue.is_ready());
    line.sim.options.script = script::read("AT every error").expect("a script");
    line.pass(600);
    assert!(line.dialogue.is_ready(), "an ERROR is no silence");
    line.sim.options.script = script::read("AT every silence").expect("a script");
    line.pass(150);
    assert!(line.dialogue.is_ready(), "two may be missed");
    line.pass(120);
    assert_eq!(line.events.last(), Some(&Event::Dead("no answer")));
}

#[test]
fn no_network_no_sending() {
    let mut line = Line::plain(Options { registered: false, ..Options::default() }).started();
    assert!(line.dialogue.is_ready());
    line.send(1);
    assert_eq!(line.ends(), [(1, SendEnd::NotNow)]);
    line.sim.options.registered = true;
    line.pass(20);
    line.send(2);
    assert_eq!(line.ends().last(), Some(&(2, SendEnd::Sent(Some(0)))));
    line.dialogue.receive(b"\r\n+CREG: 2\r\n", line.now);
    line.send(3);
    assert_eq!(line.ends().last(), Some(&(3, SendEnd::NotNow)), "lost unasked");
}

/// Circuit switching says that it is denied, packet switching knows it: texts go.
#[test]
fn on_lte_alone() {
    let mut line = Line::plain(scripted("AT+CREG? every say +CREG: 0,3")).started();
    line.send(1);
    line.pass(600);
    line.dialogue.receive(b"\r\n+CREG: 3\r\n", line.now);
    line.settle();
    line.send(2);
    assert_eq!(line.ends(), [(1, SendEnd::Sent(Some(0))), (2, SendEnd::Sent(Some(1)))]);
    assert_eq!(line.dialogue.facts().registration, Some(1));
    line.sim.options.registered = false;
    line.pass(70);
    line.send(3);
    assert_eq!(line.ends().last(), Some(&(3, SendEnd::NotNow)));
    assert_eq!(line.dialogue.facts().registration, Some(3));
}

#[test]
fn stored_texts_are_deleted_when_they_are_durable() {
    let mut line = Line::plain(Options::default()).started();
    line.deliver("one");
    line.deliver("two");
    let tickets = line.arrived();
    assert_eq!((tickets.len(), line.sim.stored()), (2, 2));
    line.commit(tickets[0], true);
    assert_eq!(line.sim.stored(), 1);
    line.commit(tickets[1], false);
    assert_eq!(line.sim.stored(), 1, "not kept by the core, kept by the SIM");
    line.pass(70);
    assert_eq!(line.arrived().len(), 3, "the next look brings it again");
    line.commit(line.arrived()[2], true);
    assert_eq!(line.sim.stored(), 0);
}

#[test]
fn what_came_while_nobody_was_there_is_found() {
    let mut line = Line::plain(Options::default());
    (0..20)
        .for_each(|_| line.sim.deliver("+15551234567", Segment { body: Body::Text("x".to_owned()), udh: Vec::new() }));
    (0..100)
        .for_each(|_| line.sim.deliver("+15551234567", Segment { body: Body::Text("y".to_owned()), udh: Vec::new() }));
    assert_eq!(line.sim.stored(), 20, "full");
    line.pass(5);
    for _ in 0..10 {
        for ticket in line.arrived() {
            line.commit(ticket, true);
        }
        line.pass(61);
    }
    assert_eq!((line.sim.stored(), line.arrived().len()), (0, 120));
}

#[test]
fn a_storm_is_bounded_and_nothing_is_lost() {
    let mut line = Line::plain(Options { room: 1_000, ..Options::default() }).started();
    for n in 0..1_000 {
        line.sim.deliver("+15551234567", Segment { body: Body::Text(n.to_string()), udh: Vec::new() });
    }
    line.settle();
    assert!(line.arrived().len() <= UNCOMMITTED && line.dialogue.tasks.len() <= super::task::TOLD + 4);
    line.send(1);
    assert_eq!(line.ends().len(), 1, "sending goes on");
    let mut done = 0;
    while done < line.arrived().len() {
        let ticket = line.arrived()[done];
        line.commit(ticket, true);
        done += 1;
        if done == line.arrived().len() {
            line.pass(61);
        }
    }
    assert_eq!((done, line.sim.stored()), (1_000, 0));
}

#[test]
fn direct_texts_are_acknowledged_when_they_are_durable() {
    let mut line = Line::new(Options::default(), Setup { direct: true, receive: true, ..Setup::default() }).started();
    assert_eq!(line.dialogue.facts().indications, Some("2,2,0,1,0"));
    line.deliver("one");
    line.deliver("two");
    assert_eq!(line.arrived().len(), 1, "the network waits for the first");
    line.commit(line.arrived()[0], true);
    assert_eq!(line.arrived().len(), 2);
    assert_eq!(line.sim.stored(), 0);
}

#[test]
fn reports_before_the_answer_and_stored_ones() {
    let report = &[0x21, 0, 4, 0x81, 0x21, 0x43, 0, 0, 1, 0x67];
    for (first, script, setting) in [
        (true, "", "2,1,0,1,0"),
        (false, "", "2,1,0,1,0"),
        (true, "AT+CNMI=2,1,0,1 1 error\nAT+CNMI=1,1,0,1 1 error", "2,1,0,2,0"),
    ] {
        let options = Options { report_first: first, ..scripted(script) };
        let mut line = Line::plain(options).started();
        assert_eq!(line.dialogue.facts().indications, Some(setting));
        line.dialogue.submit(Submission { id: 1, tpdu: report.to_vec(), more: false }, line.now);
        line.settle();
        assert_eq!((line.ends(), line.arrived().len()), (vec![(1, SendEnd::Sent(Some(0)))], 1), "{script}");
        for ticket in line.arrived() {
            line.commit(ticket, true);
        }
    }
}

#[test]
fn runs_keep_the_link() {
    let mut line = Line::plain(Options::default()).started();
    line.dialogue.submit(Submission { id: 1, tpdu: SUBMIT.to_vec(), more: true }, line.now);
    line.settle();
    assert_eq!(line.dialogue.facts().runs, Some(true));
    let mut line = Line::plain(scripted("AT+CMMS every error")).started();
    for id in 0..3 {
        line.dialogue.submit(Submission { id, tpdu: SUBMIT.to_vec(), more: true }, line.now);
    }
    line.settle();
    assert_eq!((line.ends().len(), line.dialogue.facts().runs), (3, Some(false)));
}

#[test]
fn codes_are_asked() {
    let mut line = Line::plain(Options::default()).started();
    line.dialogue.ussd("*100#", line.now);
    line.settle();
    assert!(line.events.iter().any(|event| matches!(event, Event::Ussd { text, .. } if text.contains("3.50"))));
    // A Huawei refuses words and takes packed digits.
    let mut line = Line::plain(scripted("AT+CUSD=1,\"*100#\" every error")).started();
    line.dialogue.ussd("*100#", line.now);
    line.settle();
    assert!(line.events.iter().any(|event| matches!(event, Event::Ussd { text, .. } if text.contains("3.50"))));
    let mut line = Line::plain(scripted("AT+CUSD every error")).started();
    line.dialogue.ussd("*100#", line.now);
    line.settle();
    assert_eq!(line.events.last(), Some(&Event::NoUssd(AtError::Plain)));
}

/// No `+CMTI`: the look into the memory every minute finds what has come.
#[test]
fn polling_is_enough() {
    let mut line = Line::plain(scripted("AT+CNMI every error")).started();
    assert_eq!(line.dialogue.facts().indications, None);
    line.deliver("one");
    assert_eq!(line.arrived().len(), 0, "nobody has told");
    line.pass(61);
    line.commit(line.arrived()[0], true);
    assert_eq!((line.arrived().len(), line.sim.stored()), (1, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes: no panic, nothing unbounded, every submission ends once.
    #[test]
    fn any_octets_are_borne(chunks in proptest::collection::vec("(\\r\\n(OK|ERROR|> |\\+CMTI: \"SM\",1|\\+CMT: ,9|\\+CMS ERROR: 1|\\+CMGS: 3|[0-9A-F]{2,8}|\\PC{0,9})\\r?\\n?){0,4}", 0..40)) {
        let mut dialogue = Dialogue::new(Setup { receive: true, ..Setup::default() }, Duration::ZERO);
        let (mut now, mut ended) = (Duration::ZERO, Vec::new());
        for (chunk, id) in chunks.iter().zip(0u64..) {
            now += Duration::from_millis(400);
            dialogue.tick(now);
            dialogue.submit(Submission { id, tpdu: SUBMIT.to_vec(), more: id % 3 == 0 }, now);
            dialogue.receive(chunk.as_bytes(), now);
            dialogue.take_out();
            ended.extend(std::iter::from_fn(|| dialogue.next_event()).filter_map(|event| match event {
                Event::Ended(id, _) => Some(id),
                _ => None,
            }));
        }
        dialogue.lost();
        ended.extend(std::iter::from_fn(|| dialogue.next_event()).filter_map(|event| match event {
            Event::Ended(id, _) => Some(id),
            _ => None,
        }));
        ended.sort_unstable();
        prop_assert_eq!(ended, (0..chunks.len() as u64).collect::<Vec<_>>());
    }
}
