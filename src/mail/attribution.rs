//! What stands above somebody else's words: `On … wrote:`, a line of dashes, a block of headers.
//!
//! An attribution needs a date or an address in it, or a quote behind it, and may be wrapped; a header block needs a
//! sender, a time and an addressee or subject. Wrong in one direction costs money, in the other the message.

use super::{
    flowed::Line,
    phrases::{self, Phrases},
    work::step,
};

/// Lines that one attribution may be wrapped over.
pub(super) const WRAP: usize = 5;
/// Lines that are looked at for one header block.
const BLOCK: usize = 12;

/// A line in lower case with blanks of every kind as plain ones, without emphasis marks around it.
pub(super) fn plain(text: &str) -> String {
    if text.is_ascii() && text.len() <= 400 && !text.contains(" :") {
        return text.trim().trim_matches(['*', '_']).trim().replace('\t', " ").to_ascii_lowercase();
    }
    let text: String = text.chars().take(400).map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    text.trim().trim_matches(['*', '_']).trim().to_lowercase().replace(" :", ":")
}

/// `On … wrote:` at the beginning of `lines`, perhaps wrapped: how many lines it takes.
pub(super) fn attribution(lines: &[Line]) -> Option<usize> {
    let first = plain(&lines.first()?.text);
    if first.is_empty() {
        return None;
    }
    let dated = starts_with_date(&first);
    if !dated && !phrases::ALL.iter().any(|p| begins(p, &first)) {
        return None;
    }
    let mut joined = String::new();
    for (n, line) in lines.iter().take(WRAP).enumerate() {
        if line.is_blank() || (n > 0 && line.quoted) {
            return None;
        }
        if n > 0 {
            joined.push(' ');
        }
        step(1);
        joined.push_str(&plain(&line.text));
        // Zoho writes `---- On … wrote ----`.
        let ended = joined.ends_with([':', '：']) || (joined.starts_with("----") && joined.ends_with("----"));
        if ended && (evident(&joined) || quote_follows(&lines[n + 1..])) {
            let by_phrase = phrases::ALL.iter().any(|p| wrote(p, &joined));
            // `2026-11-20 9:12 GMT+01:00 Jane Roe <jane@example.com>:`
            let by_shape = dated && (joined.ends_with(">:") || joined.ends_with(">：")) && joined.contains('@');
            if by_phrase || by_shape {
                return Some(n + 1);
            }
        }
        if ended {
            return None;
        }
        // Phrases without a beginning of their own are wrapped once at most, at an address, or any colon below would
        // end them.
        if !dated && (n > 0 || !joined.contains(['@', '<'])) && !phrases::ALL.iter().any(|p| starts(p, &first)) {
            return None;
        }
    }
    None
}

/// A quoted line stands next: `On Monday she wrote:` needs no date then.
fn quote_follows(lines: &[Line]) -> bool {
    lines.iter().take(WRAP).find(|line| !line.is_blank()).is_some_and(|line| line.quoted)
}

fn begins(phrases: &Phrases, line: &str) -> bool {
    phrases
        .wrote
        .iter()
        .any(|(start, verb)| if start.is_empty() { line.contains(verb) } else { line.starts_with(start) })
}

fn starts(phrases: &Phrases, line: &str) -> bool {
    phrases.wrote.iter().any(|(start, _)| !start.is_empty() && line.starts_with(start))
}

fn wrote(phrases: &Phrases, joined: &str) -> bool {
    phrases.wrote.iter().any(|(start, verb)| {
        joined.starts_with(start)
            && if verb.ends_with([':', '-']) { joined.ends_with(verb) } else { joined.contains(verb) }
    })
}

/// Four digits or a day before a separator: `2026-11-20`, `20.11.2026`, `2026年11月20日`, `20 nov`.
fn starts_with_date(line: &str) -> bool {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    (1..=4).contains(&digits) && line[digits..].starts_with(['-', '/', '.', '年', ' '])
}

/// An address, or a time of day, or a year: what no ordinary sentence before a colon has together with the verb.
fn evident(joined: &str) -> bool {
    if joined.contains('@') {
        return true;
    }
    let body = joined.trim_end_matches([':', '：']);
    let bytes = body.as_bytes();
    bytes.windows(3).any(|w| w[0].is_ascii_digit() && w[1] == b':' && w[2].is_ascii_digit())
        || bytes.windows(4).any(|w| (w.starts_with(b"19") || w.starts_with(b"20")) && w.iter().all(u8::is_ascii_digit))
}

/// `-----Original Message-----`, `Begin forwarded message:`.
pub(super) fn divider(line: &Line) -> Option<usize> {
    let bare = line.text.trim();
    if !bare.ends_with([':', '：', '-', '_', '>', '*']) && !bare.starts_with(['-', '_', '*']) {
        return None;
    }
    let text = plain(&line.text);
    let bare = text.trim_matches(['-', '_', '=', ' ', ':', '：', '>']);
    let marked = text.starts_with("--") || text.starts_with("__") || text.ends_with([':', '：']);
    let hit = marked
        && phrases::ALL
            .iter()
            .flat_map(|p| p.original)
            .any(|o| bare == *o || (text.starts_with("---") && bare.starts_with(o) && bare.len() < o.len() + 40));
    hit.then_some(1)
}

/// Which kind of header a line is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    From,
    Sent,
    To,
    Subject,
}

pub(super) fn label(line: &str) -> Option<Label> {
    step(1);
    // Most lines are none: told before anything is copied.
    line.find([':', '：']).filter(|at| *at <= 64)?;
    let line = plain(line);
    let (name, _) = line.split_once([':', '：'])?;
    let name = name.trim_matches(['*', '_', ' ', '>']);
    if name.is_empty() || name.len() > 30 {
        return None;
    }
    phrases::ALL.iter().find_map(|p| {
        let is = |names: &[&str]| names.contains(&name);
        match () {
            () if is(p.from) => Some(Label::From),
            () if is(p.sent) => Some(Label::Sent),
            () if is(p.to) => Some(Label::To),
            () if is(p.subject) => Some(Label::Subject),
            () => None,
        }
    })
}

/// Outlook's `From: … Sent: … To: … Subject: …` at the beginning of `lines`: how many lines it takes.
pub(super) fn header_block(lines: &[Line], labels: &[Option<Label>]) -> Option<usize> {
    labels.first().copied()??;
    let mut seen = [false; 4];
    let mut height = 0;
    for (n, line) in lines.iter().take(BLOCK).enumerate() {
        if line.is_blank() {
            // Some programs put a blank line between the fields.
            let next = labels.get(n + 1).copied().flatten();
            if next.is_some_and(|l| !seen[l as usize]) {
                continue;
            }
            break;
        }
        if let Some(label) = labels.get(n).copied().flatten() {
            seen[label as usize] = true;
            height = n + 1;
        }
    }
    let [from, sent, to, subject] = seen;
    (from && sent && (to || subject)).then_some(height)
}
