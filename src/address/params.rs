//! Parameters of an `sms:` address (behind `?`, joined by `&`).
//!
//! Names are case-insensitive, order does not matter, an empty value means not given, a name given twice (other than
//! `value`) or unknown is an error that names it. What can go wrong: user names carry `%` or `/` for `@`, and `%ac` in
//! `john%acme.com` is valid hex; so both readings are kept ([`Credentials::users`]).

use std::fmt;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use percent_encoding::percent_decode_str;

pub use super::mask::{masked, masks};
use super::{AddressError, Mailbox, SenderId};
use crate::ground::{GatewayId, Secret};

/// Who claims to send. `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Every reading of the user's name (`%` and `/` may stand for `@`), as written first.
    pub users: Vec<String>,
    /// So many of them are as written.
    written: usize,
    pub pass: Secret<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials([{}])", self.users.len())
    }
}

impl Credentials {
    /// A name and a password that came beside the address (HTTP basic auth), with the same readings of the name.
    pub fn new(user: &str, pass: String) -> Self {
        let (users, written) = with_address(vec![user.to_owned()]);
        Self { users, written, pass: Secret::new(pass) }
    }

    /// The readings that count: with `percent_is_at` all of them, else only those as written.
    pub fn readings(&self, percent_is_at: bool) -> &[String] {
        if percent_is_at { &self.users } else { &self.users[..self.written] }
    }
}

/// All parameters, decoded and checked one by one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params {
    pub credentials: Option<Credentials>,
    /// 1–128.
    pub maxmsgs: Option<u8>,
    pub binary: bool,
    /// Information elements without the length octet.
    pub udh: Option<Vec<u8>>,
    pub pid: Option<u8>,
    pub dcs: Option<u8>,
    pub sender: Option<SenderId>,
    pub authenticated: bool,
    pub reply: Option<Mailbox>,
    pub id: Option<GatewayId>,
    pub value: Vec<String>,
    pub body: Option<String>,
    pub msgid: Option<String>,
}

/// Without the words of the text, the values for the gateway and the caller's id.
impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Params")
            .field("credentials", &self.credentials.is_some())
            .field("maxmsgs", &self.maxmsgs)
            .field("binary", &self.binary)
            .field("udh", &self.udh.as_ref().map(Vec::len))
            .field("pid", &self.pid)
            .field("dcs", &self.dcs)
            .field("authenticated", &self.authenticated)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In a URI: `+` is a plus.
    Uri,
    /// In an HTTP query or form: `+` is a blank.
    Http,
}

impl Params {
    /// Reads `maxmsgs=3&sender=Acme`, the part behind `?`.
    ///
    /// # Errors
    /// [`AddressError::Parameter`], naming the first bad one.
    pub fn parse(query: &str, form: Form) -> Result<Self, AddressError> {
        let mut reader = Reader::new(form);
        for (name, raw) in pairs(query) {
            reader.take(name, raw)?;
        }
        reader.finish()
    }
}

/// Names and raw values of a query; empty pieces (`&&`) are no parameters.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|piece| !piece.is_empty()).map(|piece| piece.split_once('=').unwrap_or((piece, "")))
}

/// Decodes one value.
pub(super) fn decode(raw: &str, form: Form) -> Result<String, &'static str> {
    let spaced = match form {
        Form::Http if raw.contains('+') => raw.replace('+', " "),
        _ => raw.to_owned(),
    };
    let text = percent_decode_str(&spaced).decode_utf8().map_err(|_| "is not UTF-8")?;
    Ok(text.into_owned())
}

/// Fills [`Params`] pair by pair.
pub(super) struct Reader {
    form: Form,
    params: Params,
    /// Readings, and how many of them are as written.
    users: (Vec<String>, usize),
    pass: Option<String>,
    seen: Vec<&'static str>,
}

const NAMES: [&str; 14] = [
    "user",
    "pass",
    "maxmsgs",
    "binary",
    "udh",
    "pid",
    "dcs",
    "sender",
    "authenticated",
    "reply",
    "id",
    "value",
    "body",
    "msgid",
];

