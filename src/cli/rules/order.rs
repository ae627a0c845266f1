//! `martlet rules list|show|move`: the order in which rules are looked at, and one rule moved in its file, as it is written.
//!
//! What can go wrong: a title that is none or several rules', a neighbour that stands in another file, rules of a file that
//! are no tables of their own; and the set as a whole, which is checked before the file is written.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{From, load_set};
use crate::{
    cli::{Done, Exit, Failure, json as print_json},
    config::{Config, Loaded},
    ground::written::suggestion,
    rules::{Direction, Rule, Ruleset, Source, blocks::Blocks, xml},
};

#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    from: From,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub struct Show {
    #[command(flatten)]
    from: From,
    /// The rule's title, or its place (10-house.toml:12) where several have that title
    #[arg(value_name = "TITLE")]
    title: String,
}

#[derive(Debug, clap::Args)]
pub struct Move {
    #[command(flatten)]
    from: From,
    /// The rule's title, or its place (10-house.toml:12) where several have that title
    #[arg(value_name = "TITLE")]
    title: String,
    /// Before the rule above it, or behind the one below
    #[arg(value_name = "up|down")]
    way: Way,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Way {
    Up,
    Down,
}

pub fn list(args: &List, out: &mut dyn Write) -> Done {
    let config = args.from.config()?;
    let set = load_set(&args.from.folder(config.as_ref()), config.as_ref())?.set;
    if args.json {
        let all = set.rules().iter().map(|rule| {
            json!({ "title": rule.title, "direction": rule.direction.word(), "active": rule.active, "place": rule.place })
        });
        return print_json(out, &Value::Array(all.collect()));
    }
    for (direction, words) in [(Direction::Out, "mail to text"), (Direction::In, "text to mail")] {
        let of_direction = || set.rules().iter().filter(|rule| rule.direction == direction);
        if of_direction().next().is_none() {
            continue;
        }
        writeln!(out, "{} ({words})", direction.word())?;
        let width = of_direction().map(|rule| rule.title.chars().count()).max().unwrap_or_default();
        for (nth, rule) in of_direction().enumerate() {
            let off = if rule.active { "" } else { ", not active" };
            writeln!(out, "{:4}  {:width$}  {}{off}", nth + 1, rule.title, rule.place)?;
        }
    }
    Ok(())
}

pub fn show(args: &Show, out: &mut dyn Write) -> Done {
    let config = args.from.config()?;
    let loaded = load_set(&args.from.folder(config.as_ref()), config.as_ref())?;
    let nth = find(&loaded.set, &args.title)?;
    let rule = &loaded.set.rules()[nth];
    let (file, place) = place_of(&loaded.set, nth);
    let blocks = source(&loaded, &file).and_then(|source| Blocks::of(source).ok().flatten());
    match blocks.as_ref().and_then(|blocks| blocks.text(place)) {
        Some(text) if file.extension().is_some_and(|extension| extension == "toml") => {
            writeln!(out, "# {}\n{text}", rule.place)?;
        }
        Some(text) => writeln!(out, "<!-- {} -->\n{text}", rule.place)?,
        None => writeln!(out, "<!-- {} -->\n{}", rule.place, xml::write([&rule.node]).trim_end())?,
    }
    Ok(())
}

pub fn shift(args: &Move, out: &mut dyn Write) -> Done {
    let config = args.from.config()?;
    let folder = args.from.folder(config.as_ref());
    let loaded = load_set(&folder, config.as_ref())?;
    let bad = |words: String| Failure::new(Exit::Data, words);
    let nth = find(&loaded.set, &args.title)?;
    let rules = loaded.set.rules();
    let (title, direction) = (&rules[nth].title, rules[nth].direction);
    let neighbour = neighbour(rules, nth, args.way)
        .ok_or_else(|| bad(format!("{title:?} is the {} of its direction already", args.way.end())))?;
    let ((file, from), (other, to)) = (place_of(&loaded.set, nth), place_of(&loaded.set, neighbour));
    if file != other {
        let (end, shown, next) = (args.way.end(), file.display(), &rules[neighbour].title);
        return Err(bad(format!(
            "{title:?} is the {end} in {shown}; {next:?} stands in {}, and files are looked at in the order of their names",
            other.display()
        )));
    }
    let source = source(&loaded, &file).ok_or_else(|| bad(format!("{} is gone", file.display())))?;
    let Some(blocks) = Blocks::of(source).ok().flatten() else {
        return Err(bad(format!("{} has no [[rule]] tables: what stands there is moved by hand", file.display())));
    };
    let text = blocks.moved(from, to);
    // The whole set, as it would be: nothing that does not fit is written, and nothing else has changed its place.
    let sources = loaded.sources.iter().map(|other| match other.path == file {
        true => Source { path: file.clone(), text: text.clone() },
        false => other.clone(),
    });
    let gateways = config.as_ref().map(Config::gateway_names);
    let moved = folder.of(sources.collect(), gateways.as_deref()).map_err(|why| Failure::new(Exit::Config, why))?;
    if !is_moved(rules, moved.set.rules(), nth, neighbour) {
        return Err(bad(format!("{} cannot be written in another order", file.display())));
    }
    put(&file, &text)?;
    let of_direction: Vec<_> = moved.set.rules().iter().filter(|rule| rule.direction == direction).collect();
    let at = of_direction.iter().position(|rule| rule.node == rules[nth].node).map_or(0, |at| at + 1);
    writeln!(out, "{title:?} is number {at} of {}; `martlet reload` puts it in force", of_direction.len())?;
    Ok(())
}

impl Way {
    /// Where it goes no further.
    fn end(self) -> &'static str {
        match self {
            Self::Up => "first",
            Self::Down => "last",
        }
    }
}

