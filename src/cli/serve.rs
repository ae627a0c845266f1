//! `martlet serve`: reads the configuration and hands it to the daemon.

use std::{io::Write, path::Path, process::ExitCode};

use super::Exit;
use crate::{app, config};

pub fn run(path: &Path, err: &mut dyn Write) -> ExitCode {
    let config = match config::load(path) {
        Ok(config) => config,
        Err(errors) => {
            let _ = writeln!(err, "{errors}");
            return ExitCode::from(Exit::Config as u8);
        }
    };
    for warning in &config.warnings {
        let _ = writeln!(err, "{warning} (warning)");
    }
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(app::run(config)),
        Err(error) => {
            let _ = writeln!(err, "cannot start: {error}");
            ExitCode::from(Exit::Software as u8)
        }
    }
}
