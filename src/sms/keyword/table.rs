//! The words that are shipped, by kind and by region: those that carriers and providers know, in the languages of a
//! region. As `folded` leaves them: small letters, no accents.
//!
//! Sources: CTIA Messaging Principles and Best Practices 5.1.3 (STOP, STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT, REVOKE,
//! OPTOUT, START, UNSTOP, HELP, INFO). The words of other languages are what people there write for the same; a word that
//! also answers other questions ("cancel my appointment") is left out where no rule of the carriers asks for it.

use super::Keyword;
use crate::address::Region;

/// Words and the regions they count in; no regions: everywhere.
struct Entry {
    words: &'static [&'static str],
    regions: &'static [&'static str],
}

const ENGLISH: &[&str] = &[
    "US", "CA", "PR", "VI", "GU", "AS", "MP", "GB", "IE", "IM", "JE", "GG", "GI", "MT", "AU", "NZ", "ZA", "IN", "SG",
    "JM", "BS", "BB", "TT", "BM", "KY",
];
const FRENCH: &[&str] = &[
    "FR", "BE", "CH", "CA", "LU", "MC", "RE", "GP", "MQ", "GF", "YT", "NC", "PF", "PM", "MA", "TN", "DZ", "SN", "CI",
    "CM",
];
const GERMAN: &[&str] = &["DE", "AT", "CH", "LI", "LU", "BE"];
const SPANISH: &[&str] = &[
    "ES", "MX", "AR", "CO", "CL", "PE", "VE", "EC", "GT", "CU", "BO", "DO", "HN", "PY", "SV", "NI", "CR", "PA", "UY",
    "PR",
];
const PORTUGUESE: &[&str] = &["PT", "BR", "AO", "MZ", "CV"];
const ITALIAN: &[&str] = &["IT", "SM", "CH"];
const DUTCH: &[&str] = &["NL", "BE", "SR"];
const NORDIC: &[&str] = &["SE", "NO", "DK", "FI", "IS", "FO", "GL", "AX", "SJ"];
const RUSSIAN: &[&str] = &["RU", "BY", "KZ", "KG", "UA", "BG"];
const CHINESE: &[&str] = &["CN", "HK", "TW", "MO", "SG"];
const ARABIC: &[&str] = &["SA", "AE", "EG", "JO", "KW", "QA", "BH", "OM", "LB", "IQ", "MA", "TN", "DZ", "LY"];

const STOP: &[Entry] = &[
    Entry {
        words: &["stop", "stopall", "stop all", "stop-all", "unsubscribe", "optout", "opt out", "opt-out"],
        regions: &[],
    },
    Entry { words: &["cancel", "end", "quit", "revoke"], regions: ENGLISH },
    Entry { words: &["arret", "arreter", "stopper", "desabonner"], regions: FRENCH },
    Entry { words: &["stopp", "abmelden", "abbestellen"], regions: GERMAN },
    Entry { words: &["baja", "parar", "alto"], regions: SPANISH },
    Entry { words: &["parar", "sair"], regions: PORTUGUESE },
    Entry { words: &["cancella", "disiscrivi", "basta"], regions: ITALIAN },
    Entry { words: &["stoppen", "afmelden"], regions: DUTCH },
    Entry { words: &["stopp", "avsluta", "afmeld", "avmeld", "lopeta", "peru"], regions: NORDIC },
    Entry { words: &["rezygnuje", "wypisz"], regions: &["PL"] },
    Entry { words: &["zrusit", "odhlasit"], regions: &["CZ", "SK"] },
    Entry { words: &["leiratkozas"], regions: &["HU"] },
    Entry { words: &["ret", "iptal"], regions: &["TR"] },
    Entry {
        words: &["стоп", "отписаться", "отписка", "відписатися"], regions: RUSSIAN
    },
    Entry { words: &["στοπ", "διακοπη", "διακοπή"], regions: &["GR", "CY"] },
    Entry { words: &["הסר", "הסרה"], regions: &["IL"] },
    Entry { words: &["إيقاف", "ايقاف", "إلغاء", "الغاء"], regions: ARABIC },
    Entry { words: &["退订", "退訂", "取消订阅", "取消訂閱"], regions: CHINESE },
    Entry { words: &["t", "td"], regions: &["CN"] },
    Entry { words: &["停止", "配信停止"], regions: &["JP"] },
    Entry { words: &["수신거부"], regions: &["KR"] },
    Entry { words: &["berhenti"], regions: &["ID", "MY"] },
];

