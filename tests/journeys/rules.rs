//! Rules in the way of texts: what they change, refuse, hold, keep and send beside; files that are wrong; what
//! `martlet rules` says.

mod live;
mod order;

use std::fs;

use libtest_mimic::Trial;
use serde_json::json;

use super::{ALICE, BOB, PHONE, World, daemon, header_of, mail, words_of};
use crate::support::{
    http::call,
    process::until,
    sink::{Answer, Provider},
    trial,
};

pub fn trials() -> Vec<Trial> {
    let all = vec![
        trial("rules: a text is rewritten, routed, given a sender and a place in the queue", rewritten),
        trial("rules: a text is refused in the rule's words, by mail and by HTTP", refused),
        trial("rules: a text is discarded, held, quarantined, or goes out as a mail", kept),
        trial("rules: copies and answers are queued with the text, once", beside),
        trial("rules: a file that is wrong never takes effect; lists are read again when they change", reloaded),
        trial("rules: a phone's text is answered, forwarded, copied, changed, held and dropped", phones),
        trial("rules: routes say whose a text is where nothing else does", routes),
        trial("rules: test, export and import on the command line", commands),
    ];
    [all, live::trials(), order::trials()].into_iter().flatten().collect()
}

const TO: &str = "\"sms:+12015550123\"@sms.example.test";

fn with(rules: &'static [(&'static str, &'static str)], more: &'static str) -> World {
    daemon().files(rules).tables(more).start()
}

/// The answer to one mail with these words.
fn say(world: &World, from: &str, id: &str, body: &str) -> String {
    let replies = world.send(from, &[TO], &mail(id, from, body, ""));
    let reply = replies.last().expect("a reply");
    format!("{} {} {}", reply.code, reply.enhanced(), reply.text())
}

const REWRITE: &str = r#"
[[rule]]
title = "the other gateway for what names none"
if = { body = { starts = "gw" } }
do = [ { edit = { field = "To", pattern = '^(?!.*@)(.*)$', to = '$1@backup&sender=Acme' } } ]
[[rule]]
title = "on call"
if = { body = { contains = "alarm" } }
do = [ { edit = { field = "To", pattern = '^\+12015550123', to = '+12025550124' } }, { priority = "urgent" },
       { edit = { field = "Body", pattern = 'alarm (\d+)', to = 'ALARM $1' } } ]
[[rule]]
title = "abroad"
if = { body = { contains = "abroad" } }
do = [ { edit = { field = "To", pattern = '^.*$', to = '+442079460000' } } ]
[[rule]]
title = "dear"
if = { body = { contains = "premium" } }
do = [ { edit = { field = "To", pattern = '^.*$', to = '+19002345678' } } ]
[[rule]]
title = "many words"
if = { body = { contains = "many words" } }
do = [ { body = "%%body%% %%body%% %%body%% %%body%% %%body%% %%body%% %%body%% %%body%% %%body%% %%body%%" } ]
[[rule]]
title = "a sender that is not his"
if = { body = { contains = "forged" } }
do = [ { set_sender = "Other" } ]
[[rule]]
title = "into the void"
if = { body = { contains = "void" } }
do = [ { edit = { field = "To", pattern = '^(.*)$', to = '$1@nowhere' } } ]
"#;

const BACKUP: &str = r#"senders = ["Acme"]
monthly_max = 3
[[gateway]]
id = "backup"
type = "http"
url = "http://127.0.0.1:PROVIDER/backup?to=%number%&text=%data%&from=%sender%"
"#;

