//! An SMS provider that tests play: HTTP/1.1 on raw sockets, so that it can misbehave in every way.
//!
//! It follows its plan, one [`Act`] per request, and answers `200 OK` when the plan is used up. What it saw comes out
//! of a channel; a test waits for that and never for time.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};

/// What the provider does with one request.
#[derive(Clone)]
pub enum Act {
    /// Status, extra headers (`Name: value\r\n` each), body.
    Answer(u16, &'static str, &'static str),
    /// These octets as they are; the connection is closed behind them.
    Raw(&'static [u8]),
    /// `200 OK` once a permit of `Provider::go` is there.
    Wait,
    /// Never answers; the connection stays open.
    Silent,
    /// The request is read, then the connection is reset.
    Reset,
    /// Reset as soon as it is accepted, before anything is read.
    ResetAtOnce,
    /// A body without an end.
    Endless,
    /// Header fields without an end.
    EndlessHead,
    /// These octets, then nothing more; the connection stays open.
    Stall(&'static [u8]),
}

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `GET /send?to=… HTTP/1.1`
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Which connection it came on, from 1.
    pub connection: usize,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

pub struct Provider {
    pub addr: SocketAddr,
    pub go: Arc<Semaphore>,
    seen: mpsc::Receiver<Seen>,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    plan: Mutex<VecDeque<Act>>,
    connections: AtomicUsize,
    busy: AtomicUsize,
    most: AtomicUsize,
}

impl State {
    fn resets_at_once(&self) -> bool {
        let mut plan = self.plan.lock().expect("plan");
        plan.pop_front_if(|act| matches!(act, Act::ResetAtOnce)).is_some()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Provider {
    /// Plain HTTP.
    pub async fn start(plan: impl IntoIterator<Item = Act>) -> Self {
        Self::listen(0, plan, None).await
    }

    /// On this port, where nothing listened before.
    pub async fn start_at(port: u16) -> Self {
        Self::listen(port, [], None).await
    }

    /// HTTPS with this configuration.
    pub async fn start_tls(plan: impl IntoIterator<Item = Act>, tls: Arc<rustls::ServerConfig>) -> Self {
        Self::listen(0, plan, Some(tls)).await
    }

    async fn listen(port: u16, plan: impl IntoIterator<Item = Act>, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a port");
        let addr = listener.local_addr().expect("its address");
        let (tell, seen) = mpsc::channel(1_000);
        let go = Arc::new(Semaphore::new(0));
        let state = Arc::new(State {
            plan: Mutex::new(plan.into_iter().collect()),
            connections: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        });
        let task = tokio::spawn({
            let (state, go) = (Arc::clone(&state), Arc::clone(&go));
            async move {
                let mut serving = tokio::task::JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    let number = state.connections.fetch_add(1, Ordering::SeqCst) + 1;
                    if state.resets_at_once() {
                        stream.set_zero_linger().expect("a socket option");
                        continue;
                    }
                    let (state, go, tell, tls) = (Arc::clone(&state), Arc::clone(&go), tell.clone(), tls.clone());
                    serving.spawn(async move {
                        match tls {
                            None => serve(Wire::Plain(stream), number, &state, &go, &tell).await,
                            Some(config) => {
                                let acceptor = tokio_rustls::TlsAcceptor::from(config);
                                if let Ok(stream) = acceptor.accept(stream).await {
                                    serve(Wire::Tls(Box::new(stream)), number, &state, &go, &tell).await;
                                }
                            }
                        }
                    });
                }
            }
        });
        Self { addr, go, seen, state, task }
    }

    /// The next request that comes.
    pub async fn seen(&mut self) -> Seen {
        self.seen.recv().await.expect("the provider runs")
    }

    /// Requests that came and were not asked for yet.
    pub fn unseen(&mut self) -> usize {
        self.seen.len()
    }

    /// The most requests that were open at once.
    pub fn most_at_once(&self) -> usize {
        self.state.most.load(Ordering::SeqCst)
    }
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}

impl Wire {
    fn reset(self) {
        let tcp = match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.into_inner().0,
        };
        tcp.set_zero_linger().expect("a socket option");
    }

    fn io(&mut self) -> &mut (dyn Io + '_) {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.as_mut(),
        }
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

async fn serve(mut wire: Wire, number: usize, state: &State, go: &Semaphore, tell: &mpsc::Sender<Seen>) {
    let mut buffer = Vec::new();
    while let Some(seen) = request(wire.io(), &mut buffer, number).await {
        let busy = state.busy.fetch_add(1, Ordering::SeqCst) + 1;
        state.most.fetch_max(busy, Ordering::SeqCst);
        let act = state.plan.lock().expect("plan").pop_front().unwrap_or(Act::Answer(200, "", "OK"));
        tell.send(seen).await.expect("the test listens");
        if matches!(act, Act::Wait) {
            go.acquire().await.expect("open").forget();
        }
        state.busy.fetch_sub(1, Ordering::SeqCst);
        match act {
            Act::Answer(status, headers, body) => answer(wire.io(), status, headers, body).await,
            Act::Wait => answer(wire.io(), 200, "", "OK").await,
            Act::Silent => std::future::pending().await,
            Act::Reset => return wire.reset(),
            Act::Raw(octets) => {
                let _ = wire.io().write_all(octets).await;
                let _ = wire.io().shutdown().await;
                return;
            }
            Act::Stall(octets) => {
                let _ = wire.io().write_all(octets).await;
                std::future::pending().await
            }
            Act::ResetAtOnce => return wire.reset(),
            Act::EndlessHead => {
                let _ = wire.io().write_all(b"HTTP/1.1 200 OK\r\n").await;
                while wire.io().write_all(b"X-More: and more and more and more\r\n").await.is_ok() {}
                return;
            }
            Act::Endless => {
                let _ = wire.io().write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                while wire.io().write_all(&[b'x'; 8192]).await.is_ok() {}
                return;
            }
        }
    }
}

async fn answer(io: &mut (dyn Io + '_), status: u16, headers: &str, body: &str) {
    let text = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
    let _ = io.write_all(text.as_bytes()).await;
}

async fn request(io: &mut (dyn Io + '_), buffer: &mut Vec<u8>, connection: usize) -> Option<Seen> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        if io.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer[..end].to_vec()).expect("an ASCII head");
    buffer.drain(..end + 4);
    let mut lines = head.split("\r\n");
    let line = lines.next().expect("a request line").to_owned();
    let headers: Vec<_> = lines
        .map(|l| l.split_once(": ").expect("name: value"))
        .map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned()))
        .collect();
    let length = headers.iter().find(|(n, _)| n == "content-length").map_or(0, |(_, v)| v.parse().expect("a length"));
    while buffer.len() < length {
        if io.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer.drain(..length).collect();
    Some(Seen { line, headers, body, connection })
}
