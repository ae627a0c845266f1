//! Command lines out of a stream of bytes (RFC 5321 2.3.8, 4.5.3.1.4).
//!
//! A line ends in CR LF and in nothing else. A bare CR or LF makes two readers of one stream see different commands
//! (SMTP smuggling), so the stream is given up where one stands: there is no place behind it at which both sides
//! surely agree. A line that is too long is skipped without being kept.

use memchr::memchr2;

/// The longest command line unless told otherwise, CR LF included: MAIL and RCPT fit with all their parameters.
pub const LIMIT: usize = 2048;

/// Why a line is no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineError {
    /// CR without LF or LF without CR. The stream cannot be read on.
    Bare,
    /// Longer than the limit; it was skipped to its end.
    TooLong,
    /// Holds NUL.
    Nul,
}

/// Cuts a stream into lines; holds at most one, up to the limit.
pub struct Lines {
    limit: usize,
    line: Vec<u8>,
    done: bool,
    too_long: bool,
    after_cr: bool,
}

impl Default for Lines {
    fn default() -> Self {
        Self::new(LIMIT)
    }
}

impl Lines {
    /// For lines of at most `limit` octets, CR LF included.
    pub fn new(limit: usize) -> Self {
        Self { limit, line: Vec::new(), done: false, too_long: false, after_cr: false }
    }

    /// Takes from `input` up to the end of the line. `None`: all of `input` was taken and the line goes on.
    /// After `Some(Ok(()))` the line is in [`Lines::line`] until the next call.
    pub fn fill(&mut self, input: &mut &[u8]) -> Option<Result<(), LineError>> {
        if self.done {
            self.line.clear();
            self.done = false;
        }
        if self.after_cr {
            let (&first, rest) = input.split_first()?;
            self.after_cr = false;
            if first != b'\n' {
                return Some(Err(LineError::Bare));
            }
            *input = rest;
            return Some(self.finish());
        }
        let Some(at) = memchr2(b'\r', b'\n', input) else {
            self.keep(input);
            *input = &[];
            return None;
        };
        if input[at] == b'\n' {
            return Some(Err(LineError::Bare));
        }
        self.keep(&input[..at]);
        *input = &input[at + 1..];
        self.after_cr = true;
        self.fill(input)
    }

    /// The line without its CR LF.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    fn keep(&mut self, part: &[u8]) {
        if self.too_long || self.line.len() + part.len() + 2 > self.limit {
            self.too_long = true;
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(part);
        }
    }

    fn finish(&mut self) -> Result<(), LineError> {
        self.done = true;
        if std::mem::take(&mut self.too_long) {
            Err(LineError::TooLong)
        } else if self.line.contains(&0) {
            Err(LineError::Nul)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(stream: &[u8], chunk: usize) -> Vec<Result<Vec<u8>, LineError>> {
        let mut lines = Lines::default();
        let mut out = Vec::new();
        for mut part in stream.chunks(chunk) {
            while let Some(got) = lines.fill(&mut part) {
                out.push(got.map(|()| lines.line().to_vec()));
                if got == Err(LineError::Bare) {
                    return out;
                }
            }
        }
        out
    }

    #[test]
    fn only_cr_lf_ends_a_line() {
        type Case = (&'static [u8], &'static [Result<&'static [u8], LineError>]);
        let cases: &[Case] = &[
            (b"NOOP\r\n", &[Ok(b"NOOP")]),
            (b"\r\nA\r\nB", &[Ok(b""), Ok(b"A")]),
            (b"A\nB\r\n", &[Err(LineError::Bare)]),
            (b"A\r\nB\rC\r\n", &[Ok(b"A"), Err(LineError::Bare)]),
            (b"A\r\r\n", &[Err(LineError::Bare)]),
            (b"\n", &[Err(LineError::Bare)]),
            (b"A\0B\r\nC\r\n", &[Err(LineError::Nul), Ok(b"C")]),
            (b"A\r", &[]),
        ];
        for (stream, want) in cases {
            for chunk in 1..=stream.len() {
                let got = all(stream, chunk);
                let want: Vec<_> = want.iter().map(|w| w.map(<[u8]>::to_vec)).collect();
                assert_eq!(got, want, "{:?} in chunks of {chunk}", String::from_utf8_lossy(stream));
            }
        }
    }

    #[test]
    fn the_limit_counts_the_line_end() {
        for (len, good) in [(LIMIT - 2, true), (LIMIT - 1, false), (LIMIT * 3, false)] {
            let mut stream = vec![b'x'; len];
            stream.extend_from_slice(b"\r\nNOOP\r\n");
            for chunk in [1, 7, 1000, stream.len()] {
                let got = all(&stream, chunk);
                assert_eq!(got[0].is_ok(), good, "{len} in chunks of {chunk}");
                assert_eq!(got[1], Ok(b"NOOP".to_vec()));
            }
        }
    }

    #[test]
    fn what_is_skipped_is_not_kept() {
        let mut lines = Lines::default();
        for _ in 0..1000 {
            assert_eq!(lines.fill(&mut &[b'x'; 4096][..]), None);
        }
        assert!(lines.line.capacity() <= LIMIT);
    }
}
