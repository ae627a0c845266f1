//! `#…#` in a phone's text: whom it is for. Pure.
//!
//! Only addresses in mailbox form at the inbound domains count, so that no `%`, `!` or foreign domain in a tag can
//! make the mail server relay.

use crate::address::Mailbox;

/// A tag that counts, and the text without it.
#[derive(Clone, PartialEq, Eq)]
pub struct Tagged {
    pub tag: Tag,
    pub rest: String,
}

/// Without the words.
impl std::fmt::Debug for Tagged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tagged({:?}, [{}])", self.tag, self.rest.len())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tag {
    /// `#local@domain#` or `#alias#`.
    Mailbox(Mailbox),
    /// `#N#`, from 1: the answer to a conflict text.
    Choice(usize),
}

/// The first tag that counts. `domains` in lower case; `choices` is how many a conflict offers, 0 when none is open.
pub fn find(text: &str, domains: &[String], choices: usize) -> Option<Tagged> {
    let mut from = 0;
    while let Some(start) = text[from..].find('#').map(|i| from + i) {
        let inside = start + 1;
        let end = inside + text[inside..].find('#')?;
        if let Some(tag) = read(&text[inside..end], domains, choices) {
            return Some(Tagged { tag, rest: cut(text, start, end + 1) });
        }
        // The closing sign of what was no tag may open the next one.
        from = end;
    }
    None
}

fn read(word: &str, domains: &[String], choices: usize) -> Option<Tag> {
    let word = word.trim();
    if !word.is_empty() && word.len() <= 3 && word.bytes().all(|b| b.is_ascii_digit()) {
        let n: usize = word.parse().ok()?;
        return (1..=choices).contains(&n).then_some(Tag::Choice(n));
    }
    let address = if word.contains('@') { word.to_owned() } else { format!("{word}@{}", domains.first()?) };
    let mailbox: Mailbox = address.parse().ok()?;
    domains.iter().any(|d| d.eq_ignore_ascii_case(mailbox.domain())).then_some(Tag::Mailbox(mailbox))
}

/// The text without the tag; one blank stays where words were on both sides.
fn cut(text: &str, start: usize, end: usize) -> String {
    let (before, after) = (text[..start].trim_end_matches([' ', '\t']), text[end..].trim_start_matches([' ', '\t']));
    let glue = if before.is_empty() || after.is_empty() || after.starts_with('\n') || before.ends_with('\n') {
        ""
    } else {
        " "
    };
    format!("{before}{glue}{after}").trim().to_owned()
}
