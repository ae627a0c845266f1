//! From a message to its segments.
//!
//! A segment holds 140 octets (TS 23.040 9.2.3.24): 160 septets, 70 UCS-2 units or 140 octets, less what the header
//! takes. A header that names national language tables has the text measured with them. No cut goes through an escape pair, a surrogate pair or a grapheme cluster; only a cluster longer than a
//! segment is cut, between characters. What can go wrong: measuring and cutting that count differently; both walk with
//! the same `Walk`.

use unicode_segmentation::UnicodeSegmentation;

pub use super::separate::separate;
use super::{
    Alphabet, Body, Content, Segment,
    national::Tables,
    udh::{self, Concat},
};

/// Octets of user data in a segment.
pub(super) const OCTETS: usize = 140;
/// Most segments of one message.
pub const MOST_SEGMENTS: usize = 128;

/// Concatenation reference (TS 23.040 9.2.3.24.1 and .8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Reference {
    Eight(u8),
    Sixteen(u16),
}

/// How long a message is on the radio side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    pub alphabet: Alphabet,
    pub segments: usize,
    /// Septets, UCS-2 units or octets.
    pub units: usize,
    /// Units left in the last segment.
    pub left: usize,
    /// The first character that GSM-7 does not have.
    pub forced_by: Option<char>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitError {
    /// More than 128 segments.
    TooLong,
    /// The header leaves no room for a body.
    HeaderTooLong,
}

impl std::fmt::Display for SplitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the text is longer than 128 segments",
            Self::HeaderTooLong => "the user data header leaves no room for the text",
        })
    }
}

impl std::error::Error for SplitError {}

/// Units that fit into one segment whose information elements take `ies` octets (0: no header at all).
pub(super) fn room(alphabet: Alphabet, ies: usize) -> usize {
    let header = if ies == 0 { 0 } else { ies + 1 };
    let octets = OCTETS.saturating_sub(header);
    match alphabet {
        Alphabet::Gsm7 => octets * 8 / 7,
        Alphabet::Ucs2 => octets / 2,
        Alphabet::Binary => octets,
    }
}

/// What a message needs: alphabet, septets or units or octets, and what forced UCS-2.
pub(super) fn weigh(content: &Content) -> (Alphabet, usize, Option<char>) {
    let tables = Tables::of(&content.udh);
    let text = match &content.body {
        Body::Text(text) => text,
        Body::Binary(data) => return (Alphabet::Binary, data.len(), None),
    };
    let mut units = 0;
    for c in text.chars() {
        match tables.septets(c) {
            Some(n) => units += n,
            None => return (Alphabet::Ucs2, text.encode_utf16().count(), Some(c)),
        }
    }
    (Alphabet::Gsm7, units, None)
}

/// Walks over a text piece by piece (escape pairs, clusters) and says where segments of `room` units begin.
pub(super) struct Walk {
    room: usize,
    /// Segments begun, from 1.
    pub segments: usize,
    /// Units in the last one.
    pub used: usize,
}

impl Walk {
    pub fn new(room: usize) -> Self {
        Self { room, segments: 1, used: 0 }
    }

    /// Puts a piece of `units` behind the others; `true` when it begins a new segment.
    pub fn put(&mut self, units: usize) -> bool {
        let begins = self.used + units > self.room && self.used > 0;
        if begins {
            self.segments += 1;
            self.used = 0;
        }
        self.used += units;
        begins
    }
}

/// Calls `piece` with the end offset and the units of every piece that no cut may go through, in order, until it
/// gives `false`. A cluster larger than `room` comes in characters.
pub(super) fn pieces(
    text: &str,
    alphabet: Alphabet,
    tables: Tables,
    room: usize,
    mut piece: impl FnMut(usize, usize) -> bool,
) {
    if alphabet == Alphabet::Gsm7 {
        // Every character is a cluster of its own here, CR LF apart.
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let pair = c == '\r' && room > 1 && chars.next_if(|&(_, next)| next == '\n').is_some();
            let (len, units) = if pair { (2, 2) } else { (c.len_utf8(), tables.septets(c).unwrap_or(1)) };
            if !piece(at + len, units) {
                return;
            }
        }
        return;
    }
    for (at, cluster) in text.grapheme_indices(true) {
        let units = cluster.encode_utf16().count();
        if units <= room {
            if !piece(at + cluster.len(), units) {
                return;
            }
            continue;
        }
        for (inner, c) in cluster.char_indices() {
            if !piece(at + inner + c.len_utf8(), c.len_utf16()) {
                return;
            }
        }
    }
}

/// The rooms of a message: alone, and as a part of several.
fn rooms(alphabet: Alphabet, ies: &[u8], reference: Reference) -> (usize, usize) {
    let others = udh::size_without_concat(ies);
    (room(alphabet, ies.len()), room(alphabet, others + Concat::size(reference)))
}

/// Fewest units of a room: a surrogate pair or an escape pair must fit.
pub(super) fn least(alphabet: Alphabet) -> usize {
    if alphabet == Alphabet::Binary { 1 } else { 2 }
}

