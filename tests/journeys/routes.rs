//! Several gateways behind the real daemon: the example of docs/gateways.md, what is refused and in which words, and a
//! provider that dies under load.

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::Trial;

use super::{ALICE, BOB, PHONE, World, daemon, mail};
use crate::support::{
    sink::{Answer, Provider},
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("routes: the example of the documentation goes as it says", example),
        trial("routes: access classes open and close routes, and the gateways behind them", classes),
        trial("routes: what no gateway will carry is refused at once, each for its reason", refused),
        trial("routes: a provider that dies under load loses nothing and doubles nothing", dies),
        trial("routes: a reload under load keeps the queue, and new gateways, groups and routes hold at once", reload),
        trial("routes: a reload that cannot be keeps everything as it was", bad_reload),
        trial("routes: gateways are shown, paused, resumed and tested", hands),
    ]
}

const CAROL: &str = "carol@example.test";

/// The gateways of the example, at one provider, told apart by their paths.
const GATEWAYS: &str = r#"active = false
[[gateway]]
id = "cheap"
type = "http"
url = "http://127.0.0.1:PROVIDER/cheap?to=%number%&text=%data%"
number = "+12025550100"
daily_max = 5000
cost = { "+1" = 0.008, "+49" = 0.09 }
deny = ["+1808"]
[[gateway]]
id = "good"
type = "http"
url = "http://127.0.0.1:PROVIDER/good?to=%number%&text=%data%&from=%sender%"
number = "+12025550101"
cost = { "+1" = 0.011, "+49" = 0.07, "" = 0.1 }
[[gateway]]
id = "spare"
type = "http"
url = "http://127.0.0.1:PROVIDER/spare?to=%number%&text=%data%&from=%sender%"
priority = 2
[[group]]
id = "german"
gateways = ["good", "spare"]
[[route]]
number = '\+49(1[567]\d+)'
rewrite = "0$1"
to = "german"
"#;

const ACCOUNTS: &str = r#"
[[account]]
user = "*"
regions = ["US", "DE"]
[[account]]
user = "carol@example.test"
senders = ["Acme"]
[[account]]
user = "strict@example.test"
senders = ["Acme"]
sender_required = true
gateway = "cheap"
"#;

const CLASSES: &str = r#"active = false
[[gateway]]
id = "plain"
type = "http"
url = "http://127.0.0.1:PROVIDER/plain?to=%number%&text=%data%"
[[gateway]]
id = "dear"
type = "http"
url = "http://127.0.0.1:PROVIDER/dear?to=%number%&text=%data%"
[[route]]
number = '\+1.*'
to = "dear"
classes = ["Gold"]
[[account]]
user = "carol@example.test"
class = "gold"
[[account]]
user = "dave@example.test"
class = ["lab", "gold"]
gateway = "plain"
[[account]]
user = "erin@example.test"
gateway = "dear"
"#;

fn classes() {
    let world = daemon().main(CLASSES).start();
    let to = format!("{PHONE}@sms.example.test");
    let pinned = |id: &str| format!("\"sms:{PHONE}?id={id}\"@sms.example.test");
    let path = |from: &str, to: &str, words: &str| sent(&world, from, to, words).0.split('?').next().map(str::to_owned);
    assert_eq!(path(CAROL, &to, "gold").as_deref(), Some("/dear"));
    for n in 0..6 {
        assert_eq!(path(ALICE, &to, &format!("global {n}")).as_deref(), Some("/plain"), "kept for others");
    }
    assert_eq!(path("dave@example.test", &to, "his own").as_deref(), Some("/plain"));
    assert_eq!(path("erin@example.test", &to, "granted").as_deref(), Some("/dear"), "the administrator says so");
    assert_eq!(path(CAROL, &pinned("dear"), "gold by name").as_deref(), Some("/dear"));
    let replies = world.send(ALICE, &[&pinned("dear")], &mail("x@example.test", ALICE, "no", ""));
    let words = replies[0].lines.join(" ");
    assert!(replies[0].code == 550 && words.contains("5.7.1 no gateway here is open to this account"), "{replies:?}");
    assert!(!world.martlet.log().contains("no route is for the class `gold`"));
}

/// One mail to a phone; the path and the number of the request that it becomes.
fn sent(world: &World, from: &str, to: &str, words: &str) -> (String, String) {
    let data = mail(&format!("{}@example.test", words.replace(' ', "-")), from, words, "");
    let replies = world.send(from, &[to], &data);
    assert_eq!(replies.last().expect("a reply").code, 250, "{replies:?}");
    let request = world.provider.seen.wait(words, |r| r.value("text") == words);
    world.martlet.settled();
    (request.path.clone(), request.value("to").to_owned())
}

