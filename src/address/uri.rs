//! The `sms:` URI (RFC 5724) with its parameters, and the same as an HTTP query.
//!
//! Recipients are a list joined by `,`; one message goes to each. What can go wrong: in an HTTP query `+` means a blank,
//! and everybody still writes `number=+1555…`; without care the `+` is lost and the number is read as a national one.

use std::fmt;

use super::{
    Destination, NumberError, Numbering, Params,
    params::{Form, Reader, bad, decode, flag, pairs},
};

/// What an address resolves to: phones, and parameters that hold for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub to: Vec<Destination>,
    pub params: Params,
}

/// Why an address does not resolve. `Display` is fit for an SMTP reply or a person; no secret and no number in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressError {
    Number(NumberError),
    /// Unknown, repeated or bad parameter, by name.
    Parameter {
        name: String,
        why: &'static str,
    },
    Syntax(&'static str),
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(why) => why.fmt(f),
            Self::Parameter { name, why } => write!(f, "parameter {name} {why}"),
            Self::Syntax(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for AddressError {}

impl From<NumberError> for AddressError {
    fn from(error: NumberError) -> Self {
        Self::Number(error)
    }
}

/// Most recipients of one address.
pub const MOST_RECIPIENTS: usize = 100;

/// Reads `sms:+1555…,+1666…?maxmsgs=3`, or the same without scheme.
///
/// # Errors
/// [`AddressError`]; one bad recipient refuses the whole list.
pub fn parse(input: &str, numbering: &Numbering) -> Result<Target, AddressError> {
    let input = input.trim();
    parse_rest(without_scheme(input, ["sms"]).unwrap_or(input), numbering)
}

/// What follows `scheme:` for one of these schemes, in any case; `sms://` is written now and then and means the same.
pub(super) fn without_scheme<'a>(input: &'a str, schemes: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (scheme, rest) = input.split_once(':')?;
    let known = schemes.into_iter().any(|known| known.eq_ignore_ascii_case(scheme));
    known.then(|| rest.trim_start_matches('/'))
}

/// Reads recipients and parameters behind the scheme.
pub(super) fn parse_rest(rest: &str, numbering: &Numbering) -> Result<Target, AddressError> {
    let (recipients, query) = rest.split_once('?').unwrap_or((rest, ""));
    if recipients.contains('&') {
        return Err(AddressError::Syntax("parameters begin with a question mark"));
    }
    // Parameters first: they are cheap to refuse, and numbers are not.
    let params = Params::parse(query, Form::Uri)?;
    let recipients = decode(recipients, Form::Uri).map_err(AddressError::Syntax)?;
    Ok(Target { to: list(&recipients, numbering)?, params })
}

/// Reads a decoded list of recipients; two spellings of one number are one.
fn list(recipients: &str, numbering: &Numbering) -> Result<Vec<Destination>, AddressError> {
    let mut to: Vec<Destination> = Vec::new();
    for written in recipients.split(',').map(str::trim).filter(|r| !r.is_empty()) {
        if to.len() == MOST_RECIPIENTS {
            return Err(AddressError::Syntax("too many recipients in one address"));
        }
        let destination = numbering.read(written)?.destination;
        if !to.contains(&destination) {
            to.push(destination);
        }
    }
    if to.is_empty() { Err(NumberError::Empty.into()) } else { Ok(to) }
}

/// The classic HTTP call: whom, what, and whether it is only a question.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    pub target: Target,
    /// `data`, else `body`; base64 when `binary` is set.
    pub data: Option<String>,
    pub dry_run: bool,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("target", &self.target).field("dry_run", &self.dry_run).finish_non_exhaustive()
    }
}

/// Reads the query or form of the classic HTTP call: `number`, `data`, `dry_run` and all parameters of an address.
///
/// # Errors
/// [`AddressError`], as for an address.
pub fn parse_call(query: &str, numbering: &Numbering) -> Result<Call, AddressError> {
    let mut reader = Reader::new(Form::Http);
    let (mut number, mut data, mut dry_run) = (None, None, None);
    for (name, raw) in pairs(query) {
        let own = [("number", &mut number), ("data", &mut data), ("dry_run", &mut dry_run)];
        match own.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            None => reader.take(name, raw)?,
            Some(_) if raw.is_empty() => {}
            Some((name, slot)) if slot.is_some() => return Err(bad(name, "is given twice")),
            Some((name, slot)) => *slot = Some(decode_named(name, raw)?),
        }
    }
    let mut params = reader.finish()?;
    let data = match (data, params.body.take()) {
        (Some(_), Some(_)) => return Err(bad("body", "stands beside data")),
        (data, body) => data.or(body),
    };
    let dry_run = dry_run.map_or(Ok(false), |v| flag(&v)).map_err(|why| bad("dry_run", why))?;
    let number = number.unwrap_or_default();
    let recipients = without_scheme(&number, ["sms"]).unwrap_or(&number);
    Ok(Call { target: Target { to: list(recipients, numbering)?, params }, data, dry_run })
}

/// Decodes a query or form (`application/x-www-form-urlencoded`) whose names are not ours alone; the `+` in front of a
/// `number` is kept.
///
/// # Errors
/// [`AddressError::Parameter`] for a value that is not UTF-8.
pub fn form(query: &str) -> Result<Vec<(String, String)>, AddressError> {
    pairs(query).map(|(name, raw)| Ok((name.to_owned(), decode_named(name, raw)?))).collect()
}

