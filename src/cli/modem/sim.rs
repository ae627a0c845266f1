//! `martlet modem sim`: a modem that is none, until it is interrupted.
//!
//! What is typed is done to it: `text NUMBER WORDS` (a text comes), `report N STATUS` (a report on the Nth text),
//! `unplug`, `taken` (what the network has taken), `stored`. What can go wrong: a name that is no link is not overwritten.

use std::{io::Write, net::SocketAddr, path::PathBuf};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
};

use super::super::{Done, Exit, Failure};
use crate::{
    gateway::modem::sim::{Options, Sim, line::Shared, script},
    ground::Clock,
    sms::{Body, Segment},
};

#[derive(clap::Args)]
pub struct Args {
    /// The name under which its terminal is found
    #[arg(long, default_value = "modem", conflicts_with = "tcp")]
    link: PathBuf,
    /// Wait for connections here instead, such as 127.0.0.1:2000
    #[arg(long)]
    tcp: Option<SocketAddr>,
    /// Faults, one a line: WHAT WHICH ACT (see docs/modems.md)
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// The SIM wants this PIN
    #[arg(long)]
    pin: Option<String>,
    /// Texts that the SIM holds
    #[arg(long, default_value_t = 20)]
    room: usize,
    /// Its serial number
    #[arg(long, default_value = "358000000000018")]
    imei: String,
    /// The number of its SIM
    #[arg(long, default_value = "001010000000001")]
    imsi: String,
    /// Every text comes back from whom it was for
    #[arg(long)]
    echo_texts: bool,
    /// Status reports come before the answer
    #[arg(long)]
    report_first: bool,
    /// What the network answers to a USSD code
    #[arg(long, default_value = "Your balance is 3.50 EUR")]
    ussd: String,
}

/// Without the PIN.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Args({})", self.link.display())
    }
}

pub async fn run(args: &Args, out: &mut dyn Write) -> Done {
    let script = match &args.script {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::new(Exit::NoInput, format!("{}: {error}", path.display())))?;
            script::read(&text).map_err(|error| Failure::new(Exit::Data, format!("{}: {error}", path.display())))?
        }
        None => Vec::new(),
    };
    let options = Options {
        pin: args.pin.clone(),
        room: args.room.clamp(1, 10_000),
        imei: args.imei.clone(),
        imsi: args.imsi.clone(),
        report_first: args.report_first,
        echo_texts: args.echo_texts,
        ussd: args.ussd.clone(),
        script,
        ..Options::default()
    };
    let sim = Shared::new(Sim::new(options), Clock::system());
    let (tell, mut told) = tokio::sync::mpsc::channel::<String>(16);
    let serving = sim.clone();
    let mut line = match args.tcp {
        Some(addr) => {
            let failed = |error| Failure::new(Exit::Unavailable, format!("cannot listen on {addr}: {error}"));
            let listener = TcpListener::bind(addr).await.map_err(failed)?;
            writeln!(out, "ready tcp://{}", listener.local_addr().map_err(failed)?)?;
            tokio::spawn(serving.on_tcp(listener))
        }
        None => {
            let link = args.link.clone();
            tokio::spawn(serving.on_pty(link.clone(), move |_| {
                // Whoever does not read does not want to know.
                let _ = tell.try_send(format!("ready {}", link.display()));
            }))
        }
    };
    out.flush()?;
    let mut typed = BufReader::new(tokio::io::stdin()).lines();
    let mut open = true;
    loop {
        tokio::select! {
            ended = &mut line => {
                let why = match ended {
                    Ok(Err(error)) => format!("{}: {error}", args.link.display()),
                    Ok(Ok(())) | Err(_) => "the line ended".to_owned(),
                };
                return Err(Failure::new(Exit::Io, why));
            }
            Some(words) = told.recv() => writeln!(out, "{words}")?,
            typed = typed.next_line(), if open => match typed? {
                Some(words) => obey(&sim, &words, out)?,
                None => open = false,
            },
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
        out.flush()?;
    }
}

fn obey(sim: &Shared, line: &str, out: &mut dyn Write) -> Done {
    let mut words = line.trim().splitn(3, ' ');
    let (verb, first, rest) = (words.next().unwrap_or_default(), words.next(), words.next());
    match (verb, first, rest) {
        ("text", Some(from), Some(text)) => {
            sim.with(|sim| sim.deliver(from, Segment { body: Body::Text(text.to_owned()), udh: Vec::new() }));
        }
        ("report", Some(n), Some(status)) => match (n.parse::<usize>(), status.parse()) {
            (Ok(n), Ok(status)) => sim.with(|sim| sim.report(n.saturating_sub(1), status)),
            _ => writeln!(out, "report N STATUS: two numbers")?,
        },
        ("unplug", None, None) => sim.with(Sim::unplug),
        ("stored", None, None) => writeln!(out, "stored {}", sim.with(|sim| sim.stored()))?,
        ("taken", None, None) => {
            let taken: Vec<_> = sim.with(|sim| sim.taken().to_vec());
            for text in &taken {
                let words = match &text.submit.segment.body {
                    Body::Text(words) => words.replace('\n', " "),
                    Body::Binary(data) => format!("{} octets", data.len()),
                };
                writeln!(out, "taken {} {} {words}", text.reference, text.submit.to.written())?;
            }
            writeln!(out, "taken in all {}", taken.len())?;
        }
        ("", ..) => {}
        _ => writeln!(out, "text NUMBER WORDS, report N STATUS, unplug, taken, stored")?,
    }
    Ok(())
}
