//! Log lines. The field names are stable: people grep for them.

use std::fmt::Display;

use crate::ground::{AccountName, Fault, GatewayId, MessageId, outcome::one_line};

/// A text was queued.
pub fn accepted(id: MessageId, to_masked: &str, account: &AccountName, parts: u8, door: &str) {
    tracing::info!(%id, to = to_masked, %account, parts, door, "accepted");
}

/// The same mail or call again: it is queued or sent already.
pub fn handed_over_again(id: MessageId, door: &str) {
    tracing::info!(%id, door, "handed over again, sent once");
}

/// Something was refused at a door; `reason` is one of the words of the metric.
pub fn refused(door: &str, code: impl Display, reason: &str) {
    tracing::info!(door, %code, reason, "refused");
}

/// A provider's call was refused.
pub fn hook_refused(gateway: &GatewayId, hook: &str, why: impl Display) {
    tracing::warn!(%gateway, hook, %why, "a call of the provider was refused");
}

/// What a provider's call names was not fetched.
pub fn hook_fetch(gateway: &GatewayId, why: &str) {
    tracing::warn!(%gateway, why, "what a call of the provider names could not be fetched");
}

/// One attempt ended.
pub fn outcome(id: MessageId, gateway: &GatewayId, attempt: u32, outcome: &str, fault: Option<&Fault>) {
    match fault {
        None => tracing::info!(%id, %gateway, attempt, outcome, "attempt"),
        Some(fault) => tracing::info!(%id, %gateway, attempt, outcome, code = %fault.code, "attempt"),
    }
}

/// One HTTP request of a gateway, as far as the log may know it.
#[derive(Debug)]
pub struct Request {
    pub method: &'static str,
    /// With the port, where it is not the usual one.
    pub host: String,
    /// `None`: no answer came.
    pub status: Option<u16>,
    /// Octets of the request from its path on, body included.
    pub asked: usize,
    /// Octets of the answer's body.
    pub answered: usize,
    /// Only while `log_payload` says so.
    pub payload: Option<Payload>,
}

/// What was said both ways, secrets taken out. No `Debug` of the words: they are for the log alone.
pub struct Payload {
    pub request: String,
    pub answer: String,
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Payload([{}], [{}])", self.request.len(), self.answer.len())
    }
}

/// Octets of each way that are logged.
const PAYLOAD: usize = 4 * 1024;

/// A request and its answer: their lengths, and what they said where that is wished.
pub fn request(id: MessageId, gateway: &GatewayId, request: &Request) {
    let Request { method, host, status, asked, answered, payload } = request;
    let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
    let (asked, answered) = (format_args!("[{asked}]"), format_args!("[{answered}]"));
    match payload {
        None => tracing::info!(%id, %gateway, method, host, %status, request = %asked, answer = %answered, "request"),
        Some(payload) => {
            let (said, heard) = (one_line(&payload.request, PAYLOAD), one_line(&payload.answer, PAYLOAD));
            tracing::warn!(
                %id, %gateway, method, host, %status, request = %asked, answer = %answered, said, heard,
                "request (log_payload is on)"
            );
        }
    }
}

/// A mail of ours was handed over, deferred or refused.
pub fn mail_outcome(id: MessageId, attempt: u32, outcome: &str, fault: Option<&Fault>) {
    match fault {
        None => tracing::info!(%id, attempt, outcome, "mail"),
        Some(fault) => tracing::info!(%id, attempt, outcome, code = %fault.code, "mail"),
    }
}

/// One attempt at an errand of a rule. The words of the fault may be a script's own: they stand in the queue, not here.
pub fn errand(id: MessageId, kind: &str, rule: &str, attempt: u32, outcome: &str, fault: Option<&Fault>) {
    let code = fault.map(|fault| fault.code.to_string()).unwrap_or_default();
    tracing::info!(%id, kind, rule, attempt, outcome, code, "errand");
}

/// A verdict, or rows, that a rule waits for before the commit, and that did not come.
pub fn no_answer(rule: &str, what: &str, code: impl Display, then: &str) {
    tracing::warn!(rule, what, %code, then, "no answer for a rule");
}

/// The mail server cannot be used: nobody there, no TLS as it must be, a refused login. Nothing was said of a mail yet.
pub fn no_session(fault: &Fault) {
    tracing::warn!(code = %fault.code, why = fault.text, "no session with the mail server");
}

/// How a gateway is now: `down`, `trial`, `up`, `paused`, `resumed`, `day over`, `replaced`, `removed`.
pub fn gateway(gateway: &GatewayId, state: &str, cause: impl Display, pause: Option<std::time::Duration>) {
    match pause {
        Some(pause) => tracing::warn!(%gateway, state, %cause, seconds = pause.as_secs(), "gateway"),
        None => tracing::info!(%gateway, state, %cause, "gateway"),
    }
}

/// A text went out under the gateway's own number instead of the wished sender.
pub fn unshown(id: MessageId, gateway: &GatewayId) {
    tracing::info!(%id, %gateway, "sender not shown");
}

/// A report was queued, withheld or buried.
pub fn report(about: MessageId, kind: &str, fate: &str) {
    tracing::info!(id = %about, kind, fate, "report");
}

