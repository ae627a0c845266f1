//! Who may call from a browser: nobody from elsewhere. And how large and slow a request may be.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Shared, classic::refusal};

/// Refuses foreign pages (`Sec-Fetch-Site`, `Origin`) and, on a loopback bind, foreign `Host` names: a page that a
/// person opens must not be able to send texts through the daemon on the same machine (DNS rebinding).
pub async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if let Some(why) = foreign(request.headers(), &shared) {
        return refusal(StatusCode::FORBIDDEN, "5.7.1", why);
    }
    let (parts, body) = request.into_parts();
    let read = axum::body::to_bytes(body, shared.settings.max_body);
    let body = match tokio::time::timeout(shared.settings.timeout, read).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return refusal(StatusCode::PAYLOAD_TOO_LARGE, "5.3.4", "the request is too large"),
        Err(_) => return refusal(StatusCode::REQUEST_TIMEOUT, "4.4.2", "the request took too long"),
    };
    next.run(Request::from_parts(parts, Body::from(body))).await.into_response()
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
