//! `martlet queue`: what waits, what was sent, what became of it; hold, release, retry, cancel.
//!
//! The running daemon is asked; where none runs, `list` and `show` read the store themselves. Numbers are masked as the
//! store masks them.

use std::{io::Write, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::{
    Done, Exit, Failure,
    client::{Daemon, Unreachable},
    json as print_json, load,
};
use crate::{
    config::Config,
    doors::control::words::Request,
    ground::{Clock, MessageId, Timestamp},
    store::{Down, Filter, Shown, State, Store},
};

#[derive(Debug, Subcommand)]
pub enum What {
    /// List messages, newest last
    List {
        #[command(flatten)]
        common: Common,
        /// Only messages in this state; may repeat
        #[arg(long = "state", value_name = "STATE")]
        states: Vec<StateWord>,
        /// At most so many
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        limit: u16,
    },
    /// Show one message and its history
    Show {
        /// The message's id
        id: MessageId,
        #[command(flatten)]
        common: Common,
    },
    /// Keep waiting messages back until they are released
    Hold(Hands),
    /// Let held messages go
    Release(Hands),
    /// Try waiting or held messages at once
    Retry(Hands),
    /// Take waiting or held messages out; their senders are told
    Cancel(Hands),
}

/// The messages that a hand is laid on.
#[derive(Debug, Args)]
pub struct Hands {
    /// The messages' ids
    #[arg(required = true, value_name = "ID")]
    ids: Vec<MessageId>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub struct Common {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

/// A state as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum StateWord {
    Waiting,
    Held,
    Trying,
    Sent,
    Closed,
}

impl From<StateWord> for State {
    fn from(word: StateWord) -> Self {
        match word {
            StateWord::Waiting => Self::Waiting,
            StateWord::Held => Self::Held,
            StateWord::Trying => Self::Trying,
            StateWord::Sent => Self::Sent,
            StateWord::Closed => Self::Closed,
        }
    }
}

pub fn run(what: &What, out: &mut dyn Write, err: &mut dyn Write) -> Done {
    match what {
        What::List { common, states, limit } => {
            let states: Vec<State> = states.iter().map(|word| State::from(*word)).collect();
            let request = Request::List { states: states.clone(), limit: Some(usize::from(*limit)) };
            let rows: Vec<Shown> = match daemon_or_store(load(&common.config)?, &request)? {
                Source::Daemon(answer) => read(answer)?,
                Source::Store(config) => {
                    let filter = Filter { states, limit: usize::from(*limit) };
                    from_store(&config, async |store| store.list(filter).await)?
                }
            };
            if common.json { print_json(out, &rows) } else { table(&rows, out) }
        }
        What::Show { id, common } => {
            let shown: Shown = match daemon_or_store(load(&common.config)?, &Request::Show { id: *id })? {
                Source::Daemon(answer) => read(answer)?,
                Source::Store(config) => {
                    let found = from_store(&config, async |store| store.show(*id).await)?;
                    let missing = || format!("there is no message {id}: see `martlet queue list`");
                    found.ok_or_else(|| Failure::new(Exit::Data, missing()))?
                }
            };
            if common.json { print_json(out, &shown) } else { one(&shown, out) }
        }
        What::Hold(hands) => lay(hands, |id| Request::Hold { id }, out, err),
        What::Release(hands) => lay(hands, |id| Request::Release { id }, out, err),
        What::Retry(hands) => lay(hands, |id| Request::Retry { id }, out, err),
        What::Cancel(hands) => lay(hands, |id| Request::Cancel { id }, out, err),
    }
}

/// One request for each message; one that is refused keeps none of the others back.
fn lay(hands: &Hands, request: impl Fn(MessageId) -> Request, out: &mut dyn Write, err: &mut dyn Write) -> Done {
    let config = load(&hands.common.config)?;
    let mut daemon = Daemon::needed(&config)?;
    let (mut rows, mut failed) = (Vec::<Shown>::new(), None);
    for id in &hands.ids {
        match daemon.ask(&request(*id)) {
            Ok(answer) => rows.push(read(answer)?),
            Err(failure) if failure.exit == Exit::Data => {
                writeln!(err, "{}", failure.words)?;
                failed = Some(Exit::Data);
            }
            Err(failure) => return Err(failure),
        }
    }
    if hands.common.json {
        // As `show` for one, as `list` for several.
        match (hands.ids.as_slice(), rows.as_slice()) {
            ([_], [row]) => print_json(out, row)?,
            _ => print_json(out, &rows)?,
        }
    } else if !rows.is_empty() {
        table(&rows, out)?;
    }
    failed.map_or(Ok(()), |exit| Err(Failure::said(exit)))
}

/// Who told.
pub(super) enum Source {
    Daemon(serde_json::Value),
    /// No daemon runs.
    Store(Box<Config>),
}

pub(super) fn daemon_or_store(config: Config, request: &Request) -> Result<Source, Failure> {
    match Daemon::reach(&config.control.path) {
        Ok(mut daemon) => daemon.ask(request).map(Source::Daemon),
        Err(Unreachable::NotRunning) => Ok(Source::Store(config.into())),
        Err(why) => Err(why.failure(&config)),
    }
}

pub(super) fn read<T: serde::de::DeserializeOwned>(answer: serde_json::Value) -> Result<T, Failure> {
    serde_json::from_value(answer)
        .map_err(|why| Failure::new(Exit::Protocol, format!("the daemon's answer cannot be read: {why}")))
}

pub(super) fn from_store<T>(config: &Config, look: impl AsyncFnOnce(&Store) -> Result<T, Down>) -> Result<T, Failure> {
    let settings = config.store.clone();
    if !settings.path.is_file() {
        let path = settings.path.display();
        let words = format!("there is no store at {path} yet: has `martlet serve` run with this configuration?");
        return Err(Failure::new(Exit::NoInput, words));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Software, format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let store = Store::open_readonly(settings, Clock::system()).await.map_err(|why| down(&why))?;
        let found = look(&store).await;
        store.close().await;
        found.map_err(|why| down(&why))
    })
}

fn down(why: &Down) -> Failure {
    Failure::new(Exit::Unavailable, why.to_string())
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn standing(shown: &Shown) -> String {
    shown.result.as_ref().map_or_else(|| word(&shown.state), word)
}

pub(super) fn when(moment: Timestamp) -> String {
    moment.utc().strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

fn table(rows: &[Shown], out: &mut dyn Write) -> Done {
    if rows.is_empty() {
        return Ok(writeln!(out, "nothing is queued")?);
    }
    for row in rows {
        let gateway = row.gateway.as_ref().map_or("-", |id| id.as_str());
        let next = row.next.map_or_else(|| "-".to_owned(), when);
        let cause = row.cause.as_deref().unwrap_or_default();
        writeln!(
            out,
            "{}  {:<9}  {:<20}  {}  attempts {}  next {}  {}",
            row.id,
            standing(row),
            row.to,
            gateway,
            row.attempts,
            next,
            cause
        )?;
    }
    Ok(())
}

fn one(shown: &Shown, out: &mut dyn Write) -> Done {
    writeln!(out, "{} ({})", shown.id, shown.kind)?;
    writeln!(out, "  to        {}", shown.to)?;
    writeln!(out, "  state     {}", standing(shown))?;
    writeln!(out, "  attempts  {}", shown.attempts)?;
    if let Some(gateway) = &shown.gateway {
        writeln!(out, "  gateway   {gateway}")?;
    }
    if let Some(account) = &shown.account {
        writeln!(out, "  account   {account}")?;
    }
    if let Some(next) = shown.next {
        writeln!(out, "  next      {}", when(next))?;
    }
    if let Some(cause) = &shown.cause {
        writeln!(out, "  cause     {cause}")?;
    }
    for segment in &shown.segments {
        let reference = segment.reference.as_deref().unwrap_or("-");
        writeln!(out, "  segment   {} {} {reference}", segment.n, word(&segment.state))?;
    }
    for event in &shown.events {
        let gateway = event.gateway.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
        let cause = event.cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
        writeln!(out, "  {}  {}{gateway}{cause}", when(event.at), event.what)?;
    }
    Ok(())
}
