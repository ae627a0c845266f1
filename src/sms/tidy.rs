//! Tidying words: line ends, blanks, control characters, NFC, look-alikes.
//!
//! What can go wrong: a single typographic quote from a word processor turns 160 characters into 70. By default
//! look-alikes replace it only when that alone saves the message from UCS-2; accents stay what they are.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::alphabet::septets;

/// Whether characters give way to look-alikes of GSM-7 (`transliterate`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transliterate {
    Never,
    /// Only when look-alikes alone turn UCS-2 into GSM-7; accents kept.
    #[default]
    Auto,
    /// Look-alikes, and letters without their accents where GSM-7 lacks them.
    Always,
}

/// CRLF to LF, no blanks at the ends of lines, one empty line for several, none at the beginning and end, no control
/// characters, NFC.
pub fn tidy(text: &str) -> String {
    let lines = text.split_inclusive(['\r', '\n', '\u{85}', '\u{2028}', '\u{2029}', '\u{b}', '\u{c}']);
    let mut out = String::with_capacity(text.len());
    let mut empty = 0;
    let mut after_cr = false;
    for piece in lines {
        let crlf = after_cr && piece == "\n";
        after_cr = piece.ends_with('\r');
        if crlf {
            continue;
        }
        let line: String = piece.chars().filter_map(plain).collect();
        let line = line.trim_end();
        if line.is_empty() {
            empty += 1;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if empty > 0 { "\n\n" } else { "\n" });
        }
        empty = 0;
        out.push_str(line);
    }
    // Last, because what was dropped may have stood between a letter and its accent.
    out.nfc().collect()
}

/// Tabs become blanks; control characters, the byte order mark and the noncharacters go.
fn plain(c: char) -> Option<char> {
    match c {
        '\t' => Some(' '),
        '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{2028}' | '\u{2029}' => None,
        c if c.is_control() => None,
        c => Some(c),
    }
}

/// Replaces characters by look-alikes as asked.
pub fn transliterate(text: String, how: Transliterate) -> String {
    if how == Transliterate::Never || text.chars().all(|c| septets(c).is_some()) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match septets(c) {
            Some(_) => out.push(c),
            None => match (look_alike(c), how) {
                (Some(alike), _) => out.push_str(alike),
                (None, Transliterate::Always) => out.push_str(&without_accents(c)),
                // One character that has no look-alike, and UCS-2 it stays.
                (None, _) => return text,
            },
        }
    }
    out
}

/// Replaces typographic characters alone, whatever the rest is.
pub fn look_alikes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match look_alike(c).filter(|_| septets(c).is_none()) {
            Some(alike) => out.push_str(alike),
            None => out.push(c),
        }
    }
    out
}

/// Typographic characters that GSM-7 has in plain form.
fn look_alike(c: char) -> Option<&'static str> {
    Some(match c {
        '‘' | '’' | '‚' | '‛' | '′' | '´' | '`' | 'ʼ' | 'ʹ' => "'",
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' => "\"",
        '‹' => "<",
        '›' => ">",
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '•' | '‣' | '·' => "-",
        '…' => "...",
        '\t' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => " ",
        // Nothing is seen of these: soft hyphen, zero-width space, joiner of words, byte order mark, text style.
        '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{fe0e}' => "",
        '⁄' | '∕' => "/",
        '×' => "x",
        _ => return None,
    })
}

/// A character without its accents, or what stands for it in plain writing; itself where there is nothing.
fn without_accents(c: char) -> Cow<'static, str> {
    let known = match c {
        'ł' => "l",
        'Ł' => "L",
        'đ' | 'ð' => "d",
        'Đ' | 'Ð' => "D",
        'ı' => "i",
        'þ' => "th",
        'Þ' => "Th",
        'œ' => "oe",
        'Œ' => "OE",
        'ħ' => "h",
        'Ħ' => "H",
        '©' => "(c)",
        '®' => "(r)",
        '™' => "TM",
        '№' => "No",
        '°' => "o",
        '½' => "1/2",
        '¼' => "1/4",
        '¾' => "3/4",
        '→' => "->",
        '←' => "<-",
        'Α' => "A",
        'Β' => "B",
        'Ε' => "E",
        'Ζ' => "Z",
        'Η' => "H",
        'Ι' => "I",
        'Κ' => "K",
        'Μ' => "M",
        'Ν' => "N",
        'Ο' => "O",
        'Ρ' => "P",
        'Τ' => "T",
        'Υ' => "Y",
        'Χ' => "X",
        _ => "",
    };
    if !known.is_empty() {
        return Cow::Borrowed(known);
    }
    let base: String = std::iter::once(c).nfkd().filter(|&c| !is_combining_mark(c)).collect();
    let fits = !base.is_empty() && base.chars().all(|c| septets(c).is_some());
    Cow::Owned(if fits { base } else { c.to_string() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_and_blanks() {
        for (text, tidied) in [
            ("a\r\nb\rc\nd", "a\nb\nc\nd"),
            ("a  \t\nb", "a\nb"),
            ("\n\n a\n\n\n\nb\n\n", " a\n\nb"),
            ("a\r\n\r\n\r\nb", "a\n\nb"),
            ("a\u{0}b\u{1b}c\u{feff}\u{7f}", "abc"),
            ("a\tb", "a b"),
            ("e\u{301}", "é"),
            ("a\u{2028}b\u{85}c", "a\nb\nc"),
            ("👨‍👩‍👧", "👨‍👩‍👧"),
            ("", ""),
            (" \r\n\t", ""),
        ] {
            assert_eq!(tidy(text), tidied, "{text:?}");
        }
    }

    #[test]
    fn look_alikes_where_they_save() {
        use Transliterate::{Always, Auto, Never};
        for (text, how, expected) in [
            ("“It’s” – a\u{a0}test…", Auto, "\"It's\" - a test..."),
            ("“It’s”", Never, "“It’s”"),
            ("“It’s” я", Auto, "“It’s” я"),
            ("“It’s” я", Always, "\"It's\" я"),
            ("“é” á", Auto, "“é” á"),
            ("“é” áçł Ž", Always, "\"é\" acl Z"),
            ("½ © №", Always, "1/2 (c) No"),
            ("plain", Always, "plain"),
        ] {
            assert_eq!(transliterate(text.to_owned(), how), expected, "{text} {how:?}");
        }
    }

    proptest! {
        #[test]
        fn tidying_twice_is_tidying_once(text in "([a-z \\t\\r\\n]|\\PC|\u{85}|\u{2028}|\u{1}|\u{301}){0,60}") {
            let once = tidy(&text);
            prop_assert_eq!(tidy(&once), once.clone());
            prop_assert!(!once.contains(|c: char| c.is_control() && c != '\n'));
        }

        #[test]
        fn auto_gives_gsm_or_leaves_the_words(text in "[a-z“”’…–áя]{0,30}") {
            let result = transliterate(text.clone(), Transliterate::Auto);
            prop_assert!(result == text || result.chars().all(|c| septets(c).is_some()));
        }
    }
}