impl Reader {
    pub(super) fn new(form: Form) -> Self {
        Self { form, params: Params::default(), users: (Vec::new(), 0), pass: None, seen: Vec::new() }
    }

    /// Takes one pair, the value as written.
    pub(super) fn take(&mut self, name: &str, raw: &str) -> Result<(), AddressError> {
        let Some(&name) = NAMES.iter().find(|known| known.eq_ignore_ascii_case(name)) else {
            return Err(unknown(name));
        };
        if raw.is_empty() {
            return Ok(());
        }
        if name != "value" && self.seen.contains(&name) {
            return Err(bad(name, "is given twice"));
        }
        self.seen.push(name);
        self.set(name, raw).map_err(|why| bad(name, why))
    }

    fn set(&mut self, name: &str, raw: &str) -> Result<(), &'static str> {
        let value = match name {
            // Its escapes are its own: see `readings`.
            "user" => String::new(),
            _ => decode(raw, self.form)?,
        };
        if name != "body" && value.contains(char::is_control) {
            return Err("holds control characters");
        }
        let params = &mut self.params;
        match name {
            "user" => self.users = readings(raw, self.form)?,
            "pass" => self.pass = Some(value),
            "maxmsgs" => params.maxmsgs = Some(number(&value, 1, 128).ok_or("is not a number from 1 to 128")?),
            "binary" => params.binary = flag(&value)?,
            "udh" => params.udh = Some(elements(&value)?),
            "pid" => params.pid = Some(number(&value, 0, 255).ok_or("is not a number from 0 to 255")?),
            "dcs" => params.dcs = Some(number(&value, 0, 255).ok_or("is not a number from 0 to 255")?),
            "sender" => {
                let why = "is not at most 15 digits or 11 characters of the GSM alphabet";
                params.sender = Some(value.parse().map_err(|_| why)?);
            }
            "authenticated" => params.authenticated = flag(&value)?,
            "reply" => params.reply = Some(value.parse().map_err(|_| "is not a plain mail address")?),
            "id" => params.id = Some(value.parse().map_err(|_| "is not the id of a gateway")?),
            "value" if params.value.len() >= 32 => return Err("is given too often"),
            "value" => params.value.push(value),
            "body" => params.body = Some(value),
            _ if value.len() > 128 => return Err("is longer than 128 octets"),
            _ => params.msgid = Some(value),
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Params, AddressError> {
        let (users, written) = self.users;
        self.params.credentials = match (users.is_empty(), self.pass) {
            (true, None) => None,
            (false, Some(pass)) => Some(Credentials { users, written, pass: Secret::new(pass) }),
            (true, Some(_)) => return Err(bad("user", "is missing beside pass")),
            (false, None) => return Err(bad("pass", "is missing beside user")),
        };
        Ok(self.params)
    }
}

pub(super) fn bad(name: &str, why: &'static str) -> AddressError {
    AddressError::Parameter { name: name.to_owned(), why }
}

/// An unknown parameter by name, where that is fit to be shown: an `&` inside a password makes a name of its rest.
fn unknown(name: &str) -> AddressError {
    let shown = matches!(name.len(), 1..=24) && name.bytes().all(|b| b.is_ascii_alphabetic() || b"_-".contains(&b));
    bad(if shown { name } else { "(unreadable)" }, "is not known")
}

fn number(value: &str, least: u8, most: u8) -> Option<u8> {
    let plain = value.bytes().all(|b| b.is_ascii_digit());
    value.parse().ok().filter(|n| plain && (least..=most).contains(n))
}

pub(super) fn flag(value: &str) -> Result<bool, &'static str> {
    match value {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err("is neither 0 nor 1"),
    }
}

/// Every reading of a user name. As written, where only `%40` and `%25` are escapes; and with every `%` and `/` as `@`,
/// where that makes an address. In an HTTP query, where everything is encoded, the plain decoding comes first.
fn readings(raw: &str, form: Form) -> Result<(Vec<String>, usize), &'static str> {
    let spaced = match form {
        Form::Http => raw.replace('+', " "),
        Form::Uri => raw.to_owned(),
    };
    let written = spaced.replace("%40", "@").replace("%25", "%");
    let mut users = Vec::with_capacity(3);
    if form == Form::Http
        && let Ok(plain) = decode(raw, form)
    {
        users.push(plain);
    }
    users.push(written);
    match users.iter().any(|u| u.contains(char::is_control)) {
        true => Err("holds control characters"),
        false => Ok(with_address(users)),
    }
}

