//! kill -9 under load, at random moments, again and again: what was accepted is never lost, and nothing is sent twice.
//!
//! The load behaves as an MTA does: a mail that got no answer is handed over again, the same octets, until it is
//! answered with 250; a call of `/sms/deliver.html` is repeated with its `msgid`. The provider and the mailbox live in
//! the test's own memory, so they survive. The seed of the moments is printed; `MARTLET_SEED` repeats them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use libtest_mimic::Trial;

use crate::support::{
    letter::{date, every_reading},
    martlet::{Martlet, deliver},
    process::{DEADLINE, Scratch, free_port, pause, until, within},
    sink::{Answer, MailSink, Provider},
    talk::{Letter, Place, Talk},
    trial,
};

const ROUNDS: usize = 10;
/// At least so many messages are accepted, over both journeys.
const ACCEPTED: usize = 1_200;
const MAIL_CONNECTIONS: usize = 20;
const PHONES: usize = 4;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("crash: killed under load, nothing is lost and nothing sent twice", || {
            under_load(ROUNDS, ACCEPTED, End::Kill)
        }),
        trial("crash: stopped under load by SIGTERM, nothing is even unsure", || under_load(4, 400, End::Term)),
    ]
}

/// How a round ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Kill,
    Term,
}

/// What the threads of the load share.
struct Load {
    lmtp: Place,
    http: u16,
    next: AtomicUsize,
    stop: AtomicBool,
    /// Tokens of accepted mails and of accepted phone texts.
    mails: Mutex<BTreeSet<String>>,
    texts: Mutex<BTreeSet<String>>,
    /// Answers that nobody expects: a 5xx to a good mail.
    odd: Mutex<Vec<String>>,
}

impl Load {
    fn accepted(&self) -> usize {
        self.mails.lock().expect("mails").len() + self.texts.lock().expect("texts").len()
    }

    fn complain(&self, about: String) {
        self.stop.store(true, Ordering::SeqCst);
        self.odd.lock().expect("odd").push(about);
    }

    fn running(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }
}

fn under_load(rounds: usize, accepted: usize, end: End) {
    let seed = seed();
    let mut dice = Dice(seed);
    say(&format!("crash: MARTLET_SEED={seed}"));
    let provider = Provider::start(|request| {
        // Slow enough that a kill finds requests under way: 0 to 15 ms, by the text.
        let pause = request.value("text").bytes().map(u64::from).sum::<u64>() % 16;
        Answer::SayAfter(Duration::from_millis(pause), 200, "OK 1".into())
    });
    let sink = MailSink::smtp();
    let scratch = Scratch::new();
    let [lmtp, http] = [free_port(), free_port()];
    let mut martlet = Martlet::start(&scratch.dir("martlet"), &config(lmtp, http, provider.port, sink.port), &[]);
    let load = Arc::new(Load {
        lmtp: Place::Tcp(lmtp),
        http,
        next: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
        mails: Mutex::default(),
        texts: Mutex::default(),
        odd: Mutex::default(),
    });
    let threads = start(&load);

    for round in 1..=rounds {
        let goal = load.accepted() + dice.below(accepted * 3 / 2 / rounds);
        until("progress under load", || (load.accepted() >= goal || !load.running()).then_some(()));
        pause(Duration::from_micros(dice.below(30_000) as u64));
        match end {
            End::Kill => martlet.kill(),
            End::Term => martlet.stop(),
        }
        martlet.restart();
        say(&format!("crash: round {round}, {} accepted, {} texts sent", load.accepted(), provider.seen.len()));
    }
    until("enough load", || (load.accepted() >= accepted || !load.running()).then_some(()));
    load.stop.store(true, Ordering::SeqCst);
    for thread in threads {
        thread.join().expect("a thread of the load");
    }
    let odd = load.odd.lock().expect("odd");
    assert!(odd.is_empty(), "seed {seed}: {odd:?}");
    martlet.settled();
    let unsure = verify(seed, &load, &provider, &sink);
    assert!(load.accepted() >= accepted);
    if end == End::Term {
        assert_eq!(unsure, 0, "seed {seed}: an attempt was cut off");
        let mut arrived: Vec<_> = sink.seen.all().iter().flat_map(|m| tokens(&letter_words(&m.data))).collect();
        arrived.sort();
        let all = arrived.len();
        arrived.dedup();
        assert_eq!(all, arrived.len(), "seed {seed}: a mail was handed over twice");
    }
    let log = martlet.log();
    let told = log.lines().find(|l| ["+1555", "%2B1555", "of the load", "Phone says"].iter().any(|w| l.contains(w)));
    assert!(told.is_none(), "the log tells a number or a text: {told:?}");
}

