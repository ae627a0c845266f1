//! The HTTP door: the classic calls `/sms/` and `/sms/deliver.html`, and what monitors ask.
//!
//! Own accept loop: a place for each connection (`crowd`), header and body time-outs, graceful drain. What can go wrong is
//! answered in the words of the classic call (`ERR <code> <text>`) with a fitting status.

mod classic;
mod crowd;
pub mod forwarded;
mod guard;
pub mod hooks;
mod monitor;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::get,
};
use hyper::server::conn::http1::Builder;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::{
    address::{Node, Numbering},
    doors::TlsFiles,
    ground::{Clock, GatewayId, Secret, Swap},
    inbound::Inbound,
    mail::received::within,
    observe,
    outbound::Outbound,
    provider::web::Certificate,
    store::Store,
};

/// What the door goes by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who we are, by which loops between Martlets are seen.
    pub node: Node,
    pub numbering: Numbering,
    /// Largest request body, octets.
    pub max_body: usize,
    pub max_connections: usize,
    /// For headers and body together, and for an idle connection.
    pub timeout: Duration,
    /// Names under which it is called, beside its address and `localhost`; others are refused on a loopback bind.
    pub hosts: Vec<String>,
    /// Proxies, which say whom a call comes from.
    pub proxies: Arc<[(IpAddr, u8)]>,
    /// TLS at once; `None`: in clear.
    pub tls: Option<Arc<TlsFiles>>,
    /// Gateways that deliver by `/sms/deliver.html`: id → password, region, our number.
    pub gateways: Swap<std::collections::HashMap<GatewayId, Deliverer>>,
}

/// A gateway that may deliver by HTTP.
#[derive(Clone)]
pub struct Deliverer {
    /// `None`: the call is refused for this gateway.
    pub password: Option<Secret<String>>,
    /// `receive`, `active`.
    pub receives: bool,
    pub number: Option<String>,
}

/// Without password and number.
impl std::fmt::Debug for Deliverer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Deliverer({}, {})", self.password.is_some(), self.receives)
    }
}

/// Who calls, behind trusted proxies.
#[derive(Debug, Clone, Copy)]
pub struct Client(pub IpAddr);

/// The certificate that the caller has shown, if he did.
#[derive(Debug, Clone)]
pub struct Shown(pub Option<Arc<Certificate>>);

/// What handlers reach.
pub struct Shared {
    pub outbound: Outbound,
    pub inbound: Inbound,
    pub store: Store,
    pub clock: Clock,
    pub settings: Settings,
    pub loopback: bool,
    pub stopping: CancellationToken,
    /// Where providers' calls go.
    pub hooks: Swap<hooks::Table>,
    /// The bound address.
    pub bound: SocketAddr,
}

/// Serves one bound listener until `stop`, then lets requests under way finish, at most `drain` long. `pages` stand
/// beside the calls, behind the same guard.
pub async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    pages: Option<Router>,
    stop: CancellationToken,
    drain: Duration,
) {
    let app = router(shared.clone(), pages);
    run(listener, app, shared, stop, drain).await;
}

/// Serves the listener of a hook that has one of its own; `configured` is how the configuration names it.
pub async fn serve_hooks(
    listener: TcpListener,
    shared: Arc<Shared>,
    configured: SocketAddr,
    stop: CancellationToken,
    drain: Duration,
) {
    let room = guard::Room::new(shared.settings.max_body, shared.settings.timeout);
    let app = calls(&shared, Some(configured), room);
    run(listener, app, shared, stop, drain).await;
}

/// Providers' calls, for whatever path nothing else has.
fn calls(shared: &Shared, listener: Option<SocketAddr>, room: guard::Room) -> Router {
    let (table, bound) = (shared.hooks.clone(), shared.bound);
    let (encrypted, node) = (shared.settings.tls.is_some(), shared.settings.node.clone());
    let door = hooks::Door { table, listener, bound, encrypted, node, room, peers: hooks::Peers::default() };
    Router::new().fallback(hooks::call).with_state(door)
}

