//! `martlet man`: the manual pages, made from the command line's own definition.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use clap::CommandFactory;

use super::{Cli, Done, Exit, Failure};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The command, such as `queue list`; none: the page of martlet itself
    command: Vec<String>,
    /// Write the pages of all commands into this folder instead
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

pub fn run(args: &Args, out: &mut dyn Write) -> Done {
    let pages = pages();
    if let Some(dir) = &args.dir {
        return write_all(&pages, dir);
    }
    let name = std::iter::once("martlet").chain(args.command.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
    let Some((_, page)) = pages.iter().find(|(known, _)| *known == name) else {
        let words = format!("there is no command `{}`: see `martlet --help`", args.command.join(" "));
        return Err(Failure::new(Exit::Usage, words));
    };
    out.write_all(page)?;
    Ok(())
}

/// Name and roff of every page, `martlet-queue-list` and its like included.
fn pages() -> Vec<(String, Vec<u8>)> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    collect(root, "martlet".to_owned(), &mut pages);
    pages
}

fn collect(command: clap::Command, name: String, pages: &mut Vec<(String, Vec<u8>)>) {
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        collect(sub.clone(), format!("{name}-{}", sub.get_name()), pages);
    }
    let mut page = Vec::new();
    // Writing to memory cannot fail.
    let _ = clap_mangen::Man::new(command.display_name(name.clone())).title(name.to_uppercase()).render(&mut page);
    pages.push((name, page));
}

fn write_all(pages: &[(String, Vec<u8>)], dir: &Path) -> Done {
    let failed = |path: &Path, why: &std::io::Error| {
        Failure::new(Exit::CannotCreate, format!("cannot write {}: {why}", path.display()))
    };
    fs::create_dir_all(dir).map_err(|why| failed(dir, &why))?;
    for (name, page) in pages {
        let path = dir.join(format!("{name}.1"));
        fs::write(&path, page).map_err(|why| failed(&path, &why))?;
    }
    Ok(())
}
