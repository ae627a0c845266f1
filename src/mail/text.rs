//! The words of a mail that are worth sending, and what was cut from them.
//!
//! Picks the part, cuts quotes, signature, footers and configured disclaimers, fills the template. Tidying,
//! transliterating and fitting belong to `sms` and are the caller's. An encrypted mail is refused, never sent as its
//! cipher; a body that is only quotes keeps its first paragraph.

use std::fmt;

use super::{
    body::body,
    flowed::Line,
    quote,
    read::{Attachment, Mail},
    template::{Template, Variable},
};

/// Attachments that are named.
const MOST_NAMES: usize = 20;

/// What is cut (`strip = ["quotes", "signature", "footer"]`); all by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strip {
    pub quotes: bool,
    pub signature: bool,
    pub footer: bool,
}

impl Default for Strip {
    fn default() -> Self {
        Self { quotes: true, signature: true, footer: true }
    }
}

impl Strip {
    /// Everything stays.
    pub const NOTHING: Self = Self { quotes: false, signature: false, footer: false };
}

/// How a mail becomes a text.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    pub strip: Strip,
    /// `None`: the body, or the subject when the body is empty.
    pub template: Option<Template>,
    /// `html.links`: addresses of links follow their words.
    pub html_links: bool,
    /// What matches is cut, wherever it stands.
    pub disclaimers: Vec<regex::Regex>,
    /// Stands on the last line of the text of a mail with attachments; `None`: they are not named.
    pub attachment_notice: Option<Template>,
}

/// Why words were cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// The quoted part of a reply or a forwarded mail.
    Quote,
    /// `On … wrote:`, a header block, the line above it.
    Attribution,
    Signature,
    /// What a phone or a mail program adds.
    Footer,
    /// A configured pattern.
    Disclaimer,
    /// Words of an HTML mail that no reader sees.
    Hidden,
    /// A file: never sent.
    Attachment,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quote => "quoted text",
            Self::Attribution => "attribution of a quote",
            Self::Signature => "signature",
            Self::Footer => "footer of a mail program",
            Self::Disclaimer => "disclaimer",
            Self::Hidden => "hidden text",
            Self::Attachment => "attachment",
        })
    }
}

/// One stretch that was cut.
#[derive(Clone, PartialEq, Eq)]
pub struct Cut {
    pub why: Why,
    pub text: String,
}

impl fmt::Debug for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cut({:?}, [{}])", self.why, self.text.len())
    }
}

/// The words and the cuts, in the order of the mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Extract {
    /// LF line ends; not empty.
    pub text: String,
    pub cuts: Vec<Cut>,
}

impl fmt::Debug for Extract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extract([{}], {:?})", self.text.len(), self.cuts)
    }
}

/// Why a mail gives no text. `Display` is fit for an SMTP reply (`554 5.6.0`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoText {
    /// S/MIME or PGP.
    Encrypted,
    /// Neither words nor a subject.
    Empty,
}

impl fmt::Display for NoText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encrypted => "the mail is encrypted and cannot be sent as a text",
            Self::Empty => "nothing to send",
        })
    }
}

impl std::error::Error for NoText {}

/// Finds the words of a mail.
pub fn text(mail: &Mail<'_>, choices: &Choices) -> Result<Extract, NoText> {
    if mail.encrypted {
        return Err(NoText::Encrypted);
    }
    let body = body(mail, choices.html_links);
    if body.lines.iter().find(|l| !l.is_blank()).is_some_and(|l| l.text.trim() == "-----BEGIN PGP MESSAGE-----") {
        return Err(NoText::Encrypted);
    }
    let mut cuts = Vec::new();
    if !body.hidden.is_empty() {
        cuts.push(Cut { why: Why::Hidden, text: body.hidden });
    }
    let marks = quote::marks(&body.lines, choices.strip);
    let mut words = collect(&body.lines, &marks, &mut cuts);
    for pattern in &choices.disclaimers {
        words = without(&words, pattern, &mut cuts);
    }
    let text = match &choices.template {
        Some(template) => template.fill(|variable| value(mail, variable, &words)),
        None if words.is_empty() => mail.subject.clone(),
        None => words.clone(),
    };
    let mut text = text.trim().to_owned();
    if let Some(notice) = choices.attachment_notice.as_ref().filter(|_| !mail.attachments.is_empty()) {
        text.push('\n');
        text.push_str(&notice.fill(|variable| value(mail, variable, &words)));
        text = text.trim().to_owned();
    }
    cuts.extend(mail.attachments.iter().take(MOST_NAMES).map(file));
    if text.is_empty() { Err(NoText::Empty) } else { Ok(Extract { text, cuts }) }
}

