//! Where the names of templates get their values from.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    ground::{Secret, Timestamp},
    provider::{
        definition::{Definition, Filled, Unit, Validity},
        moment,
        request::Submission,
        settings::Settings,
        template::{Name, expand::Values, filter::Value},
    },
    sms::Body,
};

/// All that there is.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub definition: &'a Definition,
    pub settings: &'a Settings,
    pub message: Option<&'a Submission<'a>>,
    pub hooks: Option<&'a BTreeMap<String, String>>,
    pub token: Option<&'a Secret<String>>,
    pub each: Option<&'a str>,
    pub own_hook_id: Option<&'a str>,
    pub cursor: Option<&'a str>,
    pub item: Option<&'a str>,
    pub now: Timestamp,
}

impl<'a> Scope<'a> {
    /// Settings alone.
    pub fn new(definition: &'a Definition, settings: &'a Settings, now: Timestamp) -> Self {
        Self {
            definition,
            settings,
            message: None,
            hooks: None,
            token: None,
            each: None,
            own_hook_id: None,
            cursor: None,
            item: None,
            now,
        }
    }

    fn of_message(&self, message: &Submission<'_>, name: &Name, bare: bool) -> Option<Value> {
        let number = |number: &str| match bare {
            true => number.to_owned(),
            false => self.definition.number.to.write(number),
        };
        let plain = |text: String| Some(Value::Text(text));
        match name {
            Name::To => plain(number(message.to)),
            Name::From => {
                let from = message.from?;
                if bare { plain(from.to_owned()) } else { self.definition.sender(from).map(Value::Text) }
            }
            Name::Text => match message.body {
                Body::Text(text) => plain(text.clone()),
                Body::Binary(_) => None,
            },
            Name::Data => match message.body {
                Body::Binary(data) => Some(Value::Octets(data.clone())),
                Body::Text(_) => None,
            },
            Name::Udh => {
                let length = u8::try_from(message.udh.len()).ok().filter(|length| *length > 0)?;
                Some(Value::Octets([&[length], message.udh].concat()))
            }
            Name::Port => message.port().map(|port| Value::Text(port.to_string())),
            Name::Id => plain(message.id.to_owned()),
            Name::Validity => {
                let validity = self.definition.validity.as_ref()?;
                message.validity.and_then(|left| plain(validity.write(left, self.now)))
            }
            Name::MaxParts => {
                let most = [message.max_parts, self.definition.text.max_parts].into_iter().flatten().min();
                most.map(|parts| Value::Text(parts.to_string()))
            }
            Name::Parts => plain(message.parts.to_string()),
            Name::Class => message.class().map(|class| Value::Text(class.to_string())),
            Name::Pid => message.pid.map(|pid| Value::Text(pid.to_string())),
            Name::Dcs => message.dcs.map(|dcs| Value::Text(dcs.to_string())),
            Name::Priority => message.priority.map(|priority| Value::Text(priority.to_string())),
            Name::MediaUrls => Some(Value::List(message.media_urls.to_vec())),
            _ => None,
        }
    }
}

impl Values for Scope<'_> {
    fn value(&self, name: &Name, bare: bool) -> Option<Value> {
        let given = |text: Option<&str>| text.map(|text| Value::Text(text.to_owned()));
        match name {
            Name::Setting(name) => self.settings.get(name).map(|value| match value {
                Filled::Text(text) => Value::Text(text.clone()),
                Filled::Secret(secret) => Value::Text(secret.expose().clone()),
                Filled::Number(number) => Value::Text(number.to_string()),
                Filled::Bool(flag) => Value::Text(flag.to_string()),
                Filled::List(items) => Value::List(items.clone()),
            }),
            Name::Hook(name) => {
                let hooks = self.message.map(|message| message.hooks).or(self.hooks)?;
                given(hooks.get(name).map(String::as_str))
            }
            Name::Token => given(self.token.map(|token| token.expose().as_str())),
            Name::Each => given(self.each),
            Name::OwnHookId => given(self.own_hook_id),
            Name::Cursor => given(self.cursor),
            Name::Item => given(self.item),
            Name::Now => Some(Value::Moment(self.now)),
            name => self.message.and_then(|message| self.of_message(message, name, bare)),
        }
    }
}

impl Validity {
    /// What is left of a life, in the provider's unit and within its bounds.
    fn write(&self, left: Duration, now: Timestamp) -> String {
        let each = match self.unit {
            Unit::Millis => 1,
            Unit::Minutes => 60_000,
            Unit::Hours => 3_600_000,
            _ => 1_000,
        };
        let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        let units = (left / each).clamp(self.min, self.max);
        let until = || now + Duration::from_secs(units.min(u64::from(u32::MAX)));
        match &self.unit {
            Unit::Rfc3339 => moment::rfc3339(until()),
            Unit::Unix => (until().0 / 1_000).to_string(),
            Unit::Pattern(pattern) => moment::write(until(), pattern),
            _ => units.to_string(),
        }
    }
}
