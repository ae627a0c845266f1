//! Log lines. The field names are stable: people grep for them.

use std::fmt::Display;

use crate::ground::{AccountName, Fault, GatewayId, MessageId};

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

/// One attempt ended.
pub fn outcome(id: MessageId, gateway: &GatewayId, attempt: u32, outcome: &str, fault: Option<&Fault>) {
    match fault {
        None => tracing::info!(%id, %gateway, attempt, outcome, "attempt"),
        Some(fault) => tracing::info!(%id, %gateway, attempt, outcome, code = %fault.code, "attempt"),
    }
}

/// A mail of ours was handed over, deferred or refused.
pub fn mail_outcome(id: MessageId, attempt: u32, outcome: &str, fault: Option<&Fault>) {
    match fault {
        None => tracing::info!(%id, attempt, outcome, "mail"),
        Some(fault) => tracing::info!(%id, attempt, outcome, code = %fault.code, "mail"),
    }
}

/// A gateway is left alone for a while.
pub fn gateway_paused(gateway: &GatewayId, pause: std::time::Duration, fault: &Fault) {
    tracing::warn!(%gateway, seconds = pause.as_secs(), code = %fault.code, "gateway paused");
}

/// A report was queued, withheld or buried.
pub fn report(about: MessageId, kind: &str, fate: &str) {
    tracing::info!(id = %about, kind, fate, "report");
}

/// A segment from a phone is durable.
pub fn taken(id: MessageId, gateway: &GatewayId) {
    tracing::info!(%id, %gateway, "taken");
}

/// A segment that was here before.
pub fn taken_before(gateway: &GatewayId) {
    tracing::info!(%gateway, "taken before, dropped");
}

/// Where a phone's text went, and by which step of the ladder.
pub fn routed(id: MessageId, gateway: &GatewayId, step: &str, outcome: &str) {
    tracing::info!(%id, %gateway, step, outcome, "inbound");
}

/// A limit over a stretch of time took hold.
pub fn braked(kind: &str, account: Option<&AccountName>, limit: u64) {
    tracing::warn!(kind, account = account.map_or("-", AccountName::as_str), limit, "brake");
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
