//! Making words fit a number of segments.
//!
//! The cut is at a word border where that costs less than half of what is kept, and an ellipsis stands behind it. What
//! can go wrong: what is cut away may hold the only character that forced UCS-2; then more fits, so both alphabets are
//! tried and the longer one wins.

use std::fmt;

use super::{
    Alphabet, Content,
    national::{self, Language, Tables},
    separate::word_border,
    split::{MOST_SEGMENTS, Reference, Walk, pieces, room},
    udh::Concat,
};

/// What happens to words that take more segments than allowed (`sms.overflow`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// Cut at a word border, with an ellipsis.
    #[default]
    Truncate,
    Reject,
    /// Several messages of one segment each.
    Separate,
    /// Sent whole.
    Pass,
}

/// Words cut to fit.
#[derive(Clone, PartialEq, Eq)]
pub struct Fitted {
    pub text: String,
    pub cut: bool,
}

/// Without the words.
impl fmt::Debug for Fitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fitted(text[{}], cut: {})", self.text.len(), self.cut)
    }
}

/// Cuts at a word border with an ellipsis that fits (`...` in GSM-7, `…` in UCS-2); unchanged when it fits.
///
/// `udh`: the message's own information elements; at most 128 segments count.
pub fn fit(text: &str, max_segments: u8, udh: &[u8], reference: Reference) -> Fitted {
    let tables = Tables::of(udh);
    let limits = Limits { segments: usize::from(max_segments).min(MOST_SEGMENTS), udh: udh.len(), tables, reference };
    // A text of a million characters is not walked to its end: what fits is bounded.
    let gsm = text.char_indices().find(|&(_, c)| tables.septets(c).is_none()).map_or(text.len(), |(at, _)| at);
    let alphabet = if gsm == text.len() { Alphabet::Gsm7 } else { Alphabet::Ucs2 };
    if limits.hold(text, alphabet) {
        return Fitted { text: text.to_owned(), cut: false };
    }
    let narrow = limits.cut(&text[..gsm], gsm == text.len(), Alphabet::Gsm7);
    let kept = match alphabet {
        Alphabet::Gsm7 => narrow,
        _ => {
            let wide = limits.cut(text, true, Alphabet::Ucs2);
            if wide.len() > narrow.len() { wide } else { narrow }
        }
    };
    Fitted { text: kept, cut: true }
}

/// As [`fit`], with the tables among `allowed` that keep most of the words; `content`: what is cut, with its header.
pub fn fit_any(text: &str, max_segments: u8, content: &Content, allowed: &[Language], reference: Reference) -> Fitted {
    let plain = fit(text, max_segments, &content.udh, reference);
    if allowed.is_empty() || !plain.cut {
        return plain;
    }
    let ways = national::candidates(content, allowed).map(|way| fit(text, max_segments, &way.udh, reference));
    // What is whole beats what is cut; the first of the longest: no tables before some.
    ways.fold(plain, |best, way| {
        let better = (!way.cut, way.text.len()) > (!best.cut, best.text.len());
        if better { way } else { best }
    })
}

struct Limits {
    segments: usize,
    udh: usize,
    tables: Tables,
    reference: Reference,
}

impl Limits {
    /// The rooms to be tried: one segment alone, and several with concatenation.
    fn rooms(&self, alphabet: Alphabet) -> [(usize, usize); 2] {
        let several = room(alphabet, self.udh + Concat::size(self.reference));
        [(1, room(alphabet, self.udh)), (self.segments, several)]
    }

    fn hold(&self, text: &str, alphabet: Alphabet) -> bool {
        self.rooms(alphabet).into_iter().any(|(segments, room)| {
            let mut walk = Walk::new(room);
            let mut fits = segments <= self.segments && room >= 2;
            pieces(text, alphabet, self.tables, room, |_, units| {
                walk.put(units);
                fits &= walk.segments <= segments && walk.used <= room;
                fits
            });
            fits || text.is_empty()
        })
    }

    /// The longest beginning of `text` that fits together with its ellipsis; `whole` tells whether the words end with
    /// `text` (else more of them, in another alphabet, follow).
    fn cut(&self, text: &str, whole: bool, alphabet: Alphabet) -> String {
        let ellipsis = if alphabet == Alphabet::Gsm7 { "..." } else { "…" };
        let end = self.rooms(alphabet).map(|(segments, room)| self.end(text, segments, room, alphabet, ellipsis));
        let Some(end) = end.into_iter().flatten().max() else { return String::new() };
        // `text` may itself end inside of a word.
        let end = match end == text.len() && !whole {
            true if text.ends_with(char::is_whitespace) => end,
            true => text.rfind(char::is_whitespace).filter(|&at| at >= end / 2).unwrap_or(end),
            false => word_border(text, end),
        };
        let mut kept = text[..end].trim_end().to_owned();
        loop {
            let fitted = format!("{kept}{ellipsis}");
            // The ellipsis can grow together with the last cluster: then that goes too.
            if self.hold(&fitted, alphabet) {
                return fitted;
            }
            if kept.pop().is_none() {
                return String::new();
            }
        }
    }

