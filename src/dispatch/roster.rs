//! The lanes that there are, and who pulls from which key. Replaced as a whole by a reload.

use std::{collections::BTreeMap, sync::Arc};

use super::{lane::Lane, vitals::Moment};
use crate::{
    ground::{GatewayId, Swap},
    store::Key,
};

/// All lanes and groups at one time.
#[derive(Debug, Default)]
pub struct Lanes {
    /// In order of their names.
    all: Vec<Arc<Lane>>,
    groups: BTreeMap<GatewayId, Vec<Arc<Lane>>>,
    /// The groups as they are configured.
    named: BTreeMap<GatewayId, Vec<GatewayId>>,
    /// Gateways that are configured and do not send.
    off: Vec<GatewayId>,
}

impl Lanes {
    /// Members of groups that do not send are left out.
    pub fn new(lanes: Vec<Arc<Lane>>, groups: &BTreeMap<GatewayId, Vec<GatewayId>>) -> Self {
        let mut lanes = Self { all: lanes, groups: BTreeMap::new(), named: groups.clone(), off: Vec::new() };
        lanes.all.sort_by(|a, b| a.id.cmp(&b.id));
        let members = |ids: &Vec<GatewayId>| ids.iter().filter_map(|id| lanes.get(id).cloned()).collect();
        lanes.groups = groups.iter().map(|(id, ids)| (id.clone(), members(ids))).collect();
        lanes
    }

    /// Beside gateways that do not send.
    pub fn beside(self, off: Vec<GatewayId>) -> Self {
        Self { off, ..self }
    }

    /// All but this one.
    pub fn without(&self, id: &GatewayId) -> Self {
        let rest = |lanes: &[Arc<Lane>]| lanes.iter().filter(|lane| lane.id != *id).cloned().collect();
        let groups = self.groups.iter().map(|(group, lanes)| (group.clone(), rest(lanes))).collect();
        Self { all: rest(&self.all), groups, named: self.named.clone(), off: self.off.clone() }
    }

    /// And this one, as its groups know it.
    pub fn with(&self, lane: Lane) -> Self {
        let lane = Arc::new(lane);
        let mut all = self.all.clone();
        all.push(lane);
        let groups = self.named.clone();
        Self::new(all, &groups).beside(self.off.clone())
    }

    pub fn off(&self) -> &[GatewayId] {
        &self.off
    }

    pub fn groups(&self) -> impl Iterator<Item = &GatewayId> {
        self.groups.keys()
    }

    pub fn all(&self) -> &[Arc<Lane>] {
        &self.all
    }

    pub fn get(&self, id: &GatewayId) -> Option<&Arc<Lane>> {
        self.all.binary_search_by(|lane| lane.id.cmp(id)).ok().and_then(|at| self.all.get(at))
    }

    /// Who pulls from this key.
    pub fn members(&self, key: &Key) -> Vec<&Arc<Lane>> {
        match key {
            Key::Any => self.all.iter().collect(),
            Key::Gateway(id) => self.get(id).into_iter().collect(),
            Key::Group(id) => self.groups.get(id).into_iter().flatten().collect(),
            Key::Several(ids) => ids.iter().filter_map(|id| self.get(id)).collect(),
            Key::Mailbox | Key::Errand(_) => Vec::new(),
        }
    }

    /// The keys that somebody could pull from now, each with how many messages, and how many slots are free for them
    /// all. A shared key is closed while the best tier that takes part is full. `sets` are those of the store.
    pub fn open_keys(&self, sets: Vec<Key>, at: Moment) -> (Vec<(Key, usize)>, usize) {
        let mut keys = Vec::new();
        let mut all = 0;
        for lane in &self.all {
            let standing = lane.standing(at);
            let today = standing.left > 0 || standing.partly > 0;
            if standing.free > 0 && today {
                keys.push((Key::Gateway(lane.id.clone()), standing.free));
                all += standing.free;
            }
        }
        if all == 0 {
            return (keys, 0);
        }
        let groups = self.groups.keys().cloned().map(Key::Group);
        for key in std::iter::once(Key::Any).chain(groups).chain(sets) {
            let free = best_tier(&self.members(&key), at);
            if free > 0 {
                keys.push((key, free));
            }
        }
        (keys, all)
    }
}

/// Free slots of the best tier that takes part.
fn best_tier(members: &[&Arc<Lane>], at: Moment) -> usize {
    let mut best: Option<(u32, usize)> = None;
    for lane in members {
        let standing = lane.standing(at);
        if !standing.up || standing.left == 0 {
            continue;
        }
        let tier = lane.settings.priority;
        best = match best {
            Some((known, _)) if known < tier => best,
            Some((known, free)) if known == tier => Some((tier, free + standing.free)),
            _ => Some((tier, standing.free)),
        };
    }
    best.map_or(0, |(_, free)| free)
}

/// The lanes of now.
pub type Roster = Swap<Lanes>;
