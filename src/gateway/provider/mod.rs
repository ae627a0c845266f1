//! HTTP gateways by definition: what one TOML file says of a provider, made to work.
//!
//! The pure parts are in [`crate::provider`]; here are the requests ([`call`]), the tokens that some need ([`token`]), the
//! calls that providers make to us ([`hooks`]), the asking of those that make none ([`poll`]) and
//! the pictures that their calls name ([`media`]). What can go wrong is the
//! line: until a connection stands nothing was sent and the attempt is `Later`; from then on a request without a whole
//! answer is `Unsure`. Where the provider knows a message by our id, unsure is asked again and sent once.

mod call;
pub mod hooks;
pub mod media;
mod outside;
pub mod own;
mod poll;
mod positions;
pub mod setup;
mod their_clock;
mod token;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use self::call::Shell;
pub use self::{hooks::Hooks, own::Key, positions::Positions};
use super::{
    Gateway, Split, StartError, Traits,
    http::{Line, Unusable, line},
    inbox::Inbox,
};
use crate::{
    ground::{Clock, GatewayId},
    provider::{
        self, Definition,
        definition::{Binary, Split as Cut},
    },
};

/// A gateway by definition, as configured.
#[derive(Clone)]
pub struct Settings {
    pub definition: Arc<Definition>,
    pub settings: Arc<provider::Settings>,
    pub line: Line,
    pub traits: Traits,
    /// The address under which the provider reaches us, without `/` at its end.
    pub base: Option<String>,
    /// It proves our ids in addresses of hooks; the store keeps it.
    pub key: Option<Key>,
    /// How far its polls have read.
    pub positions: Positions,
    /// Our number there: the sender of texts that name none.
    pub number: Option<String>,
    /// Texts of phones are taken.
    pub receive: bool,
    /// How long after the start requests and answers are logged whole.
    pub log_payload: Option<Duration>,
    pub clock: Clock,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Settings({}, {:?})", self.definition.name, self.traits)
    }
}

impl Settings {
    /// A gateway of this definition with at most `window` requests at once.
    pub fn new(
        definition: Arc<Definition>,
        settings: provider::Settings,
        base: Option<String>,
        window: Option<usize>,
    ) -> Self {
        let timeout = definition.send.as_ref().map_or(Duration::from_secs(30), |send| send.timeout);
        let line = Line {
            timeout,
            connect_timeout: Duration::from_secs(10),
            ca: None,
            identity: None,
            proxy: None,
            keep_alive: Duration::from_secs(3),
        };
        Self {
            traits: traits(&definition, base.is_some(), window),
            definition,
            settings: Arc::new(settings),
            line,
            base,
            key: None,
            positions: Positions::default(),
            number: None,
            receive: true,
            log_payload: None,
            clock: Clock::system(),
        }
    }

    /// What an operator should know of how its hooks are proven.
    pub fn warnings(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let hooks = self.definition.hooks.iter();
        hooks.filter_map(|hook| Some((hook.name.as_str(), self.settings.verifier(&hook.name)?.warning()?)))
    }

    /// Its calls may name media.
    pub fn has_media(&self) -> bool {
        self.definition.events().any(|event| event.has_media())
    }

    /// Its public addresses of hooks by name, for no message.
    pub fn addresses(&self, gateway: &GatewayId) -> BTreeMap<String, String> {
        let Some(base) = &self.base else { return BTreeMap::new() };
        let address = |hook: &provider::hook::spec::Hook| {
            (hook.name.clone(), self.definition.hook_address(&self.settings, hook, base, gateway.as_str(), None))
        };
        self.definition.hooks.iter().map(address).collect()
    }
}

fn traits(definition: &Definition, called: bool, window: Option<usize>) -> Traits {
    let concurrency = definition.rate.concurrency.map(usize::from);
    let polls = definition.polls.iter().any(|poll| poll.events.iter().any(|event| event.is_report()));
    Traits {
        split: match definition.text.split {
            Cut::Provider | Cut::None => Split::Provider,
            Cut::Udh => Split::Udh,
            Cut::Separate => Split::Separate,
        },
        binary: definition.text.binary != Binary::No,
        shift_tables: false,
        // Without an address nobody can call us.
        receipts: polls || called && definition.hooks.iter().any(|hook| hook.reports()),
        sender: definition.shows_senders(),
        window: window.or(concurrency).unwrap_or(10).max(1),
        idempotent: definition.send.as_ref().is_some_and(|send| send.idempotent),
    }
}

/// Whether files and proxy can be used, before anything starts.
///
/// # Errors
/// What cannot.
pub fn check(settings: &Settings) -> Result<(), Unusable> {
    line::client(&settings.line, true).map(drop)
}

/// Starts the gateway and what asks the provider for news; both end with it.
pub(super) fn start(id: GatewayId, settings: Settings, inbox: &Inbox) -> Result<Gateway, StartError> {
    let traits = settings.traits.clone();
    let shell = Arc::new(Shell::new(id.clone(), settings)?);
    let polls = poll::start(&shell, inbox);
    let gateway = super::spawn(id, traits, move |job| Arc::clone(&shell).run(job));
    let Gateway { id, traits, trouble, jobs, task } = gateway;
    let task = tokio::spawn(async move {
        let _ = task.await;
        // What a poll brought and was not kept comes again.
        drop(polls);
    });
    Ok(Gateway { id, traits, trouble, jobs, task })
}

/// Does the provider's host answer? No message is sent.
///
/// # Errors
/// In words without secrets: what kept it from answering.
pub async fn reach(settings: &Settings, patience: Duration) -> Result<String, String> {
    let client = line::client(&settings.line, true).map_err(|unusable| unusable.why)?;
    let origin = call::origin(settings).ok_or("its URL has no host")?;
    match client.head(origin).timeout(patience).send().await {
        Ok(answer) => Ok(format!("HTTP status {}", answer.status().as_u16())),
        Err(error) => Err(line::in_words(error)),
    }
}
