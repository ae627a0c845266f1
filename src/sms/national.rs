//! Which national language tables a text is written with (TS 23.038 6.2.1.2, TS 23.040 9.2.3.24.15 and .16).
//!
//! The information elements 0x24 (single shift) and 0x25 (locking shift) name the tables; they stand in every segment.
//! So a message that has them among its own elements is measured and cut with these tables. What can go wrong: a
//! receiver without the tables shows other letters, so they are chosen only from what the configuration allows.

use super::{
    Alphabet, Body, Content,
    alphabet::{self, ESCAPE},
    split::{self, MOST_SEGMENTS, Reference},
    tables::{LOCKING, SINGLE},
    udh,
};

/// Identifier of the single shift element.
const SINGLE_SHIFT: u8 = 0x24;
/// Identifier of the locking shift element.
const LOCKING_SHIFT: u8 = 0x25;

/// A language with a table, by its identifier (TS 23.038 6.2.1.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Language {
    Turkish = 1,
    Spanish = 2,
    Portuguese = 3,
    Bengali = 4,
    Gujarati = 5,
    Hindi = 6,
    Kannada = 7,
    Malayalam = 8,
    Oriya = 9,
    Punjabi = 10,
    Tamil = 11,
    Telugu = 12,
    Urdu = 13,
}

impl Language {
    /// All of them, in the order of their identifiers, with their names.
    pub const ALL: [(&'static str, Self); 13] = [
        ("turkish", Self::Turkish),
        ("spanish", Self::Spanish),
        ("portuguese", Self::Portuguese),
        ("bengali", Self::Bengali),
        ("gujarati", Self::Gujarati),
        ("hindi", Self::Hindi),
        ("kannada", Self::Kannada),
        ("malayalam", Self::Malayalam),
        ("oriya", Self::Oriya),
        ("punjabi", Self::Punjabi),
        ("tamil", Self::Tamil),
        ("telugu", Self::Telugu),
        ("urdu", Self::Urdu),
    ];

    /// From the identifier, 1 to 13.
    pub fn from_id(id: u8) -> Option<Self> {
        let at = usize::from(id).checked_sub(1)?;
        Self::ALL.get(at).map(|&(_, language)| language)
    }

    pub fn id(self) -> u8 {
        self as u8
    }

    /// The name in lower case, as the configuration writes it.
    pub fn name(self) -> &'static str {
        Self::ALL[usize::from(self.id()) - 1].0
    }
}

/// No language has this name or number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownLanguage;

impl std::fmt::Display for UnknownLanguage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = Language::ALL.iter().map(|(name, _)| *name).collect();
        write!(f, "no such language; there are {}, or 1 to 13", names.join(", "))
    }
}

impl std::error::Error for UnknownLanguage {}

/// A name, without regard to case, or a number.
impl std::str::FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(given: &str) -> Result<Self, UnknownLanguage> {
        let named = Self::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(given)).map(|&(_, language)| language);
        named.or_else(|| Self::from_id(given.parse().ok()?)).ok_or(UnknownLanguage)
    }
}

/// The tables of one segment; none: the default alphabet and its extension table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tables {
    pub locking: Option<Language>,
    pub single: Option<Language>,
}

impl Tables {
    /// Those that these elements name; the last one counts, an unknown language means the default.
    pub fn of(ies: &[u8]) -> Self {
        let mut tables = Self::default();
        for (identifier, data) in udh::elements(ies) {
            match (identifier, data) {
                (SINGLE_SHIFT, &[id]) => tables.single = Language::from_id(id),
                (LOCKING_SHIFT, &[id]) => tables.locking = Language::from_id(id),
                _ => {}
            }
        }
        tables
    }

    /// The elements that name them.
    pub fn elements(self) -> Vec<u8> {
        let element = |identifier, language: Option<Language>| language.map(|l| [identifier, 1, l.id()]);
        let both = [element(SINGLE_SHIFT, self.single), element(LOCKING_SHIFT, self.locking)];
        both.into_iter().flatten().flatten().collect()
    }

    /// Septets that `c` takes: 1, 2 (behind an escape), or `None` when neither table has it.
    pub fn septets(self, c: char) -> Option<usize> {
        if self == Self::default() {
            return alphabet::septets(c);
        }
        let (locking, single) = (&LOCKING[index(self.locking)], &SINGLE[index(self.single)]);
        locking.septet(c).map(|_| 1).or_else(|| single.septet(c).map(|_| 2))
    }

    /// The septets of a text, one to an octet; `None` when a character is in neither table.
    pub fn write(self, text: &str) -> Option<Vec<u8>> {
        let (locking, single) = (&LOCKING[index(self.locking)], &SINGLE[index(self.single)]);
        let mut septets = Vec::with_capacity(text.len());
        for c in text.chars() {
            match locking.septet(c) {
                Some(septet) => septets.push(septet),
                None => septets.extend([ESCAPE, single.septet(c)?]),
            }
        }
        Some(septets)
    }

