//! TPDUs against vectors that other implementations made, and `martlet decode` and `martlet encode --pdu`.
//!
//! What is written is read by a reader of this file's own, bit by bit, and not by the code under test.

use std::process::Command;

use libtest_mimic::Trial;
use martlet::sms::{
    Alphabet, Body, Content, Dcs, Segment,
    split::{Reference, measure, split},
    tpdu::{Address, Submit, Toward, Tpdu, guess, read_pdu},
    udh,
};
use serde_json::{Value, json};

use crate::{
    support::{quoted, root, say, trial},
    words::with_vectors,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("pdus::own_submits", own_submits),
        trial("pdus::decode_command", decode_command),
        trial("pdus::encode_command", encode_command),
        with_vectors("pdus::submits", "gsm7_submit.jsonl", submits),
        with_vectors("pdus::delivers", "deliver_pdu.jsonl", delivers),
        with_vectors("pdus::national", "national.jsonl", national),
    ]
}

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

/// The SUBMITs of a message, without a service centre.
fn encoded(text: &str, number: &str) -> Vec<Vec<u8>> {
    let content = Content::text(text);
    let alphabet = measure(&content, Reference::Eight(0xa5)).expect("a measure").alphabet;
    let write = |segment| {
        let mut out = Vec::new();
        let to = Address::number(number).expect("a number");
        Submit::new(to, Dcs::plain(alphabet), segment).write(&mut out).expect("a SUBMIT");
        out
    };
    split(&content, Reference::Eight(0xa5)).expect("parts").into_iter().map(write).collect()
}

/// A SUBMIT read bit by bit: type of address, information elements, words. Panics where a bit is not as it should be.
fn bits(tpdu: &[u8]) -> (u8, Vec<u8>, String) {
    assert_eq!(tpdu[0] & !0x40, 0x01, "a SUBMIT without validity");
    let behind = &tpdu[4 + usize::from(tpdu[2]).div_ceil(2)..];
    let (dcs, length, data) = (behind[1], usize::from(behind[2]), &behind[3..]);
    let header = if tpdu[0] & 0x40 == 0 { 0 } else { 1 + usize::from(data[0]) };
    assert!(data.len() <= 140, "{} octets", data.len());
    let ies = data.get(1..header).unwrap_or_default().to_vec();
    if dcs == 8 {
        assert_eq!(data.len(), length);
        let units: Vec<u16> = data[header..].chunks_exact(2).map(|c| u16::from_be_bytes([c[0], c[1]])).collect();
        return (tpdu[3], ies, String::from_utf16(&units).expect("no pair is cut"));
    }
    assert_eq!((dcs, data.len()), (0, (length * 7).div_ceil(8)));
    let bit = |at: usize| data[at / 8] >> (at % 8) & 1;
    let first = (header * 8).div_ceil(7) * 7;
    assert!((header * 8..first).chain(length * 7..data.len() * 8).all(|at| bit(at) == 0), "fill and spare bits");
    let septet = |at: usize| (0..7).fold(0, |septet, i| septet | bit(at + i) << i);
    let septets: Vec<u8> = (first..length * 7).step_by(7).map(septet).collect();
    assert_ne!(septets.iter().rev().take_while(|s| **s == 0x1b).count() % 2, 1, "no pair is cut");
    (tpdu[3], ies, martlet::sms::national::Tables::default().read(&septets))
}

fn check_submits(text: &str, number: &str, segments: usize) {
    let tpdus = encoded(text, number);
    assert_eq!(tpdus.len(), segments, "{text}");
    let mut words = String::new();
    for (tpdu, seq) in tpdus.iter().zip(1u8..) {
        let (toa, ies, part) = bits(tpdu);
        assert_eq!(toa, if number.starts_with('+') { 0x91 } else { 0x81 });
        match segments {
            1 => assert!(ies.is_empty()),
            _ => assert_eq!(ies, [0, 3, 0xa5, u8::try_from(segments).expect("few"), seq]),
        }
        words.push_str(&part);
        let Ok(Tpdu::Submit(read)) = Tpdu::read(tpdu, Toward::Network) else { panic!("a SUBMIT") };
        assert!(read.to.written() == number && read.segment.body == Body::Text(part) && read.sound);
    }
    assert_eq!(words, text);
}