fn rewritten() {
    let world = with(&[("rules/10.toml", REWRITE)], BACKUP);
    assert!(say(&world, BOB, "a1", "gw please").starts_with("250"));
    let seen = world.provider.seen.wait("by the backup", |r| r.value("text") == "gw please");
    assert_eq!((seen.path.as_str(), seen.value("to"), seen.value("from")), ("/backup", PHONE, "Acme"));
    assert!(say(&world, BOB, "a2", "alarm 7 in the hall").starts_with("250"));
    world
        .provider
        .seen
        .wait("to whom is on call", |r| r.value("text") == "ALARM 7 in the hall" && r.value("to") == "+12025550124");
    // What rules make is held against the account: regions, senders, gateways that there are.
    let abroad = say(&world, BOB, "a3", "abroad");
    assert!(abroad.starts_with("550 5.7.1") && abroad.contains("region GB"), "{abroad}");
    let dear = say(&world, BOB, "a7", "premium");
    assert!(dear.starts_with("550 5.7.1") && dear.contains("premium"), "{dear}");
    // One segment is left this month: what rules make of one is three.
    let long = say(&world, BOB, "a8", "many words, of which there will be more");
    assert!(long.starts_with("550 5.7.1") && long.contains("monthly limit of 3"), "{long}");
    let forged = say(&world, BOB, "a4", "forged");
    assert!(forged.starts_with("550 5.7.1") && forged.contains("originator"), "{forged}");
    let void = say(&world, BOB, "a5", "void");
    assert!(void.starts_with("550 5.1.2") && void.contains("into the void") && void.contains("nowhere"), "{void}");
    // Who may not show that name may not by a rule, either.
    let alice = say(&world, ALICE, "a6", "gw please");
    assert!(alice.starts_with("550 5.7.1"), "{alice}");
    assert_eq!(world.provider.seen.len(), 2);
}

const REFUSE: &str = r#"
[[rule]]
title = "no secrets"
if = { all = [ { body = { regex = 'secret|password' } }, { not = { account = "alice@example.test" } } ] }
do = [ { reject = "no secrets by text, %%Sender%%" } ]
[[rule]]
title = "too many"
if = { all = [ { rate = { max = 2, within = "1h" } }, { account = "alice@example.test" } ] }
do = [ { reject = "enough for now" } ]
"#;

fn refused() {
    let world = with(&[("rules/10.toml", REFUSE)], "password = \"bob-pw\"");
    let no = say(&world, BOB, "b1", "my Password is");
    assert!(no.starts_with("550 5.7.1") && no.contains("no secrets by text, bob@example.test"), "{no}");
    let query = |user: &str, pass: &str| format!("number=%2B12015550123&data=the+secret&user={user}&pass={pass}");
    let (status, body) =
        call(world.martlet.http, "GET", "/sms/", &query("bob%40example.test", "bob-pw")).expect("a call");
    assert!(status == 403 && body.starts_with("ERR 5.7.1") && body.contains("no secrets by text"), "{status} {body}");
    // For whom the rule is not, it is not; until there were too many.
    for n in 0..2 {
        assert!(say(&world, ALICE, &format!("b2{n}"), &format!("secret {n}")).starts_with("250"));
    }
    let (status, body) =
        call(world.martlet.http, "GET", "/sms/", &query("alice%40example.test", "alice-pw")).expect("a call");
    assert!(status == 403 && body.contains("enough for now"), "{status} {body}");
}

const KEEP: &str = r#"
[[rule]]
title = "nothing"
if = { body = "nothing" }
do = [ { discard = true } ]
[[rule]]
title = "wait"
if = { body = "wait" }
do = [ { hold = "somebody looks at it" } ]
[[rule]]
title = "apart"
if = { body = "apart" }
do = [ { quarantine = true } ]
[[rule]]
title = "as a mail"
if = { body = "mail" }
do = [ { set_header = { name = "To", value = "carol@other.example.test" } } ]
[[rule]]
title = "to the archive instead"
if = { body = "forward" }
do = [ { forward = "dave@other.example.test" } ]
"#;

fn kept() {
    let world = with(&[("rules/10.toml", KEEP)], "");
    for (id, body) in [("c1", "nothing"), ("c2", "apart")] {
        let answer = say(&world, BOB, id, body);
        assert!(answer.starts_with("250 2.0.0") && answer.contains("taken"), "{answer}");
    }
    assert_eq!(world.martlet.queue().len(), 0);
    let log = world.martlet.log();
    assert!(log.contains("rule=\"nothing\" fate=\"discarded\""), "{log}");
    assert!(log.contains("rule=\"apart\" fate=\"quarantined\""), "{log}");
    assert!(say(&world, BOB, "c3", "wait").starts_with("250"));
    let held = world.martlet.queue();
    assert!(held.len() == 1 && held[0]["state"] == "held", "{held:?}");
    let id = held[0]["id"].as_str().expect("an id").to_owned();
    let shown = world.martlet.json(&["queue", "show", &id]).to_string();
    assert!(shown.contains("somebody looks at it"), "{shown}");
    world.martlet.json(&["queue", "release", &id]);
    world.provider.seen.wait("the released one", |r| r.value("text") == "wait");
    for (id, body, to) in [("c4", "mail", "carol@other.example.test"), ("c5", "forward", "dave@other.example.test")] {
        assert!(say(&world, BOB, id, body).starts_with("250"));
        let taken = world.mail_to(to, body);
        assert_eq!(header_of(&taken, "X-SMS-To").as_deref(), Some(PHONE));
        assert_eq!(header_of(&taken, "Message-ID"), Some(format!("<{id}>")));
    }
    assert_eq!(world.provider.seen.len(), 1);
}

