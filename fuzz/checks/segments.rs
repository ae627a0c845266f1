//! Cutting and fitting: what was split is joined again, no part is over its limit, what was fitted fits.
//!
//! The first octet says how: reference width, own ports, binary, segments; the rest is the text.

use martlet::sms::{
    Alphabet, Body, Content,
    fit::fit,
    join::join,
    national::{Language, Tables, choose},
    separate::separate,
    split::{Reference, SplitError, measure, split},
    tidy::{Transliterate, tidy, transliterate},
    udh,
};

pub fn segments(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else { return };
    let reference = if how & 1 == 0 { Reference::Eight(how) } else { Reference::Sixteen(u16::from(how) << 8) };
    let own: &[u8] = if how & 2 == 0 { &[] } else { &[5, 4, 0x0b, 0x84, 0x23, 0xf0] };
    let body = match how & 4 {
        0 => Body::Text(String::from_utf8_lossy(rest).into_owned()),
        _ => Body::Binary(rest.to_vec()),
    };
    let content = Content { body, udh: own.to_vec() };
    let measured = measure(&content, reference);
    let parts = split(&content, reference);
    match (&measured, &parts) {
        (Ok(m), Ok(parts)) => {
            assert_eq!(m.segments, parts.len());
            parts.iter().for_each(|part| assert!(octets(&part.body, m.alphabet) + header(&part.udh) <= 140));
            let shuffled: Vec<_> = parts.iter().rev().map(|part| (udh::concat(&part.udh), part)).collect();
            let joined = join(&shuffled);
            assert!(joined.content == content && joined.missing == 0);
        }
        (Err(a), Err(b)) => assert!(a == b && *a == SplitError::TooLong),
        _ => panic!("measured otherwise than cut"),
    }
    for part in separate(&content).into_iter().flatten() {
        let alphabet = measure(&content, reference).map_or(Alphabet::Gsm7, |m| m.alphabet);
        assert!(measured.is_err() || octets(&part.body, alphabet) + header(&part.udh) <= 140);
    }
    if let Body::Text(text) = &content.body {
        words(text, how >> 4, own, reference);
        tables(&content, how >> 3, reference);
    }
}

/// With two national languages allowed: never more segments, every one within its limit, and written and read alike.
fn tables(content: &Content, languages: u8, reference: Reference) {
    let allowed: Vec<_> = [languages & 0xf, languages >> 2].into_iter().filter_map(Language::from_id).collect();
    let chosen = choose(content, &allowed, reference);
    let (Ok(m), Ok(parts)) = (measure(&chosen, reference), split(&chosen, reference)) else { return };
    assert!(measure(content, reference).map_or(true, |plain| m.segments < plain.segments || chosen == *content));
    for part in parts {
        let (Body::Text(words), Alphabet::Gsm7) = (&part.body, m.alphabet) else { continue };
        let tables = Tables::of(&part.udh);
        let septets = tables.write(words).expect("in its tables");
        assert!((septets.len() * 7).div_ceil(8) + header(&part.udh) <= 140);
        assert_eq!(&tables.read(&septets), words);
    }
}

fn words(text: &str, segments: u8, own: &[u8], reference: Reference) {
    let fitted = fit(text, segments, own, reference);
    if segments > 0 {
        let content = Content { body: Body::Text(fitted.text.clone()), udh: own.to_vec() };
        assert!(measure(&content, reference).is_ok_and(|m| m.segments <= usize::from(segments)));
    }
    assert!(fitted.cut || fitted.text == text);
    let tidied = tidy(text);
    assert_eq!(tidy(&tidied), tidied);
    for how in [Transliterate::Never, Transliterate::Auto, Transliterate::Always] {
        let _ = transliterate(tidied.clone(), how);
    }
}

fn octets(body: &Body, alphabet: Alphabet) -> usize {
    match (body, alphabet) {
        (Body::Binary(data), _) => data.len(),
        (Body::Text(words), Alphabet::Gsm7) => {
            words.chars().map(|c| Tables::default().septets(c).expect("GSM-7")).sum::<usize>() * 7 / 8
        }
        (Body::Text(words), _) => words.encode_utf16().count() * 2,
    }
}

fn header(ies: &[u8]) -> usize {
    if ies.is_empty() { 0 } else { ies.len() + 1 }
}
