//! The receiver of a mail's bytes after DATA (RFC 5321 4.1.1.4, 4.5.2; RFC 1870 for the size).
//!
//! The end is exactly CR LF `.` CR LF, or `.` CR LF at once. Whatever looks like an end to a lenient reader
//! (`LF . LF`, `CR LF . LF`, `CR . CR`, `CR LF . CR CR LF`) is none, and a mail that holds a bare CR, a bare LF or a
//! NUL is refused as a whole once its real end was seen: refused earlier, its rest would be read as commands.
//! A mail over the limit is read to its end without being kept.
//!
//! [`Bare::Normalize`] takes such a mail from a peer that is trusted: a bare LF ends a line as CR LF does, a bare CR becomes a
//! space (a line end made of it could end the header early). The end of the mail is where it is without that, to the
//! octet; a NUL is refused all the same.

use memchr::{memchr, memchr3};

use super::kept::Kept;

/// Why the bytes are not taken. The whole mail was consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataError {
    /// A bare CR, a bare LF or a NUL.
    Bytes,
    /// Larger than the limit.
    TooBig,
    /// There is no room for it now.
    NoRoom,
}

/// What becomes of a bare CR or a bare LF in a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bare {
    /// The mail is refused.
    #[default]
    Refuse,
    /// The LF ends a line, the CR is a space.
    Normalize,
}

/// What stood before the next byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    LineStart,
    /// Behind a bare LF that counts as a line end: a dot here was doubled, but is no end of the mail.
    LooseStart,
    Inside,
    Cr,
    Dot,
    DotCr,
}

/// Takes one mail; dot-stuffing is removed on the way.
pub struct Receiver {
    data: Kept,
    /// Octets of the mail so far, dot-stuffing removed, kept or not.
    size: u64,
    limit: u64,
    seen: Seen,
    bare: Bare,
    bad: bool,
    no_room: bool,
}

impl Receiver {
    /// For a mail of at most `limit` octets. `announced` (SIZE=) is a hint for the first allocation.
    pub fn new(limit: u64, announced: Option<u64>) -> Self {
        // A peer that announces much and sends nothing must not cost much.
        let hint = announced.unwrap_or(4096).min(limit).min(64 * 1024);
        Self {
            data: Kept::new(usize::try_from(hint).unwrap_or(0)),
            size: 0,
            limit,
            seen: Seen::LineStart,
            bare: Bare::Refuse,
            bad: false,
            no_room: false,
        }
    }

    /// Bare line ends are treated so.
    #[must_use]
    pub fn with(mut self, bare: Bare) -> Self {
        self.bare = bare;
        self
    }

    /// Octets that are kept so far.
    pub fn held(&self) -> usize {
        self.data.len()
    }

    /// Nothing more of this mail is kept: it is read to its end and put off.
    pub fn put_off(&mut self) {
        self.no_room = true;
        self.data = Kept::default();
    }

    /// Takes from `input` up to the end of the mail. `None`: all of `input` was taken and the mail goes on.
    /// After the end the receiver is empty and not to be fed again.
    pub fn feed(&mut self, input: &mut &[u8]) -> Option<Result<Vec<u8>, DataError>> {
        let bytes = *input;
        // Bytes from `kept` on belong to the mail and were not stored yet.
        let (mut at, mut kept) = (0, 0);
        while at < bytes.len() {
            match self.seen {
                Seen::Inside => match self.next_special(&bytes[at..]) {
                    None => at = bytes.len(),
                    Some(i) => {
                        at += i + 1;
                        match bytes[at - 1] {
                            b'\r' => self.seen = Seen::Cr,
                            b'\n' if self.bare == Bare::Normalize => {
                                self.store(&bytes[kept..at - 1]);
                                self.store(b"\r\n");
                                kept = at;
                                self.seen = Seen::LooseStart;
                            }
                            _ => self.bad = true,
                        }
                    }
                },
                Seen::Cr if bytes[at] == b'\n' => {
                    at += 1;
                    self.seen = Seen::LineStart;
                }
                Seen::LineStart if bytes[at] == b'.' => {
                    self.store(&bytes[kept..at]);
                    at += 1;
                    kept = at;
                    self.seen = Seen::Dot;
                }
                Seen::LooseStart if bytes[at] == b'.' => {
                    at += 1;
                    kept = at;
                    self.seen = Seen::Inside;
                }
                Seen::Dot if bytes[at] == b'\r' => {
                    at += 1;
                    self.seen = Seen::DotCr;
                }
                Seen::DotCr if bytes[at] == b'\n' => {
                    *input = &bytes[at + 1..];
                    return Some(self.finish());
                }
                Seen::Cr | Seen::DotCr => {
                    self.bare_cr(&bytes[kept..at]);
                    kept = at;
                }
                Seen::LineStart | Seen::LooseStart | Seen::Dot => self.seen = Seen::Inside,
            }
        }
        // A CR behind a leading dot may belong to the end; where it turns out not to, `bare_cr` makes good for it.
        let end = if self.seen == Seen::DotCr { kept } else { bytes.len() };
        self.store(&bytes[kept..end]);
        *input = &[];
        None
    }

    /// The last octet was a CR, and no LF follows. `part` is what was not stored yet, it included.
    fn bare_cr(&mut self, part: &[u8]) {
        match (self.bare, self.seen) {
            (Bare::Refuse, _) => self.bad = true,
            (Bare::Normalize, Seen::DotCr) => self.store(b" "),
            (Bare::Normalize, _) => {
                self.store(part);
                self.data.replace_last(b' ');
            }
        }
        self.seen = Seen::Inside;
    }

    /// The next byte that matters inside a line. In a mail that is bad already a NUL or a bare LF changes nothing.
    fn next_special(&self, bytes: &[u8]) -> Option<usize> {
        if self.bad { memchr(b'\r', bytes) } else { memchr3(b'\r', b'\n', 0, bytes) }
    }

    fn store(&mut self, part: &[u8]) {
        self.size = self.size.saturating_add(part.len() as u64);
        if self.bad || self.no_room || self.size > self.limit {
            self.data = Kept::default();
        } else {
            self.data.push(part);
        }
    }

    fn finish(&mut self) -> Result<Vec<u8>, DataError> {
        let data = std::mem::take(&mut self.data);
        if self.bad {
            Err(DataError::Bytes)
        } else if self.size > self.limit {
            Err(DataError::TooBig)
        } else if self.no_room {
            Err(DataError::NoRoom)
        } else {
            Ok(data.whole())
        }
    }
}

/// How many `Received:` fields stand in the header of `data` (RFC 5321 6.3: mails that go round).
pub fn hops(data: &[u8]) -> usize {
    const NAME: &[u8] = b"received:";
    let (mut rest, mut count) = (data, 0);
    while !rest.is_empty() && !rest.starts_with(b"\r\n") {
        if rest.len() >= NAME.len() && rest[..NAME.len()].eq_ignore_ascii_case(NAME) {
            count += 1;
        }
        match memchr(b'\n', rest) {
            Some(end) => rest = &rest[end + 1..],
            None => break,
        }
    }
    count
}

#[cfg(test)]
#[path = "data_tests.rs"]
mod tests;
