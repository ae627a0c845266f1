//! Numbers and segments against vectors that other implementations made, and against own cases of each kind.
//!
//! The vectors live outside of the repository (`MARTLET_VECTORS`); without them those trials are ignored and say so.

use std::collections::BTreeMap;

use libtest_mimic::Trial;
use martlet::{
    address::{Accept, Destination, NumberError, Numbering, Region},
    sms::{
        Alphabet, Body, Content,
        alphabet::septets,
        join::join,
        national::{Language, Tables, choose},
        split::{Reference, measure, split},
        udh,
    },
};
use serde_json::Value;

use crate::support::{quoted, say, trial, vectors};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("words::own_segments", own_segments),
        trial("words::own_numbers", own_numbers),
        trial("words::own_national", own_national),
        with_vectors("words::segments", "segments.jsonl", segments),
        with_vectors("words::numbers", "numbers.jsonl", numbers),
        with_vectors("words::national", "national.jsonl", national),
    ]
}

pub fn with_vectors(name: &str, file: &'static str, test: fn(&[Value])) -> Trial {
    let Some(path) = vectors().map(|dir| dir.join(file)).filter(|path| path.is_file()) else {
        return Trial::test(format!("{name} (skipped: MARTLET_VECTORS has no {file})"), || Ok(()))
            .with_ignored_flag(true);
    };
    trial(name, move || {
        let text = std::fs::read_to_string(path).expect("readable vectors");
        let cases: Vec<Value> = text.lines().map(|line| serde_json::from_str(&paired(line)).expect("JSON")).collect();
        test(&cases);
    })
}

/// A line of JSON in which what is half a pair is written as U+FFFD: libraries that cut pairs have left such in what
/// they answered.
fn paired(line: &str) -> String {
    let unit = |at: usize| {
        let hex = line.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(hex, 16).ok()
    };
    let (mut out, mut at) = (String::with_capacity(line.len()), 0);
    while let Some(step) = line[at..].find('\\') {
        out.push_str(&line[at..at + step]);
        at += step;
        let whole = match unit(at) {
            Some(0xd800..=0xdbff) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => 0,
            _ => 2,
        };
        out.push_str(if whole == 0 { "\\ufffd" } else { &line[at..at + whole] });
        at += if whole == 0 { 6 } else { whole };
    }
    out.push_str(&line[at..]);
    out
}

/// Alphabet, units and segments; and every part is within its limit, the parts joined are the text.
fn check_segments(text: &str) -> (Alphabet, usize, usize) {
    let content = Content::text(text);
    let reference = Reference::Eight(7);
    let measured = measure(&content, reference).expect("a measure");
    let parts = split(&content, reference).expect("parts");
    assert_eq!(parts.len(), measured.segments, "measured as it is cut");
    let limit = match (measured.alphabet, parts.len()) {
        (Alphabet::Gsm7, 1) => 160,
        (Alphabet::Gsm7, _) => 153,
        (_, 1) => 70,
        (_, _) => 67,
    };
    for part in &parts {
        let Body::Text(words) = &part.body else { panic!("a text stays a text") };
        let units: usize = match measured.alphabet {
            Alphabet::Gsm7 => words.chars().map(|c| septets(c).expect("GSM-7")).sum(),
            _ => words.encode_utf16().count(),
        };
        assert!(units <= limit, "{units} units in a part");
    }
    let shuffled: Vec<_> = parts.iter().rev().map(|part| (udh::concat(&part.udh), part)).collect();
    assert!(join(&shuffled).content == content, "the parts joined are the text");
    (measured.alphabet, measured.units, measured.segments)
}