    /// What a phone shows of these septets. A code that the single shift table lacks is read by the locking table
    /// (6.2.1.1), a cell without a character and an escape at the end as a blank; a set eighth bit is not looked at.
    pub fn read(self, septets: &[u8]) -> String {
        let (locking, single) = (&LOCKING[index(self.locking)], &SINGLE[index(self.single)]);
        let shown = |c: char| if c == '\0' { None } else { Some(c) };
        let mut rest = septets.iter().map(|septet| usize::from(septet & 0x7f));
        let mut text = String::with_capacity(septets.len());
        while let Some(septet) = rest.next() {
            let c = match septet == usize::from(ESCAPE) {
                true => rest.next().and_then(|code| shown(single.chars[code]).or_else(|| shown(locking.chars[code]))),
                false => shown(locking.chars[septet]),
            };
            text.push(c.unwrap_or(' '));
        }
        text
    }
}

fn index(language: Option<Language>) -> usize {
    language.map_or(0, |language| usize::from(language.id()))
}

/// The message with each choice of tables that these languages allow, itself first. Only itself where it is data or
/// names tables of its own.
pub fn candidates(content: &Content, allowed: &[Language]) -> impl Iterator<Item = Content> {
    // Longer words fit no number of segments, whatever the tables.
    let free = match &content.body {
        Body::Text(words) => words.len() <= 4 * 160 * MOST_SEGMENTS,
        Body::Binary(_) => false,
    };
    let named = udh::elements(&content.udh).any(|(id, _)| matches!(id, SINGLE_SHIFT | LOCKING_SHIFT));
    let allowed = if free && !named { allowed } else { &[] };
    // There is no Spanish locking table.
    let locks = allowed.iter().copied().filter(|l| *l != Language::Spanish).map(Some);
    let singles = || allowed.iter().copied().map(Some);
    let alone = singles().map(|single| Tables { single, locking: None });
    let locked = locks.flat_map(move |locking| {
        std::iter::once(None).chain(allowed.iter().copied().map(Some)).map(move |single| Tables { locking, single })
    });
    let changed = alone
        .chain(locked)
        .map(|tables| Content { body: content.body.clone(), udh: [&content.udh[..], &tables.elements()].concat() });
    std::iter::once(content.clone()).chain(changed)
}

/// The message with the tables that save segments; as it is where none of these languages saves any.
pub fn choose(content: &Content, allowed: &[Language], reference: Reference) -> Content {
    let plain = split::measure(content, reference);
    if allowed.is_empty() || plain.is_ok_and(|m| m.segments == 1) {
        return content.clone();
    }
    let cost = |candidate: &Content| match split::measure(candidate, reference) {
        Ok(m) if m.alphabet == Alphabet::Gsm7 || candidate.udh.len() == content.udh.len() => m.segments,
        _ => usize::MAX,
    };
    // The first of the best: no tables before one, one before two.
    let best = candidates(content, allowed).min_by_key(|candidate| (cost(candidate), candidate.udh.len()));
    best.unwrap_or_else(|| content.clone())
}

