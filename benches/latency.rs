//! How long from mail in to the provider's request: at 100 a second, and at 80 % of what the whole takes.
//!
//! `cargo bench --bench latency` starts the daemon with a store on this disk, hands mails in over 32 LMTP connections and
//! is the provider as well; all of it shares the machine. The load is open: a mail counts from the moment at which it
//! was due, also when every connection was still busy then. Syncs are on.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

const CONNECTIONS: usize = 32;
const MAILS: usize = 40_000;

/// When each text was asked for at the provider, in ns since the start of the bench; 0: not yet.
struct Seen {
    start: Instant,
    at: Vec<AtomicU64>,
    count: AtomicUsize,
    more: Notify,
}

impl Seen {
    fn note(&self, id: usize) {
        let now = u64::try_from(self.start.elapsed().as_nanos()).expect("a bench ends within centuries");
        if self.at[id].swap(now, Ordering::Relaxed) == 0 {
            self.count.fetch_add(1, Ordering::Relaxed);
            self.more.notify_waiters();
        }
    }

    async fn until(&self, count: usize) {
        loop {
            let more = self.more.notified();
            if self.count.load(Ordering::Relaxed) >= count {
                return;
            }
            tokio::time::timeout(Duration::from_secs(60), more).await.expect("requests come within a minute");
        }
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(bench());
}

async fn bench() {
    let provider = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = provider.local_addr().expect("an address");
    let seen = Arc::new(Seen {
        start: Instant::now(),
        at: (0..MAILS).map(|_| AtomicU64::new(0)).collect(),
        count: AtomicUsize::new(0),
        more: Notify::new(),
    });
    tokio::spawn(serve(provider, seen.clone()));
    let folder = tempfile::tempdir().expect("a folder");
    let lmtp = free_port();
    let mut daemon = start(folder.path(), lmtp, at.port());

    let (warm, whole) = (1_000, 10_000);
    run(lmtp, 0..warm, None, &seen).await;
    let began = Instant::now();
    run(lmtp, warm..warm + whole, None, &seen).await;
    let most = whole as f64 / began.elapsed().as_secs_f64();
    println!("| what | mails a second | p50 ms | p99 ms | worst ms |\n|---|---|---|---|---|");
    println!("| as fast as it goes | {most:.0} | | | |");
    let mut next = warm + whole;
    for (what, rate, mails) in [("100 a second", 100.0, 2_000), ("80 % of it", most * 0.8, 20_000)] {
        let due = run(lmtp, next..next + mails, Some(rate), &seen).await;
        let mut waits: Vec<f64> = (next..next + mails).zip(due).map(|(id, due)| wait(&seen, id, due)).collect();
        waits.sort_by(f64::total_cmp);
        let part = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
        println!("| {what} | {rate:.0} | {:.2} | {:.2} | {:.2} |", part(0.5), part(0.99), part(1.0));
        next += mails;
    }
    daemon.kill().expect("it runs");
    daemon.wait().expect("it ends");
}

/// Milliseconds from due to asked.
fn wait(seen: &Seen, id: usize, due: Instant) -> f64 {
    let asked = seen.start + Duration::from_nanos(seen.at[id].load(Ordering::Relaxed));
    asked.saturating_duration_since(due).as_secs_f64() * 1e3
}

/// Hands these mails in, `rate` a second or as fast as it goes, and waits for their requests. When each was due.
async fn run(port: u16, ids: std::ops::Range<usize>, rate: Option<f64>, seen: &Arc<Seen>) -> Vec<Instant> {
    let start = Instant::now() + Duration::from_millis(50);
    let (first, last) = (ids.start, ids.end);
    let due = move |id: usize| start + Duration::from_secs_f64(rate.map_or(0.0, |rate| (id - first) as f64 / rate));
    let next = Arc::new(AtomicUsize::new(first));
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let next = next.clone();
            tokio::spawn(async move {
                let mut lmtp = connect(port).await;
                loop {
                    let id = next.fetch_add(1, Ordering::Relaxed);
                    if id >= last {
                        return;
                    }
                    tokio::time::sleep_until(due(id).into()).await;
                    hand_in(&mut lmtp, id).await;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("every mail is taken");
    }
    seen.until(last).await;
    ids.map(due).collect()
}

async fn connect(port: u16) -> BufStream<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the daemon listens");
    stream.set_nodelay(true).expect("a socket");
    let mut lmtp = BufStream::new(stream);
    answer(&mut lmtp, "220").await;
    say(&mut lmtp, "LHLO load.example.test\r\n").await;
    answer(&mut lmtp, "250").await;
    lmtp
}

async fn hand_in(lmtp: &mut BufStream<TcpStream>, id: usize) {
    say(lmtp, "MAIL FROM:<load@example.test>\r\nRCPT TO:<+15551234567@sms.example.test>\r\nDATA\r\n").await;
    for code in ["250", "250", "354"] {
        answer(lmtp, code).await;
    }
    let mail = format!(
        "From: load@example.test\r\nMessage-ID: <{id}@load.example.test>\r\n\r\n\
         T{id:06} is a text of somewhat more than forty characters.\r\n.\r\n"
    );
    say(lmtp, &mail).await;
    answer(lmtp, "250").await;
}

async fn say(lmtp: &mut BufStream<TcpStream>, words: &str) {
    lmtp.write_all(words.as_bytes()).await.expect("the daemon reads");
    lmtp.flush().await.expect("the daemon reads");
}

async fn answer(lmtp: &mut BufStream<TcpStream>, code: &str) {
    loop {
        let mut line = String::new();
        lmtp.read_line(&mut line).await.expect("the daemon answers");
        assert!(line.starts_with(code), "{line}");
        if line.as_bytes().get(3) == Some(&b' ') {
            return;
        }
    }
}

/// A provider that notes each text once and takes it.
async fn serve(listener: TcpListener, seen: Arc<Seen>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let seen = seen.clone();
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let mut held = Vec::with_capacity(1024);
            while let Ok(1..) = stream.read_buf(&mut held).await {
                while let Some(end) = held.windows(4).position(|w| w == b"\r\n\r\n") {
                    if let Some(place) = held[..end].windows(6).position(|w| w == b"text=T") {
                        let digits = std::str::from_utf8(&held[place + 6..place + 12]).ok();
                        seen.note(digits.and_then(|d| d.parse().ok()).expect("six digits"));
                    }
                    held.drain(..end + 4);
                    if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK").await.is_err() {
                        return;
                    }
                }
            }
        });
    }
}

fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("an address").port()
}

fn start(folder: &Path, lmtp: u16, provider: u16) -> Child {
    let config = folder.join("martlet.toml");
    let text = format!(
        r#"data_dir = "data"
domains = ["sms.example.test"]
hostname = "sms.example.test"
[store]
url = "sqlite:martlet.db"
[[listener]]
protocol = "lmtp"
bind = "127.0.0.1:{lmtp}"
trust = ["127.0.0.1/32"]
identity = ["envelope"]
[mailbox]
url = "smtp://127.0.0.1:9"
postmaster = "postmaster@example.test"
[sms]
region = "US"
[[gateway]]
id = "main"
type = "http"
url = "http://127.0.0.1:{provider}/send?to=%number%&text=%data%"
window = 50
[[account]]
user = "@example.test"
monthly_max = "unlimited"
regions = ["US"]
"#
    );
    std::fs::write(&config, text).expect("a file");
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_martlet"))
        .arg("serve")
        .arg("--config")
        .arg(&config)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the daemon starts");
    let mut log = BufReader::new(daemon.stderr.take().expect("it is piped"));
    let mut line = String::new();
    while !line.contains("ready") {
        line.clear();
        assert!(log.read_line(&mut line).expect("a log") > 0, "the daemon ended before it was ready");
    }
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    daemon
}
