//! Which lines of a reply are its writer's own: quotes, attributions, signatures and footers are marked.
//!
//! Marks, never deletes: the caller shows what was cut. Wrong in either direction costs: a quote sent costs money, a
//! sentence cut costs the message. So an attribution needs a date or an address in it, a header block needs a sender,
//! a time and an addressee or subject, and when nothing is left the first paragraph is kept.

use super::{
    flowed::Line,
    phrases::{self, Phrases},
    text::{Strip, Why},
};

/// Lines that one attribution may be wrapped over.
const WRAP: usize = 5;
/// Lines that are looked at for one header block.
const BLOCK: usize = 12;

/// For each line why it is cut, or `None` to keep it.
pub fn marks(lines: &[Line], strip: Strip) -> Vec<Option<Why>> {
    let mut marks = vec![None; lines.len()];
    if strip.quotes {
        quotes(lines, &mut marks);
    }
    if strip.signature {
        signature(lines, &mut marks);
    }
    if strip.footer {
        footers(lines, &mut marks);
    }
    if nothing_left(lines, &marks) {
        keep_first_paragraph(lines, &mut marks);
    }
    marks
}

fn nothing_left(lines: &[Line], marks: &[Option<Why>]) -> bool {
    lines.iter().zip(marks).all(|(line, mark)| mark.is_some() || line.is_blank())
}

fn quotes(lines: &[Line], marks: &mut [Option<Why>]) {
    // Once for each line, since a header block looks at several.
    let labels: Vec<Option<Label>> = lines.iter().map(|l| if l.quoted { None } else { label(&l.text) }).collect();
    let mut at = 0;
    while at < lines.len() {
        let Some(line) = lines.get(at) else { break };
        if line.quoted {
            marks[at] = Some(Why::Quote);
            at += 1;
        } else if let Some(height) = attribution(&lines[at..]) {
            let behind = at + height;
            marks[at..behind].fill(Some(Why::Attribution));
            let next = lines[behind..].iter().find(|l| !l.is_blank());
            if !next.is_some_and(|l| l.quoted) {
                marks[behind..].fill(Some(Why::Quote));
                break;
            }
            at = behind;
        } else if let Some(height) = divider(line).or_else(|| header_block(&lines[at..], &labels[at..])) {
            marks[at..at + height].fill(Some(Why::Attribution));
            let rest = &lines[at + height..];
            // A forwarding mark is followed by a header block of its own.
            let blank = rest.iter().take_while(|l| l.is_blank()).count();
            let labels = &labels[at + height + blank..];
            let more = header_block(&rest[blank..], labels).map_or(0, |more| blank + more);
            marks[at + height..at + height + more].fill(Some(Why::Attribution));
            marks[at + height + more..].fill(Some(Why::Quote));
            rules_above(&lines[..at], marks);
            break;
        } else {
            at += 1;
        }
    }
}

/// Marks the rule (`____`) and the blank lines directly above a header block.
fn rules_above(above: &[Line], marks: &mut [Option<Why>]) {
    for (at, line) in above.iter().enumerate().rev() {
        let bare = line.text.trim();
        let rule = bare.len() >= 5 && bare.chars().all(|c| matches!(c, '_' | '-' | '=' | '*'));
        if rule {
            marks[at] = Some(Why::Attribution);
        } else if !bare.is_empty() {
            break;
        }
    }
}

/// A line in lower case with blanks of every kind as plain ones, without emphasis marks around it.
fn plain(text: &str) -> String {
    if text.is_ascii() && text.len() <= 400 && !text.contains(" :") {
        return text.trim().trim_matches(['*', '_']).trim().replace('\t', " ").to_ascii_lowercase();
    }
    let text: String = text.chars().take(400).map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    text.trim().trim_matches(['*', '_']).trim().to_lowercase().replace(" :", ":")
}

