//! `martlet doctor`: what would keep this configuration from working here, and what to do about it.
//!
//! Looks, and changes nothing: no text is queued, no mail sent. Run it as the user that the daemon runs as, or as root.

mod dns;
mod exim;
mod here;
mod postfix;
mod tool;

use std::{fmt, io::Write, path::PathBuf};

use serde::Serialize;

use super::{Done, Exit, Failure, json as print_json, load, online};
use crate::config::Config;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Postfix's configuration folder; else /etc/postfix, where there is one
    #[arg(long, value_name = "DIR")]
    postfix: Option<PathBuf>,
    /// Look at this Exim configuration, too
    #[arg(long, value_name = "FILE")]
    exim: Option<PathBuf>,
    /// Look at no mail server's configuration
    #[arg(long, conflicts_with_all = ["postfix", "exim"])]
    no_mta: bool,
    /// Look up no names
    #[arg(long)]
    no_dns: bool,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Well,
    /// It works, but is risky or unusual.
    Warning,
    /// It would not work.
    Bad,
    /// It could not be looked at.
    Skipped,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The part it belongs to: `config`, `data`, `daemon`, `listener`, `postfix`, …
    pub part: &'static str,
    pub state: State,
    pub words: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub todo: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.state {
            State::Well => "well   ",
            State::Warning => "warning",
            State::Bad => "BAD    ",
            State::Skipped => "skipped",
        };
        write!(f, "{sign}  {:<9} {}", self.part, self.words)?;
        match &self.todo {
            Some(todo) => write!(f, "\n                   → {todo}"),
            None => Ok(()),
        }
    }
}

/// What was found so far.
#[derive(Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    pub fn well(&mut self, part: &'static str, words: impl Into<String>) {
        self.0.push(Finding { part, state: State::Well, words: words.into(), todo: None });
    }

    pub fn skipped(&mut self, part: &'static str, words: impl Into<String>) {
        self.0.push(Finding { part, state: State::Skipped, words: words.into(), todo: None });
    }

    pub fn warning(&mut self, part: &'static str, words: impl Into<String>, todo: impl Into<String>) {
        self.0.push(Finding { part, state: State::Warning, words: words.into(), todo: Some(todo.into()) });
    }

    pub fn bad(&mut self, part: &'static str, words: impl Into<String>, todo: impl Into<String>) {
        self.0.push(Finding { part, state: State::Bad, words: words.into(), todo: Some(todo.into()) });
    }
}

pub fn run(args: &Args, out: &mut dyn Write) -> Done {
    let config = load(&args.config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Software, format!("cannot start: {error}")))?;
    let mut found = Findings::default();
    runtime.block_on(look(args, &config, &mut found));
    // A name look-up that hangs holds nobody up.
    runtime.shutdown_background();
    if args.json {
        print_json(out, &found.0)?;
    } else {
        for finding in &found.0 {
            writeln!(out, "{finding}")?;
        }
        let bad = found.0.iter().filter(|f| f.state == State::Bad).count();
        let warnings = found.0.iter().filter(|f| f.state == State::Warning).count();
        writeln!(out, "{bad} bad, {warnings} to think about, {} looked at", found.0.len())?;
    }
    match found.0.iter().any(|finding| finding.state == State::Bad) {
        true => Err(Failure::said(Exit::Unavailable)),
        false => Ok(()),
    }
}

async fn look(args: &Args, config: &Config, found: &mut Findings) {
    here::look(config, found).await;
    let server = online::mail_server(&config.mailbox);
    match server.is_well() {
        true => found.well("mailbox", server.to_string()),
        false => found.bad(
            "mailbox",
            server.to_string(),
            "start the mail server, or let mailbox.url name the port that it keeps for Martlet; until then replies and \
             reports wait",
        ),
    }
    if !args.no_dns {
        dns::look(config, found).await;
    }
    if args.no_mta {
        return;
    }
    let usual = PathBuf::from("/etc/postfix");
    match &args.postfix {
        Some(dir) => postfix::look(config, dir, found).await,
        None if args.exim.is_none() && usual.join("main.cf").is_file() => postfix::look(config, &usual, found).await,
        None => {}
    }
    if let Some(file) = &args.exim {
        exim::look(config, file, found).await;
    } else if args.postfix.is_none() && !usual.join("main.cf").is_file() {
        found.skipped("mta", "no mail server's configuration was looked at: --postfix DIR or --exim FILE names one");
    }
}
