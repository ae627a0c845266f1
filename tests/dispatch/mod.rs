//! The dispatcher under a turned clock: a real store, gateways that do as they are told, and no waiting for time.
//!
//! `outcomes` has a trial per row of the second table of `docs/queue.md`; `time` turns the clock to expiry, warnings and
//! waits; `fair` shows that no queue keeps another from its gateway; `events` hands in what the network brings; `choosing`,
//! `bounds`, `health` and `reload` show which gateway takes what, and when.

mod bounds;
mod choosing;
mod errands;
mod events;
mod fair;
mod health;
mod mates;
mod opting;
mod outcomes;
mod reload;
mod time;

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
    time::Duration,
};

use libtest_mimic::Trial;
use martlet::{
    address::{Destination, Mailbox},
    dispatch::{
        self, Shared,
        lane::{self, Lane},
        policy::OnUnsure,
        roster::{Lanes, Roster},
    },
    gateway::{Gateway, Job, Split, Traits},
    ground::{Backoff, Clock, Enhanced, Fault, GatewayId, Hand, MessageId, Outcome, RemoteId, Scope, Timestamp},
    mailbox, report,
    routing::Shows,
    sms::Content,
    smtp::Notify,
    store::*,
};
use tokio::sync::{mpsc, watch};

pub fn trials() -> Vec<Trial> {
    let all = [
        outcomes::trials(),
        time::trials(),
        fair::trials(),
        events::trials(),
        errands::trials(),
        choosing::trials(),
        bounds::trials(),
        health::trials(),
        mates::trials(),
        opting::trials(),
        reload::trials(),
    ];
    all.into_iter().flatten().collect()
}

const START: Timestamp = Timestamp(1_800_000_000_000);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// How long a test waits for an event before it gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway as a test wants it.
#[derive(Clone)]
struct Way {
    id: &'static str,
    traits: Traits,
    settings: lane::Settings,
    groups: Vec<&'static str>,
}

fn way(id: &'static str) -> Way {
    let traits = Traits {
        split: Split::Provider,
        binary: true,
        shift_tables: false,
        receipts: false,
        sender: true,
        window: 10,
        idempotent: false,
    };
    let settings = lane::Settings { priority: 10, weight: 1, shows: Shows::Anybody, ..lane::Settings::default() };
    Way { id, traits, settings, groups: Vec::new() }
}

impl Way {
    fn split(mut self, split: Split) -> Self {
        self.traits.split = split;
        self
    }
    fn window(mut self, window: usize) -> Self {
        self.traits.window = window;
        self
    }
    fn words_only(mut self) -> Self {
        self.traits.binary = false;
        self
    }
    fn with(mut self, change: impl FnOnce(&mut lane::Settings)) -> Self {
        change(&mut self.settings);
        self
    }
    fn in_group(mut self, group: &'static str) -> Self {
        self.groups.push(group);
        self
    }
    fn receipts(mut self) -> Self {
        self.traits.receipts = true;
        self
    }
    fn behind(mut self) -> Self {
        self.settings.priority += 1;
        self
    }
    fn on_unsure(mut self, choice: OnUnsure) -> Self {
        self.settings.on_unsure = choice;
        self
    }
}

/// A gateway whose attempts the test answers.
fn gateway(way: &Way) -> (Gateway, mpsc::Receiver<Job>, watch::Sender<Traits>) {
    let (say, traits) = watch::channel(way.traits.clone());
    let (jobs, receive) = mpsc::channel(way.traits.window.max(1));
    let task = tokio::spawn(async {});
    (Gateway { id: way.id.parse().expect("an id"), traits, trouble: watch::channel(None).1, jobs, task }, receive, say)
}

fn groups(ways: &[Way]) -> BTreeMap<GatewayId, Vec<GatewayId>> {
    let mut groups: BTreeMap<GatewayId, Vec<GatewayId>> = BTreeMap::new();
    for way in ways {
        for group in &way.groups {
            groups.entry(group.parse().expect("an id")).or_default().push(way.id.parse().expect("an id"));
        }
    }
    groups
}

