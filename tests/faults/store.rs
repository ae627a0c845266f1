//! The store's disk: full, read-only, broken, locked by somebody else, corrupted.

use std::{os::unix::fs::FileExt, path::Path, process::Command};

use libtest_mimic::Trial;
use sqlx::{Connection, SqliteConnection};

use super::{PHONE, World, at, daemon};
use crate::support::{
    faults::Disk,
    http::call,
    process::until,
    provider::{Act, Provider},
    run_async, trial,
};

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, disk, code, enhanced) in [
        ("full", Disk::Full, 452, "4.3.1"),
        ("read-only", Disk::ReadOnly, 451, "4.3.0"),
        ("broken", Disk::Broken, 451, "4.3.0"),
    ] {
        trials.push(trial(&format!("faults: the disk is {name} for a while"), move || {
            run_async(for_a_while(disk, code, enhanced));
        }));
    }
    trials.push(trial("faults: the store is locked by somebody else for a while", || run_async(locked())));
    trials.push(trial("faults: a daemon does not start on a folder that cannot be written", read_only_at_start));
    trials.push(trial("faults: a file that is no database is left alone, and told", no_database));
    trials.push(trial("faults: a corrupted store takes nothing and says so", || run_async(corrupted())));
    let small = trial("faults: a small disk fills up, and grows", small_disk);
    // Where nobody may mount, the disk that is full for a while must do.
    trials.push(if may_mount() { small } else { small.with_ignored_flag(true) });
    trials
}

const TO: &str = "+12015550123@sms.example.test";

/// Every door says to come back later, and `/readyz` says why.
fn refuses(world: &World, code: u16, enhanced: &str) {
    let reply = world.try_text(TO, "nothing of this may be kept");
    assert_eq!((reply.code, reply.enhanced()), (code, enhanced), "{reply:?}");
    let (status, body) = world.martlet.phone("GET", PHONE, "nor of this").expect("a call");
    assert!(status == 503 && body.contains(enhanced), "{status} {body}");
    let (status, why) = world.readyz();
    assert!(status == 503 && !why.trim().is_empty(), "{status} {why}");
    assert_eq!(call(world.martlet.http, "GET", "/healthz", "").expect("healthz").0, 200, "it lives");
}

async fn for_a_while(disk: Disk, code: u16, enhanced: &str) {
    let mut provider = Provider::start([Act::Wait]).await;
    let plan = daemon().gateway("main", "http", &at(&format!("http://{}/send", provider.addr), "password = \"pin\""));
    let world = plan.tables("[store]\nmin_free = \"0B\"\n").start();
    let under_way = world.text(TO, "this is under way");
    provider.seen().await;
    world.faults().disk(disk);
    refuses(&world, code, enhanced);
    // Its outcome cannot be written down: nothing else may begin until it is, and nothing of it may be forgotten.
    provider.go.add_permits(1);
    world.must_say(&["attempt=1", "sent"]);
    refuses(&world, code, enhanced);
    assert_eq!(world.show(&under_way)["state"], "trying");
    world.must_say(&["ERROR", "store"]);
    world.faults().disk(Disk::Well);
    assert_eq!(world.end(&under_way), "relayed");
    world.must_be_ready();
    let next = world.text(TO, "this comes behind it");
    assert_eq!(world.end(&next), "relayed");
    assert!(provider.seen().await.line.contains("behind"));
    assert_eq!((provider.unseen(), world.mails.seen.len()), (0, 0), "nothing twice, nothing of what was refused");
    world.martlet.settled();
    assert_eq!(world.martlet.queue().len(), 2);
    world.hides(&["2015550", "nothing of this", "nor of this", "under way\"", "behind it"]);
}

async fn locked() {
    let mut provider = Provider::start([]).await;
    let plan = daemon().gateway("main", "http", &at(&format!("http://{}/send", provider.addr), "password = \"pin\""));
    let world = plan.start();
    let path = world.dir.join("data/martlet.db");
    let mut somebody = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.expect("a connection");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut somebody).await.expect("the lock");
    refuses(&world, 451, "4.3.0");
    world.must_say(&["ERROR", "store", "locked"]);
    sqlx::query("ROLLBACK").execute(&mut somebody).await.expect("unlocked");
    world.must_be_ready();
    assert_eq!(world.end(&world.text(TO, "afterwards")), "relayed");
    assert!(provider.seen().await.line.contains("afterwards"));
    assert_eq!(provider.unseen(), 0);
}

/// What the daemon says when it does not start; its exit code.
fn does_not_start(world: &mut World) -> String {
    let old = world.martlet.log().len();
    world.martlet.launch();
    until("its end", || world.martlet.has_ended().then_some(()));
    assert_eq!(world.martlet.exit_code(), Some(74), "EX_IOERR:\n{}", world.martlet.log_end());
    world.martlet.log()[old..].to_owned()
}