/// The next rule of the same direction.
fn neighbour(rules: &[Rule], nth: usize, way: Way) -> Option<usize> {
    let alike = |at: &usize| rules[*at].direction == rules[nth].direction;
    match way {
        Way::Up => (0..nth).rev().find(alike),
        Way::Down => (nth + 1..rules.len()).find(alike),
    }
}

/// Is it the same set with this one rule at its new place?
fn is_moved(before: &[Rule], after: &[Rule], from: usize, to: usize) -> bool {
    let mut wanted: Vec<_> = before.iter().map(|rule| &rule.node).collect();
    let one = wanted.remove(from);
    wanted.insert(to, one);
    after.iter().map(|rule| &rule.node).eq(wanted)
}

/// The rule of this title, or at this place.
fn find(set: &Ruleset, given: &str) -> Result<usize, Failure> {
    let rules = set.rules();
    let is_there = |rule: &Rule| {
        let (file, line) = rule.place.rsplit_once(':').unwrap_or((&rule.place, ""));
        let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy();
        rule.place == given || format!("{name}:{line}") == given
    };
    let mut found: Vec<usize> = (0..rules.len()).filter(|nth| rules[*nth].title == given).collect();
    if found.is_empty() {
        found.extend((0..rules.len()).filter(|nth| is_there(&rules[*nth])));
    }
    let bad = |words: String| Err(Failure::new(Exit::Data, words));
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            let hint = suggestion(given, rules.iter().map(|rule| rule.title.as_str()));
            bad(format!("there is no rule {given:?}{hint}"))
        }
        several => {
            let places: Vec<_> = several.iter().map(|nth| rules[*nth].place.as_str()).collect();
            bad(format!("several rules are called {given:?}; name one by its place: {}", places.join(", ")))
        }
    }
}

/// The file of a rule, and which of its rules it is.
fn place_of(set: &Ruleset, nth: usize) -> (PathBuf, usize) {
    let file = |rule: &Rule| rule.place.rsplit_once(':').map_or(rule.place.clone(), |(file, _)| file.to_owned());
    let own = file(&set.rules()[nth]);
    let before = set.rules()[..nth].iter().filter(|rule| file(rule) == own).count();
    (PathBuf::from(own), before)
}

fn source<'a>(loaded: &'a Loaded, file: &Path) -> Option<&'a Source> {
    loaded.sources.iter().find(|source| source.path == file)
}

/// Writes a file of rules whole or not at all, with the rights and the owner of the one that is there: a daemon may be
/// reading, and the power may fail.
pub(super) fn put(path: &Path, text: &str) -> Result<(), Failure> {
    let new = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut file = fs::File::create(&new)?;
        if let Ok(there) = fs::metadata(path) {
            use std::os::unix::fs::{MetadataExt as _, chown};
            file.set_permissions(there.permissions())?;
            let ours = file.metadata()?;
            if (ours.uid(), ours.gid()) != (there.uid(), there.gid()) {
                // An administrator's hand takes the file from nobody; where that is not allowed, it is ours.
                let _ = chown(&new, Some(there.uid()), Some(there.gid()));
            }
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => fs::File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(|why| {
        let _ = fs::remove_file(&new);
        Failure::new(Exit::CannotCreate, format!("cannot write {}: {why}", path.display()))
    })
}
