//! The classic calls: `/sms/` sends, `/sms/deliver.html` brings a phone's text.

use std::sync::Arc;

use axum::{
    Extension,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::Engine as _;

use super::{Client, Deliverer, Shared};
use crate::{
    address::{Credentials, Trace, params, uri},
    ground::{GatewayId, RemoteId, Secret},
    observe::{self, METRICS},
    outbound::{bad_address, call::Called},
    sms::{Body, Segment},
    smtp::Reply,
    store::{Down, MoSegment, Taken},
};

/// `OK <id>` or `ERR <code> <text>`, plain.
pub fn answer(status: StatusCode, words: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], words).into_response()
}

/// One refusal of the classic calls.
pub fn refusal(status: StatusCode, code: &str, words: &str) -> Response {
    answer(status, format!("ERR {code} {words}\n"))
}

fn of_reply(reply: &Reply) -> Response {
    let code = reply.enhanced().map_or_else(|| "5.0.0".to_owned(), |e| e.to_string());
    let status = match (code.as_str(), reply.code()) {
        ("5.7.8", _) => StatusCode::UNAUTHORIZED,
        ("4.7.1" | "4.7.0", _) => StatusCode::TOO_MANY_REQUESTS,
        (_, 400..500) => StatusCode::SERVICE_UNAVAILABLE,
        (code, _) if code.starts_with("5.7.") => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut response = refusal(status, &code, reply.words());
    if status == StatusCode::UNAUTHORIZED {
        let basic = header::HeaderValue::from_static("Basic realm=\"Martlet\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
    }
    response
}

/// The query, and the form of the body behind it.
fn given(query: &RawQuery, headers: &HeaderMap, body: &Bytes) -> Result<String, &'static str> {
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"));
    let query = query.0.as_deref().unwrap_or_default();
    match (is_form, body.is_empty()) {
        (_, true) => Ok(query.to_owned()),
        (true, false) => {
            let form = std::str::from_utf8(body).map_err(|_| "the form is not UTF-8")?;
            Ok(format!("{query}&{form}"))
        }
        (false, false) => Err("send the body as application/x-www-form-urlencoded"),
    }
}

/// `GET|POST /sms/?number=&data=…`
pub async fn send(
    State(shared): State<Arc<Shared>>,
    Extension(Client(peer)): Extension<Client>,
    query: RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let given = match given(&query, &headers, &body) {
        Ok(given) => given,
        Err(words) => return refusal(StatusCode::BAD_REQUEST, "5.5.4", words),
    };
    let call = match uri::parse_call(&given, &shared.settings.numbering) {
        Ok(call) => call,
        Err(error) => return of_reply(&bad_address(&error).voiced("http")),
    };
    let mut call = call;
    if call.target.params.msgid.is_none() {
        call.target.params.msgid = key(&headers).map(str::to_owned);
    }
    match shared.outbound.call(call, basic(&headers), Some(peer), trace(&headers)).await {
        Ok(Called::Queued(ids)) => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            answer(StatusCode::OK, format!("OK {}\n", ids.join(",")))
        }
        Ok(Called::WouldQueue) => answer(StatusCode::OK, "OK it would be accepted\n".to_owned()),
        Err(refused) => of_reply(&refused.voiced("http")),
    }
}

/// By what the caller knows his request, where no parameter says it: another Martlet may make it twice.
fn key(headers: &HeaderMap) -> Option<&str> {
    let key = headers.get("idempotency-key")?.to_str().ok()?.trim_matches(['"', ' ']);
    (!key.is_empty() && key.len() <= 200).then_some(key)
}

/// The Martlets that the text went through before, as the one before us says.
pub(super) fn trace(headers: &HeaderMap) -> Trace {
    Trace::read(headers.get_all(crate::mail::TRACE).iter().filter_map(|value| value.to_str().ok()))
}

/// Credentials of basic authentication (RFC 7617).
fn basic(headers: &HeaderMap) -> Option<Credentials> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, packed) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(packed.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, pass) = text.split_once(':')?;
    Some(Credentials::new(user, pass.to_owned()))
}

