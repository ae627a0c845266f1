//! SQL statements: as a condition before the commit, as an action behind it, on SQLite and on PostgreSQL.

use libtest_mimic::Trial;
use sqlx::{Connection, Row, SqliteConnection, postgres::PgConnection};

use super::{file, folder, one, queued, rules, say};
use crate::{
    journeys::{World, daemon},
    support::{
        Needs,
        postgres::Postgres,
        process::{Scratch, until},
        run_async, trial, trial_with,
    },
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("errands: statements on SQLite decide and note, with bound values", sqlite),
        trial_with("errands: statements on PostgreSQL decide and note", &[Needs::Postgres, Needs::Root], postgres),
    ]
}

const STATEMENTS: &str = r#"
[[database]]
name = "crm"
url = { file = "crm.url" }
timeout = "20s"
[[statement]]
name = "blocked"
database = "crm"
sql = "SELECT 1 FROM blocked WHERE number = $1 AND level > CAST($2 AS INTEGER)"
values = ["%%Number%%", "3"]
[[statement]]
name = "note"
database = "crm"
sql = "INSERT INTO notes (number, words) VALUES ($1, $2)"
values = ["%%Number%%", "%%Body%%"]
"#;

const RULES: &str = r#"
[[rule]]
title = "blocked"
if = { sql = "blocked" }
do = [ { reject = "this phone is blocked" } ]
[[rule]]
title = "noted"
do = [ { sql = "note" } ]
"#;

const TABLES: &str = "CREATE TABLE blocked (number TEXT, level INTEGER); CREATE TABLE notes (number TEXT, words TEXT)";
const HOSTILE: &str = "x'); DROP TABLE notes;--";

fn with(url: &str) -> World {
    // Written before the start: secrets are fetched when the file is read.
    let files: &'static [(&str, &str)] =
        Box::leak(Box::new([("crm.url", &*Box::leak(url.to_owned().into_boxed_str()))]));
    daemon().tables(STATEMENTS).files(files).start()
}

fn sqlite() {
    let world = with("sqlite:crm.db");
    rules(&world, RULES);
    // The file is not there: nobody knows whether the phone is blocked.
    let later = say(&world, "a0", "too early");
    assert!(later.starts_with("451 4.3.0") && later.contains("database"), "{later}");
    let path = folder(&world).join("crm.db");
    let url = format!("sqlite:{}?mode=rwc", path.display());
    let run = |sql: &'static str| {
        run_async(async {
            let mut conn = SqliteConnection::connect(&url).await.expect("SQLite");
            sqlx::raw_sql(sql).execute(&mut conn).await.expect("SQL");
        });
    };
    run(TABLES);
    assert!(say(&world, "a1", HOSTILE).starts_with("250"));
    world.martlet.settled();
    let (number, words) = run_async(async {
        let mut conn = SqliteConnection::connect(&url).await.expect("SQLite");
        let row = sqlx::query("SELECT number, words FROM notes").fetch_one(&mut conn).await.expect("the only row");
        (row.get::<String, _>(0), row.get::<String, _>(1))
    });
    assert_eq!((number.as_str(), words.as_str()), (crate::journeys::PHONE, HOSTILE));
    run("INSERT INTO blocked VALUES ('+12015550123', 9)");
    let no = say(&world, "a2", "hello");
    assert!(no.starts_with("550 5.7.1") && no.contains("this phone is blocked"), "{no}");
    // What the database will never take ends with a word to the postmaster.
    run("DELETE FROM blocked; DROP TABLE notes");
    assert!(say(&world, "a3", "to no table").starts_with("250"));
    let told = world.mail_to("postmaster@example.test", "sql note");
    assert!(crate::journeys::words_of(&told).contains("no such table"));
    world.martlet.settled();
    assert_eq!(queued(&world, "sql").iter().filter(|item| item["result"] == "failed").count(), 1);
    let log = world.martlet.log();
    assert!(!log.contains("DROP TABLE") && !log.contains("5550123"), "{log}");
    // A statement that a reload brings is there at once.
    let config = std::fs::read_to_string(&world.martlet.config).expect("the file");
    let more = "[[statement]]\nname = \"other\"\ndatabase = \"crm\"\nsql = \"CREATE TABLE IF NOT EXISTS made (a)\"\n";
    std::fs::write(&world.martlet.config, format!("{config}\n{more}")).expect("written");
    rules(&world, "[[rule]]\ntitle = \"other\"\ndo = [ { sql = \"other\" } ]\n");
    assert!(say(&world, "a4", "make it").starts_with("250"));
    world.martlet.settled();
    run("SELECT * FROM made");
}

fn postgres() {
    let scratch = Scratch::new();
    let server = Postgres::start(&scratch.dir("pg"));
    let world = with(&server.url);
    rules(&world, RULES);
    let run = |sql: &'static str| {
        run_async(async {
            let mut conn = PgConnection::connect(&server.url).await.expect("PostgreSQL");
            sqlx::raw_sql(sql).execute(&mut conn).await.expect("SQL");
        });
    };
    run(TABLES);
    assert!(say(&world, "p1", HOSTILE).starts_with("250"));
    world.martlet.settled();
    assert_eq!(one(&world, "sql", "closed")["result"], "relayed");
    let (number, words) = run_async(async {
        let mut conn = PgConnection::connect(&server.url).await.expect("PostgreSQL");
        let row = sqlx::query("SELECT number, words FROM notes").fetch_one(&mut conn).await.expect("the only row");
        (row.get::<String, _>(0), row.get::<String, _>(1))
    });
    assert_eq!((number.as_str(), words.as_str()), (crate::journeys::PHONE, HOSTILE));
    run("INSERT INTO blocked VALUES ('+12015550123', 9)");
    assert!(say(&world, "p2", "hello").contains("this phone is blocked"));
    // A server that is gone: nothing is decided, and nobody waits for ever.
    let url = server.url.clone();
    drop(server);
    file(&world, "gone", &url);
    let later = until("an answer for now", || {
        let answer = say(&world, "p3", "are you there?");
        answer.starts_with("451").then_some(answer)
    });
    assert!(later.contains("database"), "{later}");
    assert!(!world.martlet.log().contains("pg-pw"), "no password in the log");
}