/// Kept lines as text; cut ones go to `cuts`, neighbours with one reason together.
fn collect(lines: &[Line], marks: &[Option<Why>], cuts: &mut Vec<Cut>) -> String {
    let mut kept = String::new();
    let mut last = None;
    for (line, mark) in lines.iter().zip(marks) {
        match mark {
            None => {
                // Nothing but line ends is taken off here: blanks within are the writer's.
                kept.push_str(line.text.trim_end());
                kept.push('\n');
                if line.is_blank() {
                    continue;
                }
            }
            Some(why) => match cuts.last_mut() {
                Some(cut) if last == Some(*why) => {
                    cut.text.push('\n');
                    cut.text.push_str(&line.text);
                }
                _ => cuts.push(Cut { why: *why, text: line.text.clone() }),
            },
        }
        last = *mark;
    }
    cuts.retain(|cut| !cut.text.trim().is_empty());
    kept.trim_matches(|c: char| c == '\n' || c == '\r').trim_end().to_owned()
}

/// `words` without what `pattern` matches; unchanged if that would leave nothing.
fn without(words: &str, pattern: &regex::Regex, cuts: &mut Vec<Cut>) -> String {
    let mut kept = String::with_capacity(words.len());
    let mut gone = Vec::new();
    let mut at = 0;
    for found in pattern.find_iter(words).filter(|m| !m.is_empty()) {
        kept.push_str(&words[at..found.start()]);
        gone.push(Cut { why: Why::Disclaimer, text: found.as_str().to_owned() });
        at = found.end();
    }
    kept.push_str(&words[at..]);
    if kept.trim().is_empty() {
        return words.to_owned();
    }
    cuts.append(&mut gone);
    kept.trim_end().to_owned()
}

fn value(mail: &Mail<'_>, variable: Variable, body: &str) -> String {
    let from = mail.from.clone().unwrap_or_default();
    match variable {
        Variable::Subject => mail.subject.clone(),
        Variable::Body => body.to_owned(),
        Variable::From => shown(&from.address),
        Variable::FromName if from.name.is_empty() => shown(&from.address),
        Variable::FromName => from.name,
        Variable::To => shown(&mail.to.clone().unwrap_or_default().address),
        Variable::Date => mail.local_date.clone(),
        Variable::Size => size(mail.size),
        Variable::Attachments => attachments(mail),
        Variable::MessageId => mail.message_id.clone().unwrap_or_default(),
    }
}

/// An address without the parameters of an `sms:` address: a password may be among them.
fn shown(address: &str) -> String {
    match address.split_once('?') {
        Some((front, rest)) => {
            let domain = rest.rsplit_once('@').map_or("", |(_, domain)| domain);
            let quote = if front.starts_with('"') { "\"" } else { "" };
            format!("{front}{quote}@{domain}")
        }
        None => address.to_owned(),
    }
}

fn size(octets: usize) -> String {
    match octets {
        0..1024 => format!("{octets} B"),
        1024..1_048_576 => format!("{} KiB", octets.div_ceil(1024)),
        _ => format!("{:.1} MiB", octets as f64 / 1_048_576.0),
    }
}

/// An attachment among what is not sent: its name, else its kind.
fn file(attachment: &Attachment) -> Cut {
    let name = attachment.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let kind = Some(attachment.kind.as_str()).filter(|kind| !kind.is_empty());
    Cut { why: Why::Attachment, text: name.or(kind).unwrap_or("file").to_owned() }
}

