//! `[[group]]` and `[[route]]`: gateways under one name, and which numbers go by which of them.
//!
//! Gateways and groups have one name space. What can go wrong beyond bad values: names that are not there or taken,
//! patterns that are none, rewritings that name groups which their pattern does not have.

use std::collections::{BTreeMap, HashMap};

use regex::Regex;
use serde::Deserialize;
use toml::{Spanned, Value};

use super::{
    account::Account,
    check::Check,
    error::{Place, suggestion},
    gateway::Gateway,
    value::{Read, Setting, Strings, Wrong, quoted},
};
use crate::{
    ground::GatewayId,
    routing::{self, Class, Rewrite, Target},
};

#[derive(Deserialize)]
pub struct GroupKeys {
    id: Option<Setting<GatewayId>>,
    gateways: Option<Vec<Setting<GatewayId>>>,
    description: Option<Setting<String>>,
}

#[derive(Deserialize)]
pub struct RouteKeys {
    number: Option<Setting<Number>>,
    rewrite: Option<Setting<String>>,
    to: Option<Setting<Strings>>,
    classes: Option<Setting<Classes>>,
    description: Option<Setting<String>>,
}

/// One access class, or a list of them.
pub struct Classes(pub Vec<Class>);

impl Read for Classes {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let Strings(names) = Strings::read(value)?;
        if names.is_empty() {
            return Err("no class is named: leave the key away, or write \"global\"".into());
        }
        let class = |name: &String| name.parse::<Class>().map_err(|why| format!("{}: {why}", quoted(name)));
        Ok(names.iter().map(class).collect::<Result<_, _>>().map(Self)?)
    }
}

/// A pattern for whole numbers.
struct Number(Regex);

impl Read for Number {
    fn read(value: &Value) -> Result<Self, Wrong> {
        // By itself first, for its own words and the place where it is bad.
        let own = Regex::read(value)?;
        routing::whole(own.as_str()).map(Self).map_err(|_| "bad pattern: it is too large".into())
    }
}

/// Gateways under one name.
#[derive(Debug, Clone)]
pub struct Group {
    pub id: GatewayId,
    pub gateways: Vec<GatewayId>,
}

pub fn groups(given: Vec<Spanned<GroupKeys>>, gateways: &[(Gateway, Place)], check: &mut Check<'_>) -> Vec<Group> {
    let names: Vec<&str> = gateways.iter().map(|(gateway, _)| gateway.id.as_str()).collect();
    let mut taken: HashMap<String, (&str, Place)> = HashMap::new();
    for (gateway, place) in gateways {
        taken.entry(gateway.id.as_str().to_ascii_lowercase()).or_insert(("gateway", place.clone()));
    }
    let mut groups = Vec::new();
    for keys in given {
        let header = check.place(&keys.span());
        let keys = keys.into_inner();
        if keys.id.is_none() {
            check.missing(&header, "id", "a name of 1 to 64 letters, digits, _ and -");
        }
        if keys.gateways.as_ref().is_none_or(Vec::is_empty) {
            check.missing(&header, "gateways", "the ids of its gateways, such as [\"main\", \"second\"]");
        }
        let id = check.placed(keys.id);
        drop(check.take(keys.description));
        let mut members: Vec<GatewayId> = Vec::new();
        for (member, place) in check.placed_list(keys.gateways) {
            if !names.contains(&member.as_str()) {
                let hint = suggestion(member.as_str(), names.iter().copied());
                check.wrong(&place, format!("there is no gateway `{member}`{hint}"));
            } else if members.contains(&member) {
                check.wrong(&place, format!("`{member}` is in this group already"));
            } else {
                members.push(member);
            }
        }
        let Some((id, place)) = id else { continue };
        let name = id.as_str().to_ascii_lowercase();
        if let Some((kind, first)) = taken.get(&name) {
            let cause = format!("the id `{id}` is taken already, by a {kind} in {}", first.line());
            check.wrong(&place, cause);
        } else {
            taken.insert(name, ("group", place));
        }
        groups.push(Group { id, gateways: members });
    }
    groups
}

/// Names of gateways and groups.
pub struct Names {
    gateways: Vec<GatewayId>,
    groups: Vec<GatewayId>,
}

