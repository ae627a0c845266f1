//! The receiver of a mail's bytes after DATA (RFC 5321 4.1.1.4, 4.5.2; RFC 1870 for the size).
//!
//! The end is exactly CR LF `.` CR LF, or `.` CR LF at once. Whatever looks like an end to a lenient reader
//! (`LF . LF`, `CR LF . LF`, `CR . CR`, `CR LF . CR CR LF`) is none, and a mail that holds a bare CR, a bare LF or a
//! NUL is refused as a whole once its real end was seen: refused earlier, its rest would be read as commands.
//! A mail over the limit is read to its end without being kept.

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

/// What stood before the next byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    LineStart,
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
            bad: false,
            no_room: false,
        }
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
                Seen::Dot if bytes[at] == b'\r' => {
                    at += 1;
                    self.seen = Seen::DotCr;
                }
                Seen::DotCr if bytes[at] == b'\n' => {
                    *input = &bytes[at + 1..];
                    return Some(self.finish());
                }
                Seen::Cr | Seen::DotCr => {
                    self.bad = true;
                    self.seen = Seen::Inside;
                }
                Seen::LineStart | Seen::Dot => self.seen = Seen::Inside,
            }
        }
        // A CR behind a leading dot is stored only when it turns out not to be the end; then the mail is bad anyway.
        let end = if self.seen == Seen::DotCr { kept } else { bytes.len() };
        self.store(&bytes[kept..end]);
        *input = &[];
        None
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The result, and how many bytes were left over.
    type End = Option<(Result<Vec<u8>, DataError>, usize)>;

    fn whole(stream: &[u8], cuts: &[usize], limit: u64) -> End {
        let mut receiver = Receiver::new(limit, None);
        let mut from = 0;
        for &to in cuts.iter().chain([&stream.len()]) {
            let mut part = &stream[from..to];
            if let Some(end) = receiver.feed(&mut part) {
                return Some((end, part.len() + stream.len() - to));
            }
            assert!(part.is_empty());
            from = to;
        }
        None
    }

    fn everywhere(stream: &[u8], limit: u64) -> End {
        let want = whole(stream, &[], limit);
        for a in 0..=stream.len() {
            for b in a..=stream.len() {
                assert_eq!(whole(stream, &[a, b], limit), want, "cut at {a} and {b}");
            }
        }
        let single: Vec<usize> = (0..stream.len()).collect();
        assert_eq!(whole(stream, &single, limit), want, "byte by byte");
        want
    }

    #[test]
    fn what_is_a_mail() {
        let cases: &[(&[u8], &[u8], usize)] = &[
            (b".\r\n", b"", 0),
            (b".\r\nQUIT\r\n", b"", 6),
            (b"a\r\n.\r\n", b"a\r\n", 0),
            (b"\r\n.\r\n", b"\r\n", 0),
            (b"..\r\n.\r\n", b".\r\n", 0),
            (b"...\r\n.\r\n", b"..\r\n", 0),
            (b".a\r\n.\r\n", b"a\r\n", 0),
            (b"a.\r\n..b\r\n.\r\nNOOP", b"a.\r\n.b\r\n", 4),
            (b"a\r\n.\r\n.\r\n", b"a\r\n", 3),
            (b"\xff\xfe\r\n.\r\n", b"\xff\xfe\r\n", 0),
        ];
        for (stream, want, left) in cases {
            assert_eq!(everywhere(stream, 1000), Some((Ok(want.to_vec()), *left)), "{stream:?}");
        }
    }

    /// Each of these ends a mail for some reader somewhere. Here none does, and the mail that holds it is refused.
    #[test]
    fn what_smuggles() {
        let fakes: &[&[u8]] = &[
            b"\n.\r\n",
            b"\r\n.\n",
            b"\n.\n",
            b"\r.\r",
            b"\r\n.\r\r\n",
            b"\r\n.\r",
            b"\r.\r\n",
            b"\r\n\0.\r\n",
            b"\r\n.\0\r\n",
            b"\n.\r",
            b"\r.\n",
            b"\r\r\n.\r\r\n",
            b"\n\n.\n\n",
            b"\r\n.\r\0\n",
            b"\n",
            b"\r",
            b"\0",
            b"\r\n..\n",
            b"\n\r.\n\r",
        ];
        for fake in fakes {
            let stream = [b"Subject: x\r\n\r\nhello", *fake, b"MAIL FROM:<x@y>\r\n.\r\nQUIT\r\n"].concat();
            assert_eq!(everywhere(&stream, 1000), Some((Err(DataError::Bytes), 6)), "{fake:?}");
            let open = [b"hello", *fake, b"x"].concat();
            assert_eq!(everywhere(&open, 1000), None, "{fake:?} ended the mail");
        }
    }

    #[test]
    fn the_limit_counts_the_mail_without_stuffing() {
        let mail = b"..23\r\n78\r\n.\r\n";
        assert_eq!(everywhere(mail, 9), Some((Ok(b".23\r\n78\r\n"[..9].to_vec()), 0)));
        assert_eq!(everywhere(mail, 8), Some((Err(DataError::TooBig), 0)));
        let mut receiver = Receiver::new(10, Some(u64::MAX));
        assert!(receiver.feed(&mut &[b'x'; 100_000][..]).is_none());
        assert_eq!(receiver.held(), 0, "nothing is kept of a mail that is too big");
        assert_eq!(everywhere(b"123456\n78901\r\n.\r\n", 3), Some((Err(DataError::Bytes), 0)));
    }

    #[test]
    fn hops_are_counted_in_the_header_only() {
        assert_eq!(hops(b"Received: a\r\n\tby b\r\nreceived: c\r\nX-Received: d\r\n\r\nReceived: e\r\n"), 2);
        assert_eq!(hops(b""), 0);
        assert_eq!(hops(b"\r\nReceived: x\r\n"), 0);
        assert_eq!(hops(b"RECEIVED: x"), 1);
    }

    proptest! {
        #[test]
        fn what_is_stuffed_comes_back(lines in proptest::collection::vec("[.a ]{0,5}", 0..8), cut in 0usize..60) {
            let mut mail = Vec::new();
            let mut wire = Vec::new();
            for line in lines {
                if line.starts_with('.') {
                    wire.push(b'.');
                }
                for out in [&mut mail, &mut wire] {
                    out.extend_from_slice(line.as_bytes());
                    out.extend_from_slice(b"\r\n");
                }
            }
            wire.extend_from_slice(b".\r\n");
            let cut = cut.min(wire.len());
            prop_assert_eq!(whole(&wire, &[cut], 1000), Some((Ok(mail), 0)));
        }

        #[test]
        fn chunks_do_not_matter(bytes in proptest::collection::vec(
            prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'a'), Just(0u8)], 0..40)) {
            let want = whole(&bytes, &[], 20);
            for cut in 0..=bytes.len() {
                prop_assert_eq!(&whole(&bytes, &[cut], 20), &want);
            }
        }
    }
}
