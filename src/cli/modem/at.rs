//! `martlet modem at`: a console. Each line of the standard input is a command; what the modem says is written as it comes.
//!
//! It ends with the standard input, when the last command was answered or 16 seconds have passed. What can go wrong: `ESC`
//! and Ctrl-Z can be typed into a prompt; only the person knows what they mean there.

use std::{io::Write, time::Duration};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::{
    super::{Done, Exit, Failure},
    Place,
};
use crate::{gateway::modem::answer::end, ground::Clock};

/// How long a modem may take to answer.
const LIMIT: Duration = Duration::from_secs(16);

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: &Args, out: &mut dyn Write) -> Done {
    let gone = |_| Failure::new(Exit::Io, "the line broke");
    let clock = Clock::system();
    let mut port = args.place.open().await?;
    let mut typed = BufReader::new(tokio::io::stdin()).lines();
    let mut buffer = [0; 4_096];
    // Commands that were not answered, and what was said since.
    let (mut waiting, mut said, mut open) = (0usize, String::new(), true);
    let mut until = Duration::MAX;
    while open || waiting > 0 {
        tokio::select! {
            line = typed.next_line(), if open => match line? {
                Some(line) => {
                    port.write_all(format!("{line}\r").as_bytes()).await.map_err(gone)?;
                    waiting += usize::from(!line.trim().is_empty());
                    until = clock.monotonic() + LIMIT;
                }
                None => open = false,
            },
            read = port.read(&mut buffer) => match read.map_err(gone)? {
                0 => return Err(Failure::new(Exit::Io, "the line was closed")),
                n => {
                    let text = String::from_utf8_lossy(&buffer[..n]);
                    write!(out, "{}", text.replace('\r', ""))?;
                    out.flush()?;
                    said.push_str(&text);
                    waiting = waiting.saturating_sub(answers(&mut said));
                }
            },
            () = clock.sleep_to(until), if !open => {
                return Err(Failure::new(Exit::Unavailable, "the modem does not answer"));
            }
        }
    }
    Ok(())
}

/// How many answers came to their end; what is not yet a line stays.
fn answers(said: &mut String) -> usize {
    let Some(last) = said.rfind(['\r', '\n']) else { return 0 };
    let whole: String = said.drain(..=last).collect();
    whole.lines().filter(|line| end(line.trim()).is_some()).count()
}
