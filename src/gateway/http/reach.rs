//! Does a provider's host answer? For `martlet check --online`: no message, only HEAD of the root.

use std::time::Duration;

use super::{Settings, client, line::in_words, sample};

/// Connects as the gateway would; any status is an answer.
///
/// # Errors
/// In words without secrets: what kept it from answering.
pub async fn reach(settings: &Settings, patience: Duration) -> Result<String, String> {
    let client = client(settings).map_err(|unusable| unusable.why)?;
    let origin = sample::origin(&settings.templates.url).ok_or("its URL has no host")?;
    let asked = client.head(origin).timeout(patience).send().await;
    match asked {
        Ok(answer) => Ok(format!("HTTP status {}", answer.status().as_u16())),
        Err(error) => Err(in_words(error)),
    }
}
