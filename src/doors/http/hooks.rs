//! Providers' calls: `/gateway/ID/hook/NAME`, or the path that a hook has of its own, with a secret behind it where its
//! definition wants one.
//!
//! They come from servers, so that no browser's guard stands before them; what proves them is the definition's verifier.
//! Bodies are bounded, and so is what one address may ask at once. `?healthcheckignore=1` is answered and leaves no trace.
//! The address that the provider called is made of the configured public one, never of the Host field. Who calls is said by
//! the connection, or by a trusted proxy.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    Client, Shown, classic,
    crowd::Ticket,
    guard::{Held, Room},
};
use crate::{
    address::Node,
    gateway::provider::Hooks,
    ground::{GatewayId, Swap},
    observe::{self, METRICS},
    provider::{
        hook::Answering,
        web::{Headers, HookRequest},
    },
};

/// Calls of one address that are worked on at once.
const PER_PEER: usize = 64;

/// Where hooks stand.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub gateways: HashMap<GatewayId, Arc<Hooks>>,
    /// By listener (`None`: that of `[http]`) and path.
    pub places: HashMap<(Option<SocketAddr>, String), (GatewayId, String)>,
}

impl Table {
    /// The hook at this place; one path part may stand behind its path, a secret.
    fn find(&self, listener: Option<SocketAddr>, path: &str) -> Option<(&Arc<Hooks>, &str)> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let at = |path: &str| self.places.get(&(listener, path.to_owned()));
        let found = at(path).or_else(|| at(path.rsplit_once('/')?.0))?;
        Some((self.gateways.get(&found.0)?, &found.1))
    }
}

/// What the door needs; `listener` is that of a hook of its own.
#[derive(Clone)]
pub struct Door {
    pub table: Swap<Table>,
    pub listener: Option<SocketAddr>,
    /// What providers call where nothing is configured: for signatures over the address alone.
    pub bound: SocketAddr,
    /// It speaks TLS.
    pub encrypted: bool,
    /// By which loops between Martlets are seen.
    pub node: Node,
    pub room: Room,
    pub peers: Peers,
}

/// How many calls of each address are worked on.
#[derive(Debug, Clone, Default)]
pub struct Peers(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One of them.
struct Place(Peers, IpAddr);

impl Peers {
    fn enter(&self, peer: IpAddr) -> Option<Place> {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = peers.entry(peer).or_default();
        if *count >= PER_PEER {
            return None;
        }
        *count += 1;
        Some(Place(self.clone(), peer))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut peers = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = peers.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&self.1);
            }
        }
    }
}

fn bare(status: StatusCode) -> Response {
    status.into_response()
}

/// Any call that is none of the others.
pub async fn call(State(door): State<Door>, request: Request) -> Response {
    let peer = request.extensions().get::<Client>().map(|client| client.0);
    let certificate = request.extensions().get::<Shown>().and_then(|shown| shown.0.clone());
    let table = door.table.now();
    let Some((hooks, name)) = table.find(door.listener, request.uri().path()) else {
        return bare(StatusCode::NOT_FOUND);
    };
    let query = request.uri().query().unwrap_or_default();
    if query.split('&').any(|pair| pair == "healthcheckignore=1") {
        return bare(StatusCode::OK);
    }
    // Another Martlet that calls a hook says which ones the text went through.
    if classic::trace(request.headers()).loops_here(&door.node) {
        observe::log::hook_refused(&hooks.gateway, name, format_args!("loop: it was here before"));
        METRICS.door("hook", "loop");
        return bare(StatusCode::BAD_REQUEST);
    }
    let Some(peer) = peer else { return bare(StatusCode::SERVICE_UNAVAILABLE) };
    let Some(_place) = door.peers.enter(peer) else { return bare(StatusCode::SERVICE_UNAVAILABLE) };
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let scheme = if door.encrypted { "https" } else { "http" };
    let base = hooks.base().map_or_else(|| format!("{scheme}://{}", door.bound), str::to_owned);
    let url = format!("{base}{target}");
    let Held { octets, room: _room } = match door.room.read(&parts.headers, body, hooks.largest(name)).await {
        Ok(held) => held,
        Err(status) => return bare(status),
    };
    let _answering = parts.extensions.get::<Ticket>().map(Ticket::answering);
    let field = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    let headers: Headers = parts.headers.iter().filter_map(field).collect();
    let method = parts.method.as_str().to_ascii_uppercase();
    let call = HookRequest { method, url, headers, body: octets.into(), peer, certificate };
    answer(hooks.call(name, &call).await)
}

fn answer(answering: Answering) -> Response {
    let status = StatusCode::from_u16(answering.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut response = (status, answering.body).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    if let Some(value) = answering.media_type.and_then(|kind| header::HeaderValue::from_str(&kind).ok()) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}
