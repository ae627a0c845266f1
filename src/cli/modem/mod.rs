//! `martlet modem`: what a modem is, talking to it by hand, and one that is none.

mod at;
mod probe;
mod sim;

use std::io::Write;

use super::{Done, Exit, Failure};
use crate::gateway::modem::Device;

#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// Say what a modem is, what it can do, and what was sent to it to find out
    Probe(probe::Args),
    /// Talk to a modem by hand: a line in, its answer out
    At(at::Args),
    /// Be a modem: a pseudo-terminal or TCP port that behaves like one, with faults by script
    Sim(sim::Args),
}

/// Where a modem is.
#[derive(Debug, clap::Args)]
struct Place {
    /// A path such as /dev/ttyUSB0, tcp://host:port, imei:… or imsi:…
    device: Device,
    /// Bits per second on a serial port
    #[arg(long, default_value_t = 115_200)]
    baud: u32,
    /// Folders in which a modem is looked for by IMEI or IMSI
    #[arg(long, default_values = ["/dev/serial/by-id", "/dev"])]
    search: Vec<std::path::PathBuf>,
}

impl Place {
    async fn open(&self) -> Result<crate::gateway::modem::port::Port, Failure> {
        crate::gateway::modem::port::open(&self.device, self.baud, &self.search).await.map_err(|error| {
            let words = format!(
                "cannot open {}: {error}; is it there, may you use it, and is no daemon using it?",
                self.device
            );
            Failure::new(Exit::NoInput, words)
        })
    }
}

pub fn run(what: &What, out: &mut dyn Write) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Software, format!("cannot start: {error}")))?;
    let done = runtime.block_on(async {
        match what {
            What::Probe(args) => probe::run(args, out).await,
            What::At(args) => at::run(args, out).await,
            What::Sim(args) => sim::run(args, out).await,
        }
    });
    // The standard input may be read still; nobody waits for its thread.
    runtime.shutdown_background();
    done
}