fn own_segments() {
    use Alphabet::{Gsm7, Ucs2};
    for (text, expected) in [
        ("", (Gsm7, 0, 1)),
        ("Dinner at eight?", (Gsm7, 16, 1)),
        ("Straße, naïve", (Ucs2, 13, 1)),
        ("{[~]}", (Gsm7, 10, 1)),
        (&"0123456789".repeat(16), (Gsm7, 160, 1)),
        (&format!("{}{}", "a".repeat(159), "€"), (Gsm7, 161, 2)),
        // The pair does not fit behind 152 septets: a third part.
        (&format!("{}€{}", "a".repeat(152), "b".repeat(152)), (Gsm7, 306, 3)),
        (&"ж".repeat(71), (Ucs2, 71, 2)),
        (&format!("{}😀{}", "ж".repeat(66), "ж".repeat(66)), (Ucs2, 134, 3)),
        ("line\r\nbreak\u{c}", (Gsm7, 13, 1)),
    ] {
        assert_eq!(check_segments(text), expected, "{text}");
    }
}

fn segments(cases: &[Value]) {
    let total = cases.len();
    assert!(total > 100, "the vectors are not all there");
    for case in cases {
        let (alphabet, units, segments) = check_segments(case["text"].as_str().expect("a text"));
        let name = serde_json::to_value(alphabet).expect("a name");
        let expect = &case["expect"];
        assert_eq!(
            (&name, Some(units as u64), Some(segments as u64)),
            (&expect["encoding"], expect["units"].as_u64(), expect["segments"].as_u64()),
            "{}",
            case["id"]
        );
    }
    quoted("segments.jsonl", total, total);
}

/// Segments of a text where one language is allowed; each is written in septets and read again.
fn check_national(text: &str, language: Language) -> usize {
    let reference = Reference::Eight(7);
    let content = choose(&Content::text(text), &[language], reference);
    let alphabet = measure(&content, reference).expect("a measure").alphabet;
    let parts = split(&content, reference).expect("parts");
    let mut shown = String::new();
    for part in &parts {
        let Body::Text(words) = &part.body else { panic!("a text stays a text") };
        let header = if part.udh.is_empty() { 0 } else { part.udh.len() + 1 };
        if alphabet == Alphabet::Gsm7 {
            let tables = Tables::of(&part.udh);
            let septets = tables.write(words).expect("in its tables");
            assert!((header * 8).div_ceil(7) + septets.len() <= 160);
            shown.push_str(&tables.read(&septets));
        } else {
            assert!(header + words.encode_utf16().count() * 2 <= 140);
            shown.push_str(words);
        }
    }
    assert_eq!(shown, text);
    parts.len()
}

fn own_national() {
    for (text, language, expected) in [
        ("ş".repeat(155), Language::Turkish, 1),
        ("ş".repeat(156), Language::Turkish, 2),
        ("ş".repeat(156), Language::Spanish, 3),
        ("¿Qué tal? Así, aquí está. ".repeat(5), Language::Spanish, 1),
        ("não, até amanhã ".repeat(9), Language::Portuguese, 1),
        ("नमस्ते दुनिया ".repeat(10), Language::Hindi, 1),
        ("آپ کیسے ہیں ".repeat(12), Language::Urdu, 1),
    ] {
        assert_eq!(check_national(&text, language), expected, "{text}");
    }
}

/// The tables and the words of a SUBMIT (SMSC in front, relative validity), and how many septets they take.
fn submitted(pdu: &str) -> (Option<Tables>, String, usize, u8) {
    let octets: Vec<u8> =
        (0..pdu.len()).step_by(2).map(|at| u8::from_str_radix(&pdu[at..at + 2], 16).expect("hex")).collect();
    let tpdu = &octets[1 + usize::from(octets[0])..];
    let behind = &tpdu[4 + usize::from(tpdu[2]).div_ceil(2)..];
    let (dcs, length, data) = (behind[1], usize::from(behind[3]), &behind[4..]);
    let header = if tpdu[0] & 0x40 == 0 { 0 } else { 1 + usize::from(data[0]) };
    let ies = data.get(1..header).unwrap_or_default();
    let seq = udh::concat(ies).map_or(1, |concat| concat.seq);
    if dcs & 0x0c == 8 {
        let units: Vec<u16> = data[header..].chunks_exact(2).map(|c| u16::from_be_bytes([c[0], c[1]])).collect();
        return (None, String::from_utf16(&units).expect("UTF-16"), units.len(), seq);
    }
    let bit = |at: usize| data[at / 8] >> (at % 8) & 1;
    let septet = |n: usize| (0..7).fold(0, |septet, i| septet | bit(n * 7 + i) << i);
    let septets: Vec<u8> = ((header * 8).div_ceil(7)..length).map(septet).collect();
    let tables = Tables::of(ies);
    (Some(tables), tables.read(&septets), septets.len(), seq)
}

