//! What is said on the control socket: one JSON object on one line each way, version 1.
//!
//! `{"v":1,"op":"show","id":"…"}` → `{"ok":…}` or `{"error":{"why":"missing","words":"…"}}`. Pure: octets to a request
//! and back. What can go wrong: a line that is no request; its refusal says which part is not understood.

use std::fmt;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{
    address::Destination,
    ground::{AccountName, GatewayId, MessageId},
    routing::Ours,
    store::State,
};

/// The version that is spoken.
pub const VERSION: u64 = 1;
/// The longest line of a request, its end included: a text of 128 segments fits, escaped.
pub const LONGEST: usize = 256 << 10;
/// The words that a request may begin with.
pub const KNOWN: [&str; 16] = [
    "status", "send", "list", "show", "hold", "release", "retry", "cancel", "reload", "gateways", "pause", "resume",
    "test", "optouts", "optout", "optin",
];

/// What may be asked. Closed: what is not here cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// Which daemon this is.
    Status,
    /// One text to each number.
    Send(Send),
    /// The newest messages.
    List {
        #[serde(default)]
        states: Vec<State>,
        limit: Option<usize>,
    },
    /// One message with its history.
    Show {
        id: MessageId,
    },
    Hold {
        id: MessageId,
    },
    Release {
        id: MessageId,
    },
    /// Now instead of later.
    Retry {
        id: MessageId,
    },
    Cancel {
        id: MessageId,
    },
    /// Reads the configuration anew.
    Reload,
    /// How the gateways stand.
    Gateways,
    Pause {
        gateway: GatewayId,
    },
    Resume {
        gateway: GatewayId,
    },
    /// Has a gateway that is down tried with the next message.
    Test {
        gateway: GatewayId,
    },
    /// A page of the opt-out list, of one phone where one is named.
    OptOuts {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phone: Option<Destination>,
        /// The last phone of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Destination>,
        limit: Option<usize>,
    },
    /// Puts a phone on the list.
    OptOut(Opt),
    /// Takes it off.
    OptIn(Opt),
}

/// A phone and what it wants no texts from, or wants them from again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opt {
    pub phone: Destination,
    /// Empty: every number of ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ours: Vec<Ours>,
}

/// Without the phone.
impl fmt::Debug for Opt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opt({:?})", self.ours)
    }
}

/// A text to be queued.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// `+1555…`, several joined by commas, or a whole `sms:` address with parameters.
    pub to: String,
    pub text: String,
    /// Whose account; absent: the administrator's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// Only whether it would be taken.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dry_run: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_false(b: &bool) -> bool {
    !b
}

/// Without number and text.
impl fmt::Debug for Send {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Send([{}], {:?}, {})", self.text.len(), self.account, self.dry_run)
    }
}

/// Why something was not done: what the caller can do about it differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// The line is no request of this version.
    Request,
    /// Whoever connected may not do this.
    Denied,
    /// There is no such message or gateway.
    Missing,
    /// The state of the message or the gateway does not allow it.
    State,
    /// Refused for good: number, account, quota.
    Refused,
    /// Not now.
    Later,
    /// The configuration is wrong; the one before goes on.
    Config,
}

/// A refusal in plain words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub why: Why,
    pub words: String,
}

impl Trouble {
    pub fn new(why: Why, words: impl Into<String>) -> Self {
        Self { why, words: words.into() }
    }
}

/// The answer to one request.
pub type Answer = Result<Value, Trouble>;

impl Request {
    /// Reads one line without its end.
    ///
    /// # Errors
    /// [`Why::Request`] with what is not understood.
    pub fn read(line: &[u8]) -> Result<Self, Trouble> {
        let wrong = |words: String| Trouble::new(Why::Request, words);
        let value: Value = serde_json::from_slice(line)
            .map_err(|why| wrong(format!("a request is one JSON object on a line: {why}")))?;
        let Value::Object(mut fields) = value else { return Err(wrong("a request is a JSON object".to_owned())) };
        match fields.remove("v") {
            Some(version) if version.as_u64() == Some(VERSION) => {}
            Some(_) => {
                let words = format!("this daemon speaks version {VERSION} of these requests: use its own `martlet`");
                return Err(wrong(words));
            }
            None => return Err(wrong(format!("the request does not say \"v\": {VERSION}"))),
        }
        match fields.get("op").and_then(Value::as_str) {
            Some(op) if KNOWN.contains(&op) => {}
            Some(_) => return Err(wrong(format!("this daemon knows no such request; it knows {}", KNOWN.join(", ")))),
            None => return Err(wrong("the request does not say what is wanted (\"op\")".to_owned())),
        }
        parsed(fields).map_err(|why| wrong(format!("the request cannot be read: {why}")))
    }

