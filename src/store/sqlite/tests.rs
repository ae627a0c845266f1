//! Inside the store: the plans of the statements that lanes and sweepers run, at the size where a plan matters.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::{
    lease::{at_hand, candidates_sql, next_known},
    row::trying_lane,
    schema,
};
use crate::{
    ground::{Clock, MessageId, Timestamp},
    store::{About, Begin, Down, Hand, Key, Mail, New, Settings, Store},
};

/// A queue of this many rows, half of them ready, a quarter waiting for their moment, a quarter sent.
const MANY: i64 = 100_000;

async fn full() -> (Store, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("martlet.db");
    let day = Duration::from_secs(86_400);
    let settings = Settings { path: path.clone(), min_free: 0, keep_closed: day, keep_texts: day, dedupe: day };
    let store = Store::open(settings, Clock::manual(Timestamp(0)).0).await.expect("a store");
    let mut conn = schema::writer(&path).await.expect("a connection");
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
        INSERT INTO queue (id, lane, stage, priority, ord, wake, expires, row) \
        SELECT printf('%032x', i), CASE WHEN i % 4 = 3 THEN NULL ELSE '*' END, \
        CASE i % 4 WHEN 2 THEN 1 WHEN 3 THEN 4 ELSE 0 END, i % 3, i, 9e15 + i, 9e15, x'7b7d' FROM n";
    sqlx::query(sql).bind(MANY).execute(&mut conn).await.expect("rows");
    conn.close().await.expect("closed");
    (store, dir)
}

async fn plan(store: &Store, sql: String) -> String {
    let mut conn = store.inner.reader().await.expect("a reader");
    let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&mut *conn).await.expect(&sql);
    rows.iter().map(|row| row.get::<String, _>(3)).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn lanes_and_sweepers_go_by_index() {
    let (store, _dir) = full().await;
    let lease = plan(&store, candidates_sql(2)).await;
    assert_eq!(lease.matches("SEARCH queue USING INDEX queue_lane (lane=? AND stage=?").count(), 8, "{lease}");
    assert!(!lease.contains("SCAN queue") && !lease.contains("TEMP B-TREE"), "{lease}");
    let next = plan(&store, super::lease::next_sql(2)).await;
    assert!(!next.contains("SCAN queue") && !next.contains("SCAN q"), "{next}");
    let trying = plan(&store, "SELECT id FROM queue WHERE lane > '!' AND lane < '!1' LIMIT 1".to_owned()).await;
    assert!(trying.contains("queue_lane (lane>? AND lane<?)"), "{trying}");
    let talks = plan(&store, super::gateways::TALKS.to_owned()).await;
    assert!(talks.contains("SEARCH l USING PRIMARY KEY (phone=? AND message=?)"), "{talks}");
    assert!(!talks.contains("SCAN l"), "{talks}");
    for sql in [super::read::OVERDUE, super::read::LATE] {
        let plan = plan(&store, format!("SELECT q.id FROM queue q WHERE {sql}")).await;
        assert!(plan.contains("queue_wake (wake<?)") && !plan.contains("TEMP B-TREE"), "{plan}");
    }
    store.close().await;
}

#[tokio::test]
async fn a_long_queue_does_not_slow_a_lane() {
    let (store, _dir) = full().await;
    let began = Instant::now();
    let rounds = 100;
    for _ in 0..rounds {
        let mut conn = store.inner.reader().await.expect("a reader");
        let query = sqlx::query(AssertSqlSafe(candidates_sql(1))).bind(1_000_000i64).bind(100i64).bind("*");
        assert_eq!(query.fetch_all(&mut *conn).await.expect("rows").len(), 400);
        drop(conn);
        store.next_due(&[Key::Mailbox]).await.expect("a store");
    }
    // Reading a hundred thousand rows would take 20 ms and more, each time.
    let each = began.elapsed() / rounds;
    assert!(each < Duration::from_millis(15), "{each:?}");
    store.close().await;
}

