//! Reassembly: segments in any order → one message. Pure: the caller keeps them.
use super::{Content, Segment, udh::Concat};
/// Joins parts sorted by anything; `missing` gaps are marked in texts with `[…]`.
pub struct Joined {
    pub content: Content,
    /// How many parts are missing.
    pub missing: u8,
}
pub fn join(_parts: &[(Option<Concat>, &Segment)]) -> Joined {
    unimplemented!()
}