fn read_only_at_start() {
    let mut world = daemon().gateway("main", "http", &at("http://127.0.0.1:1/", "")).prepare();
    world.martlet.restart();
    world.martlet.stop();
    world.faults().disk(Disk::ReadOnly);
    let said = does_not_start(&mut world);
    assert!(said.contains("cannot be opened") && said.contains("martlet.db"), "{said}");
    assert!(said.to_lowercase().contains("read-only"), "{said}");
    world.faults().disk(Disk::Well);
    world.martlet.restart();
}

fn no_database() {
    let mut world = daemon().gateway("main", "http", &at("http://127.0.0.1:1/", "")).prepare();
    world.martlet.restart();
    world.martlet.stop();
    let path = world.dir.join("data/martlet.db");
    let words = b"Dear diary, today somebody wrote over the database. ".repeat(100);
    let sound = std::fs::read(&path).expect("a database");
    std::fs::write(&path, &words).expect("written");
    let said = does_not_start(&mut world);
    assert!(said.contains("not a database") && said.contains("martlet.db"), "{said}");
    assert_eq!(std::fs::read(&path).expect("still there"), words, "it is left for whoever can mend it");
    std::fs::write(&path, sound).expect("written");
    world.martlet.restart();
}

/// Overwrites all pages behind the first few.
fn spoil(path: &Path) {
    let file = std::fs::File::options().write(true).open(path).expect("a database");
    let length = file.metadata().expect("a size").len();
    file.write_all_at(&vec![0xa5; usize::try_from(length).expect("small") - 4 * 4096], 4 * 4096).expect("spoiled");
}

async fn corrupted() {
    let provider = Provider::start([]).await;
    let plan = daemon().gateway("main", "http", &at(&format!("http://{}/send", provider.addr), "password = \"pin\""));
    let mut world = plan.start();
    let before = world.text(TO, "before the trouble");
    assert_eq!(world.end(&before), "relayed");
    world.martlet.stop();
    let path = world.dir.join("data/martlet.db");
    let sound = std::fs::read(&path).expect("a database");
    spoil(&path);
    world.martlet.launch();
    // It ends at once with the reason, or starts and takes nothing.
    until("its end, or its doors", || (world.martlet.has_ended() || world.martlet.is_ready()).then_some(()));
    if world.martlet.is_ready() {
        refuses(&world, 451, "4.3.0");
        world.must_say(&["ERROR", "malformed"]);
    } else {
        world.must_say(&["cannot start", "malformed"]);
    }
    world.martlet.kill();
    for rest in ["martlet.db-wal", "martlet.db-shm"] {
        let _ = std::fs::remove_file(path.with_file_name(rest));
    }
    std::fs::write(&path, sound).expect("put back");
    world.martlet.restart();
    assert_eq!(world.show(&before)["result"], "relayed", "what was kept is there again");
    assert_eq!(world.end(&world.text(TO, "after the trouble")), "relayed");
}

/// A file system in memory, unmounted when dropped.
struct Tmpfs(std::path::PathBuf);

fn mount(words: &[&str], at: &Path) -> bool {
    Command::new("mount").args(words).arg(at).output().is_ok_and(|out| out.status.success())
}

impl Tmpfs {
    fn at(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("a folder");
        mount(&["-t", "tmpfs", "-o", "size=3m", "none"], folder).then(|| Self(folder.to_owned()))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

fn may_mount() -> bool {
    tempfile::tempdir().is_ok_and(|dir| Tmpfs::at(dir.path()).is_some())
}

fn small_disk() {
    let mut world = daemon().tables("[store]\nmin_free = \"0B\"\n").prepare();
    let disk = Tmpfs::at(&world.dir.join("data")).expect("it could be mounted before");
    world.martlet.restart();
    let large = format!("-- \r\n{}", "of a long signature\r\n".repeat(2_000));
    let mut taken = Vec::new();
    let refused = (0..500).find_map(|n| {
        let reply = world.try_text(TO, &format!("Word {n}\r\n{large}"));
        if reply.code == 250 {
            taken.push(reply.text().rsplit(' ').next().expect("an id").to_owned());
        }
        (reply.code != 250).then_some(reply)
    });
    let refused = refused.expect("3 MiB are not enough for 500 of these");
    assert_eq!((refused.code, refused.enhanced()), (452, "4.3.1"), "{refused:?}");
    world.must_say(&["ERROR", "store", "disk space"]);
    assert!(mount(&["-o", "remount,size=64m"], &disk.0), "remounted");
    world.must_be_ready();
    taken.push(world.text(TO, "there is room again"));
    for id in &taken {
        assert_eq!(world.end(id), "relayed");
    }
    assert_eq!(world.provider.seen.len(), taken.len(), "each once, and nothing that was refused");
    assert!(taken.len() > 5);
    world.martlet.stop();
    drop(disk);
}
