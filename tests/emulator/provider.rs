//! A provider that goes by its plan: it takes texts, or loses them, and calls the daemon about those that it took until each
//! call is answered. What came and what it did stands in its book.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    api::{Api, Asked, Taken, Word},
    http::{self, Call},
    plan::{Again, Break, Calls, Fault, PAUSE, Plan},
};

/// What became of one text.
#[derive(Debug, Clone, Default)]
pub struct Course {
    pub asks: usize,
    /// Our names of it: one, however often it is asked for.
    pub keys: BTreeSet<String>,
    /// What the phone got.
    pub copies: Vec<String>,
    /// Requests of which the gateway cannot know whether they were taken, and how many of them were.
    pub lost: usize,
    pub lost_taken: usize,
    /// It was answered for good: nobody may ask for it again.
    pub over: bool,
    /// Nobody may ask for it before that.
    not_before: i64,
}

#[derive(Default)]
pub struct Book {
    pub courses: Vec<Course>,
    pub requests: usize,
    /// What was not as it must be.
    pub wrong: Vec<String>,
    pub faults: BTreeMap<&'static str, usize>,
    /// Connections, and how many of them were reset before anything was read.
    pub connections: usize,
    pub resets: usize,
    /// Requests that are worked on, and those that never get an answer.
    open: usize,
    pub silent: usize,
    /// Calls that are not answered yet.
    calling: usize,
    pub calls: usize,
    /// Calls that had to be made again.
    pub busy: usize,
}

pub struct State {
    pub api: Api,
    pub gateway: &'static str,
    pub plan: Plan,
    port: u16,
    daemon: u16,
    /// The number of the first text's phone.
    first: usize,
    /// By how much the test has turned the clock, in seconds.
    turned: Arc<AtomicI64>,
    book: Mutex<Book>,
}

/// The number of the `n`th phone.
pub fn phone(n: usize) -> String {
    format!("+1201{}", 2_000_000 + n)
}

/// The words of the `n`th text at a gateway.
pub fn words(gateway: &str, n: usize) -> String {
    format!("by {gateway}, text {n:04}.")
}