/// Every accepted mail was sent once, or its sender was told that nobody knows; every accepted text is a mail.
/// How many were reported as unsure.
fn verify(seed: u64, load: &Load, provider: &Provider, sink: &MailSink) -> usize {
    let mails = load.mails.lock().expect("mails").clone();
    let texts = load.texts.lock().expect("texts").clone();
    let complete = within(DEADLINE, || {
        let told: BTreeSet<_> =
            sink.seen.all().iter().flat_map(|m| tokens(&String::from_utf8_lossy(&m.data))).collect();
        let sent: BTreeSet<_> = provider.seen.all().iter().map(|r| token(r.value("text"))).collect();
        (mails.iter().all(|t| sent.contains(t) || told.contains(t)) && texts.is_subset(&told)).then_some(())
    });
    let mut sent: BTreeMap<String, usize> = BTreeMap::new();
    for request in provider.seen.all() {
        *sent.entry(token(request.value("text"))).or_default() += 1;
    }
    let twice: Vec<_> = sent.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "seed {seed}: sent more than once: {twice:?}");
    let unknown: Vec<_> = sent.keys().filter(|t| !mails.contains(*t)).collect();
    assert!(unknown.is_empty(), "seed {seed}: sent, but never accepted: {unknown:?}");
    let unsent: BTreeSet<_> = mails.iter().filter(|t| !sent.contains_key(*t)).cloned().collect();

    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    let (mut reported, mut arrived) = (BTreeSet::new(), BTreeSet::new());
    for taken in sink.seen.all() {
        let mail = String::from_utf8_lossy(&taken.data).into_owned();
        if mail.contains("report-type") {
            assert!(taken.mail.starts_with("MAIL FROM:<>"), "a report with a sender: {}", taken.mail);
            assert!(
                mail.contains("Action: failed") && mail.contains("Status: 4.4.2"),
                "seed {seed}: not an unsure report: {mail}"
            );
            assert!(every_reading(&mail).contains("may have arrived"), "{mail}");
            reported.extend(tokens(&mail));
        } else {
            let id = crate::support::letter::header(&mail, "Message-ID").expect("a Message-ID");
            for token in tokens(&letter_words(&taken.data)) {
                let first = ids.entry(token).or_insert_with(|| id.clone());
                assert_eq!(*first, id, "seed {seed}: handed over again as another mail");
            }
            arrived.extend(tokens(&mail));
        }
    }
    let lost: Vec<_> = unsent.difference(&reported).collect();
    assert!(lost.is_empty(), "seed {seed}: accepted with 250, neither sent nor reported: {lost:?}");
    let lost: Vec<_> = texts.difference(&arrived).collect();
    assert!(lost.is_empty(), "seed {seed}: accepted from the phone, in no mailbox: {lost:?}");
    assert!(complete.is_some(), "seed {seed}: not all of it ended within {DEADLINE:?}");
    assert!(!mails.is_empty() && !texts.is_empty());
    say(&format!(
        "crash: {} mails and {} texts accepted, {} sent, {} reported unsure",
        mails.len(),
        texts.len(),
        sent.len(),
        reported.len()
    ));
    reported.len()
}

/// The words alone: a token stands in the Subject too.
fn letter_words(data: &[u8]) -> String {
    crate::support::letter::text(&String::from_utf8_lossy(data))
}