const START: &[Entry] = &[
    Entry { words: &["start", "unstop", "optin", "opt in", "opt-in"], regions: &[] },
    Entry { words: &["alta", "iniciar", "empezar"], regions: SPANISH },
    Entry { words: &["iniciar", "comecar"], regions: PORTUGUESE },
    Entry { words: &["reprendre"], regions: FRENCH },
    Entry { words: &["anmelden"], regions: GERMAN },
    Entry { words: &["inizia", "iscrivi"], regions: ITALIAN },
    Entry { words: &["aanmelden"], regions: DUTCH },
    Entry { words: &["старт"], regions: RUSSIAN },
    Entry { words: &["开始", "開始"], regions: CHINESE },
    Entry { words: &["開始", "配信再開"], regions: &["JP"] },
];

const HELP: &[Entry] = &[
    Entry { words: &["help", "info"], regions: &[] },
    Entry { words: &["aide"], regions: FRENCH },
    Entry { words: &["hilfe"], regions: GERMAN },
    Entry { words: &["ayuda"], regions: SPANISH },
    Entry { words: &["ajuda"], regions: PORTUGUESE },
    Entry { words: &["aiuto"], regions: ITALIAN },
    Entry { words: &["hulp"], regions: DUTCH },
    Entry { words: &["hjalp", "hjelp", "hjælp", "hjaelp", "apua"], regions: NORDIC },
    Entry { words: &["pomoc"], regions: &["PL", "CZ", "SK"] },
    Entry { words: &["yardim"], regions: &["TR"] },
    Entry { words: &["помощь", "инфо", "допомога"], regions: RUSSIAN },
    Entry { words: &["βοηθεια", "βοήθεια"], regions: &["GR", "CY"] },
    Entry { words: &["עזרה"], regions: &["IL"] },
    Entry { words: &["مساعدة"], regions: ARABIC },
    Entry { words: &["帮助", "幫助"], regions: CHINESE },
    Entry { words: &["ヘルプ"], regions: &["JP"] },
];

/// Is this folded word one of that kind in any of these regions?
pub fn knows(kind: Keyword, said: &str, regions: &[Region]) -> bool {
    let entries = match kind {
        Keyword::Stop => STOP,
        Keyword::Start => START,
        Keyword::Help => HELP,
    };
    let counts =
        |entry: &Entry| entry.regions.is_empty() || regions.iter().any(|r| entry.regions.contains(&r.as_str()));
    entries.iter().any(|entry| entry.words.contains(&said) && counts(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_as_texts_are_folded() {
        for entry in STOP.iter().chain(START).chain(HELP) {
            for word in entry.words {
                assert_eq!(super::super::folded(word).as_deref(), Some(*word), "{word}");
            }
            for region in entry.regions {
                assert!(region.parse::<Region>().is_ok(), "{region}");
            }
        }
    }

    #[test]
    fn no_word_means_two_things_in_one_region() {
        let regions: std::collections::BTreeSet<&str> =
            STOP.iter().chain(START).chain(HELP).flat_map(|entry| entry.regions).copied().collect();
        for name in regions {
            let region = [name.parse::<Region>().expect(name)];
            for word in STOP.iter().chain(START).chain(HELP).flat_map(|entry| entry.words) {
                let kinds = [Keyword::Stop, Keyword::Start, Keyword::Help];
                let known = kinds.iter().filter(|kind| knows(**kind, word, &region)).count();
                assert!(known <= 1, "{word} in {name}");
            }
        }
    }
}
