//! What monitors ask: alive, ready, numbers.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};

use super::Shared;
use crate::observe::{METRICS, metrics::Metrics};

/// The process answers.
pub async fn health() -> &'static str {
    "ok\n"
}

/// It can take messages: the store answers and nobody is stopping it.
pub async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, String) {
    if shared.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    match shared.store.ready().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(down) => (StatusCode::SERVICE_UNAVAILABLE, format!("{down}\n")),
    }
}

/// Prometheus' text form; depths are read when asked.
pub async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    if let Ok(counts) = shared.store.counts().await {
        let depth = |kind, n: u64| Metrics::set(&METRICS.queue, kind, i64::try_from(n).unwrap_or(i64::MAX));
        depth("waiting", counts.waiting);
        depth("held", counts.held);
        depth("trying", counts.trying);
        depth("sent", counts.sent);
        depth("mails", counts.mails_waiting);
        depth("errands", counts.errands_waiting);
        depth("unassembled", counts.unassembled);
        depth("dead letters", counts.dead_letters);
        depth("opted out", counts.opted_out);
        let oldest = counts.oldest.map_or(0, |age| age.as_secs());
        METRICS.oldest.set(i64::try_from(oldest).unwrap_or(i64::MAX));
    }
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], METRICS.text())
}
