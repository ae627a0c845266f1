//! From a message to several that stand alone, for gateways and phones that cannot concatenate.
//!
//! What can go wrong: ending each at a word wastes room, so a border too far back is not looked for.

use super::{
    Alphabet, Body, Content, Segment,
    national::Tables,
    split::{MOST_SEGMENTS, OCTETS, SplitError, Walk, cut, least, pieces, room, weigh},
    udh,
};

/// Cuts into messages that stand alone, without concatenation: at word borders where that costs less than half of a
/// message, blanks at the borders dropped. Own elements other than concatenation go with every message.
///
/// # Errors
/// As `split`.
pub fn separate(content: &Content) -> Result<Vec<Segment>, SplitError> {
    let (alphabet, units, _) = weigh(content);
    if units <= room(alphabet, content.udh.len()) && content.udh.len() < OCTETS {
        return Ok(vec![Segment { body: content.body.clone(), udh: content.udh.clone() }]);
    }
    let udh = udh::without_concat(&content.udh);
    let room = room(alphabet, udh.len());
    if room < least(alphabet) {
        return Err(SplitError::HeaderTooLong);
    }
    // Word borders may halve what a message holds; more than that cannot end within 128.
    if units > room * MOST_SEGMENTS {
        return Err(SplitError::TooLong);
    }
    let bodies = match &content.body {
        Body::Binary(_) => cut(content, alphabet, room),
        Body::Text(text) => at_words(text, alphabet, Tables::of(&udh), room),
    };
    if bodies.len() > MOST_SEGMENTS {
        return Err(SplitError::TooLong);
    }
    Ok(bodies.into_iter().map(|body| Segment { body, udh: udh.clone() }).collect())
}

fn at_words(text: &str, alphabet: Alphabet, tables: Tables, room: usize) -> Vec<Body> {
    let mut bodies = Vec::new();
    let mut rest = text.trim_end();
    while !rest.is_empty() && bodies.len() <= MOST_SEGMENTS {
        let mut walk = Walk::new(room);
        let mut end = 0;
        pieces(rest, alphabet, tables, room, |piece_end, units| {
            let fits = !walk.put(units);
            if fits {
                end = piece_end;
            }
            fits
        });
        let end = word_border(rest, end);
        bodies.push(Body::Text(rest[..end].trim_end().to_owned()));
        rest = rest[end..].trim_start();
    }
    bodies
}

/// The last word border at or before `end`, where it is not further back than half; else `end`.
pub(super) fn word_border(text: &str, end: usize) -> usize {
    let at_border = |at: usize| text[at..].chars().next().is_none_or(char::is_whitespace);
    if at_border(end) || text[..end].ends_with(char::is_whitespace) {
        return end;
    }
    text[..end].rfind(char::is_whitespace).filter(|&at| at >= end / 2 && !text[..at].trim().is_empty()).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sms::split::{Reference, measure};

    const EIGHT: Reference = Reference::Eight(1);

    fn texts(segments: &[Segment]) -> Vec<&str> {
        segments.iter().map(|s| if let Body::Text(t) = &s.body { t.as_str() } else { "" }).collect()
    }

    #[test]
    fn what_cannot_be_sent() {
        assert_eq!(separate(&Content::text("a".repeat(160 * 128 + 1))), Err(SplitError::TooLong));
        let content = Content { body: Body::Text("a".into()), udh: vec![0x70; 139] };
        assert_eq!(separate(&content), Err(SplitError::HeaderTooLong));
    }

    #[test]
    fn separate_messages_end_at_words() {
        let text = "word ".repeat(40);
        let parts = separate(&Content::text(&text)).expect("messages");
        assert_eq!(texts(&parts), [&"word ".repeat(32)[..159], &"word ".repeat(8)[..39]]);
        let long = "x".repeat(200);
        assert_eq!(texts(&separate(&Content::text(&long)).expect("messages")), [&long[..160], &long[160..]]);
        let data = Content { body: Body::Binary(vec![1; 300]), udh: Vec::new() };
        assert_eq!(separate(&data).map(|s| s.len()), Ok(3));
    }

    proptest! {
        #[test]
        fn separate_messages_lose_blanks_only(text in "[a-z \n€я]{0,400}") {
            let parts = separate(&Content::text(&text)).expect("messages");
            let plain = |s: &str| s.split_whitespace().collect::<String>();
            prop_assert_eq!(plain(&texts(&parts).concat()), plain(&text));
            for part in &parts {
                prop_assert_eq!(measure(&Content { body: part.body.clone(), udh: Vec::new() }, EIGHT).map(|m| m.segments), Ok(1));
            }
        }
    }
}