/// `2 (a.pdf, b.png)`, or `0`.
fn attachments(mail: &Mail<'_>) -> String {
    let names: Vec<&str> = mail.attachments.iter().filter_map(|a| a.name.as_deref()).take(MOST_NAMES).collect();
    let count = mail.attachments.len();
    if names.is_empty() { count.to_string() } else { format!("{count} ({})", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::read;

    fn of(raw: &str, choices: &Choices) -> Result<Extract, NoText> {
        text(&read(raw.as_bytes()).expect("a mail"), choices)
    }

    fn words(raw: &str) -> String {
        of(raw, &Choices::default()).expect("a text").text
    }

    #[test]
    fn the_right_part_is_taken() {
        for (raw, want) in [
            ("Subject: s\r\n\r\nhi\r\n", "hi"),
            ("Subject: s\r\n\r\n \r\n", "s"),
            ("Subject: s\r\nContent-Type: text/html\r\n\r\n<p>a<p>b", "a\n\nb"),
            (
                "Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\n\r\n--a\r\nContent-Type: text/html\r\n\r\n<b>x</b>\r\n--a--",
                "x",
            ),
            (
                "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Disposition: attachment\r\n\r\nlog\r\n--a\r\n\r\nbody\r\n--a--",
                "body",
            ),
            ("Content-Type: text/plain; format=flowed; delsp=yes\r\n\r\nab \r\nc\r\n", "abc"),
            (
                "Content-Type: text/calendar\r\n\r\nBEGIN:VEVENT\r\nSUMMARY:Budget\\, all\r\nDTSTART;TZID=Europe/Prague:20261123T150000\r\nLOCATION:Room\r\n  4\r\nEND:VEVENT\r\n",
                "Budget, all\n2026-11-23 15:00 (Europe/Prague)\nRoom 4",
            ),
            (
                "A: b\r\n\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nhi\r\n-----BEGIN PGP SIGNATURE-----\r\nx\r\n",
                "hi",
            ),
        ] {
            assert_eq!(words(raw), want, "{raw}");
        }
    }

    #[test]
    fn refusals_are_typed() {
        assert_eq!(of("A: b\r\n\r\n", &Choices::default()), Err(NoText::Empty));
        for sealed in [
            "Content-Type: multipart/encrypted; boundary=a\r\n\r\n--a\r\n\r\nx\r\n--a--",
            "Content-Type: application/pkcs7-mime\r\n\r\nMIIB",
            "A: b\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nx\r\n",
        ] {
            assert_eq!(of(sealed, &Choices::default()), Err(NoText::Encrypted), "{sealed}");
        }
    }

    #[test]
    fn cuts_are_explained() {
        let raw =
            "A: b\r\n\r\nYes.\r\n\r\nSecret. Do not read.\r\n\r\nOn 1/2/2026 10:00, J <j@x> wrote:\r\n> q\r\n> r\r\n";
        let choices = Choices {
            disclaimers: vec![regex::Regex::new("(?s)Secret\\..*read\\.").expect("regex")],
            ..Choices::default()
        };
        let extract = of(raw, &choices).expect("a text");
        assert_eq!(extract.text, "Yes.");
        let cuts: Vec<_> = extract.cuts.iter().map(|c| (c.why, c.text.as_str())).collect();
        let want = [
            (Why::Attribution, "On 1/2/2026 10:00, J <j@x> wrote:"),
            (Why::Quote, "q\nr"),
            (Why::Disclaimer, "Secret. Do not read."),
        ];
        assert_eq!(cuts, want);
        let all = of(raw, &Choices { strip: Strip::NOTHING, ..Choices::default() }).expect("a text");
        assert!(all.text.contains("wrote:") && all.cuts.is_empty());
    }

    #[test]
    fn templates_have_their_values() {
        let raw = "From: Ann <a@x>\r\nTo: \"sms:+1555?pass=secret\"@d\r\nSubject: S\r\nDate: Fri, 20 Nov 2026 09:15:00 +0100\r\n\
            Message-ID: <m@x>\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nbody\r\n--a\r\n\
            Content-Type: application/pdf; name=\"a.pdf\"\r\nContent-Disposition: attachment\r\n\r\nx\r\n--a--\r\n";
        let template =
            "{from_name}|{from}|{to}|{subject}|{body}|{date}|{attachments}|{message_id}".parse().expect("template");
        let choices = Choices { template: Some(template), ..Choices::default() };
        let got = of(raw, &choices).expect("a text").text;
        assert_eq!(got, "Ann|a@x|\"sms:+1555\"@d|S|body|2026-11-20 09:15|1 (a.pdf)|m@x");
        assert_eq!((size(10), size(2000), size(3_000_000)), ("10 B".into(), "2 KiB".into(), "2.9 MiB".into()));
    }
}
