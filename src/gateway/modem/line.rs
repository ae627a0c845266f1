//! Lines of a modem: octets to lines and prompts.
//!
//! What can go wrong: lines come split or several at once, with CR, LF or both; the prompt `>` has no line end and not
//! always a blank behind it; noise without any line end must not grow. What is no ASCII is kept as a replacement sign.

/// Longest line: a PDU takes at most about 400 digits.
const LONGEST: usize = 2_048;

/// What stands between two line ends, without blanks around it.
#[derive(Default)]
pub struct Framer {
    held: Vec<u8>,
    /// The rest of a line that is too long is thrown away.
    skipping: bool,
}

named!(Framer);

impl Framer {
    /// One octet more; the line that it ends, if it ends one that is not empty.
    pub fn push(&mut self, octet: u8) -> Option<String> {
        if octet != b'\r' && octet != b'\n' {
            if self.held.len() < LONGEST {
                self.held.push(octet);
            } else {
                self.skipping = true;
            }
            return None;
        }
        let line =
            String::from_utf8_lossy(&self.held).trim_matches(|c: char| c.is_whitespace() || c.is_control()).to_owned();
        self.held.clear();
        let whole = !std::mem::take(&mut self.skipping);
        (whole && !line.is_empty()).then_some(line)
    }

    /// Whether what stands at the end is a prompt; it is taken then.
    pub fn prompt(&mut self) -> bool {
        let is = self.held.trim_ascii() == b">";
        if is {
            self.held.clear();
        }
        is
    }

    /// Throws away what is held.
    pub fn clear(&mut self) {
        self.held.clear();
        self.skipping = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(octets: &[u8]) -> Vec<String> {
        let mut framer = Framer::default();
        octets.iter().filter_map(|octet| framer.push(*octet)).collect()
    }

    #[test]
    fn line_ends_of_every_kind() {
        assert_eq!(lines(b"\r\nOK\r\n\r\n+CSQ: 1,2\r\r\nOK\nhalf"), ["OK", "+CSQ: 1,2", "OK"]);
        assert_eq!(lines(b"\x1a\r\nOK \0\r"), ["OK"]);
    }

    #[test]
    fn prompts_with_and_without_blank() {
        for octets in [&b"\r\n> "[..], b"\r\n>", b"> ", b">"] {
            let mut framer = Framer::default();
            assert!(octets.iter().all(|octet| framer.push(*octet).is_none()));
            assert!(framer.prompt() && !framer.prompt());
        }
    }

    #[test]
    fn noise_does_not_grow() {
        let mut framer = Framer::default();
        for _ in 0..10_000 {
            assert_eq!(framer.push(b'x'), None);
        }
        assert!(framer.held.len() <= LONGEST);
        assert_eq!((framer.push(b'\n'), framer.push(b'O'), framer.push(b'\n')), (None, None, Some("O".to_owned())));
    }
}
