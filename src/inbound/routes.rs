//! Whose a text is that neither a tag, the call log nor a rule assigns: `[[inbound_route]]`, in their order, and behind
//! them the default mailbox, which cannot be taken away.
//!
//! A route names a mailbox or an account, with a folder or without, or a URL or a program that gets the words. What is
//! given up there goes by mail: to the account's mailbox, or to the default one.

use regex::Regex;

use super::{Inner, assemble::Assembled, compose::Delivery};
use crate::{
    address::Mailbox,
    ground::{AccountName, Timestamp},
    rules::{Action, deed_of},
};

/// Texts that fit all of its patterns go to this destination.
#[derive(Debug, Clone)]
pub struct Route {
    /// Of the phone.
    pub from: Option<Regex>,
    /// Of our number that was dialled.
    pub number: Option<Regex>,
    /// Of the words.
    pub text: Option<Regex>,
    pub goal: Goal,
    /// In whose place in the list it stands, for logs and notices.
    pub title: String,
}

/// Where a route leads.
#[derive(Debug, Clone)]
pub enum Goal {
    Mailbox {
        to: Mailbox,
        folder: Option<String>,
    },
    /// Wherever its replies go.
    Account {
        name: AccountName,
        folder: Option<String>,
    },
    /// A URL or a program.
    Outside(Box<Action>),
}

/// What becomes of a text instead of a mail; the mail is what happens when it is given up.
#[derive(Clone)]
pub struct Instead {
    /// The rule's or route's title.
    pub by: String,
    pub place: Place,
}

#[derive(Clone)]
pub enum Place {
    Folder(String),
    Outside(crate::rules::Deed),
}

impl Instead {
    /// What may be shown of it.
    pub fn target(&self) -> &str {
        match &self.place {
            Place::Folder(folder) => folder,
            Place::Outside(deed) => deed.target(),
        }
    }
}

/// The first route that fits a text: by the phone, our number, and the words.
pub fn route<'a>(routes: &'a [Route], from: &str, number: &str, words: &str) -> Option<&'a Route> {
    let fits = |pattern: &Option<Regex>, text: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
    routes.iter().find(|route| fits(&route.from, from) && fits(&route.number, number) && fits(&route.text, words))
}

impl Inner {
    /// The first route that fits, where nothing else says whose the text is.
    pub(super) fn by_routes<'a>(&self, set: &Assembled, delivery: Delivery<'a>, now: Timestamp) -> Delivery<'a> {
        if delivery.to.is_some() || delivery.instead.is_some() {
            return delivery;
        }
        let mo = &set.first().mo;
        let words = delivery.words.as_deref().or(set.words()).unwrap_or_default();
        let routes = self.settings.routes.now();
        let number = mo.number.as_deref().unwrap_or_default();
        let Some(route) = route(&routes, mo.from.as_str(), number, words) else { return delivery };
        let (to, place) = match &route.goal {
            Goal::Mailbox { to, folder } => {
                (Some(to.clone()), folder.as_ref().map(|folder| Place::Folder(self.folder(to, folder))))
            }
            Goal::Account { name, folder } => {
                let to = self.accounts.mailbox(name);
                let folder = to.as_ref().zip(folder.as_ref());
                let place = folder.map(|(to, folder)| Place::Folder(self.folder(to, folder)));
                (to, place)
            }
            Goal::Outside(action) => {
                let deed = deed_of(action, &self.facts(set, &delivery, now), &route.title);
                (None, deed.map(Place::Outside))
            }
        };
        let instead = place.map(|place| Instead { by: route.title.clone(), place });
        Delivery { to, instead, why: "route", ..delivery }
    }

    /// The folder of a mailbox, as the server's login wants it: with one for each mailbox it is that mailbox's own.
    pub(super) fn folder(&self, owner: &Mailbox, written: &str) -> String {
        let address = owner.as_str();
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
        // No address adds a step to the path.
        let step = |value: &str| value.replace('/', "_");
        let name = written.replace("{address}", &step(address)).replace("{local}", &step(local));
        if *self.settings.each_has_a_login.now() { format!("{}/{name}", step(address)) } else { name }
    }

    /// Where the account whose mailbox this is wants its texts.
    pub(super) fn own_folder(&self, to: &Mailbox) -> Option<Instead> {
        let folder = self.accounts.folder(to)?;
        Some(Instead { by: format!("account {}", to.as_str()), place: Place::Folder(self.folder(to, &folder)) })
    }
}
