//! What an operator does before and beside sending, at a provider of the test's own that is strict: the addresses of hooks, their
//! registration, who answers, a text by one gateway.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{ALICE, PHONE, SID, World, smsgate_settings};
use crate::support::{
    sink::{Answer, Provider, Request},
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("provider gateway: setup shows the addresses, and registers them once", register),
        trial("provider gateway: setup by hand, and what it cannot do", by_hand),
        trial("provider gateway: check --online and gateway test", online),
    ]
}

/// Exit code, output, words of trouble.
fn run(world: &World, words: &[&str]) -> (i32, String, String) {
    let out = world.martlet.command(words);
    let text = |octets: Vec<u8>| String::from_utf8(octets).expect("UTF-8");
    (out.status.code().expect("an exit code"), text(out.stdout), text(out.stderr))
}

/// What is registered at the app: event and address by id.
type Hooks = Arc<Mutex<BTreeMap<String, (String, String)>>>;

/// The app's API for webhooks: one for each event, by an id of ours; whatever else is asked is refused.
fn webhooks(request: &Request, hooks: &Hooks, refused: &str) -> Result<u16, String> {
    let fits = |fits: bool, words: &str| if fits { Ok(()) } else { Err(words.to_owned()) };
    fits(request.method == "POST" && request.path == "/webhooks" && request.query.is_empty(), "the address")?;
    fits(request.header("authorization") == "Basic dTpzM2NyZXQtdDBrZW4=", "the login")?;
    fits(request.header("content-type") == "application/json", "the type")?;
    let body: Value = serde_json::from_str(&request.body).map_err(|why| why.to_string())?;
    let table = body.as_object().ok_or("no table")?;
    fits(table.len() == 3, "other members than id, url, event")?;
    let text = |name: &str| table.get(name).and_then(Value::as_str).map(str::to_owned).ok_or(format!("no {name}"));
    let (id, url, event) = (text("id")?, text("url")?, text("event")?);
    let events =
        ["received", "data-received", "sent", "delivered", "failed", "cancelled"].map(|word| format!("sms:{word}"));
    fits(events.contains(&event) || event == "mms:downloaded", "the event")?;
    fits(id.len() <= 36 && url.starts_with("https://"), "id or address")?;
    if event == refused {
        return Ok(403);
    }
    let mut hooks = hooks.lock().expect("a list");
    fits(hooks.iter().all(|(other, (same, _))| *other == id || *same != event), "an event twice")?;
    let known = hooks.insert(id, (event, url)).is_some();
    Ok(if known { 200 } else { 201 })
}

fn register() {
    let hooks = Hooks::default();
    let wrong = Arc::new(Mutex::new(Vec::new()));
    let refused = Arc::new(Mutex::new(""));
    let (list, words, no) = (Arc::clone(&hooks), Arc::clone(&wrong), Arc::clone(&refused));
    let app = Provider::start(move |request| match webhooks(request, &list, *no.lock().expect("a word")) {
        Ok(status) => Answer::Say(status, "{}".to_owned()),
        Err(why) => {
            words.lock().expect("a list").push(why);
            Answer::Say(400, "{}".to_owned())
        }
    });
    let world = World::start("smsgate", &[], &smsgate_settings(app.port));
    let address = "https://sms.example.com/gateway/main/hook/events";
    let (exit, out, _) = run(&world, &["provider", "setup", "main"]);
    assert!(exit == 0 && out.contains(&format!("events  {address}\n")) && out.contains("--register"), "{exit} {out}");
    assert_eq!(app.seen.len(), 0, "without --register nothing is sent");
    // Twice: what is registered already is no trouble, and stands there once.
    for _ in 0..2 {
        let (exit, out, err) = run(&world, &["provider", "setup", "main", "--register"]);
        assert_eq!((exit, out.matches("registration").count()), (0, 7), "{out} {err}");
        assert!(!out.contains("refused"), "{out}");
    }
    let kept = hooks.lock().expect("a list").clone();
    assert_eq!((kept.len(), app.seen.len()), (7, 14));
    assert!(kept.values().all(|(_, url)| url == address), "{kept:?}");
    assert!(wrong.lock().expect("a list").is_empty(), "{wrong:?}");
    // One that the provider refuses.
    *refused.lock().expect("a word") = "sms:sent";
    let (exit, out, err) = run(&world, &["provider", "setup", "main", "--register"]);
    assert_eq!((exit, out.matches("HTTP 403, refused").count()), (69, 1), "{out} {err}");
    assert!(err.contains("not all hooks are registered"), "{err}");
    // Nobody there.
    app.kill();
    let (exit, out, err) = run(&world, &["provider", "setup", "main", "--register"]);
    assert!(exit == 69 && !err.is_empty(), "{exit} {out} {err}");
    assert!(![out, err].iter().any(|said| said.contains("s3cret-t0ken") || said.contains("sign1ng")));
}

