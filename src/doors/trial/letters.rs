//! The mails of a trial as a mail client sees them: read, threaded, by mailbox. Pure.
//!
//! A mail belongs below the one that it answers (`In-Reply-To`, else the last of `References`); mails that answer the
//! same one stand together even when that one was never seen here. What can go wrong: a mail that cannot be read shows
//! as such, and ids that answer each other in a circle count as if they answered nothing.

use std::collections::HashMap;

use crate::{
    ground::{MessageId, Timestamp},
    mail::{self, AutoSubmitted, Choices, Strip},
};

/// Octets of words that a page shows of one mail.
const MOST_WORDS: usize = 16 * 1024;

/// What a mail is to the reader of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Written here or handed in at a mail door: what became texts.
    Written,
    /// A phone's text.
    Reply,
    /// What Martlet has to say of a text: a bounce, a delay, a success.
    Report,
}

/// One mail. No `Debug`: it holds words and addresses.
#[derive(Clone)]
pub struct Letter {
    /// From 1, in the order in which they came; never used again.
    pub n: u64,
    pub at: Timestamp,
    pub kind: Kind,
    /// Whose mailbox it is in.
    pub mailbox: String,
    pub from: String,
    /// The display name, or the address again.
    pub from_name: String,
    pub to: String,
    pub subject: String,
    pub message_id: Option<String>,
    /// Oldest first; the last one is what it answers.
    pub answers: Vec<String>,
    pub words: String,
    /// The queued texts that it became.
    pub texts: Vec<MessageId>,
}

/// Reads a mail. `mailbox` is the envelope recipient, or for what was written here the envelope sender.
pub fn read(n: u64, at: Timestamp, mailbox: &str, raw: &[u8], texts: Vec<MessageId>, written: bool) -> Letter {
    let mut letter = Letter {
        n,
        at,
        kind: if written { Kind::Written } else { Kind::Reply },
        mailbox: mailbox.to_ascii_lowercase(),
        from: String::new(),
        from_name: String::new(),
        to: String::new(),
        subject: String::new(),
        message_id: None,
        answers: Vec::new(),
        words: String::new(),
        texts,
    };
    let mail = match mail::read(raw) {
        Ok(mail) => mail,
        Err(why) => {
            letter.words = why.to_string();
            return letter;
        }
    };
    if !written && (mail.is_dsn || mail.auto_submitted != AutoSubmitted::No) {
        letter.kind = Kind::Report;
    }
    if let Some(from) = &mail.from {
        letter.from.clone_from(&from.address);
        letter.from_name.clone_from(if from.name.is_empty() { &from.address } else { &from.name });
    } else if written {
        (letter.from, letter.from_name) = (mailbox.to_owned(), mailbox.to_owned());
    }
    letter.to = mail.to.as_ref().map(|to| to.address.clone()).unwrap_or_default();
    let choices = Choices { strip: Strip::NOTHING, ..Choices::default() };
    letter.words = match mail::text(&mail, &choices) {
        Ok(found) => capped(found.text),
        Err(why) => why.to_string(),
    };
    letter.answers = mail.references;
    if let Some(parent) = mail.in_reply_to {
        letter.answers.retain(|id| *id != parent);
        letter.answers.push(parent);
    }
    (letter.subject, letter.message_id) = (mail.subject, mail.message_id);
    letter
}

fn capped(mut words: String) -> String {
    if words.len() > MOST_WORDS {
        let end = (0..=MOST_WORDS).rev().find(|at| words.is_char_boundary(*at)).unwrap_or(0);
        words.truncate(end);
        words.push('…');
    }
    words
}

/// One conversation.
pub struct Thread<'a> {
    pub subject: &'a str,
    /// In the order of reading: each below what it answers, brothers by time; with its depth.
    pub letters: Vec<(usize, &'a Letter)>,
    pub newest: u64,
}

/// Conversations, the one with the newest mail first.
pub fn threads(letters: &[Letter]) -> Vec<Thread<'_>> {
    let parents = parents(letters);
    let mut groups: HashMap<String, Vec<usize>> = HashMap::new();
    for at in 0..letters.len() {
        groups.entry(root(letters, &parents, at)).or_default().push(at);
    }
    let mut threads: Vec<_> = groups.into_values().map(|members| thread(letters, &parents, &members)).collect();
    threads.sort_by_key(|thread| std::cmp::Reverse(thread.newest));
    threads
}

/// For each mail the nearest of what it answers that is here. An answer may come before what it answers is kept.
fn parents(letters: &[Letter]) -> Vec<Option<usize>> {
    let by_id: HashMap<&str, usize> =
        letters.iter().enumerate().filter_map(|(at, letter)| Some((letter.message_id.as_deref()?, at))).collect();
    let mut parents: Vec<Option<usize>> = vec![None; letters.len()];
    for (at, letter) in letters.iter().enumerate() {
        let known = letter.answers.iter().rev().filter_map(|id| by_id.get(id.as_str()).copied());
        let parent = known.into_iter().find(|found| !stands_above(&parents, at, *found));
        if let Some(place) = parents.get_mut(at) {
            *place = parent;
        }
    }
    parents
}