/// Adds the reading of the last name as an address, where there is one, and drops what is there twice; how many are as
/// written.
fn with_address(users: Vec<String>) -> (Vec<String>, usize) {
    let address = users.last().map(|written| written.replace(['%', '/'], "@")).unwrap_or_default();
    let mut unique: Vec<String> = Vec::with_capacity(users.len() + 1);
    for user in users {
        if !unique.contains(&user) {
            unique.push(user);
        }
    }
    let written = unique.len();
    if address.matches('@').count() == 1 && !unique.contains(&address) {
        unique.push(address);
    }
    (unique, written)
}

/// Padding is often lost on the way: both forms are read.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Information elements, base64 or `hex:`. A length octet in front is dropped: many write the whole header.
pub fn elements(value: &str) -> Result<Vec<u8>, &'static str> {
    let octets = match value.split_once(':') {
        Some((tag, hex)) if tag.eq_ignore_ascii_case("hex") => from_hex(hex).ok_or("is not hexadecimal")?,
        // A blank was a `+` in the query.
        _ => BASE64.decode(value.trim().replace(' ', "+")).map_err(|_| "is neither base64 nor hex:")?,
    };
    match octets.as_slice() {
        [] => Err("is empty"),
        whole if whole.len() > 139 => Err("is longer than a segment"),
        whole if well_formed(whole) => Ok(octets),
        [length, rest @ ..] if usize::from(*length) == rest.len() && well_formed(rest) && !rest.is_empty() => {
            Ok(rest.to_vec())
        }
        _ => Err("holds no information elements"),
    }
}