/// Whether some choice of tables has every character of the words.
pub fn covers(words: &str, allowed: &[Language]) -> bool {
    let content = Content::text(words);
    let mut ways = candidates(&content, allowed);
    ways.any(|way| words.chars().all(|c| Tables::of(&way.udh).septets(c).is_some()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sms::{
        Segment,
        join::join,
        split::{measure, split},
    };

    const EIGHT: Reference = Reference::Eight(7);

    fn every() -> Vec<Language> {
        Language::ALL.iter().map(|&(_, language)| language).collect()
    }

    fn chosen(text: &str, allowed: &[Language]) -> (Tables, Alphabet, usize, usize) {
        let content = choose(&Content::text(text), allowed, EIGHT);
        let m = measure(&content, EIGHT).expect("a measure");
        (Tables::of(&content.udh), m.alphabet, m.segments, m.left)
    }

    #[test]
    fn names_and_numbers() {
        for (id, (name, language)) in (1..).zip(Language::ALL) {
            assert_eq!((language.id(), language.name()), (id, name));
            assert_eq!((name.to_uppercase().parse(), id.to_string().parse()), (Ok(language), Ok(language)));
        }
        for bad in ["", "0", "14", "klingon", "-1", "256"] {
            assert_eq!(bad.parse::<Language>(), Err(UnknownLanguage), "{bad}");
        }
    }

    #[test]
    fn elements_name_tables() {
        let both = Tables { locking: Some(Language::Turkish), single: Some(Language::Urdu) };
        assert_eq!(both.elements(), [0x24, 1, 13, 0x25, 1, 1]);
        assert_eq!(Tables::of(&both.elements()), both);
        // The last one counts; an unknown language is the default; decimal 24 and 25 are other elements.
        assert_eq!(Tables::of(&[0x24, 1, 1, 0x24, 1, 99]), Tables::default());
        assert_eq!(Tables::of(&[24, 1, 1, 25, 1, 1, 0x24, 2, 1, 1]), Tables::default());
    }

    #[test]
    fn limits_with_tables() {
        use Language::{Spanish, Turkish};
        let single = |l| Tables { single: Some(l), locking: None };
        let locking = Tables { locking: Some(Turkish), single: None };
        let none = Tables::default();
        for (text, allowed, wanted) in [
            // What one segment holds anyway stays as it is.
            ("ş".repeat(70), &[Turkish][..], (none, Alphabet::Ucs2, 1, 0)),
            ("ş".repeat(71), &[Turkish], (single(Turkish), Alphabet::Gsm7, 1, 155 - 142)),
            (format!("{}ş", "a".repeat(153)), &[Turkish], (single(Turkish), Alphabet::Gsm7, 1, 0)),
            ("ş".repeat(155), &[Turkish], (locking, Alphabet::Gsm7, 1, 0)),
            ("ş".repeat(156), &[Turkish], (locking, Alphabet::Gsm7, 2, 2 * 149 - 156)),
            ("ş".repeat(71), &[Spanish], (none, Alphabet::Ucs2, 2, 134 - 71)),
            ("ş".repeat(71), &[], (none, Alphabet::Ucs2, 2, 134 - 71)),
            ("я".repeat(71), &[Turkish, Spanish], (none, Alphabet::Ucs2, 2, 134 - 71)),
            // Two languages in one text: 152 septets with both elements.
            (format!("{}Áş", "ş".repeat(100)), &[Turkish, Spanish], {
                (Tables { locking: Some(Turkish), single: Some(Spanish) }, Alphabet::Gsm7, 1, 152 - 103)
            }),
            // Within GSM-7 too: signs of the extension table that the locking table has.
            ("€".repeat(100), &[Turkish], (locking, Alphabet::Gsm7, 1, 55)),
        ] {
            assert_eq!(chosen(&text, allowed), wanted, "{text}");
        }
    }

    #[test]
    fn what_has_tables_or_is_data_is_left_alone() {
        let own = Content { body: Body::Text("ş".repeat(100)), udh: vec![0x24, 1, 1] };
        assert_eq!(choose(&own, &every(), EIGHT), own);
        let data = Content { body: Body::Binary(vec![1; 200]), udh: Vec::new() };
        assert_eq!(choose(&data, &every(), EIGHT), data);
        let long = Content::text("ş".repeat(100_000));
        assert_eq!(choose(&long, &every(), EIGHT), long);
        assert!(covers("Iğdır", &[Language::Turkish]) && !covers("Iğdır", &[Language::Spanish]));
    }

    #[test]
    fn every_segment_names_its_tables() {
        let content = choose(&Content::text("ğüş ".repeat(100)), &[Language::Turkish], EIGHT);
        let parts = split(&content, EIGHT).expect("parts");
        assert_eq!(parts.len(), 3);
        for (part, seq) in parts.iter().zip(1..) {
            assert_eq!(part.udh, [0, 3, 7, 3, seq, 0x25, 1, 1]);
        }
    }

    #[test]
    fn odd_septets_are_read() {
        let turkish = Tables { single: Some(Language::Turkish), locking: None };
        assert_eq!(turkish.read(&[0x1b, 0x73, 0x1b, 0x41, 0x1b]), "şA ");
        assert_eq!(Tables::default().read(&[0x00, 0x1b, 0x65, 0x9b, 0x1b]), "@€ ");
        let tamil = Tables { locking: Some(Language::Tamil), single: None };
        assert_eq!(tamil.read(&[0x00]), " ");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text in "[a-zşğıÁãçé€\u{901}-\u{939}\u{c05}-\u{c39}\n ]{0,200}") {
            let content = choose(&Content::text(text.clone()), &every(), EIGHT);
            let plain = measure(&Content::text(text.clone()), EIGHT).expect("a measure");
            let m = measure(&content, EIGHT).expect("a measure");
            prop_assert!(m.segments < plain.segments || content.udh.is_empty());
            let parts = split(&content, EIGHT).expect("parts");
            prop_assert_eq!(parts.len(), m.segments);
            for Segment { body, udh } in &parts {
                let Body::Text(words) = body else { panic!("text") };
                let tables = Tables::of(udh);
                if m.alphabet == Alphabet::Gsm7 {
                    let septets = tables.write(words).expect("in the tables");
                    let header = if udh.is_empty() { 0 } else { ((udh.len() + 1) * 8).div_ceil(7) };
                    prop_assert!(septets.len() + header <= 160);
                    prop_assert_eq!(&tables.read(&septets), words);
                }
            }
            let marked: Vec<_> = parts.iter().map(|p| (udh::concat(&p.udh), p)).collect();
            prop_assert!(join(&marked).content == content);
        }

        #[test]
        fn any_septets_are_read(septets in proptest::collection::vec(any::<u8>(), 0..160), ies in proptest::collection::vec(any::<u8>(), 0..12)) {
            let _ = Tables::of(&ies).read(&septets);
        }
    }
}
