//! Programs: what they are given, what their exit codes mean, that they end in time and hold up nobody.

use std::{collections::BTreeSet, fs};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libtest_mimic::Trial;
use serde_json::Value;

use super::{file, folder, is_gone, new, one, queued, rules, say};
use crate::{
    journeys::{PHONE, words_of},
    support::{process::until, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("errands: a program gets its arguments and the message, and nothing else of ours", given),
        trial("errands: exit codes say done, later and never; who fails for good is told", codes),
        trial("errands: a program that takes too long ends with all that it started", too_long),
        trial("errands: a slow program holds up no sender, no text and no other errand", slow),
        trial("errands: rules test shows what would be done and does nothing; XML keeps it", shown),
    ]
}

const NOTE: &str = r#"
for word in "$@"; do printf '%s\n' "$word"; done > "$OUT.args"
env > "$OUT.env"
pwd > "$OUT.dir"
head -c 100000 /dev/zero
cat > "$OUT.new"
mv "$OUT.new" "$OUT.in"
"#;

const GIVEN: &str = r#"
[[rule]]
title = "note it"
do = [ { set = { name = "team", value = "ops" } },
       { run = { program = ["/bin/sh", "DIR/note.sh", "%%number%%", "%%body%%", "; touch DIR/pwned"],
                 env = { OUT = "DIR/out" }, dir = "DIR", mail = true } } ]
"#;

fn given() {
    let world = new("");
    file(&world, "note.sh", NOTE);
    rules(&world, GIVEN);
    let dir = folder(&world);
    let body = format!("Zwetschgen $(touch {}/pwned) %%body%% 'x'", dir.display());
    assert!(say(&world, "a1", &body).starts_with("250"));
    world.provider.seen.wait("the text itself", |r| r.value("text").starts_with("Zwetschgen"));
    let input = until("what the program read", || fs::read_to_string(dir.join("out.in")).ok());
    let read: Value = serde_json::from_str(&input).expect("JSON");
    let id = one(&world, "run", "closed")["id"].clone();
    assert_eq!((&read["id"], &read["attempt"], &read["version"]), (&id, &1.into(), &1.into()));
    assert_eq!((&read["rule"], &read["direction"]), (&"note it".into(), &"out".into()));
    assert_eq!((&read["phone"], &read["body"]), (&PHONE.into(), &body.as_str().into()));
    assert_eq!((&read["variables"]["team"], &read["subject"]), (&"ops".into(), &"Dinner".into()));
    assert_eq!((&read["account"], &read["segments"]), (&"bob@example.test".into(), &1.into()));
    let whole = read["mail"].as_str().and_then(|mail| STANDARD.decode(mail).ok()).expect("the mail");
    let whole = String::from_utf8(whole).expect("UTF-8");
    assert!(whole.contains("\r\nSubject: Dinner\r\n") && whole.contains(&format!("\r\n\r\n{body}\r\n")), "{whole}");
    assert!(read["headers"].as_array().expect("fields").iter().any(|field| field[0] == "Message-ID"));
    let args = fs::read_to_string(dir.join("out.args")).expect("arguments");
    assert_eq!(args, format!("{PHONE}\n{body}\n; touch {}/pwned\n", dir.display()));
    assert!(!dir.join("pwned").exists(), "no shell has seen the words");
    // What a shell sets by itself aside, its environment is what the rule names.
    let env = fs::read_to_string(dir.join("out.env")).expect("variables");
    let names: BTreeSet<&str> = env.lines().filter_map(|line| line.split_once('=').map(|(name, _)| name)).collect();
    let own = ["OUT", "PATH", "PWD", "OLDPWD", "SHLVL", "_"];
    assert!(names.is_superset(&["OUT", "PATH"].into()) && names.iter().all(|name| own.contains(name)), "{names:?}");
    assert!(env.contains("PATH=/usr/local/bin:/usr/bin:/bin\n"));
    let at = fs::read_to_string(dir.join("out.dir")).expect("a folder");
    assert_eq!(at.trim_end(), dir.to_str().expect("a path"));
    let log = world.martlet.log();
    assert!(log.contains("note it") && !log.contains("Zwetschgen") && !log.contains("5550123"), "{log}");
    let metrics = crate::support::http::call(world.martlet.http, "GET", "/metrics", "").expect("metrics").1;
    assert!(metrics.contains("martlet_errands_total{kind=\"run\",outcome=\"done\"} 1"), "{metrics}");
}