fn decode_named(name: &str, raw: &str) -> Result<String, AddressError> {
    let decoded = match name.eq_ignore_ascii_case("number") {
        true => decode(&keep_plus(raw), Form::Http),
        false => decode(raw, Form::Http),
    };
    decoded.map_err(|why| bad(name, why))
}

/// Makes the `+` in front of each number of a list survive decoding. A blank in front of the first one was a `+`
/// that somebody on the way has encoded.
fn keep_plus(raw: &str) -> String {
    let raw = raw.strip_prefix("%20").map_or_else(|| raw.to_owned(), |rest| format!("+{rest}"));
    let elements = raw.replace("%2C", ",").replace("%2c", ",");
    let kept = elements.split(',').map(|number| match number.strip_prefix([' ', '+']) {
        Some(rest) => format!("%2B{}", rest.trim_start_matches(['+', ' '])),
        None => number.replace("sms:+", "sms:%2B"),
    });
    kept.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbering() -> Numbering {
        Numbering { region: "US".parse().expect("a region"), accept: super::super::Accept::Possible }
    }

    fn to(target: &Target) -> Vec<&str> {
        target.to.iter().map(Destination::as_str).collect()
    }

    #[test]
    fn uris() {
        for (input, expected) in [
            ("sms:+15551234567", vec!["+15551234567"]),
            ("SMS:+15551234567", vec!["+15551234567"]),
            ("+15551234567", vec!["+15551234567"]),
            ("sms://+15551234567", vec!["+15551234567"]),
            ("sms:%2B15551234567", vec!["+15551234567"]),
            ("sms:+15551234567,+15557654321", vec!["+15551234567", "+15557654321"]),
            ("sms:+15551234567,(555)%20123-4567,", vec!["+15551234567"]),
            ("sms:+1-555-123-4567;phone-context=x", vec!["+15551234567"]),
            ("sms:5551234567;phone-context=+1", vec!["+15551234567"]),
            ("sms:12345?maxmsgs=2", vec!["12345"]),
        ] {
            assert_eq!(to(&parse(input, &numbering()).expect(input)), expected, "{input}");
        }
        let target = parse("sms:+15551234567?body=Hi%20you&maxmsgs=3", &numbering()).expect("a target");
        assert_eq!((target.params.body.as_deref(), target.params.maxmsgs), (Some("Hi you"), Some(3)));
    }

    #[test]
    fn uris_that_are_refused() {
        for (input, why) in [
            ("sms:", "no number given"),
            ("sms:abc", "this is not a phone number"),
            ("sms:+15551234567,911", "emergency numbers get no texts"),
            ("sms:+15551234567&body=x", "parameters begin with a question mark"),
            ("sms:+15551234567?x=1", "parameter x is not known"),
            ("sms:+15551234567?pid=1&pid=2", "parameter pid is given twice"),
            ("mailto:+15551234567", "this is not a phone number"),
        ] {
            assert_eq!(parse(input, &numbering()).map_err(|e| e.to_string()), Err(why.to_owned()), "{input}");
        }
        let many = ["12345"; 3].join(",") + &(10000..10200).map(|n| format!(",{n}")).collect::<String>();
        assert!(matches!(parse(&many, &numbering()), Err(AddressError::Syntax(_))));
    }

    #[test]
    fn calls() {
        for query in [
            "number=+15551234567&data=a+b%2Bc",
            "number=%2B15551234567&data=a%20b%2Bc",
            "number=%2015551234567&data=a+b%2Bc",
            "data=a+b%2Bc&NUMBER=sms:+15551234567",
            "number=15551234567&body=a+b%2Bc",
        ] {
            let call = parse_call(query, &numbering()).expect(query);
            assert_eq!(to(&call.target), ["+15551234567"], "{query}");
            assert_eq!(call.data.as_deref(), Some("a b+c"), "{query}");
            assert!(!call.dry_run);
        }
        let call = parse_call("number=+15551234567,+4915123456789&dry_run=1&user=j%40x.test&pass=a+b", &numbering())
            .expect("a call");
        assert_eq!(to(&call.target), ["+15551234567", "+4915123456789"]);
        assert!(call.dry_run);
        assert_eq!(call.target.params.credentials.expect("credentials").pass.expose(), "a b");
        // A blank behind the comma is a blank.
        let call = parse_call("number=5551234567,%205557654321", &numbering()).expect("a call");
        assert_eq!(to(&call.target), ["+15551234567", "+15557654321"]);
    }

    #[test]
    fn calls_that_are_refused() {
        for (query, why) in [
            ("data=x", "no number given"),
            ("number=12345&number=12346", "parameter number is given twice"),
            ("number=12345&data=%FF", "parameter data is not UTF-8"),
            ("number=12345&data=a&body=b", "parameter body stands beside data"),
            ("number=12345&dry_run=yes", "parameter dry_run is neither 0 nor 1"),
            ("number=12345&to=x", "parameter to is not known"),
        ] {
            assert_eq!(parse_call(query, &numbering()).map_err(|e| e.to_string()), Err(why.to_owned()), "{query}");
        }
    }

    #[test]
    fn forms_keep_the_plus_of_numbers() {
        let pairs = form("id=main&number=+15551234567&data=a+b").expect("a form");
        let own = |s: &str| s.to_owned();
        assert_eq!(pairs, [(own("id"), own("main")), (own("number"), own("+15551234567")), (own("data"), own("a b"))]);
    }

    proptest! {
        #[test]
        fn any_words_give_a_value_or_an_error(input in "\\PC{0,60}|sms:[+0-9,?&=a-z%]{0,40}") {
            let _ = (parse(&input, &numbering()), parse_call(&input, &numbering()), form(&input));
        }
    }
}
