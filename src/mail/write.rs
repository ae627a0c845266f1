//! A text from a phone becomes a mail in a thread.
//!
//! The originator and the words are a stranger's: neither may forge a header, a second mail or a route. Only digits
//! get an address that can be answered; names get the gateway's no-reply address. `Auto-Submitted` is absent, since a
//! person wrote; loops are seen by the trace header.

use std::fmt;

use super::{
    TRACE,
    compose::{Composer, is_address, join_address, one_line},
    flowed,
    header::is_id,
    media::{At, MediaType, Piece, file_name},
    mime,
};
use crate::{
    address::{Originator, Trace},
    ground::{GatewayId, MessageId, Timestamp},
};

/// Characters of the text that serve as a subject.
const SUBJECT: usize = 60;
const FLOWED: &str = "text/plain; charset=utf-8; format=flowed";

/// All that goes into the mail.
#[derive(Clone)]
pub struct Reply<'a> {
    pub originator: &'a Originator,
    /// What people read: the formatted number, or the name.
    pub display: &'a str,
    /// The gateway's `from`: `sms:%s@sms.example.com`, `%s@sms.example.com`, or `%s` for no route back.
    pub pattern: &'a str,
    /// Address for originators without a route back.
    pub no_reply: &'a str,
    pub to: &'a str,
    /// Subject of the mail that it answers.
    pub answers: Option<&'a str>,
    /// The words; any line ends.
    pub text: &'a str,
    /// How many parts never came.
    pub missing: u8,
    /// Network time.
    pub date: Timestamp,
    /// Without brackets; the same for every delivery of this text.
    pub message_id: &'a str,
    /// Without brackets.
    pub in_reply_to: Option<&'a str>,
    /// Without brackets, oldest first.
    pub references: &'a [String],
    /// Our number that was dialled.
    pub number: Option<&'a str>,
    pub gateway: &'a GatewayId,
    pub id: MessageId,
    /// Our host name, for the trace header.
    pub host: &'a str,
    /// Hosts of ours that it went through before.
    pub trace: &'a Trace,
    /// `STOP`, `START`, `HELP`, when the text was one.
    pub keyword: Option<&'a str>,
    /// What came beside the words, in its order.
    pub media: &'a [Piece],
}

/// Which value cannot stand in a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwritable {
    To,
    From,
    MessageId,
    Host,
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::To => "the recipient's address cannot stand in a mail header",
            Self::From => "the sender's address cannot stand in a mail header",
            Self::MessageId => "the Message-ID is not one",
            Self::Host => "the host name is not one",
        })
    }
}

impl std::error::Error for Unwritable {}

/// The phone's mail address by a gateway's pattern, in wire form; `None` where no answer can reach it (a name as
/// originator, `%s` alone, a pattern without a domain).
pub fn route(pattern: &str, originator: &Originator) -> Option<String> {
    let digits = match originator {
        Originator::Number(number) => number,
        Originator::Digits(digits) => digits,
        Originator::Name(_) => return None,
    };
    let bare = digits.strip_prefix('+').unwrap_or(digits);
    if bare.is_empty() || bare.len() > 20 || !bare.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (local, domain) = pattern.rsplit_once('@')?;
    let address = join_address(&local.trim_matches('"').replace("%s", digits), domain);
    is_address(&address).then_some(address)
}

