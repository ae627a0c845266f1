//! Reassembly: segments in any order → one message. Pure: the caller keeps them.
//!
//! What can go wrong: parts that come twice (the first one counts), parts that never come (a mark stands in their
//! place), and parts whose header names no place (they stand at the end, as they came).

use super::{Body, Content, Segment, udh, udh::Concat};

/// Stands where parts are missing.
pub const MISSING: &str = "[…]";

/// A message put together again.
pub struct Joined {
    pub content: Content,
    /// How many parts are missing.
    pub missing: u8,
}

/// Joins the parts of one message, given in any order; gaps are marked in texts with `[…]`, once for each gap.
/// Information elements other than concatenation come from the first part that is there.
pub fn join(parts: &[(Option<Concat>, &Segment)]) -> Joined {
    let total = parts.iter().filter_map(|(concat, _)| concat.map(|c| c.total)).max().unwrap_or(0);
    let mut places: Vec<Option<&Segment>> = vec![None; usize::from(total)];
    let mut others = Vec::new();
    for (concat, segment) in parts {
        match concat.and_then(|c| places.get_mut(usize::from(c.seq).checked_sub(1)?)) {
            Some(place) => *place = place.or(Some(segment)),
            None => others.push(*segment),
        }
    }
    let missing = places.iter().filter(|place| place.is_none()).count();
    let present = || places.iter().copied().flatten().chain(others.iter().copied());
    let words: Option<Vec<&str>> = present().map(|segment| text(&segment.body)).collect();
    let body = match words {
        Some(_) => Body::Text(join_texts(&places, &others)),
        None => Body::Binary(present().flat_map(|segment| octets(&segment.body)).copied().collect()),
    };
    let udh = present().next().map(|first| udh::without_concat(&first.udh)).unwrap_or_default();
    Joined { content: Content { body, udh }, missing: u8::try_from(missing).unwrap_or(u8::MAX) }
}

fn join_texts(places: &[Option<&Segment>], others: &[&Segment]) -> String {
    let mut words = String::new();
    let mut in_gap = false;
    for place in places {
        match place.and_then(|segment| text(&segment.body)) {
            Some(text) => words.push_str(text),
            None if !in_gap => words.push_str(MISSING),
            None => {}
        }
        in_gap = place.is_none();
    }
    words.extend(others.iter().filter_map(|segment| text(&segment.body)));
    words
}

fn text(body: &Body) -> Option<&str> {
    match body {
        Body::Text(words) => Some(words),
        Body::Binary(_) => None,
    }
}

fn octets(body: &Body) -> &[u8] {
    match body {
        Body::Text(words) => words.as_bytes(),
        Body::Binary(data) => data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sms::split::Reference;

    fn part(seq: u8, total: u8, body: &str) -> (Option<Concat>, Segment) {
        let concat = Concat { reference: Reference::Eight(1), total, seq };
        (Some(concat), Segment { body: Body::Text(body.to_owned()), udh: concat.before(&[0x24, 1, 3]) })
    }

    fn joined(parts: &[(Option<Concat>, Segment)]) -> (String, u8) {
        let joined = join(&parts.iter().map(|(c, s)| (*c, s)).collect::<Vec<_>>());
        match joined.content.body {
            Body::Text(words) => (words, joined.missing),
            Body::Binary(data) => (format!("{data:?}"), joined.missing),
        }
    }

    #[test]
    fn parts_in_any_order() {
        assert_eq!(joined(&[part(3, 3, "c"), part(1, 3, "a"), part(2, 3, "b"), part(1, 3, "x")]), ("abc".into(), 0));
        assert_eq!(joined(&[]), (String::new(), 0));
    }

    #[test]
    fn gaps_are_marked() {
        assert_eq!(joined(&[part(4, 5, "d"), part(1, 5, "a")]), ("a[…]d[…]".into(), 3));
        assert_eq!(joined(&[part(2, 2, "b")]), ("[…]b".into(), 1));
    }

    #[test]
    fn parts_without_a_place() {
        let alone = (None, Segment { body: Body::Text("x".into()), udh: Vec::new() });
        assert_eq!(joined(std::slice::from_ref(&alone)), ("x".into(), 0));
        assert_eq!(joined(&[alone, part(1, 1, "a")]), ("ax".into(), 0));
        // A place of its caller's making that does not exist.
        let (mut concat, segment) = part(1, 1, "a");
        concat.iter_mut().for_each(|c| c.seq = 0);
        assert_eq!(joined(&[(concat, segment)]), ("[…]a".into(), 1));
    }

    #[test]
    fn data_is_joined_as_data_and_other_elements_stay() {
        let (concat, mut second) = part(2, 2, "b");
        second.body = Body::Binary(vec![1, 2]);
        assert_eq!(joined(&[(concat, second), part(1, 2, "a")]), ("[97, 1, 2]".into(), 0));
        let first = part(1, 2, "a");
        assert_eq!(join(&[(first.0, &first.1)]).content.udh, [0x24, 1, 3]);
    }
}
