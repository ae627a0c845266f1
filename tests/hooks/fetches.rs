//! What a call of a provider names and Martlet would ask for itself: only at addresses that are open, whatever name leads there.

use libtest_mimic::Trial;

use super::{HEAD, settings};
use crate::{
    provider_gateway::World,
    support::{sink::Provider, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![trial("hooks: what a call names is not fetched from this machine and its neighbours", neighbours)]
}

/// A provider that wants us to call an address of its own before it believes us; its names are wide.
const HANDSHAKE: &str = r#"
[[hook]]
name = "status"
parse = "json"
verify = { scheme = "none" }
handshake = [{ when = { "json:/kind" = "confirm" }, fetch = "json:/url", hosts = ["localhost", "*.*.*.*"], reply = { status = 200 } }]
[[hook.event]]
kind = "report"
id = "json:/id"
state = "json:/state"
states = { delivered = "delivered" }
"#;

const CLOSED: &str = "its address is not a public one";

fn neighbours() {
    let provider = Provider::willing();
    let confirm = |world: &World, url: &str| {
        let body = serde_json::json!({ "kind": "confirm", "url": url }).to_string();
        world.call("POST", "/gateway/main/hook/status", &[("Content-Type", "application/json")], &body).0
    };
    let definition = format!("{HEAD}{HANDSHAKE}");
    let world = World::of(&definition, &settings(provider.port));
    let told = |world: &World| world.martlet.log().matches(CLOSED).count();
    let addresses = [
        "https://localhost/confirm?token=t0k3n",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/",
    ];
    for (n, url) in addresses.iter().enumerate() {
        assert_eq!(confirm(&world, url), 503, "{url}");
        assert_eq!(told(&world), n + 1, "{url}: {}", world.martlet.log());
    }
    assert_eq!(confirm(&world, "https://[::1]/"), 403, "no such host is listed");
    assert_eq!(confirm(&world, "http://127.0.0.1/"), 403, "nor is it https");
    assert!(!world.martlet.log().contains("t0k3n"), "addresses are no words for the log");
    assert_eq!(provider.seen.len(), 0);
    // Where the configuration opens a network it is asked; nobody answers there.
    let open = format!("{}[media]\nnetworks = [\"127.0.0.0/8\"]\n", settings(provider.port));
    let world = World::of(&definition, &open);
    assert_eq!(confirm(&world, "https://127.0.0.231/"), 503);
    assert_eq!(told(&world), 0);
    assert!(world.martlet.log().contains("its server cannot be reached"), "{}", world.martlet.log());
}