/// `GET|POST /sms/deliver.html?id=&pass=&number=&data=[&to=&binary=&msgid=&udh=]`: the answer comes after the commit.
pub async fn deliver(State(shared): State<Arc<Shared>>, query: RawQuery, headers: HeaderMap, body: Bytes) -> Response {
    let pairs = given(&query, &headers, &body)
        .and_then(|given| uri::form(&given).map(Pairs).map_err(|_| "the parameters are not UTF-8"));
    let pairs = match pairs {
        Ok(pairs) => pairs,
        Err(words) => return refusal(StatusCode::BAD_REQUEST, "5.5.4", words),
    };
    let Some((gateway, deliverer)) = authentic(&pairs, &shared) else {
        observe::log::refused("deliver", "5.7.8", "credentials");
        METRICS.door("deliver", "credentials");
        return refusal(StatusCode::FORBIDDEN, "5.7.8", "id or pass is wrong, or this gateway takes no texts");
    };
    let trace = trace(&headers);
    if trace.loops_here(&shared.settings.node) {
        observe::log::refused("deliver", "5.4.6", "loop");
        METRICS.door("deliver", "loop");
        return refusal(
            StatusCode::BAD_REQUEST,
            "5.4.6",
            "loop: this text was here before, or went through too many hosts",
        );
    }
    let segment = segment(&pairs, gateway, &deliverer, &shared).await.map(|segment| {
        let reference = segment.reference.or_else(|| key(&headers).and_then(RemoteId::new));
        MoSegment { trace, reference, ..segment }
    });
    let taken = match segment {
        Ok(segment) => shared.inbound.take(vec![segment]).await,
        Err(Unreadable::Words(words)) => return refusal(StatusCode::BAD_REQUEST, "5.5.4", words),
        Err(Unreadable::Down(down)) => Err(down),
    };
    match taken.map(|taken| taken.first().copied()) {
        Ok(Some(Taken::New(id))) => answer(StatusCode::OK, format!("OK {id}\n")),
        Ok(Some(Taken::Duplicate) | None) => answer(StatusCode::OK, "OK\n".to_owned()),
        Err(Down::Full) => {
            refusal(StatusCode::SERVICE_UNAVAILABLE, "4.3.1", "no disk space left here, try again later")
        }
        Err(Down::Broken(_)) => refusal(StatusCode::SERVICE_UNAVAILABLE, "4.3.0", "not stored, try again later"),
    }
}

/// Names and values of a call, in the order in which they came.
struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// The first value of a name that is not empty.
    fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, v)| n.eq_ignore_ascii_case(name) && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    fn flag(&self, name: &str) -> bool {
        self.first(name).is_some_and(|value| value != "0")
    }
}

/// The gateway, if id and password fit; one time and one answer whatever is wrong.
fn authentic(pairs: &Pairs, shared: &Shared) -> Option<(GatewayId, Deliverer)> {
    let given = pairs.first("pass").unwrap_or_default().as_bytes();
    let id: Option<GatewayId> = pairs.first("id").and_then(|id| id.parse().ok());
    let gateways = shared.settings.gateways.now();
    let found = id.as_ref().and_then(|id| gateways.get(id));
    let decoy = Secret::new("nobody has this one".to_owned());
    let password = found.and_then(|d| d.password.as_ref());
    let fits = password.unwrap_or(&decoy).matches(given);
    match (id, found) {
        (Some(id), Some(deliverer)) if fits && password.is_some() && deliverer.receives => {
            Some((id, deliverer.clone()))
        }
        _ => None,
    }
}

/// Why a delivery makes no segment.
enum Unreadable {
    Words(&'static str),
    Down(Down),
}

async fn segment(
    pairs: &Pairs,
    gateway: GatewayId,
    deliverer: &Deliverer,
    shared: &Shared,
) -> Result<MoSegment, Unreadable> {
    let bad = Unreadable::Words;
    let number = pairs.first("number").ok_or(bad("parameter number is missing"))?;
    let data = pairs.first("data").unwrap_or_default();
    let udh = match pairs.first("udh") {
        Some(udh) => params::elements(udh).map_err(|_| bad("parameter udh is neither base64 nor hex:…"))?,
        None => Vec::new(),
    };
    let body = if pairs.flag("binary") {
        let packed = data.replace(' ', "+");
        let octets = base64::engine::general_purpose::STANDARD.decode(packed);
        Body::Binary(octets.map_err(|_| bad("parameter data is not base64"))?)
    } else {
        Body::Text(data.to_owned())
    };
    let from = shared.inbound.originator(&gateway, number).await.map_err(Unreadable::Down)?;
    Ok(MoSegment {
        media: Vec::new(),
        number: pairs.first("to").map(str::to_owned).or_else(|| deliverer.number.clone()),
        from,
        segment: Segment { body, udh },
        reference: pairs.first("msgid").and_then(RemoteId::new),
        sent: None,
        received: shared.clock.now(),
        gateway,
        trace: Trace::default(),
    })
}
