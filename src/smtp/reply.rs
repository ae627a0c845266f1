//! One SMTP reply: code, enhanced code, words.

use std::fmt;

use crate::ground::Enhanced;

/// A reply as the client reads it (RFC 5321 4.2, RFC 2034). One way in: the words are made fit for reply lines.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<Enhanced>,
    lines: Vec<String>,
}

impl Reply {
    /// A reply of one line. A code beyond 200–599 becomes 451; the enhanced code takes the class of the code
    /// (RFC 2034 4).
    pub fn new(code: u16, enhanced: Enhanced, words: impl AsRef<str>) -> Self {
        let code = if (200..600).contains(&code) { code } else { 451 };
        let enhanced = match code / 100 {
            2 => enhanced.in_class(2),
            4 => enhanced.in_class(4),
            5 => enhanced.in_class(5),
            _ => enhanced,
        };
        Self { code, enhanced: Some(enhanced), lines: vec![fit(words.as_ref())] }
    }

    /// A reply without an enhanced code: greetings, 354, answers to EHLO.
    pub fn plain(code: u16, lines: Vec<String>) -> Self {
        let mut lines: Vec<String> = lines.into_iter().map(|line| fit(&line)).collect();
        if lines.is_empty() {
            lines.push(String::new());
        }
        Self { code, enhanced: None, lines }
    }

    /// The three digits.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The enhanced code, if the reply has one.
    pub fn enhanced(&self) -> Option<Enhanced> {
        self.enhanced
    }

    /// The words of the first line.
    pub fn words(&self) -> &str {
        self.lines.first().map_or("", String::as_str)
    }

    /// 2xx.
    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// Appends the reply in wire form.
    pub fn write(&self, out: &mut Vec<u8>) {
        let last = self.lines.len().saturating_sub(1);
        for (i, line) in self.lines.iter().enumerate() {
            out.extend_from_slice(self.code.to_string().as_bytes());
            out.push(if i == last { b' ' } else { b'-' });
            if let Some(enhanced) = self.enhanced {
                out.extend_from_slice(enhanced.to_string().as_bytes());
                out.push(b' ');
            }
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// One line of at most 400 octets in ASCII: a client that did not ask for SMTPUTF8 can read no more (RFC 6531 3.7.4).
fn fit(words: &str) -> String {
    let line = crate::ground::outcome::one_line(words, 400);
    line.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.code, self.enhanced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn in_wire_form() {
        assert_eq!(wire(&Reply::new(550, Enhanced::new(5, 1, 1), "No such phone")), "550 5.1.1 No such phone\r\n");
        let many = Reply::plain(250, vec!["mx".into(), "PIPELINING".into(), "HELP".into()]);
        assert_eq!(wire(&many), "250-mx\r\n250-PIPELINING\r\n250 HELP\r\n");
        assert_eq!(wire(&Reply::plain(354, vec![])), "354 \r\n");
    }

    #[test]
    fn foreign_words_make_no_second_line() {
        let reply = Reply::new(450, Enhanced::new(5, 7, 1), "später\r\n250 2.0.0 ok");
        assert_eq!(wire(&reply), "450 4.7.1 sp?ter  250 2.0.0 ok\r\n");
        assert!(wire(&Reply::new(550, Enhanced::new(5, 0, 0), "x".repeat(5000))).len() < 512);
        assert_eq!(Reply::new(7, Enhanced::new(5, 0, 0), "x").code(), 451);
    }
}
