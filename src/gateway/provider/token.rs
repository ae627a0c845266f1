//! Tokens (OAuth2 client credentials, sessions): asked for by one task for all, kept until shortly before their end, asked
//! for anew once where the provider says that one does not count any more. Never logged.

use std::{sync::Arc, time::Duration};

use tokio::sync::Mutex;

use super::call::Shell;
use crate::ground::{Fault, Secret};

/// A token is renewed this long before its end, or after nine tenths of a short life.
const EARLY: Duration = Duration::from_secs(60);
/// After a refusal nobody asks again for this long: a wrong password shall not lock the account.
const REFUSED: Duration = Duration::from_secs(10);

/// A token, and which it is.
#[derive(Clone)]
pub struct Held {
    pub token: Arc<Secret<String>>,
    number: u64,
}

/// The token of one gateway. Whoever needs one waits for the one task that asks.
#[derive(Default)]
pub struct Tokens(Mutex<State>);

#[derive(Default)]
struct State {
    held: Option<(Held, Duration)>,
    refused: Option<(Fault, Duration)>,
    number: u64,
}

impl Tokens {
    /// The token that counts; `None`: this provider has none.
    ///
    /// # Errors
    /// Why there is none now.
    pub async fn current(&self, shell: &Shell) -> Result<Option<Held>, Fault> {
        let definition = &shell.settings.definition;
        if definition.token.is_none() {
            return Ok(None);
        }
        let clock = &shell.settings.clock;
        // Held while one asks: the others wait for its answer, and the request is bounded in time.
        let mut state = self.0.lock().await;
        let now = clock.monotonic();
        if let Some((held, until)) = &state.held
            && now < *until
        {
            return Ok(Some(held.clone()));
        }
        if let Some((fault, until)) = &state.refused
            && now < *until
        {
            return Err(fault.clone());
        }
        let asked = match definition.token_request(&shell.settings.settings, shell.now()) {
            Some(Ok(request)) => match shell.send(request, None, None).await {
                Ok(heard) => definition.token(&heard.answer, shell.now()),
                Err(silent) => Err(silent.fault()),
            },
            Some(Err(fault)) => Err(fault),
            None => return Ok(None),
        };
        match asked {
            Ok((token, life)) => {
                state.number += 1;
                let held = Held { token: Arc::new(token), number: state.number };
                let early = EARLY.min(life / 10);
                state.held = Some((held.clone(), clock.monotonic() + life.saturating_sub(early)));
                state.refused = None;
                Ok(Some(held))
            }
            Err(fault) => {
                let pause = fault.after.unwrap_or(REFUSED).max(REFUSED);
                let fault = Fault { after: Some(pause), ..fault };
                state.held = None;
                state.refused = Some((fault.clone(), clock.monotonic() + pause));
                Err(fault)
            }
        }
    }

    /// This one does not count any more; a newer one that another task got meanwhile does.
    pub async fn outdated(&self, held: &Held) {
        let mut state = self.0.lock().await;
        if state.held.as_ref().is_some_and(|(current, _)| current.number == held.number) {
            state.held = None;
        }
    }
}
