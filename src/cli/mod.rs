//! The command line.
//!
//! Every command writes to what it is handed, so that tests can read it. With `--json` exactly one JSON value goes to
//! the standard output and nothing else; errors go to the standard error and say what to do next. Exit codes are
//! those of sysexits(3).

mod address;
mod check;
mod client;
mod completions;
mod decode;
mod doctor;
mod encode;
mod gateways;
mod man;
mod modem;
mod number;
mod online;
mod provider;
mod optouts;
mod queue;
mod reload;
mod rules;
mod send;
mod serve;
mod text;
mod trial;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use crate::config::{self, Config};

/// As `docs/commands.md` has them, too.
const EXIT_CODES: &str = "Exit codes (sysexits.h):
  0   done
  64  the command line is wrong
  65  what was given cannot be used, or the message's state does not allow it
  66  a file or the store cannot be read
  69  the daemon does not run, or something that was looked for does not answer
  70  a defect of Martlet
  71  a socket cannot be taken
  73  a file cannot be made
  74  the store or the output failed
  75  not now: try again later
  76  what answers is no Martlet of this version
  77  you may not
  78  the configuration is wrong";

/// SMS transport for mail servers: mail becomes a text, the phone's reply becomes a threaded mail.
#[derive(Debug, Parser)]
#[command(name = "martlet", version, arg_required_else_help = true, after_long_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon
    Serve {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Try it out: a whole system with no set-up, on loopback, with phones and a mailbox on a page
    Try(trial::Args),
    /// Check a configuration; exit 78 and FILE:LINE:COLUMN: cause where it is wrong
    Check(check::Args),
    /// Send a text by the running daemon
    Send(send::Args),
    /// Let the running daemon read its configuration again
    Reload(reload::Args),
    /// Rules: try them on a mail, write and read them as XML
    Rules {
        #[command(subcommand)]
        what: rules::What,
    },
    /// Show what a phone number is
    Number(number::Args),
    /// Show what an address resolves to
    Address(address::Args),
    /// Show the text that a phone would get for a mail
    Text(text::Args),
    /// Show alphabet and segments of a text
    Encode(encode::Args),
    /// Show the fields of a TPDU (DELIVER, STATUS-REPORT, SUBMIT)
    Decode(decode::Args),
    /// Show how the gateways stand
    Gateways(gateways::List),
    /// Pause, resume or test a gateway
    Gateway {
        #[command(subcommand)]
        what: gateways::What,
    },
    /// Providers over HTTP: which there are, a gateway from one, its cases
    Provider {
        #[command(subcommand)]
        what: provider::What,
    },
    /// Modems: what one is, talk to one, be one
    Modem {
        #[command(subcommand)]
        what: modem::What,
    },
    /// Look into the queue, and lay a hand on it
    Queue {
        #[command(subcommand)]
        what: queue::What,
    },
    /// Phones that want no texts: the list, and a hand on it
    Optouts {
        #[command(subcommand)]
        what: optouts::What,
    },
    /// Look for what would keep a configuration from working here; nothing is sent
    Doctor(doctor::Args),
    /// Write a completion script for a shell
    Completions(completions::Args),
    /// Write manual pages
    Man(man::Args),
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration
    #[arg(long = "config", value_name = "FILE")]
    config: PathBuf,
}

/// Why a command did not succeed.
struct Failure {
    exit: Exit,
    /// For the standard error; empty where everything has been said.
    words: String,
}

/// Exit codes of sysexits(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Exit {
    Usage = 64,
    Data = 65,
    NoInput = 66,
    Unavailable = 69,
    Software = 70,
    OsError = 71,
    CannotCreate = 73,
    Io = 74,
    TempFail = 75,
    Protocol = 76,
    NoPerm = 77,
    Config = 78,
}

impl Failure {
    fn new(exit: Exit, words: impl Into<String>) -> Self {
        Self { exit, words: words.into() }
    }

    /// Everything that had to be said stands on the standard output.
    fn said(exit: Exit) -> Self {
        Self::new(exit, "")
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // Whoever read our output has enough of it.
            io::ErrorKind::BrokenPipe => Self::said(Exit::Io),
            _ => Self::new(Exit::Io, format!("cannot write the output: {error}")),
        }
    }
}

impl From<config::Errors> for Failure {
    fn from(errors: config::Errors) -> Self {
        Self::new(Exit::Config, errors.to_string())
    }
}

type Done = Result<(), Failure>;

/// The whole of the program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and the version are no errors; clap knows which stream they belong to.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(Exit::Usage as u8) } else { ExitCode::SUCCESS };
        }
    };
    // Not locked: while the daemon runs, its threads write their log to the standard error.
    run(cli.command, &mut io::stdout(), &mut io::stderr())
}

fn run(command: Command, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let done = match command {
        Command::Serve { config } => return serve::run(&config.config, err),
        Command::Try(args) => return trial::run(&args, out, err),
        Command::Check(args) => check::run(&args, out, err),
        Command::Send(args) => send::run(&args, out),
        Command::Reload(args) => reload::run(&args, out),
        Command::Rules { what } => rules::run(&what, out),
        Command::Number(args) => number::run(&args, out),
        Command::Address(args) => address::run(&args, out),
        Command::Text(args) => text::run(&args, out),
        Command::Encode(args) => encode::run(&args, out),
        Command::Decode(args) => decode::run(&args, out),
        Command::Gateways(args) => gateways::list(&args, out),
        Command::Gateway { what } => gateways::run(&what, out),
        Command::Provider { what } => provider::run(&what, out),
        Command::Modem { what } => modem::run(&what, out),
        Command::Queue { what } => queue::run(&what, out, err),
        Command::Optouts { what } => optouts::run(&what, out),
        Command::Doctor(args) => doctor::run(&args, out),
        Command::Completions(args) => completions::run(&args, out),
        Command::Man(args) => man::run(&args, out),
    };
    match done.and_then(|()| out.flush().map_err(Failure::from)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.words.is_empty() {
                // There is nowhere else to say that the standard error is closed.
                let _ = writeln!(err, "{}", failure.words);
            }
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn load(path: &std::path::Path) -> Result<Config, Failure> {
    Ok(config::load(path)?)
}

/// One JSON value and a line end.
fn json(out: &mut dyn Write, value: &impl serde::Serialize) -> Done {
    let line =
        serde_json::to_string(value).map_err(|e| Failure::new(Exit::Software, format!("cannot write JSON: {e}")))?;
    writeln!(out, "{line}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_closed_pipe_is_no_news() {
        assert!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).words.is_empty());
        assert!(!Failure::from(io::Error::from(io::ErrorKind::StorageFull)).words.is_empty());
    }
}
