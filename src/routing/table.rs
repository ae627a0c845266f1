//! Under which key a message waits, or why no gateway will ever carry it. Pure.
//!
//! Pinned goes over routes, routes over all. What only some of these gateways can carry waits for those alone: whoever
//! pulls it later has nothing to look for.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{
    Class, Costs, Ours, Price, Reach,
    route::{Dialled, Route, Routed},
};
use crate::{
    address::{Destination, SenderId},
    ground::{Enhanced, GatewayId},
};

/// The gateways that a message may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Any,
    Gateway(GatewayId),
    Group(GatewayId),
    /// In order of their names, at least two.
    Several(Vec<GatewayId>),
}

impl Target {
    /// These gateways, each once.
    pub fn of(mut ids: Vec<GatewayId>) -> Self {
        ids.sort();
        ids.dedup();
        match <[GatewayId; 1]>::try_from(ids) {
            Ok([only]) => Self::Gateway(only),
            Err(ids) => Self::Several(ids),
        }
    }
}

/// Whose name a gateway can show beside its own number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Shows {
    #[default]
    Nobody,
    Anybody,
    Only(Vec<SenderId>),
}

impl Shows {
    pub fn shows(&self, sender: &SenderId) -> bool {
        match self {
            Self::Nobody => false,
            Self::Anybody => true,
            Self::Only(senders) => senders.contains(sender),
        }
    }
}

/// What routing must know of one gateway that sends.
#[derive(Debug, Clone)]
pub struct Way {
    pub id: GatewayId,
    /// What phones opt out of there.
    pub ours: Ours,
    pub binary: bool,
    pub shows: Shows,
    pub reach: Reach,
    pub costs: Costs,
}

/// What is asked of one message.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub to: &'a Destination,
    /// A gateway or a group that it must go by.
    pub pinned: Option<&'a GatewayId>,
    pub binary: bool,
    pub sender: Option<&'a SenderId>,
    /// Rather not at all than without the sender.
    pub sender_required: bool,
    /// Of the account.
    pub classes: &'a [Class],
    /// The administrator pinned it, by a rule or at the account: classes do not count.
    pub granted: bool,
}

/// Where a message waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    pub target: Target,
    /// The number as it goes on the wire, where a route writes it anew.
    pub wire: Option<Dialled>,
}

/// Why no gateway will ever carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoWay {
    /// All of them are kept for accounts of other classes.
    Class,
    /// None of those it may use serves this number.
    Number,
    Binary,
    Sender,
    /// A route leaves nothing of its number.
    Undialled,
}

impl NoWay {
    pub fn code(self) -> Enhanced {
        match self {
            Self::Number | Self::Binary => Enhanced::new(5, 4, 4),
            Self::Sender | Self::Class => Enhanced::new(5, 7, 1),
            Self::Undialled => Enhanced::new(5, 3, 5),
        }
    }
}

impl fmt::Display for NoWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Class => "no gateway here is open to this account",
            Self::Number => "no gateway here sends to this number",
            Self::Binary => "no gateway here sends binary messages to this number",
            Self::Sender => "no gateway here can show this sender to this number",
            Self::Undialled => "the route for this number leaves nothing to dial: the configuration wants correcting",
        })
    }
}

/// All gateways that send, all groups, all routes.
#[derive(Debug, Clone, Default)]
pub struct Table {
    ways: BTreeMap<GatewayId, Way>,
    /// Every id that a message may be pinned to: gateways that do not send now too.
    known: BTreeMap<GatewayId, Kind>,
    groups: BTreeMap<GatewayId, Vec<GatewayId>>,
    routes: Vec<Route>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gateway,
    Group,
}

impl Table {
    /// `all`: every gateway that is configured; `ways`: those of them that send.
    pub fn new(
        all: impl IntoIterator<Item = GatewayId>,
        ways: impl IntoIterator<Item = Way>,
        groups: BTreeMap<GatewayId, Vec<GatewayId>>,
        routes: Vec<Route>,
    ) -> Self {
        let gateways = all.into_iter().map(|id| (id, Kind::Gateway));
        let known = gateways.chain(groups.keys().map(|id| (id.clone(), Kind::Group))).collect();
        Self { ways: ways.into_iter().map(|way| (way.id.clone(), way)).collect(), known, groups, routes }
    }

    /// Is there a gateway or a group of that name?
    pub fn knows(&self, id: &GatewayId) -> bool {
        self.known.contains_key(id)
    }

