//! The time in signatures: the daemon's own; the provider's where that has a clock of its own; and what is said when ours is wrong.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, AtomicUsize, Ordering},
};

use libtest_mimic::Trial;
use serde_json::json;
use sha1::Digest;

use super::World;
use crate::support::{
    faults::Faults,
    sink::{Answer, Provider, Request},
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("provider gateway: signed by the provider's own clock, asked once", theirs),
        trial("provider gateway: a clock that is wrong is told in words", ours),
    ]
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// OVH: its clock, and jobs that are signed by it.
struct Ovh {
    ahead: AtomicI64,
    asked: AtomicUsize,
    wrong: Mutex<Vec<String>>,
}

impl Ovh {
    fn answer(&self, request: &Request, port: u16) -> Answer {
        let time = now() + self.ahead.load(Ordering::SeqCst);
        if request.path == "/1.0/auth/time" {
            self.asked.fetch_add(1, Ordering::SeqCst);
            return Answer::Say(200, time.to_string());
        }
        let stamp = request.header("x-ovh-timestamp");
        let url = format!("http://127.0.0.1:{port}/1.0/sms/sms-ab12345-1/jobs");
        let signed = format!("s3cret-t0ken+consumer+POST+{url}+{}+{stamp}", request.body);
        let signature: String = sha1::Sha1::digest(signed).iter().map(|octet| format!("{octet:02x}")).collect();
        if request.header("x-ovh-signature") != format!("$1${signature}")
            || request.path != "/1.0/sms/sms-ab12345-1/jobs"
        {
            self.wrong.lock().expect("a list").push(request.path.clone());
        }
        // It takes what is half a minute off.
        let off = stamp.parse::<i64>().map_or(i64::MAX, |stamp| (stamp - time).abs());
        if off > 30 {
            let body = json!({ "errorCode": "QUERY_TIME_OUT", "message": "Query out of time" });
            return Answer::Say(400, body.to_string());
        }
        Answer::Say(200, json!({ "ids": [4711 + now()], "validReceivers": ["x"], "invalidReceivers": [] }).to_string())
    }
}

fn theirs() {
    let ovh = Arc::new(Ovh { ahead: AtomicI64::new(-600), asked: AtomicUsize::new(0), wrong: Mutex::default() });
    let place = Arc::new(AtomicUsize::new(0));
    let (serving, port) = (Arc::clone(&ovh), Arc::clone(&place));
    let provider = Provider::start(move |request| {
        let port = u16::try_from(port.load(Ordering::SeqCst)).expect("a port");
        serving.answer(request, port)
    });
    place.store(usize::from(provider.port), Ordering::SeqCst);
    let settings = format!(
        "settings = {{ service = \"sms-ab12345-1\", app_key = \"app\", app_secret = {{ env = \"PROVIDER_SECRET\" }}, consumer_key = \"consumer\", \
         base_url = \"http://127.0.0.1:{}/1.0\", hook_key = \"h00kKeyOfThisTest0123456789\" }}",
        provider.port
    );
    let world = World::start("ovh", &[], &settings);
    for n in 0..5 {
        let id = world.send(&format!("by their clock, {n}"));
        world.until_shown(&id, "sent", |shown| shown["state"] == "sent");
    }
    let asked = || ovh.asked.load(Ordering::SeqCst);
    assert_eq!((asked(), provider.seen.len()), (1, 6), "its clock is read once, not for each text");
    // It is set; what we know of it is refused once, and read anew.
    ovh.ahead.store(3_000, Ordering::SeqCst);
    let id = world.send("by the clock that was");
    let shown = world.until_shown(&id, "deferred", |shown| shown["state"] == "waiting" && shown["attempts"] == 1);
    assert!(shown["cause"].as_str().is_some_and(|cause| cause.contains("QUERY_TIME_OUT")), "{shown}");
    let tried = world.martlet.command(&[
        "gateway",
        "test",
        "main",
        "--to",
        super::PHONE,
        "--account",
        super::ALICE,
        "by the clock that is",
    ]);
    assert!(tried.status.success(), "{}", String::from_utf8_lossy(&tried.stderr));
    assert_eq!(asked(), 2);
    assert!(ovh.wrong.lock().expect("a list").is_empty(), "{:?}", ovh.wrong);
    world.is_discreet();
}

fn ours() {
    let provider = Provider::start(|request| {
        let stamp = request.header("x-amz-date").to_owned();
        let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", &stamp).expect("a date");
        let at = at.to_zoned(jiff::tz::TimeZone::UTC).expect("a moment").timestamp();
        if (at.as_second() - now()).abs() <= 300 {
            return Answer::Say(200, json!({ "MessageId": format!("message-{}", at.as_second()) }).to_string());
        }
        let date =
            jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let body = json!({ "__type": "InvalidSignatureException", "message": "Signature expired" });
        Answer::With(400, format!("Date: {date}\r\n"), body.to_string())
    });
    let api = format!("http://127.0.0.1:{}/", provider.port);
    let settings = "settings = { region = \"eu-west-1\", access_key_id = \"AKIDEXAMPLE00000\", secret_key = { env = \"PROVIDER_SECRET\" }, \
                    topics = [\"arn:aws:sns:eu-west-1:123456789012:sms\"] }";
    let mut world = World::start("aws-sms", &[("https://sms-voice.{setting.region}.amazonaws.com/", &api)], settings);
    world.martlet.stop();
    let faults = Faults::new(&world.scratch.dir("martlet"));
    world.martlet.serve_env = faults.env();
    world.martlet.restart();
    let id = world.send("in time");
    world.until_shown(&id, "sent", |shown| shown["attempts"] == 1 && shown["state"] != "trying");
    assert_eq!(world.show(&id)["cause"], serde_json::Value::Null, "by the daemon's clock, which is right");
    faults.jump(3 * 3_600);
    let id = world.send("another day");
    let shown = world.until_shown(&id, "deferred", |shown| shown["state"] == "waiting" && shown["attempts"] == 1);
    let cause = shown["cause"].as_str().expect("a cause");
    assert!(
        cause.contains("Signature expired") && cause.contains("clock is 3 hours ahead of the provider's"),
        "{cause}"
    );
    assert!(cause.contains("set it right"), "{cause}");
    world.is_discreet();
}
