//! Tidying words: line ends, blanks, control characters, NFC, look-alikes (spec: From a mail to a text, 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transliterate {
    Never,
    /// Only when look-alikes alone turn UCS-2 into GSM-7; accents kept.
    #[default]
    Auto,
    Always,
}
pub fn tidy(_text: &str) -> String {
    unimplemented!()
}
pub fn transliterate(_text: String, _how: Transliterate) -> String {
    unimplemented!()
}
