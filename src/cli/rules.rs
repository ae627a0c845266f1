//! `martlet rules`: what the rules make of a mail or a phone's text and why, their order, and rules as XML, out and in.
//!
//! Nothing is sent and no daemon is asked: the files are read as a daemon would read them, by the same code.

mod order;
mod test;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use super::{Done, Exit, Failure, load};
use crate::{
    config::{Config, Loaded, Rules},
    rules::{Rule, Ruleset, Source},
};

#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// List the rules in the order in which they are looked at
    List(order::List),
    /// Print one rule as it is written
    Show(order::Show),
    /// Move a rule up or down in its file
    Move(order::Move),
    /// Show what each rule makes of a mail, or of a phone's text, condition by condition
    Test(test::Test),
    /// Write rules as XML
    Export(Export),
    /// Take rules of an XML file into the folder, if they fit
    Import(Import),
}

/// Which rules.
#[derive(Debug, clap::Args)]
struct From {
    /// The rules of this configuration
    #[arg(long, value_name = "FILE", required_unless_present = "rules")]
    config: Option<PathBuf>,
    /// The rules of this folder instead
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct Export {
    #[command(flatten)]
    from: From,
    /// Only rules of this title; may be given several times
    #[arg(long, value_name = "TITLE")]
    title: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct Import {
    #[command(flatten)]
    from: From,
    /// The file that `martlet rules export` wrote
    #[arg(value_name = "FILE.xml")]
    file: PathBuf,
    /// Only rules of this title; may be given several times
    #[arg(long, value_name = "TITLE")]
    title: Vec<String>,
    /// Write over a file of that name
    #[arg(long)]
    force: bool,
}

pub fn run(what: &What, out: &mut dyn Write) -> Done {
    match what {
        What::List(args) => order::list(args, out),
        What::Show(args) => order::show(args, out),
        What::Move(args) => order::shift(args, out),
        What::Test(args) => test::run(args, out),
        What::Export(args) => export(args, out),
        What::Import(args) => import(args, out),
    }
}

impl From {
    fn config(&self) -> Result<Option<Config>, Failure> {
        self.config.as_deref().map(load).transpose()
    }

    fn folder(&self, config: Option<&Config>) -> Rules {
        match (&self.rules, config) {
            (Some(dir), Some(config)) => config.rules.elsewhere(dir.clone()),
            (None, Some(config)) => config.rules.clone(),
            (dir, None) => Rules::of_folder(dir.clone().unwrap_or_default()),
        }
    }
}

/// The set of a folder, held against the gateways of the configuration if there is one.
fn read(folder: &Rules, config: Option<&Config>) -> Result<Ruleset, Failure> {
    load_set(folder, config).map(|loaded| loaded.set)
}

/// The same, with the files that it was read from.
fn load_set(folder: &Rules, config: Option<&Config>) -> Result<Loaded, Failure> {
    let gateways = config.map(Config::gateway_names);
    folder.load(gateways.as_deref()).map_err(|why| Failure::new(Exit::Config, why))
}

/// Only rules of these titles, or all.
fn selected(set: &Ruleset, titles: &[String]) -> Result<String, Failure> {
    match titles.iter().find(|title| !set.rules().iter().any(|rule| rule.title == **title)) {
        Some(title) => Err(Failure::new(Exit::Data, format!("there is no rule {title:?}"))),
        None => Ok(set.to_xml(titles)),
    }
}

fn export(args: &Export, out: &mut dyn Write) -> Done {
    let config = args.from.config()?;
    let set = read(&args.from.folder(config.as_ref()), config.as_ref())?;
    out.write_all(selected(&set, &args.title)?.as_bytes())?;
    Ok(())
}

fn import(args: &Import, out: &mut dyn Write) -> Done {
    let config = args.from.config()?;
    let folder = args.from.folder(config.as_ref());
    let failed = |path: &Path, why: &dyn std::fmt::Display| {
        Failure::new(Exit::NoInput, format!("cannot read {}: {why}", path.display()))
    };
    let text = std::fs::read_to_string(&args.file).map_err(|why| failed(&args.file, &why))?;
    let name = args.file.file_name().ok_or_else(|| failed(&args.file, &"it has no name"))?;
    let target = folder.dir.join(name).with_extension("xml");
    if target.exists() && !args.force {
        let words = format!("{} is there already: --force writes over it", target.display());
        return Err(Failure::new(Exit::CannotCreate, words));
    }
    // Held against everything that the folder's rules are held against, under its own name.
    let gateways = config.as_ref().map(Config::gateway_names);
    let source = Source { path: args.file.with_extension("xml"), text: text.clone() };
    let loaded = folder.of(vec![source], gateways.as_deref()).map_err(|why| Failure::new(Exit::Config, why))?;
    // As it is written, comments and all; or the chosen ones.
    let (count, text) = match args.title.len() {
        0 => (loaded.set.rules().len(), text),
        _ => {
            let chosen = |rule: &&Rule| args.title.contains(&rule.title);
            (loaded.set.rules().iter().filter(chosen).count(), selected(&loaded.set, &args.title)?)
        }
    };
    order::put(&target, &text)?;
    writeln!(out, "{count} rules in {}; `martlet reload` puts them in force", target.display())?;
    Ok(())
}
