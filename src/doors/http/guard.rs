//! Who may call from a browser: nobody from elsewhere. And how large and slow a request may be.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use tokio::sync::Semaphore;

use super::{Shared, classic::refusal, crowd::Ticket};

/// KiB of bodies that are in memory at once, over all requests. Small ones do not count.
const BODIES: u32 = 8 * 1024;
const SMALL: usize = 16 * 1024;

/// What the guard goes by.
#[derive(Clone)]
pub struct Guard {
    shared: Arc<Shared>,
    room: Room,
}

impl Guard {
    pub fn new(shared: Arc<Shared>, room: Room) -> Self {
        Self { shared, room }
    }
}

/// The room for bodies that all requests share, and how large and slow one may be.
#[derive(Clone)]
pub struct Room {
    bodies: Arc<Semaphore>,
    max_body: usize,
    timeout: Duration,
}

impl Room {
    pub fn new(max_body: usize, timeout: Duration) -> Self {
        Self { bodies: Arc::new(Semaphore::new(BODIES as usize)), max_body, timeout }
    }

    /// The body of a request, of `most` octets at most where that is more than usual; its room is taken for as long as it is
    /// held.
    ///
    /// # Errors
    /// 413 too large, 408 too slow.
    pub async fn read(&self, headers: &HeaderMap, body: Body, most: usize) -> Result<Held, StatusCode> {
        let most = most.max(self.max_body);
        let size = announced(headers).unwrap_or(most);
        if size > most {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        // Pictures within a call are in memory as they came, as text, as octets and on their way to the disk.
        let copies = if most > self.max_body { 4 } else { 1 };
        let read = async {
            let room = room_for(size.saturating_mul(copies), &self.bodies).await;
            axum::body::to_bytes(body, most).await.map(|octets| Held { octets, room })
        };
        match tokio::time::timeout(self.timeout, read).await {
            Ok(Ok(held)) => Ok(held),
            Ok(Err(_)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
            Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
        }
    }
}

/// A body and its room.
pub struct Held {
    pub octets: axum::body::Bytes,
    /// Taken until it is dropped.
    pub room: Option<tokio::sync::OwnedSemaphorePermit>,
}

/// Refuses foreign pages (`Sec-Fetch-Site`, `Origin`) and, on a loopback bind, foreign `Host` names: a page that a
/// person opens must not be able to send texts through the daemon on the same machine (DNS rebinding).
pub async fn guard(State(Guard { shared, room }): State<Guard>, request: Request, next: Next) -> Response {
    if let Some(why) = foreign(request.headers(), &shared) {
        return refusal(StatusCode::FORBIDDEN, "5.7.1", why);
    }
    let too_large = || refusal(StatusCode::PAYLOAD_TOO_LARGE, "5.3.4", "the request is too large");
    let size = announced(request.headers()).unwrap_or(shared.settings.max_body);
    if size > shared.settings.max_body {
        return too_large();
    }
    let (parts, body) = request.into_parts();
    let read = async {
        let room = room_for(size, &room.bodies).await;
        (axum::body::to_bytes(body, shared.settings.max_body).await, room)
    };
    let (body, _room) = match tokio::time::timeout(shared.settings.timeout, read).await {
        Ok((Ok(body), room)) => (body, room),
        Ok((Err(_), _)) => return too_large(),
        Err(_) => return refusal(StatusCode::REQUEST_TIMEOUT, "4.4.2", "the request took too long"),
    };
    let _answering = parts.extensions.get::<Ticket>().map(Ticket::answering);
    next.run(Request::from_parts(parts, Body::from(body))).await.into_response()
}

/// How large the body will be, where there is one and its length is given.
fn announced(headers: &HeaderMap) -> Option<usize> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    headers.get(header::CONTENT_LENGTH).map_or(Some(0), |value| value.to_str().ok()?.parse().ok())
}

/// Waits until a body of this size has room, for as long as somebody holds it.
async fn room_for(size: usize, bodies: &Arc<Semaphore>) -> Option<tokio::sync::OwnedSemaphorePermit> {
    if size <= SMALL {
        return None;
    }
    let kibibytes = u32::try_from(size.div_ceil(1024)).unwrap_or(u32::MAX).min(BODIES);
    bodies.clone().acquire_many_owned(kibibytes).await.ok()
}

fn foreign(headers: &HeaderMap, shared: &Shared) -> Option<&'static str> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if text(header::HeaderName::from_static("sec-fetch-site"))
        .is_some_and(|site| site != "same-origin" && site != "none")
    {
        return Some("a page of another site may not call this");
    }
    let host = text(header::HOST).unwrap_or_default();
    if let Some(origin) = text(header::ORIGIN) {
        let bare = origin.split_once("://").map_or(origin, |(_, rest)| rest);
        if bare != host {
            return Some("a page of another site may not call this");
        }
    }
    if shared.loopback && !is_ours(host, &shared.settings.hosts) {
        return Some("the Host is not this server's (add it to http.hosts)");
    }
    None
}

fn is_ours(host: &str, hosts: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let loopback = name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    loopback || name.eq_ignore_ascii_case("localhost") || hosts.iter().any(|h| h.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_ours() {
        let hosts = ["sms.example.test".to_owned()];
        for ours in ["127.0.0.1:8025", "localhost", "LOCALHOST:1", "[::1]:8025", "sms.example.test:8025"] {
            assert!(is_ours(ours, &hosts), "{ours}");
        }
        for foreign in ["evil.example", "127.0.0.1.evil.example:80", "", "localhost.evil.example", "[evil]"] {
            assert!(!is_ours(foreign, &hosts), "{foreign}");
        }
    }
}