fn start(load: &Arc<Load>) -> Vec<JoinHandle<()>> {
    let mail = (0..MAIL_CONNECTIONS).map(|_| {
        let load = Arc::clone(load);
        std::thread::spawn(move || {
            while load.running() {
                mail_connection(&load)
            }
        })
    });
    let phones = (0..PHONES).map(|_| {
        let load = Arc::clone(load);
        std::thread::spawn(move || {
            while load.running() {
                phone(&load)
            }
        })
    });
    mail.chain(phones).collect()
}

/// One mail until it is accepted, over as many connections as it takes, then others over the same connection.
fn mail_connection(load: &Load) {
    let mut talk = None;
    while load.running() {
        let token = new_token(load);
        let n: usize = token[1..7].parse().expect("digits");
        let to = format!("+1555{:07}@sms.example.test", n % 500);
        let data = format!(
            "From: load@example.test\r\nTo: {to}\r\nSubject: load\r\nDate: {}\r\nMessage-ID: <{token}@load.example.test>\r\n\r\nThis is {token} of the load\r\n",
            date()
        );
        let letter = Letter { from: "load@example.test", to: vec![&to], data, ..Letter::default() };
        let end = Instant::now() + DEADLINE;
        loop {
            match hand_over(load, &mut talk, &letter) {
                Ok(250) => break,
                Ok(code) if code < 500 => {}
                Ok(code) => return load.complain(format!("{code} to {token}")),
                Err(_) => talk = None,
            }
            if Instant::now() > end {
                return load.complain(format!("{token} was not accepted within {DEADLINE:?}"));
            }
            pause(Duration::from_millis(5));
        }
        load.mails.lock().expect("mails").insert(token);
    }
}

fn hand_over(load: &Load, talk: &mut Option<Talk>, letter: &Letter) -> std::io::Result<u16> {
    if talk.is_none() {
        let mut fresh = Talk::to(&load.lmtp)?;
        fresh.say("LHLO load.example.test")?;
        *talk = Some(fresh);
    }
    let talk = talk.as_mut().ok_or(std::io::ErrorKind::NotConnected)?;
    Ok(talk.one(letter, true)?.code)
}

/// One text of a phone until it is accepted.
fn phone(load: &Load) {
    let token = new_token(load);
    let number = format!("+1555{}", 9_000_000 + token[1..7].parse::<usize>().expect("digits") % 1_000_000);
    let text = format!("Phone says {token} here");
    let end = Instant::now() + DEADLINE;
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

/// `T000042E`: found again wherever it turns up.
fn new_token(load: &Load) -> String {
    format!("T{:06}E", load.next.fetch_add(1, Ordering::SeqCst))
}

fn tokens(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .filter(|w| w.len() == 8 && w.starts_with('T') && w.ends_with('E'))
        .filter(|w| w[1..7].bytes().all(|b| b.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

fn token(text: &str) -> String {
    tokens(text).into_iter().next().unwrap_or_else(|| format!("none in {text:?}"))
}

fn config(lmtp: u16, http: u16, provider: u16, mailbox: u16) -> String {
    format!(
        r#"
data_dir = "data"
domains = ["sms.example.test"]
hostname = "sms.example.test"
[store]
url = "sqlite:martlet.db"
[[listener]]
protocol = "lmtp"
bind = "127.0.0.1:{lmtp}"
trust = ["127.0.0.1/32"]
identity = ["envelope"]
[http]
bind = "127.0.0.1:{http}"
[mailbox]
url = "smtp://127.0.0.1:{mailbox}"
postmaster = "postmaster@example.test"
[inbound]
domains = ["example.test"]
default = "inbox@example.test"
[sms]
region = "US"
[queue]
retry_min = "200ms"
retry_max = "1s"
[[gateway]]
id = "main"
type = "http"
url = "http://127.0.0.1:{provider}/send?to=%number%&text=%data%"
password = "pin"
on_unsure = "report"
from = "sms:%s@sms.example.test"
[[account]]
user = "@example.test"
monthly_max = "unlimited"
regions = ["US"]
"#
    )
}

/// SplitMix64: enough for moments.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no clock of its own, and a seed may come from outside")]
fn seed() -> u64 {
    let given = std::env::var("MARTLET_SEED").ok().and_then(|s| s.parse().ok());
    given.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |d| u64::from(d.subsec_nanos())))
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
