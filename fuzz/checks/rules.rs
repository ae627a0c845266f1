//! Rules: any text is a set or is refused with places inside of it; what is read comes back from TOML and XML as it was, and
//! judging ends and makes no more than so much of a mail.

use martlet::{
    ground::Timestamp,
    mail,
    rules::{Direction, Facts, Known, Ruleset, Source, Statement, Verdict, blocks::Blocks, judge, to::To},
};

/// A rule file, and behind a NUL a mail: any file is a set or has errors with a place; any set judges any mail and ends,
/// makes no more than so much of it, and comes back from XML as it was.
pub fn rules(data: &[u8]) {
    let (file, letter) = data.iter().position(|b| *b == 0).map_or((data, &b""[..]), |at| (&data[..at], &data[at + 1..]));
    // What a program says is read from any bytes, too.
    let _ = Verdict::read(data);
    let text = String::from_utf8_lossy(file).into_owned();
    let list = |name: &str| match name {
        "none.txt" => Err("it is not there".to_owned()),
        _ => Ok(vec!["mallory@example.com".to_owned(), "@spam.example".to_owned()]),
    };
    let statement = Statement { takes: 0, values: Vec::new() };
    let known = Known { statements: [("note".to_owned(), statement)].into(), list: &list, ..Known::default() };
    let name = if text.trim_start().starts_with('<') { "fuzz.xml" } else { "fuzz.toml" };
    let lines = text.lines().count().max(1);
    let source = Source { path: name.into(), text };
    let set = match Ruleset::read(std::slice::from_ref(&source), &known) {
        Ok(set) => set,
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!((1..=lines + 1).contains(&error.line) && error.column >= 1 && !error.cause.contains('\n'));
            }
            return;
        }
    };
    for direction in [Direction::Out, Direction::In] {
        let (block, body) = mail::header_block(letter);
        let facts = Facts {
            headers: mail::headers(block),
            to: To::read("+12025550123"),
            body: String::from_utf8_lossy(body).into_owned(),
            sender: Some("alice@example.com".to_owned()),
            account: Some("alice@example.com".to_owned()),
            size: letter.len() as u64,
            ..Facts::empty(direction, Timestamp(1_764_000_000_000))
        };
        let (before, judgement) = (facts.body.len(), judge(&set, facts));
        assert!(judgement.facts.body.len() <= before.max(64 << 10) * 2 && judgement.then.len() <= 100);
        assert!(judgement.trace.0.len() <= set.rules().len());
    }
    moved(&source, &set, &known);
    let xml = set.to_xml(&[]);
    let back = Ruleset::read(&[Source { path: "back.xml".into(), text: xml.clone() }], &known);
    let back = back.unwrap_or_else(|errors| panic!("{xml}\n{errors:?}"));
    assert_eq!(set.rules().len(), back.rules().len());
    for (one, other) in set.rules().iter().zip(back.rules()) {
        assert_eq!(one.node, other.node);
    }
    assert_eq!(back.to_xml(&[]), xml);
}

/// A rule that is moved in its file is the same rule, and so are all others.
fn moved(source: &Source, set: &Ruleset, known: &Known<'_>) {
    let Ok(Some(blocks)) = Blocks::of(source) else { return };
    let rules = set.rules();
    assert_eq!(blocks.len(), rules.len());
    if rules.len() < 2 {
        return;
    }
    let last = rules.len() - 1;
    let text = blocks.moved(last, 0);
    assert_eq!(text.len(), source.text.len());
    let again = Source { text, path: source.path.clone() };
    let again = Ruleset::read(&[again], known).unwrap_or_else(|errors| panic!("{errors:?}"));
    let order = std::iter::once(last).chain(0..last);
    assert!(again.rules().iter().map(|rule| &rule.node).eq(order.map(|nth| &rules[nth].node)));
}
