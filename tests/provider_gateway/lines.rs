//! The lines to providers: one that does not answer holds up no other, and nobody is followed elsewhere with our credentials.

use std::sync::{Arc, Condvar, Mutex};

use libtest_mimic::Trial;
use serde_json::json;

use super::{TOKENS, World, app_calls, event, phone_app, smsgate_settings};
use crate::support::{
    process::DEADLINE,
    sink::{Answer, Provider},
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("provider gateway: one that does not answer holds up no other", slow),
        trial("provider gateway: redirects are not followed, nor are the credentials", redirects),
    ]
}

/// Closed until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().expect("a gate") = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let open = self.0.0.lock().expect("a gate");
        let waited = self.0.1.wait_timeout_while(open, DEADLINE, |open| !*open).expect("a gate");
        assert!(!waited.1.timed_out(), "nobody opens the gate");
    }
}

impl World {
    /// So many texts by one gateway; their ids.
    fn send_by(&self, gateway: &str, texts: usize) -> Vec<String> {
        let one = |n: usize| {
            self.send_to(&format!("+1201{}?id={gateway}", 5_550_100 + n), &format!("number {n} by {gateway}"))
        };
        (0..texts).map(one).collect()
    }

    fn until_sent(&self, ids: &[String]) {
        for id in ids {
            self.until_shown(id, "sent", |shown| shown["state"] == "sent");
        }
    }
}

fn slow() {
    let gate = Gate::default();
    let closed = gate.clone();
    let silent = Provider::start(move |request| {
        closed.pass();
        let asked: serde_json::Value = serde_json::from_str(&request.body).expect("JSON");
        Answer::Say(202, json!({ "id": asked["id"] }).to_string())
    });
    let (quick, _) = phone_app(|_| None);
    let more = format!(
        "timeout = \"10m\"\nbreaker.stuck = \"10m\"\n{}\n[[gateway]]\nid = \"second\"\ntype = \"http\"\nprovider = \"./provider.toml\"\n\
         rate = 1000\n{}",
        smsgate_settings(silent.port),
        smsgate_settings(quick.port)
    );
    let world = World::start("smsgate", &[], &more);
    // More than it takes at once: the others wait behind them.
    let held_up = world.send_by("main", 15);
    silent.seen.within(DEADLINE, |all| (all.len() == 10).then_some(())).expect("a full window");
    let others = world.send_by("second", 60);
    world.until_sent(&others);
    assert_eq!(quick.seen.len(), 60);
    // What the slow one calls us with is taken all the same.
    assert_eq!(app_calls(&world, &event(1, "system:ping", "")).0, 204);
    assert_eq!(silent.seen.len(), 10, "none of them was answered meanwhile");
    assert!(
        held_up.iter().all(|id| ["trying", "waiting"].contains(&world.show(id)["state"].as_str().expect("a state")))
    );
    crate::support::say("slow: 60 texts went by one provider while the other answered none of 10 requests");
    gate.open();
    world.until_sent(&held_up);
    assert_eq!(silent.seen.len(), 15, "each was asked once");
}

fn redirects() {
    let elsewhere = Provider::willing();
    let to = format!("Location: http://127.0.0.1:{}/messages\r\n", elsewhere.port);
    let target = to.clone();
    let app = Provider::start(move |request| {
        let status = if request.body.contains("number 0") { 302 } else { 307 };
        Answer::With(status, target.clone(), String::new())
    });
    let world = World::start("smsgate", &[], &smsgate_settings(app.port));
    let id = world.send_by("main", 1).pop().expect("an id");
    // The address wants correcting: the text waits, and the gateway is reported.
    let shown = world.until_shown(&id, "deferred", |shown| shown["state"] == "waiting" && shown["attempts"] == 1);
    let told = shown["events"].as_array().expect("a history").iter().any(|event| event["cause"] == "4.3.5 HTTP 302");
    assert!(told, "{shown}");
    world.martlet.log().find("account").expect("the log says that the account is in trouble");
    assert_eq!((app.seen.len(), elsewhere.seen.len()), (1, 0));

    // Nor is the step before: a token is not asked for elsewhere.
    let tokens = Provider::start(move |_| Answer::With(307, to.clone(), String::new()));
    let settings = format!(
        "settings = {{ base = \"http://127.0.0.1:{}\", secret = {{ env = \"PROVIDER_SECRET\" }} }}",
        tokens.port
    );
    let world = World::of(TOKENS, &settings);
    let id = world.send("by a token");
    world.until_shown(&id, "deferred", |shown| shown["state"] == "waiting" && shown["attempts"] == 1);
    assert_eq!((tokens.seen.len(), elsewhere.seen.len()), (1, 0));
    assert!(tokens.seen.all()[0].body.contains("s3cret-t0ken"), "the secret goes where it belongs");
    world.is_discreet();
}