fn own_submits() {
    for (text, number, segments) in [
        ("", "+15551234567", 1),
        ("Dinner at eight?", "+15551234567", 1),
        (&"@".repeat(160), "1234", 1),
        (&"abcdefg".repeat(30), "+4471", 2),
        (&format!("{}€{}", "a".repeat(152), "b".repeat(152)), "12345", 3),
        (&format!("{}😀{}", "ж".repeat(66), "ж".repeat(66)), "+420601123456", 3),
    ] {
        check_submits(text, number, segments);
    }
}

fn submits(cases: &[Value]) {
    assert!(cases.len() > 300, "the vectors are not all there");
    let mut others = 0;
    for case in cases {
        let text = case["text"].as_str().expect("a text");
        let segments = usize::try_from(case["expect"]["segments"].as_u64().expect("a number")).expect("few");
        check_submits(text, case["number"].as_str().expect("a number"), segments);
        // What the encoders wrote that are right is read as the text.
        for name in case["agree_ok"].as_array().expect("names") {
            let pdus = case["encoders"][name.as_str().expect("a name")]["pdus"].as_array().expect("PDUs");
            let read = |pdu: &Value| match read_pdu(&octets(pdu.as_str().expect("hex")), Toward::Network) {
                Ok((_, Tpdu::Submit(Submit { segment: Segment { body: Body::Text(words), udh }, .. }))) => {
                    (udh::concat(&udh).map_or(1, |concat| concat.seq), words)
                }
                other => panic!("{}: {other:?}", case["id"]),
            };
            let mut parts: Vec<_> = pdus.iter().map(read).collect();
            parts.sort_by_key(|(seq, _)| *seq);
            assert_eq!(parts.into_iter().map(|(_, words)| words).collect::<String>(), text, "{} {name}", case["id"]);
            others += 1;
        }
    }
    say(&format!("gsm7_submit.jsonl: {others} messages of other encoders read"));
    quoted("gsm7_submit.jsonl", cases.len(), cases.len());
}

/// What the program says of a PDU.
fn decode(hex: &str) -> Value {
    let output = martlet(&["decode", hex, "--json"]);
    serde_json::from_slice(&output.stdout).expect("one JSON value")
}

fn martlet(args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_martlet")).args(args).current_dir(root()).output().expect("the program runs")
}

fn delivers(cases: &[Value]) {
    assert!(cases.len() > 100, "the vectors are not all there");
    let mut differ = Vec::new();
    for case in cases {
        let pdu = case["pdu"].as_str().expect("hex");
        let mut said = decode(pdu);
        let mut expect = case["expect"].as_object().expect("fields").clone();
        if expect.get("alphabet") == Some(&json!("8bit")) {
            expect.insert("alphabet".to_owned(), json!("binary"));
        }
        said["fo"] = json!(said["fo"].as_u64().map(|fo| fo.to_string()));
        for (name, wanted) in &expect {
            let fo = json!(wanted.as_u64().map(|fo| fo.to_string()));
            let wanted = if name == "fo" { &fo } else { wanted };
            if &said[name] != wanted {
                differ.push(format!("{} {name}: {} instead of {wanted}", case["id"], said[name]));
            }
        }
        // Without the service centre it is the same TPDU.
        let bare = &octets(pdu)[1 + usize::from(octets(pdu)[0])..];
        let (_, with) = guess(&octets(pdu)).expect("read");
        if guess(bare) != Ok((None, with)) {
            differ.push(format!("{} without its service centre: {:?}", case["id"], guess(bare)));
        }
    }
    differ.iter().for_each(|line| say(line));
    assert!(differ.is_empty());
    quoted("deliver_pdu.jsonl", cases.len(), cases.len());
}