fn by_hand() {
    let settings = format!(
        "settings = {{ account_sid = \"{SID}\", auth_token = {{ env = \"PROVIDER_SECRET\" }} }}\n\
         hook = {{ inbound = {{ path = \"/inbound.asp\" }} }}\n\
         [[gateway]]\nid = \"phones\"\ntype = \"handset\"\n"
    );
    let world = World::start("twilio", &[], &settings);
    let (exit, out, _) = run(&world, &["provider", "setup", "main"]);
    assert_eq!(exit, 0, "{out}");
    for wanted in [
        "status  https://sms.example.com/gateway/main/hook/status\n",
        "inbound  https://sms.example.com/inbound.asp\n",
        "    Phone Numbers, the number, Messaging",
    ] {
        assert!(out.contains(wanted), "{wanted}: {out}");
    }
    let (exit, _, err) = run(&world, &["provider", "setup", "main", "--register"]);
    assert!(exit == 69 && err.contains("fill in settings.number_sid (Phone number"), "{exit} {err}");
    // What a path secret is for stands in the address, for that it is entered there.
    let (exit, _, err) = run(&world, &["provider", "setup", "phones"]);
    assert!(exit == 65 && err.contains("no `provider`"), "{exit} {err}");
    let (exit, _, err) = run(&world, &["provider", "setup", "nobody"]);
    assert!(exit == 65 && err.contains("no gateway nobody"), "{exit} {err}");
    let text = std::fs::read_to_string(&world.martlet.config).expect("the configuration");
    std::fs::write(&world.martlet.config, text.replace("public_url = \"https://sms.example.com\"", "")).expect("write");
    let (exit, _, err) = run(&world, &["provider", "setup", "main"]);
    assert!(exit == 78 && err.contains("http.public_url"), "{exit} {err}");
}

fn online() {
    // They have nothing at their root; they answer.
    let app = Provider::start(|request| match serde_json::from_str::<Value>(&request.body) {
        Ok(asked) => Answer::Say(202, json!({ "id": asked["id"] }).to_string()),
        Err(_) => Answer::Say(405, String::new()),
    });
    let nothing = Provider::start(|_| Answer::Say(404, String::new()));
    let more = format!(
        "{}\n[[gateway]]\nid = \"second\"\ntype = \"http\"\nprovider = \"./provider.toml\"\nrate = 1000\n{}",
        smsgate_settings(nothing.port),
        smsgate_settings(app.port)
    );
    let world = World::start("smsgate", &[], &more);
    let (exit, out, err) = run(&world, &["check", "--online"]);
    assert_eq!(exit, 0, "{out} {err}");
    for wanted in ["gateway main answers: HTTP status 404", "gateway second answers: HTTP status 405"] {
        assert!(out.contains(wanted), "{wanted}: {out}");
    }
    let asked = nothing.seen.all();
    assert_eq!((asked.len(), asked[0].method.as_str(), asked[0].path.as_str()), (1, "HEAD", "/"));
    assert_eq!(asked[0].header("authorization"), "", "no login for that");
    nothing.kill();
    let (exit, out, err) = run(&world, &["check", "--online"]);
    assert!(exit == 69 && [out, err].concat().contains("gateway main does not answer"));

    let test = |gateway: &str, words: &str| {
        run(&world, &["gateway", "test", gateway, "--to", PHONE, "--account", ALICE, words])
    };
    let (exit, out, err) = test("second", "a word by the definition");
    assert!(exit == 0 && out.contains("second: sent, as "), "{exit} {out} {err}");
    let request = app.seen.wait("the text", |request| request.body.contains("a word by the definition"));
    let asked: Value = serde_json::from_str(&request.body).expect("JSON");
    assert_eq!(asked["phoneNumbers"], json!([PHONE]));
    // At the other one nobody listens any more: that is said, and the text waits.
    let (exit, _, err) = test("main", "nobody hears this");
    assert!(
        exit == 75 && err.contains("main: not now") && err.contains("no connection to the gateway"),
        "{exit} {err}"
    );
}