/// A dispatcher that runs.
struct World {
    store: Store,
    clock: Clock,
    hand: Hand,
    shared: Arc<Shared>,
    jobs: HashMap<&'static str, mpsc::Receiver<Job>>,
    declared: Vec<watch::Sender<Traits>>,
    loops: tokio::task::JoinSet<()>,
    dir: tempfile::TempDir,
}

impl World {
    async fn new(ways: &[Way]) -> Self {
        let (clock, hand) = Clock::manual(START);
        Self::on(tempfile::tempdir().expect("a folder"), clock, hand, ways).await
    }

    async fn on(dir: tempfile::TempDir, clock: Clock, hand: Hand, ways: &[Way]) -> Self {
        let store = Store::open(settings(dir.path()), clock.clone()).await.expect("a store");
        let (mut lanes, mut jobs, mut declared) = (Vec::new(), HashMap::new(), Vec::new());
        for way in ways {
            let (gateway, receive, say) = gateway(way);
            lanes.push(Arc::new(Lane::new(&gateway, way.settings.clone(), clock.clone(), None)));
            jobs.insert(way.id, receive);
            declared.push(say);
        }
        let reports = report::Settings {
            hostname: "sms.example.test".into(),
            postmaster: mailbox("postmaster@example.test").into(),
            report_text: true,
            expire: 5 * DAY,
        };
        let url = mailbox::Url::Smtp { host: "127.0.0.1".to_owned(), port: 1 };
        let nowhere = mailbox::Settings::new(url, "sms.example.test".into(), SECOND);
        let shared = Arc::new(Shared {
            store: store.clone(),
            clock: clock.clone(),
            settings: dispatch::Settings {
                node: martlet::address::Node::new("sms.example.test", 1),
                shift_tables: Vec::new(),
                backoff: Backoff { min: 30 * SECOND, max: 30 * MINUTE },
                receipt_wait: 72 * HOUR,
                keep_links: 72 * HOUR,
                call_log: true,
            },
            lanes: Roster::new(Lanes::new(lanes, &groups(ways))),
            talking: Arc::default(),
            reporter: report::Reporter::new(store.clone(), clock.clone(), reports, martlet::mail::Words::default()),
            mailbox: mailbox::Client::new(nowhere).expect("sound settings").into(),
            folders: None.into(),
            mail_window: tokio::sync::watch::Sender::new(10),
            errands: hands(&clock),
            errand_window: tokio::sync::watch::Sender::new(dispatch::errands::Window {
                programs: 2,
                calls: 2,
                statements: 3,
                folders: 2,
            }),
            freed: tokio::sync::Notify::new(),
            tasks: tokio_util::task::TaskTracker::new(),
            stop: tokio_util::sync::CancellationToken::new(),
        });
        dispatch::sweep::recover(&shared).await.expect("what an earlier run left");
        let mut loops = tokio::task::JoinSet::new();
        loops.spawn(shared.clone().run());
        loops.spawn(dispatch::sweep::run(shared.clone()));
        Self { store, clock, hand, shared, jobs, declared, loops, dir }
    }

    /// What kill -9 leaves: the files as they are, read by a new process with these gateways.
    async fn crash(mut self, ways: &[Way]) -> Self {
        self.loops.shutdown().await;
        let dir = tempfile::tempdir().expect("a folder");
        for name in ["martlet.db", "martlet.db-wal"] {
            std::fs::copy(self.dir.path().join(name), dir.path().join(name)).expect("a copy");
        }
        Self::on(dir, self.clock.clone(), self.hand.clone(), ways).await
    }

