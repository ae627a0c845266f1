//! Which message a receipt is about: of which part where it comes before the answer, and by ids that are hexadecimal in one
//! place and decimal in another.

use std::sync::{Arc, Mutex};

use libtest_mimic::Trial;
use serde_json::json;

use super::{HEAD, settings};
use crate::{
    provider_gateway::{World, call},
    support::{
        sink::{Answer, Provider},
        trial,
    },
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("hooks: receipts of parts that come before the answer are of their parts", early_parts),
        trial("hooks: ids in hexadecimal here and decimal there, and never another's", ids),
    ]
}

const STATUS: &str = r#"
[[hook]]
name = "status"
methods = ["GET"]
parse = "query"
verify = { scheme = "field-secret", query = "key", key = "{setting.secret}" }
[[hook.event]]
kind = "report"
id = "id"
state = "state"
states = { delivered = "delivered", failed = "failed_permanent" }
"#;

/// The provider calls; the status of our answer.
fn report(port: u16, query: &str) -> u16 {
    call(port, "GET", &format!("/gateway/main/hook/status?key=s3cret-t0ken&{query}"), &[], "").0
}

fn early_parts() {
    // While its answer is on its way the provider tells of the parts that `early` names.
    let early = Arc::new(Mutex::new((0, Vec::new())));
    let told = Arc::clone(&early);
    let provider = Provider::start(move |request| {
        let (port, parts) = told.lock().expect("nobody panics with it").clone();
        let id = if request.body.contains("both") { "b-1" } else { "s-1" };
        for part in parts {
            assert_eq!(report(port, &format!("id={id}&state=delivered&part={part}")), 204);
        }
        Answer::Say(200, json!({ "id": id }).to_string())
    });
    let definition = format!("{HEAD}{STATUS}parts = {{ per_part = true, index = \"part\" }}\n");
    let world = World::of(&definition, &settings(provider.port));
    let port = world.martlet.http;
    let long = |name: &str| format!("{name} {}", "and the words go on and on ".repeat(8));

    *early.lock().expect("a list") = (port, vec![2, 2, 1]);
    let both = world.send(&long("both"));
    assert_eq!(world.end(&both), "delivered");

    *early.lock().expect("a list") = (port, vec![2]);
    let second = world.send(&long("second"));
    let shown = world.until_shown(&second, "its second part", |shown| shown["segments"][1]["state"] == "delivered");
    assert_eq!((&shown["state"], &shown["segments"][0]["state"]), (&json!("sent"), &json!("sent")), "{shown}");
    assert_eq!(report(port, "id=s-1&state=delivered&part=2"), 204, "said once more");
    assert_eq!(world.show(&second)["state"], "sent");
    assert_eq!(report(port, "id=s-1&state=delivered&part=1"), 204);
    assert_eq!(world.end(&second), "delivered");
}

fn ids() {
    let provider = Provider::start(|request| {
        let id = if request.body.contains("first") { "0000000000001A2B" } else { "0000000000006699" };
        Answer::Say(200, json!({ "id": id }).to_string())
    });
    let definition = format!("{HEAD}{STATUS}[ids]\nanswer = \"hex\"\nreport = \"decimal\"\n");
    let world = World::of(&definition, &settings(provider.port));
    let port = world.martlet.http;
    let (first, second) = (world.send("the first"), world.send("the second"));
    for id in [&first, &second] {
        world.until_shown(id, "sent", |shown| shown["state"] == "sent");
    }
    assert_eq!(world.show(&first)["segments"][0]["ref"], "0000000000001a2b");
    // As they look they are ids of the answer, and mean others here, or nobody.
    for strange in ["1A2B", "0000000000001A2B", "6700", "%2B6699", "26264"] {
        assert_eq!(report(port, &format!("id={strange}&state=failed")), 204, "{strange}");
    }
    // Hexadecimal 6699 is 26265: the first is decimal 6699.
    assert_eq!(report(port, "id=0000006699&state=delivered"), 204);
    assert_eq!(world.end(&first), "delivered");
    assert_eq!(world.show(&second)["state"], "sent");
    assert_eq!(report(port, "id=26265&state=failed"), 204);
    assert_eq!(world.end(&second), "failed");
    assert_eq!(world.end(&first), "delivered");
}
