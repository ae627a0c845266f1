//! STOP, START and HELP: one word by which a phone says what it wants. Pure.
//!
//! The word must be all that the text says: blanks, signs and pictures around it do not count, nor do case, accents and
//! letters of another script that look the same; a sentence that holds the word is a sentence. Which words count hangs
//! on the regions of the phone and of our number ([`table`]). What can go wrong: a word too many takes texts from
//! somebody who wanted them, a word too few sends them to somebody who did not; where both are possible the phone's
//! wish not to be written to goes first.

mod table;

use crate::address::Region;

/// What a phone asks for by one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keyword {
    /// No more texts.
    Stop,
    /// Texts again.
    Start,
    /// Who are you?
    Help,
}

impl Keyword {
    /// As mails are marked with it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stop => "STOP",
            Self::Start => "START",
            Self::Help => "HELP",
        }
    }
}

/// Words of one kind: those that are shipped, and an administrator's own, which count everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    shipped: bool,
    own: Vec<String>,
}

impl Default for Words {
    fn default() -> Self {
        Self { shipped: true, own: Vec::new() }
    }
}

/// The longest word, in characters.
pub const LONGEST: usize = 40;

impl Words {
    /// As a configuration lists them; `*` stands for those that are shipped.
    ///
    /// # Errors
    /// The place of one that no phone could say: empty, only signs, too long.
    pub fn listed<S: AsRef<str>>(list: &[S]) -> Result<Self, usize> {
        let mut words = Self { shipped: false, own: Vec::new() };
        for (at, word) in list.iter().map(AsRef::as_ref).enumerate() {
            match word {
                "*" => words.shipped = true,
                word => words.own.push(folded(word).ok_or(at)?),
            }
        }
        Ok(words)
    }

    fn know(&self, kind: Keyword, said: &str, regions: &[Region]) -> bool {
        self.own.iter().any(|word| word == said) || self.shipped && table::knows(kind, said, regions)
    }
}

/// The words of all kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keywords {
    pub stop: Words,
    pub start: Words,
    pub help: Words,
}

impl Keywords {
    /// What this text asks for, from a phone of one of these regions to a number of one of them.
    pub fn read(&self, text: &str, regions: &[Region]) -> Option<Keyword> {
        let said = folded(text)?;
        // As it is first: СТОП is a word of its own.
        [said.clone(), latin(&said)].iter().find_map(|said| {
            let kinds = [(Keyword::Stop, &self.stop), (Keyword::Start, &self.start), (Keyword::Help, &self.help)];
            kinds.into_iter().find(|(kind, words)| words.know(*kind, said, regions)).map(|(kind, _)| kind)
        })
    }
}

/// What counts of a text that may be one word: without what stands around it, in lower case, without accents; `None`
/// where nothing is left or it is too long for one. `#` and `@` stay: `#info#` is an address.
fn folded(text: &str) -> Option<String> {
    let mut out = String::new();
    for c in text.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '#' | '@')).chars() {
        let c = match c {
            // Invisible: zero width, soft hyphen, variation selectors; combining accents.
            '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\u{fe00}'..='\u{fe0f}' => continue,
            '\u{300}'..='\u{36f}' => continue,
            c if c.is_whitespace() => ' ',
            '\u{2010}'..='\u{2015}' | '_' => '-',
            // Full width.
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
            c => c,
        };
        if c == ' ' && out.ends_with(' ') {
            continue;
        }
        c.to_lowercase().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).for_each(|c| out.push(plain(c)));
        if out.chars().count() > LONGEST {
            return None;
        }
    }
    out.chars().any(char::is_alphanumeric).then_some(out)
}

/// A small Latin letter without its accent.
fn plain(c: char) -> char {
    match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' | 'đ' => 'd',
        'è'..='ë' | 'ē' | 'ę' | 'ě' => 'e',
        'ğ' => 'g',
        'ì'..='ï' | 'ī' | 'ı' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ő' => 'o',
        'ř' => 'r',
        'ś' | 'š' | 'ş' | 'ș' => 's',
        'ť' | 'ţ' | 'ț' => 't',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        c => c,
    }
}