    async fn put(&self, new: New) -> MessageId {
        match self.store.put(vec![new], false).await.expect("a store")[0] {
            Ok(Placed::New(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    /// The next attempt that this gateway is given.
    async fn job(&mut self, way: &'static str) -> Job {
        let jobs = self.jobs.get_mut(way).expect("a gateway of that name");
        let job = tokio::time::timeout(PATIENCE, jobs.recv()).await;
        job.unwrap_or_else(|_| panic!("no attempt came to {way}")).expect("a lane")
    }

    /// Nothing stands before this gateway; only after an event which shows that the lanes have looked.
    fn idle(&mut self, way: &'static str) -> bool {
        self.jobs.get_mut(way).expect("a gateway").try_recv().is_err()
    }

    /// Takes the next attempt at `way` and answers it.
    async fn answer(&mut self, way: &'static str, outcome: Outcome) -> Job {
        let job = self.job(way).await;
        let (reply, _) = tokio::sync::oneshot::channel();
        let Job { attempt, parts, reply: asked } = job;
        let _ = asked.send(vec![(parts.start, outcome)]);
        Job { attempt, parts, reply }
    }

    async fn show(&self, id: MessageId) -> Shown {
        self.store.show(id).await.expect("a store").expect("it is there")
    }

    /// Waits until the message stands like this.
    async fn reaches(&self, id: MessageId, state: State, result: Option<Closed>) -> Shown {
        self.reaches_with(id, state, result, Duration::ZERO).await
    }

    /// The same, while the sweeper is given a second now and then.
    async fn swept(&self, id: MessageId, state: State, result: Option<Closed>) -> Shown {
        self.reaches_with(id, state, result, SECOND).await
    }

    async fn reaches_with(&self, id: MessageId, state: State, result: Option<Closed>, tick: Duration) -> Shown {
        let wait = async {
            loop {
                let shown = self.show(id).await;
                if (shown.state, shown.result) == (state, result) {
                    return shown;
                }
                if tick > Duration::ZERO {
                    self.hand.advance(tick);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, wait).await;
        match reached {
            Ok(shown) => shown,
            Err(_) => panic!("not {state:?} {result:?}: {:?}", self.show(id).await),
        }
    }

    /// Shows that the lanes have looked at the queue as it is now: a text of its own goes by `way` and is answered.
    async fn looked(&mut self, way: &'static str) {
        let mut marker = text("a marker");
        marker.key = Key::Gateway(way.parse().expect("an id"));
        marker.due = self.clock.now();
        marker.expires = self.clock.now() + DAY;
        marker.warn_at = None;
        let id = self.put(marker).await;
        let job = self.answer(way, sent()).await;
        assert_eq!(job.attempt.id, id, "only the marker was due at {way}");
        self.reaches(id, State::Closed, Some(Closed::Relayed)).await;
    }

    /// Shows that the sweeper has swept after this moment, its clock trusted: a message without time left is closed.
    async fn has_swept(&self) {
        let mut marker = text("a marker");
        marker.key = Key::Gateway("nowhere".parse().expect("an id"));
        marker.due = self.clock.now() + HOUR;
        marker.expires = self.clock.now() + SECOND;
        silence(&mut marker);
        let id = self.put(marker).await;
        self.swept(id, State::Closed, Some(Closed::Expired)).await;
    }

    /// The reports that wait for the mail server, as they would go out.
    async fn reports(&self) -> Vec<String> {
        let items = self.store.lease(&[Key::Mailbox], 100, self.clock.now()).await.expect("a store");
        let mails = items.iter().filter_map(|item| item.payload.mail());
        let reports = mails.map(|mail| String::from_utf8_lossy(&mail.data).into_owned()).collect();
        self.store.give_back(&items.iter().map(|item| item.id).collect::<Vec<_>>());
        reports
    }

    async fn links(&self) -> usize {
        self.store.links(PHONE, self.clock.now()).await.expect("a store").len()
    }

    async fn used(&self) -> u64 {
        self.store.usage(&"alice@example.test".parse().expect("a name"), Month(1)).await.expect("a store")
    }
}

const PHONE: &str = "+12015550123";

fn settings(dir: &Path) -> Settings {
    Settings {
        path: dir.join("martlet.db"),
        min_free: 0,
        keep_closed: 90 * DAY,
        keep_texts: 30 * DAY,
        dedupe: 35 * DAY,
    }
}

fn mailbox(address: &str) -> Mailbox {
    address.parse().expect("a mailbox")
}

/// A text that may go at once, charged one.
fn text(words: &str) -> New {
    new(Content::text(words), 1)
}

/// One that takes three segments.
fn long() -> New {
    new(Content::text("the quick brown fox jumps over the lazy dog ".repeat(9)), 3)
}

/// Three segments of data.
fn data() -> New {
    new(Content { body: martlet::sms::Body::Binary(vec![7; 300]), udh: Vec::new() }, 3)
}

fn new(content: Content, parts: u8) -> New {
    let origin = Origin {
        report_to: Some(mailbox("alice@example.test")),
        reply_to: Some(mailbox("alice@example.test")),
        notify: Notify::default(),
        ret: None,
        envid: Some("env-7".into()),
        orcpt: Some("rfc822;phone@example.test".into()),
        written: "\"sms:+12015550123\"@sms.example.test".into(),
        auto_replied: false,
        arrived: START,
        message_id: Some("m1@example.test".into()),
        references: Vec::new(),
        subject: Some("Lunch".into()),
        original: None,
    };
    let pool = "alice@example.test".parse().expect("a name");
    let refund = Refund { pool, month: Month(1), amount: 1 };
    let charge = Charge { pool: refund.pool.clone(), month: Month(1), amount: 1, limit: None };
    let text = Text {
        trace: martlet::address::Trace::default(),
        to: Destination::try_from(PHONE.to_owned()).expect("a number"),
        content,
        parts,
        reference: 7,
        sender: None,
        sender_required: false,
        wire: None,
        sender_phone: None,
        pid: None,
        dcs: None,
        value: Vec::new(),
        confirms: false,
        charged: Some(refund),
        account: "alice@example.test".parse().expect("a name"),
        origin,
    };
    New {
        id: MessageId::new(),
        key: Key::Any,
        priority: Priority::Normal,
        due: START,
        expires: START + 5 * DAY,
        warn_at: Some(START + 4 * HOUR),
        payload: Payload::Text(text.into()),
        candidates: Vec::new(),
        charge: Some(charge),
        brakes: Vec::new(),
        mate: None,
        fingerprint: None,
        held: None,
        note: None,
        original: None,
    }
}

/// Nobody is told of its end.
fn silence(new: &mut New) {
    new.warn_at = None;
    if let Payload::Text(text) = &mut new.payload {
        text.origin.notify = Notify::NEVER;
    }
}

fn pinned(mut new: New, to: &str) -> New {
    new.key = Key::Gateway(to.parse().expect("an id"));
    new
}

fn fault(scope: Scope, words: &str) -> Fault {
    Fault::new(scope, Enhanced::new(4, 4, 5), words)
}

fn sent() -> Outcome {
    Outcome::Sent(RemoteId::new("r-1"))
}

fn later(scope: Scope) -> Outcome {
    Outcome::Later(fault(scope, "busy"))
}

fn unsure() -> Outcome {
    Outcome::Unsure(fault(Scope::Message, "the line broke"))
}

fn never(scope: Scope) -> Outcome {
    Outcome::Never(Fault::new(scope, Enhanced::new(5, 1, 1), "no such subscriber"))
}

/// Hands that can do what needs no configuration.
fn hands(clock: &Clock) -> Arc<martlet::errand::Hands> {
    let tools = martlet::errand::Tools::new(martlet::errand::Settings::new(clock.clone())).expect("tools");
    Arc::new(martlet::errand::Hands::new(tools, martlet::errand::Databases::default()))
}
