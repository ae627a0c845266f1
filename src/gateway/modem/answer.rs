//! What lines mean: results that end an answer, errors in words or numbers, and lines that come unasked (TS 27.005,
//! TS 27.007).
//!
//! What can go wrong: errors come as a number, as words, or as nothing but `ERROR`; a registration line means different
//! things as an answer and unasked.

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Ok,
    Error(AtError),
}

/// Why a modem refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtError {
    /// Nothing but `ERROR`.
    Plain,
    /// `+CMS ERROR` (TS 27.005 3.2.5).
    Cms(u16),
    /// `+CME ERROR` (TS 27.007 9.2).
    Cme(u16),
}

impl std::fmt::Display for AtError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plain => f.write_str("ERROR"),
            Self::Cms(code) => write!(f, "+CMS ERROR: {code}"),
            Self::Cme(code) => write!(f, "+CME ERROR: {code}"),
        }
    }
}

impl AtError {
    /// The SIM or the modem is not ready yet, and will be: 515 says so on Wavecoms and their like.
    pub fn is_busy(self) -> bool {
        matches!(self, Self::Cme(14 | 515) | Self::Cms(314 | 515))
    }
}

/// Verbose errors of `AT+CMEE=2` that matter, lower case, with their numbers.
const CME_WORDS: &[(&str, u16)] = &[
    ("phone failure", 0),
    ("operation not allowed", 3),
    ("operation not supported", 4),
    ("ph-sim pin required", 5),
    ("sim not inserted", 10),
    ("sim pin required", 11),
    ("sim puk required", 12),
    ("sim failure", 13),
    ("sim busy", 14),
    ("sim wrong", 15),
    ("incorrect password", 16),
    ("sim pin2 required", 17),
    ("sim puk2 required", 18),
    ("memory full", 20),
    ("invalid index", 21),
    ("not found", 22),
    ("memory failure", 23),
    ("no network service", 30),
    ("network timeout", 31),
    ("network not allowed", 32),
];

const CMS_WORDS: &[(&str, u16)] = &[
    ("unassigned", 1),
    ("operator determined barring", 8),
    ("call barred", 10),
    ("short message transfer rejected", 21),
    ("destination out of service", 27),
    ("unidentified subscriber", 28),
    ("facility rejected", 29),
    ("unknown subscriber", 30),
    ("network out of order", 38),
    ("temporary failure", 41),
    ("congestion", 42),
    ("resources unavailable", 47),
    ("requested facility not subscribed", 50),
    ("me failure", 300),
    ("sms service of me reserved", 301),
    ("operation not allowed", 302),
    ("operation not supported", 303),
    ("invalid pdu mode parameter", 304),
    ("invalid text mode parameter", 305),
    ("sim not inserted", 310),
    ("sim pin required", 311),
    ("ph-sim pin required", 312),
    ("sim failure", 313),
    ("sim busy", 314),
    ("sim wrong", 315),
    ("sim puk required", 316),
    ("memory failure", 320),
    ("invalid memory index", 321),
    ("memory full", 322),
    ("smsc address unknown", 330),
    ("no network service", 331),
    ("network timeout", 332),
    ("unknown error", 500),
];

fn code(given: &str, words: &[(&str, u16)], unknown: u16) -> u16 {
    let given = given.trim();
    given.parse().unwrap_or_else(|_| {
        let lower = given.to_ascii_lowercase();
        words.iter().find(|(words, _)| lower == *words).map_or(unknown, |(_, code)| *code)
    })
}

/// The end of an answer, if this line is one.
pub fn end(line: &str) -> Option<End> {
    let error = match line {
        "OK" => return Some(End::Ok),
        "ERROR" | "COMMAND NOT SUPPORT" | "NO CARRIER" | "TOO MANY PARAMETERS" => AtError::Plain,
        _ => {
            if let Some(given) = line.strip_prefix("+CMS ERROR:") {
                AtError::Cms(code(given, CMS_WORDS, 500))
            } else if let Some(given) = line.strip_prefix("+CME ERROR:") {
                AtError::Cme(code(given, CME_WORDS, 100))
            } else {
                return None;
            }
        }
    };
    Some(End::Error(error))
}

/// A line that nobody asked for.
#[derive(Clone, PartialEq, Eq)]
pub enum Unasked {
    /// `+CMTI`, `+CDSI`: something is stored there.
    Stored { memory: String, index: u16 },
    /// `+CMT`, `+CDS`: the PDU itself.
    Direct(Vec<u8>),
    /// `+CREG` and its like: the state of registration.
    Registration(u8),
    /// `+CUSD`: words of the network, and their coding.
    Ussd { text: String, dcs: u8 },
    /// The store is full.
    Full,
}

named!(Unasked);

/// What a known unasked line opens or says; `None`: not one that is known by its first word.
#[derive(Debug, PartialEq, Eq)]
pub enum Known {
    Is(Unasked),
    /// The next line is its PDU; whether it is to be kept.
    PduFollows(bool),
    /// Nobody cares.
    Ignored,
}

