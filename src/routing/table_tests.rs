//! Which gateways a message may take: pins, routes, classes, what each can carry, and what it costs at most.

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
    let at_most = |target: Target, to: &str| table.dearest(&target, &Destination::try_from(to.to_owned()).expect(to)).0;
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
