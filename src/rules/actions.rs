//! From trees to actions, in their order.
//!
//! What can go wrong: a word that is none, something that has no meaning in the rule's direction or is not configured here, a
//! gateway that is not there; each with its place.

use super::{
    action::{Action, Place, Where},
    build::Build,
    facts::Urgency,
    template::Template,
    tree::{Node, Value},
    verdict::is_field,
};
use crate::ground::written::suggestion;

impl Build<'_, '_> {
    pub(super) fn actions(&mut self, node: &Node) -> Vec<Action> {
        let Value::List(items) = &node.value else {
            self.wrong(node, "expected a list of actions: [ { … }, { … } ]");
            return Vec::new();
        };
        items.iter().filter_map(|item| self.action(item)).collect()
    }

    fn action(&mut self, node: &Node) -> Option<Action> {
        let Some([entry]) = node.table() else {
            self.wrong(node, "an action is a table with one key, such as { reject = \"no\" }");
            return None;
        };
        let of = &entry.node;
        let of_body = |node: &Node| node.text().is_some_and(|field| field.eq_ignore_ascii_case("body"));
        let word = match entry.key.as_str() {
            "copy" if of.at("folder").is_some() => "folder",
            "edit" if !of.at("field").is_some_and(of_body) => "edit of a field",
            key => key,
        };
        if let Some(why) = (self.known.missing)(self.direction, word) {
            self.at(entry.span.start, why);
            return None;
        }
        Some(match entry.key.as_str() {
            "set_header" => {
                let (name, value) = self.named(of, "name", "value")?;
                Action::SetHeader { name: self.header_name(of, name)?, value }
            }
            "add_header" => {
                let (name, value) = self.named(of, "name", "value")?;
                Action::AddHeader { name: self.header_name(of, name)?, value }
            }
            "delete_header" => {
                let name = self.text(of)?;
                Action::DeleteHeader(self.header_name(of, name)?)
            }
            "edit" => self.edit(of)?,
            "gateway" => Action::Gateway(self.gateway(of)?),
            "set_sender" => Action::SetSender(self.template(of)?),
            "priority" => {
                let urgency = of.text().and_then(Urgency::read);
                if urgency.is_none() {
                    self.wrong(of, "priority is \"urgent\", \"normal\" or \"bulk\"");
                }
                Action::Priority(urgency?)
            }
            "body" => Action::Body(self.template(of)?),
            "truncate" => {
                let most = of.number().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
                if most.is_none() {
                    self.wrong(of, "expected a number of characters from 1 on");
                }
                Action::Truncate(most?)
            }
            "forward" => {
                let (to, account) = self.paid(of)?;
                Action::Forward { to, account }
            }
            "copy" if of.at("folder").is_some() => {
                let folder = self.needed(of, "folder").and_then(|folder| self.folder(folder))?;
                Action::Copy { to: Where::Folder(folder), account: None }
            }
            "copy" => {
                let (to, account) = self.paid(of)?;
                Action::Copy { to: Where::Address(to), account }
            }
            "move" => Action::Move(self.folder(of)?),
            "reply_mail" => {
                self.keys(of.table().unwrap_or_default(), &["subject", "text"], "in `reply_mail`");
                let text = self.needed(of, "text")?;
                let text = self.template(text)?;
                let subject = match of.at("subject") {
                    Some(subject) => self.template(subject)?,
                    None => Template::read("Re: %%Subject%%").expect("a sound template"),
                };
                Action::ReplyMail { subject, text }
            }
            "reply_sms" => {
                let (account, text) = self.named(of, "account", "text")?;
                Action::ReplySms { text, account }
            }
            "accept" => self.flag(of).map(|_| Action::Accept)?,
            "reject" => Action::Reject(self.template(of)?),
            "discard" => self.flag(of).map(|_| Action::Discard)?,
            "hold" => Action::Hold(self.template(of)?),
            "quarantine" => self.flag(of).map(|_| Action::Quarantine)?,
            "run" => self.run(of)?,
            "call" => self.call(of)?,
            "sql" => self.sql(of)?,
            "log" => Action::Log(self.template(of)?),
            "set" => {
                let (name, value) = self.named(of, "name", "value")?;
                Action::Set { name: name.to_ascii_lowercase(), value }
            }
            "mask" => Action::Mask(self.pii(of)?),
            "stop" => self.flag(of).map(|_| Action::Stop)?,
            other => {
                let hint = suggestion(other, Action::WORDS);
                self.at(entry.span.start, format!("there is no action `{other}`{hint}"));
                return None;
            }
        })
    }

    /// A table of a name and a template.
    fn named(&mut self, node: &Node, name: &str, value: &str) -> Option<(String, Template)> {
        self.keys(node.table().unwrap_or_default(), &[name, value], "here");
        let name = self.needed(node, name)?;
        let name = self.text(name)?;
        let value = self.needed(node, value)?;
        Some((name, self.template(value)?))
    }

    fn header_name(&mut self, node: &Node, name: String) -> Option<String> {
        let sound = is_field(&name);
        if !sound {
            self.wrong(node, "this is no name of a header field");
        }
        sound.then_some(name)
    }

    fn edit(&mut self, node: &Node) -> Option<Action> {
        self.keys(node.table().unwrap_or_default(), &["field", "pattern", "to", "case"], "in `edit`");
        let field = self.needed(node, "field")?;
        let place = match self.text(field)?.to_ascii_lowercase().as_str() {
            "to" => Place::To,
            "body" => Place::Body,
            _ => {
                let name = self.text(field)?;
                Place::Header(self.header_name(field, name)?)
            }
        };
        let case = match node.at("case") {
            Some(flag) => self.flag(flag)?,
            None => false,
        };
        let pattern = self.needed(node, "pattern")?;
        let pattern = self.pattern(pattern, case)?;
        let by = self.needed(node, "to")?;
        Some(Action::Edit { place, pattern, by: self.template(by)? })
    }

    pub(super) fn gateway(&mut self, node: &Node) -> Option<String> {
        let id = self.text(node)?;
        if let Some(known) = &self.known.gateways
            && !known.contains(&id)
        {
            let hint = suggestion(&id, known.iter().map(String::as_str));
            self.wrong(node, format!("there is no gateway or group `{id}`{hint}"));
            return None;
        }
        Some(id)
    }

    /// An address, or `{ to = …, account = … }` with who is charged.
    fn paid(&mut self, node: &Node) -> Option<(Template, Option<String>)> {
        let Some(entries) = node.table() else { return Some((self.template(node)?, None)) };
        self.keys(entries, &["to", "account"], "here");
        let account = match node.at("account") {
            Some(account) => Some(self.text(account)?),
            None => None,
        };
        let to = self.needed(node, "to")?;
        Some((self.template(to)?, account))
    }

    fn folder(&mut self, node: &Node) -> Option<Template> {
        let folder = self.template(node)?;
        if !folder.as_str().contains('/') {
            self.wrong(node, "a folder is written as \"user/Folder\"");
            return None;
        }
        Some(folder)
    }
}
