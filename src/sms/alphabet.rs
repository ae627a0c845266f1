//! GSM 7-bit default alphabet and its extension table (TS 23.038 6.2.1), UCS-2, 8-bit.
//!
//! What can go wrong: `ç`, backtick and tab look as if they were in the table and are not; 0x09 is `Ç`.

/// How the octets of a segment are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alphabet {
    Gsm7,
    Ucs2,
    Binary,
}

/// The escape that leads into the extension table.
pub const ESCAPE: u8 = 0x1b;

/// The default alphabet by septet. Septet 0x1B is the escape; NUL stands there because no text has it.
pub const DEFAULT: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', //
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\0', 'Æ', 'æ', 'ß', 'É', //
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', //
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', //
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', //
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', //
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', //
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à', //
];

/// The extension table: septet behind the escape, character.
pub const EXTENSION: [(u8, char); 10] = [
    (0x0a, '\u{c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2f, '\\'),
    (0x3c, '['),
    (0x3d, '~'),
    (0x3e, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// Septets of every ASCII and Latin-1 character; 0: not in the alphabet.
const WIDTHS: [u8; 256] = {
    let mut widths = [0; 256];
    let mut at = 0;
    while at < DEFAULT.len() {
        let c = DEFAULT[at] as usize;
        if c < widths.len() && at != ESCAPE as usize {
            widths[c] = 1;
        }
        at += 1;
    }
    let mut at = 0;
    while at < EXTENSION.len() {
        let c = EXTENSION[at].1 as usize;
        if c < widths.len() {
            widths[c] = 2;
        }
        at += 1;
    }
    widths
};

/// Septets that `c` takes in GSM-7: 1, 2 (extension table), or `None` when it is not in it.
pub fn septets(c: char) -> Option<usize> {
    match WIDTHS.get(c as usize) {
        Some(0) => None,
        Some(&width) => Some(usize::from(width)),
        None => match c {
            'Δ' | 'Φ' | 'Γ' | 'Λ' | 'Ω' | 'Π' | 'Ψ' | 'Σ' | 'Θ' | 'Ξ' => Some(1),
            '€' => Some(2),
            _ => None,
        },
    }
}

/// Codes of every ASCII and Latin-1 character: septet, with bit 8 set behind an escape; 0xFFFF: none.
const CODES: [u16; 256] = {
    let mut codes = [0xffff; 256];
    let mut at = 0;
    while at < DEFAULT.len() {
        let c = DEFAULT[at] as usize;
        if c < codes.len() && at != ESCAPE as usize {
            codes[c] = at as u16;
        }
        at += 1;
    }
    let mut at = 0;
    while at < EXTENSION.len() {
        let c = EXTENSION[at].1 as usize;
        if c < codes.len() {
            codes[c] = 0x100 | EXTENSION[at].0 as u16;
        }
        at += 1;
    }
    codes
};

/// The septet of `c`, and whether it stands behind an escape.
pub fn code(c: char) -> Option<(bool, u8)> {
    match CODES.get(c as usize) {
        Some(0xffff) => None,
        Some(code) => Some((code & 0x100 != 0, code.to_le_bytes()[0])),
        None if c == '€' => Some((true, 0x65)),
        None => DEFAULT.iter().zip(0..).find(|(of, _)| **of == c).map(|(_, septet)| (false, septet)),
    }
}

/// The first character that GSM-7 does not have.
pub fn forced_by(text: &str) -> Option<char> {
    text.chars().find(|&c| septets(c).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::SenderId;

    #[test]
    fn widths_are_those_of_the_tables() {
        for c in '\0'..='\u{ffff}' {
            let width = match () {
                () if c == '\0' => None,
                () if DEFAULT.contains(&c) => Some(1),
                () if EXTENSION.iter().any(|&(_, e)| e == c) => Some(2),
                () => None,
            };
            assert_eq!(septets(c), width, "{c:?}");
            assert_eq!(code(c).map(|(escape, _)| if escape { 2 } else { 1 }), width, "{c:?}");
            if let Some((escape, septet)) = code(c) {
                let shown = if escape {
                    EXTENSION.iter().find(|(s, _)| *s == septet).map(|(_, e)| *e)
                } else {
                    Some(DEFAULT[usize::from(septet)])
                };
                assert_eq!(shown, Some(c));
            }
        }
        assert_eq!(septets('😀'), None);
    }

    #[test]
    fn known_places() {
        for (septet, c) in [
            (0x09, 'Ç'),
            (0x5f, '§'),
            (0x24, '¤'),
            (0x02, '$'),
            (0x10, 'Δ'),
            (0x15, 'Ω'),
            (0x40, '¡'),
            (0x60, '¿'),
            (0x7f, 'à'),
        ] {
            assert_eq!(DEFAULT[septet], c);
        }
        assert_eq!(forced_by("ça va"), Some('ç'));
        assert_eq!(forced_by("{€}\n"), None);
    }

    /// The room of addresses stands below this one and has its own list: it must be the same.
    #[test]
    fn sender_ids_know_the_same_alphabet() {
        for c in '!'..='\u{ffff}' {
            if c.is_ascii_digit() || c.is_whitespace() || c == '+' {
                continue;
            }
            assert_eq!(c.to_string().parse::<SenderId>().is_ok(), septets(c).is_some(), "{c:?}");
        }
    }
}
