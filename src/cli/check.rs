//! `martlet check`: is this configuration sound, what does it say, and does what it names answer?

use std::{io::Write, path::PathBuf};

use serde_json::{Value, json};

use super::{Done, Exit, Failure, json as print_json, online};
use crate::{
    app,
    config::{self, Config, Error, Kind},
    inbound::{Goal, Route},
    rules::{Action, deed},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Connect to the gateways and to the mail server, too; nothing is sent
    #[arg(long)]
    online: bool,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Done {
    let config = match config::load(&args.config) {
        Ok(config) => config,
        Err(errors) if args.json => {
            let places: Vec<Value> = errors.iter().map(place).collect();
            print_json(out, &json!({ "sound": false, "errors": places }))?;
            return Err(Failure::said(Exit::Config));
        }
        Err(errors) => return Err(errors.into()),
    };
    if let Err(error) = app::check(&config) {
        if args.json {
            print_json(out, &json!({ "sound": false, "errors": [{ "cause": error.words }] }))?;
            return Err(Failure::said(Exit::Config));
        }
        return Err(Failure::new(Exit::Config, error.words));
    }
    let reached = if args.online { online::look(&config)? } else { Vec::new() };
    if args.json {
        let mut value = as_json(&config);
        if args.online {
            value["online"] = reached.iter().map(online::Reached::as_json).collect();
        }
        print_json(out, &value)?;
    } else {
        for warning in &config.warnings {
            writeln!(err, "{warning} (warning)")?;
        }
        summary(&config, out)?;
        for place in &reached {
            writeln!(out, "  {place}")?;
        }
    }
    match reached.iter().all(online::Reached::is_well) {
        true => Ok(()),
        false => Err(Failure::said(Exit::Unavailable)),
    }
}

fn place(error: &Error) -> Value {
    json!({ "file": error.file, "line": error.line, "column": error.column, "cause": error.cause })
}

fn as_json(config: &Config) -> Value {
    let listeners =
        config.listeners.iter().map(|l| json!({ "protocol": l.protocol.word(), "bind": l.bind.to_string() }));
    let gateways = config.gateways.iter().map(|g| json!({ "id": g.id, "type": kind(&g.kind), "active": g.active }));
    json!({
        "sound": true,
        "warnings": config.warnings.iter().map(place).collect::<Vec<_>>(),
        "domains": config.domains,
        "listeners": listeners.collect::<Vec<_>>(),
        "http": config.http.as_ref().map(|http| http.bind.to_string()),
        "control": config.control.path,
        "gateways": gateways.collect::<Vec<_>>(),
        "accounts": config.accounts.len(),
        "addresses": config.helpers.len(),
        "store": config.store.path,
        "postmaster": config.mailbox.postmaster.as_str(),
        "inbound_routes": config.inbound_routes.iter().map(route_words).collect::<Vec<_>>(),
        "inbound_default": last_step(config),
    })
}

fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Http(_) => "http",
        Kind::Provider(_) => "http by definition",
        Kind::Handset => "handset",
        Kind::Modem(_) => "modem",
    }
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
    writeln!(out, "  control by   {}", config.control.path.display())?;
    for gateway in &config.gateways {
        let off = if gateway.active { "" } else { ", not active" };
        writeln!(out, "  gateway      {} ({}{off})", gateway.id, kind(&gateway.kind))?;
    }
    writeln!(out, "  accounts     {}", config.accounts.len())?;
    if !config.helpers.is_empty() {
        writeln!(out, "  addresses    {}", config.helpers.len())?;
    }
    writeln!(out, "  store        {}", config.store.path.display())?;
    for route in &config.inbound_routes {
        writeln!(out, "  inbound      {}", route_words(route))?;
    }
    writeln!(out, "  inbound      everything else → {}", last_step(config))?;
    writeln!(out, "  postmaster   {}", config.mailbox.postmaster.as_str())?;
    Ok(())
}

/// Where a phone's text goes that fits no route: always somewhere.
fn last_step(config: &Config) -> &str {
    config.inbound.default.as_ref().unwrap_or(&config.mailbox.postmaster).as_str()
}

/// What fits a route, and where it leads, in words.
pub(super) fn route_words(route: &Route) -> String {
    let patterns = [("from", &route.from), ("number", &route.number), ("text", &route.text)];
    let given: Vec<_> =
        patterns.iter().filter_map(|(word, pattern)| Some(format!("{word} {}", pattern.as_ref()?.as_str()))).collect();
    let goal = match &route.goal {
        Goal::Mailbox { to, folder } => into(to.as_str(), folder.as_deref()),
        Goal::Account { name, folder } => into(&format!("account {name}"), folder.as_deref()),
        Goal::Outside(action) => match &**action {
            // A login before the host is a secret.
            Action::Call { url, .. } => match deed::place(url.as_str()) {
                place if place.contains('@') => "***".to_owned(),
                place => place.to_owned(),
            },
            Action::Run { program, .. } => program.first().map_or("", |word| word.as_str()).to_owned(),
            _ => String::new(),
        },
    };
    let given = if given.is_empty() { "everything".to_owned() } else { given.join(", ") };
    format!("{given} → {goal}")
}

fn into(to: &str, folder: Option<&str>) -> String {
    folder.map_or(to.to_owned(), |folder| format!("{to}, folder {folder}"))
}
