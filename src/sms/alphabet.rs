//! GSM 7-bit default alphabet and its extension table (TS 23.038 6.2.1), UCS-2, 8-bit.
/// How the octets of a segment are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alphabet {
    Gsm7,
    Ucs2,
    Binary,
}
/// Septets that `c` takes in GSM-7: 1, 2 (extension table), or `None` when it is not in it.
pub fn septets(_c: char) -> Option<usize> {
    unimplemented!()
}
