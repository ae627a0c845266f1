//! Load over both journeys, by clients who behave as they should: a mail that got no answer is handed over again, the
//! same octets, until it is answered with 250; a call of `/sms/deliver.html` is repeated with its `msgid`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::support::{
    letter::date,
    martlet::deliver,
    process::{DEADLINE, pause},
    talk::{Letter, Place, Talk},
};

const MAIL_CONNECTIONS: usize = 12;
const PHONES: usize = 3;
/// As long as a mail or a text may take to be accepted, with daemons dying all the while.
const PATIENCE: Duration = DEADLINE.saturating_mul(3);

/// A signature that is not sent, and kept for a report.
static LONG: LazyLock<String> =
    LazyLock::new(|| format!("-- \r\n{}", "A long signature of the load.\r\n".repeat(1_400)));

/// What the threads of the load share.
pub struct Load {
    lmtp: Place,
    http: u16,
    next: AtomicUsize,
    stop: AtomicBool,
    /// Token → id of accepted mails.
    pub mails: Mutex<BTreeMap<String, String>>,
    /// Tokens of accepted phone texts.
    pub texts: Mutex<BTreeSet<String>>,
    /// Answers that nobody expects: a 5xx to a good mail.
    pub odd: Mutex<Vec<String>>,
}

impl Load {
    pub fn start(lmtp: u16, http: u16) -> (Arc<Self>, Vec<JoinHandle<()>>) {
        let load = Arc::new(Self {
            lmtp: Place::Tcp(lmtp),
            http,
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            mails: Mutex::default(),
            texts: Mutex::default(),
            odd: Mutex::default(),
        });
        let run = |client: fn(&Self)| {
            let load = Arc::clone(&load);
            std::thread::spawn(move || {
                while load.running() {
                    client(&load);
                }
            })
        };
        let mut threads: Vec<_> = (0..MAIL_CONNECTIONS).map(|_| run(mail_connection)).collect();
        threads.extend((0..PHONES).map(|_| run(phone)));
        (load, threads)
    }

    pub fn accepted(&self) -> usize {
        self.mails.lock().expect("mails").len() + self.texts.lock().expect("texts").len()
    }

    fn complain(&self, about: String) {
        self.end();
        self.odd.lock().expect("odd").push(about);
    }

    pub fn running(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    /// What is being handed over is still handed over.
    pub fn end(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// `T000042E`: found again wherever it turns up.
    fn new_token(&self) -> String {
        format!("T{:06}E", self.next.fetch_add(1, Ordering::SeqCst))
    }
}

/// One mail until it is accepted, over as many connections as it takes, then others over the same connection.
fn mail_connection(load: &Load) {
    let mut talk = None;
    while load.running() {
        let token = load.new_token();
        let n: usize = token[1..7].parse().expect("digits");
        let to = format!("+1555{:07}@sms.example.test", n % 500);
        let data = format!(
            "From: load@example.test\r\nTo: {to}\r\nSubject: load\r\nDate: {}\r\nMessage-ID: <{token}@load.example.test>\r\n\r\nThis is {token} of the load\r\n{}",
            date(),
            // Some are large, so that the store's log is moved into the database now and then.
            if n.is_multiple_of(3) { LONG.as_str() } else { "" }
        );
        let letter = Letter { from: "load@example.test", to: vec![&to], data, ..Letter::default() };
        let end = Instant::now() + PATIENCE;
        let id = loop {
            match hand_over(load, &mut talk, &letter) {
                Ok((250, words)) => break words.rsplit(' ').next().unwrap_or_default().to_owned(),
                Ok((code, _)) if code < 500 => {}
                Ok((code, words)) => return load.complain(format!("{code} to {token}: {words}")),
                Err(_) => talk = None,
            }
            if Instant::now() > end {
                return load.complain(format!("{token} was not accepted within {PATIENCE:?}"));
            }
            pause(Duration::from_millis(5));
        };
        load.mails.lock().expect("mails").insert(token, id);
    }
}

fn hand_over(load: &Load, talk: &mut Option<Talk>, letter: &Letter) -> std::io::Result<(u16, String)> {
    if talk.is_none() {
        let mut fresh = Talk::to(&load.lmtp)?;
        fresh.say("LHLO load.example.test")?;
        *talk = Some(fresh);
    }
    let talk = talk.as_mut().ok_or(std::io::ErrorKind::NotConnected)?;
    let reply = talk.one(letter, true)?;
    Ok((reply.code, reply.text()))
}

/// One text of a phone until it is accepted.
fn phone(load: &Load) {
    let token = load.new_token();
    let number = format!("+1555{}", 9_000_000 + token[1..7].parse::<usize>().expect("digits") % 1_000_000);
    let text = format!("Phone says {token} here");
    let end = Instant::now() + PATIENCE;
    loop {
        match deliver(load.http, "POST", &[("number", &number), ("data", &text), ("msgid", &token)]) {
            Ok((200, _)) => break,
            Ok((status, body)) if status < 500 => return load.complain(format!("{status} to {token}: {body}")),
            Ok(_) | Err(_) if Instant::now() > end => return load.complain(format!("{token} was not accepted")),
            Ok(_) | Err(_) => pause(Duration::from_millis(5)),
        }
    }
    load.texts.lock().expect("texts").insert(token);
}

/// All tokens in a text.
pub fn tokens(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .filter(|w| w.len() == 8 && w.starts_with('T') && w.ends_with('E'))
        .filter(|w| w[1..7].bytes().all(|b| b.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}
