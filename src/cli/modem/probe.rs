//! `martlet modem probe`: starts a modem as the daemon would, and says what it found.
//!
//! What can go wrong: a PIN is tried once here too; without `--pin` none is entered. No text is sent, read or deleted.

use std::{io::Write, time::Duration};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    super::{Done, Exit, Failure, json as print_json},
    Place,
};
use crate::{
    gateway::modem::{
        dialogue::{Dialogue, Event, Facts, Setup},
        fault::Trouble,
    },
    ground::Clock,
};

/// How long a modem may take to start.
const LIMIT: Duration = Duration::from_secs(90);

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Place,
    /// The PIN of the SIM: it is tried once
    #[arg(long)]
    pin: Option<String>,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

/// Without the PIN.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Args({:?})", self.place)
    }
}

/// What a probe has found.
struct Found {
    facts: Facts,
    trouble: Option<Trouble>,
    /// What was sent, without its arguments where they are secret.
    sent: Vec<String>,
}

pub async fn run(args: &Args, out: &mut dyn Write) -> Done {
    let found = match tokio::time::timeout(LIMIT, probe(args)).await {
        Ok(found) => found?,
        Err(_) => return Err(Failure::new(Exit::Unavailable, "the modem does not come to an end of its start")),
    };
    let facts = &found.facts;
    if args.json {
        print_json(
            out,
            &json!({
                "maker": facts.maker, "model": facts.model, "revision": facts.revision, "imei": facts.imei,
                "imsi": facts.imsi, "operator": facts.operator, "smsc": facts.smsc, "signal": facts.signal,
                "registration": facts.registration, "registered": facts.is_registered(),
                "storage": facts.storage.as_ref().map(|(memory, used, room)| json!([memory, used, room])),
                "indications": facts.indications, "trouble": found.trouble.map(Trouble::word), "sent": found.sent,
            }),
        )?;
    } else {
        show(&found, out)?;
    }
    match found.trouble {
        Some(_) if args.json => Err(Failure::said(Exit::Unavailable)),
        Some(trouble) => Err(Failure::new(Exit::Unavailable, trouble.words())),
        None => Ok(()),
    }
}

fn show(found: &Found, out: &mut dyn Write) -> Done {
    let facts = &found.facts;
    let unknown = || "?".to_owned();
    let word = |word: &Option<String>| word.clone().unwrap_or_else(unknown);
    writeln!(out, "modem         {} {} {}", word(&facts.maker), word(&facts.model), word(&facts.revision))?;
    writeln!(out, "imei          {}", word(&facts.imei))?;
    writeln!(out, "imsi          {}", word(&facts.imsi))?;
    writeln!(out, "operator      {}", word(&facts.operator))?;
    writeln!(out, "service centre {}", word(&facts.smsc))?;
    writeln!(out, "signal        {}", facts.signal.map_or_else(unknown, |signal| format!("{signal} of 31")))?;
    let state = match facts.registration {
        Some(1) => "home",
        Some(5) => "roaming",
        Some(2) => "searching",
        Some(3) => "denied",
        Some(0 | 4) => "not registered",
        Some(_) => "registered",
        None => "?",
    };
    writeln!(out, "network       {state}")?;
    if let Some((memory, used, room)) = &facts.storage {
        writeln!(out, "memory        {memory}, {used} of {room} places used")?;
    }
    writeln!(out, "indications   {}", facts.indications.unwrap_or("none that it takes"))?;
    writeln!(out, "\nsent to find out:")?;
    for line in &found.sent {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

async fn probe(args: &Args) -> Result<Found, Failure> {
    let gone = |_| Failure::new(Exit::Io, "the line broke");
    let clock = Clock::system();
    let mut port = args.place.open().await?;
    let setup = Setup { has_pin: args.pin.is_some(), ..Setup::default() };
    let mut dialogue = Dialogue::new(setup, clock.monotonic());
    let (mut sent, mut buffer) = (Vec::new(), [0; 4_096]);
    let mut entered = false;
    loop {
        while let Some(event) = dialogue.next_event() {
            let trouble = match event {
                Event::Line { out: true, words } => {
                    sent.push(words.split_once("] ").map_or(words.clone(), |(_, words)| words.to_owned()));
                    continue;
                }
                Event::PinWanted => {
                    let pin = args.pin.as_deref().filter(|_| !std::mem::replace(&mut entered, true));
                    dialogue.pin(pin, clock.monotonic());
                    continue;
                }
                Event::Ready => None,
                Event::Unfit(trouble) => Some(trouble),
                Event::Dead(_) => return Err(Failure::new(Exit::Unavailable, "nothing there answers AT commands")),
                _ => continue,
            };
            return Ok(Found { facts: dialogue.facts().clone(), trouble, sent });
        }
        let out = dialogue.take_out();
        if !out.is_empty() {
            port.write_all(&out).await.map_err(gone)?;
            continue;
        }
        let due = dialogue.due().unwrap_or(Duration::MAX);
        tokio::select! {
            read = port.read(&mut buffer) => match read.map_err(gone)? {
                0 => return Err(Failure::new(Exit::Io, "the line was closed")),
                n => dialogue.receive(&buffer[..n], clock.monotonic()),
            },
            () = clock.sleep_to(due) => dialogue.tick(clock.monotonic()),
        }
    }
}
