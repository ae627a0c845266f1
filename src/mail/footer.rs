//! What a phone, a mail program or a mailing list adds below a mail.
//!
//! Only the last lines are looked at, and only lines that say nothing else: what somebody wrote below or within such a
//! line stays.

use super::{attribution::plain, flowed::Line, phrases, text::Why};

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

pub(super) fn footers(lines: &[Line], marks: &mut [Option<Why>]) {
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
    let bare = line.trim_end_matches(['.', '。']).trim();
    phrases::ALL.iter().any(|p| {
        p.footers.iter().any(|pattern| fits(pattern, bare))
            || p.sent_from
                .iter()
                .any(|front| bare.strip_prefix(front).is_some_and(|rest| short(rest) && is_program(rest)))
    }) || sent_from_a_name(text)
}

/// Whether a line is the pattern; `*` stands for a few words.
fn fits(pattern: &str, bare: &str) -> bool {
    match pattern.split_once('*') {
        None => bare == pattern,
        Some((front, back)) => {
            let inside = bare.strip_prefix(front).and_then(|rest| rest.strip_suffix(back));
            // The name may be missing: `Sent from my`.
            inside.is_some_and(short) || back.is_empty() && bare == front.trim_end()
        }
    }
}

/// A few words, not a sentence.
fn short(words: &str) -> bool {
    !words.contains([',', '.', '!', '?', ';']) && words.split(' ').count() <= 7
}

/// A device or a mail program: `Sent from Prague` is somebody's news.
fn is_program(words: &str) -> bool {
    let mut each = words.split(|c: char| !c.is_alphanumeric());
    each.any(|word| phrases::PROGRAMS.iter().any(|p| word == *p || p.len() > 4 && word.starts_with(p)))
}

/// `Sent from TypeApp`: one or two names in capitals.
fn sent_from_a_name(text: &str) -> bool {
    let line = text.trim().split(['<', '(']).next().unwrap_or_default().trim();
    let Some(rest) = line.strip_prefix("Sent from ") else { return false };
    let words: Vec<&str> = rest.split_whitespace().collect();
    (1..=3).contains(&words.len()) && words.iter().all(|w| w.chars().next().is_some_and(char::is_uppercase))
}
