//! From a message to its segments.
use super::{Alphabet, Content, Segment};

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
/// Measures without cutting; allocates nothing for GSM-7.
pub fn measure(_content: &Content, _reference: Reference) -> Result<Measure, SplitError> {
    unimplemented!()
}
/// Cuts into concatenated segments (one segment has no concatenation element).
pub fn split(_content: &Content, _reference: Reference) -> Result<Vec<Segment>, SplitError> {
    unimplemented!()
}
/// Cuts into messages that stand alone, without concatenation.
pub fn separate(_content: &Content) -> Result<Vec<Segment>, SplitError> {
    unimplemented!()
}
