//! Inside the store: the plans of the statements that lanes and sweepers run, at the size where a plan matters.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::{lease::candidates_sql, row::trying_lane, schema};
use crate::{
    ground::{Clock, Timestamp},
    store::{Down, Key, Settings, Store},
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
