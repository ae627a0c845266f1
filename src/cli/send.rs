//! `martlet send`: queues a text by the running daemon, as an account or as whoever calls.

use std::{
    io::{Read, Write},
    path::PathBuf,
};

use super::{Done, Exit, Failure, client::Daemon, json as print_json, load};
use crate::{
    accounts,
    doors::control::words::{LONGEST, Request, Send},
};

#[derive(clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The phone; several joined by commas, or an `sms:` address with parameters
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    to: String,
    /// The account that sends and is charged; else the one named like your login here, else "*"
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only say whether it would be taken
    #[arg(long)]
    dry_run: bool,
    /// One JSON value
    #[arg(long)]
    json: bool,
    /// The words; - reads the standard input
    #[arg(allow_hyphen_values = true)]
    text: String,
}

/// Without number and text.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Args")
    }
}

pub fn run(args: &Args, out: &mut dyn Write) -> Done {
    let account = match &args.account {
        Some(written) => {
            let name = accounts::name(written);
            Some(name.ok_or_else(|| Failure::new(Exit::Usage, "--account: an account's name has no blanks"))?)
        }
        None => None,
    };
    let text = if args.text == "-" { slurp()? } else { args.text.clone() };
    let request = Request::Send(Send { to: args.to.clone(), text, account, dry_run: args.dry_run });
    if request.line().len() > LONGEST {
        return Err(Failure::new(Exit::Data, "the text is too long: a message has at most 128 segments"));
    }
    let answer = Daemon::needed(&load(&args.config)?)?.ask(&request)?;
    if args.json {
        return print_json(out, &answer);
    }
    match answer.get("queued").and_then(|ids| ids.as_array()) {
        Some(ids) => {
            let ids: Vec<&str> = ids.iter().filter_map(|id| id.as_str()).collect();
            writeln!(out, "queued {}", ids.join(","))?;
        }
        None => writeln!(out, "it would be queued")?,
    }
    Ok(())
}

fn slurp() -> Result<String, Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::new(Exit::NoInput, format!("cannot read the text: {why}"));
    let mut octets = Vec::new();
    std::io::stdin().lock().take(LONGEST as u64).read_to_end(&mut octets).map_err(|why| failed(&why))?;
    let text = String::from_utf8(octets).map_err(|_| failed(&"it is not UTF-8"))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
