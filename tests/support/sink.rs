//! What stands at the ends of the two journeys in tests: an HTTP provider, and a mail server that takes what it is
//! given. Both write down each request before they answer it, and wake whoever waits for it.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::Path,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    process::{self, DEADLINE},
    talk::Stream,
};

/// What was seen, in order, and who waits for more.
pub struct Seen<T>(Arc<(Mutex<Vec<T>>, Condvar)>);

impl<T> Clone for Seen<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone> Seen<T> {
    pub fn new() -> Self {
        Self(Arc::new((Mutex::new(Vec::new()), Condvar::new())))
    }

    pub fn add(&self, entry: T) {
        self.lock().push(entry);
        self.0.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.0.lock().expect("no test panics with the list in its hand")
    }

    pub fn all(&self) -> Vec<T> {
        self.lock().clone()
    }

    /// Those behind the first `n`.
    pub fn since(&self, n: usize) -> Vec<T> {
        self.lock()[n..].to_vec()
    }

    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// The first entry that `fits`, now or as soon as it comes; fails with `what` after the deadline.
    pub fn wait(&self, what: &str, fits: impl Fn(&T) -> bool) -> T {
        self.within(DEADLINE, |all| all.iter().find(|e| fits(e)).cloned())
            .unwrap_or_else(|| panic!("waited {DEADLINE:?} in vain for {what}"))
    }

    /// A fact about all of them, looked at after each new one.
    pub fn within<R>(&self, time: Duration, fact: impl Fn(&[T]) -> Option<R>) -> Option<R> {
        let end = Instant::now() + time;
        let mut list = self.lock();
        loop {
            if let Some(found) = fact(&list) {
                return Some(found);
            }
            let left = end.checked_duration_since(Instant::now())?;
            list = self.0.1.wait_timeout(list, left).expect("no test panics with the list in its hand").0;
        }
    }
}

/// One HTTP request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Decoded, in order.
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    /// The first field of this name, empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, v)| v)
    }

    /// The first value of a query parameter, empty when it is missing.
    pub fn value(&self, name: &str) -> &str {
        self.query.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }
}

/// What the provider does with a request that it has written down.
#[derive(Debug, Clone)]
pub enum Answer {
    Say(u16, String),
    /// With these lines in its head, each with CRLF.
    With(u16, String, String),
    SayAfter(Duration, u16, String),
    /// Ends the connection without a word: did it send the text?
    HangUp,
}

/// An HTTP provider on loopback. Its threads end with the test's process.
pub struct Provider {
    pub port: u16,
    pub seen: Seen<Request>,
    dead: Arc<AtomicBool>,
}

impl Provider {
    /// Answers each request as `answer` says.
    pub fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Seen::new();
        let dead = Arc::new(AtomicBool::new(false));
        let (list, answer, gone) = (seen.clone(), Arc::new(answer), Arc::clone(&dead));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if gone.load(Ordering::SeqCst) {
                    return;
                }
                let (list, answer, gone) = (list.clone(), Arc::clone(&answer), Arc::clone(&gone));
                std::thread::spawn(move || serve_http(stream, &list, &*answer, &gone));
            }
        });
        Self { port, seen, dead }
    }

    /// Dies: nothing listens any more, and connections that are open end with the next request, unanswered.
    pub fn kill(&self) {
        self.dead.store(true, Ordering::SeqCst);
        // Wakes the one that listens; then its socket is closed.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }

    /// Takes everything: `OK 1`, `OK 2`, …
    pub fn willing() -> Self {
        let count = std::sync::atomic::AtomicU64::new(1);
        Self::start(move |_| {
            let n = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Answer::Say(200, format!("OK {n}"))
        })
    }
}

fn serve_http(
    stream: TcpStream,
    seen: &Seen<Request>,
    answer: &dyn Fn(&Request) -> Answer,
    gone: &AtomicBool,
) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let request = read_request(&mut reader)?;
        if gone.load(Ordering::SeqCst) {
            return None;
        }
        seen.add(request.clone());
        let mut more = String::new();
        let (status, body) = match answer(&request) {
            Answer::Say(status, body) => (status, body),
            Answer::With(status, head, body) => {
                more = head;
                (status, body)
            }
            Answer::SayAfter(pause, status, body) => {
                process::pause(pause);
                (status, body)
            }
            Answer::HangUp => return None,
        };
        let head =
            format!("HTTP/1.1 {status} X\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n{more}\r\n", body.len());
        reader.get_mut().write_all((head + &body).as_bytes()).ok()?;
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut headers) = (0, Vec::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let body = String::from_utf8_lossy(&body).into_owned();
    Some(Request { method, path: path.to_owned(), query: pairs(query), headers, body })
}

/// A query or a form, decoded.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    let decode = |s: &str| {
        let spaced = s.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let pair = |p: &str| p.split_once('=').map(|(n, v)| (decode(n), decode(v)));
    query.split('&').filter_map(pair).collect()
}

