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
mod tests {
    use super::{super::route::whole, *};

    fn id(name: &str) -> GatewayId {
        name.parse().expect(name)
    }

    fn way(name: &str) -> Way {
        Way {
            id: id(name),
            ours: Ours::of(&id(name), None),
            binary: true,
            shows: Shows::Anybody,
            reach: Reach::default(),
            costs: Costs::default(),
        }
    }

    fn route(pattern: &str, to: Target) -> Route {
        Route::new(whole(pattern).expect(pattern), None, to)
    }

    /// Gateways a to d and `off`, which does not send; `pair` is a and b, `rest` only `off`.
    fn table() -> Table {
        let us = Reach { allow: vec!["+1".parse().expect("an area")], deny: Vec::new() };
        let ways = [
            way("a"),
            Way { binary: false, ..way("b") },
            Way { shows: Shows::Only(vec!["Acme".parse().expect("a sender")]), ..way("c") },
            Way { reach: us, shows: Shows::Nobody, ..way("d") },
        ];
        let groups = [(id("pair"), vec![id("a"), id("b")]), (id("rest"), vec![id("off")])].into();
        let routes = vec![
            route(r"\+4420.*", Target::Gateway(id("c"))),
            route(r"\+44.*", Target::Group(id("pair"))),
            route(r"\+49.*", Target::of(vec![id("c"), id("a"), id("c")])),
            route(r"\+4.*", Target::Gateway(id("off"))),
        ];
        Table::new(["a", "b", "c", "d", "off"].map(id), ways, groups, routes)
    }

    struct Case {
        to: &'static str,
        pinned: Option<&'static str>,
        binary: bool,
        sender: Option<&'static str>,
        required: bool,
    }

    const US: Case = Case { to: "+12015550123", pinned: None, binary: false, sender: None, required: false };

    fn placed(case: &Case) -> Result<Target, NoWay> {
        let to = Destination::try_from(case.to.to_owned()).expect(case.to);
        let pinned = case.pinned.map(id);
        let sender: Option<SenderId> = case.sender.map(|s| s.parse().expect(s));
        let (pinned, sender) = (pinned.as_ref(), sender.as_ref());
        let ask = Ask {
            to: &to,
            pinned,
            binary: case.binary,
            sender,
            sender_required: case.required,
            classes: &[],
            granted: false,
        };
        let ask = Ask { classes: &[Class::global()], ..ask };
        table().place(&ask).map(|placement| placement.target)
    }

    fn several(names: &[&str]) -> Target {
        Target::Several(names.iter().map(|name| id(name)).collect())
    }

    #[test]
    fn pinned_over_routes_over_all() {
        let (gateway, group) = (|n| Target::Gateway(id(n)), |n| Target::Group(id(n)));
        for (case, target) in [
            (US, Target::Any),
            (Case { to: "+442079460123", ..US }, gateway("c")),
            (Case { to: "+447911123456", ..US }, group("pair")),
            (Case { to: "+4930123456", ..US }, several(&["a", "c"])),
            (Case { to: "+43123456789", ..US }, gateway("off")),
            (Case { to: "+442079460123", pinned: Some("b"), ..US }, gateway("b")),
            (Case { pinned: Some("pair"), ..US }, group("pair")),
            (Case { pinned: Some("off"), ..US }, gateway("off")),
            (Case { pinned: Some("rest"), ..US }, group("rest")),
        ] {
            assert_eq!(placed(&case), Ok(target), "{} {:?}", case.to, case.pinned);
        }
    }

    #[test]
    fn what_some_can_carry_waits_for_those() {
        for (case, target) in [
            (Case { binary: true, ..US }, Ok(several(&["a", "c", "d"]))),
            (Case { to: "+33612345678", ..US }, Ok(several(&["a", "b", "c"]))),
            (Case { sender: Some("Other"), ..US }, Ok(Target::Any)),
            (Case { sender: Some("Other"), required: true, ..US }, Ok(several(&["a", "b"]))),
            (Case { sender: Some("Acme"), required: true, ..US }, Ok(several(&["a", "b", "c"]))),
            (Case { sender: None, required: true, ..US }, Ok(Target::Any)),
            (Case { to: "+447911123456", binary: true, ..US }, Ok(Target::Gateway(id("a")))),
            (Case { pinned: Some("b"), binary: true, ..US }, Err(NoWay::Binary)),
            (Case { pinned: Some("d"), to: "+33612345678", ..US }, Err(NoWay::Number)),
            (Case { pinned: Some("d"), sender: Some("Acme"), required: true, ..US }, Err(NoWay::Sender)),
            (Case { pinned: Some("off"), binary: true, ..US }, Ok(Target::Gateway(id("off")))),
        ] {
            assert_eq!(placed(&case), target, "{} {:?}", case.to, case.pinned);
        }
    }