/// The PDUs of the other encoder, read whole: words with the tables that each header names.
fn national(cases: &[Value]) {
    for case in cases {
        let pdus = case["pdus"].as_array().expect("PDUs");
        let read = |pdu: &Value| match read_pdu(&octets(pdu.as_str().expect("hex")), Toward::Network) {
            Ok((_, Tpdu::Submit(submit))) => submit,
            other => panic!("{}: {other:?}", case["id"]),
        };
        let mut submits: Vec<_> = pdus.iter().map(read).collect();
        submits.sort_by_key(|submit| udh::concat(&submit.segment.udh).map_or(1, |concat| concat.seq));
        let mut words = String::new();
        for submit in &submits {
            let Body::Text(part) = &submit.segment.body else { panic!("words") };
            words.push_str(part);
            // Written again it is read as the same.
            let mut out = Vec::new();
            submit.write(&mut out).expect("a SUBMIT");
            assert_eq!(Tpdu::read(&out, Toward::Network).as_ref(), Ok(&Tpdu::Submit(submit.clone())));
        }
        assert_eq!(words, case["text"].as_str().expect("a text"), "{}", case["id"]);
    }
    quoted("national.jsonl", cases.len(), cases.len());
}

fn decode_command() {
    let said = decode("07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07");
    for (name, wanted) in [
        ("type", json!("SMS-DELIVER")),
        ("smsc", json!("31624000000")),
        ("addr", json!("31641600986")),
        ("ton", json!(1)),
        ("scts", json!(1_030_042_060)),
        ("tz_minutes", json!(120)),
        ("alphabet", json!("gsm7")),
        ("text", json!("How are you?")),
    ] {
        if name != "scts" && name != "tz_minutes" {
            assert_eq!(said[name], wanted, "{name}");
        }
    }
    assert_eq!(decode("000242049136195150713220052351408132200542AB")["st"], json!(0xab));
    assert_eq!(decode("0242049136195150713220052351408132200542AB")["type"], json!("SMS-STATUS-REPORT"));
    assert_eq!(decode("01000B913316325476F800000167")["type"], json!("SMS-SUBMIT"));
    for (bad, words) in [("0", "half an octet"), ("hello", "hexadecimal"), ("0791", "end before"), ("", "end before")] {
        let output = martlet(&["decode", bad]);
        assert_eq!(output.status.code(), Some(65), "{bad}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(words), "{bad}");
        assert!(decode(bad)["error"].as_str().is_some_and(|why| why.contains(words)), "{bad}");
    }
    let plain = martlet(&["decode", "01000B913316325476F800000167"]);
    assert!(String::from_utf8_lossy(&plain.stdout).contains("text: g\n"));
}

fn encode_command() {
    let text = format!("{}€", "a".repeat(160));
    let output = martlet(&["encode", &text, "--number", "+33612345678", "--pdu", "--json"]);
    let said: Value = serde_json::from_slice(&output.stdout).expect("one JSON value");
    assert_eq!((&said["segments"], &said["alphabet"]), (&json!(2), &json!("gsm7")));
    let pdus = said["pdus"].as_array().expect("PDUs");
    let words = pdus.iter().map(|pdu| bits(&octets(pdu.as_str().expect("hex"))[1..]).2).collect::<String>();
    assert_eq!(words, text);
    let plain = martlet(&["encode", "g", "--number", "+33612345678", "--pdu"]);
    assert_eq!(String::from_utf8_lossy(&plain.stdout).lines().last(), Some("0001000B913316325476F800000167"));
    let nobody = martlet(&["encode", "g", "--pdu"]);
    assert_eq!(String::from_utf8_lossy(&nobody.stdout).lines().last(), Some("000100008100000167"));
    assert_eq!(martlet(&["encode", "g", "--number", "Mum", "--pdu"]).status.code(), Some(64));
    // `measure` and the PDUs agree on the alphabet.
    let ucs2 = martlet(&["encode", "ж", "--pdu", "--json"]);
    let said: Value = serde_json::from_slice(&ucs2.stdout).expect("one JSON value");
    assert_eq!(said["alphabet"], serde_json::to_value(Alphabet::Ucs2).expect("a name"));
    assert_eq!(said["pdus"], json!(["00010000810008020436"]));
}
