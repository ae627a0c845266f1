//! The gateways that run, and what a new look at the configuration makes of them.
//!
//! A gateway that is replaced finishes what it took while the new one takes up its queue; one that cannot stand beside
//! itself (a serial port) is let finish first. If anything of the new configuration cannot start, all stays as it was.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::task::JoinHandle;

use super::{StartError, build, gateways};
use crate::{
    config::{self, Config},
    dispatch::{
        self,
        lane::{self, Lane},
        media::Fetchers,
        roster::{Lanes, Roster},
    },
    doors::http::{Deliverer, hooks::Table},
    gateway::{
        self, Gateway, Kind, handset,
        inbox::Desk,
        provider::{Hooks, Key, Positions},
    },
    ground::{Clock, GatewayId, Swap},
    inbound, observe,
    observe::METRICS,
    outbound::Outbound,
};

/// How long a gateway may take to finish what it has before it is replaced by force.
const FINISH: Duration = Duration::from_secs(75);

/// Where the rooms read what the configuration says of gateways, beside the lanes.
#[derive(Clone)]
pub struct Readers {
    pub outbound: Outbound,
    pub inbound: Swap<inbound::Gateways>,
    /// `[[inbound_route]]`.
    pub routes: Swap<Vec<inbound::Route>>,
    pub deliverers: Swap<std::collections::HashMap<GatewayId, Deliverer>>,
    pub numbers: Swap<std::collections::HashMap<GatewayId, String>>,
    pub hooks: Swap<Table>,
    pub media: Swap<Fetchers>,
}

impl Readers {
    fn replace(&self, config: &Config, table: crate::routing::Table, (hooks, media): (Table, Fetchers)) {
        self.hooks.replace(hooks);
        self.media.replace(media);
        self.outbound.reroute(table);
        self.inbound.replace(build::inbound_gateways(config));
        self.deliverers.replace(build::deliverers(config));
        self.numbers.replace(build::numbers(config));
    }
}

/// All gateways that run.
pub struct Fleet {
    desk: Desk,
    clock: Clock,
    /// It proves our ids in addresses of hooks.
    key: Option<Key>,
    /// How far providers that are asked were read.
    positions: Positions,
    /// Where modems remember their PIN.
    data_dir: std::path::PathBuf,
    running: BTreeMap<GatewayId, Ran>,
    /// Of the handsets that ever ran.
    phones: BTreeMap<GatewayId, handset::Phones>,
    /// Replaced ones that finish what they took.
    finishing: Vec<JoinHandle<()>>,
}

struct Ran {
    declared: config::Gateway,
    gateway: Gateway,
}

impl Fleet {
    /// Starts every gateway that takes part; gives also the phones of the handsets among them.
    pub fn start(
        config: &Config,
        desk: Desk,
        clock: Clock,
        key: Option<Key>,
        positions: Positions,
    ) -> Result<(Self, Vec<handset::Phones>), StartError> {
        let data_dir = config.data_dir.clone();
        let (running, phones, finishing) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let mut fleet = Self { desk, clock, key, positions, data_dir, running, phones, finishing };
        for declared in config.gateways.iter().filter(|g| takes_part(g)) {
            let kind = fleet.kind(declared)?;
            let gateway = fleet.begin(declared, kind)?;
            fleet.running.insert(declared.id.clone(), Ran { declared: declared.clone(), gateway });
        }
        let phones = fleet.phones.values().cloned().collect();
        Ok((fleet, phones))
    }

    /// Its kind. Handsets keep their phones when they are replaced.
    fn kind(&mut self, declared: &config::Gateway) -> Result<Kind, StartError> {
        let mut kind = gateways::kind(declared)?;
        if let Kind::Handset(settings) = &mut kind {
            let phones = self.phones.entry(declared.id.clone());
            settings.phones = phones.or_insert_with(|| handset::Phones::new(self.clock.clone())).clone();
        }
        if let Kind::Provider(settings) = &mut kind {
            settings.key.clone_from(&self.key);
            settings.positions = self.positions.clone();
            settings.clock = self.clock.clone();
        }
        if let Kind::Modem(settings) = &mut kind {
            settings.state.clone_from(&self.data_dir);
            settings.clock = self.clock.clone();
        }
        Ok(kind)
    }

