//! What providers bring, at the real daemon: who calls a hook, how far a provider was read that is asked, and which message
//! a receipt is about.

mod callers;
mod fetches;
mod polls;
mod receipts;

use libtest_mimic::Trial;

use crate::support::{letter, sink::Taken};

pub fn trials() -> Vec<Trial> {
    [callers::trials(), fetches::trials(), polls::trials(), receipts::trials()].into_iter().flatten().collect()
}

/// The words of a mail.
fn text(mail: &Taken) -> String {
    letter::text(&String::from_utf8_lossy(&mail.data))
}

/// A definition's head: requests to `base`, taken when the answer has an id.
const HEAD: &str = r#"
format = 1
name = "ours"
title = "A provider of the test's own"
[setting]
base = { kind = "url" }
secret = { kind = "secret" }
[send]
method = "POST"
url = "{setting.base}/send"
timeout = "20s"
auth = { scheme = "bearer", token = "{setting.secret}" }
[send.json]
to = "{to}"
text = "{text}"
[[send.rule]]
status = ["200"]
result = "accepted"
id = "json:/id"
"#;

/// The gateway's lines for it.
fn settings(base: u16) -> String {
    format!("settings = {{ base = \"http://127.0.0.1:{base}\", secret = {{ env = \"PROVIDER_SECRET\" }} }}\n")
}