fn example() {
    let world = daemon()
        .main(GATEWAYS)
        .tables(ACCOUNTS)
        .answering(|request| {
            let down = request.path == "/good" && request.value("text") == "while good is down";
            if down { Answer::Say(429, "slow down".into()) } else { Answer::Say(200, "OK".into()) }
        })
        .start();
    let phone = format!("{PHONE}@sms.example.test");
    let went = |path: &str, number: &str| (path.to_owned(), number.to_owned());
    assert_eq!(sent(&world, ALICE, &phone, "alice writes"), went("/cheap", PHONE));
    assert_eq!(sent(&world, BOB, &phone, "bob writes"), went("/good", PHONE), "not by the number of alice");
    assert_eq!(sent(&world, ALICE, &phone, "alice goes on"), went("/cheap", PHONE));
    assert_eq!(sent(&world, BOB, &phone, "bob goes on"), went("/good", PHONE), "though it costs more");
    let other = "+12025550177";
    let acme = format!("\"sms:{other}?sender=Acme\"@sms.example.test");
    assert_eq!(sent(&world, CAROL, &acme, "acme calls"), went("/good", other));
    let german = "+4915123456789@sms.example.test";
    assert_eq!(sent(&world, "dave@example.test", german, "dave writes"), went("/good", "015123456789"));
    let hawaii = "+18085550123";
    assert_eq!(sent(&world, "eve@example.test", &format!("{hawaii}@sms.example.test"), "eve writes").0, "/good");
    // Pinned to the group: no route, and so no rewriting.
    let pinned = "\"sms:+4915123456789?id=german\"@sms.example.test";
    assert_eq!(sent(&world, "dave@example.test", pinned, "dave insists").1, "+4915123456789");
    let data = mail("down@example.test", CAROL, "while good is down", "");
    assert_eq!(world.send(CAROL, &[acme.as_str()], &data).last().expect("a reply").code, 250);
    world.provider.seen.wait("the next one that can show Acme", |r| r.path == "/spare" && r.value("from") == "Acme");
    // The gateways show what became of it.
    let metrics = crate::support::http::call(world.martlet.http, "GET", "/metrics", "").expect("metrics").1;
    assert!(metrics.contains(r#"martlet_gateway_changes_total{gateway="good",state="down"} 1"#), "{metrics}");
}

fn refused() {
    let world = daemon().main(GATEWAYS).tables(ACCOUNTS).start();
    let refusal = |from: &str, to: &str| {
        let replies = world.send(from, &[to], &mail("no@example.test", from, "never", ""));
        let reply = replies.last().expect("a reply");
        (reply.code, reply.enhanced().to_owned(), reply.text())
    };
    let acme = format!("\"sms:{PHONE}?sender=Acme\"@sms.example.test");
    for (from, to, code, words) in [
        ("strict@example.test", acme.as_str(), "5.7.1", "show this sender"),
        ("strict@example.test", "+18085550123@sms.example.test", "5.4.4", "sends to this number"),
        (ALICE, "\"sms:+18085550123?id=cheap\"@sms.example.test", "5.4.4", "sends to this number"),
        (ALICE, "\"sms:+12015550123?id=cheap&binary=1\"@sms.example.test", "5.4.4", "binary"),
        (ALICE, "\"sms:+12015550123?id=nosuch\"@sms.example.test", "5.1.3", "id"),
    ] {
        let (status, enhanced, text) = refusal(from, to);
        assert_eq!((status, enhanced.as_str()), (550, code), "{from} {to}: {text}");
        assert!(text.contains(words) && !text.contains("5550123"), "{text}");
    }
    assert_eq!((world.provider.seen.len(), world.martlet.queue().len()), (0, 0));
    assert_eq!(sent(&world, "strict@example.test", &format!("{PHONE}@sms.example.test"), "without a name").0, "/cheap");
}

fn dies() {
    let second = Provider::willing();
    let gateway = format!(
        "window = 4\n[[gateway]]\nid = \"second\"\ntype = \"http\"\nurl = \"http://127.0.0.1:{}/second?to=%number%&text=%data%\"\nwindow = 4\n",
        second.port
    );
    let world = daemon().main(&gateway).start();
    let words = |n: usize| format!("text {n}.");
    let many = 120;
    for n in 0..many {
        let to = format!("+1201555{:04}@sms.example.test", 1000 + n);
        let replies = world.send(ALICE, &[to.as_str()], &mail(&format!("d{n}@example.test"), ALICE, &words(n), ""));
        assert_eq!(replies.last().expect("a reply").code, 250);
        if n == many / 3 {
            world.provider.seen.wait("the first gateway at work", |r| r.path == "/main");
            second.kill();
        }
    }
    world.martlet.settled();
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for request in world.provider.seen.all().iter().chain(&second.seen.all()) {
        *taken.entry(request.value("text").to_owned()).or_default() += 1;
    }
    assert!(taken.values().all(|times| *times == 1), "doubled: {taken:?}");
    // What was on its way when it died may have arrived: that is said, and not sent again.
    let lost: BTreeSet<String> = (0..many).map(words).filter(|words| !taken.contains_key(words)).collect();
    for words in &lost {
        let report = |mail: &crate::support::sink::Taken| {
            let mail = String::from_utf8_lossy(&mail.data);
            mail.contains("may have arrived") && mail.contains(words.as_str())
        };
        world.mails.seen.wait(&format!("the report on {words}"), report);
    }
    assert!(lost.len() <= 4, "no more than the window: {lost:?}");
    let by_second = second.seen.len();
    assert!(by_second > 0 && by_second < many / 2 + 4, "{by_second}: it was dead from a third on");
}

/// Writes the configuration anew and has it read.
fn change(world: &World, change: impl Fn(String) -> String) -> std::process::Output {
    let before = std::fs::read_to_string(&world.martlet.config).expect("the configuration");
    let after = change(before.clone());
    assert_ne!(before, after, "nothing would change");
    std::fs::write(&world.martlet.config, after).expect("written");
    world.martlet.command(&["reload"])
}

fn reload() {
    let world = daemon()
        .main("window = 2")
        .answering(|_| Answer::SayAfter(std::time::Duration::from_millis(5), 200, "OK".into()))
        .start();
    let words = |n: usize| format!("text {n}.");
    let many = 90;
    for n in 0..many {
        let to = format!("+1201555{:04}@sms.example.test", 1000 + n);
        let replies = world.send(ALICE, &[to.as_str()], &mail(&format!("r{n}@example.test"), ALICE, &words(n), ""));
        assert_eq!(replies.last().expect("a reply").code, 250);
        if n == many / 3 {
            let done = change(&world, |config| config.replace("/main?", "/moved?").replace("window = 2", "window = 3"));
            let said = String::from_utf8_lossy(&done.stdout).into_owned();
            assert!(done.status.success() && said.contains("gateway"), "{said} {done:?}");
        }
    }
    world.martlet.settled();
    let all = world.provider.seen.all();
    let texts: BTreeSet<String> = all.iter().map(|r| r.value("text").to_owned()).collect();
    assert_eq!((texts.len(), all.len()), (many, many), "each once");
    let old = all.iter().filter(|r| r.path == "/main").count();
    assert!(old > 0 && old < many, "{old} by the old one");
    assert_eq!(world.mails.seen.len(), 0, "nothing was unsure");

    // Pinned to a gateway that leaves: it waits, is shown, and goes when the gateway is back.
    let second = |config: String| {
        let gateway = "[[gateway]]\nid = \"second\"\ntype = \"http\"\nurl = \"http://127.0.0.1:PORT/second?to=%number%&text=%data%\"\n";
        let group = "[[group]]\nid = \"pair\"\ngateways = [\"main\", \"second\"]\n[[route]]\nnumber = '\\+1202(.*)'\nrewrite = \"9$1\"\nto = \"second\"\n";
        format!("{config}{}{group}", gateway.replace("PORT", &world.provider.port.to_string()))
    };
    assert!(change(&world, second).status.success());
    let routed = sent(&world, BOB, "+12025550199@sms.example.test", "by the new route");
    assert_eq!(routed, ("/second".to_owned(), "95550199".to_owned()));
    assert_eq!(sent(&world, BOB, "\"sms:+12015550123?id=pair\"@sms.example.test", "by the new group").1, PHONE);
    let without = |config: String| config.split("[[gateway]]\nid = \"second\"").next().expect("the rest").to_owned();
    assert!(world.martlet.command(&["gateway", "pause", "second"]).status.success());
    let pinned = "\"sms:+12015550124?id=second\"@sms.example.test";
    assert_eq!(
        world.send(BOB, &[pinned], &mail("p@example.test", BOB, "stays bound", "")).last().expect("one").code,
        250
    );
    assert!(change(&world, without).status.success());
    let waits = || world.martlet.queue().into_iter().find(|m| m["state"] == "waiting");
    assert!(waits().is_some());
    let refused = world.send(BOB, &[pinned], &mail("q@example.test", BOB, "unknown", ""));
    assert_eq!(refused.last().expect("a reply").enhanced(), "5.1.3", "{refused:?}");
    assert!(change(&world, second).status.success());
    assert!(waits().is_some(), "paused over all of that");
    assert!(world.martlet.command(&["gateway", "resume", "second"]).status.success());
    world.provider.seen.wait("the pinned one", |r| r.path == "/second" && r.value("text") == "stays bound");
    world.martlet.settled();
}

fn bad_reload() {
    let world = daemon().start();
    let bad = |config: String| {
        config.replace("[[account]]\nuser = \"bob", "[[route]]\nnumber = '('\nto = \"main\"\n[[account]]\nuser = \"bob")
    };
    let done = change(&world, bad);
    assert_eq!(done.status.code(), Some(78), "{done:?}");
    let file = |config: String| {
        let config = config.replace("[[route]]\nnumber = '('\nto = \"main\"\n", "");
        config.replace("password = \"pin\"", "password = \"pin\"\nca = \"nowhere.pem\"")
    };
    let done = change(&world, file);
    assert_eq!(done.status.code(), Some(78), "{done:?}");
    assert!(String::from_utf8_lossy(&done.stderr).contains("nowhere.pem"), "{done:?}");
    assert_eq!(sent(&world, ALICE, &format!("{PHONE}@sms.example.test"), "as before").0, "/main");
}

fn hands() {
    let works = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let answers = works.clone();
    let gateway = "daily_max = 900\n[[gateway]]\nid = \"idle\"\ntype = \"handset\"\nactive = false\n";
    let world = daemon()
        .main(gateway)
        .answering(move |_| match answers.load(std::sync::atomic::Ordering::SeqCst) {
            true => Answer::Say(200, "OK".into()),
            false => Answer::Say(503, "out of order\r\nretry".into()),
        })
        .start();
    let show = || world.martlet.json(&["gateways"]);
    assert_eq!(show()[1]["state"], "up", "{}", show());
    assert_eq!((&show()[0]["id"], &show()[0]["state"]), (&"idle".into(), &"off".into()));
    let paused = world.martlet.json(&["gateway", "pause", "main"]);
    assert_eq!((&paused["state"], &paused["cause"]), (&"paused".into(), &"by hand".into()));
    let again = world.martlet.command(&["gateway", "pause", "main"]);
    assert_eq!(again.status.code(), Some(65), "{again:?}");
    let data = mail("h@example.test", ALICE, "waits for a person", "");
    assert_eq!(
        world.send(ALICE, &[format!("{PHONE}@sms.example.test").as_str()], &data).last().expect("one").code,
        250
    );
    assert_eq!(show()[1]["shared"], 1, "{}", show());
    let test = |code: i32, words: &str| {
        let done = world.martlet.command(&["gateway", "test", "main", "--account", ALICE, "--to", "+12025550188"]);
        let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.code() == Some(code) && said.contains(words), "{said} {done:?}");
    };
    test(65, "is paused");
    assert_eq!(world.provider.seen.len(), 0);
    world.martlet.json(&["gateway", "resume", "main"]);
    test(75, "out of order");
    works.store(true, std::sync::atomic::Ordering::SeqCst);
    test(0, "main: sent");
    world.martlet.settled();
    let main = show()[1].clone();
    assert_eq!((&main["state"], &main["today"], &main["daily_max"]), (&"up".into(), &3.into(), &900.into()), "{main}");
    for (args, code, words) in [
        (&["gateway", "pause", "nosuch"][..], 65, "there is no gateway nosuch"),
        (&["gateway", "pause", "idle"], 65, "does not send"),
        (&["gateway", "resume", "main"], 65, "is not paused"),
        (&["gateway", "test", "main"], 64, "--to"),
    ] {
        let done = world.martlet.command(args);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.code() == Some(code) && said.contains(words), "{args:?} {said}");
    }
    let listed = world.martlet.command(&["gateways"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("main") && listed.contains("today 3/900") && listed.contains("idle"), "{listed}");
    let log = world.martlet.log();
    assert!(
        log.contains("what=\"pause\" gateway=main") || log.contains("what=pause gateway=main"),
        "who did it stands in the log"
    );
}