    fn begin(&self, declared: &config::Gateway, kind: Kind) -> Result<Gateway, StartError> {
        gateway::start(declared.id.clone(), kind, self.desk.inbox(declared.id.clone()))
            .map_err(|error| StartError::new(78, format!("gateway {}: {}", declared.id, error.0)))
    }

    /// Where providers call us, and how what their calls name is fetched, as of `config`.
    pub fn hooks(&self, config: &Config) -> Result<(Table, Fetchers), StartError> {
        let (mut table, mut media) = (Table::default(), Fetchers::new());
        for declared in config.gateways.iter().filter(|g| takes_part(g)) {
            let config::Kind::Provider(provider) = &declared.kind else { continue };
            let gateway::Kind::Provider(mut settings) = gateways::kind(declared)? else { continue };
            settings.key.clone_from(&self.key);
            settings.clock = self.clock.clone();
            let failed = |why| StartError::new(78, format!("gateway {}: {why}", declared.id));
            media.extend(build::fetcher(config, &settings).map(|way| (declared.id.clone(), Arc::new(way))));
            let (networks, inbox) = (config.media.networks.clone(), self.desk.inbox(declared.id.clone()));
            let hooks = Hooks::new(declared.id.clone(), *settings, networks, inbox).map_err(failed)?;
            table.gateways.insert(declared.id.clone(), Arc::new(hooks));
            let main = config.http.as_ref().map(|http| http.bind);
            for (name, path, bind) in provider.doors(&declared.id) {
                let listener = bind.filter(|addr| Some(*addr) != main);
                table.places.insert((listener, path), (declared.id.clone(), name));
            }
        }
        Ok((table, media))
    }

    /// A lane for each gateway that sends.
    pub fn roster(&self, config: &Config) -> Roster {
        Roster::new(self.lanes(config, None))
    }

    /// Lanes as of `config`, with the vitals of the old ones.
    fn lanes(&self, config: &Config, old: Option<&Lanes>) -> Lanes {
        let sending = |g: &&config::Gateway| g.active && g.send;
        let lane = |declared: &config::Gateway| {
            let gateway = &self.running.get(&declared.id)?.gateway;
            let settings = build::lane(config, declared, &gateway.traits.borrow());
            let vitals = old.and_then(|old| old.get(&declared.id)).map(|lane| lane.vitals().clone());
            Some(Arc::new(Lane::new(gateway, settings, self.clock.clone(), vitals)))
        };
        let lanes = config.gateways.iter().filter(sending).filter_map(lane).collect();
        let off = config.gateways.iter().filter(|g| !sending(g)).map(|g| g.id.clone()).collect();
        Lanes::new(lanes, &config.groups).beside(off)
    }

    /// Takes up the gateways, groups and routes of `config`.
    ///
    /// # Errors
    /// In words; then nothing has changed.
    pub async fn apply(
        &mut self,
        config: &Config,
        dispatch: &dispatch::Shared,
        readers: &Readers,
    ) -> Result<(), String> {
        let words = |error: StartError| error.words;
        let table = build::routes(config).map_err(words)?;
        let hooks = self.hooks(config).map_err(words)?;
        let mut fresh = Vec::new();
        let mut in_place = Vec::new();
        for declared in config.gateways.iter().filter(|g| takes_part(g)) {
            if self.running.get(&declared.id).is_some_and(|ran| is_same(&ran.declared, declared)) {
                continue;
            }
            let kind = self.kind(declared).map_err(words)?;
            match kind.stands_beside() || !self.running.contains_key(&declared.id) {
                true => fresh.push((declared.clone(), self.begin(declared, kind).map_err(words)?)),
                false => in_place.push((declared, kind)),
            }
        }
        // Last: what else could go wrong has not.
        for (declared, kind) in in_place {
            let settings = build::lane(config, declared, &kind.traits());
            self.in_place(declared, kind, settings, dispatch).await.map_err(words)?;
        }
        let mut gone: Vec<Ran> = Vec::new();
        for (declared, gateway) in fresh {
            observe::log::gateway(&declared.id, "replaced", "the configuration", None);
            METRICS.gateway_change(declared.id.as_str(), "replaced");
            gone.extend(self.running.insert(declared.id.clone(), Ran { declared, gateway }));
        }
        let stays = |id: &GatewayId| config.gateways.iter().any(|g| g.id == *id && takes_part(g));
        let left: Vec<GatewayId> = self.running.keys().filter(|id| !stays(id)).cloned().collect();
        for id in left {
            observe::log::gateway(&id, "removed", "the configuration", None);
            METRICS.gateway_change(id.as_str(), "removed");
            gone.extend(self.running.remove(&id));
        }
        for ran in self.running.values_mut() {
            if let Some(declared) = config.gateways.iter().find(|g| g.id == ran.declared.id) {
                ran.declared = declared.clone();
            }
        }
        let old = dispatch.lanes.now();
        let lanes = self.lanes(config, Some(&old));
        let new: Vec<Arc<Lane>> = lanes.all().iter().filter(|lane| old.get(&lane.id).is_none()).cloned().collect();
        if let Err(down) = dispatch.recall(&new).await {
            // They begin as if nothing were known of them; what they send is counted all the same.
            observe::log::store_down("recall", down);
        }
        dispatch.replace(lanes);
        readers.replace(config, table, hooks);
        // Their tasks end when the attempts under way are settled: those hold the old lanes.
        self.finishing.retain(|task| !task.is_finished());
        self.finishing.extend(gone.into_iter().map(|ran| ran.gateway.task));
        Ok(())
    }