impl State {
    /// Listens; the test's runtime ends it.
    pub async fn start(
        (api, gateway): (Api, &'static str),
        plan: Plan,
        daemon: u16,
        first: usize,
        turned: Arc<AtomicI64>,
    ) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let book = Mutex::new(Book { courses: vec![Course::default(); plan.scripts.len()], ..Book::default() });
        let state = Arc::new(Self { api, gateway, plan, port, daemon, first, turned, book });
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = {
                    let mut book = serving.book();
                    book.connections += 1;
                    book.connections - 1
                };
                if serving.plan.resets.contains(&number) {
                    stream.set_zero_linger().expect("a socket option");
                    serving.book().resets += 1;
                    continue;
                }
                tokio::spawn(Arc::clone(&serving).serve(stream));
            }
        });
        state
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("nobody panics with the book in his hand")
    }

    /// Nothing is worked on, and all calls are answered.
    pub fn is_quiet(&self) -> bool {
        let book = self.book();
        (book.open, book.calling) == (0, 0)
    }

    fn now(&self) -> i64 {
        jiff::Timestamp::now().as_second() + self.turned.load(Ordering::SeqCst)
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream) {
        let mut buffer = Vec::new();
        while let Some(call) = http::read(&mut stream, &mut buffer).await {
            self.book().open += 1;
            let goes_on = self.handle(&mut stream, &call).await;
            self.book().open -= 1;
            if !goes_on {
                return;
            }
        }
    }

    /// Whether the connection goes on.
    async fn handle(self: &Arc<Self>, stream: &mut TcpStream, call: &Call) -> bool {
        let asked = match self.api.read(call, self.port) {
            Ok(asked) => asked,
            Err(why) => {
                self.book().wrong.push(why);
                return answer(stream, 400, "", "{}").await;
            }
        };
        let Some((n, fault)) = self.note(&asked) else { return answer(stream, 400, "", "{}").await };
        match fault {
            Some(Fault::Throttled(again)) => answer(stream, 429, &self.again(again), "{}").await,
            Some(Fault::Trouble(status)) => answer(stream, status, "", "{}").await,
            Some(Fault::Lost { taken: false, how }) => self.lose(stream, how, "").await,
            Some(Fault::Refused) if !self.knows(n) => {
                self.book().courses[n].over = true;
                let (status, body) = self.api.refused();
                answer(stream, status, "", &body).await
            }
            fault => {
                let (id, again) = self.take(n, &asked).await;
                let (status, body) = self.api.taken(&id, again);
                match fault {
                    Some(Fault::Lost { how, .. }) => {
                        self.book().courses[n].lost_taken += 1;
                        self.lose(stream, how, &body).await
                    }
                    _ => {
                        self.book().courses[n].over = true;
                        answer(stream, status, "", &body).await
                    }
                }
            }
        }
    }

    /// Which text it is, and what is planned for this request for it.
    fn note(&self, asked: &Asked) -> Option<(usize, Option<Fault>)> {
        let now = self.now();
        let mut book = self.book();
        book.requests += 1;
        let n = asked.text.trim_end_matches('.').rsplit(' ').next().and_then(|n| n.parse::<usize>().ok());
        let Some(n) = n.filter(|n| *n < self.plan.scripts.len() && asked.text == words(self.gateway, *n)) else {
            book.wrong.push("a text that nobody sent".to_owned());
            return None;
        };
        if asked.phone != phone(self.first + n) {
            book.wrong.push(format!("text {n} to another phone"));
        }
        let course = &mut book.courses[n];
        let fault = self.plan.scripts[n].get(course.asks).copied();
        course.asks += 1;
        course.keys.insert(asked.key.clone());
        let (again, early) = (course.over, now < course.not_before);
        if matches!(fault, Some(Fault::Throttled(said)) if said != Again::Unsaid) {
            // Within the second.
            course.not_before = now + i64::try_from(PAUSE.as_secs()).expect("a few minutes") - 1;
        }
        if fault.is_some_and(|fault| !fault.is_plain()) {
            course.lost += 1;
        }
        if again {
            book.wrong.push(format!("text {n} again, though it was answered"));
        }
        if early {
            book.wrong.push(format!("text {n} before the pause is over"));
        }
        if let Some(fault) = fault {
            *book.faults.entry(fault.word()).or_default() += 1;
        }
        Some((n, fault))
    }

    /// It was taken before, and the provider sees that.
    fn knows(&self, n: usize) -> bool {
        self.api == Api::Keyed && !self.book().courses[n].copies.is_empty()
    }

    /// Takes a text, unless it has it; its name, and whether it had it. What is to be said before the answer was said.
    async fn take(self: &Arc<Self>, n: usize, asked: &Asked) -> (String, bool) {
        if self.knows(n) {
            return (asked.key.clone(), true);
        }
        let copy = {
            let mut book = self.book();
            let number = book.courses.iter().map(|course| course.copies.len()).sum();
            let id = self.api.name(number, asked);
            book.courses[n].copies.push(id.clone());
            Taken { id, phone: asked.phone.clone(), callback: asked.callback.clone() }
        };
        let (first, then): (&[Word], &[Word]) = match self.plan.calls[n] {
            Calls::Usual => (&[], &[Word::Sent, Word::Delivered]),
            Calls::Thrice => {
                (&[], &[Word::Sent, Word::Sent, Word::Delivered, Word::Sent, Word::Delivered, Word::Delivered])
            }
            Calls::Early => (&[Word::Sent], &[Word::Delivered]),
            Calls::First => (&[Word::Sent, Word::Delivered], &[]),
            Calls::Backwards => (&[], &[Word::Delivered, Word::Sent]),
            Calls::Failed => (&[], &[Word::Sent, Word::Failed]),
            Calls::None => (&[], &[]),
        };
        for word in first {
            self.say(&copy, *word).await;
        }
        let id = copy.id.clone();
        if !then.is_empty() {
            let state = Arc::clone(self);
            state.book().calling += 1;
            tokio::spawn(async move {
                for word in then {
                    state.say(&copy, *word).await;
                }
                state.book().calling -= 1;
            });
        }
        (id, false)
    }

    async fn say(&self, copy: &Taken, word: Word) {
        self.call(&self.api.says(self.gateway, word, copy, self.now())).await;
    }

    /// Calls the daemon until it has taken that.
    async fn call(&self, call: &Call) {
        self.book().calls += 1;
        for _ in 0..500 {
            match http::make(self.daemon, call).await {
                Some(200 | 204) => return,
                Some(503) | None => self.book().busy += 1,
                Some(other) => return self.book().wrong.push(format!("a call was answered {other}")),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.book().wrong.push("a call was never taken".to_owned());
    }

    /// Brings texts of phones, each three times and side by side.
    pub fn bring(self: &Arc<Self>, texts: usize) {
        for n in 0..texts {
            for _ in 0..3 {
                let state = Arc::clone(self);
                state.book().calling += 1;
                tokio::spawn(async move {
                    let (id, text) = (format!("SMin{n}"), format!("from outside by {}, {n:04}.", state.gateway));
                    let call = state.api.brings(state.gateway, &id, &phone(900_000 + n), &text, state.now());
                    state.call(&call).await;
                    state.book().calling -= 1;
                });
            }
        }
    }

    fn again(&self, again: Again) -> String {
        let pause = i64::try_from(PAUSE.as_secs()).expect("a few minutes");
        let at = self.now() + pause;
        match again {
            Again::Seconds => format!("Retry-After: {pause}\r\n"),
            Again::Date => {
                let at = jiff::Timestamp::from_second(at).expect("a moment").to_zoned(jiff::tz::TimeZone::UTC);
                format!("Retry-After: {}\r\n", at.strftime("%a, %d %b %Y %H:%M:%S GMT"))
            }
            Again::Reset => format!("RateLimit-Limit: 10\r\nRateLimit-Remaining: 0\r\nRateLimit-Reset: {pause}\r\n"),
            Again::Epoch => format!("X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: {at}\r\n"),
            Again::Unsaid => String::new(),
        }
    }

    /// Loses an answer in this way.
    async fn lose(&self, stream: &mut TcpStream, how: Break, body: &str) -> bool {
        match how {
            Break::Nonsense => return answer(stream, 200, "", "what do you want?").await,
            Break::Proxy => return answer(stream, 502, "", "<html>Bad Gateway</html>").await,
            Break::Reset => stream.set_zero_linger().expect("a socket option"),
            Break::Half => {
                let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len() + 100);
                let _ = stream.write_all(whole.as_bytes()).await;
            }
            Break::Noise => drop(stream.write_all(b"\x00\xff\xfe what is HTTP?\r\n\r\n").await),
            Break::Slow => {
                self.silence(1);
                // Until the gateway has enough of it.
                let mut rest = [0; 64];
                while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
                self.silence(-1);
            }
        }
        false
    }

    /// Those that never get an answer are not worked on.
    fn silence(&self, by: isize) {
        let mut book = self.book();
        book.silent = book.silent.saturating_add_signed(by);
        book.open = book.open.saturating_add_signed(-by);
    }
}

async fn answer(stream: &mut TcpStream, status: u16, headers: &str, body: &str) -> bool {
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).await.is_ok()
}
