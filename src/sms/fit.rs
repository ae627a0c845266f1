//! Making words fit a number of segments.
use super::split::Reference;
/// Words cut to fit.
#[derive(Clone, PartialEq, Eq)]
pub struct Fitted {
    pub text: String,
    pub cut: bool,
}
/// Cuts at a word border with an ellipsis that fits (`...` in GSM-7, `…` in UCS-2); unchanged when it fits.
pub fn fit(_text: &str, _max_segments: u8, _udh: usize, _reference: Reference) -> Fitted {
    unimplemented!()
}