impl Reply<'_> {
    /// The address in `From:`, which is the envelope sender too.
    pub fn sender(&self) -> String {
        route(self.pattern, self.originator).unwrap_or_else(|| self.no_reply.to_owned())
    }

    /// The whole mail: CRLF line ends, ASCII headers, no line over 998 octets.
    pub fn write(&self) -> Result<Vec<u8>, Unwritable> {
        let sender = self.sender();
        check(&sender, self.to, self.message_id, self.host)?;
        let from = match self.originator {
            Originator::Number(from) | Originator::Digits(from) | Originator::Name(from) => from,
        };
        let mut mail = Composer::default();
        mail.mailbox("From", self.display, &sender);
        mail.mailbox("To", "", self.to);
        mail.words("Subject", &self.subject());
        mail.raw("Date", &self.date.rfc5322());
        mail.ids("Message-ID", [self.message_id].into_iter());
        mail.ids("In-Reply-To", self.in_reply_to.into_iter());
        mail.ids("References", references(self.references, self.in_reply_to));
        mail.words("X-SMS-From", from);
        if let Some(number) = self.number {
            mail.words("X-SMS-To", number);
        }
        mail.raw("X-SMS-Gateway", self.gateway.as_str());
        mail.raw("X-SMS-Id", &self.id.to_string());
        if self.missing > 0 {
            mail.raw("X-SMS-Missing", &self.missing.to_string());
        }
        if let Some(keyword) = self.keyword {
            mail.words("X-SMS-Keyword", keyword);
        }
        if !self.trace.is_empty() {
            mail.raw(TRACE, &self.trace.to_string());
        }
        mail.raw(TRACE, self.host);
        mail.raw("MIME-Version", "1.0");
        let words = flowed::flow(&self.body());
        if !self.media.iter().any(|piece| matches!(piece.at, At::Here(_))) {
            mail.raw("Content-Type", FLOWED);
            mail.body(&words);
            return Ok(mail.out);
        }
        let boundary = self.boundary(&words);
        let part = |mail: &mut Composer| mail.out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        mail.raw("Content-Type", &format!("multipart/mixed;\r\n boundary=\"{boundary}\""));
        mail.out.extend_from_slice(b"\r\n");
        part(&mut mail);
        mail.raw("Content-Type", FLOWED);
        mail.body(&words);
        for (n, piece) in self.media.iter().enumerate() {
            let At::Here(data) = &piece.at else { continue };
            let kind = piece.kind.clone().unwrap_or_else(MediaType::octets);
            mail.out.extend_from_slice(b"\r\n");
            part(&mut mail);
            let utf8 = kind.is_text() && std::str::from_utf8(data).is_ok();
            mail.raw("Content-Type", &format!("{kind}{}", if utf8 { "; charset=utf-8" } else { "" }));
            mail.attachment(&file_name(piece.name.as_deref(), &kind, n + 1));
            mail.octets(data);
        }
        mail.out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        Ok(mail.out)
    }

    /// Of the text's id, so that it is the same whenever the mail is made again; no line of the words has it.
    fn boundary(&self, words: &str) -> String {
        let mut boundary = format!("=_{}", self.id);
        while words.contains(&boundary) {
            boundary.push('=');
        }
        boundary
    }

    fn subject(&self) -> String {
        match self.answers.map(|s| one_line(s, 300)).filter(|s| !s.is_empty()) {
            Some(subject) if subject.get(..3).is_some_and(|s| s.eq_ignore_ascii_case("re:")) => subject,
            Some(subject) => format!("Re: {subject}"),
            None => match beginning(&words(self.text)) {
                subject if subject.is_empty() => self.shown(),
                subject => subject,
            },
        }
    }

    /// A subject for pictures without words.
    fn shown(&self) -> String {
        let nouns: Vec<&str> = self.media.iter().map(Piece::noun).collect();
        let Some(first) = nouns.first() else { return String::new() };
        let noun = if nouns.iter().all(|noun| noun == first) { first } else { "attachment" };
        let mut letters = noun.chars();
        let noun: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        if nouns.len() == 1 { noun } else { format!("{} {}s", nouns.len(), noun.to_lowercase()) }
    }

    fn body(&self) -> String {
        let mut body = words(self.text);
        match self.missing {
            0 => {}
            1 => body.push_str("\n\n[One part of this text did not arrive.]"),
            n => body.push_str(&format!("\n\n[{n} parts of this text did not arrive.]")),
        }
        for piece in self.media {
            let why = match &piece.at {
                At::Here(_) => continue,
                At::Missing(why) => why.as_str(),
                At::Elsewhere(_) => "it was not fetched",
            };
            let gap = if body.is_empty() { "" } else { "\n\n" };
            let why = words(&one_line(why, 900));
            body.push_str(&format!("{gap}[This {} did not arrive: {why}.]", piece.noun()));
        }
        body.push_str(match self.keyword {
            Some("STOP") => {
                "\n\n[This phone has opted out: it gets no more texts from this number until it sends START.]"
            }
            Some("START") => "\n\n[This phone takes texts from this number again.]",
            _ => "",
        });
        body
    }
}

/// A mail of ours with its words alone, and a line for each file that it had; `None`: it has none, or is not ours.
pub fn without_files(data: &[u8]) -> Option<Vec<u8>> {
    const KIND: &[u8] = b"Content-Type: multipart/mixed;";
    let (headers, _) = super::header_block(data);
    let head = headers.windows(KIND.len()).position(|octets| octets == KIND)?;
    let parts = mime::parts(data).leaves;
    let words = parts.iter().find(|part| !part.is_attachment())?.decoded(data.len());
    let mut body = String::from_utf8_lossy(&words).trim_end().to_owned();
    for file in parts.iter().filter(|part| part.is_attachment()) {
        let name = one_line(file.name().as_deref().unwrap_or("a file"), 100);
        body.push_str(&format!("\r\n\r\n[{name} did not arrive: the mail server takes no mail of this size.]"));
    }
    let mut mail = Composer { out: data.get(..head)?.to_vec() };
    mail.raw("Content-Type", FLOWED);
    body.push_str("\r\n");
    mail.body(&body);
    Some(mail.out)
}

