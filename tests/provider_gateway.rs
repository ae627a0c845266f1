//! Gateways by definition at the real daemon, with providers of the test's own behind them: requests, receipts, texts of
//! phones, and what goes wrong between. Twilio's hooks are signed by Twilio's own library.

mod clocks;
mod lines;
mod opting;
mod setup;

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::support::{
    Needs, letter,
    martlet::Martlet,
    process::{Scratch, free_port, until},
    python, root,
    sink::{Answer, MailSink, Provider, Request, pairs},
    talk::{Letter, Place, Talk},
    trial, trial_with,
};

pub fn trials() -> Vec<Trial> {
    let own = vec![
        trial_with(
            "provider gateway: Twilio, from mail to receipt and from the phone to mail",
            &[Needs::Signers],
            twilio,
        ),
        trial("provider gateway: Vonage, a receipt for each part", vonage),
        trial("provider gateway: what is unsure is asked again by its id and sent once", smsgate),
        trial("provider gateway: a receipt before the answer, which is lost", early),
        trial("provider gateway: throttled, refused and broken answers", faults),
        trial("provider gateway: a token for all, asked anew once", token),
        trial("provider gateway: a hook that was answered survives the end of the daemon", crash),
        trial("provider gateway: paths and listeners of hooks, and who may call", doors),
        trial("provider gateway: asked instead of calling", poll),
    ];
    [own, lines::trials(), setup::trials(), opting::trials(), clocks::trials()].into_iter().flatten().collect()
}

const ALICE: &str = "alice@example.test";
pub const PHONE: &str = "+12015550123";
pub const SID: &str = "AC0123456789abcdef0123456789abcdef";

pub struct World {
    pub martlet: Martlet,
    pub mails: MailSink,
    lmtp: u16,
    scratch: Scratch,
}

/// A test that fails shows what the daemon said.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            crate::support::say(&self.martlet.log_end());
        }
    }
}

impl World {
    /// A gateway `main` of this definition; `changes` stand for others in its text.
    pub fn start(definition: &str, changes: &[(&str, &str)], more: &str) -> Self {
        let path = root().join(format!("config/providers/{definition}.toml"));
        let mut text = std::fs::read_to_string(path).expect("a definition");
        for (from, to) in changes {
            assert!(text.contains(from), "{definition} has no {from}");
            text = text.replace(from, to);
        }
        Self::of(&text, more)
    }

    pub fn of(definition: &str, more: &str) -> Self {
        Self::behind("", definition, more)
    }

    /// `http`: more keys of `[http]`.
    pub fn behind(http: &str, definition: &str, more: &str) -> Self {
        let mut world = Self::made(http, definition, more);
        world.martlet.restart();
        world
    }

    /// Nothing is started.
    pub fn prepared(definition: &str, more: &str) -> Self {
        Self::made("", definition, more)
    }

    pub fn folder(&self) -> std::path::PathBuf {
        self.martlet.config.parent().expect("a folder").to_owned()
    }

    fn made(http: &str, definition: &str, more: &str) -> Self {
        let scratch = Scratch::new();
        let dir = scratch.dir("martlet");
        std::fs::write(dir.join("provider.toml"), definition).expect("write");
        let (lmtp, mails) = (free_port(), MailSink::smtp());
        let config = format!(
            "data_dir = \"data\"\ndomains = [\"sms.example.test\"]\n\
             [[listener]]\nprotocol = \"lmtp\"\nbind = \"127.0.0.1:{lmtp}\"\ntrust = [\"127.0.0.1/32\"]\nidentity = [\"envelope\"]\n\
             [http]\nbind = \"127.0.0.1:{port}\"\npublic_url = \"https://sms.example.com\"\n{http}\n\
             [mailbox]\nurl = \"smtp://127.0.0.1:{mails}\"\npostmaster = \"postmaster@example.test\"\n\
             [inbound]\ndefault = \"inbox@example.test\"\ndomains = [\"example.test\"]\n\
             [queue]\nretry_min = \"1s\"\nretry_max = \"2s\"\n\
             [[account]]\nuser = \"{ALICE}\"\n\
             [[gateway]]\nid = \"main\"\ntype = \"http\"\nprovider = \"./provider.toml\"\nrate = 1000\n{more}\n",
            port = free_port(),
            mails = mails.port,
        );
        let martlet = Martlet::prepare(&dir, &config, &[("PROVIDER_SECRET", "s3cret-t0ken")]);
        Self { martlet, mails, lmtp, scratch }
    }