impl Names {
    pub fn new(gateways: &[(Gateway, Place)], groups: &[Group]) -> Self {
        Self {
            gateways: gateways.iter().map(|(gateway, _)| gateway.id.clone()).collect(),
            groups: groups.iter().map(|group| group.id.clone()).collect(),
        }
    }

    fn all(&self) -> impl Iterator<Item = &GatewayId> {
        self.gateways.iter().chain(&self.groups)
    }

    /// What is said of a name that is not there.
    fn unknown(&self, name: &str) -> String {
        format!("there is no gateway or group {}{}", quoted(name), suggestion(name, self.all().map(GatewayId::as_str)))
    }

    fn has(&self, id: &GatewayId) -> bool {
        self.all().any(|known| known == id)
    }
}

pub fn routes(given: Vec<Spanned<RouteKeys>>, names: &Names, check: &mut Check<'_>) -> Vec<routing::Route> {
    given.into_iter().filter_map(|keys| route(keys, names, check)).collect()
}

fn route(keys: Spanned<RouteKeys>, names: &Names, check: &mut Check<'_>) -> Option<routing::Route> {
    let header = check.place(&keys.span());
    let keys = keys.into_inner();
    if keys.number.is_none() {
        check.missing(&header, "number", "a pattern for the whole number, such as '\\+44.*'");
    }
    if keys.to.is_none() {
        check.missing(&header, "to", "a gateway, a group, or a list of gateways");
    }
    drop(check.take(keys.description));
    let number = check.take(keys.number);
    let rewrite = match (check.placed(keys.rewrite), &number) {
        (Some((written, place)), Some(Number(pattern))) => {
            match Rewrite::read(&written, pattern.captures_len().saturating_sub(1)) {
                Ok(rewrite) => Some(rewrite),
                Err(bad) => {
                    let error = place.error_inside(&written, bad.at, bad.why);
                    check.errors.push(error);
                    None
                }
            }
        }
        _ => None,
    };
    let to = check.placed(keys.to).and_then(|(Strings(given), place)| target(&given, &place, names, check));
    let classes = check.take(keys.classes).map_or_else(Vec::new, |Classes(classes)| classes);
    Some(routing::Route::new(number?.0, rewrite, to?).for_classes(classes))
}

/// One gateway or group, or several gateways.
fn target(given: &[String], place: &Place, names: &Names, check: &mut Check<'_>) -> Option<Target> {
    let mut ids: Vec<GatewayId> = Vec::new();
    for name in given {
        match name.parse::<GatewayId>().ok().filter(|id| names.has(id)) {
            Some(id) => ids.push(id),
            None => check.wrong(place, names.unknown(name)),
        }
    }
    if given.is_empty() {
        check.wrong(place, "no gateway is named: the route would lead nowhere");
    }
    if ids.len() != given.len() || ids.is_empty() {
        return None;
    }
    match ids.as_slice() {
        [group] if names.groups.contains(group) => Some(Target::Group(group.clone())),
        _ => {
            if let Some(group) = ids.iter().find(|id| names.groups.contains(id)) {
                check.wrong(place, format!("`{group}` is a group: name it alone, or the gateways one by one"));
                return None;
            }
            Some(Target::of(ids))
        }
    }
}

/// The gateway of an account is a gateway or a group, and its classes are those of routes.
pub fn accounts(
    accounts: &[(Account, Place, Option<Place>)],
    names: &Names,
    routes: &[routing::Route],
    check: &mut Check<'_>,
) {
    let known: Vec<&str> =
        routes.iter().flat_map(routing::Route::classes).map(Class::as_str).chain(["global"]).collect();
    for (account, at, place) in accounts {
        for class in account.classes.iter().flatten().map(Class::as_str).filter(|class| !known.contains(class)) {
            let hint = suggestion(class, known.iter().copied());
            check.warn(at, format!("no route is for the class `{class}` of this account{hint}"));
        }
        if let (Some(id), Some(place)) = (&account.gateway, place)
            && !names.has(id)
        {
            check.wrong(place, names.unknown(id.as_str()));
        }
    }
}

/// Groups as rooms below take them.
pub fn by_id(groups: &[Group]) -> BTreeMap<GatewayId, Vec<GatewayId>> {
    groups.iter().map(|group| (group.id.clone(), group.gateways.clone())).collect()
}
