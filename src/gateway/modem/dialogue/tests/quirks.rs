//! Ways of real modems, as others have recorded them.

use super::*;

const REPORT: &str = "00061C0B915155214365F7621152310000006211523100000000";
const DRAFT: &str = "0001000B915155214365F7000001E1";

/// As ModemManager leaves them; an old Wavecom then says 515 for a while, and is asked once more who it is.
#[test]
fn a_radio_that_is_off_is_switched_on_once() {
    let script = "AT+CFUN? 1 say +CFUN: 4\nATE0 2 answer +CME ERROR: 515\nAT+CGMI 1 cme 515\nAT+CPIN 1 cme 515";
    let mut line = Line::plain(scripted(script));
    line.pass(20);
    assert!(line.dialogue.is_ready() && line.trouble().is_empty());
    assert_eq!(line.dialogue.facts().maker.as_deref(), Some("Martlet"));
    assert_eq!(switched_on(&line), 1);
    let mut sim = Sim::new(Options::default());
    sim.receive(b"AT+CFUN=4\r");
    sim.take_out();
    let mut line = Line::plain(Options::default());
    line.sim = sim;
    line.pass(20);
    line.send(1);
    assert_eq!(line.ends(), [(1, SendEnd::Sent(Some(0)))]);
    // One that stays off is not switched on again and again; the network will say what it thinks of that.
    let mut line = Line::plain(scripted("AT+CFUN? every say +CFUN: 0"));
    line.pass(20);
    assert!(line.dialogue.is_ready());
    assert_eq!(switched_on(&line), 1);
    // What is no state, or one of its maker's own, is left alone: a ZTE answers with what could be asked.
    for state in ["+CFUN: 1", "+CFUN: (0-1,4-7),(0-1)", "+CFUN: 7,0"] {
        let mut line = Line::plain(scripted(&format!("AT+CFUN? every say {state}")));
        line.pass(20);
        assert_eq!((line.dialogue.is_ready(), switched_on(&line)), (true, 0), "{state}");
    }
    let mut line = Line::plain(scripted("AT+CFUN? every say +CFUN: 0\nAT+CFUN=1 every error"));
    line.pass(20);
    assert!(line.dialogue.is_ready());
}

fn switched_on(line: &Line) -> usize {
    line.written.iter().filter(|line| *line == "AT+CFUN=1").count()
}

/// A Huawei takes codes neither as words nor packed before it is told which.
#[test]
fn codes_behind_the_mode_of_huaweis() {
    let mut line = Line::plain(scripted("AT+CUSD 1 error\nAT+CUSD 2 error\nAT^USSDMODE 1 answer OK")).started();
    line.dialogue.ussd("*100#", line.now);
    line.settle();
    assert!(line.events.iter().any(|event| matches!(event, Event::Ussd { text, .. } if text.contains("3.50"))));
    let asked: Vec<_> = line.written.iter().filter(|line| line.contains("USSD") || line.contains("CUSD")).collect();
    assert_eq!(
        asked,
        ["AT+CUSD=1,\"*100#\",15", "AT+CUSD=1,\"AA180C3602\",15", "AT^USSDMODE=0", "AT+CUSD=1,\"*100#\",15"]
    );
    let mut line = Line::plain(scripted("AT+CUSD every error\nAT^USSDMODE 1 answer OK")).started();
    line.dialogue.ussd("*100#", line.now);
    line.settle();
    assert_eq!(line.events.last(), Some(&Event::NoUssd(AtError::Plain)));
}

/// A ZTE leaves out what a text is, where it is a report; another's drafts are still nobody's mail.
#[test]
fn stored_texts_without_a_state() {
    for (pdu, arrives) in [(REPORT, true), (DRAFT, false)] {
        let mut line = Line::plain(Options::default()).started();
        line.dialogue.receive(b"\r\n+CDSI: \"SM\",1\r\n", line.now);
        assert_eq!(line.dialogue.take_out(), b"AT+CMGR=1\r");
        let answer = format!("\r\n+CMGR: ,,{}\r\n{pdu}\r\n\r\nOK\r\n", pdu.len() / 2 - 1);
        line.dialogue.receive(answer.as_bytes(), line.now);
        line.settle();
        assert_eq!(line.arrived().len(), usize::from(arrives), "{pdu}");
        if let Some(ticket) = line.arrived().first() {
            line.dialogue.committed(*ticket, true, line.now);
            assert_eq!(line.dialogue.take_out(), b"AT+CMGD=1\r");
        }
    }
}