    /// The id of one mail of Alice's that is taken; its sender wants to hear of delivery.
    pub fn send(&self, text: &str) -> String {
        self.send_to(PHONE, text)
    }

    /// To another phone, with parameters.
    fn send_to(&self, phone: &str, text: &str) -> String {
        let mut talk = Talk::to(&Place::Tcp(self.lmtp)).expect("a session");
        talk.say("LHLO mx.example.test").expect("LHLO");
        let data = format!(
            "From: {ALICE}\r\nTo: phone\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        );
        let to = format!("{phone}@sms.example.test");
        let letter =
            Letter { from: ALICE, to: vec![&to], rcpt_params: " NOTIFY=SUCCESS,FAILURE", data, ..Letter::default() };
        let reply = talk.one(&letter, true).expect("a session");
        assert_eq!(reply.code, 250, "{reply:?}");
        reply.text().rsplit(' ').next().expect("an id").to_owned()
    }

    pub fn show(&self, id: &str) -> Value {
        self.martlet.json(&["queue", "show", id])
    }

    pub fn until_shown(&self, id: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        until(what, || Some(self.show(id)).filter(|shown| fits(shown)))
    }

    pub fn end(&self, id: &str) -> String {
        until("the end of a message", || self.show(id)["result"].as_str().map(str::to_owned))
    }

    /// The report about a message.
    fn report(&self, words: &str) -> String {
        let fits = |data: &[u8]| String::from_utf8_lossy(data).contains(words);
        let mail = self.mails.seen.wait(&format!("a report with {words}"), |mail| fits(&mail.data));
        String::from_utf8_lossy(&mail.data).into_owned()
    }

    /// A call of the provider; status, content type and body.
    pub fn call(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> (u16, String, String) {
        call(self.martlet.http, method, target, headers, body)
    }

    pub fn form(&self, target: &str, form: &str) -> (u16, String, String) {
        self.call("POST", target, &[("Content-Type", "application/x-www-form-urlencoded")], form)
    }

    /// Nothing of the secret in the log.
    pub fn is_discreet(&self) {
        let log = self.martlet.log();
        for secret in ["s3cret-t0ken", "5550123", "own="] {
            assert!(!log.contains(secret), "the log shows {secret}");
        }
    }
}

pub fn call(port: u16, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    // The Host field says something else: nothing may be made of it.
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let kind =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-type: ").map(str::to_owned));
    (status, kind.unwrap_or_default(), body.to_owned())
}

fn value(form: &str, name: &str) -> String {
    pairs(form).into_iter().find(|(n, _)| n == name).map(|(_, v)| v).unwrap_or_default()
}

/// Twilio's signature of a form that it posts to this address.
fn signed(url: &str, form: &[(&str, &str)]) -> String {
    let script = "import sys, json\nfrom twilio.request_validator import RequestValidator\n\
                  print(RequestValidator(sys.argv[1]).compute_signature(sys.argv[2], json.loads(sys.argv[3])))";
    let values: serde_json::Map<String, Value> = form.iter().map(|(n, v)| ((*n).to_owned(), json!(v))).collect();
    let values = Value::Object(values).to_string();
    let out = Command::new(python()).args(["-c", script, "s3cret-t0ken", url, &values]).output().expect("Python");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("ASCII").trim().to_owned()
}

fn urlencoded(form: &[(&str, &str)]) -> String {
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    form.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect::<Vec<_>>().join("&")
}

impl World {
    /// Twilio calls a hook.
    pub fn twilio(&self, target: &str, form: &[(&str, &str)]) -> (u16, String, String) {
        let signature = signed(&format!("https://sms.example.com{target}"), form);
        let headers =
            [("Content-Type", "application/x-www-form-urlencoded"), ("X-Twilio-Signature", signature.as_str())];
        self.call("POST", target, &headers, &urlencoded(form))
    }
}

fn twilio() {
    let count = AtomicUsize::new(0);
    let provider = Provider::start(move |_| {
        let sid = format!("SM{:032x}", count.fetch_add(1, Ordering::SeqCst));
        Answer::Say(201, json!({ "sid": sid, "status": "queued" }).to_string())
    });
    let settings = format!("settings = {{ account_sid = \"{SID}\", auth_token = {{ env = \"PROVIDER_SECRET\" }} }}");
    let api = format!("http://127.0.0.1:{}", provider.port);
    let world = World::start("twilio", &[("https://api.twilio.com", &api)], &settings);

    // mail → request → receipt → report
    let id = world.send("hello by definition");
    let request = provider.seen.wait("the request", |_| true);
    assert_eq!(request.path, format!("/2010-04-01/Accounts/{SID}/Messages.json"));
    assert_eq!(
        (value(&request.body, "To"), value(&request.body, "Body")),
        (PHONE.to_owned(), "hello by definition".to_owned())
    );
    assert!(request.header("authorization").starts_with("Basic "));
    let callback = value(&request.body, "StatusCallback");
    let target = callback.strip_prefix("https://sms.example.com").expect("our address").to_owned();
    assert!(target.starts_with("/gateway/main/hook/status?own="), "{target}");
    let target = target.split('#').next().expect("a part").to_owned();
    world.until_shown(&id, "sent", |shown| shown["state"] == "sent");
    let sid = "SM00000000000000000000000000000000";
    let report = |status: &'static str| [("MessageSid", sid), ("MessageStatus", status), ("To", PHONE)];

    let unsigned = world.form(&target, &urlencoded(&report("delivered")));
    assert_eq!(unsigned.0, 403, "nobody proved it");
    assert_eq!(world.show(&id)["state"], "sent");
    // Somebody who can sign, but counts ids: what we did not write names no message.
    let forged = world.twilio(
        "/gateway/main/hook/status?own=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        &[("MessageSid", "SM99999999999999999999999999999999"), ("MessageStatus", "delivered")],
    );
    assert_eq!(forged.0, 204, "proven and of no use: the success answer");
    assert_eq!(world.show(&id)["state"], "sent");
    assert_eq!(world.twilio(&target, &report("a word nobody knows")).0, 204);
    assert_eq!(world.twilio(&target, &report("delivered")).0, 204);
    assert_eq!(world.end(&id), "delivered");
    assert_eq!(world.twilio(&target, &report("sent")).0, 204, "late, and it moves nothing back");
    assert_eq!(world.twilio(&target, &report("delivered")).0, 204, "a repetition");
    assert_eq!(world.end(&id), "delivered");
    assert!(world.report("Action: delivered").contains("12015550123"));

    // Refused after it was taken: the sender is told.
    let second = world.send("nobody there");
    world.until_shown(&second, "sent", |shown| shown["state"] == "sent");
    let request = provider.seen.all().pop().expect("a request");
    let target = value(&request.body, "StatusCallback").replace("https://sms.example.com", "");
    let target = target.split('#').next().expect("a part").to_owned();
    let failed = [
        ("MessageSid", "SM00000000000000000000000000000001"),
        ("MessageStatus", "undelivered"),
        ("ErrorCode", "30005"),
    ];
    assert_eq!(world.twilio(&target, &failed).0, 204);
    assert_eq!(world.end(&second), "failed");
    assert!(world.report("Action: failed").contains("5.1.1"));

    // phone → hook → mail; the answer is TwiML, never plain text, and a repetition is one mail.
    let inbound = "/gateway/main/hook/inbound";
    let text =
        [("MessageSid", "SMabc"), ("From", PHONE), ("To", "+12025550100"), ("Body", "Grüße zurück"), ("NumMedia", "0")];
    for _ in 0..2 {
        let (status, kind, body) = world.twilio(inbound, &text);
        assert_eq!((status, kind.as_str(), body.as_str()), (200, "text/xml", "<Response/>"));
    }
    let mail =
        world.mails.seen.wait("the mail", |mail| letter::text(&String::from_utf8_lossy(&mail.data)).contains("zurück"));
    assert!(mail.rcpt[0].contains(ALICE), "the call log knows whom it answers: {:?}", mail.rcpt);
    world.martlet.settled();
    let same =
        |mail: &&crate::support::sink::Taken| letter::text(&String::from_utf8_lossy(&mail.data)).contains("zurück");
    assert_eq!(world.mails.seen.all().iter().filter(same).count(), 1);
    world.is_discreet();
}

fn vonage() {
    let provider = Provider::start(|_| {
        let part = |n: u8| json!({ "status": "0", "message-id": format!("0A0000000123ABCD{n}") });
        Answer::Say(200, json!({ "message-count": "3", "messages": [part(1), part(2), part(3)] }).to_string())
    });
    let api = format!("http://127.0.0.1:{}", provider.port);
    let settings = "settings = { api_key = \"abcd1234\", api_secret = { env = \"PROVIDER_SECRET\" }, hook_key = \"h00kKeyOfThisTest0123456789\" }\nnumber = \"+12025550100\"\n";
    let world = World::start("vonage-sms", &[("https://rest.nexmo.com", &api)], settings);
    let id = world.send(&"a long text of three parts ".repeat(14));
    assert_eq!(value(&provider.seen.wait("the request", |_| true).body, "from"), "12025550100");
    world.until_shown(&id, "sent", |shown| shown["state"] == "sent");
    let target = "/gateway/main/hook/status/h00kKeyOfThisTest0123456789";
    let report =
        |n: u8, status: &str| format!("msisdn=12015550123&messageId=0A0000000123ABCD{n}&status={status}&err-code=0");
    assert_eq!(world.form("/gateway/main/hook/status/another-key", &report(1, "delivered")).0, 404);
    for n in [3, 1, 1, 1] {
        assert_eq!(world.form(target, &report(n, "delivered")).0, 200);
    }
    assert_eq!(world.form(target, &report(2, "buffered")).0, 200);
    world.martlet.settled();
    assert_eq!(world.show(&id)["state"], "sent", "two of three parts are there, one of them thrice");
    assert_eq!(world.form(target, &report(2, "delivered")).0, 200);
    assert_eq!(world.end(&id), "delivered");
    // Half a text comes and waits for the other half.
    let part = |n: u8, text: &str| {
        format!(
            "msisdn=12015550123&to=12025550100&messageId=in{n}&type=text&text={text}&concat=true&concat-ref=77&concat-total=2&concat-part={n}"
        )
    };
    let inbound = "/gateway/main/hook/inbound/h00kKeyOfThisTest0123456789";
    assert_eq!(world.form(inbound, &part(2, "second")).0, 200);
    assert_eq!(world.form(inbound, &part(1, "first+")).0, 200);
    world
        .mails
        .seen
        .wait("both halves", |mail| letter::text(&String::from_utf8_lossy(&mail.data)).contains("first second"));
    world.is_discreet();
}

/// SMS Gateway for Android: it knows ids, and says so with 409.
fn phone_app(world: impl Fn(usize) -> Option<Answer> + Send + Sync + 'static) -> (Provider, Arc<Mutex<Vec<String>>>) {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let (list, count) = (Arc::clone(&taken), AtomicUsize::new(0));
    let provider = Provider::start(move |request: &Request| {
        let asked: Value = serde_json::from_str(&request.body).expect("JSON");
        let id = asked["id"].as_str().expect("our id").to_owned();
        let mut list = list.lock().expect("no test panics with it in its hand");
        let known = list.contains(&id);
        let before = count.fetch_add(1, Ordering::SeqCst);
        match world(before) {
            // It is refused before it is kept.
            Some(answer @ Answer::Say(500.., _) | answer @ Answer::With(429, ..)) => answer,
            other => {
                if !known {
                    list.push(id.clone());
                }
                let usual = if known {
                    Answer::Say(409, "{}".to_owned())
                } else {
                    Answer::Say(202, json!({ "id": id, "state": "Pending" }).to_string())
                };
                other.unwrap_or(usual)
            }
        }
    });
    (provider, taken)
}

pub fn smsgate_settings(port: u16) -> String {
    format!(
        "settings = {{ base_url = \"http://127.0.0.1:{port}\", user = \"u\", password = {{ env = \"PROVIDER_SECRET\" }}, signing_key = \"sign1ng\" }}"
    )
}

/// The app calls, signed as it does.
pub fn app_calls(world: &World, body: &Value) -> (u16, String, String) {
    app_calls_at(world.martlet.http, "main", body)
}

/// The same at another gateway.
pub fn app_calls_at(port: u16, gateway: &str, body: &Value) -> (u16, String, String) {
    use hmac::{Hmac, KeyInit, Mac};
    let (body, at) = (body.to_string(), jiff::Timestamp::now().as_second().to_string());
    let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(b"sign1ng").expect("a key");
    mac.update(body.as_bytes());
    mac.update(at.as_bytes());
    let signature: String = mac.finalize().into_bytes().iter().map(|octet| format!("{octet:02x}")).collect();
    let headers =
        [("Content-Type", "application/json"), ("X-Signature", signature.as_str()), ("X-Timestamp", at.as_str())];
    call(port, "POST", &format!("/gateway/{gateway}/hook/events"), &headers, &body)
}

fn event(n: usize, event: &str, message: &str) -> Value {
    json!({ "id": format!("event-{n}"), "event": event, "payload": { "messageId": message, "phoneNumber": PHONE, "partsCount": 2 } })
}

fn smsgate() {
    // The first answer never comes, the second is nonsense: both times it may have been taken.
    let (provider, taken) = phone_app(|n| match n {
        0 => Some(Answer::HangUp),
        1 => Some(Answer::Say(200, "nonsense".to_owned())),
        _ => None,
    });
    let world = World::start("smsgate", &[], &smsgate_settings(provider.port));
    let text = "long enough for two parts, ".repeat(8);
    let id = world.send(&text);
    world.until_shown(&id, "sent", |shown| shown["state"] == "sent");
    let ids = taken.lock().expect("a list").clone();
    assert_eq!((provider.seen.len(), ids), (3, vec![id.clone()]), "asked three times, taken once");
    crate::support::say(&format!("smsgate: {} requests, {} texts", provider.seen.len(), 1));
    // It says delivered for each part: twice the same is one.
    assert_eq!(app_calls(&world, &event(1, "sms:sent", &id)).0, 204);
    for _ in 0..3 {
        assert_eq!(app_calls(&world, &event(2, "sms:delivered", &id)).0, 204);
    }
    world.martlet.settled();
    assert_eq!(world.show(&id)["state"], "sent", "one of two parts is there");
    assert_eq!(app_calls(&world, &event(3, "sms:delivered", &id)).0, 204);
    assert_eq!(world.end(&id), "delivered");
    world.is_discreet();
}

fn early() {
    // Twilio knows no ids. The receipt comes while the answer is on its way, and then the connection breaks.
    let place = Arc::new(Mutex::new(None::<u16>));
    let port = Arc::clone(&place);
    let provider = Provider::start(move |request| {
        let callback = value(&request.body, "StatusCallback");
        let target = callback.replace("https://sms.example.com", "");
        let target = target.split('#').next().expect("a part");
        if let (Some(port), false) = (*port.lock().expect("a port"), request.body.contains("silently")) {
            let form = "MessageSid=SM1&MessageStatus=sent";
            let (status, ..) =
                call(port, "POST", target, &[("Content-Type", "application/x-www-form-urlencoded")], form);
            assert_eq!(status, 204);
        }
        Answer::HangUp
    });
    let api = format!("http://127.0.0.1:{}", provider.port);
    let settings = format!("settings = {{ account_sid = \"{SID}\", auth_token = {{ env = \"PROVIDER_SECRET\" }} }}");
    let open = ("verify  = { scheme = \"twilio\", key = \"{setting.auth_token}\" }", "verify  = { scheme = \"none\" }");
    let world = World::start("twilio", &[("https://api.twilio.com", &api), open], &settings);
    *place.lock().expect("a port") = Some(world.martlet.http);
    let id = world.send("proven by its receipt");
    world.until_shown(&id, "sent", |shown| shown["state"] == "sent");
    assert_eq!(provider.seen.len(), 1, "not asked again");
    // Without a receipt nobody knows, and the sender is told so.
    let other = world.send("silently");
    assert_eq!(world.end(&other), "failed");
    assert!(world.report("4.4.2").contains("Action: failed"));
    assert_eq!(provider.seen.len(), 2, "never asked again");
}

fn faults() {
    let (provider, taken) = phone_app(|n| match n {
        0 => Some(Answer::With(429, "Retry-After: 1\r\n".to_owned(), "{}".to_owned())),
        1 => Some(Answer::Say(503, "{\"message\": \"queue limit\"}".to_owned())),
        2 => Some(Answer::HangUp),
        _ => None,
    });
    let world = World::start("smsgate", &[], &smsgate_settings(provider.port));
    let ids: Vec<String> = (0..5).map(|n| world.send(&format!("number {n}"))).collect();
    for id in &ids {
        world.until_shown(id, "sent", |shown| shown["state"] == "sent");
    }
    let mut kept = taken.lock().expect("a list").clone();
    crate::support::say(&format!(
        "faults: {} requests for {} texts, {} kept",
        provider.seen.len(),
        ids.len(),
        kept.len()
    ));
    kept.sort();
    let mut wanted = ids.clone();
    wanted.sort();
    assert_eq!(kept, wanted, "each once");
    // A slow provider at another gateway would not hold these up: each has a client of its own (tests/gateway.rs).
    for n in 0..3 {
        assert_eq!(app_calls(&world, &event(10 + n, "system:ping", "")).0, 204);
    }
}

const TOKENS: &str = r#"
format = 1
name = "tokens"
title = "A provider with tokens"
[setting]
base = { kind = "url" }
secret = { kind = "secret" }
[token]
method = "POST"
url = "{setting.base}/token"
form = { grant_type = "client_credentials", client_secret = "{setting.secret}" }
value = "json:/access_token"
lifetime = "json:/expires_in"
use = "bearer"
[send]
method = "POST"
url = "{setting.base}/send"
timeout = "20s"
auth = { scheme = "token" }
idempotency = "none"
[send.json]
to = "{to}"
text = "{text}"
[[send.rule]]
status = ["200"]
json = { "/id" = "^[0-9]+$" }
result = "accepted"
id = "json:/id"
"#;

fn token() {
    let tokens = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&tokens);
    let provider = Provider::start(move |request| {
        if request.path == "/token" {
            let n = asked.fetch_add(1, Ordering::SeqCst) + 1;
            return Answer::Say(
                200,
                json!({ "access_token": format!("t0ken-number-{n}"), "expires_in": 3600 }).to_string(),
            );
        }
        // The first one does not count any more.
        match request.header("authorization") {
            "Bearer t0ken-number-1" => Answer::Say(401, "{}".to_owned()),
            "Bearer t0ken-number-2" => Answer::Say(200, json!({ "id": 1 }).to_string()),
            other => Answer::Say(400, other.to_owned()),
        }
    });
    let settings = format!(
        "settings = {{ base = \"http://127.0.0.1:{}\", secret = {{ env = \"PROVIDER_SECRET\" }} }}",
        provider.port
    );
    let world = World::of(TOKENS, &settings);
    let ids: Vec<String> = (0..8).map(|n| world.send(&format!("by token {n}"))).collect();
    for id in &ids {
        assert_eq!(world.end(id), "relayed");
    }
    assert_eq!(tokens.load(Ordering::SeqCst), 2, "one for all, and one more for all");
    assert!(!world.martlet.log().contains("t0ken-number"), "tokens are secrets");
    world.is_discreet();
}

fn crash() {
    let (provider, _) = phone_app(|_| None);
    let mut world = World::start("smsgate", &[], &smsgate_settings(provider.port));
    let inbound = |n: usize| json!({ "id": format!("in-{n}"), "event": "sms:received", "payload": { "messageId": "7", "sender": PHONE, "message": format!("kept {n}") } });
    let id = world.send("before the end");
    world.until_shown(&id, "sent", |shown| shown["state"] == "sent");
    assert_eq!(app_calls(&world, &inbound(1)).0, 204);
    assert_eq!(app_calls(&world, &event(1, "sms:delivered", &id)).0, 204);
    // What was answered is kept; the provider has not heard the answer and calls again.
    world.martlet.kill();
    world.martlet.restart();
    assert_eq!(app_calls(&world, &inbound(1)).0, 204);
    assert_eq!(app_calls(&world, &event(1, "sms:delivered", &id)).0, 204);
    assert_eq!(app_calls(&world, &inbound(2)).0, 204);
    world.until_shown(&id, "delivered", |shown| shown["segments"][0]["state"] == "delivered");
    let texts = |n: usize| {
        move |mail: &crate::support::sink::Taken| {
            letter::text(&String::from_utf8_lossy(&mail.data)).contains(&format!("kept {n}"))
        }
    };
    world.mails.seen.wait("the second text", texts(2));
    world.mails.seen.wait("the first text", texts(1));
    world.martlet.settled();
    // A mail whose hand-over was interrupted may come twice under one Message-ID; never two messages.
    let mut ids: Vec<_> = world
        .mails
        .seen
        .all()
        .iter()
        .filter(|mail| texts(1)(mail))
        .map(|mail| letter::header(&String::from_utf8_lossy(&mail.data), "Message-ID"))
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1, "one message");
}

