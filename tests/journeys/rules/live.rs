//! Rules while the daemon lives: routes and errands taken up by a reload, rates over restarts, addresses that rules rewrite
//! before anybody is refused for them, and patterns that explode.

use std::{fs, path::Path, process::Output};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libtest_mimic::Trial;

use super::{ALICE, BOB, World, daemon, mail, say, with};
use crate::support::{
    http::call,
    process::until,
    sink::Answer,
    talk::{Letter, Place, Talk},
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("rules: inbound routes and errands follow a reload, and a file that is wrong keeps what holds", reload),
        trial("rules: what a sender handed over counts over a restart", rates),
        trial("rules: nobody is refused for an address before rules had their say", before),
        trial("rules: what is masked stands in nothing that is kept or reported", masked),
        trial("rules: a pattern that explodes stalls nobody", explodes),
    ]
}

/// Writes the configuration anew, with these words for those, and has it read.
fn change(world: &World, from: &str, to: &str) -> Output {
    rewrite(world, from, to);
    world.martlet.command(&["reload"])
}

fn rewrite(world: &World, from: &str, to: &str) {
    let before = fs::read_to_string(&world.martlet.config).expect("the configuration");
    assert!(before.contains(from), "{from:?} is not there");
    fs::write(&world.martlet.config, before.replace(from, to)).expect("written");
}

const ROUTE: &str = "[[inbound_route]]\ntext = \"^order\"\nmailbox = \"shop@example.test\"\n";

/// A rule by which a program writes down its `PATH`, and one by which it waits for a file.
fn programs(dir: &Path) -> String {
    format!(
        r#"
direction = "in"
[[rule]]
title = "notes"
if = {{ body = {{ starts = "note" }} }}
do = [ {{ run = {{ program = ["/bin/sh", "-c", 'printf %s "$PATH" > "$1.new" && /bin/mv "$1.new" "$1"', "sh", "{dir}/%%body%%"] }} }},
       {{ discard = true }} ]
[[rule]]
title = "waits"
if = {{ body = {{ starts = "wait" }} }}
do = [ {{ run = {{ program = ["/bin/sh", "-c", '> "$1"; until [ -e "$2" ]; do /bin/sleep 0.1; done', "sh", "{dir}/%%body%%", "{dir}/gate"],
                   timeout = "2m" }} }},
       {{ discard = true }} ]
"#,
        dir = dir.display()
    )
}

