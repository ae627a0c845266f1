//! `martlet optouts`: phones that want no texts from us; the list, and a hand on it.
//!
//! The running daemon is asked; where none runs, `list` reads the store itself. Numbers are masked unless the whole ones
//! are asked for: the list is of people who want to be left alone.

use std::{io::Write, path::PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::{
    Done, Exit, Failure,
    client::Daemon,
    json as print_json, load,
    queue::{Source, daemon_or_store, from_store, read, when},
};
use crate::{
    address::Destination,
    config::Config,
    doors::control::words::{Opt, Request},
    ground::GatewayId,
    routing::Ours,
    store::OptedOut,
};

#[derive(Subcommand)]
pub enum What {
    /// List who has opted out, by phone
    List {
        #[command(flatten)]
        common: Common,
        /// Only this phone
        #[arg(long, value_name = "NUMBER")]
        phone: Option<String>,
        /// Whole numbers, not masked
        #[arg(long)]
        numbers: bool,
        /// At most so many
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        limit: u16,
    },
    /// Put a phone on the list: nothing is sent to it from now on
    Add(Hand),
    /// Take a phone off the list; only if its owner wishes so
    Remove(Hand),
}

/// Without the numbers.
impl std::fmt::Debug for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::List { .. } => "List",
            Self::Add(_) => "Add",
            Self::Remove(_) => "Remove",
        })
    }
}

/// The phone that a hand is laid on.
#[derive(clap::Args)]
pub struct Hand {
    /// The phone's number
    phone: String,
    /// Only texts from this number of ours; may repeat. Without: all of ours
    #[arg(long = "from", value_name = "NUMBER")]
    from: Vec<String>,
    /// Only texts by this gateway; may repeat
    #[arg(long = "gateway", value_name = "ID")]
    gateways: Vec<GatewayId>,
    #[command(flatten)]
    common: Common,
}

/// Without the numbers.
impl std::fmt::Debug for Hand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hand").field("gateways", &self.gateways).finish_non_exhaustive()
    }
}

#[derive(Debug, clap::Args)]
pub struct Common {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

pub fn run(what: &What, out: &mut dyn Write) -> Done {
    match what {
        What::List { common, phone, numbers, limit } => {
            let config = load(&common.config)?;
            let phone = phone.as_ref().map(|phone| number(&config, phone)).transpose()?;
            let limit = usize::from(*limit);
            let request = Request::OptOuts { phone: phone.clone(), after: None, limit: Some(limit) };
            let lines: Vec<OptedOut> = match daemon_or_store(config, &request)? {
                Source::Daemon(answer) => read(answer)?,
                Source::Store(config) => {
                    let phone = phone.as_ref().map(Destination::as_str);
                    from_store(&config, async |store| store.opt_outs(phone, None, limit).await)?
                }
            };
            show(&lines, *numbers, common.json, out)
        }
        What::Add(hand) => lay(hand, Request::OptOut, out),
        What::Remove(hand) => lay(hand, Request::OptIn, out),
    }
}

fn lay(hand: &Hand, request: impl Fn(Opt) -> Request, out: &mut dyn Write) -> Done {
    let config = load(&hand.common.config)?;
    let opt = Opt { phone: number(&config, &hand.phone)?, ours: ours(hand, &config)? };
    let lines: Vec<OptedOut> = read(Daemon::needed(&config)?.ask(&request(opt))?)?;
    show(&lines, false, hand.common.json, out)
}

/// Of which numbers and gateways; a gateway with a number stands for that.
fn ours(hand: &Hand, config: &Config) -> Result<Vec<Ours>, Failure> {
    let mut all = Vec::new();
    for written in &hand.from {
        let sound = Ours::number(number(config, written)?.as_str());
        all.push(sound.ok_or_else(|| Failure::new(Exit::Data, format!("{written:?} is no number")))?);
    }
    for id in &hand.gateways {
        let gateway = config.gateways.iter().find(|gateway| gateway.id == *id);
        let missing = || Failure::new(Exit::Data, format!("there is no gateway {id}: see `martlet gateways`"));
        let gateway = gateway.ok_or_else(missing)?;
        all.push(Ours::of(id, gateway.number.as_ref().map(Destination::as_str)));
    }
    Ok(all)
}

fn number(config: &Config, written: &str) -> Result<Destination, Failure> {
    let read = config.sms.numbering.read(written);
    read.map(|read| read.destination).map_err(|why| Failure::new(Exit::Data, format!("{written:?}: {why}")))
}

fn show(lines: &[OptedOut], numbers: bool, as_json: bool, out: &mut dyn Write) -> Done {
    let phone = |line: &OptedOut| match (numbers, Destination::try_from(line.phone.clone())) {
        (true, _) => line.phone.clone(),
        (false, Ok(phone)) => phone.masked(),
        (false, Err(_)) => "***".to_owned(),
    };
    if as_json {
        let value = |line: &OptedOut| {
            let (number, gateway) = match &line.ours {
                Ours::Number(_) => (Some(line.ours.shown()), None),
                Ours::Gateway(id) => (None, Some(id)),
            };
            json!({ "phone": phone(line), "number": number, "gateway": gateway, "since": line.since, "how": line.how })
        };
        return print_json(out, &lines.iter().map(value).collect::<Vec<_>>());
    }
    if lines.is_empty() {
        return Ok(writeln!(out, "nobody has opted out")?);
    }
    for line in lines {
        let (since, how) = (when(line.since), line.how.word());
        writeln!(out, "{:<20}  from {:<20}  since {since}  by {how}", phone(line), line.ours.shown())?;
    }
    Ok(())
}
