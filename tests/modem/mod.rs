//! Modems: the gateway at the simulator, over real pseudo-terminals and TCP, under a clock that is turned while nothing
//! happens; `faults` lets go wrong what can, `strangers` shows that the simulator is a modem to other programs too, `fakes` has
//! modems that other people have recorded, `whole` has the daemon between modems and a mail server.

mod daemon;
mod fakes;
mod faults;
mod lines;
mod strangers;
mod whole;

use std::{
    collections::HashSet,
    ops::{Deref, DerefMut},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use libtest_mimic::Trial;
use martlet::{
    address::Destination,
    gateway::{
        self, Attempt, Gateway, Job, Kind,
        inbox::{Busy, Desk, Event, Incoming, Noted, Notice, Word},
        modem::{
            Device, Settings,
            sim::{Options, Rule, Sim, line::Shared, script},
        },
    },
    ground::{Clock, MessageId, Outcome, Timestamp},
    sms::{
        Body, Content, Segment,
        split::{Reference, split},
    },
};
use tokio::sync::oneshot;

pub fn trials() -> Vec<Trial> {
    [lines::trials(), faults::trials(), strangers::trials(), fakes::trials(), whole::trials()]
        .into_iter()
        .flatten()
        .collect()
}

const PHONE: &str = "+15551234567";

/// What the core was handed.
#[derive(Default)]
struct Core {
    segments: Vec<Incoming>,
    words: Vec<Word>,
    notices: Vec<Notice>,
    known: HashSet<String>,
    /// Repetitions of what was durable.
    again: usize,
    busy: bool,
    /// How often it was asked while it was.
    turned_away: usize,
}

/// One gateway and its core.
struct Host {
    folder: tempfile::TempDir,
    gateway: Option<Gateway>,
    core: Arc<Mutex<Core>>,
    settings: Settings,
    tasks: tokio::task::JoinSet<()>,
}

/// A host and a simulator of ours, under a clock that is turned.
struct World {
    host: Host,
    sim: Shared,
}

impl Deref for World {
    type Target = Host;
    fn deref(&self) -> &Host {
        &self.host
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Host {
        &mut self.host
    }
}

fn rules(text: &str) -> Vec<Rule> {
    script::read(text).expect("a script")
}

fn scripted(text: &str) -> Options {
    Options { script: rules(text), ..Options::default() }
}

impl World {
    /// At a pseudo-terminal.
    async fn on_pty(options: Options, change: impl FnOnce(&mut Settings)) -> Self {
        let mut world = Self::new(options);
        let link = world.folder.path().join("modem");
        world.settings.device = Device::Serial(link.clone());
        let sim = world.sim.clone();
        world.tasks.spawn(async move { sim.on_pty(link, |_| {}).await.expect("a terminal") });
        change(&mut world.settings);
        world.start();
        world
    }

    /// At a TCP port.
    async fn on_tcp(options: Options, change: impl FnOnce(&mut Settings)) -> Self {
        let mut world = Self::new(options);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        world.settings.device = Device::Tcp(listener.local_addr().expect("its address").to_string());
        let sim = world.sim.clone();
        world.tasks.spawn(async move { sim.on_tcp(listener).await.expect("connections") });
        change(&mut world.settings);
        world.start();
        world
    }

    fn new(options: Options) -> Self {
        let (clock, hand) = Clock::manual(Timestamp(1_800_000_000_000));
        let sim = Shared::new(Sim::new(options), clock.clone());
        let mut host = Host::new(clock);
        host.tasks.spawn(async move {
            // Far slower than what both sides need to answer: sixteen seconds take more than half a second.
            loop {
                tokio::time::sleep(Duration::from_millis(2)).await;
                hand.advance(Duration::from_millis(50));
            }
        });
        Self { host, sim }
    }

    fn text(&self, words: &str) {
        self.sim.with(|sim| sim.deliver(PHONE, Segment { body: Body::Text(words.to_owned()), udh: Vec::new() }));
    }

    /// Waits until something is so.
    async fn until<T>(&self, what: &str, mut fact: impl FnMut(&Core, &mut Sim) -> Option<T>) -> T {
        self.host.until(what, |core| self.sim.with(|sim| fact(core, sim))).await
    }

    /// The words that the network has taken.
    fn taken(&self) -> Vec<String> {
        let words = |segment: &Segment| match &segment.body {
            Body::Text(words) => words.clone(),
            Body::Binary(_) => String::new(),
        };
        self.sim.with(|sim| sim.taken().iter().map(|taken| words(&taken.submit.segment)).collect())
    }
}

impl Host {
    /// Without a device as yet.
    fn new(clock: Clock) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(Device::Serial(PathBuf::new()), folder.path().to_owned(), clock);
        Self { folder, gateway: None, core: Arc::default(), settings, tasks: tokio::task::JoinSet::new() }
    }

    /// Starts the gateway, or starts it again.
    fn start(&mut self) {
        let (desk, mut handed) = Desk::open();
        let id = "stick".parse().expect("an id");
        let inbox = desk.inbox("stick".parse().expect("an id"));
        self.gateway = Some(gateway::start(id, Kind::Modem(self.settings.clone()), inbox).expect("it starts"));
        let core = Arc::clone(&self.core);
        self.tasks.spawn(async move {
            while let Some(handed) = handed.recv().await {
                let answer = core.lock().expect("the core").take(handed.event);
                let _ = handed.answer.send(answer);
            }
        });
    }

    async fn stop(&mut self) {
        let gateway = self.gateway.take().expect("it runs");
        drop(gateway.jobs);
        tokio::time::timeout(LIMIT, gateway.task).await.expect("it ends").expect("without a panic");
    }

    /// Sends words and waits for what became of all segments.
    async fn send(&self, words: &str) -> Vec<Outcome> {
        self.send_as(MessageId::new(), words).await
    }

    async fn send_as(&self, id: MessageId, words: &str) -> Vec<Outcome> {
        let answer = self.begin(id, words).await;
        let outcomes = tokio::time::timeout(LIMIT, answer).await.expect("an answer in time").expect("an answer");
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    async fn begin(&self, id: MessageId, words: &str) -> oneshot::Receiver<Vec<(u8, Outcome)>> {
        let content = Content::text(words);
        let segments = split(&content, Reference::Eight(9)).expect("segments");
        let parts = u8::try_from(segments.len()).expect("few");
        let attempt = Attempt {
            id,
            n: 1,
            to: Destination::Number(PHONE.parse().expect("a number")),
            wire: None,
            content,
            segments,
            parts,
            sender: None,
            sender_phone: None,
            pid: None,
            dcs: None,
            value: Vec::new(),
            validity: Duration::from_secs(3600),
            trace: martlet::address::Trace::default(),
        };
        let (reply, answer) = oneshot::channel();
        let job = Job { attempt: Arc::new(attempt), parts: 0..parts, reply };
        self.gateway.as_ref().expect("it runs").jobs.send(job).await.expect("it takes jobs");
        answer
    }

    /// Waits until something is so.
    async fn until<T>(&self, what: &str, mut fact: impl FnMut(&Core) -> Option<T>) -> T {
        let looking = async {
            loop {
                let found = fact(&self.core.lock().expect("the core"));
                match found {
                    Some(found) => return found,
                    None => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        };
        tokio::time::timeout(LIMIT, looking).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
    }

    /// The word for what the gateway says is wrong with it.
    fn trouble(&self) -> Option<&'static str> {
        self.gateway.as_ref().and_then(|gateway| gateway.trouble.borrow().map(|trouble| trouble.word))
    }
}

/// How long a test waits.
const LIMIT: Duration = Duration::from_secs(60);

impl Core {
    fn take(&mut self, event: Event) -> Result<Noted, Busy> {
        if self.busy {
            self.turned_away += 1;
            return Err(Busy);
        }
        match event {
            Event::Notice(notice) => self.notices.push(notice),
            Event::Receipt(word) => self.words.push(word),
            Event::OptOut(_) => unreachable!("modems know no lists"),
            Event::Page(_) => unreachable!("modems are not read by pages"),
            Event::Segment(incoming) => {
                let reference = incoming.reference.as_ref().expect("a name").as_str().to_owned();
                if !self.known.insert(reference) {
                    self.again += 1;
                    return Ok(Noted::Again);
                }
                self.segments.push(incoming);
            }
        }
        Ok(Noted::New)
    }
}