/// A segment from a phone is durable.
pub fn taken(id: MessageId, gateway: &GatewayId) {
    tracing::info!(%id, %gateway, "taken");
}

/// What became of fetching a picture or the like: `fetched`, `later`, `missing`, `layout`; never its address.
pub fn media(id: MessageId, gateway: &GatewayId, piece: u32, outcome: &str, why: &str) {
    tracing::info!(%id, %gateway, piece, outcome, why, "media");
}

/// A segment that was here before.
pub fn taken_before(gateway: &GatewayId) {
    tracing::info!(%gateway, "taken before, dropped");
}

/// Where a phone's text went, and by which step of the ladder.
pub fn routed(id: MessageId, gateway: &GatewayId, step: &str, outcome: &str) {
    tracing::info!(%id, %gateway, step, outcome, "inbound");
}

/// A phone opted out of texts from a number of ours, or takes them again; `how`: word, provider, hand.
pub fn opting(gateway: Option<&GatewayId>, phone_masked: &str, out: bool, how: &str) {
    let what = if out { "out" } else { "in" };
    tracing::info!(gateway = gateway.map_or("-", GatewayId::as_str), phone = phone_masked, what, how, "opted");
}

/// What a rule made of a message, where it is not simply sent.
pub fn ruled(door: &str, rule: &str, fate: &str) {
    tracing::info!(door, rule, fate, "rule");
}

/// A line that a rule asks for, in the administrator's own words.
pub fn rule_says(line: &str) {
    tracing::info!(line, "a rule says");
}

/// A limit over a stretch of time took hold.
pub fn braked(kind: &str, account: Option<&AccountName>, limit: impl Display) {
    tracing::warn!(kind, account = account.map_or("-", AccountName::as_str), %limit, "brake");
}

/// A line to or from a modem, without its payload.
pub fn modem_line(gateway: &GatewayId, out: bool, words: &str) {
    tracing::debug!(%gateway, way = if out { "out" } else { "in" }, words, "modem line");
}

/// Something happened to the line of a modem.
pub fn modem(gateway: &GatewayId, what: &str) {
    tracing::info!(%gateway, what, "modem");
}

/// A modem works.
pub fn modem_ready(gateway: &GatewayId, model: Option<&str>, operator: Option<&str>) {
    tracing::info!(%gateway, model = model.unwrap_or("-"), operator = operator.unwrap_or("-"), "modem ready");
}

/// A modem or its SIM needs a person.
pub fn modem_trouble(gateway: &GatewayId, what: &str, why: impl Display) {
    tracing::warn!(%gateway, what, %why, "modem trouble");
}

/// What a prepaid SIM has left.
pub fn modem_balance(gateway: &GatewayId, amount: f64) {
    tracing::info!(%gateway, amount, "modem balance");
}

/// The store cannot be used now.
pub fn store_down(what: &str, why: impl Display) {
    tracing::error!(what, %why, "store");
}

/// Attempts of an earlier run whose outcome nobody knows.
pub fn interrupted(id: MessageId, gateway: Option<&GatewayId>, choice: &str) {
    tracing::warn!(%id, gateway = gateway.map_or("-", |g| g.as_str()), choice, "found unsure after a restart");
}

/// `authenticated=1` from the network is not believed.
pub fn authenticated_ignored(door: &str) {
    tracing::warn!(door, "parameter authenticated is ignored: it is believed from rules only");
}

/// Something that should not happen but ends well.
pub fn oddity(what: &str, why: impl Display) {
    tracing::warn!(what, %why, "oddity");
}

/// A phase of starting or stopping.
pub fn phase(what: &str) {
    tracing::info!(what, "phase");
}

/// An administrator did something by the control socket.
pub fn admin(who: &str, uid: u32, what: &str, id: Option<MessageId>, outcome: &str) {
    match id {
        Some(id) => tracing::info!(who, uid, what, %id, outcome, "admin"),
        None => tracing::info!(who, uid, what, outcome, "admin"),
    }
}

/// An administrator laid a hand on a gateway.
pub fn admin_gateway(who: &str, uid: u32, what: &str, gateway: &GatewayId, outcome: &str) {
    tracing::info!(who, uid, what, %gateway, outcome, "admin");
}

/// The configuration was read again; tables that hold from now on, and those that wait for a restart.
pub fn reloaded(applied: &str, restart: &str) {
    tracing::info!(applied, restart, "reloaded");
}

/// The configuration was read again and is wrong; the one before goes on.
pub fn not_reloaded(why: &str) {
    tracing::error!(why, "not reloaded");
}

/// Every socket listens.
pub fn ready(bound: &str) {
    tracing::info!(bound, "ready");
}

/// The daemon does not start.
pub fn cannot_start(why: &str) {
    tracing::error!(why, "cannot start");
}

/// A connection that ended otherwise than by its rules.
pub fn connection(listener: &str, peer: Option<std::net::IpAddr>, end: impl Display, mails: u64) {
    match peer {
        Some(peer) => tracing::info!(listener, %peer, %end, mails, "connection ended"),
        None => tracing::info!(listener, peer = "unix", %end, mails, "connection ended"),
    }
}