/// Measures without cutting; allocates nothing for GSM-7.
///
/// # Errors
/// [`SplitError`], exactly when [`split`] gives it.
pub fn measure(content: &Content, reference: Reference) -> Result<Measure, SplitError> {
    let (alphabet, units, forced_by) = weigh(content);
    let (single, multi) = rooms(alphabet, &content.udh, reference);
    if units <= single && content.udh.len() < OCTETS {
        return Ok(Measure { alphabet, segments: 1, units, left: single - units, forced_by });
    }
    if multi < least(alphabet) {
        return Err(SplitError::HeaderTooLong);
    }
    // A cheap bound first: a body that cannot fit need not be walked.
    if units > multi * MOST_SEGMENTS {
        return Err(SplitError::TooLong);
    }
    let mut walk = Walk::new(multi);
    match &content.body {
        Body::Text(text) => pieces(text, alphabet, Tables::of(&content.udh), multi, |_, units| {
            walk.put(units);
            walk.segments <= MOST_SEGMENTS
        }),
        Body::Binary(_) => {
            walk.segments = units.div_ceil(multi);
            walk.used = units - (walk.segments - 1) * multi;
        }
    }
    if walk.segments > MOST_SEGMENTS {
        return Err(SplitError::TooLong);
    }
    Ok(Measure { alphabet, segments: walk.segments, units, left: multi - walk.used, forced_by })
}

/// Cuts into concatenated segments (one segment has no concatenation element; a message that brings its own and fits
/// keeps it).
///
/// # Errors
/// [`SplitError::TooLong`] beyond 128 segments, [`SplitError::HeaderTooLong`] when its own elements leave no room.
pub fn split(content: &Content, reference: Reference) -> Result<Vec<Segment>, SplitError> {
    let measured = measure(content, reference)?;
    if measured.segments == 1 {
        return Ok(vec![Segment { body: content.body.clone(), udh: content.udh.clone() }]);
    }
    let (_, multi) = rooms(measured.alphabet, &content.udh, reference);
    let others = udh::without_concat(&content.udh);
    let total = u8::try_from(measured.segments).map_err(|_| SplitError::TooLong)?;
    let bodies = cut(content, measured.alphabet, multi);
    let segments = bodies
        .into_iter()
        .zip(1..=total)
        .map(|(body, seq)| Segment { body, udh: Concat { reference, total, seq }.before(&others) });
    Ok(segments.collect())
}

