//! Keys and words that Martlet knows but this version does not do: refused in plain words instead of as unknown.

/// Keys by their path.
const KEYS: &[&str] = &[
    "inbound.prefer",
    "sms.reference",
    "queue.quiet_hours",
    "gateway.host",
    "gateway.hosts",
    "gateway.system_id",
    "gateway.bind",
    "gateway.tls",
    "account.prefixes",
    "account.members",
    "account.quiet_hours",
    "account.api_key",
    "rule",
    "domain",
    "provider",
    "providers",
    "console",
    "webhook",
];

/// What to say of a key that comes later.
pub fn key(path: &str) -> Option<String> {
    KEYS.contains(&path).then(|| not_available(&format!("`{path}`")))
}

/// The one sentence for everything that comes later.
pub fn not_available(what: &str) -> String {
    format!("{what} is not available in this version of Martlet")
}
