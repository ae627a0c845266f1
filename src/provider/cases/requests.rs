//! Cases of messages: the exact request, or why there is none.

use std::{collections::BTreeMap, time::Duration};

use super::{ID, Suite, Touched, read::Pairs};
use crate::{
    ground::{Enhanced, Secret},
    provider::{
        charset,
        request::{Submission, own_hook_id, variant_of},
        settings::Settings,
        view,
        web::Request,
        word::Verdict,
    },
    sms::{Body, Content, split},
};

/// A message.
pub struct Message {
    pub to: String,
    pub from: Option<String>,
    pub text: Option<String>,
    pub data: Option<Vec<u8>>,
    /// With its length octet.
    pub udh: Vec<u8>,
    pub port: Option<u16>,
    pub id: Option<String>,
    pub validity: Option<Duration>,
    pub priority: Option<i64>,
    pub class: Option<u8>,
    pub pid: Option<u8>,
    pub dcs: Option<u8>,
    pub parts: Option<u8>,
    pub max_parts: Option<u8>,
    pub media_urls: Vec<String>,
    pub token: Option<String>,
    pub hooks: bool,
}

/// A message and what becomes of it.
pub struct RequestCase {
    pub message: Message,
    pub fault: Option<Verdict>,
    pub wanted: WantedRequest,
}

/// What registering hooks asks for.
pub struct SetupCase {
    pub wanted: Vec<WantedRequest>,
}

/// What a request must be.
#[derive(Default)]
pub struct WantedRequest {
    pub method: Option<String>,
    pub url: Option<String>,
    pub headers: Pairs,
    pub query: Option<Pairs>,
    pub body: Option<WantedBody>,
}

/// What a body must be.
pub enum WantedBody {
    Form(Pairs),
    Multipart(Pairs),
    Json(serde_json::Value),
    Raw(Vec<u8>),
}

/// What stands for values of the runner in wanted texts.
pub struct Stand<'a> {
    pub hooks: &'a BTreeMap<String, String>,
    pub id: &'a str,
}

impl Stand<'_> {
    fn text(&self, wanted: &str) -> String {
        let mut out = wanted.replace("{id}", self.id).replace("{own_hook_id}", self.id);
        for (name, address) in self.hooks {
            out = out.replace(&format!("{{hook.{name}}}"), address);
        }
        out
    }

    fn pairs(&self, pairs: &Pairs) -> Pairs {
        pairs.iter().map(|(name, value)| (name.clone(), self.text(value))).collect()
    }

    /// The same in JSON.
    pub fn json(&self, value: &serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::String(text) => self.text(text).into(),
            serde_json::Value::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            serde_json::Value::Object(members) => {
                members.iter().map(|(name, member)| (name.clone(), self.json(member))).collect()
            }
            other => other.clone(),
        }
    }
}

impl Message {
    /// Calls `with` with the message as the engine takes it.
    pub fn submit<T>(
        &self,
        suite: &Suite<'_>,
        settings: &Settings,
        with: impl FnOnce(&Submission<'_>, &Stand<'_>) -> T,
    ) -> T {
        let id = self.id.as_deref().unwrap_or(ID);
        let hooks = if self.hooks { suite.hooks(settings, Some(id)) } else { BTreeMap::new() };
        let body = match (&self.data, &self.text) {
            (Some(data), _) => Body::Binary(data.clone()),
            (None, text) => Body::Text(text.clone().unwrap_or_default()),
        };
        let mut udh = self.udh.get(1..).unwrap_or_default().to_vec();
        if let Some(port) = self.port {
            let [high, low] = port.to_be_bytes();
            udh.extend([0x05, 0x04, high, low, 0, 0]);
        }
        let token = Secret::new(self.token.clone().unwrap_or_else(|| "test-token".to_owned()));
        let message = Submission {
            id,
            to: &self.to,
            from: self.from.as_deref(),
            body: &body,
            udh: &udh,
            validity: self.validity,
            priority: self.priority,
            pid: self.pid,
            // A class is written as a data coding (TS 23.038 clause 4).
            dcs: self.dcs.or(self.class.map(|class| 0x10 | (class & 3))),
            parts: self.parts.unwrap_or_else(|| segments(&body, &udh)),
            max_parts: self.max_parts,
            media_urls: &self.media_urls,
            hooks: &hooks,
            token: Some(&token),
            now: suite.now,
            host: 0,
        };
        with(&message, &Stand { hooks: &hooks, id })
    }
}