const CODES: &str = r#"
case "$1" in
again) if [ -e DIR/tried ]; then exit 0; fi; touch DIR/tried; exit 75 ;;
never) echo "first words" >&2; echo "no such team" >&2; exit 3 ;;
esac
"#;

const BY_WORD: &str = r#"
[[rule]]
title = "alarm"
do = [ { run = { program = ["/bin/sh", "DIR/codes.sh", "%%body%%"] } } ]
"#;

fn codes() {
    let world = new("");
    file(&world, "codes.sh", CODES);
    rules(&world, BY_WORD);
    assert!(say(&world, "b1", "again").starts_with("250"));
    world.martlet.settled();
    let done = one(&world, "run", "closed");
    assert_eq!((&done["attempts"], &done["result"], &done["to"]), (&2.into(), &"relayed".into(), &"/bin/sh".into()));
    for id in ["b2", "b3"] {
        assert!(say(&world, id, "never").starts_with("250"));
    }
    let told = world.mail_to("postmaster@example.test", "not tried again");
    assert!(words_of(&told).contains("no such team") && words_of(&told).contains("alarm"), "{}", words_of(&told));
    world.martlet.settled();
    let failed: Vec<_> = queued(&world, "run").into_iter().filter(|item| item["result"] == "failed").collect();
    assert_eq!(failed.len(), 2);
    let id = failed[0]["id"].as_str().expect("an id");
    let shown = world.martlet.json(&["queue", "show", id]);
    assert_eq!((&shown["attempts"], &shown["cause"]), (&1.into(), &"exit code 3: no such team".into()), "{shown}");
    let notices = world.mails.seen.all();
    assert_eq!(notices.iter().filter(|mail| words_of(mail).contains("not tried again")).count(), 1, "once an hour");
    assert!(!world.martlet.log().contains("no such team"), "a script's words may be anything");
    let metrics = crate::support::http::call(world.martlet.http, "GET", "/metrics", "").expect("metrics").1;
    assert!(metrics.contains("martlet_queue_depth{kind=\"dead letters\"} 2"), "kept: {metrics}");
}

const SLOW: &str = r#"
sleep 3600 & echo $! > DIR/pid.new
mv DIR/pid.new DIR/pid
wait
"#;

fn too_long() {
    let world = new("");
    file(&world, "slow.sh", SLOW);
    rules(
        &world,
        "[[rule]]\ntitle = \"slow\"\ndo = [ { run = { program = [\"/bin/sh\", \"DIR/slow.sh\"], timeout = \"1s\" } } ]\n",
    );
    assert!(say(&world, "c1", "go").starts_with("250"));
    let pid = until("what it started", || fs::read_to_string(folder(&world).join("pid")).ok());
    let waiting = until("a cause", || {
        queued(&world, "run").into_iter().find(|item| item["cause"].as_str().is_some_and(|why| why.contains("killed")))
    });
    until("the end of what it started", || is_gone(&pid).then_some(()));
    let id = waiting["id"].as_str().expect("an id");
    until("it is cancelled between two tries", || {
        world.martlet.command(&["queue", "cancel", id]).status.success().then_some(())
    });
    world.martlet.settled();
}