#[tokio::test]
async fn connections_are_durable_and_tell_a_full_disk() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("new.db");
    assert!(schema::writer(&path).await.is_err(), "the file is made with its mode first");
    super::files::make(&path).expect("made");
    let mut conn = schema::writer(&path).await.expect("a connection");
    let pragmas = [
        ("PRAGMA auto_vacuum", 2),
        ("PRAGMA secure_delete", 2),
        ("PRAGMA synchronous", 2),
        ("PRAGMA wal_autocheckpoint", 0),
    ];
    for (pragma, expected) in pragmas {
        let value: i64 = sqlx::query(pragma).fetch_one(&mut conn).await.expect(pragma).get(0);
        assert_eq!(value, expected, "{pragma}");
    }
    sqlx::raw_sql("CREATE TABLE t (x BLOB); PRAGMA max_page_count = 8").execute(&mut conn).await.expect("a table");
    let error = sqlx::query("INSERT INTO t VALUES (zeroblob(1000000))").execute(&mut conn).await.expect_err("full");
    assert_eq!(schema::down(&error), Down::Full);
}

#[test]
fn epochs_sort_as_numbers() {
    assert!(trying_lane(9) < trying_lane(10) && trying_lane(10) < trying_lane(i64::MAX));
    assert!(trying_lane(i64::MAX).as_str() < super::row::ANSWERED);
    let id = |name: &str| name.parse().expect("an id");
    let several = Key::Several(vec![id("a"), id("b-2")]);
    let crafts = crate::store::Craft::ALL.map(Key::Errand);
    let others = [Key::Any, Key::Mailbox, Key::Gateway(id("main")), Key::Group(id("main")), several];
    for key in others.into_iter().chain(crafts) {
        let lane = super::row::lane_of(&key);
        assert!(lane > trying_lane(i64::MAX));
        assert_eq!(super::row::key_of(&lane), Some(key));
    }
    assert_eq!(super::row::key_of("?"), None);
}

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const LATER: Duration = Duration::from_secs(5);

fn mail(octets: usize, due: Timestamp) -> New {
    let mail = Mail {
        from: None,
        to: "alice@example.test".parse().expect("a mailbox"),
        ladder: Vec::new(),
        message_id: "m@example.test".into(),
        data: vec![b'x'; octets].into(),
        about: About::Report(None),
    };
    New { due, ..New::mail(mail, NOW, Timestamp::NEVER) }
}

/// A store whose lane of mails has looked and found nothing, and its clock.
async fn idle() -> (Store, crate::ground::Hand, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    let day = Duration::from_secs(86_400);
    let path = dir.path().join("martlet.db");
    let settings = Settings { path, min_free: 0, keep_closed: day, keep_texts: day, dedupe: day };
    let (clock, hand) = Clock::manual(NOW);
    let store = Store::open(settings, clock).await.expect("a store");
    look(&store).await;
    (store, hand, dir)
}

const MAILS: [Key; 1] = [Key::Mailbox];

/// What a lane does when it has nothing to do: which items it got, and when the next falls due.
async fn look(store: &Store) -> (Vec<MessageId>, Option<Timestamp>) {
    let now = store.inner.shared.clock.now();
    let items = store.lease(&MAILS, 10, now).await.expect("store");
    let next = store.next_due(&MAILS).await.expect("store");
    (items.into_iter().map(|item| item.id).collect(), next)
}

/// What it would be given without a look into the database.
fn handed(store: &Store, limit: usize) -> Option<Vec<MessageId>> {
    let shared = &store.inner.shared;
    let items = at_hand(shared, &[(Key::Mailbox, limit)], limit, shared.clock.now())?;
    Some(items.into_iter().map(|item| item.id).collect())
}

async fn put(store: &Store, new: New) -> MessageId {
    let id = new.id;
    store.put(vec![new], false).await.expect("store")[0].as_ref().expect("it is taken");
    id
}

