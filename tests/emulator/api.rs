//! Three ways in which providers speak: one that knows a text by our id (SMS Gateway for Android), one whose calls carry our id in
//! their address (Twilio), one with neither (Vonage, as long as it echoes nothing). Each is strict: what its documents do not
//! name is wrong, and so is what is missing.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use super::http::Call;
use crate::support::sink::pairs;

pub const SECRET: &str = "s3cret-t0ken";
pub const SID: &str = "AC0123456789abcdef0123456789abcdef";
pub const HOOK_KEY: &str = "h00kKeyOfThisTest0123456789";
pub const SIGNING_KEY: &str = "sign1ng-s3cret";
/// Our number there, and the address under which the providers know us.
pub const NUMBER: &str = "+12025550100";
pub const BASE: &str = "https://sms.example.com";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    Keyed,
    Called,
    Bare,
}

/// A request that is as it must be.
pub struct Asked {
    pub text: String,
    /// As E.164.
    pub phone: String,
    /// What must be the same whenever this text is asked for again.
    pub key: String,
    /// Where the calls about it go, where the request says so.
    pub callback: Option<String>,
}

/// What a provider says of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Sent,
    Delivered,
    Failed,
}

/// A text that the provider took.
#[derive(Debug, Clone)]
pub struct Taken {
    pub id: String,
    pub phone: String,
    pub callback: Option<String>,
}

fn must(fits: bool, words: &str) -> Result<(), String> {
    if fits { Ok(()) } else { Err(words.to_owned()) }
}

impl Api {
    /// Its definition, what stands for the provider's address in that, and its settings.
    pub fn definition(self) -> (&'static str, &'static str, String) {
        let secret = "{ env = \"PROVIDER_SECRET\" }";
        match self {
            Self::Keyed => (
                "smsgate",
                "https://api.sms-gate.app/3rdparty/v1",
                format!("user = \"u\", password = {secret}, signing_key = \"{SIGNING_KEY}\""),
            ),
            Self::Called => {
                ("twilio", "https://api.twilio.com", format!("account_sid = \"{SID}\", auth_token = {secret}"))
            }
            Self::Bare => (
                "vonage-sms",
                "https://rest.nexmo.com",
                format!("api_key = \"abcd1234\", api_secret = {secret}, hook_key = \"{HOOK_KEY}\""),
            ),
        }
    }

    /// Reads a request.
    pub fn read(self, call: &Call, port: u16) -> Result<Asked, String> {
        must(call.method == "POST", "the method")?;
        must(call.header("host")? == format!("127.0.0.1:{port}"), "the host")?;
        must(call.header("user-agent")?.starts_with("martlet/"), "the agent")?;
        must(call.header("cookie").is_err() && call.header("referer").is_err(), "a field that nobody asked for")?;
        let login = |user: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{SECRET}")));
        let kind = call.header("content-type")?;
        if self == Self::Keyed {
            must(kind == "application/json", "the type")?;
            must(call.target == "/messages", "the address")?;
            must(call.header("authorization")? == login("u"), "the login")?;
            return keyed(&serde_json::from_slice(&call.body).map_err(|why| why.to_string())?);
        }
        must(kind == "application/x-www-form-urlencoded", "the type")?;
        let form = String::from_utf8(call.body.clone()).map_err(|why| why.to_string())?;
        let form = Form(pairs(&form));
        if self == Self::Bare {
            must(call.target == "/sms/json", "the address")?;
            must(call.header("authorization").is_err(), "a login that nobody asked for")?;
            return bare(&form);
        }
        must(call.target == format!("/2010-04-01/Accounts/{SID}/Messages.json"), "the address")?;
        must(call.header("authorization")? == login(SID), "the login")?;
        called(&form)
    }

    /// A name for the `n`th text that it takes.
    pub fn name(self, n: usize, asked: &Asked) -> String {
        match self {
            Self::Keyed => asked.key.clone(),
            Self::Called => format!("SM{n:032x}"),
            Self::Bare => format!("0A00{n:012X}"),
        }
    }

    /// The answer about a text that is taken now, or was before.
    pub fn taken(self, id: &str, again: bool) -> (u16, String) {
        match self {
            Self::Keyed if again => (409, json!({ "message": "there is one with this id" }).to_string()),
            Self::Keyed => (202, json!({ "id": id, "state": "Pending", "recipients": [] }).to_string()),
            Self::Called => (201, json!({ "sid": id, "status": "queued", "error_code": null }).to_string()),
            Self::Bare => (200, messages(&json!({ "status": "0", "message-id": id, "remaining-balance": "3.1" }))),
        }
    }