fn reload() {
    let dir = tempfile::tempdir().expect("a folder");
    let rules = vec![("rules/10.toml", &*programs(dir.path()).leak())].leak();
    let world = with(rules, "[errands]\nprograms = 1\npath = \"/usr/bin:/bin\"\n");
    let noted = |name: &str| until(name, || fs::read_to_string(dir.path().join(name)).ok());
    world.phone("order one");
    world.mail_to("inbox@example.test", "order one");
    world.phone("note1");
    assert_eq!(noted("note1"), "/usr/bin:/bin");
    // The one place is taken.
    world.phone("wait1");
    noted("wait1");
    world.phone("wait2");
    let text = fs::read_to_string(&world.martlet.config).expect("the configuration");
    let output = change(
        &world,
        "programs = 1\npath = \"/usr/bin:/bin\"\n",
        &format!("programs = 2\npath = \"/opt/bin\"\n{ROUTE}"),
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(world.martlet.log().contains("applied=\"errands, inbound_route\" restart=\"\""), "{}", world.martlet.log());
    noted("wait2");
    fs::write(dir.path().join("gate"), "").expect("open");
    world.phone("note2");
    assert_eq!(noted("note2"), "/opt/bin");
    world.phone("order two");
    world.mail_to("shop@example.test", "order two");

    // A file that is wrong, be it in one place, changes nothing of what holds.
    let sound = fs::read_to_string(&world.martlet.config).expect("the configuration");
    for (from, to, says) in [
        ("text = \"^order\"", "text = \"(\"", "martlet.toml:"),
        (
            "mailbox = \"shop@example.test\"",
            "mailbox = \"new@example.test\"\nfolder = \"SMS\"",
            "folders need a server",
        ),
        ("path = \"/opt/bin\"", "path = \"/opt/bin\"\nca = \"nowhere.pem\"", "nowhere.pem"),
        ("programs = 2", "programs = 0", "martlet.toml:"),
    ] {
        // What is sound beside it does not take effect either.
        rewrite(&world, "/opt/bin", "/other/bin");
        let from = from.replace("/opt/bin", "/other/bin");
        let output = change(&world, &from, &to.replace("/opt/bin", "/other/bin"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(78) && said.contains(says), "{to}: {said}");
        fs::write(&world.martlet.config, &sound).expect("written");
    }
    world.phone("order three");
    world.mail_to("shop@example.test", "order three");
    world.phone("note3");
    assert_eq!(noted("note3"), "/opt/bin");

    // SIGHUP is the same.
    fs::write(&world.martlet.config, text).expect("written");
    world.martlet.signal("HUP");
    let taken = || world.martlet.log().matches("applied=\"errands, inbound_route\"").count() == 2;
    until("the first configuration in force", || taken().then_some(()));
    world.phone("order four");
    world.mail_to("inbox@example.test", "order four");
    world.phone("note4");
    assert_eq!(noted("note4"), "/usr/bin:/bin");
}

const RATES: &str = r#"
[[rule]]
title = "two an hour"
if = { rate = { max = 2, within = "1h" } }
do = [ { reject = "enough for now" } ]
[[rule]]
title = "phones, too"
direction = "in"
if = { rate = { max = 2, within = "1h" } }
do = [ { forward = "many@example.test" } ]
"#;

fn rates() {
    let mut world = with(&[("rules/10.toml", RATES)], "");
    // A phone that nobody wrote to: its texts are asked of the rules.
    let phone = |world: &World, words: &str| {
        let (status, body) = world.martlet.phone("GET", "+12015550188", words).expect("a call");
        assert!(status == 200 && body.starts_with("OK"), "{status} {body}");
    };
    assert!(say(&world, BOB, "r1", "one").starts_with("250"));
    phone(&world, "first words");
    world.mail_to("inbox@example.test", "first words");
    world.martlet.settled();
    world.martlet.stop();
    world.martlet.restart();
    assert!(say(&world, BOB, "r2", "two").starts_with("250"));
    phone(&world, "second words");
    world.mail_to("inbox@example.test", "second words");
    // What was promised has counted, whatever happens then.
    world.martlet.kill();
    world.martlet.restart();
    let third = say(&world, BOB, "r3", "three");
    assert!(third.starts_with("550 5.7.1") && third.contains("enough for now"), "{third}");
    assert!(say(&world, ALICE, "r4", "four").starts_with("250"), "hers is another count");
    phone(&world, "third words");
    world.mail_to("many@example.test", "third words");
}

const REWRITE: &str = r#"
[[rule]]
title = "the islands by the desk"
if = { number = { starts = "+1808" }, body = { starts = "desk" } }
do = [ { edit = { field = "To", pattern = '^\+1808\d+', to = '+12025550177' } } ]
[[rule]]
title = "by the other gateway"
if = { number = { starts = "+1808" }, body = { starts = "spare" } }
do = [ { gateway = "spare" } ]
[[rule]]
title = "the stand-in"
if = { number = "+12015550199" }
do = [ { edit = { field = "To", pattern = '^\+12015550199', to = '+12025550178' } } ]
"#;

const SPARE: &str = r#"deny = ["+1808"]
[[gateway]]
id = "spare"
type = "http"
url = "http://127.0.0.1:PROVIDER/spare?to=%number%&text=%data%"
[[route]]
number = '\+1\d+'
to = "spare"
classes = ["gold"]
"#;

const ISLANDS: &str = "+18085550123@sms.example.test";

/// The answer to RCPT, before anything is said of the mail.
fn rcpt(world: &World, to: &str) -> String {
    let mut talk = Talk::to(&Place::Tcp(world.lmtp)).expect("the LMTP door");
    talk.say("LHLO mx.example.test").expect("LHLO");
    talk.say(&format!("MAIL FROM:<{ALICE}>")).expect("MAIL");
    let reply = talk.say(&format!("RCPT TO:<{to}>")).expect("RCPT");
    format!("{} {}", reply.code, reply.text())
}

fn to(world: &World, to: &str, id: &str, words: &str) -> String {
    let replies = world.send(ALICE, &[to], &mail(id, ALICE, words, ""));
    let reply = replies.last().expect("a reply");
    format!("{} {}", reply.code, reply.text())
}

fn before() {
    // Without rules whoever cannot be reached is refused at once.
    let plain = daemon().main(SPARE).start();
    let refused = rcpt(&plain, ISLANDS);
    assert!(refused.starts_with("550 5.4.4"), "{refused}");
    drop(plain);

    let files = &[("rules/10.toml", REWRITE)];
    let world = daemon().main(SPARE).files(files).start();
    assert!(rcpt(&world, ISLANDS).starts_with("250"));
    assert!(to(&world, ISLANDS, "i1", "desk, please").starts_with("250"));
    world.provider.seen.wait("at the desk", |r| r.value("text") == "desk, please" && r.value("to") == "+12025550177");
    assert!(to(&world, ISLANDS, "i2", "spare one").starts_with("250"));
    world.provider.seen.wait("by the spare one", |r| r.path == "/spare" && r.value("to") == "+18085550123");
    // Where no rule takes it elsewhere, it is refused behind the rules, for the same reason.
    let refused = to(&world, ISLANDS, "i3", "nobody");
    assert!(refused.starts_with("550 5.4.4"), "{refused}");
    // What rules make is held to the same: the account's regions, at RCPT already where the address is outside of them.
    assert!(rcpt(&world, "+442079460000@sms.example.test").starts_with("550 5.7.1"));
    // A phone that wants nothing, and one that stands in for it.
    let gone = "+12015550199";
    world.martlet.json(&["optouts", "add", gone]);
    let gone = format!("{gone}@sms.example.test");
    assert!(rcpt(&world, &gone).starts_with("250"));
    assert!(to(&world, &gone, "i4", "to the stand-in").starts_with("250"));
    world
        .provider
        .seen
        .wait("to the stand-in", |r| r.value("text") == "to the stand-in" && r.value("to") == "+12025550178");
    world.martlet.json(&["optouts", "add", "+12025550178"]);
    let refused = to(&world, &gone, "i5", "to the stand-in again");
    assert!(refused.starts_with("550 5.7.1") && refused.contains("opted out"), "{refused}");
    world.martlet.settled();
    assert_eq!(world.provider.seen.len(), 3);
}

const MASK: &str = r#"
[[rule]]
title = "no cards, no badges"
if = { any = [ { body = { holds = "cards" } }, { body = { holds = "badges" } } ] }
do = [ { mask = "cards" }, { mask = "badges" } ]
[[rule]]
title = "apart"
if = { body = { starts = "apart" } }
do = [ { quarantine = true } ]
"#;

const BADGES: &str = "[[pii]]\nname = \"badges\"\npatterns = ['\\bE\\d{6}\\b']\n";

fn masked() {
    let never = |_: &_| Answer::Say(400, "never".into());
    let mut world = daemon().files(&[("rules/10.toml", MASK)]).tables(BADGES).answering(never).start();
    // In the words, in a field, and in a field that is encoded.
    let card = "4111 1111 1111 1111";
    let more = format!("X-Card: {card}\r\nX-Encoded: =?utf-8?B?{}?=\r\nX-Other: stays\r\n", STANDARD.encode(card));
    for (id, words) in [("m1", "my card is"), ("m2", "apart, it is")] {
        let data = mail(id, BOB, &format!("{words} {card}, my badge E123456"), &more);
        let letter = Letter { from: BOB, mail_params: " RET=FULL", to: vec![super::TO], data, ..Letter::default() };
        assert_eq!(world.hand_over(&letter).last().expect("a reply").code, 250);
    }
    let tried = world.provider.seen.wait("the text", |r| r.value("text").starts_with("my card"));
    assert_eq!(tried.value("text"), "my card is **** **** **** 1111, my badge ***3456");
    let report = world.mails.seen.wait("the report", |mail| String::from_utf8_lossy(&mail.data).contains("Status: 5."));
    let report = String::from_utf8_lossy(&report.data).into_owned();
    assert!(report.contains("X-Other: stays"), "{report}");
    world.martlet.settled();
    world.martlet.stop();
    let data = world.martlet.config.parent().expect("a folder").join("data");
    let mut kept = vec![report.into_bytes()];
    kept.extend(fs::read_dir(data).expect("the store").flatten().filter_map(|file| fs::read(file.path()).ok()));
    let holds = |octets: &[u8], words: &str| octets.windows(words.len()).any(|window| window == words.as_bytes());
    assert!(kept.iter().any(|octets| holds(octets, "apart, it is")), "the store is read");
    for secret in [card, "4111111111111111", "E123456", &STANDARD.encode(card)] {
        assert!(!kept.iter().any(|octets| holds(octets, secret)), "{secret} is kept");
    }
}

const EVIL: &str = r#"
[[rule]]
title = "look-ahead"
if = { body = { regex = '^(?=((a+)+)+$)b' } }
do = [ { reject = "never" } ]
[[rule]]
title = "look-behind"
do = [ { edit = { field = "Body", pattern = '(?<=a)(?=(a|a|aa)*$)c', to = "" } } ]
[[rule]]
title = "linear"
if = { body = { regex = '((a*)*)*(a+)+b$' } }
do = [ { reject = "never" } ]
"#;

fn explodes() {
    let world = with(&[("rules/10.toml", EVIL)], "[limits]\nrecipients = 100\n");
    let (lmtp, http) = (world.lmtp, world.martlet.http);
    let evil = std::thread::spawn(move || {
        let mut talk = Talk::to(&Place::Tcp(lmtp)).expect("the LMTP door");
        talk.say("LHLO mx.example.test").expect("LHLO");
        let to: Vec<String> = (0..6).map(|n| format!("+1201555{:04}@sms.example.test", 2000 + n)).collect();
        let data = mail("evil", BOB, &"a".repeat(50_000), "");
        let to = to.iter().map(String::as_str).collect();
        talk.letter(&Letter { from: BOB, to, data, ..Letter::default() }, true).expect("replies")
    });
    // Others are served meanwhile, by every door.
    for n in 0..5 {
        assert!(say(&world, ALICE, &format!("x{n}"), &format!("hello {n}")).starts_with("250"));
        assert_eq!(call(http, "GET", "/healthz", "").expect("an answer").0, 200);
    }
    let replies = evil.join().expect("it ends");
    assert!(replies.len() == 6 && replies.iter().all(|reply| reply.code == 250), "{replies:?}");
}
