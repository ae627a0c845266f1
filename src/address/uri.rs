//! The `sms:` URI (RFC 5724) with its parameters.
use super::{Destination, NumberError, Numbering, Params};

/// What an address resolves to: phones, and parameters that hold for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub to: Vec<Destination>,
    pub params: Params,
}

/// Why an address does not resolve. `Display` is fit for an SMTP reply or a person; no secret and no number in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressError {
    Number(NumberError),
    /// Unknown, repeated or bad parameter, by name.
    Parameter {
        name: String,
        why: &'static str,
    },
    Syntax(&'static str),
}

/// Reads `sms:+1555…,+1666…?maxmsgs=3`, or the same without scheme where `bare` allows it.
pub fn parse(_input: &str, _numbering: &Numbering) -> Result<Target, AddressError> {
    unimplemented!()
}