/// Letters of other scripts whose capitals look like Latin ones, as those: `SТОР` by a mixed keyboard.
fn latin(folded: &str) -> String {
    let alike = |c| match c {
        'а' | 'α' => 'a',
        'в' | 'β' => 'b',
        'с' => 'c',
        'е' | 'ε' => 'e',
        'н' | 'η' => 'h',
        'і' | 'ι' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'м' | 'μ' => 'm',
        'ν' => 'n',
        'о' | 'ο' => 'o',
        'р' | 'ρ' => 'p',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'у' | 'υ' => 'y',
        'х' | 'χ' => 'x',
        'ζ' => 'z',
        c => c,
    };
    folded.chars().map(alike).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, regions: &[&str]) -> Option<Keyword> {
        let regions: Vec<Region> = regions.iter().map(|region| region.parse().expect(region)).collect();
        Keywords::default().read(text, &regions)
    }

    #[test]
    fn the_word_alone_counts_whatever_stands_around_it() {
        for text in [
            "STOP",
            "stop",
            "Stop",
            " stop \r\n",
            "\u{a0}STOP\u{a0}",
            "STOP.",
            "Stop!!!",
            "\"STOP\"",
            "«stop»",
            "(stop)",
            "stop?",
            "STOP 🛑",
            "🛑STOP✋\u{fe0f}",
            "S\u{200b}TOP",
            "\u{feff}STOP",
            "ＳＴＯＰ",
            "STÖP",
            "stop-all",
            "STOP  ALL",
            "stopall",
            "Opt-Out",
            "opt out",
            "unsubscribe",
        ] {
            assert_eq!(read(text, &["DE"]), Some(Keyword::Stop), "{text:?}");
        }
    }

    #[test]
    fn a_sentence_that_holds_the_word_is_a_sentence() {
        for text in [
            "",
            " ",
            "🛑",
            "...",
            "please stop",
            "Stop it",
            "STOP sending me these",
            "Can we stop at the shop?",
            "stop\nThanks",
            "STOP STOP",
            "stopped",
            "nonstop",
            "S T O P",
            "s.t.o.p",
            "#stop#",
            "stop@example.test",
            "#info#",
            "stop 1",
            "1",
            "yes",
        ] {
            assert_eq!(read(text, &["US"]), None, "{text:?}");
        }
        assert_eq!(read(&format!("STOP{}", " ".repeat(100_000)), &["US"]), Some(Keyword::Stop));
        assert_eq!(read(&"stop".repeat(100_000), &["US"]), None);
    }

    #[test]
    fn look_alikes_of_other_scripts_are_the_letters_they_look_like() {
        for text in ["SТОР", "ЅТОР", "STΟΡ", "Ѕtор"] {
            assert!(!text.is_ascii());
            assert_eq!(read(text, &["US"]), Some(Keyword::Stop), "{text:?}");
        }
        assert_eq!(read("СТОП", &["RU"]), Some(Keyword::Stop), "a word of its own");
        assert_eq!(read("СТОП", &["US"]), None, "and of its regions");
        assert_eq!(read("ΗЕLР", &["US"]), Some(Keyword::Help));
    }

    #[test]
    fn words_count_in_their_regions() {
        use Keyword::{Help, Start, Stop};
        for (text, region, found) in [
            ("CANCEL", "US", Some(Stop)),
            ("End", "CA", Some(Stop)),
            ("quit", "GB", Some(Stop)),
            ("REVOKE", "US", Some(Stop)),
            ("cancel", "DE", None),
            ("end", "NL", None),
            ("ARRET", "FR", Some(Stop)),
            ("Arrêt", "CA", Some(Stop)),
            ("ARRE\u{302}T", "BE", Some(Stop)),
            ("arret", "US", None),
            ("STOPP", "DE", Some(Stop)),
            ("stopp", "SE", Some(Stop)),
            ("Baja", "ES", Some(Stop)),
            ("BAJA", "MX", Some(Stop)),
            ("baja", "DE", None),
            ("parar", "BR", Some(Stop)),
            ("Parar", "ES", Some(Stop)),
            ("SAIR", "PT", Some(Stop)),
            ("Afmelden", "NL", Some(Stop)),
            ("İPTAL", "TR", Some(Stop)),
            ("iptal", "TR", Some(Stop)),
            ("RET", "TR", Some(Stop)),
            ("退订", "CN", Some(Stop)),
            ("T", "CN", Some(Stop)),
            ("t", "US", None),
            ("停止", "JP", Some(Stop)),
            ("הסר", "IL", Some(Stop)),
            ("ΣΤΟΠ", "GR", Some(Stop)),
            ("START", "FR", Some(Start)),
            ("unstop", "US", Some(Start)),
            ("Alta", "ES", Some(Start)),
            ("HELP", "JP", Some(Help)),
            ("Hilfe!", "AT", Some(Help)),
            ("AIDE", "FR", Some(Help)),
            ("ayuda", "AR", Some(Help)),
            ("hjälp", "SE", Some(Help)),
            ("HJAELP", "DK", Some(Help)),
            ("info", "US", Some(Help)),
        ] {
            assert_eq!(read(text, &[region]), found, "{text} {region}");
        }
        assert_eq!(read("arret", &["US", "FR"]), Some(Stop), "the phone's region or ours");
    }

    #[test]
    fn a_list_adds_or_replaces() {
        let with = |list: &[&str]| Keywords { stop: Words::listed(list).expect("sound"), ..Keywords::default() };
        let us = ["US".parse().expect("a region")];
        let both = with(&["*", "Genug jetzt"]);
        assert_eq!(both.read("GENUG  JETZT!", &us), Some(Keyword::Stop));
        assert_eq!(both.read("STOP", &us), Some(Keyword::Stop));
        let own = with(&["genug"]);
        assert_eq!(own.read("genug", &us), Some(Keyword::Stop));
        assert_eq!(own.read("STOP", &us), None);
        assert_eq!(own.read("HELP", &us), Some(Keyword::Help));
        assert_eq!(with(&[]).read("STOP", &us), None);
        assert_eq!(Words::listed(&["ok", " ", "x"]), Err(1));
        assert_eq!(Words::listed(&["!?"]), Err(0));
        assert_eq!(Words::listed(&["x".repeat(41)]), Err(0));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,60}|[sStToOpP .!\u{200b}\u{ff33}ßİ]{0,50}") {
            let regions = ["US".parse().expect("a region")];
            let keywords = Keywords::default();
            let found = keywords.read(&text, &regions);
            // Signs around it change nothing.
            prop_assert_eq!(keywords.read(&format!(" “{text}”.\n"), &regions), found);
        }
    }
}
