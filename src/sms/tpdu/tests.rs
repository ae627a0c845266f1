//! Known answers of the standard's fields, leniency, and properties of reading and writing.

use proptest::prelude::*;

use super::*;
use crate::sms::{Alphabet, Body, Dcs, Segment};

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

fn words(tpdu: &Tpdu) -> &str {
    let segment = match tpdu {
        Tpdu::Deliver(deliver) => &deliver.data.segment,
        Tpdu::Submit(submit) => &submit.segment,
        _ => panic!("has words"),
    };
    match &segment.body {
        Body::Text(words) => words,
        Body::Binary(_) => panic!("words"),
    }
}

fn text(words: &str) -> Segment {
    Segment { body: Body::Text(words.to_owned()), udh: Vec::new() }
}

#[test]
fn a_deliver() {
    let (smsc, tpdu) = guess(&octets("07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"))
        .expect("a DELIVER");
    assert_eq!(smsc.expect("a service centre").written(), "+31624000000");
    let Tpdu::Deliver(deliver) = &tpdu else { panic!("a DELIVER") };
    assert_eq!((deliver.from.written().as_str(), words(&tpdu)), ("+31641600986", "How are you?"));
    assert!(!deliver.more() && deliver.data.sound);
}

#[test]
fn submits_are_written_as_others_write_them() {
    let to = Address::number("+33612345678").expect("a number");
    for (submit, hex) in [
        (Submit::new(to.clone(), Dcs(0), text("g")), "01000B913316325476F800000167"),
        (
            Submit {
                report: true,
                validity: Some(Validity::Relative(0xa7)),
                ..Submit::new(to.clone(), Dcs(8), text("ж"))
            },
            "31000B913316325476F80008A7020436",
        ),
        (
            Submit::new(
                to.clone(),
                Dcs(4),
                Segment { body: Body::Binary(vec![1, 2]), udh: vec![5, 4, 0x0b, 0x84, 0x23, 0xf0] },
            ),
            "41000B913316325476F800040906050 40B8423F00102",
        ),
        (
            Submit::new(to, Dcs(0), Segment { body: Body::Text("A".to_owned()), udh: vec![0, 3, 7, 2, 1] }),
            "41000B913316325476F8000008050003070201 82",
        ),
    ] {
        let mut out = Vec::new();
        submit.write(&mut out).expect("written");
        assert_eq!(out, octets(&hex.replace(' ', "")), "{hex}");
        assert_eq!(Tpdu::read(&out, Toward::Network), Ok(Tpdu::Submit(submit)));
    }
}

#[test]
fn what_does_not_fit_is_not_written() {
    let to = Address::number("1234").expect("a number");
    let write = |dcs, segment| Submit::new(to.clone(), Dcs(dcs), segment).write(&mut Vec::new());
    assert_eq!(write(0, text(&"a".repeat(160))), Ok(()));
    assert_eq!(write(0, text(&"a".repeat(161))), Err(TpduError::Long));
    assert_eq!(write(0, text(&"€".repeat(81))), Err(TpduError::Long));
    assert_eq!(write(8, text(&"a".repeat(71))), Err(TpduError::Long));
    assert_eq!(write(0, text("ж")), Err(TpduError::Alphabet));
    assert_eq!(write(4, text("a")), Err(TpduError::Alphabet));
    assert_eq!(write(0, Segment { body: Body::Binary(vec![1]), udh: Vec::new() }), Err(TpduError::Alphabet));
    assert_eq!(write(4, Segment { body: Body::Binary(vec![1]), udh: vec![0x70; 140] }), Err(TpduError::Long));
}

#[test]
fn reports_end_where_they_like() {
    let hex = "0642049136195150713220052351408132200542AB";
    for more in ["", "00", "01", "0189", "0204", "0589", "8001", "0604067265706F7274", "078904067265706F7274"] {
        let tpdu = Tpdu::read(&octets(&format!("{hex}{more}")), Toward::Phone).expect("a report");
        let Tpdu::Report(report) = tpdu else { panic!("a report") };
        assert_eq!((report.reference, report.to.written().as_str()), (0x42, "+6391"), "{more}");
        assert_eq!(report.status.stage(), Stage::Failed { temporary: true });
    }
    for (status, stage) in [
        (0, Stage::Delivered),
        (1, Stage::Relayed),
        (0x30, Stage::Trying),
        (0x46, Stage::Failed { temporary: false }),
        (0x60, Stage::Failed { temporary: true }),
    ] {
        assert_eq!(Status(status).stage(), stage);
    }
    for status in 0..=255 {
        assert!(!Status(status).words().is_empty());
    }
}