/// `On … wrote:` at the beginning of `lines`, perhaps wrapped: how many lines it takes.
fn attribution(lines: &[Line]) -> Option<usize> {
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
        joined.push_str(&plain(&line.text));
        // Zoho writes `---- On … wrote ----`.
        let ended = joined.ends_with([':', '：']) || (joined.starts_with("----") && joined.ends_with("----"));
        if ended && evident(&joined) {
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
        // Phrases without a beginning of their own must stand on few lines, or any colon below would end them.
        if !dated && n > 0 && !phrases::ALL.iter().any(|p| starts(p, &first)) {
            return None;
        }
    }
    None
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
fn divider(line: &Line) -> Option<usize> {
    let bare = line.text.trim();
    if !bare.ends_with([':', '-', '_', '>', '*']) && !bare.starts_with(['-', '_', '*']) {
        return None;
    }
    let text = plain(&line.text);
    let bare = text.trim_matches(['-', '_', '=', ' ', ':', '>']);
    let marked = text.starts_with("--") || text.starts_with("__") || text.ends_with(':');
    let hit = marked
        && phrases::ALL
            .iter()
            .flat_map(|p| p.original)
            .any(|o| bare == *o || (text.starts_with("---") && bare.starts_with(o) && bare.len() < o.len() + 40));
    hit.then_some(1)
}

/// Which kind of header a line is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    From,
    Sent,
    To,
    Subject,
}