    /// A gateway that cannot stand beside itself finishes first: its lane goes, and with it its task. Should the new one
    /// not start, the old one does again.
    async fn in_place(
        &mut self,
        declared: &config::Gateway,
        kind: Kind,
        settings: lane::Settings,
        dispatch: &dispatch::Shared,
    ) -> Result<(), StartError> {
        let Some(ran) = self.running.remove(&declared.id) else { return Ok(()) };
        let before = dispatch.lanes.now();
        dispatch.replace(before.without(&declared.id));
        let known = before.get(&declared.id).map(|lane| (lane.vitals().clone(), lane.settings.clone()));
        // Attempts under way hold the old lane until they are settled; nobody else may.
        drop(before);
        let Ran { declared: old, gateway: Gateway { jobs, mut task, .. } } = ran;
        drop(jobs);
        if tokio::time::timeout(FINISH, &mut task).await.is_err() {
            observe::log::oddity("reload", format_args!("gateway {} did not finish in time", declared.id));
            task.abort();
        }
        let (declared, gateway, failed) = match self.begin(declared, kind) {
            Ok(gateway) => (declared.clone(), gateway, None),
            Err(error) => {
                let gateway = {
                    let kind = self.kind(&old)?;
                    self.begin(&old, kind)?
                };
                (old, gateway, Some(error))
            }
        };
        // Without a lane before it only receives.
        if let Some((vitals, before)) = known {
            let settings = if failed.is_some() { before } else { settings };
            let lane = Lane::new(&gateway, settings, self.clock.clone(), Some(vitals));
            dispatch.replace(dispatch.lanes.now().with(lane));
        }
        self.running.insert(declared.id.clone(), Ran { declared, gateway });
        failed.map_or(Ok(()), Err)
    }

    /// Ends all of them: the attempts are over.
    pub async fn stop(self) {
        let Self { desk, running, mut finishing, .. } = self;
        drop(desk);
        finishing.extend(running.into_values().map(|ran| ran.gateway.task));
        for task in finishing {
            let _ = tokio::time::timeout(Duration::from_secs(5), task).await;
        }
    }
}

fn takes_part(declared: &config::Gateway) -> bool {
    declared.active && (declared.send || declared.receive)
}

/// Whether the task that runs can go on. Files may hold something new: who reads any is begun anew.
fn is_same(running: &config::Gateway, declared: &config::Gateway) -> bool {
    let wire = match &declared.kind {
        config::Kind::Http(http) => Some(&http.wire),
        config::Kind::Provider(provider) => Some(&provider.wire),
        config::Kind::Handset | config::Kind::Modem(_) => None,
    };
    let files = wire.is_some_and(|wire| wire.ca.is_some() || wire.client_cert.is_some());
    !files
        && running.kind == declared.kind
        && running.window == declared.window
        && running.receive == declared.receive
        && running.password == declared.password
        && running.number == declared.number
}
