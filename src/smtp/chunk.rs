//! The receiver of a mail that comes in chunks (BDAT, RFC 3030).
//!
//! Chunks are counted octets: no dot is doubled and no line ends them. The mail is the same text as after DATA, since
//! BINARYMIME is not offered: a bare CR, a bare LF or a NUL refuses it, also where a chunk ends between CR and LF.

use memchr::memchr3;

use super::{data::DataError, kept::Kept};

/// Takes the chunks of one mail.
pub(super) struct Chunks {
    data: Kept,
    size: u64,
    limit: u64,
    after_cr: bool,
    bad: bool,
    no_room: bool,
}

impl Chunks {
    /// For a mail of at most `limit` octets.
    pub(super) fn new(limit: u64) -> Self {
        Self { data: Kept::default(), size: 0, limit, after_cr: false, bad: false, no_room: false }
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
        self.size = self.size.saturating_add(part.len() as u64);
        // Of what is too big as well: the reason must not hang on how the octets came.
        self.scan(part);
        if self.error().is_some() {
            self.data = Kept::default();
        } else {
            self.data.push(part);
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
        self.bad |= self.after_cr;
        if let Some(error) = self.error() {
            return Err(error);
        }
        if self.data.len() > 0 && !self.data.ends_with(b"\r\n") {
            self.data.push(b"\r\n");
        }
        Ok(self.data.whole())
    }

    fn scan(&mut self, part: &[u8]) {
        let mut rest = part;
        while !rest.is_empty() && !self.bad {
            if self.after_cr {
                self.after_cr = false;
                self.bad = rest[0] != b'\n';
                rest = &rest[1..];
                continue;
            }
            let Some(at) = memchr3(b'\r', b'\n', 0, rest) else { return };
            self.after_cr = rest[at] == b'\r';
            self.bad = !self.after_cr;
            rest = &rest[at + 1..];
        }
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
                let mut chunks = Chunks::new(20);
                mail.chunks(size).for_each(|part| chunks.feed(part));
                let got = chunks.finish();
                assert_eq!(got.as_deref().map_err(|e| *e), want, "{:?} by {size}", mail.escape_ascii().to_string());
            }
        }
    }
}
