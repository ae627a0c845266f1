//! `[[inbound_route]]`: whose a text is that nothing else assigns, in their order; behind them stands `inbound.default`, else
//! the postmaster, which nothing can take away.
//!
//! What can go wrong beyond bad values: no destination or several, a folder without a server of folders, a URL whose host a
//! text could change.

use std::path::PathBuf;

use regex::Regex;
use serde::Deserialize;
use toml::Spanned;

use super::{
    check::Check,
    error::Place,
    folders::Folder,
    rules::meaningless,
    value::{Setting, quoted},
};
use crate::{
    accounts,
    address::Mailbox,
    inbound::{Goal, Route},
    rules::{Action, Direction, Known, Ruleset, Source},
};

#[derive(Deserialize)]
pub struct Keys {
    from: Option<Setting<Regex>>,
    number: Option<Setting<Regex>>,
    text: Option<Setting<Regex>>,
    mailbox: Option<Setting<Mailbox>>,
    account: Option<Setting<String>>,
    folder: Option<Setting<Folder>>,
    url: Option<Setting<String>>,
    program: Option<Vec<Setting<String>>>,
}

/// The routes; `folders`: there is a server of folders.
pub fn routes(given: Option<Vec<Spanned<Keys>>>, folders: bool, check: &mut Check<'_>) -> Vec<Route> {
    let mut routes = Vec::new();
    for (nth, keys) in given.unwrap_or_default().into_iter().enumerate() {
        let header = check.place(&keys.span());
        let mut keys = keys.into_inner();
        let title = format!("inbound route {}", nth + 1);
        let [from, number, text] =
            [keys.from.take(), keys.number.take(), keys.text.take()].map(|pattern| check.take(pattern));
        if let Some(goal) = goal(keys, &header, &title, folders, check) {
            routes.push(Route { from, number, text, goal, title });
        }
    }
    routes
}

fn goal(keys: Keys, header: &Place, title: &str, folders: bool, check: &mut Check<'_>) -> Option<Goal> {
    const WHERE: &str = "where the texts go that fit: a mailbox, an account, a URL or a program";
    let named = [keys.mailbox.is_some(), keys.account.is_some(), keys.url.is_some(), keys.program.is_some()];
    match named.iter().filter(|named| **named).count() {
        0 => check.missing(header, "mailbox", WHERE),
        1 => {}
        _ => check.wrong(header, "a route leads to one place: mailbox, account, url or program"),
    }
    let folder = check.placed(keys.folder);
    if let Some((_, place)) = &folder {
        if !folders {
            check.wrong(place, "folders need a server: set `imap`, `imap_user` and `imap_password` in [mailbox]");
        }
        if keys.url.is_some() || keys.program.is_some() {
            check.wrong(place, "a folder is a mailbox's or an account's");
        }
    }
    let folder = folder.map(|(Folder(name), _)| name);
    let (mailbox, account, url) = (check.take(keys.mailbox), check.placed(keys.account), check.placed(keys.url));
    let program = keys.program.map(|words| check.placed_list(Some(words)));
    if let Some(to) = mailbox {
        return Some(Goal::Mailbox { to, folder });
    }
    if let Some((written, place)) = account {
        let name = accounts::name(&written);
        if name.is_none() {
            check.wrong(&place, format!("{} is no account's name", quoted(&written)));
        }
        return Some(Goal::Account { name: name?, folder });
    }
    let mut deed = toml::Table::new();
    let place = match (url, program) {
        (Some((url, place)), _) => {
            deed.insert("call".to_owned(), toml::Value::String(url));
            place
        }
        (None, Some(words)) => {
            let place = words.first().map_or_else(|| header.clone(), |(_, place)| place.clone());
            let words: Vec<_> = words.into_iter().map(|(word, _)| toml::Value::String(word)).collect();
            let run = toml::Table::from_iter([("program".to_owned(), toml::Value::Array(words))]);
            deed.insert("run".to_owned(), toml::Value::Table(run));
            place
        }
        (None, None) => return None,
    };
    match action(deed, title) {
        Ok(action) => Some(Goal::Outside(Box::new(action))),
        Err(why) => {
            check.wrong(&place, why);
            None
        }
    }
}

/// What a rule would do: held to the same bounds.
fn action(deed: toml::Table, title: &str) -> Result<Action, String> {
    let rule = toml::Table::from_iter([
        ("title".to_owned(), toml::Value::String(title.to_owned())),
        ("direction".to_owned(), toml::Value::String("in".to_owned())),
        ("do".to_owned(), toml::Value::Array(vec![toml::Value::Table(deed)])),
    ]);
    let file = toml::Table::from_iter([("rule".to_owned(), toml::Value::Array(vec![toml::Value::Table(rule)]))]);
    let source = Source { path: PathBuf::from("route.toml"), text: file.to_string() };
    let known = Known { missing: meaningless, ..Known::default() };
    let set = Ruleset::read(&[source], &known)
        .map_err(|wrong| wrong.first().map_or_else(String::new, |wrong| wrong.cause.clone()))?;
    let rule = set.rules().iter().find(|rule| rule.direction == Direction::In);
    rule.and_then(|rule| rule.then.first().cloned()).ok_or_else(|| "this leads nowhere".to_owned())
}
