//! A new look at the configuration while Martlet runs: SIGHUP, or `martlet reload`.
//!
//! The file is read and checked whole; a bad one changes nothing. What can change live is applied, everything else that
//! differs is named as waiting for a restart. [`LIVE`] and [`Live::apply`] are the one place that decides: whoever makes
//! another part changeable adds its table there.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    build, check,
    fleet::{Fleet, Readers},
};
use crate::{
    accounts::Accounts,
    config::{self, Config, Prints},
    dispatch,
    doors::control::{Reload, Reloaded},
    observe,
};

/// Tables of the file that are applied without a restart.
const LIVE: [&str; 5] = ["account", "address", "gateway", "group", "route"];

/// The handles through which a running Martlet takes up what has changed.
pub struct Live {
    pub file: PathBuf,
    /// What each table said when it was last applied, or when Martlet started.
    pub prints: Prints,
    pub accounts: Accounts,
    pub readers: Readers,
    pub dispatch: Arc<dispatch::Shared>,
    pub fleet: Fleet,
    /// As Martlet started: what is inherited from here changes with a restart.
    pub started: Config,
}

impl Live {
    /// Answers one wish after the other until `stop`; gives the gateways back.
    pub async fn run(mut self, mut wishes: mpsc::Receiver<Reload>, stop: CancellationToken) -> Fleet {
        loop {
            let wish = tokio::select! {
                biased;
                () = stop.cancelled() => return self.fleet,
                wish = wishes.recv() => wish,
            };
            let Some(Reload(reply)) = wish else { return self.fleet };
            let file = self.file.clone();
            // Files, secrets, hashes: none of it may hold up a worker.
            let read = tokio::task::spawn_blocking(move || read(&file)).await;
            let done = match read.unwrap_or_else(|_| Err("the configuration cannot be read".to_owned())) {
                Ok(config) => self.apply(config).await,
                Err(why) => Err(why),
            };
            match &done {
                Ok(reloaded) => observe::log::reloaded(&reloaded.applied.join(", "), &reloaded.restart.join(", ")),
                Err(why) => observe::log::not_reloaded(why),
            }
            // Whoever asked may be gone; what was done stays done.
            let _ = reply.send(done);
        }
    }

    async fn apply(&mut self, mut config: Config) -> Result<Reloaded, String> {
        config.sms = self.started.sms.clone();
        config.zone = self.started.zone.clone();
        config.queue = self.started.queue;
        let accounts = build::accounts(&config).map_err(|error| error.words)?;
        self.fleet.apply(&config, &self.dispatch, &self.readers).await?;
        self.accounts.replace(&accounts);
        self.readers.outbound.replace_helpers(config.helpers.clone());
        let changed = self.prints.differing(&config.prints);
        let (applied, restart): (BTreeSet<String>, _) =
            changed.into_iter().partition(|name| LIVE.contains(&name.as_str()));
        // What waits for a restart goes on differing from what runs.
        self.prints.take(&config.prints, &LIVE);
        Ok(Reloaded { applied: applied.into_iter().collect(), restart: restart.into_iter().collect() })
    }
}

fn read(file: &std::path::Path) -> Result<Config, String> {
    let config = config::load(file).map_err(|errors| errors.to_string())?;
    check(&config).map_err(|error| error.words)?;
    Ok(config)
}