const BESIDE: &str = r#"
[[rule]]
title = "archive"
do = [ { copy = "archive@example.test" } ]
[[rule]]
title = "cards are masked in what is kept and sent"
if = { body = { holds = "cards" } }
do = [ { mask = "cards" } ]
[[rule]]
title = "answer"
if = { body = { contains = "help" } }
do = [ { reply_mail = { subject = "Re: %%Subject%%", text = "Call 100." } },
       { copy = { to = "sms:+12025550125", account = "alice@example.test" } }, { log = "helped %%Account%%" } ]
"#;

fn beside() {
    let world = with(&[("rules/10.toml", BESIDE)], "");
    let data = mail("d1", BOB, "please help", "");
    for _ in 0..2 {
        // Handed over again, it is the same text with the same errands.
        assert!(world.send(BOB, &[TO], &data).last().expect("a reply").code == 250);
    }
    world.mail_to("archive@example.test", "please help");
    let answer = world.mail_to(BOB, "Call 100.");
    assert_eq!(header_of(&answer, "Auto-Submitted").as_deref(), Some("auto-replied"));
    assert_eq!(header_of(&answer, "In-Reply-To").as_deref(), Some("<d1>"));
    world.provider.seen.wait("the text", |r| r.value("to") == PHONE);
    world.provider.seen.wait("its copy", |r| r.value("to") == "+12025550125" && r.value("text") == "please help");
    assert!(world.martlet.log().contains("helped bob@example.test"));
    let data = mail("d2", BOB, "my card is 4111 1111 1111 1111", "");
    assert!(world.send(BOB, &[TO], &data).last().expect("a reply").code == 250);
    let text = world.provider.seen.wait("the masked text", |r| r.value("text").contains("my card"));
    assert!(!text.value("text").contains("4111 1111"), "masked");
    let copy = world.mail_to("archive@example.test", "my card");
    assert!(!words_of(&copy).contains("4111 1111"), "masked in the copy");
    // No answer to a machine.
    let data = mail("d3", BOB, "help the machine", "Auto-Submitted: auto-generated\r\n");
    assert!(world.send(BOB, &[TO], &data).last().expect("a reply").code == 250);
    world.mail_to("archive@example.test", "help the machine");
    world.martlet.settled();
    let all = world.mails.seen.all();
    assert_eq!(all.iter().filter(|mail| words_of(mail).contains("Call 100.")).count(), 1);
    assert_eq!(all.iter().filter(|mail| words_of(mail).contains("please help")).count(), 1);
}

const LISTED: &str = "[[rule]]\ntitle = \"listed\"\nif = { sender = { in = [\"file:blocked.txt\"] } }\ndo = [ { reject = \"you are on the list\" } ]\n";