async fn run(listener: TcpListener, app: Router, shared: Arc<Shared>, stop: CancellationToken, drain: Duration) {
    let crowd = crowd::Crowd::new(shared.settings.max_connections);
    let graceful = GracefulShutdown::new();
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(shared.settings.timeout);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, addr) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                observe::log::oddity("accept", format_args!("{}: {error}", shared.bound));
                // Out of descriptors, mostly: give those who finish a moment.
                shared.clock.sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let seat = tokio::select! {
            seat = crowd.seat(addr.ip()) => seat,
            () = stop.cancelled() => break,
        };
        let _ = stream.set_nodelay(true);
        let app = app.clone().layer(axum::Extension(seat.ticket()));
        let (shared, builder, watcher, stop) = (shared.clone(), builder.clone(), graceful.watcher(), stop.clone());
        tokio::spawn(async move {
            // A broken connection is the client's affair; what was committed is in the store.
            let serving = async {
                match &shared.settings.tls {
                    None => {
                        let service = TowerToHyperService::new(called_by(app, &shared, addr.ip(), None));
                        let _ = watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await;
                    }
                    Some(tls) => {
                        if let Some(stream) = encrypted(tls.clone(), stream, &shared, &stop).await {
                            let shown = shown(&stream);
                            let service = TowerToHyperService::new(called_by(app, &shared, addr.ip(), shown));
                            let _ = watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await;
                        }
                    }
                }
            };
            tokio::select! {
                () = serving => {}
                () = seat.lost() => {}
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        observe::log::oddity("http", "requests were still under way when the time for stopping was over");
    }
}

/// Shakes hands, for as long as a request may take.
async fn encrypted(
    tls: Arc<TlsFiles>,
    stream: TcpStream,
    shared: &Shared,
    stop: &CancellationToken,
) -> Option<TlsStream<TcpStream>> {
    // Changed files are read where waiting for a disk holds nobody up.
    let (acceptor, failed) = tokio::task::spawn_blocking(move || tls.acceptor()).await.ok()?;
    if let Some(why) = failed {
        observe::log::oddity("http", format_args!("the certificate read before is used on: {why}"));
    }
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        shaken = acceptor.accept(stream) => shaken.ok(),
        () = shared.clock.sleep(shared.settings.timeout) => None,
    }
}

/// The client's certificate, which the handshake has checked.
fn shown(stream: &TlsStream<TcpStream>) -> Option<Arc<Certificate>> {
    let chain = stream.get_ref().1.peer_certificates()?;
    Some(Arc::new(Certificate::read(chain.first()?)))
}

/// The service of one connection.
fn called_by(app: Router, shared: &Shared, peer: IpAddr, shown: Option<Arc<Certificate>>) -> Router {
    let proxies = &shared.settings.proxies;
    if within(proxies, peer) {
        return app.layer(from_fn_with_state(Proxied(peer, proxies.clone()), behind));
    }
    app.layer(axum::Extension(Shown(shown))).layer(axum::Extension(Client(peer.to_canonical())))
}

/// A proxy's address, and the networks of all of them.
#[derive(Debug, Clone)]
struct Proxied(IpAddr, Arc<[(IpAddr, u8)]>);

/// Behind a proxy: it says who calls. Its own certificate, if it shows one, speaks for nobody else.
async fn behind(State(proxied): State<Proxied>, request: Request, next: Next) -> Response {
    let client = proxied.client(request.headers());
    let mut request = request;
    request.extensions_mut().insert(Client(client));
    next.run(request).await
}

impl Proxied {
    fn client(&self, headers: &axum::http::HeaderMap) -> IpAddr {
        let values = |name: &str| -> Vec<String> {
            let all = headers.get_all(name).iter();
            all.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
        };
        let (standard, usual) = (values("forwarded"), values("x-forwarded-for"));
        let standard: Vec<&str> = standard.iter().map(String::as_str).collect();
        let usual: Vec<&str> = usual.iter().map(String::as_str).collect();
        forwarded::client(self.0, &self.1, &standard, &usual)
    }
}

fn router(shared: Arc<Shared>, pages: Option<Router>) -> Router {
    let room = guard::Room::new(shared.settings.max_body, shared.settings.timeout);
    let calls = calls(&shared, None, room.clone());
    let guarded = Router::new()
        .route("/sms/", get(classic::send).post(classic::send))
        .route("/sms", get(classic::send).post(classic::send))
        .route("/sms/deliver.html", get(classic::deliver).post(classic::deliver))
        .with_state(shared.clone())
        .merge(pages.unwrap_or_default())
        .layer(axum::middleware::from_fn_with_state(guard::Guard::new(shared.clone(), room), guard::guard));
    Router::new()
        .route("/healthz", get(monitor::health))
        .route("/readyz", get(monitor::ready))
        .route("/metrics", get(monitor::metrics))
        .with_state(shared)
        .merge(guarded)
        .merge(calls)
}

/// The address that was bound, for `ready`.
pub fn is_loopback(addr: &SocketAddr) -> bool {
    addr.ip().is_loopback()
}