/// A mail as it was handed over.
#[derive(Debug, Clone)]
pub struct Taken {
    /// MAIL and RCPT lines as they came.
    pub mail: String,
    pub rcpt: Vec<String>,
    /// Everything before MAIL in this transaction (LHLO, XFORWARD …).
    pub before: Vec<String>,
    /// Without dot-stuffing, CRLF line ends.
    pub data: Vec<u8>,
}

/// A mail server that takes everything: SMTP, or LMTP on a Unix socket or a port.
pub struct MailSink {
    pub port: u16,
    pub seen: Seen<Taken>,
    /// The largest mail that it takes, octets; and how many were larger.
    pub most: Arc<AtomicUsize>,
    pub refused: Arc<AtomicUsize>,
}

impl MailSink {
    pub fn smtp() -> Self {
        Self::tcp(false)
    }

    /// SMTP that answers each RCPT with what `answer` gives, 250 where it gives nothing.
    pub fn judging(answer: impl Fn(&str) -> Option<&'static str> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let next = move || Ok(Box::new(listener.accept()?.0) as Box<dyn Stream>);
        Self::serve_judged(port, false, next, Arc::new(answer))
    }

    pub fn tcp(lmtp: bool) -> Self {
        Self::at(0, lmtp)
    }

    /// On this port, where nothing listened before.
    pub fn at(port: u16, lmtp: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        Self::serve(port, lmtp, move || {
            let (stream, _) = listener.accept()?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        })
    }

    /// LMTP on a Unix socket that everyone may write to.
    pub fn unix(path: &Path) -> Self {
        let listener = UnixListener::bind(path).expect("a socket");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).expect("chmod");
        Self::serve(0, true, move || Ok(Box::new(listener.accept()?.0)))
    }

    fn serve(port: u16, lmtp: bool, accept: impl Fn() -> io::Result<Box<dyn Stream>> + Send + 'static) -> Self {
        Self::serve_judged(port, lmtp, accept, Arc::new(|_: &str| None))
    }

    fn serve_judged(
        port: u16,
        lmtp: bool,
        accept: impl Fn() -> io::Result<Box<dyn Stream>> + Send + 'static,
        answer: Arc<Judge>,
    ) -> Self {
        let (seen, most, refused) = (Seen::new(), Arc::new(AtomicUsize::new(usize::MAX)), Arc::default());
        let (list, limit, large) = (seen.clone(), Arc::clone(&most), Arc::clone(&refused));
        std::thread::spawn(move || {
            while let Ok(stream) = accept() {
                let (list, answer, limit, large) =
                    (list.clone(), answer.clone(), Arc::clone(&limit), Arc::clone(&large));
                std::thread::spawn(move || serve_mail(stream, lmtp, &list, &*answer, (&limit, &large)));
            }
        });
        Self { port, seen, most, refused }
    }
}

/// What a mail server says to a RCPT line, where it does not say 250.
type Judge = dyn Fn(&str) -> Option<&'static str> + Send + Sync;

fn serve_mail(
    stream: Box<dyn Stream>,
    lmtp: bool,
    seen: &Seen<Taken>,
    answer: &Judge,
    (most, refused): (&AtomicUsize, &AtomicUsize),
) -> io::Result<()> {
    let mut session = BufReader::new(stream);
    let say = |session: &mut BufReader<Box<dyn Stream>>, text: &str| session.get_mut().write_all(text.as_bytes());
    say(&mut session, "220 sink.example.test ready\r\n")?;
    let (mut before, mut mail, mut rcpt) = (Vec::new(), String::new(), Vec::new());
    loop {
        let mut line = String::new();
        if session.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "LHLO" | "EHLO" => {
                before.push(line);
                say(
                    &mut session,
                    "250-sink.example.test\r\n250-PIPELINING\r\n250-SIZE 10485760\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n",
                )?;
            }
            "MAIL" => {
                mail = line;
                say(&mut session, "250 2.1.0 OK\r\n")?;
            }
            "RCPT" => match answer(&line) {
                Some(refusal) => say(&mut session, &format!("{refusal}\r\n"))?,
                None => {
                    rcpt.push(line);
                    say(&mut session, "250 2.1.5 OK\r\n")?;
                }
            },
            "DATA" => {
                say(&mut session, "354 go on\r\n")?;
                let data = read_data(&mut session)?;
                let answers = if lmtp { rcpt.len() } else { 1 };
                if data.len() > most.load(Ordering::SeqCst) {
                    refused.fetch_add(1, Ordering::SeqCst);
                    (mail, rcpt, before) = Default::default();
                    say(&mut session, &"552 5.3.4 Error: message file too big\r\n".repeat(answers))?;
                    continue;
                }
                let taken = Taken {
                    mail: std::mem::take(&mut mail),
                    rcpt: std::mem::take(&mut rcpt),
                    before: std::mem::take(&mut before),
                    data,
                };
                seen.add(taken);
                say(&mut session, &"250 2.0.0 taken\r\n".repeat(answers))?;
            }
            "QUIT" => return say(&mut session, "221 2.0.0 bye\r\n"),
            _ => {
                before.push(line);
                say(&mut session, "250 2.0.0 OK\r\n")?;
            }
        }
    }
}

fn read_data(session: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let mut line = Vec::new();
        if session.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(data);
        }
        data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}
