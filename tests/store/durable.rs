//! The files: crashes, a locked database, a full disk, readers beside the daemon, forgetting.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use libtest_mimic::Trial;
use martlet::store::*;
use sqlx::{Connection, Row, SqliteConnection};

use super::*;
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("store::durable::files_are_their_owners", || run_async(files_are_their_owners())),
        trial("store::durable::sqlite_is_set_up", || run_async(sqlite_is_set_up())),
        trial("store::durable::a_second_daemon_is_refused", || run_async(a_second_daemon_is_refused())),
        trial("store::durable::closing_writes_what_waits", || run_async(closing_writes_what_waits())),
        trial("store::durable::a_bad_operation_fails_alone", || run_async(a_bad_operation_fails_alone())),
        trial("store::durable::a_settlement_waits_for_the_lock", || run_async(a_settlement_waits_for_the_lock())),
        trial("store::durable::little_disk_left", || run_async(little_disk_left())),
        trial("store::durable::ready_means_that_it_can_be_written", || run_async(ready_means_writable())),
        trial("store::durable::reading_beside_the_daemon", || run_async(reading_beside_the_daemon())),
        trial("store::durable::texts_go_before_histories", || run_async(texts_go_before_histories())),
        trial("store::durable::newer_tables_are_refused", || run_async(newer_tables_are_refused())),
        trial("store::durable::the_log_is_moved_while_it_runs", || run_async(the_log_is_moved())),
        trial("store::durable::the_log_stays_small_under_constant_writing", || run_async(the_log_stays_small())),
        trial("store::durable::an_old_attempt_is_told_from_its_own", || run_async(epochs())),
    ]
}

pub async fn raw(w: &World) -> SqliteConnection {
    let path = w.dir.path().join("deep/martlet.db");
    SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.expect("a connection")
}

async fn number(conn: &mut SqliteConnection, sql: &'static str) -> i64 {
    sqlx::query(sql).fetch_one(conn).await.expect("a row").get(0)
}

async fn files_are_their_owners() {
    let w = World::new().await;
    w.put(text()).await;
    for name in ["martlet.db", "martlet.db-wal", "martlet.db-shm", "martlet.db.lock"] {
        let mode = w.dir.path().join("deep").join(name).metadata().expect(name).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(w.dir.path().join("deep").metadata().expect("deep").permissions().mode() & 0o777, 0o700);
}

async fn sqlite_is_set_up() {
    let w = World::new().await;
    let mut conn = raw(&w).await;
    assert_eq!(number(&mut conn, "PRAGMA auto_vacuum").await, 2, "incremental");
    let mode: String = sqlx::query("PRAGMA journal_mode").fetch_one(&mut conn).await.expect("a row").get(0);
    assert_eq!(mode, "wal");
}

async fn a_second_daemon_is_refused() {
    let w = World::new().await;
    let Err(Down::Broken(why)) = Store::open(settings(w.dir.path()), w.clock.clone()).await else {
        panic!("two daemons on one store");
    };
    assert!(why.contains("another martlet is running"), "{why}");
    w.store.close().await;
    Store::open(settings(w.dir.path()), w.clock.clone()).await.expect("after the first has closed");
}

async fn closing_writes_what_waits() {
    let w = World::new().await;
    let puts: Vec<_> = (0..20)
        .map(|_| {
            let store = w.store.clone();
            tokio::spawn(async move { store.put(vec![text()], false).await })
        })
        .collect();
    tokio::task::yield_now().await;
    w.store.close().await;
    let mut written = 0;
    for put in puts {
        match put.await.expect("task") {
            Ok(_) => written += 1,
            Err(down) => assert!(matches!(down, Down::Broken(_))),
        }
    }
    assert!(matches!(w.store.put(vec![text()], false).await, Err(Down::Broken(_))));
    assert!(!w.store.settle(settle(MessageId::new(), 1, Next::Closed(Closed::Failed), "failed")).await);
    let log = w.dir.path().join("deep/martlet.db-wal");
    assert!(log.metadata().map_or(true, |meta| meta.len() == 0), "the log is emptied");
    let again = Store::open(settings(w.dir.path()), w.clock.clone()).await.expect("a store");
    assert_eq!(again.counts().await.expect("store").waiting, written);
}

async fn a_bad_operation_fails_alone() {
    let w = World::new().await;
    let there = text();
    let id = w.put(there.clone()).await;
    // All are handed over before the writer runs, so they make one batch; one of them collides.
    let mut tasks = Vec::new();
    for n in 0..20 {
        let new = if n == 7 { there.clone() } else { text() };
        let store = w.store.clone();
        tasks.push(tokio::spawn(async move { store.put(vec![new], false).await }));
    }
    for (n, task) in tasks.into_iter().enumerate() {
        let answer = task.await.expect("task");
        assert_eq!(answer.is_err(), n == 7, "{n}: {answer:?}");
    }
    assert_eq!(w.store.counts().await.expect("store").waiting, 20, "nothing is counted twice");
    // A settlement whose report is there already is written all the same.
    let n = w.begin(id).await;
    let ndr = report(id);
    w.put(ndr.clone()).await;
    let failed = Settle { errands: vec![ndr, report(id)], ..settle(id, n, Next::Closed(Closed::Failed), "failed") };
    assert!(w.store.settle(failed).await);
    assert_eq!(w.store.counts().await.expect("store").mails_waiting, 2);
}

async fn a_settlement_waits_for_the_lock() {
    let w = World::new().await;
    let (id, n) = w.tried().await;
    let other = w.put(text()).await;
    let item = w.lease(other).await;
    let mut conn = raw(&w).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut conn).await.expect("the lock");
    let settling = tokio::spawn({
        let store = w.store.clone();
        async move { store.settle(sent(id, n, "r")).await }
    });
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(!settling.is_finished());
    let begun = w.store.begin(vec![begin(&item)]).await;
    assert!(matches!(begun, Err(Down::Broken(_))), "nothing begins before it is written");
    sqlx::query("ROLLBACK").execute(&mut conn).await.expect("unlocked");
    let settled = tokio::time::timeout(Duration::from_secs(10), settling).await.expect("in time").expect("task");
    assert!(settled);
    assert_eq!(w.state(id).await, (State::Sent, None));
    assert_eq!(w.begin(other).await, 1);
}

