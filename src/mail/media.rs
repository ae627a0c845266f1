//! Pictures and the like that become attachments of a mail: their types, which of them are taken, what their files are called.
//!
//! Names and types come from strangers: a name never leaves its folder, never hides what it ends with, and ends as files
//! of its type do.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::header::Structured;

/// The longest type, and the longest name of a file in octets.
const LONGEST_TYPE: usize = 100;
const LONGEST_NAME: usize = 80;

/// `image/jpeg`: lower case, without parameters (RFC 6838 4.2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MediaType(String);

/// What came beside the words of a text. `Debug` shows neither names nor addresses.
#[derive(Clone, PartialEq, Eq)]
pub struct Piece {
    /// As the network says.
    pub kind: Option<MediaType>,
    /// What the network calls it.
    pub name: Option<String>,
    pub at: At,
}

/// Where it is.
#[derive(Clone, PartialEq, Eq)]
pub enum At {
    /// To be fetched.
    Elsewhere(Elsewhere),
    Here(Arc<[u8]>),
    /// Nowhere: why, in plain words without a full stop.
    Missing(String),
}

/// An address, and how it may be fetched from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    pub url: String,
    /// It takes the login of the gateway's requests.
    pub login: bool,
    /// The largest that is taken, octets.
    pub most: u64,
    /// Hosts that may be fetched from, `*` for a label; empty: that which texts go to.
    pub hosts: Vec<String>,
}

impl Piece {
    /// One that is not here.
    pub fn missing(kind: Option<MediaType>, why: impl Into<String>) -> Self {
        Self { kind, name: None, at: At::Missing(why.into()) }
    }

    /// For people: what it is.
    pub fn noun(&self) -> &'static str {
        self.kind.as_ref().map_or("attachment", MediaType::noun)
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Piece({} {:?})", self.noun(), self.at)
    }
}

impl fmt::Debug for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elsewhere(_) => f.write_str("Elsewhere"),
            Self::Here(data) => write!(f, "Here([{}])", data.len()),
            Self::Missing(_) => f.write_str("Missing"),
        }
    }
}

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Elsewhere")
    }
}

/// What a file of a type may end with; the first is the usual one.
const ENDINGS: &[(&str, &[&str])] = &[
    ("image/jpeg", &["jpg", "jpeg"]),
    ("image/png", &["png"]),
    ("image/gif", &["gif"]),
    ("image/webp", &["webp"]),
    ("image/heic", &["heic"]),
    ("image/bmp", &["bmp"]),
    ("image/tiff", &["tiff", "tif"]),
    ("video/mp4", &["mp4", "m4v"]),
    ("video/3gpp", &["3gp"]),
    ("video/quicktime", &["mov"]),
    ("video/webm", &["webm"]),
    ("video/mpeg", &["mpg", "mpeg"]),
    ("audio/amr", &["amr"]),
    ("audio/mpeg", &["mp3"]),
    ("audio/mp4", &["m4a", "mp4"]),
    ("audio/ogg", &["ogg", "opus"]),
    ("audio/wav", &["wav"]),
    ("audio/3gpp", &["3gp"]),
    ("text/vcard", &["vcf"]),
    ("text/x-vcard", &["vcf"]),
    ("text/directory", &["vcf"]),
    ("text/calendar", &["ics"]),
    ("text/x-vcalendar", &["vcs"]),
    ("text/plain", &["txt"]),
    ("application/pdf", &["pdf"]),
    ("application/ogg", &["ogg"]),
];

impl MediaType {
    /// Octets of any kind.
    pub fn octets() -> Self {
        Self("application/octet-stream".to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// It says nothing.
    pub fn is_vague(&self) -> bool {
        matches!(self.0.as_str(), "application/octet-stream" | "binary/octet-stream" | "application/binary")
    }

    /// The page on which a multimedia message lays out its parts: nothing that anybody wants to read.
    pub fn is_layout(&self) -> bool {
        matches!(self.0.as_str(), "application/smil" | "application/smil+xml")
    }

    pub fn is_text(&self) -> bool {
        self.0.starts_with("text/")
    }

    /// For people: `picture`, `video`, …
    pub fn noun(&self) -> &'static str {
        match self.0.as_str() {
            kind if kind.starts_with("image/") => "picture",
            kind if kind.starts_with("video/") => "video",
            kind if kind.starts_with("audio/") => "recording",
            "text/vcard" | "text/x-vcard" | "text/directory" => "contact",
            _ => "attachment",
        }
    }

    /// By how the octets begin, where nobody says what they are.
    pub fn sniffed(data: &[u8]) -> Option<Self> {
        let known = match data {
            [0xff, 0xd8, 0xff, ..] => "image/jpeg",
            [0x89, b'P', b'N', b'G', b'\r', b'\n', ..] => "image/png",
            [b'G', b'I', b'F', b'8', ..] => "image/gif",
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
            [_, _, _, _, b'f', b't', b'y', b'p', b'3', b'g', ..] => "video/3gpp",
            [_, _, _, _, b'f', b't', b'y', b'p', b'h', b'e', b'i', ..] => "image/heic",
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => "video/mp4",
            [b'#', b'!', b'A', b'M', b'R', ..] => "audio/amr",
            [b'O', b'g', b'g', b'S', ..] => "audio/ogg",
            [b'I', b'D', b'3', ..] => "audio/mpeg",
            [b'%', b'P', b'D', b'F', b'-', ..] => "application/pdf",
            data if data.starts_with(b"BEGIN:VCARD") => "text/vcard",
            _ => return None,
        };
        Some(Self(known.to_owned()))
    }

    fn endings(&self) -> &'static [&'static str] {
        ENDINGS.iter().find(|(kind, _)| *kind == self.0).map_or(&[], |(_, endings)| endings)
    }
}

