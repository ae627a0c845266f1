//! The receiver of a mail that comes in chunks (BDAT, RFC 3030).
//!
//! Chunks are counted octets: no dot is doubled and no line ends them. The mail is the same text as after DATA, since
//! BINARYMIME is not offered: a bare CR, a bare LF or a NUL refuses it, also where a chunk ends between CR and LF. What
//! [`Bare::Normalize`] makes of the first two is the same, too.

use memchr::memchr3;

use super::{
    data::{Bare, DataError},
    kept::Kept,
};

/// Takes the chunks of one mail.
pub(super) struct Chunks {
    data: Kept,
    size: u64,
    limit: u64,
    bare: Bare,
    after_cr: bool,
    bad: bool,
    no_room: bool,
}

impl Chunks {
    /// For a mail of at most `limit` octets.
    pub(super) fn new(limit: u64, bare: Bare) -> Self {
        Self { data: Kept::default(), size: 0, limit, bare, after_cr: false, bad: false, no_room: false }
    }

    /// Octets that are kept so far.
    pub(super) fn held(&self) -> usize {
        self.data.len()
    }

    /// Nothing more of this mail is kept.
    pub(super) fn put_off(&mut self) {
        self.no_room = true;
        self.data = Kept::default();
    }

    /// Takes the next octets. A mail that is refused already is not kept.
    pub(super) fn feed(&mut self, part: &[u8]) {
        let mut rest = part;
        // What is too big is looked at as well: the reason must not hang on how the octets came.
        while !rest.is_empty() {
            if self.after_cr {
                self.after_cr = false;
                if rest[0] == b'\n' {
                    self.store(b"\n");
                    rest = &rest[1..];
                    continue;
                }
                self.bare_cr();
            }
            let Some(at) = memchr3(b'\r', b'\n', 0, rest) else { return self.store(rest) };
            match rest[at] {
                b'\r' => {
                    self.after_cr = true;
                    self.store(&rest[..=at]);
                }
                b'\n' if self.bare == Bare::Normalize => {
                    self.store(&rest[..at]);
                    self.store(b"\r\n");
                }
                _ => {
                    self.bad = true;
                    self.store(&rest[..=at]);
                }
            }
            rest = &rest[at + 1..];
        }
    }

    fn store(&mut self, part: &[u8]) {
        self.size = self.size.saturating_add(part.len() as u64);
        if self.error().is_some() {
            self.data = Kept::default();
        } else {
            self.data.push(part);
        }
    }

    /// The last octet was a CR, and no LF follows.
    fn bare_cr(&mut self) {
        match self.bare {
            Bare::Refuse => self.bad = true,
            Bare::Normalize => self.data.replace_last(b' '),
        }
    }

    /// Why the mail is refused, as far as it is known.
    pub(super) fn error(&self) -> Option<DataError> {
        if self.bad {
            Some(DataError::Bytes)
        } else if self.size > self.limit {
            Some(DataError::TooBig)
        } else {
            self.no_room.then_some(DataError::NoRoom)
        }
    }

    /// The whole mail. A last line without its end gets one, as after DATA.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, DataError> {
        if self.after_cr {
            self.bare_cr();
        }
        if let Some(error) = self.error() {
            return Err(error);
        }
        if self.data.len() > 0 && !self.data.ends_with(b"\r\n") {
            self.data.push(b"\r\n");
        }
        Ok(self.data.whole())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_with_its_line_ends() {
        for (mail, want) in [
            (&b"a\r\n.\r\nb\r\n"[..], Ok(&b"a\r\n.\r\nb\r\n"[..])),
            (b"a", Ok(b"a\r\n")),
            (b"", Ok(b"")),
            (b"a\nb\r\n", Err(DataError::Bytes)),
            (b"a\rb\r\n", Err(DataError::Bytes)),
            (b"a\r", Err(DataError::Bytes)),
            (b"a\0\r\n", Err(DataError::Bytes)),
            (b"\n", Err(DataError::Bytes)),
            (b"12345678901234567890", Ok(b"12345678901234567890\r\n")),
            (b"123456789012345678901", Err(DataError::TooBig)),
            (b"1\n3456789012345678901", Err(DataError::Bytes)),
            (b"1234567890123456789012\n", Err(DataError::Bytes)),
        ] {
            for size in 1..=mail.len().max(1) {
                let mut chunks = Chunks::new(20, Bare::Refuse);
                mail.chunks(size).for_each(|part| chunks.feed(part));
                let got = chunks.finish();
                assert_eq!(got.as_deref().map_err(|e| *e), want, "{:?} by {size}", mail.escape_ascii().to_string());
            }
        }
    }

    #[test]
    fn bare_ends_are_made_good() {
        for (mail, want) in [
            (&b"a\nb\r\n"[..], Ok(&b"a\r\nb\r\n"[..])),
            (b"a\rb\r\r\n", Ok(b"a b \r\n")),
            (b"a\r", Ok(b"a \r\n")),
            (b"\n\n", Ok(b"\r\n\r\n")),
            (b"\n.\n", Ok(b"\r\n.\r\n")),
            (b"a\0\n", Err(DataError::Bytes)),
            (b"\n\n\n\n\n\n\n\n\n\n\n", Err(DataError::TooBig)),
        ] {
            for size in 1..=mail.len() {
                let mut chunks = Chunks::new(20, Bare::Normalize);
                mail.chunks(size).for_each(|part| chunks.feed(part));
                let got = chunks.finish();
                assert_eq!(got.as_deref().map_err(|e| *e), want, "{:?} by {size}", mail.escape_ascii().to_string());
            }
        }
    }
}