async fn little_disk_left() {
    let w = World::new().await;
    let (id, n) = w.tried().await;
    let (late, waiting) = (w.put(text()).await, w.put(text()).await);
    w.store.close().await;
    let full = Settings { min_free: u64::MAX, ..settings(w.dir.path()) };
    let store = Store::open(full, w.clock.clone()).await.expect("a store");
    assert_eq!(store.put(vec![text()], false).await, Err(Down::Full));
    assert_eq!(store.take(Vec::new()).await, Err(Down::Full));
    assert!(store.settle(unsure(id, n, vec![report(id)])).await);
    assert!(store.warn(late, Some(report(late)), None).await.expect("store"));
    assert!(store.receipt(receipt("x", SegmentState::Delivered)).await.expect("store").is_none());
    let items = store.lease(&[Key::Any], 10, w.now()).await.expect("store");
    let item = items.iter().find(|item| item.id == waiting).expect("leased");
    assert_eq!(store.begin(vec![begin(item)]).await.expect("store"), [Some(1)]);
}

async fn reading_beside_the_daemon() {
    let w = World::new().await;
    let id = w.put(text()).await;
    let reader = Store::open_readonly(settings(w.dir.path()), w.clock.clone()).await.expect("a reader");
    assert_eq!(reader.list(Filter::default()).await.expect("store")[0].id, id);
    let second = w.put(text()).await;
    assert!(reader.show(second).await.expect("store").is_some(), "it sees what is written later");
    assert!(matches!(reader.put(vec![text()], false).await, Err(Down::Broken(_))));
    assert!(!reader.settle(settle(id, 0, Next::Closed(Closed::Expired), "expired")).await);
    reader.close().await;
    w.store.close().await;
    let alone = Store::open_readonly(settings(w.dir.path()), w.clock.clone()).await.expect("without a daemon");
    assert_eq!(alone.counts().await.expect("store").waiting, 2);
    let nowhere = settings(&w.dir.path().join("nowhere"));
    assert!(matches!(Store::open_readonly(nowhere, w.clock.clone()).await, Err(Down::Broken(_))));
}