impl RequestCase {
    /// What differs.
    pub fn run(&self, suite: &Suite<'_>, settings: &Settings, touched: &mut Touched) -> Vec<String> {
        self.message.submit(suite, settings, |message, stand| {
            let made = suite.definition.request(settings, message);
            if made.is_ok()
                && let Some(send) = &suite.definition.send
                && let Some(variant) = variant_of(send, message)
            {
                touched.variants.insert(variant);
            }
            match (made, self.fault) {
                (Ok(mut request), None) => {
                    if let Some(signer) = settings.signer() {
                        signer.sign(&mut request, suite.now, "0123456789abcdef0123456789abcdef");
                    }
                    self.wanted.compare(&request, stand, suite.definition.text.charset)
                }
                (Ok(_), Some(fault)) => vec![format!("wanted no request ({}), there is one", fault.word())],
                (Err(fault), None) => vec![format!("wanted a request, there is none: {fault}")],
                (Err(fault), Some(wanted)) => {
                    let code = wanted.with("", None).code;
                    // Too long is a matter of content with a code of its own.
                    let long = wanted == Verdict::Content && fault.code == Enhanced::new(5, 3, 4);
                    if fault.code == code || long {
                        Vec::new()
                    } else {
                        vec![format!("wanted {} ({code}), got {fault}", wanted.word())]
                    }
                }
            }
        })
    }
}

impl SetupCase {
    /// What differs.
    pub fn run(&self, suite: &Suite<'_>, settings: &Settings) -> Vec<String> {
        let hooks = suite.hooks(settings, None);
        let token = Secret::new("test-token".to_owned());
        let made = suite.definition.setup_requests(settings, &hooks, "martlet-test", Some(&token), suite.now);
        let made = match made {
            Ok(made) => made,
            Err(fault) => return vec![format!("no request: {fault}")],
        };
        let mut differs = Vec::new();
        if made.len() != self.wanted.len() {
            differs.push(format!("wanted {} requests, there are {}", self.wanted.len(), made.len()));
        }
        let each = suite.definition.setup.as_ref().map(|setup| setup.each.as_slice()).unwrap_or_default();
        for (n, (wanted, request)) in self.wanted.iter().zip(&made).enumerate() {
            let own = own_hook_id("martlet-test", each.get(n).map_or("", String::as_str));
            let stand = Stand { hooks: &hooks, id: &own };
            let more = wanted.compare(request, &stand, encoding_rs::UTF_8);
            differs.extend(more.into_iter().map(|words| format!("request {}: {words}", n + 1)));
        }
        differs
    }
}