pub(super) fn cut(content: &Content, alphabet: Alphabet, room: usize) -> Vec<Body> {
    let text = match &content.body {
        Body::Binary(data) => return data.chunks(room).map(|chunk| Body::Binary(chunk.to_vec())).collect(),
        Body::Text(text) => text,
    };
    let mut bodies = Vec::new();
    let mut walk = Walk::new(room);
    let (mut begin, mut end) = (0, 0);
    pieces(text, alphabet, Tables::of(&content.udh), room, |piece_end, units| {
        if walk.put(units) {
            bodies.push(Body::Text(text[begin..end].to_owned()));
            begin = end;
        }
        end = piece_end;
        true
    });
    bodies.push(Body::Text(text[begin..].to_owned()));
    bodies
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sms::{alphabet::septets, join::join};

    const EIGHT: Reference = Reference::Eight(1);
    const SIXTEEN: Reference = Reference::Sixteen(0x1234);
    const PORTS: [u8; 6] = [0x05, 4, 0x0b, 0x84, 0x23, 0xf0];

    fn measured(text: &str, reference: Reference) -> (Alphabet, usize, usize, usize) {
        let m = measure(&Content::text(text), reference).expect("a measure");
        (m.alphabet, m.segments, m.units, m.left)
    }

    fn texts(segments: &[Segment]) -> Vec<&str> {
        segments.iter().map(|s| if let Body::Text(t) = &s.body { t.as_str() } else { "" }).collect()
    }

    #[test]
    fn limits_of_every_alphabet() {
        use Alphabet::{Gsm7, Ucs2};
        for (text, reference, expected) in [
            (String::new(), EIGHT, (Gsm7, 1, 0, 160)),
            ("a".repeat(160), EIGHT, (Gsm7, 1, 160, 0)),
            ("a".repeat(161), EIGHT, (Gsm7, 2, 161, 153 * 2 - 161)),
            ("a".repeat(306), EIGHT, (Gsm7, 2, 306, 0)),
            ("a".repeat(306), SIXTEEN, (Gsm7, 3, 306, 150)),
            ("€".repeat(80), EIGHT, (Gsm7, 1, 160, 0)),
            ("€".repeat(153), EIGHT, (Gsm7, 3, 306, 153 - 2)),
            ("я".repeat(70), EIGHT, (Ucs2, 1, 70, 0)),
            ("я".repeat(134), EIGHT, (Ucs2, 2, 134, 0)),
            ("я".repeat(134), SIXTEEN, (Ucs2, 3, 134, 64)),
            ("😀".repeat(35), EIGHT, (Ucs2, 1, 70, 0)),
            ("😀".repeat(67), EIGHT, (Ucs2, 3, 134, 65)),
        ] {
            assert_eq!(measured(&text, reference), expected, "{text}");
        }
        assert_eq!(measure(&Content::text("aяb"), EIGHT).map(|m| m.forced_by), Ok(Some('я')));
    }

    #[test]
    fn binary_and_headers() {
        let binary = |octets: usize, udh: &[u8]| Content { body: Body::Binary(vec![7; octets]), udh: udh.to_vec() };
        for (octets, udh, segments, left) in
            [(140, &[][..], 1, 0), (141, &[], 2, 134 * 2 - 141), (133, &PORTS, 1, 0), (134, &PORTS, 2, 128 * 2 - 134)]
        {
            let m = measure(&binary(octets, udh), EIGHT).expect("a measure");
            assert_eq!((m.alphabet, m.segments, m.left), (Alphabet::Binary, segments, left), "{octets}");
        }
        let parts = split(&binary(300, &PORTS), EIGHT).expect("parts");
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[2].udh, [&[0, 3, 1, 3, 3][..], &PORTS].concat());
        let text = Content { body: Body::Text("a".repeat(152)), udh: PORTS.to_vec() };
        assert_eq!(measure(&text, EIGHT).map(|m| (m.segments, m.left)), Ok((1, 0)));
        let text = Content { body: Body::Text("a".repeat(153)), udh: PORTS.to_vec() };
        assert_eq!(measure(&text, EIGHT).map(|m| (m.segments, m.left)), Ok((2, 146 * 2 - 153)));
    }

    #[test]
    fn what_cannot_be_sent() {
        let text = |n, udh: usize| Content { body: Body::Text("a".repeat(n)), udh: vec![0x70; udh] };
        assert_eq!(split(&text(153 * 128, 0), EIGHT).map(|s| s.len()), Ok(128));
        assert_eq!(split(&text(153 * 128 + 1, 0), EIGHT), Err(SplitError::TooLong));
        assert_eq!(split(&text(200, 134), EIGHT), Err(SplitError::HeaderTooLong));
        assert_eq!(split(&text(1, 140), EIGHT), Err(SplitError::HeaderTooLong));
    }

    #[test]
    fn no_pair_and_no_cluster_is_cut() {
        let family = "👨‍👩‍👧‍👦";
        for (piece, pad) in [("€", 152), ("😀", 66), (family, 60), ("🇨🇿", 65), ("e\u{301}\u{302}", 66)] {
            let text = format!("{}{piece}{}", if piece == "€" { "a" } else { "я" }.repeat(pad), "b".repeat(160));
            let parts = split(&Content::text(&text), EIGHT).expect("parts");
            assert!(texts(&parts)[1].starts_with(piece), "{piece}");
            assert_eq!(texts(&parts).concat(), text);
        }
        // One cluster larger than a segment is cut between its characters.
        let tower = format!("e{}", "\u{301}".repeat(100));
        assert_eq!(split(&Content::text(&tower), EIGHT).map(|s| s.len()), Ok(2));
    }

    #[test]
    fn its_own_concatenation_is_kept_while_it_fits() {
        let own = vec![0, 3, 9, 2, 1];
        let content = |n| Content { body: Body::Binary(vec![1; n]), udh: own.clone() };
        assert_eq!(split(&content(134), EIGHT).map(|s| s[0].udh.clone()), Ok(own.clone()));
        assert_eq!(split(&content(135), EIGHT).map(|s| s[1].udh.clone()), Ok(vec![0, 3, 1, 2, 2]));
    }

    proptest! {
        #[test]
        fn what_was_split_is_joined(text in "([a-z€\\n]|\\r\\n|[я😀]|👨‍👩‍👧|e\u{301}|\\PC){0,300}", ports in any::<bool>(), wide in any::<bool>()) {
            let reference = if wide { SIXTEEN } else { EIGHT };
            let content = Content { body: Body::Text(text), udh: if ports { PORTS.to_vec() } else { Vec::new() } };
            let parts = split(&content, reference).expect("parts");
            let m = measure(&content, reference).expect("a measure");
            prop_assert_eq!(parts.len(), m.segments);
            for part in &parts {
                let Body::Text(words) = &part.body else { panic!("text") };
                let units = match m.alphabet {
                    Alphabet::Gsm7 => words.chars().map(|c| septets(c).expect("GSM")).sum(),
                    _ => words.encode_utf16().count(),
                };
                prop_assert!(units <= room(m.alphabet, part.udh.len()));
                prop_assert!(parts.len() == 1 || !words.is_empty());
            }
            let marked: Vec<_> = parts.iter().rev().map(|p| (udh::concat(&p.udh), p)).collect();
            let joined = join(&marked);
            prop_assert!(joined.content == content && joined.missing == 0);
        }
    }
}
