//! Accepting connections, and closing the door.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    ground::{Clock, Enhanced},
    mail::received,
    outbound::{Accept, Listener, Peer},
    smtp::{
        Link, Reply,
        proxy::{self, Announced},
        session,
    },
};

use super::{super::bind::Socket, Bound, End, Settings, Voice, limits::Limits, talk};

/// Connections beyond the limit that are told so at once; further ones wait in the socket's queue.
const SPARE: usize = 16;

/// What all connections of a door share.
pub(super) struct Shared<A, V> {
    pub listener: Arc<Listener>,
    pub accept: A,
    pub settings: Settings,
    pub session: Arc<crate::smtp::session::Settings>,
    pub clock: Clock,
    pub voice: V,
    /// The door closes.
    pub stop: CancellationToken,
    /// The time for mails in progress is over.
    pub hard: CancellationToken,
    pub limits: Limits,
}

/// Serves a socket until `stop`, then lets mails in progress end within `settings.drain` and returns when the last
/// connection is closed. A mail that was handed to `accept` is always waited for.
pub async fn serve<A: Accept, V: Voice>(
    bound: Bound,
    listener: Arc<Listener>,
    accept: A,
    settings: Settings,
    clock: Clock,
    voice: V,
    stop: CancellationToken,
) {
    let (socket, file) = bound.into_parts();
    let permits = Arc::new(Semaphore::new(settings.max_connections.saturating_add(SPARE).min(Semaphore::MAX_PERMITS)));
    let tracker = TaskTracker::new();
    let drain = settings.drain;
    let hard = CancellationToken::new();
    let shared = Arc::new(Shared {
        limits: settings
            .places
            .clone()
            .unwrap_or_else(|| Limits::new(settings.max_connections, settings.max_per_peer, settings.session.max_size)),
        session: Arc::new(session::Settings {
            tls: settings.tls.as_ref().is_some_and(|tls| !tls.implicit),
            ..settings.session.clone()
        }),
        listener,
        accept,
        settings,
        clock: clock.clone(),
        voice,
        stop: stop.clone(),
        hard: hard.clone(),
    });
    loop {
        // The permit comes first: a connection that cannot be served is not taken from the queue.
        let permit = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            permit = permits.clone().acquire_owned() => permit,
        };
        let Ok(permit) = permit else { break };
        let taken = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            taken = socket.accept() => taken,
        };
        match taken {
            Ok((stream, addr)) => {
                let shared = shared.clone();
                tracker.spawn(async move {
                    connection(&shared, stream, addr).await;
                    drop(permit);
                });
            }
            Err(error) => {
                shared.voice.accept_failed(&shared.listener, &error);
                // Out of descriptors, mostly: one comes free when a connection ends.
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = clock.sleep(Duration::from_millis(100)) => {}
                }
            }
        }
    }
    drop(socket);
    drop(file);
    tracker.close();
    tokio::select! {
        () = tracker.wait() => return,
        () = clock.sleep(drain) => hard.cancel(),
    }
    tracker.wait().await;
}

/// A stream of either kind.
enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

impl Socket {
    async fn accept(&self) -> io::Result<(Stream, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, addr) = listener.accept().await?;
                Ok((Stream::Tcp(stream), Some(addr.ip().to_canonical())))
            }
            Self::Unix(listener) => Ok((Stream::Unix(listener.accept().await?.0), None)),
        }
    }
}

async fn connection<A: Accept, V: Voice>(shared: &Shared<A, V>, stream: Stream, addr: Option<IpAddr>) {
    let mut stream = stream;
    let mut announced = None;
    if let (Stream::Tcp(tcp), Some(addr)) = (&mut stream, addr)
        && received::within(&shared.settings.proxies, addr)
    {
        match proxied(shared, tcp).await {
            Ok(client) => announced = Some(client),
            Err(end) => {
                let peer = Peer { addr: Some(addr), trusted: false };
                return shared.voice.closed(&shared.listener, &peer, &end, 0);
            }
        }
    }
    // Whom a proxy announces is judged by that address; whom it does not know is a stranger.
    let local = addr.is_none_or(|addr| addr.is_loopback());
    let (peer, local) = match announced {
        None => (Peer { addr, trusted: addr.is_none_or(|addr| trusts(shared, addr)) }, local),
        Some(Announced::Nobody) => (Peer { addr, trusted: false }, false),
        Some(Announced::Client(client)) => {
            (Peer { addr: Some(client), trusted: trusts(shared, client) }, local && client.is_loopback())
        }
    };
    let link = if local { Link::Local } else { Link::Open };
    shared.voice.opened(&shared.listener, &peer);
    let (end, mails) = match stream {
        Stream::Tcp(stream) => {
            // Replies are written whole; waiting for more to send would only add delay.
            let _ = stream.set_nodelay(true);
            admit(shared, &peer, link, stream).await
        }
        Stream::Unix(stream) => admit(shared, &peer, link, stream).await,
    };
    shared.voice.closed(&shared.listener, &peer, &end, mails);
}

fn trusts<A, V>(shared: &Shared<A, V>, addr: IpAddr) -> bool {
    received::within(&shared.listener.trust, addr)
}

/// Whom the proxy announces. Nothing behind its header is read.
async fn proxied<A, V>(shared: &Shared<A, V>, stream: &mut tokio::net::TcpStream) -> Result<Announced, End> {
    let read = async {
        let mut header = Vec::new();
        while header.len() < proxy::LONGEST {
            header.push(stream.read_u8().await.map_err(|_| End::NoProxyHeader)?);
            if let Some((announced, _)) = proxy::parse(&header).map_err(|_| End::NoProxyHeader)? {
                return Ok(announced);
            }
        }
        Err(End::NoProxyHeader)
    };
    tokio::select! {
        biased;
        () = shared.stop.cancelled() => Err(End::Stopped),
        announced = read => announced,
        () = shared.clock.sleep(shared.settings.handshake) => Err(End::NoProxyHeader),
    }
}

async fn admit<A: Accept, V: Voice, S>(shared: &Shared<A, V>, peer: &Peer, link: Link, mut stream: S) -> (End, u64)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match shared.limits.take(peer.addr, peer.trusted) {
        Ok(place) => talk::talk(shared, peer, link, stream, place).await,
        Err(end) => {
            let words = match end {
                End::TooManyFromPeer => "Too many connections from your address; try again later",
                _ => "Too many connections; try again later",
            };
            let mut out = Vec::new();
            Reply::new(421, Enhanced::new(4, 7, 0), words).write(&mut out);
            tokio::select! {
                () = shared.clock.sleep(Duration::from_secs(5)) => {}
                () = shared.stop.cancelled() => {}
                _ = async { stream.write_all(&out).await?; stream.shutdown().await } => {}
            }
            (end, 0)
        }
    }
}