/// Whether `at` is `from` or stands above it: nothing may become its own ancestor.
fn stands_above(parents: &[Option<usize>], at: usize, from: usize) -> bool {
    let mut next = Some(from);
    while let Some(here) = next {
        if here == at {
            return true;
        }
        next = parents.get(here).copied().flatten();
    }
    false
}

/// What names the conversation: the topmost mail's own ancestor if it has one that is not here, else its place.
fn root(letters: &[Letter], parents: &[Option<usize>], at: usize) -> String {
    let mut top = at;
    while let Some(above) = parents.get(top).copied().flatten() {
        top = above;
    }
    let letter = letters.get(top);
    let foreign = letter.and_then(|letter| letter.answers.first());
    let own = letter.and_then(|letter| letter.message_id.as_ref());
    foreign.or(own).cloned().unwrap_or_else(|| format!("{top}"))
}

fn thread<'a>(letters: &'a [Letter], parents: &[Option<usize>], members: &[usize]) -> Thread<'a> {
    let mut ordered = Vec::with_capacity(members.len());
    // Children are pushed in reverse, so that the oldest comes out first.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let below = |above: Option<usize>| {
        members.iter().rev().copied().filter(move |at| parents.get(*at).copied().flatten() == above)
    };
    open.extend(below(None).map(|at| (0, at)));
    while let Some((depth, at)) = open.pop() {
        if let Some(letter) = letters.get(at) {
            ordered.push((depth, letter));
        }
        open.extend(below(Some(at)).map(|at| (depth + 1, at)));
    }
    Thread {
        subject: ordered.first().map_or("", |(_, letter)| letter.subject.as_str()),
        newest: ordered.iter().map(|(_, letter)| letter.n).max().unwrap_or(0),
        letters: ordered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(n: u64, id: &str, answers: &str) -> Letter {
        let headers = format!("From: A <a@example.test>\r\nSubject: s{n}\r\nMessage-ID: <{id}>\r\n");
        let answers = match answers {
            "" => String::new(),
            ids => format!("References: {ids}\r\n"),
        };
        read(
            n,
            Timestamp(0),
            "A@example.test",
            format!("{headers}{answers}\r\nwords\r\n").as_bytes(),
            Vec::new(),
            false,
        )
    }

    fn shape(letters: &[Letter]) -> Vec<Vec<(usize, u64)>> {
        threads(letters).iter().map(|t| t.letters.iter().map(|(depth, l)| (*depth, l.n)).collect()).collect()
    }

    #[test]
    fn answers_stand_below_what_they_answer() {
        let letters = [
            letter(1, "a@x", ""),
            letter(2, "b@x", ""),
            letter(3, "c@x", "<a@x>"),
            letter(4, "d@x", "<a@x>"),
            letter(5, "e@x", "<a@x> <c@x>"),
        ];
        let before = [letter(1, "b@x", "<a@x>"), letter(2, "a@x", "")];
        assert_eq!(shape(&before), [[(0, 2), (1, 1)]], "a bounce may be here first");
        assert_eq!(shape(&letters), [vec![(0, 1), (1, 3), (2, 5), (1, 4)], vec![(0, 2)]]);
    }

    #[test]
    fn mails_that_answer_the_same_unknown_one_stand_together() {
        let letters = [letter(1, "a@x", "<gone@x>"), letter(2, "b@x", "<gone@x>"), letter(3, "c@x", "<gone@x> <a@x>")];
        assert_eq!(shape(&letters), [[(0, 1), (1, 3), (0, 2)]]);
    }

    #[test]
    fn circles_and_doubles_end() {
        let letters =
            [letter(1, "a@x", "<b@x>"), letter(2, "b@x", "<a@x>"), letter(3, "c@x", "<c@x>"), letter(4, "", "")];
        assert_eq!(shape(&letters).iter().map(Vec::len).sum::<usize>(), 4);
    }

    #[test]
    fn kinds_and_words() {
        assert_eq!(letter(1, "a@x", "").kind, Kind::Reply);
        assert_eq!(letter(1, "a@x", "").mailbox, "a@example.test");
        let raw = b"From: <p@x>\r\nSubject: x\r\nAuto-Submitted: auto-replied\r\n\r\nno\r\n";
        let report = read(1, Timestamp(0), "a@x", raw, Vec::new(), false);
        assert_eq!((report.kind, report.words.as_str(), report.from_name.as_str()), (Kind::Report, "no", "p@x"));
        let written = read(1, Timestamp(0), "a@x", b"Subject: x\r\n\r\nhi\r\n", Vec::new(), true);
        assert_eq!((written.kind, written.from.as_str()), (Kind::Written, "a@x"));
        assert_eq!(read(1, Timestamp(0), "a@x", b"", Vec::new(), false).words, mail::Unreadable::NoHeader.to_string());
        let long = format!("Subject: x\r\n\r\n{}\r\n", "é".repeat(MOST_WORDS));
        let long = read(1, Timestamp(0), "a@x", long.as_bytes(), Vec::new(), true);
        assert!(long.words.len() <= MOST_WORDS + 3 && long.words.ends_with('…'));
    }
}
