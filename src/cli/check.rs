//! `martlet check`: is this configuration sound, and what does it say?

use std::{io::Write, path::Path};

use super::{Done, Exit, Failure, load};
use crate::{
    app,
    config::{Config, Kind},
};

pub fn run(path: &Path, out: &mut dyn Write, err: &mut dyn Write) -> Done {
    let config = load(path)?;
    for warning in &config.warnings {
        writeln!(err, "{warning} (warning)")?;
    }
    app::check(&config).map_err(|error| Failure::new(Exit::Config, error.words))?;
    summary(&config, out)
}

fn summary(config: &Config, out: &mut dyn Write) -> Done {
    writeln!(out, "{}: sound", config.file.display())?;
    writeln!(out, "  texts for    {}", config.domains.join(", "))?;
    for listener in &config.listeners {
        writeln!(out, "  {} on      {}", listener.protocol.word().to_ascii_uppercase(), listener.bind)?;
    }
    if let Some(http) = &config.http {
        writeln!(out, "  HTTP on      {}", http.bind)?;
    }
    for gateway in &config.gateways {
        let kind = match gateway.kind {
            Kind::Http(_) => "http",
            Kind::Handset => "handset",
        };
        let off = if gateway.active { "" } else { ", not active" };
        writeln!(out, "  gateway      {} ({kind}{off})", gateway.id)?;
    }
    writeln!(out, "  accounts     {}", config.accounts.len())?;
    if !config.helpers.is_empty() {
        writeln!(out, "  addresses    {}", config.helpers.len())?;
    }
    writeln!(out, "  store        {}", config.store.path.display())?;
    writeln!(out, "  postmaster   {}", config.mailbox.postmaster.as_str())?;
    Ok(())
}