    pub fn refused(self) -> (u16, String) {
        match self {
            Self::Keyed => (400, json!({ "message": "invalid phone number" }).to_string()),
            Self::Called => (400, json!({ "code": 21211, "message": "The 'To' number is not valid" }).to_string()),
            Self::Bare => (200, messages(&json!({ "status": "7", "error-text": "Number barred" }))),
        }
    }

    /// The call that says this of a text.
    pub fn says(self, gateway: &str, word: Word, copy: &Taken, now: i64) -> Call {
        match self {
            Self::Keyed => {
                let (event, more) = match word {
                    Word::Sent => ("sms:sent", json!({ "partsCount": 1 })),
                    Word::Delivered => ("sms:delivered", json!({})),
                    Word::Failed => ("sms:failed", json!({ "reason": "RESULT_ERROR_GENERIC_FAILURE" })),
                };
                let mut payload = json!({ "messageId": copy.id, "phoneNumber": copy.phone });
                payload.as_object_mut().expect("a table").extend(more.as_object().expect("a table").clone());
                let id = format!("{}-{event}", copy.id);
                app(gateway, &json!({ "id": id, "deviceId": "d", "event": event, "payload": payload }), now)
            }
            Self::Called => {
                let (status, code) = match word {
                    Word::Sent => ("sent", ""),
                    Word::Delivered => ("delivered", ""),
                    Word::Failed => ("undelivered", "30005"),
                };
                let form = [
                    ("MessageSid", copy.id.as_str()),
                    ("MessageStatus", status),
                    ("To", copy.phone.as_str()),
                    ("ErrorCode", code),
                ];
                twilio(copy.callback.as_deref().unwrap_or_default(), &form)
            }
            Self::Bare => {
                let (status, code) = match word {
                    Word::Sent => ("buffered", "0"),
                    Word::Delivered => ("delivered", "0"),
                    Word::Failed => ("failed", "1"),
                };
                let phone = copy.phone.trim_start_matches('+');
                let form = [("msisdn", phone), ("messageId", copy.id.as_str()), ("status", status), ("err-code", code)];
                posted(&format!("/gateway/{gateway}/hook/status/{HOOK_KEY}"), &form)
            }
        }
    }

    /// The call that brings a text of a phone.
    pub fn brings(self, gateway: &str, id: &str, phone: &str, text: &str, now: i64) -> Call {
        match self {
            Self::Keyed => {
                let payload = json!({ "messageId": "1", "sender": phone, "message": text });
                app(gateway, &json!({ "id": id, "event": "sms:received", "payload": payload }), now)
            }
            Self::Called => {
                let form = [("MessageSid", id), ("From", phone), ("To", NUMBER), ("Body", text), ("NumMedia", "0")];
                twilio(&format!("{BASE}/gateway/{gateway}/hook/inbound"), &form)
            }
            Self::Bare => {
                let from = phone.trim_start_matches('+');
                let form =
                    [("msisdn", from), ("to", "12025550100"), ("messageId", id), ("type", "text"), ("text", text)];
                posted(&format!("/gateway/{gateway}/hook/inbound/{HOOK_KEY}"), &form)
            }
        }
    }
}

fn messages(one: &Value) -> String {
    json!({ "message-count": "1", "messages": [one] }).to_string()
}

/// The fields of a form, each of which is taken once.
struct Form(Vec<(String, String)>);

impl Form {
    fn one(&self, name: &str) -> Result<&str, String> {
        let mut all = self.0.iter().filter(|(n, _)| n == name);
        match (all.next(), all.next()) {
            (Some((_, value)), None) => Ok(value),
            _ => Err(format!("{name} is missing or there twice")),
        }
    }

    fn only(&self, known: &[&str]) -> Result<(), String> {
        let other = self.0.iter().find(|(name, _)| !known.contains(&name.as_str()));
        other.map_or(Ok(()), |(name, _)| Err(format!("{name} is no field")))
    }

    fn number(&self, name: &str, range: std::ops::RangeInclusive<u64>) -> Result<(), String> {
        let number = self.one(name)?.parse().map_err(|_| format!("{name} is no number"))?;
        must(range.contains(&number), &format!("{name} is {number}"))
    }
}

fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|octet| octet.is_ascii_digit() || (b'a'..=b'f').contains(&octet))
}

