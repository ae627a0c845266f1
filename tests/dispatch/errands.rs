//! Errands of rules in the queue: warned of, expired, cut off by a crash, cancelled.

use libtest_mimic::Trial;
use martlet::{
    dispatch::hand::{Did, Wish, hand},
    errand::{Database, Databases, Engine, Prepared},
    rules::deed::{Call, Program, Statement},
    store::{Begin, Craft, Deed, Errand},
};

use super::*;
use crate::support::{
    run_async,
    sink::{Answer, Provider},
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("time: the postmaster is warned of an errand once, and told of its end once an hour for a rule", || {
            run_async(told())
        }),
        trial("errands: what a crash cut off is done again, under the same id", || run_async(cut_off())),
        trial("errands: a lane goes on until nothing is left, whatever begins meanwhile", || run_async(all_of_them())),
        trial("errands: Retry-After is honoured", || run_async(put_off())),
        trial("errands: cancelled, it is kept as a dead letter", || run_async(cancelled())),
    ]
}

fn errand(script: &str, now: Timestamp) -> New {
    let program = Program {
        words: ["/bin/sh", "-c", script].map(str::to_owned).into(),
        env: [].into(),
        dir: None,
        timeout: PATIENCE,
        input: "{}".to_owned(),
        mail: false,
    };
    let errand = Errand {
        rule: "alarm".to_owned(),
        about: None,
        trace: martlet::address::Trace::default(),
        answers: None,
        otherwise: None,
        deed: Deed::Run(program),
    };
    New::errand(errand, now, now + 5 * DAY, now + 4 * HOUR)
}

/// Waits until so many notices wait for the mail server, while the sweeper is given a second now and then.
async fn notices(w: &World, count: usize) -> Vec<String> {
    let wait = async {
        loop {
            let reports = w.reports().await;
            if reports.len() >= count {
                return reports;
            }
            w.hand.advance(SECOND);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("not {count} notices"))
}

async fn told() {
    let w = World::new(&[]).await;
    let (one, two) = (w.put(errand("exit 0", START)).await, w.put(errand("exit 0", START)).await);
    w.hand.advance(4 * HOUR);
    let warned = notices(&w, 1).await;
    assert!(warned[0].contains("tried again until") && warned[0].contains("run /bin/sh"), "{}", warned[0]);
    w.has_swept().await;
    assert_eq!(w.reports().await.len(), 1, "one for both");
    let before = w.store.counts().await.expect("a store").dead_letters;
    // The warning itself has some time left.
    w.hand.advance(5 * DAY - 4 * HOUR);
    for id in [one, two] {
        w.swept(id, State::Closed, Some(Closed::Expired)).await;
    }
    let all = notices(&w, 2).await;
    assert_eq!(all.iter().filter(|notice| notice.contains("not tried again")).count(), 1);
    assert_eq!(all.len(), 2);
    let kept = w.store.counts().await.expect("a store").dead_letters;
    assert_eq!(kept, before + 2);
    let shown = w.show(one).await;
    assert_eq!((&*shown.kind, shown.to.as_str()), ("run", "/bin/sh"));
}

async fn cut_off() {
    let w = World::new(&[]).await;
    let id = w.put(errand("grep -q '\"attempt\":2'", w.clock.now())).await;
    let leased = w.store.lease(&[Key::Errand(Craft::Run)], 10, w.clock.now()).await.expect("a store");
    assert_eq!(leased.iter().map(|item| item.id).collect::<Vec<_>>(), [id]);
    let begin = Begin { id, gateway: None, parts: 0..1, frozen: None, link: None, spend: None, ours: None };
    assert_eq!(w.store.begin(vec![begin]).await.expect("a store"), [Some(1)]);
    let mut w = w.crash(&[]).await;
    let waits = w.reaches(id, State::Waiting, None).await;
    assert!(waits.cause.as_deref().is_some_and(|why| why.contains("stopped")), "{:?}", waits.cause);
    w.loops.spawn(dispatch::errands::run(w.shared.clone()));
    let done = w.reaches(id, State::Closed, Some(Closed::Relayed)).await;
    assert_eq!(done.attempts, 2);
    let counts = w.store.counts().await.expect("a store");
    assert_eq!((counts.errands_waiting, counts.trying), (0, 0));
}

/// Nobody turns the clock: a lane that misses something due sleeps for ever.
async fn all_of_them() {
    let mut w = World::new(&[]).await;
    let path = w.dir.path().join("crm.db");
    std::fs::write(&path, "").expect("an empty database");
    let crm = Database { name: "crm".into(), engine: Engine::Sqlite(path), connections: 2, timeout: PATIENCE };
    let one = Prepared { name: "one".into(), database: "crm".into(), sql: "SELECT 1".into() };
    w.shared.errands.replace(Databases::new(&[crm], &[one]));
    let now = w.clock.now();
    let statement = |_| {
        let New { payload: Payload::Errand(mut errand), .. } = errand("", now) else { panic!("an errand") };
        errand.deed = Deed::Sql(Statement { name: "one".into(), values: Vec::new() });
        New::errand(*errand, now, now + 5 * DAY, now + 4 * HOUR)
    };
    w.store.put((0..1000).map(statement).collect(), false).await.expect("a store");
    w.loops.spawn(dispatch::errands::run(w.shared.clone()));
    let done = async {
        loop {
            let counts = w.store.counts().await.expect("a store");
            if (counts.errands_waiting, counts.trying) == (0, 0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(3 * PATIENCE, done).await.expect("all of them are done");
}

async fn put_off() {
    let mut w = World::new(&[]).await;
    let busy = |_: &_| Answer::With(429, "Retry-After: 7200\r\n".to_owned(), "slowly".to_owned());
    let provider = Provider::start(busy);
    let url = format!("http://127.0.0.1:{}/", provider.port);
    let call = Call { place: url.clone(), url, body: None, headers: [].into(), timeout: PATIENCE, answers_by: None };
    let New { payload, .. } = errand("", START);
    let Payload::Errand(mut payload) = payload else { panic!("an errand") };
    payload.deed = Deed::Call(call);
    let now = w.clock.now();
    let id = w.put(New::errand(*payload, now, now + 5 * DAY, now + 4 * HOUR)).await;
    w.loops.spawn(dispatch::errands::run(w.shared.clone()));
    provider.seen.wait("the call", |_| true);
    let shown = w.reaches(id, State::Waiting, None).await;
    assert_eq!(shown.next, Some(now + 2 * HOUR), "{:?}", shown.cause);
    assert_eq!(shown.cause.as_deref(), Some("the server answered 429: slowly"));
}

async fn cancelled() {
    let w = World::new(&[]).await;
    let id = w.put(errand("exit 0", w.clock.now())).await;
    assert_eq!(w.store.counts().await.expect("a store").errands_waiting, 1);
    assert!(matches!(hand(&w.shared, id, Wish::Hold).await.expect("a store"), Did::Done(_)));
    assert!(matches!(hand(&w.shared, id, Wish::Cancel).await.expect("a store"), Did::Done(_)));
    w.reaches(id, State::Closed, Some(Closed::Cancelled)).await;
    let counts = w.store.counts().await.expect("a store");
    assert_eq!((counts.errands_waiting, counts.held, counts.dead_letters), (0, 0, 1));
}