    fn end(&self, text: &str, segments: usize, room: usize, alphabet: Alphabet, ellipsis: &str) -> Option<usize> {
        if segments > self.segments || room < ellipsis.chars().count().max(2) {
            return None;
        }
        let mut walk = Walk::new(room);
        let mut end = Some(0);
        pieces(text, alphabet, self.tables, room, |piece_end, units| {
            walk.put(units);
            if walk.segments > segments {
                return false;
            }
            let left = room - walk.used + (segments - walk.segments) * room;
            if left >= ellipsis.chars().count() {
                end = Some(piece_end);
            }
            true
        });
        end
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sms::split::measure;

    const EIGHT: Reference = Reference::Eight(1);

    fn fitted(text: &str, segments: u8) -> (String, bool) {
        let fitted = fit(text, segments, &[], EIGHT);
        (fitted.text, fitted.cut)
    }

    #[test]
    fn what_fits_stays() {
        for text in ["", "Hello", &"a".repeat(160), &"я".repeat(70)] {
            assert_eq!(fitted(text, 1), (text.to_owned(), false));
        }
        assert_eq!(fitted(&"a".repeat(306), 2), ("a".repeat(306), false));
    }

    #[test]
    fn what_does_not_is_cut_at_a_word() {
        let words = "word ".repeat(100);
        let (text, cut) = fitted(&words, 1);
        assert!(cut && text == format!("{}...", &"word ".repeat(31)[..154]), "{text}");
        let (text, _) = fitted(&words, 2);
        assert!(text.ends_with("word...") && measure(&Content::text(&text), EIGHT).is_ok_and(|m| m.segments == 2));
        let cyrillic = "слово ".repeat(30);
        assert_eq!(
            fitted(&cyrillic, 1).0,
            format!("{}…", &cyrillic[..cyrillic.find("слово ").unwrap_or(0) + 11 * 11 - 1].trim_end())
        );
    }

    #[test]
    fn without_a_border_it_is_cut_hard() {
        assert_eq!(fitted(&"a".repeat(200), 1).0, format!("{}...", "a".repeat(157)));
        assert_eq!(fitted(&"漢".repeat(100), 1).0, format!("{}…", "漢".repeat(69)));
        assert_eq!(fitted(&format!("a {}", "b".repeat(300)), 1).0, format!("a {}...", "b".repeat(155)));
        // No escape pair and no cluster is cut.
        assert_eq!(fitted(&"€".repeat(100), 1).0, format!("{}...", "€".repeat(78)));
        assert_eq!(fitted(&"😀".repeat(40), 1).0, format!("{}…", "😀".repeat(34)));
    }

    #[test]
    fn a_late_character_does_not_halve_the_text() {
        let text = format!("{} 😀", "word ".repeat(50));
        assert_eq!(fitted(&text, 1).0, format!("{}...", &"word ".repeat(31)[..154]));
        let early = format!("😀{}", "a".repeat(200));
        assert_eq!(fitted(&early, 1).0, format!("😀{}…", "a".repeat(67)));
    }

    #[test]
    fn tables_keep_more() {
        let text = "şğ ".repeat(100);
        let whole = Content::text(&text);
        let kept = |allowed: &[Language]| fit_any(&text, 1, &whole, allowed, EIGHT).text;
        assert_eq!(kept(&[]), fitted(&text, 1).0);
        assert_eq!(kept(&[Language::Spanish]), fitted(&text, 1).0);
        assert_eq!(kept(&[Language::Turkish]), format!("{}...", "şğ ".repeat(51).trim_end()));
        let short = Content::text("ş".repeat(150));
        assert!(!fit_any(&"ş".repeat(150), 1, &short, &[Language::Turkish], EIGHT).cut);
    }

    #[test]
    fn no_room_leaves_no_words() {
        assert_eq!(fitted("abc", 0), (String::new(), true));
        let full = fit("abc", 3, &[0x70; 139], EIGHT);
        assert!(full.cut && full.text.is_empty());
    }

    proptest! {
        #[test]
        fn what_is_cut_fits(text in "([a-z€]{1,9}[ \\n]|[я😀]{1,5} |\u{600}|e\u{301}|👨‍👩‍👧|\\PC){0,200}", segments in 1u8..4, udh in 0usize..20) {
            let result = fit(&text, segments, &vec![0x70; udh], EIGHT);
            let content = Content { body: super::super::Body::Text(result.text.clone()), udh: vec![0x70; udh] };
            let m = measure(&content, EIGHT).expect("a measure");
            prop_assert!(m.segments <= usize::from(segments), "{} of {}", m.segments, segments);
            if result.cut {
                let kept = result.text.trim_end_matches(['.', '…']);
                prop_assert!(text.starts_with(kept) || result.text.is_empty());
            } else {
                prop_assert_eq!(result.text, text);
            }
        }
    }
}