fn doors() {
    let (provider, _) = phone_app(|_| None);
    let own = free_port();
    let more = format!(
        "{}\nhook = {{ events = {{ path = \"/inbound.asp\", bind = \"127.0.0.1:{own}\" }} }}",
        smsgate_settings(provider.port)
    );
    let world = World::start("smsgate", &[], &more);
    // Its own path at its own listener, and nowhere else.
    assert_eq!(world.call("GET", "/inbound.asp?healthcheckignore=1", &[], "").0, 404);
    assert_eq!(world.call("GET", "/gateway/main/hook/events?healthcheckignore=1", &[], "").0, 404);
    let before = world.martlet.log().len();
    assert_eq!(call(own, "GET", "/inbound.asp?healthcheckignore=1", &[], "").0, 200);
    assert_eq!(world.martlet.log().len(), before, "it leaves no trace");
    assert_eq!(call(own, "GET", "/inbound.asp", &[], "").0, 405);
    assert_eq!(call(own, "POST", "/inbound.asp", &[("Content-Type", "application/json")], "{}").0, 401, "unsigned");
    assert_eq!(call(own, "POST", "/healthz", &[], "").0, 404);
    assert_eq!(world.call("GET", "/healthz", &[], "").0, 200);
    // More than even a call with pictures within may have.
    let large = 11 << 20;
    let head = format!("POST /inbound.asp HTTP/1.1\r\nHost: x\r\nContent-Length: {large}\r\nConnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(("127.0.0.1", own)).expect("a connection");
    stream.write_all(head.as_bytes()).expect("written");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.contains(" 413 "), "{answer}");
    // A reload takes the route away.
    let reload = |from: &str, to: &str| {
        let text = std::fs::read_to_string(&world.martlet.config).expect("the configuration");
        assert!(text.contains(from), "{from}");
        std::fs::write(&world.martlet.config, text.replace(from, to)).expect("write");
        let out = world.martlet.command(&["reload"]);
        let said = [out.stdout, out.stderr].concat();
        (out.status.success(), String::from_utf8(said).expect("UTF-8"))
    };
    let (done, said) = reload("/inbound.asp", "/other.asp");
    assert!(done && said.contains("gateway") && !said.contains("restart"), "{said}");
    assert_eq!(call(own, "GET", "/inbound.asp?healthcheckignore=1", &[], "").0, 404);
    assert_eq!(call(own, "GET", "/other.asp?healthcheckignore=1", &[], "").0, 200);
    // And a listener: the new one listens, the old one does not.
    let another = free_port();
    let (done, said) = reload(&own.to_string(), &another.to_string());
    assert!(done && !said.contains("restart"), "{said}");
    assert_eq!(call(another, "GET", "/other.asp?healthcheckignore=1", &[], "").0, 200);
    until("the end of the old listener", || TcpStream::connect(("127.0.0.1", own)).is_err().then_some(()));
    // One that somebody else has: nothing changes.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().map(|addr| (addr.port(), taken)).expect("an address");
    let (done, said) = reload(&another.to_string(), &taken.0.to_string());
    assert!(!done && said.contains("another program"), "{said}");
    assert_eq!(call(another, "GET", "/other.asp?healthcheckignore=1", &[], "").0, 200);
    // Without an address of its own it stands at the common door.
    let (done, said) = reload(&format!(", bind = \"127.0.0.1:{}\"", taken.0), "");
    assert!(done, "{said}");
    assert_eq!(world.call("GET", "/other.asp?healthcheckignore=1", &[], "").0, 200);
    until("the end of the listener", || TcpStream::connect(("127.0.0.1", another)).is_err().then_some(()));
    let _ = world.scratch.path();
}