    /// Where this message waits.
    ///
    /// # Errors
    /// [`NoWay`]: none of the gateways that it may use can ever carry it. Where none of them sends now, it waits.
    pub fn place(&self, ask: &Ask<'_>) -> Result<Placement, NoWay> {
        let open = || self.routes.iter().filter(|route| route.is_open_to(ask.classes));
        let (target, wire, granted) = match ask.pinned {
            Some(id) => (self.pinned(id), None, ask.granted),
            None => match open().find_map(|route| route.of(ask.to)) {
                Some(Routed::To(target, wire)) => (target.clone(), wire, true),
                Some(Routed::Undialled) => return Err(NoWay::Undialled),
                None => (Target::Any, None, false),
            },
        };
        let kept = if granted { BTreeSet::new() } else { self.kept_from(ask.classes) };
        Ok(Placement { target: self.narrowed(target, &kept, ask)?, wire })
    }

    /// What a gateway or a group of that name is.
    pub fn pinned(&self, id: &GatewayId) -> Target {
        match self.known.get(id) {
            Some(Kind::Group) => Target::Group(id.clone()),
            _ => Target::Gateway(id.clone()),
        }
    }

    /// By which of ours a message for this target can go now, each once.
    pub fn candidates(&self, target: &Target) -> Vec<Ours> {
        let mut all: Vec<Ours> = Vec::new();
        for way in self.sending(target) {
            if !all.contains(&way.ours) {
                all.push(way.ours.clone());
            }
        }
        all
    }

    /// What a segment to this number costs at most, by whichever of the target's gateways it goes.
    pub fn dearest(&self, target: &Target, to: &Destination) -> Price {
        self.sending(target).into_iter().map(|way| way.costs.at_most(to)).max().unwrap_or_default()
    }

    fn sending(&self, target: &Target) -> Vec<&Way> {
        let of = |ids: &[GatewayId]| ids.iter().filter_map(|id| self.ways.get(id)).collect();
        match target {
            Target::Any => self.ways.values().collect(),
            Target::Gateway(id) => of(std::slice::from_ref(id)),
            Target::Group(id) => of(self.groups.get(id).map(Vec::as_slice).unwrap_or_default()),
            Target::Several(ids) => of(ids),
        }
    }

    /// Gateways that routes keep for other classes: some route with classes leads there, and none that is open.
    fn kept_from(&self, classes: &[Class]) -> BTreeSet<&GatewayId> {
        if self.routes.iter().all(|route| route.classes().is_empty()) {
            return BTreeSet::new();
        }
        let led = |route: &Route| self.sending(&route.to).into_iter().map(|way| &way.id);
        let (open, closed): (Vec<&Route>, Vec<&Route>) =
            self.routes.iter().partition(|route| route.is_open_to(classes));
        let closed = closed.into_iter().filter(|route| !route.classes().is_empty());
        let mut kept: BTreeSet<&GatewayId> = closed.flat_map(led).collect();
        if !kept.is_empty() {
            let free: BTreeSet<&GatewayId> = open.into_iter().flat_map(led).collect();
            kept.retain(|id| !free.contains(id));
        }
        kept
    }

    fn narrowed(&self, target: Target, kept: &BTreeSet<&GatewayId>, ask: &Ask<'_>) -> Result<Target, NoWay> {
        let sending = self.sending(&target);
        let mut able = sending.clone();
        able.retain(|way| !kept.contains(&way.id));
        if able.is_empty() && !sending.is_empty() {
            return Err(NoWay::Class);
        }
        for (need, why) in [(Need::Number, NoWay::Number), (Need::Binary, NoWay::Binary), (Need::Sender, NoWay::Sender)]
        {
            able.retain(|way| need.is_met(way, ask));
            if able.is_empty() && !sending.is_empty() {
                return Err(why);
            }
        }
        if able.len() == sending.len() {
            return Ok(target);
        }
        Ok(Target::of(able.iter().map(|way| way.id.clone()).collect()))
    }
}

#[derive(Clone, Copy)]
enum Need {
    Number,
    Binary,
    Sender,
}

impl Need {
    fn is_met(self, way: &Way, ask: &Ask<'_>) -> bool {
        match self {
            Self::Number => way.reach.admits(ask.to),
            Self::Binary => way.binary || !ask.binary,
            Self::Sender => !ask.sender_required || ask.sender.is_none_or(|sender| way.shows.shows(sender)),
        }
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