    /// The line, with its end.
    pub fn line(&self) -> String {
        let mut value = serde_json::to_value(self).expect("requests are plain data: strings and numbers");
        value["v"] = json!(VERSION);
        format!("{value}\n")
    }
}

fn parsed<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, serde_json::Error> {
    serde_json::from_value(Value::Object(fields))
}

/// The line of an answer, with its end.
pub fn answer_line(answer: &Answer) -> String {
    let value = match answer {
        Ok(value) => json!({ "ok": value }),
        Err(trouble) => json!({ "error": trouble }),
    };
    format!("{value}\n")
}

/// Reads the line of an answer.
///
/// # Errors
/// In words, when it is none.
pub fn read_answer(line: &[u8]) -> Result<Answer, String> {
    let mut value: Value = serde_json::from_slice(line).map_err(|why| why.to_string())?;
    if let Some(trouble) = value.get_mut("error") {
        let trouble = serde_json::from_value(trouble.take()).map_err(|why| why.to_string())?;
        return Ok(Err(trouble));
    }
    match value.get_mut("ok") {
        Some(ok) => Ok(Ok(ok.take())),
        None => Err("neither \"ok\" nor \"error\"".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway() -> GatewayId {
        "main".parse().expect("an id")
    }

    fn phone() -> Destination {
        Destination::try_from("+12015550123".to_owned()).expect("a number")
    }

    fn refused(line: &str) -> String {
        let trouble = Request::read(line.as_bytes()).expect_err(line);
        assert_eq!(trouble.why, Why::Request, "{line}");
        trouble.words
    }

    #[test]
    fn requests_are_read_as_they_are_written() {
        let id = MessageId::new();
        let send = Send {
            to: "+15551234567".to_owned(),
            text: "Grüße\n\"x\"".to_owned(),
            account: "alice@example.test".parse().ok(),
            dry_run: false,
        };
        for request in [
            Request::Status,
            Request::Send(send.clone()),
            Request::Send(Send { account: None, dry_run: true, ..send }),
            Request::List { states: vec![State::Held, State::Waiting], limit: Some(3) },
            Request::List { states: Vec::new(), limit: None },
            Request::Show { id },
            Request::Hold { id },
            Request::Release { id },
            Request::Retry { id },
            Request::Cancel { id },
            Request::Reload,
            Request::Gateways,
            Request::Pause { gateway: gateway() },
            Request::Resume { gateway: gateway() },
            Request::Test { gateway: gateway() },
            Request::OptOuts { phone: None, after: Some(phone()), limit: None },
            Request::OptOuts { phone: Some(phone()), after: None, limit: Some(7) },
            Request::OptOut(Opt { phone: phone(), ours: Vec::new() }),
            Request::OptIn(Opt { phone: phone(), ours: vec![Ours::Gateway(gateway())] }),
        ] {
            let line = request.line();
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            assert_eq!(Request::read(line.trim_end().as_bytes()), Ok(request));
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (line, words) in [
            ("", "one JSON object"),
            ("GET / HTTP/1.1", "one JSON object"),
            ("[1]", "is a JSON object"),
            (r#"{"op":"status"}"#, "does not say \"v\""),
            (r#"{"v":2,"op":"status"}"#, "speaks version 1"),
            (r#"{"v":"1","op":"status"}"#, "speaks version 1"),
            (r#"{"v":1}"#, "what is wanted"),
            (r#"{"v":1,"op":"fly"}"#, "no such request; it knows status, send"),
            (r#"{"v":1,"op":"show"}"#, "missing field `id`"),
            (r#"{"v":1,"op":"show","id":"x"}"#, "cannot be read"),
            (r#"{"v":1,"op":"show","id":"x","now":true}"#, "cannot be read"),
            (r#"{"v":1,"op":"send","to":"+1","text":"x","priority":"urgent"}"#, "unknown field `priority`"),
        ] {
            let said = refused(line);
            assert!(said.contains(words), "{line}: {said}");
        }
    }

    #[test]
    fn answers_there_and_back() {
        for answer in [Ok(json!([1, "x"])), Ok(Value::Null), Err(Trouble::new(Why::Missing, "no such message"))] {
            assert_eq!(read_answer(answer_line(&answer).as_bytes()), Ok(answer));
        }
        assert!(read_answer(b"{}").is_err() && read_answer(b"x").is_err());
    }
}