/// Recognises lines that are unasked whatever was asked.
pub fn unasked(line: &str) -> Option<Known> {
    let (name, rest) = line.split_once(':').unwrap_or((line, ""));
    let fields = fields(rest);
    Some(match name {
        "+CMTI" | "+CDSI" => match (fields.first(), fields.get(1).and_then(|index| index.parse().ok())) {
            (Some(name), Some(index)) if let Some(memory) = memory(name) => {
                Known::Is(Unasked::Stored { memory, index })
            }
            _ => Known::Ignored,
        },
        "+CMT" | "+CDS" => Known::PduFollows(true),
        "+CBM" => Known::PduFollows(false),
        "+CUSD" => match fields.get(1) {
            Some(text) => {
                let dcs = fields.get(2).and_then(|dcs| dcs.parse().ok()).unwrap_or(15);
                Known::Is(Unasked::Ussd { text: text.clone(), dcs })
            }
            None => Known::Ignored,
        },
        "^SMMEMFULL" | "%SMSFULL" | "+CIEV" if line.contains("SMMEMFULL") || line.contains("SMSFULL") => {
            Known::Is(Unasked::Full)
        }
        "RING" | "+CRING" | "+CLIP" | "+CIEV" => Known::Ignored,
        _ => return None,
    })
}

/// The state in a line of `+CREG`, `+CGREG` or `+CEREG`. As an answer the first field says which lines come unasked and
/// the second is the state; unasked, the first is the state and what follows stands in quotes.
pub fn registration(rest: &str, asked: bool) -> Option<u8> {
    let fields: Vec<&str> = rest.split(',').map(str::trim).collect();
    let second = fields.get(1).filter(|field| !field.starts_with('"'));
    let state = if asked { second.or(fields.first()) } else { fields.first() };
    state?.parse().ok()
}

/// Fields between commas; quotes are taken off, and a comma in quotes is none.
pub fn fields(rest: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    for c in rest.trim().chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => fields.last_mut().expect("invariant: there is always one").push(c),
        }
    }
    fields.iter_mut().for_each(|field| *field = field.trim().to_owned());
    fields
}

/// The name of a memory such as `SM` (TS 27.005 3.2.2), fit to be written into a command.
pub fn memory(field: &str) -> Option<String> {
    let sound = (1..=8).contains(&field.len()) && field.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    sound.then(|| field.to_owned())
}

/// The octets of a line of hexadecimal digits.
pub fn hex(line: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16).map(|digit| digit.to_le_bytes()[0]);
    let sound = line.len() >= 2 && line.len().is_multiple_of(2);
    let pairs = line.as_bytes().chunks_exact(2);
    sound.then(|| pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_in_words_and_numbers() {
        for (line, wanted) in [
            ("OK", Some(End::Ok)),
            ("ERROR", Some(End::Error(AtError::Plain))),
            ("+CMS ERROR: 304", Some(End::Error(AtError::Cms(304)))),
            ("+CMS ERROR: invalid PDU mode parameter", Some(End::Error(AtError::Cms(304)))),
            ("+CMS ERROR: what is that", Some(End::Error(AtError::Cms(500)))),
            ("+CME ERROR:SIM not inserted", Some(End::Error(AtError::Cme(10)))),
            ("+CME ERROR: incorrect password", Some(End::Error(AtError::Cme(16)))),
            ("OKAY", None),
            ("+CSQ: 1,2", None),
        ] {
            assert_eq!(end(line), wanted, "{line}");
        }
    }

    #[test]
    fn unasked_lines() {
        let stored = |memory: &str, index| Some(Known::Is(Unasked::Stored { memory: memory.to_owned(), index }));
        assert_eq!(unasked("+CMTI: \"SM\",3"), stored("SM", 3));
        assert_eq!(unasked("+CDSI:\"SR\", 12"), stored("SR", 12));
        assert_eq!(unasked("+CMTI: \"SM\",x"), Some(Known::Ignored));
        assert_eq!(unasked("+CMTI: \"S\u{1a}\",3"), Some(Known::Ignored), "it would go into a command");
        assert_eq!(unasked("+CMT: \"Name, with comma\",23"), Some(Known::PduFollows(true)));
        assert_eq!(unasked("^SMMEMFULL: \"SM\""), Some(Known::Is(Unasked::Full)));
        assert_eq!(unasked("+CMGL: 1,0,,23"), None);
        let ussd = Unasked::Ussd { text: "Balance: 3,50 EUR".to_owned(), dcs: 15 };
        assert_eq!(unasked("+CUSD: 0,\"Balance: 3,50 EUR\",15"), Some(Known::Is(ussd)));
    }

    #[test]
    fn registration_asked_and_unasked() {
        assert_eq!(registration(" 0,1", true), Some(1));
        assert_eq!(registration(" 2,5,\"00A1\",\"0B2C\"", true), Some(5));
        assert_eq!(registration(" 1", false), Some(1));
        assert_eq!(registration(" 5,\"00A1\",\"0B2C\"", false), Some(5));
        assert_eq!(registration(" x", false), None);
    }

    #[test]
    fn digits_of_pdus() {
        assert_eq!(hex("00fF"), Some(vec![0, 255]));
        for bad in ["", "0", "OK", "00 1", "é0"] {
            assert_eq!(hex(bad), None, "{bad}");
        }
    }
}
