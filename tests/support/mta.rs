//! An MTA that tests play: SMTP or LMTP on raw sockets, on TCP or a Unix socket.
//!
//! Every line that comes is reported with its connection, the data as it stood on the wire. Answers follow the script
//! of that connection; what the script does not name is answered well.

use std::{net::SocketAddr, path::Path, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UnixListener},
    sync::mpsc,
    task::JoinHandle,
};

/// What the MTA does at a verb; `.` is the end of the data, an empty one the greeting.
#[derive(Debug, Clone, Copy)]
pub enum Deed {
    /// These octets instead of the usual answer.
    Say(&'static [u8]),
    /// Closes the connection without an answer.
    Close,
    /// The usual answer, then closes.
    AnswerAndClose,
    Silence,
    /// A reply without an end.
    Endless,
}

/// For one connection: at which verb what is done.
pub type Script = &'static [(&'static str, Deed)];

/// What came, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    Line(usize, String),
    /// With the final dot.
    Data(usize, Vec<u8>),
    /// The MTA closed this connection, or saw its end.
    End(usize),
}

pub struct Mta {
    pub addr: Option<SocketAddr>,
    pub came: mpsc::Receiver<Came>,
    task: JoinHandle<()>,
}

impl Drop for Mta {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Mta {
    /// On a port of its own; connection `n` follows script `n`, later ones none.
    pub async fn tcp(scripts: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("its address");
        let (tell, came) = mpsc::channel(10_000);
        let scripts = Arc::new(scripts);
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                number += 1;
                serving.spawn(serve(stream, number, Arc::clone(&scripts), tell.clone()));
            }
        });
        Self { addr: Some(addr), came, task }
    }

    /// On a Unix socket.
    pub fn unix(path: &Path) -> Self {
        let listener = UnixListener::bind(path).expect("a socket");
        let (tell, came) = mpsc::channel(10_000);
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                serving.spawn(serve(stream, 1, Arc::new(Vec::new()), tell.clone()));
            }
        });
        Self { addr: None, came, task }
    }

    /// Everything until the connection that is open ends a mail or ends itself.
    pub async fn next(&mut self) -> Came {
        self.came.recv().await.expect("the MTA runs")
    }

    /// Skips to the next data.
    pub async fn data(&mut self) -> (usize, Vec<u8>) {
        loop {
            if let Came::Data(connection, data) = self.next().await {
                return (connection, data);
            }
        }
    }

    /// What came and was not asked for yet.
    pub fn rest(&mut self) -> Vec<Came> {
        std::iter::from_fn(|| self.came.try_recv().ok()).collect()
    }
}

async fn serve<S>(mut stream: S, number: usize, scripts: Arc<Vec<Script>>, tell: mpsc::Sender<Came>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let script = scripts.get(number - 1).copied().unwrap_or_default();
    talk(&mut stream, number, script, &tell).await;
    // Closed before it is told, so that a test that waits for the end finds it done.
    drop(stream);
    let _ = tell.send(Came::End(number)).await;
}

async fn talk<S>(stream: &mut S, number: usize, script: Script, tell: &mpsc::Sender<Came>) -> Option<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = Vec::new();
    act(stream, script, "", b"220 mta.test hello\r\n").await?;
    loop {
        let line = until(stream, &mut buffer, b"\n").await?;
        let line = String::from_utf8(line).expect("commands are text");
        let line = line.strip_suffix("\r\n").expect("CRLF");
        tell.send(Came::Line(number, line.to_owned())).await.ok()?;
        let verb = line.split([' ', ':']).next().unwrap_or_default();
        match verb {
            "LHLO" | "EHLO" => act(stream, script, verb, b"250-mta.test\r\n250-SIZE 1000\r\n250 8BITMIME\r\n").await?,
            "QUIT" => {
                let _ = stream.write_all(b"221 2.0.0 bye\r\n").await;
                return None;
            }
            "DATA" => {
                act(stream, script, verb, b"354 go\r\n").await?;
                if !script.iter().any(|(at, deed)| *at == "DATA" && matches!(deed, Deed::Say(_))) {
                    let data = until(stream, &mut buffer, b"\r\n.\r\n").await?;
                    tell.send(Came::Data(number, data)).await.ok()?;
                    act(stream, script, ".", b"250 2.0.0 saved\r\n").await?;
                }
            }
            _ => act(stream, script, verb, b"250 2.1.0 ok\r\n").await?,
        }
    }
}

async fn act<S: AsyncWrite + Unpin>(stream: &mut S, script: Script, verb: &str, usual: &[u8]) -> Option<()> {
    match script.iter().find(|(at, _)| *at == verb).map(|(_, deed)| deed) {
        None => stream.write_all(usual).await.ok(),
        Some(Deed::Say(octets)) => stream.write_all(octets).await.ok(),
        Some(Deed::Close) => None,
        Some(Deed::AnswerAndClose) => {
            stream.write_all(usual).await.ok()?;
            None
        }
        Some(Deed::Silence) => std::future::pending().await,
        Some(Deed::Endless) => {
            while stream.write_all(b"250-and more\r\n").await.is_ok() {}
            None
        }
    }
}

/// Octets up to and with `end`.
async fn until<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>, end: &[u8]) -> Option<Vec<u8>> {
    loop {
        if let Some(at) = buffer.windows(end.len()).position(|w| w == end) {
            return Some(buffer.drain(..at + end.len()).collect());
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
