//! Which part of a mail has its words, and its lines.
//!
//! The first plain text that is no attachment and not empty, else HTML, else an invitation. What can go wrong: labels
//! that lie about the charset, bodies that are large for no reason: [`MAX_BODY`] octets and `MAX_LINES` lines are read.

use super::{
    calendar::invitation,
    charset,
    flowed::{self, Line},
    html,
    mime::Part,
    read::Mail,
    work::step,
};

/// Octets of a body that are looked at: far more than 128 segments hold.
const MAX_BODY: usize = 512 * 1024;

/// The lines of the chosen part.
#[derive(Default)]
pub(super) struct Body {
    pub lines: Vec<Line>,
    /// Words that no reader of the mail would have seen.
    pub hidden: String,
}

impl Body {
    fn is_empty(&self) -> bool {
        self.lines.iter().all(Line::is_blank)
    }
}

/// The first plain text that is no attachment and not empty, else HTML, else an invitation.
pub(super) fn body(mail: &Mail<'_>, links: bool) -> Body {
    let of = |wanted: fn(&str) -> bool, render: &dyn Fn(&Part<'_>) -> Body| {
        let mut candidates = mail.parts.iter().filter(|p| wanted(&p.content_type.value) && readable(p)).take(20);
        candidates.find_map(|p| Some(render(p)).filter(|b| !b.is_empty()))
    };
    of(is_plain, &|part| Body { lines: plain_lines(part), hidden: String::new() })
        .or_else(|| {
            of(|kind| kind == "text/html", &|part| {
                let rendered = html::render(&decoded(part), links);
                Body { lines: rendered.lines, hidden: rendered.hidden }
            })
        })
        .or_else(|| {
            of(|kind| kind == "text/calendar", &|part| Body {
                lines: invitation(&decoded(part)),
                hidden: String::new(),
            })
        })
        .unwrap_or_default()
}

fn is_plain(kind: &str) -> bool {
    matches!(kind, "text/plain" | "text" | "text/enriched" | "text/markdown")
}

/// Not to be saved, and not the machine's half of a report.
fn readable(part: &Part<'_>) -> bool {
    let report = part.around.last().is_some_and(|a| a == "multipart/report");
    let machine = report && part.place > 0;
    !part.is_attachment() && !machine
}

fn decoded(part: &Part<'_>) -> String {
    let mut bytes = part.decoded(MAX_BODY + 1);
    step(bytes.len());
    let whole = bytes.len() <= MAX_BODY;
    bytes.truncate(MAX_BODY);
    let label = part.content_type.param("charset").map(str::to_owned);
    let label = label.or_else(|| (part.content_type.value == "text/html").then(|| meta_charset(&bytes)).flatten());
    let text = charset::decode(&bytes, label.as_deref());
    let text = if whole { text } else { text.trim_end_matches(char::REPLACEMENT_CHARACTER).to_owned().into() };
    normal(&text)
}

/// LF line ends, no NUL.
fn normal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\0']) {
        out.push_str(&rest[..at]);
        let nul = rest[at..].starts_with('\0');
        rest = &rest[at + 1..];
        if !nul && !rest.starts_with('\n') {
            out.push('\n');
        }
    }
    out.push_str(rest);
    out
}

/// `charset=` in the first 1,024 octets of an HTML part whose header has none.
fn meta_charset(bytes: &[u8]) -> Option<String> {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    let (_, rest) = start.split_once("charset=")?;
    let label: String = rest
        .trim_start_matches(['"', '\''])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .collect();
    (!label.is_empty()).then_some(label)
}

fn plain_lines(part: &Part<'_>) -> Vec<Line> {
    let is =
        |name: &str, value: &str| part.content_type.param(name).is_some_and(|v| v.trim().eq_ignore_ascii_case(value));
    let text = decoded(part);
    let text = without_armor(&text);
    let mut lines = if is("format", "flowed") { flowed::unflow(text, is("delsp", "yes")) } else { flowed::fixed(text) };
    lines.shrink_to_fit();
    lines
}

/// The inside of a clear-signed PGP message (RFC 9580 7), dash escapes left as they are.
fn without_armor(text: &str) -> &str {
    let Some(rest) = text.trim_start().strip_prefix("-----BEGIN PGP SIGNED MESSAGE-----") else { return text };
    let inside = rest.split_once("\n\n").map_or(rest, |(_, inside)| inside);
    inside.split_once("\n-----BEGIN PGP SIGNATURE-----").map_or(inside, |(words, _)| words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::read;

    #[test]
    fn line_ends() {
        for (text, want) in [("a\r\nb\rc\nd", "a\nb\nc\nd"), ("a\r\r\nb", "a\n\nb"), ("a\0b\r", "ab\n"), ("", "")] {
            assert_eq!(normal(text), want);
        }
    }

    #[test]
    fn what_is_read_of_a_body_is_bounded() {
        let of = |raw: &str| body(&read(raw.as_bytes()).expect("a mail"), true).lines;
        let size = |lines: &[Line]| lines.iter().map(|line| line.text.len()).sum::<usize>();
        for raw in [
            format!("A: b\r\n\r\n{}", "é".repeat(2_000_000)),
            format!("Content-Transfer-Encoding: quoted-printable\r\n\r\n{}", "=41".repeat(2_000_000)),
            format!("Content-Transfer-Encoding: base64\r\n\r\n{}", "QUFB".repeat(1_000_000)),
            format!("Content-Type: text/html\r\n\r\n{}", "a ".repeat(2_000_000)),
        ] {
            assert!((MAX_BODY - 8..=MAX_BODY).contains(&size(&of(&raw))), "{}", size(&of(&raw)));
        }
        for kind in ["text/plain", "text/plain; format=flowed", "text/html"] {
            let lines = of(&format!("Content-Type: {kind}\r\n\r\n{}", "a<br>\r\n".repeat(90_000)));
            assert_eq!(lines.len(), flowed::MAX_LINES, "{kind}");
        }
    }
}