#[test]
fn malformed_ones_are_read_as_far_as_they_go() {
    // UDHL 0x50 of 5 octets: no header.
    let long_header = octets("44048121430000010180029182400550C8329BFD");
    let Ok(Tpdu::Deliver(deliver)) = Tpdu::read(&long_header, Toward::Phone) else { panic!("a DELIVER") };
    assert!(deliver.data.segment.udh.is_empty() && !deliver.data.sound);
    // A length beyond the octets, and a time that is none.
    let cut = octets(&format!("0404812143{}0FE8329BFD06", "00".repeat(9)));
    let Ok(tpdu) = Tpdu::read(&cut, Toward::Phone) else { panic!("a DELIVER") };
    assert_eq!(words(&tpdu), "hello");
    assert_eq!(Tpdu::read(&[0x04, 0x04], Toward::Phone), Err(TpduError::Short));
    assert_eq!(Tpdu::read(&[0x03, 0x04], Toward::Network), Err(TpduError::Kind));
    assert_eq!(guess(&[]), Err(TpduError::Short));
}

#[test]
fn commands_by_the_standard() {
    // 9.2.2.4: type, TP-MR, TP-PID, TP-CT, TP-MN, TP-DA, TP-CDL, TP-CD.
    let command = |report, reference, kind, number, to: &str, data: &[u8]| Command {
        report,
        reference,
        pid: 0,
        kind,
        number,
        to: Address::number(to).expect("a number"),
        data: data.to_vec(),
    };
    for (command, hex) in [
        // What has become of text 7, and to be told so.
        (command(true, 1, 0, 7, "+15551234567", &[]), "2201 00 00 07 0B915155214365F7 00"),
        // Delete text 42.
        (command(false, 255, 2, 42, "12345", &[]), "02FF 00 02 2A 05812143F5 00"),
        (command(false, 0, 1, 0, "+33612345678", &[0xab]), "0200 00 01 00 0B913316325476F8 01AB"),
        (command(false, 9, 0xe0, 3, "+33612345678", &[1, 2]), "0209 00 E0 03 0B913316325476F8 020102"),
    ] {
        let wanted = octets(&hex.replace(' ', ""));
        let mut out = Vec::new();
        command.write(&mut out).expect("written");
        assert_eq!(out, wanted, "{hex}");
        assert_eq!(Tpdu::read(&out, Toward::Network), Ok(Tpdu::Command(command.clone())), "{hex}");
        assert_eq!(guess(&wanted), Ok((None, Tpdu::Command(command.clone()))), "{hex}");
        let behind = [&[0], wanted.as_slice()].concat();
        assert_eq!(guess(&behind), Ok((None, Tpdu::Command(command))), "{hex}");
    }
    // A report whose times are none stays a report.
    let broken = octets("000642049136190000000000000000000000000000AB");
    assert!(matches!(guess(&broken), Ok((_, Tpdu::Report(_)))));
    let long = Command { data: vec![0; 158], ..command(false, 0, 0, 0, "12345", &[]) };
    assert_eq!(long.write(&mut Vec::new()), Err(TpduError::Long));
}

#[test]
fn one_alphabet_for_all_parts() {
    let data = Segment { body: Body::Binary(vec![1]), udh: Vec::new() };
    for (segments, alphabet) in [
        (vec![text("a"), text("b")], Alphabet::Gsm7),
        (vec![text("a"), text("ж"), text("b")], Alphabet::Ucs2),
        (vec![data], Alphabet::Binary),
        (vec![Segment { body: Body::Text("ş".to_owned()), udh: vec![0x24, 1, 1] }], Alphabet::Gsm7),
    ] {
        assert_eq!(alphabet_of(&segments), alphabet);
    }
}

proptest! {
    #[test]
    fn any_octets_are_read(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = guess(&octets);
        for toward in [Toward::Phone, Toward::Network] {
            let _ = Tpdu::read(&octets, toward);
            let _ = read_pdu(&octets, toward);
        }
    }

    #[test]
    fn words_come_back(text in "[a-zA-Z0-9@€{}\\n]{0,70}", ucs2 in any::<bool>(), udh in any::<bool>(), wide in any::<bool>()) {
        let udh = match (udh, wide) {
            (false, _) => Vec::new(),
            (true, false) => vec![0, 3, 1, 2, 1],
            (true, true) => vec![8, 4, 1, 1, 2, 1],
        };
        let segment = Segment { body: Body::Text(text), udh };
        let submit = Submit::new(Address::number("+15551234567").expect("a number"), Dcs(if ucs2 { 8 } else { 0 }), segment);
        let mut out = Vec::new();
        match submit.write(&mut out) {
            Ok(()) => prop_assert_eq!(Tpdu::read(&out, Toward::Network), Ok(Tpdu::Submit(submit))),
            Err(error) => prop_assert_eq!(error, TpduError::Long),
        }
    }
}