fn keyed(body: &Value) -> Result<Asked, String> {
    let table = body.as_object().ok_or("no table")?;
    let mut names: Vec<&str> = table.keys().map(String::as_str).collect();
    names.sort_unstable();
    must(names == ["id", "phoneNumbers", "textMessage", "ttl", "withDeliveryReport"], &format!("{names:?}"))?;
    let key = body["id"].as_str().filter(|id| is_id(id)).ok_or("the id")?.to_owned();
    must(body["ttl"].as_u64().is_some_and(|ttl| (5..=432_000).contains(&ttl)), "the ttl")?;
    must(body["withDeliveryReport"] == true, "withDeliveryReport")?;
    let phones = body["phoneNumbers"].as_array().ok_or("the phones")?;
    must(phones.len() == 1 && body["textMessage"].as_object().is_some_and(|text| text.len() == 1), "one of each")?;
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or("no string");
    Ok(Asked { text: text(&body["textMessage"]["text"])?, phone: text(&phones[0])?, key, callback: None })
}

fn called(form: &Form) -> Result<Asked, String> {
    form.only(&["To", "From", "Body", "ValidityPeriod", "StatusCallback"])?;
    must(form.one("From")? == NUMBER, "From")?;
    form.number("ValidityPeriod", 1..=36_000)?;
    let callback = form.one("StatusCallback")?;
    let (address, fragment) = callback.split_once('#').ok_or("no fragment")?;
    must(fragment == "rc=5&rp=all", "the fragment")?;
    let own = address.strip_prefix(BASE).and_then(|path| path.split_once("/hook/status?own="));
    let (_, own) = own.ok_or("the callback")?;
    must(own.len() == 36, "our id in the callback")?;
    Ok(Asked {
        text: form.one("Body")?.to_owned(),
        phone: form.one("To")?.to_owned(),
        key: own.to_owned(),
        callback: Some(address.to_owned()),
    })
}

fn bare(form: &Form) -> Result<Asked, String> {
    form.only(&["api_key", "api_secret", "to", "from", "ttl", "client-ref", "status-report-req", "type", "text"])?;
    for (name, value) in [
        ("api_key", "abcd1234"),
        ("api_secret", SECRET),
        ("from", &NUMBER[1..]),
        ("status-report-req", "1"),
        ("type", "text"),
    ] {
        must(form.one(name)? == value, name)?;
    }
    form.number("ttl", 20_000..=604_800_000)?;
    let key = form.one("client-ref")?;
    must(is_id(key), "client-ref")?;
    let phone = form.one("to")?;
    must(phone.bytes().all(|octet| octet.is_ascii_digit()), "to")?;
    Ok(Asked { text: form.one("text")?.to_owned(), phone: format!("+{phone}"), key: key.to_owned(), callback: None })
}

/// The app signs body and time.
fn app(gateway: &str, body: &Value, now: i64) -> Call {
    let body = body.to_string();
    let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(SIGNING_KEY.as_bytes()).expect("a key");
    mac.update(format!("{body}{now}").as_bytes());
    let signature: String = mac.finalize().into_bytes().iter().map(|octet| format!("{octet:02x}")).collect();
    let headers =
        [("Content-Type", "application/json".to_owned()), ("X-Timestamp", now.to_string()), ("X-Signature", signature)];
    Call {
        method: "POST".to_owned(),
        target: format!("/gateway/{gateway}/hook/events"),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        body: body.into_bytes(),
    }
}

/// Twilio signs the address and all fields in order of their names.
fn twilio(address: &str, form: &[(&str, &str)]) -> Call {
    let mut call = posted(address.strip_prefix(BASE).unwrap_or(address), form);
    let mut sorted = form.to_vec();
    sorted.sort_unstable();
    let signed: String = sorted.iter().map(|(name, value)| format!("{name}{value}")).collect();
    let mut mac = <Hmac<sha1::Sha1> as KeyInit>::new_from_slice(SECRET.as_bytes()).expect("a key");
    mac.update(format!("{address}{signed}").as_bytes());
    call.headers.push(("X-Twilio-Signature".to_owned(), STANDARD.encode(mac.finalize().into_bytes())));
    call
}

fn posted(target: &str, form: &[(&str, &str)]) -> Call {
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let body: Vec<_> = form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    Call {
        method: "POST".to_owned(),
        target: target.to_owned(),
        headers: vec![("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
        body: body.join("&").into_bytes(),
    }
}