async fn texts_go_before_histories() {
    let w = World::new().await;
    let original = Original { id: OriginalId(MessageId::new()), headers: Arc::from(&b"x"[..]), body: None };
    let original_id = original.id;
    let fingerprint = Some(Fingerprint { hash: [1; 32], until: START + HOUR });
    let id = w.put(New { original: Some(original.into()), fingerprint, ..text() }).await;
    let n = w.begin(id).await;
    assert!(w.store.settle(sent(id, n, "r")).await);
    assert!(w.store.settle(settle(id, 0, Next::Closed(Closed::Relayed), "relayed")).await);
    let open = w.put(New { expires: START + 400 * DAY, ..text() }).await;
    let letter = DeadLetter { kind: "bounce", about: None, cause: "x".into(), data: vec![1] };
    w.store.bury(letter).await.expect("store");
    assert_eq!(w.store.purge(w.now()).await.expect("store"), 0);

    let mut conn = raw(&w).await;
    w.hand.advance(31 * DAY);
    assert_eq!(w.store.purge(w.now()).await.expect("store"), 4, "text, original, link, fingerprint");
    assert_eq!(number(&mut conn, "SELECT count(*) FROM body").await, 1, "what is open keeps its text");
    assert_eq!(
        number(&mut conn, "SELECT (SELECT count(*) FROM link) + (SELECT count(*) FROM fingerprint_young)").await,
        0
    );
    assert!(w.store.original(original_id).await.expect("store").is_none());
    assert_eq!(w.state(id).await, (State::Closed, Some(Closed::Relayed)), "the history stays");
    w.hand.advance(60 * DAY);
    assert!(w.store.purge(w.now()).await.expect("store") >= 2);
    assert!(w.store.show(id).await.expect("store").is_none());
    assert_eq!(w.state(open).await, (State::Waiting, None));
    let left = "SELECT (SELECT count(*) FROM ref) + (SELECT count(*) FROM dead) + (SELECT count(*) FROM closed)";
    assert_eq!(number(&mut conn, left).await, 0);
    assert_eq!(number(&mut conn, "SELECT count(*) FROM event").await, 1);
    assert_eq!(w.store.counts().await.expect("store").dead_letters, 0);
}

async fn ready_means_writable() {
    let w = World::new().await;
    assert!(w.store.ready().await.is_ok());
    let before = w.store.counts().await.expect("counts").waiting;
    let mut other = raw(&w).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("the lock");
    assert!(matches!(w.store.ready().await, Err(Down::Broken(_))), "locked by another program");
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("unlocked");
    assert!(w.store.ready().await.is_ok());
    // A database that takes no writes any more: what SQLite says when its file system became read-only.
    let refuse = "CREATE TRIGGER no_writes BEFORE INSERT ON tally BEGIN SELECT RAISE(FAIL, 'read-only'); END";
    sqlx::query(refuse).execute(&mut other).await.expect("a trigger");
    assert!(matches!(w.store.ready().await, Err(Down::Broken(_))), "not to be written");
    assert_eq!(w.store.counts().await.expect("counts").waiting, before, "reading it still works");
}

async fn newer_tables_are_refused() {
    let w = World::new().await;
    w.store.close().await;
    let mut conn = raw(&w).await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
        VALUES (9999, 'later', 1, x'00', 0)";
    sqlx::query(newer).execute(&mut conn).await.expect("a row");
    let Err(Down::Broken(why)) = Store::open(settings(w.dir.path()), w.clock.clone()).await else {
        panic!("tables of a newer version");
    };
    assert!(why.contains("9999") && why.contains("newer"), "{why}");
}

async fn epochs() {
    let w = World::new().await;
    let (id, n) = w.tried().await;
    let c = w.crash().await;
    let d = c.crash().await;
    assert_eq!(d.store.interrupted(10).await.expect("store")[0].id, id, "two restarts later too");
    let other = d.put(text()).await;
    d.begin(other).await;
    assert_eq!(d.store.interrupted(10).await.expect("store").len(), 1, "not what it began itself");
    assert!(d.store.settle(sent(id, n, "r")).await);
}

async fn the_log_is_moved() {
    let w = World::new().await;
    let database = w.dir.path().join("deep/martlet.db");
    let small = database.metadata().expect("a file").len();
    for _ in 0..6 {
        w.store.put((0..1000).map(|_| text()).collect(), false).await.expect("store");
    }
    for _ in 0..100 {
        if database.metadata().expect("a file").len() > small + (1 << 20) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("six megabytes stand in the log and none in the database");
}

/// A passive checkpoint never catches up with a writer that does not pause; the log must begin anew all the same.
async fn the_log_stays_small() {
    let w = World::new().await;
    let body: Arc<[u8]> = vec![b'x'; 150_000].into();
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let (store, body) = (w.store.clone(), body.clone());
            tokio::spawn(async move {
                for _ in 0..250 {
                    let id = OriginalId(MessageId::new());
                    let original = Original { id, headers: Arc::from(&b"Subject: x"[..]), body: Some(body.clone()) };
                    let new = New { original: Some(Arc::new(original)), ..text() };
                    store.put(vec![new], false).await.expect("store")[0].expect("queued");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("task");
    }
    let log = w.dir.path().join("deep/martlet.db-wal").metadata().expect("the log").len();
    assert!(log < 200 << 20, "300 MB were written, the log has {} MiB", log >> 20);
}
