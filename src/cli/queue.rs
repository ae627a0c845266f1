//! `martlet queue`: what waits, what was sent, what became of it. Reads the store beside a running daemon; numbers
//! are masked as the store masks them.

use std::{io::Write, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::{Done, Exit, Failure, json as print_json, load};
use crate::{
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
        #[arg(long, default_value_t = 1000)]
        limit: usize,
    },
    /// Show one message and its history
    Show {
        /// The message's id
        id: String,
        #[command(flatten)]
        common: Common,
    },
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

pub fn run(what: &What, out: &mut dyn Write) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Software, format!("cannot start: {error}")))?;
    runtime.block_on(async {
        match what {
            What::List { common, states, limit } => {
                let states = states.iter().map(|word| State::from(*word)).collect();
                let store = open(common).await?;
                let rows = store.list(Filter { states, limit: *limit }).await.map_err(|why| down(&why))?;
                store.close().await;
                if common.json { print_json(out, &rows) } else { table(&rows, out) }
            }
            What::Show { id, common } => {
                let id: MessageId = id.parse().map_err(|why| Failure::new(Exit::Usage, format!("{why}")))?;
                let store = open(common).await?;
                let shown = store.show(id).await.map_err(|why| down(&why))?;
                store.close().await;
                let Some(shown) = shown else {
                    return Err(Failure::new(
                        Exit::Data,
                        format!("there is no message {id}: see `martlet queue list`"),
                    ));
                };
                if common.json { print_json(out, &shown) } else { one(&shown, out) }
            }
        }
    })
}

async fn open(common: &Common) -> Result<Store, Failure> {
    let settings = load(&common.config)?.store;
    let path = settings.path.clone();
    if !path.is_file() {
        let words =
            format!("there is no store at {} yet: has `martlet serve` run with this configuration?", path.display());
        return Err(Failure::new(Exit::NoInput, words));
    }
    Store::open_readonly(settings, Clock::system()).await.map_err(|why| down(&why))
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

fn when(moment: Timestamp) -> String {
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
