//! Which lines of a reply are its writer's own: quotes, attributions, signatures and footers are marked.
//!
//! Marks, never deletes: the caller shows what was cut. Wrong in either direction costs: a quote sent costs money, a
//! sentence cut costs the message. So an attribution needs a date or an address in it, or a quote behind it, a header block needs a sender,
//! a time and an addressee or subject, and when nothing is left the first paragraph is kept.

use super::{
    attribution::{Label, WRAP, attribution, divider, header_block, label},
    flowed::Line,
    footer::footers,
    text::{Strip, Why},
    work::step,
};

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
        let rule = bare.len() >= 4 && bare.chars().all(|c| matches!(c, '_' | '-' | '=' | '*'));
        if rule {
            marks[at] = Some(Why::Attribution);
        } else if !bare.is_empty() {
            break;
        }
    }
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
                // Eleven are too many, and no more are counted: many such lines would take their square.
                let below =
                    (at + 1..lines.len()).inspect(|_| step(1)).filter(|&i| marks[i].is_none() && !lines[i].is_blank());
                above && (1..=10).contains(&below.take(11).count())
            }
            _ => false,
        }
    });
    if let Some(start) = start {
        marks[start..].iter_mut().filter(|m| m.is_none()).for_each(|m| *m = Some(Why::Signature));
    }
}

/// Lines among which the first paragraph is looked for: endless attributions would cost more than their cut.
const FIRST: usize = 1_000;

/// The first paragraph that is no attribution comes back; when all is attribution, the first paragraph of all.
fn keep_first_paragraph(lines: &[Line], marks: &mut [Option<Why>]) {
    let content =
        |at: usize| !lines[at].is_blank() && marks[at] != Some(Why::Attribution) && attribution_at(lines, at).is_none();
    let start = (0..lines.len())
        .take(FIRST)
        .find(|&at| content(at))
        .or_else(|| (0..lines.len()).find(|&at| !lines[at].is_blank()));
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
            ("Yes.\n\nOn Monday Jane wrote:\n> q", "Yes."),
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