    #[test]
    fn a_route_that_leaves_nothing_is_refused() {
        let pattern = whole(r"\+1(9)?\d+").expect("a pattern");
        let rewrite = super::super::route::Rewrite::read("$1", 1).expect("a rewriting");
        let table =
            Table::new([id("a")], [way("a")], BTreeMap::new(), vec![Route::new(pattern, Some(rewrite), Target::Any)]);
        let to = Destination::try_from("+12015550123".to_owned()).expect("a number");
        let ask = Ask {
            to: &to,
            pinned: None,
            binary: false,
            sender: None,
            sender_required: false,
            classes: &[Class::global()],
            granted: false,
        };
        assert_eq!(table.place(&ask), Err(NoWay::Undialled));
        let pinned = Ask { pinned: Some(&id("a")), ..ask };
        assert!(table.place(&pinned).is_ok_and(|placement| placement.wire.is_none()), "pinned: no route");
    }

    #[test]
    fn routes_are_open_to_their_classes() {
        let class = |name: &str| name.parse::<Class>().expect(name);
        let of = |names: &[&str]| names.iter().map(|name| class(name)).collect::<Vec<_>>();
        // The dear gateway is for gold, one of its own for lab and gold; what names no class is for the global one.
        let routes = vec![
            route(r"\+44.*", Target::Gateway(id("dear"))).for_classes(of(&["Gold"])),
            route(r"\+44.*", Target::Gateway(id("own"))).for_classes(of(&["lab", "gold"])),
            route(r"\+44.*", Target::Gateway(id("plain"))),
        ];
        let names = ["dear", "own", "plain", "rest"];
        let table = Table::new(names.map(id), names.map(way), BTreeMap::new(), routes);
        let place = |to: &str, pinned: Option<&str>, granted: bool, classes: &[&str]| {
            let to = Destination::try_from(to.to_owned()).expect(to);
            let (pinned, classes) = (pinned.map(id), of(classes));
            let (pinned, classes) = (pinned.as_ref(), &classes[..]);
            let ask = Ask { to: &to, pinned, binary: false, sender: None, sender_required: false, classes, granted };
            table.place(&ask).map(|placement| placement.target)
        };
        let (uk, us) = ("+447911123456", "+12015550123");
        let only = |name: &str| Ok(Target::Gateway(id(name)));
        for (to, pinned, granted, classes, found) in [
            (uk, None, false, &["gold"][..], only("dear")),
            (uk, None, false, &["lab"], only("own")),
            (uk, None, false, &["global"], only("plain")),
            (uk, None, false, &["lab", "global"], only("own")),
            (uk, None, false, &["global", "gold"], only("dear")),
            // No route is open: all but what is kept for others.
            (uk, None, false, &["other"], Ok(several(&["plain", "rest"]))),
            (us, None, false, &["global"], Ok(several(&["plain", "rest"]))),
            (us, None, false, &["lab"], Ok(several(&["own", "plain", "rest"]))),
            (us, None, false, &["gold"], Ok(Target::Any)),
            // Nobody pins himself to what is kept for others; an administrator may.
            (us, Some("dear"), false, &["global"], Err(NoWay::Class)),
            (us, Some("dear"), true, &["global"], only("dear")),
            (us, Some("dear"), false, &["gold"], only("dear")),
            (us, Some("rest"), false, &["global"], only("rest")),
        ] {
            assert_eq!(place(to, pinned, granted, classes), found, "{to} {pinned:?} {classes:?}");
        }
    }

    #[test]
    fn the_dearest_way_is_what_it_costs_at_most() {
        let list = |prices: &[(&str, u64)]| {
            Costs::ByPrefix(prices.iter().map(|(prefix, n)| ((*prefix).to_owned(), Price(*n))).collect())
        };
        let ways = [
            Way { costs: Costs::Flat(Price(5)), ..way("a") },
            Way { costs: list(&[("+1", 3), ("+44", 9)]), ..way("b") },
            way("c"),
        ];
        let table = Table::new(["a", "b", "c"].map(id), ways, BTreeMap::new(), Vec::new());
        let at_most =
            |target: Target, to: &str| table.dearest(&target, &Destination::try_from(to.to_owned()).expect(to)).0;
        assert_eq!(at_most(Target::Any, "+12015550123"), 5);
        assert_eq!(at_most(Target::Any, "+447911123456"), 9);
        assert_eq!(at_most(Target::Gateway(id("b")), "+12015550123"), 3);
        assert_eq!(at_most(Target::Gateway(id("b")), "+33612345678"), 9, "without a price: as the dearest");
        assert_eq!(at_most(Target::Gateway(id("c")), "+33612345678"), 0);
    }

    #[test]
    fn names_that_messages_may_be_pinned_to() {
        let table = table();
        assert!(["a", "off", "pair"].iter().all(|name| table.knows(&id(name))) && !table.knows(&id("e")));
    }
}
