//! Phones that have told the provider STOP: it says so in its answer, in a receipt, or by a call of its own, and each puts the phone
//! on the list that the doors look at.

use libtest_mimic::Trial;
use serde_json::json;

use super::{ALICE, SID, World, value};
use crate::support::{
    process::until,
    sink::{Answer, Provider},
    talk::{Place, Reply, Talk},
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("provider gateway: opted out, by an answer and by a receipt", answered),
        trial("provider gateway: opted out, by a call", called),
        trial("provider gateway: opted in again, by a call and by a word that the provider brings", in_again),
    ]
}

const FIRST: &str = "+12015550111";
const SECOND: &str = "+12015550122";

impl World {
    fn rcpt(&self, phone: &str) -> Reply {
        let mut talk = Talk::to(&Place::Tcp(self.lmtp)).expect("the LMTP door");
        talk.say("LHLO mx.example.test").expect("LHLO");
        talk.say(&format!("MAIL FROM:<{ALICE}>")).expect("MAIL");
        let reply = talk.say(&format!("RCPT TO:<\"sms:{phone}\"@sms.example.test>")).expect("RCPT");
        talk.say("QUIT").expect("QUIT");
        reply
    }

    fn is_refused(&self, phone: &str) {
        let reply = until("the refusal", || Some(self.rcpt(phone)).filter(|reply| reply.code != 250));
        assert!(
            reply.code == 550 && reply.text().starts_with("5.7.1") && reply.text().contains("opted out"),
            "{reply:?}"
        );
    }

    /// How the phones on the list came there.
    fn listed(&self) -> Vec<(String, String)> {
        let list = self.martlet.json(&["optouts", "list", "--numbers"]);
        let text = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        list.as_array().expect("a list").iter().map(|row| (text(row, "phone"), text(row, "how"))).collect()
    }
}

fn answered() {
    let provider = Provider::start(|request| match value(&request.body, "To").as_str() {
        FIRST => Answer::Say(
            400,
            json!({ "code": 21610, "message": "Attempt to send to unsubscribed recipient" }).to_string(),
        ),
        _ => Answer::Say(201, json!({ "sid": format!("SM{:032x}", 7), "status": "queued" }).to_string()),
    });
    let api = format!("http://127.0.0.1:{}", provider.port);
    let settings = format!(
        "number = \"+12025550100\"\nsettings = {{ account_sid = \"{SID}\", auth_token = {{ env = \"PROVIDER_SECRET\" }} }}"
    );
    let open = ("verify  = { scheme = \"twilio\", key = \"{setting.auth_token}\" }", "verify  = { scheme = \"none\" }");
    let world = World::start("twilio", &[("https://api.twilio.com", &api), open], &settings);
    let first = world.send_to(FIRST, "to one who wants nothing");
    assert_eq!(world.end(&first), "failed");
    assert!(world.report("5.7.1").contains("Action: failed"));
    world.is_refused(FIRST);
    // Taken, and then the network says so.
    let second = world.send_to(SECOND, "to another one");
    world.until_shown(&second, "sent", |shown| shown["state"] == "sent");
    assert_eq!(world.rcpt(SECOND).code, 250, "nobody knows yet");
    let request = provider.seen.wait("the request", |request| value(&request.body, "To") == SECOND);
    let callback = value(&request.body, "StatusCallback").replace("https://sms.example.com", "");
    let target = callback.split('#').next().expect("a part");
    let form = format!("MessageSid=SM{:032x}&MessageStatus=undelivered&ErrorCode=21610", 7);
    assert_eq!(world.form(target, &form).0, 204);
    assert_eq!(world.end(&second), "failed");
    world.is_refused(SECOND);
    let provider = |phone: &str| (phone.to_owned(), "provider".to_owned());
    let mut listed = world.listed();
    listed.sort();
    assert_eq!(listed, [provider(FIRST), provider(SECOND)]);
    world.is_discreet();
}

fn called() {
    let settings = "number = \"21512\"\nsettings = { username = \"u\", api_key = { env = \"PROVIDER_SECRET\" }, \
                    base_url = \"http://127.0.0.1:1\", hook_key = \"h00kKeyOfThisTest0123456789\" }";
    let world = World::start("africastalking", &[], settings);
    assert_eq!(world.rcpt(FIRST).code, 250);
    let target = "/gateway/main/hook/optout";
    let form = "senderId=21512&phoneNumber=%2B12015550111";
    // Who does not know the secret puts nobody on the list.
    assert_eq!(world.form(&format!("{target}/{}", "another0key0another0key"), form).0, 404);
    assert!(world.listed().is_empty());
    for _ in 0..2 {
        assert_eq!(world.form(&format!("{target}/h00kKeyOfThisTest0123456789"), form).0, 200);
    }
    world.is_refused(FIRST);
    assert_eq!(world.rcpt(SECOND).code, 250);
    assert_eq!(world.listed(), [(FIRST.to_owned(), "provider".to_owned())]);
    // A person takes it off again.
    assert!(world.martlet.command(&["optouts", "remove", FIRST]).status.success());
    assert_eq!(world.rcpt(FIRST).code, 250);
}

/// The provider hears STOP and START itself and tells of both; whoever is not on the list stays off it.
fn in_again() {
    let settings = "number = \"21512\"\nsettings = { username = \"u\", api_key = { env = \"PROVIDER_SECRET\" }, \
                    base_url = \"http://127.0.0.1:1\", hook_key = \"h00kKeyOfThisTest0123456789\" }";
    let event = "[[hook.event]]\nkind = \"optout\"";
    let both = format!(
        "[[hook.event]]\nwhen = {{ word = [\"START\", \"UNSTOP\"] }}\nkind = \"optout\"\nfixed = \"in\"\n\
         need = [\"phoneNumber\"]\nfrom = \"phoneNumber\"\nto = \"senderId\"\n\n{event}"
    );
    let world = World::start("africastalking", &[(event, &both)], settings);
    let key = "h00kKeyOfThisTest0123456789";
    let told = |phone: &str, word: &str, key: &str| {
        let form = format!("senderId=21512&phoneNumber={}&word={word}", phone.replace('+', "%2B"));
        world.form(&format!("/gateway/main/hook/optout/{key}"), &form).0
    };
    for phone in [FIRST, SECOND] {
        assert_eq!(told(phone, "STOP", key), 200);
        world.is_refused(phone);
    }
    assert_eq!(
        told(FIRST, "START", "another0key0another0key"),
        404,
        "who does not know the secret takes nobody off the list"
    );
    world.is_refused(FIRST);
    for _ in 0..2 {
        assert_eq!(told(FIRST, "START", key), 200);
    }
    assert_eq!(world.listed(), [(SECOND.to_owned(), "provider".to_owned())]);
    assert_eq!(world.rcpt(FIRST).code, 250);
    world.is_refused(SECOND);
    // The word itself, as a text that the provider brings.
    let text = "id=mo-1&text=Start.&from=%2B12015550122&to=21512&date=2026-01-02+03%3A04%3A05";
    assert_eq!(world.form(&format!("/gateway/main/hook/inbound/{key}"), text).0, 200);
    until("the second is off the list", || (world.rcpt(SECOND).code == 250).then_some(()));
    assert!(world.listed().is_empty());
    // And out again: the last word counts.
    assert_eq!(told(FIRST, "STOP", key), 200);
    world.is_refused(FIRST);
    assert_eq!(world.listed(), [(FIRST.to_owned(), "provider".to_owned())]);
    world.is_discreet();
}