impl WantedRequest {
    /// What differs.
    pub fn compare(
        &self,
        request: &Request,
        stand: &Stand<'_>,
        charset: &'static encoding_rs::Encoding,
    ) -> Vec<String> {
        let mut differs = Vec::new();
        let mut same = |what: &str, wanted: &str, got: &str| {
            if wanted != got {
                differs.push(format!("{what}: wanted {wanted:?}, got {got:?}"));
            }
        };
        if let Some(method) = &self.method {
            same("method", method, &request.method);
        }
        let (address, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
        if let Some(url) = &self.url {
            let url = stand.text(url);
            // A URL that has a query of its own is compared whole.
            if url.contains('?') { same("url", &url, &request.url) } else { same("url", &url, address) }
        }
        for (name, value) in stand.pairs(&self.headers) {
            match request.headers.get(&name) {
                Some(got) => same(&name, &value, got),
                None => same(&name, &value, ""),
            }
        }
        let decoded = |octets: &[u8]| -> Pairs {
            let fields = view::form(octets).into_iter();
            fields.map(|(name, value)| (name, words(&value, charset))).collect()
        };
        if let Some(wanted) = &self.query {
            let query = query.split('#').next().unwrap_or_default();
            differs.extend(fields("query", &stand.pairs(wanted), &decoded(query.as_bytes())));
        }
        match &self.body {
            None => {}
            Some(WantedBody::Form(wanted)) => {
                differs.extend(fields("form", &stand.pairs(wanted), &decoded(&request.body)))
            }
            Some(WantedBody::Multipart(wanted)) => {
                let got = crate::provider::hook::multipart_fields(request);
                let got: Pairs =
                    got.into_iter().map(|(n, v)| (n, self::charset::decode(&v, encoding_rs::UTF_8))).collect();
                differs.extend(fields("multipart", &stand.pairs(wanted), &got));
            }
            Some(WantedBody::Json(wanted)) => {
                let wanted = stand.json(wanted);
                match serde_json::from_slice::<serde_json::Value>(&request.body) {
                    Ok(got) if got == wanted => {}
                    Ok(got) => differs.push(format!("json: wanted {wanted}, got {got}")),
                    Err(_) => differs.push("the body is no JSON".to_owned()),
                }
            }
            Some(WantedBody::Raw(wanted)) => {
                let wanted = match std::str::from_utf8(wanted) {
                    Ok(text) => stand.text(text).into_bytes(),
                    Err(_) => wanted.clone(),
                };
                if wanted != request.body {
                    let shown = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
                    differs.push(format!("body: wanted {:?}, got {:?}", shown(&wanted), shown(&request.body)));
                }
            }
        }
        differs
    }
}

/// Segments that a message takes on the radio side.
fn segments(body: &Body, udh: &[u8]) -> u8 {
    let content = Content { body: body.clone(), udh: udh.to_vec() };
    let measure = split::measure(&content, split::Reference::Eight(0));
    measure.ok().and_then(|measure| u8::try_from(measure.segments).ok()).unwrap_or(u8::MAX)
}

/// Text of a field; octets that are none are each a character.
fn words(octets: &[u8], charset: &'static encoding_rs::Encoding) -> String {
    let text = std::str::from_utf8(octets).is_ok() || charset != encoding_rs::UTF_8;
    if text { charset::decode(octets, charset) } else { octets.iter().map(|octet| char::from(*octet)).collect() }
}

/// Fields by name; the order counts among those of one name only.
fn fields(what: &str, wanted: &Pairs, got: &Pairs) -> Vec<String> {
    let by_name = |pairs: &Pairs| {
        let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in pairs {
            out.entry(name.clone()).or_default().push(value.clone());
        }
        out
    };
    let (wanted, got) = (by_name(wanted), by_name(got));
    let mut differs = Vec::new();
    for (name, values) in &wanted {
        match got.get(name) {
            Some(found) if found == values => {}
            Some(found) => differs.push(format!("{what} {name}: wanted {values:?}, got {found:?}")),
            None => differs.push(format!("{what} {name}: wanted {values:?}, it is not there")),
        }
    }
    for (name, found) in got.iter().filter(|(name, _)| !wanted.contains_key(*name)) {
        differs.push(format!("{what} {name}: not wanted, got {found:?}"));
    }
    differs
}

/// A query string.
pub fn encode(pairs: &Pairs) -> String {
    let one = |(name, value): &(String, String)| {
        format!("{}={}", charset::percent(name.as_bytes()), charset::percent(value.as_bytes()))
    };
    pairs.iter().map(one).collect::<Vec<_>>().join("&")
}

/// `multipart/form-data; boundary=case`
pub fn multipart(pairs: &Pairs) -> Vec<u8> {
    let one = |(name, value): &(String, String)| {
        format!("--case\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let parts: String = pairs.iter().map(one).collect();
    format!("{parts}--case--\r\n").into_bytes()
}
