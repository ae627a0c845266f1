//! Plain text cut into lines, with `format=flowed` (RFC 3676) read and written.
//!
//! What goes wrong elsewhere: `-- ` is never flowed, a stuffed `>` is no quote, and DelSp removes the soft blank.

/// Lines of a body that are looked at; each costs memory beside its words.
pub(super) const MAX_LINES: usize = 65_536;

/// One line of a body.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// Without quote marks and without line end.
    pub text: String,
    /// Somebody else's words: `>` in front, or a quoting element of HTML.
    pub quoted: bool,
    /// Inside an element that marks a signature (HTML only).
    pub signature: bool,
}

/// Without the words.
impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Line([{}])", self.text.len())
    }
}

impl Line {
    pub(super) fn own(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub(super) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// Lines of a text that is not flowed.
pub(super) fn fixed(text: &str) -> Vec<Line> {
    text.lines()
        .take(MAX_LINES)
        .map(|line| {
            // `>From ` is how an mbox writer guards a line of the text itself.
            let marked = line.strip_prefix(' ').unwrap_or(line);
            if line.starts_with(">From ") {
                Line::own(&line[1..])
            } else if marked.starts_with('>') {
                let inside = marked.trim_start_matches(['>', ' ']);
                Line { text: inside.to_owned(), quoted: true, signature: false }
            } else {
                Line::own(line)
            }
        })
        .collect()
}

/// Lines of a flowed text: soft breaks joined, stuffing removed.
pub(super) fn unflow(text: &str, delsp: bool) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    // Depth of the line that awaits its continuation.
    let mut open: Option<usize> = None;
    for raw in text.lines() {
        let inside = raw.trim_start_matches('>');
        let depth = raw.len() - inside.len();
        let inside = inside.strip_prefix(' ').unwrap_or(inside);
        let soft = inside.ends_with(' ') && inside != "-- ";
        let kept = if soft && delsp { &inside[..inside.len() - 1] } else { inside };
        let full = lines.len() == MAX_LINES;
        match lines.last_mut() {
            Some(last) if open == Some(depth) && inside != "-- " => last.text.push_str(kept),
            _ if full => break,
            _ => lines.push(Line { text: kept.to_owned(), quoted: depth > 0, signature: false }),
        }
        open = soft.then_some(depth);
    }
    lines
}

/// Writes text as flowed lines of about 72 characters, CRLF line ends. Blanks at line ends are dropped: they would
/// be read as soft breaks.
pub(super) fn flow(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32 + 2);
    for line in text.lines() {
        let line = line.trim_end_matches(' ');
        let mut start = 0;
        let mut last_blank = None;
        let mut width = 0;
        for (at, c) in line.char_indices() {
            width += 1;
            if width > 72
                && let Some(cut) = last_blank
                && &line[start..cut] != "-- "
            {
                push_stuffed(&mut out, &line[start..cut]);
                start = cut;
                width = line[start..at].chars().count() + 1;
                last_blank = None;
            }
            // A break in front of a blank would leave a line that begins or consists of blanks: break behind runs.
            if c == ' ' && !line[at + 1..].starts_with(' ') {
                last_blank = Some(at + 1);
            }
        }
        push_stuffed(&mut out, &line[start..]);
    }
    out
}

fn push_stuffed(out: &mut String, line: &str) {
    if line.starts_with([' ', '>']) || line.starts_with("From ") {
        out.push(' ');
    }
    out.push_str(line);
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(lines: &[Line]) -> Vec<(&str, bool)> {
        lines.iter().map(|l| (l.text.as_str(), l.quoted)).collect()
    }

    #[test]
    fn soft_breaks_join_at_the_same_depth() {
        let text = "one \ntwo\n> q \n> r\nthree \n> s\n-- \nsig";
        let want = [("one two", false), ("q r", true), ("three ", false), ("s", true), ("-- ", false), ("sig", false)];
        assert_eq!(plain(&unflow(text, false)), want);
        assert_eq!(plain(&unflow(" >no quote\n  x", false)), [(">no quote", false), (" x", false)]);
        assert_eq!(plain(&unflow("日本 \n語", true)), [("日本語", false)]);
        assert_eq!(plain(&unflow("before \n-- \nsig", false)), [("before ", false), ("-- ", false), ("sig", false)]);
    }

    #[test]
    fn fixed_lines_know_quotes_and_mbox_guards() {
        let want = [("a", false), ("b", true), ("From c", false), ("d", true), ("e > f", false)];
        assert_eq!(plain(&fixed("a\r\n> b\n>From c\n>> d\ne > f")), want);
    }

    proptest! {
        #[test]
        fn what_flows_reads_back(text in "([ ->a-z\n]|From |-- |é){0,400}") {
            let back: Vec<String> = unflow(&flow(&text), false).into_iter().map(|l| l.text).collect();
            let want: Vec<&str> = text.lines().map(|l| l.trim_end_matches(' ')).collect();
            prop_assert_eq!(back, want);
        }
    }
}