fn begin(id: MessageId) -> Vec<Begin> {
    vec![Begin { id, gateway: None, parts: 0..0, frozen: None, link: None, spend: None, ours: None }]
}

#[tokio::test]
async fn an_idle_lane_is_handed_what_comes() {
    let (store, _hand, _dir) = idle().await;
    assert_eq!(handed(&store, 10), Some(vec![]));
    let (one, two) = (put(&store, mail(9, NOW)).await, put(&store, mail(9, NOW)).await);
    assert_eq!(next_known(&store.inner.shared, &MAILS), Some(Some(NOW)), "something is due");
    assert_eq!(handed(&store, 10), Some(vec![one, two]));
    assert_eq!(handed(&store, 10), Some(vec![]), "each once");
    assert_eq!(next_known(&store.inner.shared, &MAILS), Some(None));
    assert_eq!(store.begin(begin(one)).await.expect("store"), [Some(1)], "it was leased");
    store.give_back(&[two]);
    assert_eq!(handed(&store, 10), None, "what is given back is looked for");
    assert_eq!(look(&store).await.0, [two]);
    store.close().await;
}

#[tokio::test]
async fn what_new_items_do_not_explain_is_looked_for() {
    let (store, hand, _dir) = idle().await;
    let one = put(&store, mail(9, NOW)).await;
    assert!(store.admin(one, Hand::Hold).await.expect("store"));
    assert_eq!(handed(&store, 10), Some(vec![one]), "as it was when it came");
    assert_eq!(store.begin(begin(one)).await.expect("store"), [None], "and it does not begin");
    assert!(store.admin(one, Hand::Release).await.expect("store"));
    assert_eq!(handed(&store, 10), None);
    assert_eq!(look(&store).await.0, [one]);

    let late = put(&store, mail(9, NOW + LATER)).await;
    assert_eq!(next_known(&store.inner.shared, &MAILS), Some(Some(NOW + LATER)));
    assert_eq!(handed(&store, 10), Some(vec![]));
    hand.advance(LATER);
    assert_eq!(handed(&store, 10), None, "its moment has come");
    assert_eq!(look(&store).await.0, [late]);

    let (first, second) = (put(&store, mail(9, NOW)).await, put(&store, mail(9, NOW)).await);
    assert_eq!(handed(&store, 1), None, "who goes first is the database's to say");
    assert_eq!(look(&store).await.0, [first, second]);
    let large = put(&store, mail(1 << 20, NOW)).await;
    assert_eq!(handed(&store, 10), None, "nobody keeps it in memory");
    assert_eq!(look(&store).await.0, [large]);

    hand.advance(Duration::from_secs(60));
    assert_eq!(handed(&store, 10), None, "that there is nothing else is not believed for ever");
    assert_eq!(look(&store).await, (vec![], None));
    assert_eq!(handed(&store, 10), Some(vec![]));
    store.close().await;
}

/// A commit between the look and the knowledge: whatever was put before, during or after it is found.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_falls_between_a_look_and_a_commit() {
    let (store, _hand, _dir) = idle().await;
    let store = std::sync::Arc::new(store);
    let puts: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..100 {
                    put(&store, mail(9, NOW)).await;
                }
            })
        })
        .collect();
    let mut begun = std::collections::HashSet::new();
    while begun.len() < 400 {
        let changed = store.changed(&Key::Mailbox);
        let (ids, next) = look(&store).await;
        let idle = ids.is_empty() && next.is_none_or(|due| due > NOW);
        for id in ids {
            if store.begin(begin(id)).await.expect("store") == [Some(1)] {
                assert!(begun.insert(id), "each begins once");
            }
        }
        if idle && begun.len() < 400 {
            let found = tokio::time::timeout(Duration::from_secs(60), changed).await;
            assert!(found.is_ok(), "{} of 400 were found, the rest is overlooked", begun.len());
        }
    }
    for put in puts {
        put.await.expect("they are put");
    }
    store.close().await;
}
