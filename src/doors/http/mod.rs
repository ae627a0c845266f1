//! The HTTP door: the classic calls `/sms/` and `/sms/deliver.html`, and what monitors ask.
//!
//! Own accept loop: a permit before each connection, header and body time-outs, graceful drain. What can go wrong is
//! answered in the words of the classic call (`ERR <code> <text>`) with a fitting status.

mod classic;
mod guard;
pub mod hooks;
mod monitor;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use hyper::server::conn::http1::Builder;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{
    address::{Node, Numbering},
    ground::{Clock, GatewayId, Secret, Swap},
    inbound::Inbound,
    observe,
    outbound::Outbound,
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

/// Who calls.
#[derive(Debug, Clone, Copy)]
pub struct Client(pub std::net::IpAddr);

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
    let door = hooks::Door { table, listener, bound, room, peers: hooks::Peers::default() };
    Router::new().fallback(hooks::call).with_state(door)
}

async fn run(listener: TcpListener, app: Router, shared: Arc<Shared>, stop: CancellationToken, drain: Duration) {
    let permits = Arc::new(Semaphore::new(shared.settings.max_connections));
    let graceful = GracefulShutdown::new();
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(shared.settings.timeout);
    loop {
        let permit = tokio::select! {
            permit = permits.clone().acquire_owned() => permit,
            () = stop.cancelled() => break,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let Ok((stream, addr)) = accepted else {
            // Out of descriptors: give those who finish a moment.
            shared.clock.sleep(Duration::from_millis(100)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let app = app.clone().layer(axum::Extension(Client(addr.ip())));
        let service = TowerToHyperService::new(app);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A broken connection is the client's affair; what was committed is in the store.
            let _ = connection.await;
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        observe::log::oddity("http", "requests were still under way when the time for stopping was over");
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
