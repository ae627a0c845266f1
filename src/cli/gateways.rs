//! `martlet gateways` and `martlet gateway`: how the gateways stand, and a hand on one of them.

use std::{
    io::Write,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Subcommand;

use super::{ConfigFile, Done, Exit, Failure, client::Daemon, json as print_json, load};
use crate::{
    dispatch::status::{Standing, Status},
    doors::control::words::{Request, Send},
    ground::{AccountName, GatewayId, Timestamp},
    store::{Closed, Shown, State},
};

#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    config: ConfigFile,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Let a gateway begin nothing new, until it is resumed; over restarts too
    Pause(Hand),
    /// Let a paused gateway go on
    Resume(Hand),
    /// Send a text by this gateway alone and wait for what becomes of it; one that is down is tried at once
    Test(Test),
}

#[derive(Debug, clap::Args)]
pub struct Hand {
    /// The gateway's id
    id: GatewayId,
    #[command(flatten)]
    config: ConfigFile,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub struct Test {
    /// The gateway's id
    id: GatewayId,
    /// The phone that gets it
    #[arg(long, value_name = "NUMBER")]
    to: String,
    /// The words
    #[arg(default_value = "A test of this gateway by Martlet.")]
    text: String,
    /// Whose account pays; without it whoever calls
    #[arg(long)]
    account: Option<AccountName>,
    #[arg(long = "config", value_name = "FILE")]
    /// The configuration
    config: PathBuf,
    /// One JSON value
    #[arg(long)]
    json: bool,
    /// How long to wait, in seconds
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=3600))]
    wait: u16,
}

/// Without number and text.
impl std::fmt::Debug for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Test({}, {:?})", self.id, self.account)
    }
}

pub fn list(args: &List, out: &mut dyn Write) -> Done {
    let config = load(&args.config.config)?;
    let answer = Daemon::needed(&config)?.ask(&Request::Gateways)?;
    if args.json {
        return print_json(out, &answer);
    }
    let all: Vec<Status> = read(answer)?;
    if all.is_empty() {
        return Ok(writeln!(out, "no gateway is configured")?);
    }
    for status in &all {
        line(status, out)?;
    }
    Ok(())
}

pub fn run(what: &What, out: &mut dyn Write) -> Done {
    match what {
        What::Pause(hand) => lay(hand, &Request::Pause { gateway: hand.id.clone() }, out),
        What::Resume(hand) => lay(hand, &Request::Resume { gateway: hand.id.clone() }, out),
        What::Test(args) => test(args, out),
    }
}

fn lay(hand: &Hand, request: &Request, out: &mut dyn Write) -> Done {
    let config = load(&hand.config.config)?;
    let answer = Daemon::needed(&config)?.ask(request)?;
    if hand.json { print_json(out, &answer) } else { line(&read(answer)?, out) }
}

#[expect(clippy::disallowed_methods, reason = "the command line stalls nobody but itself")]
fn test(args: &Test, out: &mut dyn Write) -> Done {
    let config = load(&args.config)?;
    let mut daemon = Daemon::needed(&config)?;
    daemon.ask(&Request::Test { gateway: args.id.clone() })?;
    let to = format!("sms:{}?id={}", args.to.trim_start_matches("sms:"), args.id);
    let send = Send { to, text: args.text.clone(), account: args.account.clone(), dry_run: false };
    let queued = daemon.ask(&Request::Send(send))?;
    let id = queued["queued"][0].as_str().and_then(|id| id.parse().ok());
    let id = id.ok_or_else(|| Failure::new(Exit::Protocol, "the daemon does not say what it queued"))?;
    let end = Instant::now() + Duration::from_secs(u64::from(args.wait));
    let shown = loop {
        let shown: Shown = read(daemon.ask(&Request::Show { id })?)?;
        let tried = shown.attempts > 0 && shown.state != State::Trying;
        if tried || shown.state == State::Closed || Instant::now() >= end {
            break shown;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    if args.json {
        print_json(out, &shown)?;
    }
    let cause = shown.cause.as_deref().unwrap_or("nothing was said why");
    let (failed, words) = match (shown.state, shown.result) {
        (State::Sent, _) | (State::Closed, Some(Closed::Relayed | Closed::Delivered)) => {
            (None, format!("{}: sent, as {id}", args.id))
        }
        (State::Closed, _) => (Some(Exit::Data), format!("{}: not sent: {cause}", args.id)),
        (State::Held, _) => (Some(Exit::TempFail), format!("{}: held ({cause}), as {id}", args.id)),
        _ if shown.attempts == 0 => {
            (Some(Exit::TempFail), format!("{}: not tried yet, it waits as {id}; see `martlet gateways`", args.id))
        }
        _ => (Some(Exit::TempFail), format!("{}: not now: {cause}; it waits as {id}", args.id)),
    };
    match failed {
        Some(exit) => Err(Failure::new(exit, words)),
        None if args.json => Ok(()),
        None => Ok(writeln!(out, "{words}")?),
    }
}

fn read<T: serde::de::DeserializeOwned>(answer: serde_json::Value) -> Result<T, Failure> {
    serde_json::from_value(answer)
        .map_err(|why| Failure::new(Exit::Protocol, format!("the daemon's answer cannot be read: {why}")))
}

fn when(moment: Timestamp) -> String {
    moment.utc().strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

fn line(status: &Status, out: &mut dyn Write) -> Done {
    let word = serde_json::to_value(status.state).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    write!(out, "{:<16}  {word:<6}", status.id.as_str())?;
    if status.state != Standing::Off {
        let most = status.daily_max.map(|most| format!("/{most}")).unwrap_or_default();
        let (under_way, window) = (status.under_way, status.window);
        write!(out, "  under way {under_way}/{window}  today {}{most}", status.today)?;
    }
    write!(out, "  waiting {}", status.waiting)?;
    if status.shared > 0 {
        write!(out, " and {} shared", status.shared)?;
    }
    if let Some(since) = status.since {
        write!(out, "  since {}", when(since))?;
    }
    if let Some(next) = status.next {
        write!(out, "  next {}", when(next))?;
    }
    if let Some(cause) = &status.cause {
        write!(out, "  {cause}")?;
    }
    if let Some(trouble) = &status.trouble {
        write!(out, "  trouble {trouble}")?;
    }
    Ok(writeln!(out)?)
}
