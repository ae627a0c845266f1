//! What a person enters at the provider, and the registration of hooks where its API takes that.

use crate::{
    gateway::provider::{Settings, call::Shell},
    ground::GatewayId,
    provider::web::Request,
};

/// A hook and where its address goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub hook: String,
    /// With its secret, where it has one.
    pub url: String,
    /// Where it is entered, in the provider's words.
    pub about: Option<String>,
}

/// The addresses of all hooks, in the definition's order; empty without a public address.
pub fn addresses(id: &GatewayId, settings: &Settings) -> Vec<Address> {
    let all = settings.addresses(id);
    let hooks = settings.definition.hooks.iter();
    hooks
        .filter_map(|hook| {
            let url = all.get(&hook.name)?.clone();
            Some(Address { hook: hook.name.clone(), url, about: hook.about.clone() })
        })
        .collect()
}

/// The requests that register the hooks; none where the definition has no `[setup]`.
///
/// # Errors
/// In words: a token could not be had, or a value is missing.
pub async fn requests(id: &GatewayId, settings: Settings) -> Result<Vec<Request>, String> {
    let shell = Shell::new(id.clone(), settings).map_err(|error| error.0)?;
    made(&shell).await
}

/// Sends them in order; each with the status of its answer, and whether that is a success.
///
/// # Errors
/// In words: no answer came.
pub async fn register(id: &GatewayId, settings: Settings) -> Result<Vec<(u16, bool)>, String> {
    let shell = Shell::new(id.clone(), settings).map_err(|error| error.0)?;
    let mut done = Vec::new();
    for request in made(&shell).await? {
        let heard = shell.send(request, None, None).await.map_err(|silent| silent.fault().to_string())?;
        done.push((heard.answer.status, shell.settings.definition.setup_done(heard.answer.status)));
    }
    Ok(done)
}

async fn made(shell: &Shell) -> Result<Vec<Request>, String> {
    let settings = &shell.settings;
    if settings.definition.setup.is_none() {
        return Ok(Vec::new());
    }
    let token = shell.tokens.current(shell).await.map_err(|fault| fault.to_string())?;
    let secret = token.as_ref().map(|held| held.token.as_ref());
    let own = format!("martlet-{}", shell.id);
    let hooks = settings.addresses(&shell.id);
    let requests = settings.definition.setup_requests(&settings.settings, &hooks, &own, secret, shell.now());
    let mut requests = requests.map_err(|fault| fault.to_string())?;
    for request in &mut requests {
        shell.sign(request).await;
    }
    Ok(requests)
}