fn reloaded() {
    let world = with(&[("rules/10.toml", LISTED), ("rules/blocked.txt", "# nobody\n")], "");
    let dir = world.martlet.config.parent().expect("a folder").join("rules");
    assert!(say(&world, BOB, "e1", "one").starts_with("250"));
    fs::write(dir.join("blocked.txt"), "bob@example.test\n").expect("written");
    until("the list in force", || world.martlet.log().contains("lists of rules").then_some(()));
    assert!(say(&world, BOB, "e2", "two").contains("you are on the list"));
    // A bad file keeps what holds, and says where it is wrong.
    fs::write(dir.join("20.toml"), "[[rule]]\ntitle = \"odd\"\ndo = [ { rejekt = \"x\" } ]\n").expect("written");
    let output = world.martlet.command(&["reload"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{said}");
    let place = "20.toml:3:10: rule \"odd\": there is no action `rejekt`; did you mean `reject`?";
    assert!(said.contains(place), "{said}");
    let output = world.martlet.command(&["check"]);
    assert!(output.status.code() == Some(78) && String::from_utf8_lossy(&output.stderr).contains(place));
    assert!(say(&world, BOB, "e3", "three").contains("you are on the list"));
    // A statement that the configuration does not have is refused as well.
    fs::write(dir.join("20.toml"), "[[rule]]\ntitle = \"odd\"\ndo = [ { sql = \"x\" } ]\n").expect("written");
    assert!(String::from_utf8_lossy(&world.martlet.command(&["check"]).stderr).contains("there is no statement `x`"));
    fs::write(dir.join("20.toml"), "[[rule]]\ntitle = \"all\"\ndo = [ { reject = \"closed\" } ]\n").expect("written");
    fs::remove_file(dir.join("10.toml")).expect("removed");
    assert_eq!(world.martlet.json(&["reload"]), json!({ "applied": ["rules"], "restart": [] }));
    assert!(say(&world, ALICE, "e4", "four").contains("closed"));
}

fn commands() {
    let world = with(&[("rules/10.toml", REWRITE)], BACKUP);
    let folder = world.martlet.config.parent().expect("a folder").to_owned();
    let eml = folder.join("mail.eml");
    fs::write(&eml, mail("f1", BOB, "alarm 7", "")).expect("written");
    let eml = eml.to_str().expect("a path");
    let said = world.martlet.json(&["rules", "test", "--mail", eml, "--to", PHONE]);
    assert_eq!(said[0]["to"], "+12025550124", "{said}");
    assert_eq!((&said[0]["body"], &said[0]["priority"]), (&json!("ALARM 7"), &json!("urgent")));
    let trace = &said[0]["trace"];
    assert_eq!((&trace[0]["matched"], &trace[1]["matched"]), (&json!(false), &json!(true)));
    assert_eq!(trace[1]["conditions"][0]["value"], "alarm 7");
    let output = world.martlet.command(&["rules", "test", "--mail", eml, "--to", TO]);
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in ["rule \"on call\"", "yes body contains \"alarm\": \"alarm 7\"", "-> edited To:", "| ALARM 7"] {
        assert!(words.contains(line), "{line} is missing: {words}");
    }
    // Out as XML and in again: the same rules.
    let output = world.martlet.command(&["rules", "export"]);
    let xml = folder.join("all.xml");
    fs::write(&xml, &output.stdout).expect("written");
    fs::remove_file(folder.join("rules/10.toml")).expect("removed");
    let import = ["rules", "import", xml.to_str().expect("a path")];
    let done = world.martlet.command(&import);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(world.martlet.command(&import).status.code(), Some(73), "not twice");
    assert_eq!(world.martlet.command(&["rules", "export"]).stdout, output.stdout);
    let one = world.martlet.command(&["rules", "export", "--title", "on call"]);
    assert_eq!(String::from_utf8_lossy(&one.stdout).matches("<rule ").count(), 1);
    fs::write(&xml, "<rules><rule type=\"table\"><title>x</title><stopp/></rule></rules>").expect("written");
    let bad = world.martlet.command(&["rules", "import", "--force", xml.to_str().expect("a path")]);
    assert!(bad.status.code() == Some(78) && String::from_utf8_lossy(&bad.stderr).contains("stopp"));
    assert_eq!(world.martlet.json(&["rules", "test", "--mail", eml, "--to", PHONE])[0]["to"], "+12025550124");
}

const PHONES: &str = r#"
direction = "in"
[[rule]]
title = "hours"
if = { body = { regex = '^hours\b' } }
do = [ { reply_sms = { account = "alice@example.test", text = "8 to 17" } }, { discard = true } ]
[[rule]]
title = "order"
if = { body = { regex = '^order\b' } }
do = [ { edit = { field = "Body", pattern = '^order ', to = '' } }, { forward = "shop@example.test" },
       { copy = "archive@example.test" } ]
[[rule]]
title = "wait"
if = { body = { contains = "wait" } }
do = [ { hold = "odd" } ]
[[rule]]
title = "cards"
if = { body = { holds = "cards" } }
do = [ { mask = "cards" } ]
[[rule]]
title = "to nobody who pays"
if = { body = { contains = "free" } }
do = [ { reply_sms = { account = "nobody@example.test", text = "no" } } ]
"#;

fn phones() {
    let world = with(&[("rules/10.toml", PHONES)], "");
    world.phone("Hours please");
    world.provider.seen.wait("the answer", |r| r.value("text") == "8 to 17" && r.value("to") == PHONE);
    world.phone("order 2 chairs");
    for mailbox in ["shop@example.test", "archive@example.test"] {
        let mail = world.mail_to(mailbox, "2 chairs");
        assert!(!words_of(&mail).contains("order"), "changed before");
    }
    world.phone("my card: 4111111111111111");
    let mail = world.mail_to("inbox@example.test", "my card");
    assert!(!words_of(&mail).contains("4111111111111111"));
    // An answer that nobody pays for stays away; the phone's words do not.
    world.phone("free of charge");
    world.mail_to("inbox@example.test", "free of charge");
    world.phone("wait for it");
    let held = until("the held mail", || world.martlet.queue().into_iter().find(|item| item["state"] == "held"));
    let id = held["id"].as_str().expect("an id").to_owned();
    world.martlet.json(&["queue", "release", &id]);
    world.mail_to("inbox@example.test", "wait for it");
    assert!(world.mails.seen.all().iter().all(|mail| !words_of(mail).contains("Hours")), "discarded");
    // With a tag rules are asked, too; where one person wrote, no rule is.
    world.phone("#carol@other.example.test# order a tagged one");
    world.mail_to("shop@example.test", "a tagged one");
    world.phone("#carol@other.example.test# for Carol");
    world.mail_to("carol@other.example.test", "for Carol");
    assert!(say(&world, BOB, "g1", "do you want one?").starts_with("250"));
    world.provider.seen.wait("bob's question", |r| r.value("text") == "do you want one?");
    world.phone("order this one, Bob");
    world.mail_to(BOB, "order this one, Bob");
}

/// A route leads to a mailbox, an account, a URL or a program; what nobody takes there goes to the last step, which is there
/// without being configured.
fn routes() {
    let web = Provider::start(|request| match request.path.as_str() {
        "/gone" => Answer::Say(404, "no".into()),
        _ => Answer::Say(200, "OK".into()),
    });
    let dir = tempfile::tempdir().expect("a folder");
    let noted = dir.path().join("noted");
    let more = format!(
        r#"
[[inbound_route]]
text = "(?i)^order"
mailbox = "shop@example.test"
[[inbound_route]]
from = "^\\+1201"
text = "jersey"
mailbox = "jersey@example.test"
[[inbound_route]]
from = "^\\+44"
mailbox = "abroad@example.test"
[[inbound_route]]
text = "^pay"
account = "desk"
[[inbound_route]]
text = "^vote"
url = "http://127.0.0.1:{port}/vote?from=%%originator%%&text=%%body%%"
[[inbound_route]]
text = "^gone"
url = "http://127.0.0.1:{port}/gone"
[[inbound_route]]
text = "^pump"
program = ["/bin/sh", "-c", "printf %s \"$1\" > {path}.new && mv {path}.new {path}", "pump", "%%body%%"]
[[account]]
user = "desk"
reply = "cash@example.test"
"#,
        port = web.port,
        path = noted.display()
    );
    let world = with(&[], Box::leak(more.into_boxed_str()));
    for (words, mailbox) in [
        ("Order 2 chairs", "shop@example.test"),
        ("in jersey", "jersey@example.test"),
        ("pay the bill", "cash@example.test"),
        ("gone for good", "inbox@example.test"),
        ("anything else", "inbox@example.test"),
    ] {
        world.phone(words);
        world.mail_to(mailbox, words);
    }
    world.phone("vote for Bob & co");
    let vote = web.seen.wait("the vote", |request| request.path == "/vote");
    assert_eq!((vote.value("from"), vote.value("text")), (PHONE, "vote for Bob & co"));
    world.phone("pump; rm -rf /");
    let words = until("what the program was given", || std::fs::read_to_string(&noted).ok());
    assert_eq!(words, "pump; rm -rf /");
    world.martlet.settled();
    let mailed = |words: &str| world.mails.seen.all().iter().any(|mail| words_of(mail).contains(words));
    assert!(!mailed("vote for") && !mailed("pump"), "they went one way");
    let checked = world.martlet.json(&["check"]);
    assert_eq!(checked["inbound_default"], "inbox@example.test", "{checked}");
    assert_eq!(checked["inbound_routes"][3], "text ^pay → account desk", "{checked}");
    assert_eq!(checked["inbound_routes"][4], format!("text ^vote → http://127.0.0.1:{}", web.port), "{checked}");
}