/// Parameters are left away; anything but a type is an error.
impl FromStr for MediaType {
    type Err = &'static str;

    fn from_str(written: &str) -> Result<Self, Self::Err> {
        let kind = written.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let token = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
        };
        let sound = kind.len() <= LONGEST_TYPE && kind.split_once('/').is_some_and(|(a, b)| token(a) && token(b));
        // What everybody means by it.
        let kind = if kind == "image/jpg" { "image/jpeg".to_owned() } else { kind };
        if sound { Ok(Self(kind)) } else { Err("this is no media type such as image/jpeg") }
    }
}

impl TryFrom<String> for MediaType {
    type Error = &'static str;

    fn try_from(written: String) -> Result<Self, Self::Error> {
        written.parse()
    }
}

impl From<MediaType> for String {
    fn from(kind: MediaType) -> Self {
        kind.0
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which types are taken: `image/*`, `text/vcard`. A drawing that can hold a program (SVG) must be named as itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Types(Vec<Pattern>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    /// `image/`
    Family(String),
    One(MediaType),
}

impl Types {
    /// Those that phones send, and that no mail program runs.
    pub const USUAL: [&str; 9] = [
        "image/*",
        "video/*",
        "audio/*",
        "text/vcard",
        "text/x-vcard",
        "text/directory",
        "text/calendar",
        "text/plain",
        "application/pdf",
    ];

    /// # Errors
    /// The number of the first that is no type.
    pub fn listed<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, usize> {
        let read = |(n, pattern): (usize, &str)| match pattern.strip_suffix("/*") {
            Some(family) => {
                let sound = !family.is_empty() && family.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
                let family = || Pattern::Family(format!("{}/", family.to_ascii_lowercase()));
                sound.then(family).ok_or(n)
            }
            None => pattern.parse().map(Pattern::One).map_err(|_| n),
        };
        patterns.into_iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    pub fn take(&self, kind: &MediaType) -> bool {
        self.0.iter().any(|pattern| match pattern {
            Pattern::One(one) => one == kind,
            Pattern::Family(family) => kind.0.starts_with(family) && kind.0 != "image/svg+xml",
        })
    }
}

impl Default for Types {
    fn default() -> Self {
        Self::listed(Self::USUAL).expect("invariant: the usual types are types")
    }
}

/// The name in a Content-Disposition field of HTTP (RFC 6266), if there is one.
pub fn disposed(field: &[u8]) -> Option<String> {
    Structured::parse(field).param("filename").map(str::to_owned).filter(|name| !name.is_empty())
}

/// What the file of piece `nth` (from 1) is called: a safe name made of the given one, ending as its type does.
pub fn file_name(given: Option<&str>, kind: &MediaType, nth: usize) -> String {
    let endings = kind.endings();
    let given = given.map(safe).unwrap_or_default();
    let given = if given.is_empty() { format!("{}-{nth}", kind.noun()) } else { given };
    let ending = given.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    match (endings.first(), ending) {
        (Some(_), Some(ending)) if endings.contains(&ending.as_str()) => given,
        (Some(usual), _) => format!("{given}.{usual}"),
        // A type that we have no ending for: what its name ends with is not believed.
        (None, Some(_)) => format!("{given}.bin"),
        (None, None) => given,
    }
}

/// Letters, digits, blanks and some signs; no folder, no leading dot, nothing that turns the direction of writing.
fn safe(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let fits = |c: char| c.is_alphanumeric() || " ._-+=,()[]@~".contains(c);
    let mut name = String::new();
    for c in last.chars().map(|c| if fits(c) { c } else { '_' }) {
        if name.len() + c.len_utf8() > LONGEST_NAME {
            break;
        }
        name.push(c);
    }
    name.trim_matches(|c: char| c == '.' || c == ' ').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(written: &str) -> MediaType {
        written.parse().expect(written)
    }

    #[test]
    fn types_are_types() {
        assert_eq!(kind("Image/JPG; q=1").as_str(), "image/jpeg");
        assert_eq!(kind("application/vnd.x+json").as_str(), "application/vnd.x+json");
        for bad in ["", "image", "image/", "/jpeg", "a/b/c", "image/x y", "image/j\r\nX: y", "image/\u{e9}"] {
            assert!(bad.parse::<MediaType>().is_err(), "{bad:?}");
        }
        assert!(format!("a/{}", "b".repeat(100)).parse::<MediaType>().is_err());
    }

    #[test]
    fn some_are_taken() {
        let usual = Types::default();
        for good in ["image/jpeg", "image/heic", "video/3gpp", "audio/amr", "text/x-vcard", "application/pdf"] {
            assert!(usual.take(&kind(good)), "{good}");
        }
        for bad in ["text/html", "image/svg+xml", "application/zip", "application/octet-stream", "imagex/png"] {
            assert!(!usual.take(&kind(bad)), "{bad}");
        }
        let own = Types::listed(["IMAGE/*", "image/svg+xml"]).expect("types");
        assert!(own.take(&kind("image/svg+xml")) && !own.take(&kind("video/mp4")));
        assert!(!Types::listed([]).expect("none").take(&kind("image/png")));
        assert_eq!(Types::listed(["image/*", "*"]), Err(1));
        assert_eq!(Types::listed(["*/*"]), Err(0));
        assert_eq!(Types::listed(["/*"]), Err(0));
    }

    #[test]
    fn octets_tell_what_they_are() {
        for (data, wanted) in [
            (&b"\xff\xd8\xff\xe0rest"[..], "image/jpeg"),
            (b"\x89PNG\r\n\x1a\n", "image/png"),
            (b"GIF89a", "image/gif"),
            (b"RIFF1234WEBPVP8", "image/webp"),
            (b"\0\0\0\x18ftyp3gp5", "video/3gpp"),
            (b"\0\0\0\x18ftypheic", "image/heic"),
            (b"\0\0\0\x18ftypisom", "video/mp4"),
            (b"#!AMR\n", "audio/amr"),
            (b"%PDF-1.7", "application/pdf"),
            (b"BEGIN:VCARD\r\n", "text/vcard"),
        ] {
            assert_eq!(MediaType::sniffed(data), Some(kind(wanted)), "{wanted}");
        }
        for data in [&b""[..], b"\xff\xd8", b"<html>", b"MZ\x90", b"\0\0\0\x18ftyp"] {
            let sniffed = MediaType::sniffed(data);
            assert!(sniffed.is_none_or(|kind| kind.as_str() == "video/mp4"), "{data:?}");
        }
    }

    #[test]
    fn names_of_files() {
        for (given, of, wanted) in [
            (Some("cat.jpg"), "image/jpeg", "cat.jpg"),
            (Some("cat.JPEG"), "image/jpeg", "cat.JPEG"),
            (Some("../../etc/passwd"), "image/png", "passwd.png"),
            (Some("C:\\Windows\\x.png"), "image/png", "x.png"),
            (Some("invoice.exe"), "image/jpeg", "invoice.exe.jpg"),
            (Some(".bashrc"), "text/plain", "bashrc.txt"),
            (Some("a\"b\r\nX: y.gif"), "image/gif", "a_b__X_ y.gif"),
            (Some("Ka\u{308}tzchen.png"), "image/png", "Ka_tzchen.png"),
            (Some("\u{202e}gpj.exe"), "image/jpeg", "_gpj.exe.jpg"),
            (Some("..."), "image/jpeg", "picture-3.jpg"),
            (None, "image/jpeg", "picture-3.jpg"),
            (None, "video/3gpp", "video-3.3gp"),
            (None, "text/vcard", "contact-3.vcf"),
            (None, "application/x-unknown", "attachment-3"),
            (Some("x.exe"), "application/x-unknown", "x.exe.bin"),
        ] {
            assert_eq!(file_name(given, &kind(of), 3), wanted, "{given:?}");
        }
        assert_eq!(disposed(b"attachment; filename=\"cat.jpg\"").as_deref(), Some("cat.jpg"));
        assert_eq!(disposed(b"inline; filename*=UTF-8''K%C3%A4tzchen.png").as_deref(), Some("K\u{e4}tzchen.png"));
        assert_eq!(disposed(b"inline"), None);
    }

    proptest! {
        #[test]
        fn no_name_is_unsafe(given in "\\PC{0,300}", n in 0usize..12) {
            let name = file_name(Some(&given), &kind("image/png"), n);
            prop_assert!(name.ends_with(".png") && name.len() <= LONGEST_NAME + 4 && !name.starts_with('.'));
            let unsafe_signs = ['/', '\\', '"', '\r', '\n', '\u{202e}', ';'];
            prop_assert!(!name.contains(unsafe_signs));
        }
    }
}
