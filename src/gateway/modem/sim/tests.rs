//! The simulator as others see it.

use super::*;
use crate::sms::{Body, Segment};

fn said(sim: &mut Sim, octets: &str) -> String {
    sim.receive(octets.as_bytes());
    String::from_utf8(sim.take_out()).expect("ASCII")
}

fn text(words: &str) -> Segment {
    Segment { body: Body::Text(words.to_owned()), udh: Vec::new() }
}

#[test]
fn it_sends() {
    let mut sim = Sim::new(Options::default());
    assert_eq!(said(&mut sim, "ATE0\r"), "ATE0\r\r\nOK\r\n");
    assert_eq!(said(&mut sim, "AT+CMGS=15\r"), "\r\n> ");
    assert_eq!(said(&mut sim, "0001000B913316325476F800000167\x1a"), "\r\nERROR\r\n", "the length is wrong");
    assert_eq!(said(&mut sim, "AT+CMEE=1\rAT+CMGS=14\r"), "\r\nOK\r\n\r\n> ");
    assert_eq!(said(&mut sim, "\x1b"), "\r\nOK\r\n");
    assert_eq!(said(&mut sim, "AT+CMGS=14\r0001000B913316325476F800000167\x1a"), "\r\n> \r\n+CMGS: 0\r\n\r\nOK\r\n");
    assert_eq!(sim.taken()[0].submit.to.written(), "+33612345678");
    assert_eq!(said(&mut sim, "AT+CMGS=14\rhello\x1a"), "\r\n> \r\n+CMS ERROR: 304\r\n");
}

#[test]
fn it_keeps_what_comes_until_it_is_full() {
    let mut sim = Sim::new(Options { room: 2, ..Options::default() });
    said(&mut sim, "ATE0\rAT+CNMI=2,1,0,1,0\r");
    (0..3).for_each(|_| sim.deliver("+15551234567", text("hi")));
    assert_eq!(sim.stored(), 2);
    let told = said(&mut sim, "");
    assert!(told.contains("+CMTI: \"SM\",1") && told.contains("+CMTI: \"SM\",2"));
    assert!(said(&mut sim, "AT+CMGR=2\r").starts_with("\r\n+CMGR: 0,,"));
    assert_eq!(said(&mut sim, "AT+CMGD=1\r"), "\r\nOK\r\n\r\n+CMTI: \"SM\",1\r\n");
    assert_eq!(said(&mut sim, "AT+CMGL=4\r").matches("+CMGL: ").count(), 2);
}

#[test]
fn three_wrong_pins_lock_it() {
    let mut sim = Sim::new(Options { pin: Some("1234".to_owned()), ..Options::default() });
    said(&mut sim, "ATE0\rAT+CMEE=1\r");
    assert_eq!(said(&mut sim, "AT+CSQ\r"), "\r\n+CME ERROR: 11\r\n");
    for _ in 0..3 {
        assert_eq!(said(&mut sim, "AT+CPIN=\"0000\"\r"), "\r\n+CME ERROR: 16\r\n");
    }
    assert_eq!(said(&mut sim, "AT+CPIN?\r"), "\r\n+CPIN: SIM PUK\r\n\r\nOK\r\n");
}

#[test]
fn scripts() {
    let rules =
        script::read("# trouble\nAT+CSQ 2 error\n\nsubmit 3+ cms 331\nAT+CREG every say RING\n").expect("a script");
    assert_eq!(rules.len(), 3);
    let mut sim = Sim::new(Options { script: rules, ..Options::default() });
    said(&mut sim, "ATE0\r");
    assert!(said(&mut sim, "AT+CSQ\r").contains("OK"));
    assert_eq!(said(&mut sim, "AT+CSQ\r"), "\r\nERROR\r\n");
    assert!(said(&mut sim, "AT+CREG?\r").starts_with("\r\nRING\r\n"));
    for (bad, line) in [("AT", 1), ("\nAT x error", 2), ("AT 1 dance", 1), ("AT 1 cms x", 1)] {
        assert_eq!(script::read(bad).expect_err(bad).line, line);
    }
}
