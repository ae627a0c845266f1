//! SMTP paths (RFC 5321 4.1.2), and the leniency that `sms:` local parts need.

/// An address of an envelope: local part decoded (no quotes, no quoted pairs), domain as IDNA ASCII in lower case
/// or an address literal in brackets.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Path {
    pub local: String,
    /// `None` only for `<postmaster>`.
    pub domain: Option<String>,
}
impl Path {
    /// In wire form, quoted where it must be, without angle brackets.
    pub fn to_wire(&self) -> String {
        unimplemented!()
    }
    /// Reads `<path>` at the beginning of `input`, source route dropped; returns the rest behind `>`.
    pub fn parse(_input: &str) -> Result<(Self, &str), PathError> {
        unimplemented!()
    }
}

/// MAIL FROM: `<>` or a path.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum ReversePath {
    #[default]
    Null,
    Path(Path),
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathError {
    Syntax,
    TooLong,
    BadDomain,
}
