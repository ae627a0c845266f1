//! A new look at the configuration while Martlet runs: SIGHUP, or `martlet reload`.
//!
//! The file is read and checked whole; a bad one changes nothing. What can change live is applied, everything else that
//! differs is named as waiting for a restart. [`LIVE`] and [`Live::apply`] are the one place that decides: whoever makes
//! another part changeable adds its table there.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    build, check,
    fleet::{Fleet, Readers},
    hook_doors::HookDoors,
    way_back::WayBack,
};
use crate::{
    accounts::Accounts,
    config::{self, Config, Loaded, Prints},
    dispatch,
    doors::control::{Reload, Reloaded},
    ground::{Clock, GatewayId, Swap},
    observe,
    rules::Ruleset,
};

/// Tables of the file that are applied without a restart.
const LIVE: [&str; 13] = [
    "account",
    "address",
    "calendar",
    "database",
    "errands",
    "gateway",
    "group",
    "inbound_route",
    "mailbox",
    "pii",
    "route",
    "rules",
    "statement",
];
/// How often lists of rules are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// The handles through which a running Martlet takes up what has changed.
pub struct Live {
    pub file: PathBuf,
    /// What each table said when it was last applied, or when Martlet started.
    pub prints: Prints,
    pub accounts: Accounts,
    pub readers: Readers,
    pub dispatch: Arc<dispatch::Shared>,
    pub fleet: Fleet,
    pub hook_doors: HookDoors,
    pub way_back: WayBack,
    /// As Martlet started: what is inherited from here changes with a restart.
    pub started: Config,
    pub rules: Rules,
    pub clock: Clock,
}

/// The rules that hold, and what they were read from.
pub struct Rules {
    pub current: Swap<Ruleset>,
    pub declared: config::Rules,
    pub loaded: Arc<Loaded>,
    /// Gateways and groups that they may name.
    pub gateways: Vec<GatewayId>,
}

impl Live {
    /// Answers one wish after the other until `stop`; gives the gateways back.
    pub async fn run(mut self, mut wishes: mpsc::Receiver<Reload>, stop: CancellationToken) -> Fleet {
        loop {
            let wish = tokio::select! {
                biased;
                () = stop.cancelled() => return self.fleet,
                wish = wishes.recv() => wish,
                () = self.clock.sleep(LOOK) => {
                    self.rules.look().await;
                    continue;
                }
            };
            let Some(Reload(reply)) = wish else { return self.fleet };
            let file = self.file.clone();
            // Files, secrets, hashes: none of it may hold up a worker.
            let read = tokio::task::spawn_blocking(move || read(&file)).await;
            let done = match read.unwrap_or_else(|_| Err("the configuration cannot be read".to_owned())) {
                Ok((config, rules)) => self.apply(config, rules).await,
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

    async fn apply(&mut self, mut config: Config, rules: Loaded) -> Result<Reloaded, String> {
        config.sms = self.started.sms.clone();
        config.zone = self.started.zone.clone();
        config.queue = self.started.queue.clone();
        config.media = self.started.media.clone();
        config.hostname.clone_from(&self.started.hostname);
        config.inbound = self.started.inbound.clone();
        let accounts = build::accounts(&config).map_err(|error| error.words)?;
        let tools = build::tools(&config, &self.clock).map_err(|error| error.words)?;
        let way_back = self.way_back.fresh(&config).map_err(|error| error.words)?;
        let fresh = self.hook_doors.fresh(&config).await?;
        self.fleet.apply(&config, &self.dispatch, &self.readers).await?;
        self.hook_doors.take(&config, fresh);
        self.accounts.replace(&accounts);
        self.readers.outbound.replace_helpers(config.helpers.clone());
        let changed = self.prints.differing(&config.prints);
        self.dispatch.errands.take_up(tools);
        self.dispatch.errands.replace(build::databases(&config));
        self.dispatch.errand_window.send_replace(config.errands.window);
        self.readers.routes.replace(config.inbound_routes.clone());
        let other_files = self.rules.loaded.differs(&rules);
        self.rules.current.replace(rules.set.clone());
        (self.rules.declared, self.rules.loaded) = (config.rules.clone(), Arc::new(rules));
        self.rules.gateways = config.gateway_names();
        let other_way_back = way_back.is_some();
        if let Some(way_back) = way_back {
            self.way_back.take(&config, way_back, &self.dispatch);
        }
        let (mut applied, restart): (BTreeSet<String>, _) =
            changed.into_iter().partition(|name| LIVE.contains(&name.as_str()));
        if other_files {
            applied.insert("rules".to_owned());
        }
        // A password may have changed in its own file.
        if other_way_back {
            applied.insert("mailbox".to_owned());
        }
        // What waits for a restart goes on differing from what runs.
        self.prints.take(&config.prints, &LIVE);
        Ok(Reloaded { applied: applied.into_iter().collect(), restart: restart.into_iter().collect() })
    }
}

impl Rules {
    /// Reads the lists of rules again where they have changed; one that is wrong keeps what was.
    async fn look(&mut self) {
        let (declared, loaded, gateways) = (self.declared.clone(), self.loaded.clone(), self.gateways.clone());
        let read = tokio::task::spawn_blocking(move || declared.again(&loaded, &gateways)).await;
        match read {
            Ok(Some(Ok(loaded))) => {
                self.current.replace(loaded.set.clone());
                self.loaded = Arc::new(loaded);
                observe::log::reloaded("lists of rules", "");
            }
            Ok(Some(Err(why))) => {
                Arc::make_mut(&mut self.loaded).seen();
                observe::log::not_reloaded(&why);
            }
            Ok(None) | Err(_) => {}
        }
    }
}

/// The file, and its rules.
fn read(file: &std::path::Path) -> Result<(Config, Loaded), String> {
    let config = config::load(file).map_err(|errors| errors.to_string())?;
    check(&config).map_err(|error| error.words)?;
    let rules = super::rules(&config).map_err(|error| error.words)?;
    Ok((config, rules))
}
