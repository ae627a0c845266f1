//! Verdicts before the commit: what a program or a URL says of a text, and what follows when it says nothing.

use libtest_mimic::Trial;

use super::{file, new, rules, say};
use crate::{
    journeys::{World, daemon, words_of},
    support::{process::until, sink::Answer, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("errands: a program's verdict passes, changes, refuses, holds and discards", verdicts),
        trial("errands: without a verdict a text is put off or passes, as its rule says", silence),
        trial("errands: a verdict on a phone's text, and the text goes on without one", phones),
    ]
}

const JUDGE: &str = r#"
read document
case "$document" in
*'"body":"change'*) echo '{"verdict":"pass","headers":{"Subject":"Changed"},"variables":{"team":"ops"},"body":"changed"}' ;;
*'"body":"reject'*) echo '{"verdict":"reject","text":"not on my watch"}' ;;
*'"body":"hold'*) echo '{"verdict":"hold","text":"a person looks"}' ;;
*'"body":"drop'*) echo '{"verdict":"discard"}' ;;
*'"body":"junk'*) echo 'yes' ;;
*'"body":"fail'*) exit 1 ;;
*'"body":"hang'*) sleep 3600 ;;
*) echo '{"verdict":"pass"}' ;;
esac
"#;

const ASKS: &str = r#"
[[rule]]
title = "soft"
if = { body = { contains = "softly" } }
do = [ { run = { program = ["/bin/sh", "DIR/judge.sh"], wait = "1s", otherwise = "pass" } } ]
stop = true
[[rule]]
title = "judge"
if = { not = { body = { starts = "url" } } }
do = [ { run = { program = ["/bin/sh", "DIR/judge.sh"], wait = "10s" } } ]
[[rule]]
title = "behind it"
if = { var = "team", is = "ops" }
do = [ { edit = { field = "Body", pattern = '$', to = ' by %%var:team%%: %%subject%%' } } ]
[[rule]]
title = "a URL judges as well"
if = { body = { starts = "url" } }
do = [ { call = { url = "http://127.0.0.1:PORT/judge", json = true, wait = "10s" } } ]
"#;

fn world() -> World {
    let world = daemon()
        .answering(|request| match request.path.as_str() {
            "/judge" => Answer::Say(200, r#"{"verdict":"reject","text":"the URL says no"}"#.into()),
            _ => Answer::Say(200, "OK 1".into()),
        })
        .start();
    file(&world, "judge.sh", JUDGE);
    rules(&world, ASKS);
    world
}

fn verdicts() {
    let world = world();
    assert!(say(&world, "a1", "pass me").starts_with("250"));
    world.provider.seen.wait("the text as it is", |r| r.value("text") == "pass me");
    assert!(say(&world, "a2", "change me").starts_with("250"));
    world.provider.seen.wait("the text as it became", |r| r.value("text") == "changed by ops: Changed");
    let no = say(&world, "a3", "reject me");
    assert!(no.starts_with("550 5.7.1") && no.contains("not on my watch"), "{no}");
    let no = say(&world, "a4", "url");
    assert!(no.starts_with("550 5.7.1") && no.contains("the URL says no"), "{no}");
    assert!(say(&world, "a5", "drop me").starts_with("250"));
    assert!(say(&world, "a6", "hold me").starts_with("250"));
    let held = until("the held text", || world.martlet.queue().into_iter().find(|item| item["state"] == "held"));
    let id = held["id"].as_str().expect("an id");
    let history = world.martlet.json(&["queue", "show", id]).to_string();
    assert!(history.contains("a person looks"), "{history}");
    let texts: Vec<_> = world.provider.seen.all().into_iter().filter(|r| r.path == "/main").collect();
    assert_eq!(texts.len(), 2);
}

fn silence() {
    let world = world();
    for (id, body) in [("b1", "junk"), ("b2", "fail")] {
        let later = say(&world, id, body);
        assert!(later.starts_with("451 4.3.0") && later.contains("verdict"), "{body}: {later}");
    }
    let form = "number=%2B12015550123&data=fail&user=alice%40example.test&pass=alice-pw";
    let (status, body) = crate::support::http::call(world.martlet.http, "POST", "/sms/", form).expect("a call");
    assert!(status == 503 && body.starts_with("ERR 4.3.0"), "{status} {body}");
    for (id, body) in [("b3", "hang softly"), ("b4", "junk softly")] {
        assert!(say(&world, id, body).starts_with("250"), "{body}");
        world.provider.seen.wait("a text that passes", |r| r.value("text") == body);
    }
    assert_eq!(world.provider.seen.len(), 2);
    let metrics = crate::support::http::call(world.martlet.http, "GET", "/metrics", "").expect("metrics").1;
    assert!(metrics.contains("martlet_questions_total{kind=\"run\",outcome=\"unanswered\"} 5"), "{metrics}");
}

fn phones() {
    let world = new("");
    file(&world, "judge.sh", JUDGE);
    let rule = "direction = \"in\"\n[[rule]]\ntitle = \"judge\"\n\
                do = [ { run = { program = [\"/bin/sh\", \"DIR/judge.sh\"], wait = \"10s\" } } ]\n";
    rules(&world, rule);
    world.phone("drop this");
    world.phone("change this");
    let mail = world.mail_to("inbox@example.test", "changed");
    assert!(!words_of(&mail).contains("change this"));
    // Who gives no verdict is left alone for a while; the texts go on.
    world.phone("junk comes through");
    world.mail_to("inbox@example.test", "junk comes through");
    world.phone("drop is not asked now");
    world.mail_to("inbox@example.test", "drop is not asked now");
    assert!(world.mails.seen.all().iter().all(|mail| !words_of(mail).contains("drop this")));
}