fn national(cases: &[Value]) {
    let total = cases.len();
    assert!(total > 100, "the vectors are not all there");
    for case in cases {
        let (id, text) = (&case["id"], case["text"].as_str().expect("a text"));
        let language =
            case["nli"].as_u64().and_then(|id| Language::from_id(u8::try_from(id).ok()?)).expect("a language");
        // What the other encoder wrote is read as the text, and we need no more septets for it.
        let pdus = case["pdus"].as_array().expect("PDUs");
        let mut parts: Vec<_> = pdus.iter().map(|pdu| submitted(pdu.as_str().expect("hex"))).collect();
        parts.sort_by_key(|part| part.3);
        assert_eq!(parts.iter().map(|part| part.1.as_str()).collect::<String>(), text, "{id}");
        for (tables, words, septets, _) in &parts {
            let written = tables.map(|tables| tables.write(words).expect("in its tables").len());
            assert!(written.is_none_or(|written| written <= *septets), "{id}");
        }
        assert!(check_national(text, language) <= parts.len(), "{id}");
    }
    quoted("national.jsonl", total, total);
}

/// The E.164 form of a valid number, `short`, `possible`, or the reason.
fn number(written: &str, region: &str) -> Result<String, NumberError> {
    let numbering = Numbering { region: region.parse::<Region>()?, accept: Accept::Possible };
    let reading = numbering.read(written)?;
    Ok(match reading.destination {
        Destination::Short(_) => "short".to_owned(),
        Destination::Number(_) if !reading.valid => "possible".to_owned(),
        Destination::Number(number) => number.as_str().to_owned(),
    })
}

fn own_numbers() {
    for (written, region, expected) in [
        ("020 7946 0018", "GB", Ok("+442079460018")),
        ("+44 (0) 20 7946 0018", "US", Ok("+442079460018")),
        ("00442079460018", "FR", Ok("+442079460018")),
        ("011442079460018", "US", Ok("+442079460018")),
        ("030 901820", "DE", Ok("+4930901820")),
        ("+15551234567", "US", Ok("possible")),
        ("+15551234567", "GB", Err(NumberError::Impossible)),
        ("51234", "US", Ok("short")),
        ("999", "GB", Err(NumberError::Emergency)),
        ("555 01", "US", Ok("short")),
        ("call me", "US", Err(NumberError::NotANumber)),
        ("+1 202 555 01234567890", "US", Err(NumberError::TooLong)),
    ] {
        assert_eq!(number(written, region), expected.map(str::to_owned), "{written}");
    }
}

fn numbers(cases: &[Value]) {
    let mut differ = BTreeMap::new();
    let mut asked = 0;
    for case in cases {
        let written = case["input"].as_str().expect("an input");
        // Without a region of its own only an international form is a question that can be asked here.
        let region = match case["region"].as_str() {
            Some(region) => region,
            None if written.starts_with('+') => "US",
            None => continue,
        };
        asked += 1;
        let read = number(written, region);
        let agrees = match (case["result"].as_str().expect("a result"), &read) {
            ("invalid", _) if case["short_code"] == true => {
                matches!(&read, Err(NumberError::Emergency)) || read.as_deref() == Ok("short")
            }
            ("invalid", Ok(kind)) => kind == "possible" || kind == "short",
            ("invalid" | "unparsable", Err(_)) => true,
            (e164, Ok(number)) => e164 == number,
            _ => false,
        };
        if !agrees {
            differ.insert(case["id"].to_string(), format!("{written:?} in {region}: {read:?}, not {}", case["result"]));
        }
    }
    for line in differ.values() {
        say(&format!("  {line}"));
    }
    assert!(asked > 200, "the vectors are not all there");
    assert!(differ.len() * 100 <= asked, "more than one in a hundred differs");
    quoted("numbers.jsonl", asked - differ.len(), asked);
}