/// TS 23.040 9.2.3.24: identifier, length, data, until the end. Elements of a fixed size must have it, which also
/// tells a header with its length octet (`06 05 04 …`) from one that begins with element 6.
fn well_formed(mut elements: &[u8]) -> bool {
    while let [identifier, length, rest @ ..] = elements {
        let size = match identifier {
            0x06 | 0x24 | 0x25 => 1,
            0x01 | 0x04 => 2,
            0x00 => 3,
            0x05 | 0x08 => 4,
            _ => *length,
        };
        match rest.get(usize::from(*length)..) {
            Some(rest) if size == *length => elements = rest,
            _ => return false,
        }
    }
    elements.is_empty()
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let digits = digits.filter(|d| d.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(query: &str) -> Result<Params, AddressError> {
        Params::parse(query, Form::Uri)
    }

    #[test]
    fn every_parameter_is_read() {
        let params = parse(
            "USER=john%40acme.com&pass=a%26b+c&maxmsgs=128&Binary=1&udh=BQQLhCPw&pid=65&dcs=245&sender=Acme&authenticated=1\
             &reply=Bob%40Example.test&id=main&value=%26unicode%3D1&value=x&body=Hi%20%E2%82%AC&msgid=m-1",
        )
        .expect("parameters");
        let credentials = params.credentials.expect("credentials");
        assert_eq!(credentials.users, ["john@acme.com"]);
        assert_eq!(credentials.pass.expose(), "a&b+c");
        assert_eq!((params.maxmsgs, params.binary, params.pid, params.dcs), (Some(128), true, Some(65), Some(245)));
        assert_eq!(params.udh.as_deref(), Some(&[5, 4, 0x0b, 0x84, 0x23, 0xf0][..]));
        assert_eq!(params.sender.as_ref().map(SenderId::as_str), Some("Acme"));
        assert!(params.authenticated);
        assert_eq!(params.reply.as_ref().map(Mailbox::as_str), Some("Bob@example.test"));
        assert_eq!(params.id.as_ref().map(GatewayId::as_str), Some("main"));
        assert_eq!(params.value, ["&unicode=1", "x"]);
        assert_eq!(params.body.as_deref(), Some("Hi €"));
        assert_eq!(params.msgid.as_deref(), Some("m-1"));
    }

    #[test]
    fn bad_values_name_their_parameter() {
        for (query, name) in [
            ("maxmsgs=0", "maxmsgs"),
            ("maxmsgs=129", "maxmsgs"),
            ("maxmsgs=x", "maxmsgs"),
            ("maxmsgs=+1", "maxmsgs"),
            ("binary=yes", "binary"),
            ("udh=!!!", "udh"),
            ("udh=hex:05", "udh"),
            ("udh=hex:xy", "udh"),
            ("udh=hex:", "udh"),
            ("pid=256", "pid"),
            ("dcs=-1", "dcs"),
            ("sender=A%20very%20long%20name", "sender"),
            ("authenticated=true", "authenticated"),
            ("reply=victim%25evil%40ours", "reply"),
            ("id=a%20b", "id"),
            ("user=a", "pass"),
            ("pass=a", "user"),
            ("user=a\nb&pass=c", "user"),
            ("pid=1&PID=2", "pid"),
            ("colour=red", "colour"),
            ("body=%FF", "body"),
            ("value=%0d%0aX", "value"),
            ("9$=1", "(unreadable)"),
        ] {
            match parse(query) {
                Err(AddressError::Parameter { name: named, .. }) => assert_eq!(named, name, "{query}"),
                other => panic!("{query}: {other:?}"),
            }
        }
    }

    #[test]
    fn an_empty_value_is_not_given() {
        assert_eq!(parse("user=&pass=&maxmsgs=&&pid="), Ok(Params::default()));
        assert_eq!(parse("pid=&pid=1").map(|p| p.pid), Ok(Some(1)));
        assert!(parse("nonsense=").is_err());
    }

    #[test]
    fn user_names_have_readings() {
        let users = |raw: &str, form| readings(raw, form).expect("readings").0;
        let written = |raw: &str, form| readings(raw, form).expect("readings").1;
        assert_eq!((written("john%acme.com", Form::Uri), written("john%40acme.com", Form::Uri)), (1, 1));
        assert_eq!((written("john%acme.com", Form::Http), written("j%C3%B6rg", Form::Http)), (1, 2));
        assert_eq!(users("john", Form::Uri), ["john"]);
        assert_eq!(users("john%acme.com", Form::Uri), ["john%acme.com", "john@acme.com"]);
        assert_eq!(users("john/acme.com", Form::Uri), ["john/acme.com", "john@acme.com"]);
        assert_eq!(users("john%40acme.com", Form::Uri), ["john@acme.com"]);
        assert_eq!(users("john%25acme.com", Form::Uri), ["john%acme.com", "john@acme.com"]);
        assert_eq!(users("a/b/c", Form::Uri), ["a/b/c"]);
        assert_eq!(Credentials::new("john/acme.com", "x".into()).users, ["john/acme.com", "john@acme.com"]);
        assert_eq!(users("j%C3%B6rg+x", Form::Http)[0], "jörg x");
    }

    #[test]
    fn a_header_may_come_with_its_length() {
        for written in ["hex:0605040B8423F0", "hex:05040b8423f0", "BQQLhCPw", "BgUEC4Qj8A==", "BgUEC4Qj8A"] {
            assert_eq!(elements(written).as_deref(), Ok(&[5, 4, 0x0b, 0x84, 0x23, 0xf0][..]), "{written}");
        }
        // In a query the `+` of base64 has become a blank.
        assert_eq!(elements("cAL7 w"), elements("cAL7+w"));
        assert!(elements("cAL7+w").is_ok());
    }

    #[test]
    fn debug_shows_no_words() {
        let params = parse("user=john&pass=hunter2&body=secret&value=v3&msgid=m9").expect("parameters");
        let shown = format!("{params:?}");
        for word in ["john", "hunter2", "secret", "v3", "m9"] {
            assert!(!shown.contains(word), "{word} in {shown}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(query in "\\PC{0,60}") {
            let _ = (parse(&query), Params::parse(&query, Form::Http));
        }
    }
}
