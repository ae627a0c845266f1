//! `martlet completions`: what a shell needs to complete Martlet's commands.

use std::io::Write;

use clap::CommandFactory;

use super::{Cli, Done};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell that asks
    shell: clap_complete::Shell,
}

pub fn run(args: &Args, out: &mut dyn Write) -> Done {
    // Into memory first: the generator takes a broken pipe for a defect.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "martlet", &mut script);
    out.write_all(&script)?;
    Ok(())
}
