//! Calls: what goes over the wire, to whom, and what follows from the answer.

use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::Trial;
use serde_json::Value;

use super::{one, queued, rules, say};
use crate::{
    journeys::{PHONE, daemon, words_of},
    support::{sink::Answer, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![trial("errands: calls are encoded, repeated with one key, follow nothing and go nowhere else", calls)]
}

const RULES: &str = r#"
[[rule]]
title = "twice"
if = { body = { starts = "twice" } }
do = [ { call = "http://127.0.0.1:PORT/twice/%%body%%?number=%%number%%&data=%%body%%" } ]
[[rule]]
title = "form"
if = { body = { starts = "form" } }
do = [ { call = { url = "http://127.0.0.1:PORT/form", body = "number=%%number%%&data=%%body%%", headers = { Authorization = "Bearer t0ken" } } } ]
[[rule]]
title = "json"
if = { body = { starts = "json" } }
do = [ { call = { url = "http://127.0.0.1:PORT/json", json = true } } ]
[[rule]]
title = "moved"
if = { body = { starts = "moved" } }
do = [ { call = "http://127.0.0.1:PORT/moved" } ]
[[rule]]
title = "refused"
if = { body = { starts = "refused" } }
do = [ { call = "http://127.0.0.1:PORT/refused" } ]
[[rule]]
title = "at the phone's word"
direction = "in"
if = { body = { starts = "hook" } }
do = [ { call = "http://127.0.0.1:PORT/hook?from=%%from%%&data=%%body%%" }, { discard = true } ]
"#;

fn calls() {
    let tries = AtomicUsize::new(0);
    let world = daemon()
        .answering(move |request| match request.path.as_str() {
            path if path.starts_with("/twice") && tries.fetch_add(1, Ordering::SeqCst) == 0 => {
                Answer::With(503, "Retry-After: 1\r\n".into(), "busy".into())
            }
            "/moved" => Answer::With(302, "Location: /trap\r\n".into(), String::new()),
            "/refused" => Answer::Say(403, "ERR 5.7.1 no".into()),
            _ => Answer::Say(200, "OK 1".into()),
        })
        .start();
    rules(&world, RULES);
    // Before anybody wrote to this phone: what answers a person goes to that person.
    world.phone("hook me & mine");
    let hook = world.provider.seen.wait("the hook", |r| r.path == "/hook");
    assert_eq!((hook.value("from"), hook.value("data")), (PHONE, "hook me & mine"));
    let body = "twice a&b=c/../@evil.example?#é+%";
    assert!(say(&world, "a1", body).starts_with("250"));
    world.martlet.settled();
    let seen: Vec<_> = world.provider.seen.all().into_iter().filter(|r| r.path.starts_with("/twice")).collect();
    assert_eq!(seen.len(), 2, "the answer of the first was: later");
    for request in &seen {
        assert_eq!((request.value("number"), request.value("data")), (PHONE, body));
        assert_eq!(request.path.matches('/').count(), 2, "a value is one step of a path: {}", request.path);
        assert!(request.header("X-Martlet-Trace").ends_with("sms.example.test"), "{request:?}");
    }
    let id = one(&world, "call", "closed");
    assert_eq!((&id["attempts"], id["id"].as_str()), (&2.into(), Some(seen[0].header("Idempotency-Key"))));
    assert_eq!(seen[0].header("Idempotency-Key"), seen[1].header("Idempotency-Key"));
    // What a person may see of it.
    assert_eq!(id["to"], format!("http://127.0.0.1:{}", world.provider.port));

    assert!(say(&world, "a2", "form a&b").starts_with("250"));
    let form = world.provider.seen.wait("the form", |r| r.path == "/form");
    assert_eq!(form.body, "number=%2B12015550123&data=form%20a%26b");
    assert_eq!(form.header("Content-Type"), "application/x-www-form-urlencoded");
    assert_eq!(form.header("Authorization"), "Bearer t0ken");
    assert!(say(&world, "a3", "json \"q\"").starts_with("250"));
    let json = world.provider.seen.wait("the document", |r| r.path == "/json");
    let read: Value = serde_json::from_str(&json.body).expect("JSON");
    assert_eq!((&read["body"], read["id"].as_str()), (&"json \"q\"".into(), Some(json.header("Idempotency-Key"))));

    assert!(say(&world, "a4", "moved").starts_with("250") && say(&world, "a5", "refused").starts_with("250"));
    world.martlet.settled();
    let failed: Vec<_> = queued(&world, "call").into_iter().filter(|item| item["result"] == "failed").collect();
    let causes: Vec<_> = failed.iter().map(|item| item["cause"].as_str().unwrap_or_default()).collect();
    assert!(causes.len() == 2 && causes.iter().any(|why| why.contains("302")), "{causes:?}");
    assert!(causes.contains(&"the server answered 403: ERR 5.7.1 no"), "{causes:?}");
    let told = world.mail_to("postmaster@example.test", "refused");
    assert!(words_of(&told).contains("call http://127.0.0.1:"), "{}", words_of(&told));
    assert!(world.provider.seen.all().iter().all(|r| r.path != "/trap"), "no redirect is followed");
    let log = world.martlet.log();
    assert!(!log.contains("twice a") && !log.contains("5550123") && !log.contains("t0ken"), "{log}");
}