fn slow() {
    let world = new("[errands]\nprograms = 1\n");
    file(&world, "wait.sh", "touch DIR/begun\nwhile [ ! -e DIR/go ] && [ -d DIR ]; do sleep 0.05; done\n");
    rules(
        &world,
        "[[rule]]\ntitle = \"slow\"\ndo = [ { run = { program = [\"/bin/sh\", \"DIR/wait.sh\"] , timeout = \"5m\" } }, \
         { call = \"http://127.0.0.1:PORT/called?n=%%number%%\" } ]\n",
    );
    let dir = folder(&world);
    assert!(say(&world, "d1", "one").starts_with("250"));
    until("the program", || dir.join("begun").exists().then_some(()));
    assert!(say(&world, "d2", "two").starts_with("250"));
    // The text and the call of the second go past the first one's program.
    world.provider.seen.wait("the text", |r| r.value("text") == "two");
    let called = |all: &[crate::support::sink::Request]| all.iter().filter(|r| r.path == "/called").count() == 2;
    world.provider.seen.within(crate::support::process::DEADLINE, |all| called(all).then_some(())).expect("both calls");
    // No more than one at once.
    let states: BTreeSet<String> =
        queued(&world, "run").iter().map(|item| item["state"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(states, ["trying", "waiting"].map(str::to_owned).into());
    fs::write(dir.join("go"), "").expect("written");
    world.martlet.settled();
    assert!(queued(&world, "run").iter().all(|item| item["result"] == "relayed"));
}

const SHOWN: &str = r#"
[[rule]]
title = "everything"
do = [ { run = { program = ["/bin/sh", "-c", "touch DIR/ran", "%%number%%"], env = { TEAM = "ops" } } },
       { run = { program = ["/bin/sh", "-c", "touch DIR/asked"], wait = "2s" } },
       { call = { url = "http://127.0.0.1:PORT/hook?t=%%body%%", headers = { X-Team = "ops" } } },
       { call = { url = "http://127.0.0.1:PORT/post", json = true } },
       { sql = { statement = "note", values = ["%%number%%"] } } ]
[[rule]]
title = "known"
if = { sql = { statement = "known", otherwise = "none" } }
do = [ { log = "known" } ]
"#;

const NOTED: &str = r#"
[[database]]
name = "crm"
url = "sqlite:crm.db"
[[statement]]
name = "note"
database = "crm"
sql = "INSERT INTO notes VALUES ($1)"
[[statement]]
name = "known"
database = "crm"
sql = "SELECT 1 FROM known WHERE number = $1"
values = ["%%Number%%"]
"#;

fn shown() {
    let world = new(NOTED);
    rules(&world, SHOWN);
    let dir = folder(&world);
    let eml = dir.join("mail.eml");
    fs::write(&eml, crate::journeys::mail("e1", crate::journeys::BOB, "a b", "")).expect("written");
    let test = ["rules", "test", "--mail", eml.to_str().expect("a path"), "--to", PHONE];
    let output = world.martlet.command(&test);
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in [
        format!("then: run TEAM=\"ops\" [\"/bin/sh\", \"-c\", \"touch {}/ran\", \"{PHONE}\"]", dir.display()),
        "asks first, 2 s at most, here taken as pass: run [\"/bin/sh\"".to_owned(),
        format!("then: call GET http://127.0.0.1:{}/hook?t=a%20b", world.provider.port),
        "with the message as JSON".to_owned(),
        format!("then: sql note with [\"{PHONE}\"]"),
        "rule \"known\"".to_owned(),
    ] {
        assert!(words.contains(&line), "{line} is missing: {words}");
    }
    let with_rows = [&test[..], &["--rows", "known"]].concat();
    assert_eq!(world.martlet.json(&with_rows)[0]["then"].as_array().and_then(|all| all.last()), Some(&"log".into()));
    assert_ne!(world.martlet.json(&test)[0]["then"].as_array().and_then(|all| all.last()), Some(&"log".into()));
    assert!(!dir.join("ran").exists() && !dir.join("asked").exists() && world.provider.seen.len() == 0);
    let exported = world.martlet.command(&["rules", "export"]).stdout;
    let xml = dir.join("all.xml");
    fs::write(&xml, &exported).expect("written");
    fs::remove_file(dir.join("rules/10.toml")).expect("removed");
    let done = world.martlet.command(&["rules", "import", xml.to_str().expect("a path")]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(world.martlet.command(&["rules", "export"]).stdout, exported);
    assert_eq!(String::from_utf8_lossy(&world.martlet.command(&test).stdout).matches("\n  then: ").count(), 4);
}
