//! What a message costs the store: processor time and messages a second for put → lease → begin → settle, with the
//! batches that arise by themselves from 1, 10 and 50 tasks at once, and for put alone in batches of one mail's
//! recipients. `cargo bench --bench store [messages]`.
#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use martlet::{
    address::Destination,
    ground::{Clock, GatewayId, MessageId, RemoteId},
    sms::Content,
    smtp::Notify,
    store::*,
};

const DAY: Duration = Duration::from_secs(86_400);

fn main() {
    let messages = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(10_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        for batch in [1, 32, 100] {
            puts(messages, batch).await;
        }
        for tasks in [1, 10, 50] {
            journeys(messages, tasks).await;
        }
    });
}

/// Processor time of this process so far.
fn cpu() -> Duration {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).expect("getrusage");
    let micros = |t: nix::sys::time::TimeVal| t.tv_sec() as u64 * 1_000_000 + t.tv_usec() as u64;
    Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time()))
}

struct Watch(Instant, Duration);

impl Watch {
    fn start() -> Self {
        Self(Instant::now(), cpu())
    }

    fn tell(&self, what: &str, messages: usize) {
        let (wall, used) = (self.0.elapsed(), cpu() - self.1);
        let each = used.as_secs_f64() * 1e6 / messages as f64;
        let rate = messages as f64 / wall.as_secs_f64();
        println!("{what:<44} {each:8.1} µs CPU a message {rate:9.0} messages/s");
    }
}

async fn open() -> (Store, Clock, tempfile::TempDir) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let settings = Settings {
        path: dir.path().join("martlet.db"),
        min_free: 0,
        keep_closed: 90 * DAY,
        keep_texts: 30 * DAY,
        dedupe: 35 * DAY,
    };
    let clock = Clock::system();
    (Store::open(settings, clock.clone()).await.expect("a store"), clock, dir)
}

async fn puts(messages: usize, batch: usize) {
    let (store, clock, _dir) = open().await;
    let rounds = messages.min(batch * 1000) / batch;
    let work: Vec<Vec<New>> = (0..rounds).map(|_| (0..batch).map(|_| new(&clock)).collect()).collect();
    let watch = Watch::start();
    for batch in work {
        assert!(store.put(batch, true).await.expect("a store").iter().all(Result::is_ok));
    }
    watch.tell(&format!("put, {batch} in a batch"), rounds * batch);
    store.close().await;
}

async fn journeys(messages: usize, tasks: usize) {
    let (store, clock, _dir) = open().await;
    let each = messages.min(tasks * 1000) / tasks;
    // Made in turn, so that what is put together has ids of one moment, as mails have that arrive together.
    let mut put: Vec<Vec<New>> = (0..tasks).map(|_| Vec::with_capacity(each)).collect();
    for n in 0..tasks * each {
        put[n % tasks].push(new(&clock));
    }
    let watch = Watch::start();
    let step = Watch::start();
    let mut running = Vec::new();
    for own in put {
        let store = store.clone();
        running.push(tokio::spawn(async move {
            for new in own {
                assert!(store.put(vec![new], false).await.expect("a store")[0].is_ok());
            }
        }));
    }
    for task in running.drain(..) {
        task.await.expect("a task");
    }
    step.tell(&format!("put, {tasks} at once"), tasks * each);

    // A lane of a window of 100: it leases, and as many tasks as asked for begin and settle.
    let step = Watch::start();
    loop {
        let items = store.lease(&[Key::Any], 100, clock.now()).await.expect("a store");
        if items.is_empty() {
            break;
        }
        let ids: Vec<_> = items.iter().map(|item| item.id).collect();
        for own in ids.chunks(ids.len().div_ceil(tasks)) {
            running.push(tokio::spawn(attempts(store.clone(), clock.clone(), own.to_vec())));
        }
        for task in running.drain(..) {
            task.await.expect("a task");
        }
    }
    step.tell(&format!("lease, begin, settle, {tasks} at once"), tasks * each);
    watch.tell(&format!("all of it, {tasks} at once"), tasks * each);
    store.close().await;
}

async fn attempts(store: Store, clock: Clock, ids: Vec<MessageId>) {
    let gateway: GatewayId = "main".parse().expect("an id");
    for id in ids {
        let link = NewLink {
            phone: "+15550001111".into(),
            gateway: gateway.clone(),
            number: None,
            mailbox: "alice@example.test".parse().expect("an address"),
            expires: clock.now() + DAY,
        };
        let begin = Begin {
            id,
            gateway: Some(gateway.clone()),
            parts: 0..1,
            frozen: None,
            link: Some(link),
            spend: None,
            ours: None,
        };
        let attempt = store.begin(vec![begin]).await.expect("a store")[0].expect("it begins");
        let settle = Settle {
            id,
            attempt,
            segments: vec![(0, SegmentState::Sent, RemoteId::new(&id.to_string()))],
            next: Next::Sent { until: clock.now() + DAY },
            fault: None,
            event: "sent",
            errands: Vec::new(),
            refund: None,
            unlink: false,
            dead: None,
            withdraw: false,
        };
        assert!(store.settle(settle).await);
    }
}

fn new(clock: &Clock) -> New {
    let now = clock.now();
    let mailbox = || "alice@example.test".parse().expect("an address");
    let id = MessageId::new();
    let mut hash = [0; 32];
    hash.copy_from_slice(id.to_string().as_bytes());
    let original = Original {
        id: OriginalId(id),
        headers: Arc::from("Received: from mail.example.test\r\n".repeat(12).into_bytes()),
        body: Some(Arc::from(&b"The disk of host seven is nearly full.\r\n"[..])),
    };
    let origin = Origin {
        report_to: Some(mailbox()),
        reply_to: Some(mailbox()),
        notify: Notify::default(),
        ret: None,
        envid: None,
        orcpt: None,
        written: "sms:+15550001111@sms.example.test".into(),
        auto_replied: false,
        arrived: now,
        message_id: Some(format!("{id}@example.test")),
        references: Vec::new(),
        subject: Some("Disk nearly full".into()),
        original: Some(original.id),
    };
    let text = Text {
        trace: martlet::address::Trace::default(),
        to: Destination::try_from("+15550001111".to_owned()).expect("a number"),
        content: Content::text("The disk of host seven is nearly full. 4 percent are left of 2 TB."),
        parts: 1,
        reference: 7,
        sender: None,
        sender_required: false,
        wire: None,
        sender_phone: None,
        pid: None,
        dcs: None,
        value: Vec::new(),
        account: "alice@example.test".parse().expect("a name"),
        confirms: false,
        charged: None,
        origin,
    };
    let pool = "alice@example.test".parse().expect("a name");
    New {
        id,
        key: Key::Any,
        priority: Priority::Normal,
        due: now,
        expires: now + 5 * DAY,
        warn_at: Some(now + DAY / 6),
        payload: Payload::Text(text.into()),
        candidates: Vec::new(),
        charge: Some(Charge { pool, month: Month(24_000), amount: 1, limit: Some(10_000_000) }),
        brakes: Vec::new(),
        mate: None,
        fingerprint: Some(Fingerprint { hash, until: now + DAY / 24 }),
        held: None,
        note: None,
        original: Some(original.into()),
    }
}