fn label(line: &str) -> Option<Label> {
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
fn header_block(lines: &[Line], labels: &[Option<Label>]) -> Option<usize> {
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

fn signature(lines: &[Line], marks: &mut [Option<Why>]) {
    for (line, mark) in lines.iter().zip(marks.iter_mut()) {
        if line.signature && mark.is_none() {
            *mark = Some(Why::Signature);
        }
    }
    let start = (0..lines.len()).find(|&at| {
        if marks[at].is_some() {
            return false;
        }
        match lines[at].text.as_str() {
            "-- " | "--\u{a0}" => true,
            // The blank is often lost on the way; then the rest must look like a signature.
            "--" | "—" => {
                let above = at == 0 || lines[at - 1].is_blank();
                let below = (at + 1..lines.len()).filter(|&i| marks[i].is_none() && !lines[i].is_blank()).count();
                above && (1..=10).contains(&below)
            }
            _ => false,
        }
    });
    if let Some(start) = start {
        marks[start..].iter_mut().filter(|m| m.is_none()).for_each(|m| *m = Some(Why::Signature));
    }
}

/// `____…` with `… mailing list` below it: what a list adds to each mail.
fn list_footer(lines: &[Line], marks: &mut [Option<Why>]) {
    let is_rule = |l: &Line| l.text.trim().len() >= 2 && l.text.trim().bytes().all(|b| b == b'_');
    let rule = (0..lines.len()).rev().take(8).find(|&at| is_rule(&lines[at]) && marks[at].is_none());
    if let Some(at) = rule
        && lines.get(at + 1).is_some_and(|l| l.text.trim_end().to_lowercase().ends_with("mailing list"))
    {
        marks[at..].iter_mut().filter(|m| m.is_none()).for_each(|m| *m = Some(Why::Footer));
    }
}

fn footers(lines: &[Line], marks: &mut [Option<Why>]) {
    list_footer(lines, marks);
    for _ in 0..4 {
        let last = (0..lines.len()).rev().find(|&at| marks[at].is_none() && !lines[at].is_blank());
        let Some(last) = last else { return };
        // A wrapped address of the program's page may stand below its line.
        let address_only = lines[last].text.trim().starts_with("<http");
        let at = if address_only && last > 0 && marks[last - 1].is_none() { last - 1 } else { last };
        if !is_footer(&lines[at].text) {
            return;
        }
        marks[at..=last].fill(Some(Why::Footer));
    }
}

/// `Sent from my iPhone`, and nothing that goes on like a sentence.
fn is_footer(text: &str) -> bool {
    let line = plain(text);
    let line = line.split(['<', '(', '[']).next().unwrap_or_default();
    let line = line.split("http").next().unwrap_or_default().trim();
    let bare = line.trim_end_matches('.').trim();
    if bare.contains([',', '.', '!', '?', ';']) {
        return false;
    }
    phrases::ALL.iter().flat_map(|p| p.footers).any(|start| {
        let whole = bare == start.trim();
        whole || bare.strip_prefix(start).is_some_and(|rest| rest.split(' ').count() <= 6)
    }) || sent_from_a_name(text)
}

/// `Sent from TypeApp`: one or two names in capitals.
fn sent_from_a_name(text: &str) -> bool {
    let line = text.trim().split(['<', '(']).next().unwrap_or_default().trim();
    let Some(rest) = line.strip_prefix("Sent from ") else { return false };
    let words: Vec<&str> = rest.split_whitespace().collect();
    (1..=3).contains(&words.len()) && words.iter().all(|w| w.chars().next().is_some_and(char::is_uppercase))
}

/// The first paragraph that is no attribution comes back; when all is attribution, the first paragraph of all.
fn keep_first_paragraph(lines: &[Line], marks: &mut [Option<Why>]) {
    let content =
        |at: usize| !lines[at].is_blank() && marks[at] != Some(Why::Attribution) && attribution_at(lines, at).is_none();
    let start = (0..lines.len()).find(|&at| content(at)).or_else(|| (0..lines.len()).find(|&at| !lines[at].is_blank()));
    let Some(start) = start else { return };
    let height = lines[start..].iter().take_while(|l| !l.is_blank()).count();
    marks[start..start + height].fill(None);
}

fn attribution_at(lines: &[Line], at: usize) -> Option<usize> {
    let unquoted: Vec<Line> = lines[at..].iter().take(WRAP).map(|l| Line::own(l.text.clone())).collect();
    attribution(&unquoted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::flowed::fixed;

    fn kept(text: &str) -> String {
        let lines = fixed(text);
        let marks = marks(&lines, Strip::default());
        let kept = lines.iter().zip(&marks).filter(|(_, m)| m.is_none()).map(|(l, _)| l.text.trim());
        kept.collect::<Vec<_>>().join("\n").trim().to_owned()
    }

    #[test]
    fn replies_lose_what_they_quote() {
        for (text, want) in [
            ("Yes.\n\nOn Fri, Nov 20, 2026 at 9:12 AM Jane <j@x> wrote:\n> q", "Yes."),
            ("Yes.\n\nOn Fri, Nov 20, 2026 at 9:12 AM Jane Roe\n<j@x> wrote:\n\n> q\n>> r", "Yes."),
            ("On 20/11/2026 09:12, Jane wrote:\n> q\n\nYes.", "Yes."),
            ("Yes.\n\n-----Original Message-----\nFrom: a\nTo: b\n\nq", "Yes."),
            ("Yes.\n________________________________\nFrom: Jane\nSent: Friday\nTo: Petr\nSubject: S\n\nq", "Yes."),
            ("Yes.\n\n*From:* Jane\n*Sent:* Friday\n*To:* Petr\n\nq", "Yes."),
            ("> Can you?\nYes.\n> And?\nNo.", "Yes.\nNo."),
            ("FYI\n\n---------- Forwarded message ---------\nFrom: a\nDate: b\nSubject: c\n\nq", "FYI"),
            ("Yes.\n\n-- \nJane\n+1 555", "Yes."),
            ("Yes.\n\nSent from my iPhone", "Yes."),
            ("Yes.\n\nGet Outlook for iOS<https://aka.ms/x>", "Yes."),
        ] {
            assert_eq!(kept(text), want, "{text}");
        }
    }

    #[test]
    fn own_words_stay() {
        for text in [
            "On average, this works.\nHe wrote: nothing",
            "From: Prague\nTo: Brno\nDeparture 10:40",
            "He wrote:\nfine",
            "Sent from my desk, is much easier than my phone.",
            "a -- b\n-- point one\n-- point two",
            "Scores:\n--\nA 1",
        ] {
            assert_eq!(kept(text), text);
        }
    }

    #[test]
    fn never_cut_to_nothing() {
        for (text, want) in [
            ("> only\n> this\n>\n> and that", "only\nthis"),
            ("---------- Forwarded message ---------\nFrom: a\nDate: b\nSubject: c\n\nthe news\n\nmore", "the news"),
            ("On 20/11/2026 09:12, Jane <j@x> wrote:\n> q", "q"),
            ("Sent from my iPhone", "Sent from my iPhone"),
            ("-- \nJane", "-- \nJane".trim()),
        ] {
            assert_eq!(kept(text).replace("--\nJane", "-- \nJane"), want, "{text}");
        }
    }
}
