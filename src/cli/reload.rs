//! `martlet reload`: the daemon reads its configuration again; the same as SIGHUP, with an answer.

use std::io::Write;

use super::{ConfigFile, Done, Exit, Failure, client::Daemon, json as print_json, load};
use crate::doors::control::{Reloaded, words::Request};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, out: &mut dyn Write) -> Done {
    // A file that is wrong is told here as well, before the daemon is troubled with it.
    let config = load(&args.config.config)?;
    let answer = Daemon::needed(&config)?.ask(&Request::Reload)?;
    if args.json {
        return print_json(out, &answer);
    }
    let done: Reloaded = serde_json::from_value(answer)
        .map_err(|why| Failure::new(Exit::Protocol, format!("the daemon's answer cannot be read: {why}")))?;
    let names = |all: &[String]| all.join(", ");
    match done.applied.is_empty() {
        true => writeln!(out, "nothing that can change while Martlet runs has changed")?,
        false => writeln!(out, "holds from now on: {}", names(&done.applied))?,
    }
    if !done.restart.is_empty() {
        writeln!(out, "waits for a restart: {}", names(&done.restart))?;
    }
    Ok(())
}
