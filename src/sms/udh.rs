//! User data header: information elements (TS 23.040 9.2.3.24).
use super::split::Reference;
/// One part of a concatenated message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Concat {
    pub reference: Reference,
    pub total: u8,
    /// From 1.
    pub seq: u8,
}
/// The concatenation element among these elements, if it is sound. `ies` has no length octet.
pub fn concat(_ies: &[u8]) -> Option<Concat> {
    unimplemented!()
}
/// The elements other than concatenation.
pub fn without_concat(_ies: &[u8]) -> Vec<u8> {
    unimplemented!()
}
