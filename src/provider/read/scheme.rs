//! `verify` and `sign`: names of schemes and their arguments.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::desk::{At, Desk, Place};
use crate::{
    ground::written::suggestion,
    provider::definition::{Argument, Scheme},
};

/// That there is such a scheme with such arguments.
pub fn fits(desk: &mut Desk<'_>, scheme: &Scheme, at: usize, known: &[(&str, &[&str])], what: &str) {
    let Some((_, arguments)) = known.iter().find(|(name, _)| *name == scheme.name) else {
        let hint = suggestion(&scheme.name, known.iter().map(|(name, _)| *name));
        return desk.wrong(at, format!("`{}` is no {what}{hint}", scheme.name));
    };
    for key in scheme.arguments.keys().filter(|key| !arguments.contains(&key.as_str())) {
        let hint = suggestion(key, arguments.iter().copied());
        desk.wrong(at, format!("{} has no argument `{key}`{hint}", scheme.name));
    }
}

/// `{ scheme = "…", … }` of a verifier or a signer.
pub fn scheme<'t>(desk: &mut Desk<'t>, at: At<'t>, place: &str) -> Option<Scheme> {
    let mut section = desk.section(at, place)?;
    let name = desk.needed(&mut section, "scheme").and_then(|at| desk.text(at))?.to_owned();
    let mut arguments = BTreeMap::new();
    for (key, _, value) in section.entries() {
        if key == "scheme" {
            continue;
        }
        if let Some(argument) = argument(desk, value) {
            arguments.insert(key.to_owned(), argument);
        }
    }
    Some(Scheme { name, arguments, line: desk.line(section.at) })
}

fn argument<'t>(desk: &mut Desk<'t>, at: At<'t>) -> Option<Argument> {
    Some(match at.get_ref() {
        DeValue::Integer(_) => Argument::Number(desk.integer(at)?),
        DeValue::Boolean(flag) => Argument::Bool(*flag),
        DeValue::Array(items) => {
            Argument::List(items.iter().filter_map(|item| desk.template(item, Place::Settings)).collect())
        }
        DeValue::Table(_) => {
            let section = desk.section(at, "in a scheme")?;
            let entries = section.entries().into_iter();
            Argument::Table(
                entries.filter_map(|(key, _, value)| Some((key.to_owned(), argument(desk, value)?))).collect(),
            )
        }
        // A list of settings stands by itself.
        _ => {
            let text = desk.text(at)?;
            let lone = text.strip_prefix("{setting.").and_then(|rest| rest.strip_suffix('}'));
            let name = lone.map(|name| name.trim_end_matches(['?', '*']));
            let list = name.and_then(|name| desk.settings.get(name)).is_some_and(|known| known.list);
            if list && !text.ends_with("*}") {
                return desk.none(at.span().start, format!("this setting is a list: write {{setting.{}*}}", name?));
            }
            Argument::Text(desk.template(at, Place::Settings)?)
        }
    })
}