/// What every mail of ours must have right.
pub(super) fn check(from: &str, to: &str, message_id: &str, host: &str) -> Result<(), Unwritable> {
    let host_ok = !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_[]:".contains(&b));
    match () {
        () if !is_address(from) => Err(Unwritable::From),
        () if !is_address(to) => Err(Unwritable::To),
        () if !is_id(message_id) => Err(Unwritable::MessageId),
        () if !host_ok => Err(Unwritable::Host),
        () => Ok(()),
    }
}

/// The thread so far and the mail that is answered, once.
pub(super) fn references<'a>(references: &'a [String], last: Option<&'a str>) -> impl Iterator<Item = &'a str> {
    let surplus = references.len().saturating_sub(20);
    let kept = references.iter().enumerate().filter(move |(n, _)| *n == 0 || *n > surplus);
    kept.map(|(_, id)| id.as_str()).filter(move |id| Some(*id) != last).chain(last)
}

/// Text with LF line ends and without controls, which have no place in a mail.
pub fn words(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect()
}

/// The start of a text as a subject, cut at a word.
fn beginning(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((end, _)) = line.char_indices().nth(SUBJECT) else { return line };
    let head = &line[..end];
    let head = head.rsplit_once(' ').map_or(head, |(words, _)| words);
    format!("{head}…")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mail::{Choices, Strip, read, text};

    fn with<T>(originator: &Originator, text: &str, then: impl FnOnce(Reply<'_>) -> T) -> T {
        let gateway: GatewayId = "main".parse().expect("gateway");
        then(Reply {
            trace: &Trace::default(),
            originator,
            display: "+1 555-000-1111",
            pattern: "sms:%s@sms.example.test",
            no_reply: "postmaster@example.test",
            to: "ann@example.test",
            answers: None,
            text,
            missing: 0,
            date: Timestamp(1_795_162_500_000),
            message_id: "0190.reply@sms.example.test",
            in_reply_to: Some("q@example.test"),
            references: &["o@example.test".to_owned()],
            number: Some("+15559990000"),
            gateway: &gateway,
            id: "0190163d8694739b8e1b4d6f7c5a2b1e".parse().expect("id"),
            host: "sms.example.test",
            keyword: None,
            media: &[],
        })
    }

    fn number() -> Originator {
        Originator::Number("+15550001111".into())
    }

    #[test]
    fn a_reply_in_full() {
        let mail = with(&number(), "Yes, at ten.", |r| r.write()).expect("a mail");
        let want = "From: \"+1 555-000-1111\"\r\n <\"sms:+15550001111\"@sms.example.test>\r\nTo: ann@example.test\r\n\
            Subject: Yes, at ten.\r\nDate: Fri, 20 Nov 2026 08:15:00 +0000\r\nMessage-ID: <0190.reply@sms.example.test>\r\n\
            In-Reply-To: <q@example.test>\r\nReferences: <o@example.test>\r\n <q@example.test>\r\nX-SMS-From: +15550001111\r\n\
            X-SMS-To: +15559990000\r\nX-SMS-Gateway: main\r\nX-SMS-Id: 0190163d8694739b8e1b4d6f7c5a2b1e\r\n\
            X-Martlet-Trace: sms.example.test\r\nMIME-Version: 1.0\r\n\
            Content-Type: text/plain; charset=utf-8; format=flowed\r\nContent-Transfer-Encoding: 7bit\r\n\r\nYes, at ten.\r\n";
        assert_eq!(String::from_utf8(mail).expect("ASCII"), want);
    }

    #[test]
    fn routes_by_pattern() {
        let digits = Originator::Digits("12345".into());
        let name = Originator::Name("Acme".into());
        for (pattern, originator, want) in [
            ("sms:%s@d.test", &number(), Some("\"sms:+15550001111\"@d.test")),
            ("\"sms:%s\"@d.test", &number(), Some("\"sms:+15550001111\"@d.test")),
            ("%s@d.test", &number(), Some("+15550001111@d.test")),
            ("%s", &number(), None),
            ("%s@d.test", &digits, Some("12345@d.test")),
            ("%s@d.test", &name, None),
            ("%s@d.test", &Originator::Number("1>\r\nX: y".into()), None),
        ] {
            assert_eq!(route(pattern, originator).as_deref(), want, "{pattern}");
        }
    }

    #[test]
    fn subjects_and_marks() {
        let subject = |text: &str| with(&number(), text, |r| r.subject());
        assert_eq!(subject("a\nb"), "a b");
        assert_eq!(subject(&"word ".repeat(40)), format!("{}…", "word ".repeat(12).trim()));
        with(&number(), "x", |mut r| {
            r.answers = Some("Lunch");
            assert_eq!(r.subject(), "Re: Lunch");
            r.answers = Some("RE: Lunch");
            assert_eq!(r.subject(), "RE: Lunch");
            r.missing = 2;
            let mail = String::from_utf8(r.write().expect("a mail")).expect("ASCII");
            assert!(mail.contains("X-SMS-Missing: 2\r\n") && mail.contains("[2 parts"));
            r.to = "a@b\r\nBcc: c@d";
            assert_eq!(r.write(), Err(Unwritable::To));
            r.to = "a@b";
            r.message_id = "x>\r\nBcc: <y";
            assert_eq!(r.write(), Err(Unwritable::MessageId));
        });
    }

    #[test]
    fn pictures_are_attached_and_those_that_are_missing_are_named() {
        use mail_parser::{MessageParser, MimeHeaders};
        let (jpeg, note): (MediaType, MediaType) =
            ("image/jpeg".parse().expect("a type"), "text/plain".parse().expect("a type"));
        let picture: Vec<u8> = (0..=255).cycle().take(5_000).collect();
        let here = |kind: &MediaType, name: &str, data: &[u8]| Piece {
            kind: Some(kind.clone()),
            name: Some(name.to_owned()),
            at: At::Here(data.into()),
        };
        let media = [
            here(&jpeg, "Kätzchen.jpg", &picture),
            Piece::missing(Some(jpeg.clone()), "the server answered 404"),
            here(&note, "../a\"b", "Grüße".as_bytes()),
        ];
        for words in ["Look", "", "--=_0190163d8694739b8e1b4d6f7c5a2b1e\r\n--=_0190163d8694739b8e1b4d6f7c5a2b1e--"] {
            let raw = with(&number(), words, |r| Reply { media: &media, ..r }.write()).expect("a mail");
            assert!(raw.split(|b| *b == b'\n').all(|l| l.len() <= 999 && (l.is_empty() || l.ends_with(b"\r"))));
            let mail = MessageParser::default().parse(&raw).expect("a mail");
            let files: Vec<_> = mail.attachments().map(|part| (part.attachment_name(), part.contents())).collect();
            assert_eq!(
                files,
                [(Some("Kätzchen.jpg"), &picture[..]), (Some("a_b.txt"), "Grüße".as_bytes())],
                "{words:?}"
            );
            let body = mail.body_text(0).expect("words");
            assert!(body.contains("[This picture did not arrive: the server answered 404.]"), "{body}");
            assert!(body.starts_with(words.split("\r\n").next().unwrap_or_default()), "{body}");
            assert_eq!(mail.subject() == Some("3 attachments"), words.is_empty());
            let bare = without_files(&raw).expect("it had files");
            let bare = MessageParser::default().parse(&bare).expect("a mail");
            assert_eq!((bare.attachment_count(), bare.message_id()), (0, mail.message_id()));
            let left = bare.body_text(0).expect("words");
            assert!(left.starts_with(body.trim_end()), "{left}");
            assert!(
                left.contains("[Kätzchen.jpg did not arrive: the mail server takes no mail of this size.]"),
                "{left}"
            );
        }
        with(&number(), "", |r| {
            assert_eq!(Reply { media: &media[..1], ..r.clone() }.subject(), "Picture");
            assert_eq!(Reply { media: &media[..2], ..r.clone() }.subject(), "2 pictures");
            let raw = Reply { media: &media[1..2], ..r }.write().expect("a mail");
            assert!(!String::from_utf8_lossy(&raw).contains("multipart"), "nothing is attached");
            assert_eq!(without_files(&raw), None);
        });
    }

    proptest! {
        #[test]
        fn no_words_break_out(words in "(\\PC|[\r\n. >]|From |\r\n\\.\r\nMAIL FROM:<x>){0,200}", name in "\\PC{0,20}[\r\n]?\\PC{0,20}") {
            let originator = Originator::Name(name);
            let raw = with(&originator, &words, |r| r.write()).expect("a mail");
            prop_assert!(raw.split(|b| *b == b'\n').all(|l| l.len() <= 999 && (l.is_empty() || l.ends_with(b"\r"))));
            let mail = read(&raw).expect("our own mail");
            prop_assert_eq!(mail.from.as_ref().map(|f| f.address.as_str()), Some("postmaster@example.test"));
            let wanted: Vec<String> = super::words(&words).lines().map(|l| l.trim_end_matches(' ').to_owned()).collect();
            if wanted.iter().any(|l| !l.trim().is_empty()) {
                let got = text(&mail, &Choices { strip: Strip::NOTHING, ..Choices::default() }).expect("a text").text;
                let got: Vec<&str> = got.trim().lines().map(str::trim_end).collect();
                let wanted = wanted.join("\n");
                let wanted: Vec<&str> = wanted.trim().lines().map(str::trim_end).collect();
                prop_assert_eq!(got, wanted);
            }
        }
    }
}