const POLLED: &str = r#"
format = 1
name = "polled"
title = "A provider that does not call"
[setting]
base = { kind = "url" }
secret = { kind = "secret" }
[send]
method = "POST"
url = "{setting.base}/send"
timeout = "20s"
auth = { scheme = "bearer", token = "{setting.secret}" }
idempotency = "none"
[send.json]
to = "{to}"
text = "{text}"
[[send.rule]]
status = ["200"]
json = { "/id" = "^[0-9]+$" }
result = "accepted"
id = "json:/id"
[[poll]]
name = "inbox"
method = "GET"
url = "{setting.base}/inbox"
auth = "send"
every = "1s"
parse = "json"
items = "json:/messages"
remove = { method = "DELETE", url = "{setting.base}/inbox/{item}", item = "json:/id" }
[[poll.event]]
kind = "inbound"
id = "json:/id"
from = "json:/from"
text = "json:/text"
"#;

fn poll() {
    let inbox = Arc::new(Mutex::new(vec![1, 2, 3]));
    let list = Arc::clone(&inbox);
    let provider = Provider::start(move |request| {
        let mut list = list.lock().expect("a list");
        if let Some(id) = request.path.strip_prefix("/inbox/") {
            let id: i32 = id.parse().expect("a number");
            list.retain(|other| *other != id);
            return Answer::Say(204, String::new());
        }
        let one = |id: &i32| json!({ "id": id.to_string(), "from": PHONE, "text": format!("fetched {id}") });
        Answer::Say(200, json!({ "messages": list.iter().map(one).collect::<Vec<_>>() }).to_string())
    });
    let settings = format!(
        "settings = {{ base = \"http://127.0.0.1:{}\", secret = {{ env = \"PROVIDER_SECRET\" }} }}",
        provider.port
    );
    let world = World::of(POLLED, &settings);
    for n in 1..=3 {
        let words = format!("fetched {n}");
        world.mails.seen.wait(&words, |mail| letter::text(&String::from_utf8_lossy(&mail.data)).contains(&words));
    }
    until("an empty inbox there", || inbox.lock().expect("a list").is_empty().then_some(()));
    world.is_discreet();
}
