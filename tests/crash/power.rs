//! A power cut: the data folder as it would be found, made of what `powercut.c` says was durable when the daemon died.
//!
//! What was written since the last sync is dropped, or a random part of it is kept, page by page or sector by sector
//! (a disk writes in whatever order it likes); the same for names that their folder's sync had not made durable.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::dice::Dice;
use crate::support::preload::library;

/// What of the unsynced outlives the cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    Everything,
    /// Each piece of so many octets has gone to the disk or has not.
    Pieces(usize),
}

impl Loss {
    pub fn drawn(dice: &mut Dice) -> Self {
        [Self::Everything, Self::Pieces(4096), Self::Pieces(512)][dice.below(3)]
    }
}

/// Which syncs of the daemon reach the disk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Syncs {
    All,
    /// As if SQLite ran with `synchronous=NORMAL`.
    Late,
    /// As if it ran with `synchronous=OFF`.
    None,
}

/// The disk under one data folder.
pub struct Disk {
    data: PathBuf,
    state: PathBuf,
    syncs: Syncs,
}

struct Name {
    path: String,
    /// Numbers of images; 0 is none.
    kept: usize,
    live: usize,
}

impl Disk {
    /// `folder` holds the data folder of the configuration.
    pub fn under(folder: &Path, syncs: Syncs) -> Self {
        let folder = folder.canonicalize().expect("the test's folder");
        Self { data: folder.join("data"), state: folder.join("disk"), syncs }
    }

    /// A fresh state; the environment of a daemon whose power goes at operation `at` (0: never), or `more` operations
    /// after SIGUSR1.
    pub fn environment(&self, at: usize, more: usize) -> Vec<(String, String)> {
        let _ = fs::remove_dir_all(&self.state);
        fs::create_dir_all(&self.state).expect("a folder");
        let mode = match self.syncs {
            Syncs::All => "sync",
            Syncs::Late => "late",
            Syncs::None => "never",
        };
        let path = |path: &Path| path.to_str().expect("a path of the test's own").to_owned();
        [
            ("LD_PRELOAD", path(&library("crash/powercut.c"))),
            ("POWERCUT_DATA", path(&self.data)),
            ("POWERCUT_STATE", path(&self.state)),
            ("POWERCUT_AT", at.to_string()),
            ("POWERCUT_MORE", more.to_string()),
            ("POWERCUT_MODE", mode.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// The daemon is dead: what is found when the power comes back. Whether it was in the middle of a checkpoint: the
    /// database held something unsynced.
    pub fn cut(&self, loss: Loss, dice: &mut Dice) -> bool {
        // Without the table it died before it had touched anything.
        let Some((root, names)) = self.names() else { return false };
        let database = names.iter().find(|name| name.path == "martlet.db" && name.live != 0);
        let real = fs::read(self.data.join("martlet.db")).unwrap_or_default();
        let checkpoint = database.is_some_and(|name| self.image(name.live) != real);
        let mut survives = |certain: bool| certain || (loss != Loss::Everything && dice.below(2) == 0);
        let found = survives(root).then(|| {
            let of_name = |name: &Name| {
                let image = if survives(name.kept == name.live) { name.live } else { name.kept };
                (image != 0).then(|| (name.path.clone(), image, image == name.live))
            };
            names.iter().filter_map(of_name).collect::<Vec<_>>()
        });
        let found = found.map(|files| {
            let content = |(path, image, live): (String, usize, bool)| {
                let durable = self.image(image);
                let content = match (live, loss) {
                    (true, Loss::Pieces(size)) => {
                        mixed(durable, &fs::read(self.data.join(&path)).expect("a file"), size, dice)
                    }
                    _ => durable,
                };
                (path, content)
            };
            files.into_iter().map(content).collect::<Vec<_>>()
        });
        let _ = fs::remove_dir_all(&self.data);
        for (path, content) in found.into_iter().flatten() {
            let path = self.data.join(path);
            let folder = path.parent().expect("a folder");
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).expect("a folder");
            let mut options = fs::File::options();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&path).expect("a file");
            std::io::Write::write_all(&mut file, &content).expect("written");
        }
        checkpoint
    }

    /// After a clean end: the model has seen every write, for what is durable is what is there.
    pub fn has_seen_everything(&self) {
        let unseen = fs::read_to_string(self.state.join("unseen")).unwrap_or_default();
        assert!(unseen.is_empty(), "powercut.c does not model {unseen}");
        let (root, names) = self.names().expect("the library was loaded");
        assert!(root, "the data folder itself is not durable: its own folder was never synced");
        let database = names.iter().find(|n| n.path == "martlet.db").expect("a database");
        assert!(database.kept != 0 && database.kept == database.live, "the name of the database is not durable");
        for name in names.iter().filter(|n| n.kept == n.live) {
            let (durable, there) = (self.image(name.live), fs::read(self.data.join(&name.path)).expect("a file"));
            assert!(durable == there, "{} differs from its durable image behind a clean end", name.path);
        }
        assert!(fs::metadata(self.data.join("martlet.db")).expect("a database").len() > 100_000);
    }

    fn image(&self, number: usize) -> Vec<u8> {
        fs::read(self.state.join(format!("image{number}"))).expect("an image")
    }

    fn names(&self) -> Option<(bool, Vec<Name>)> {
        let table = fs::read_to_string(self.state.join("names")).ok()?;
        let mut lines = table.lines();
        let root = lines.next()? == "root 1";
        let name = |line: &str| {
            let mut words = line.splitn(3, ' ');
            let mut number = || words.next().and_then(|n| n.parse().ok()).expect("a number");
            let (kept, live) = (number(), number());
            Name { path: words.next().expect("a name").to_owned(), kept, live }
        };
        Some((root, lines.map(name).collect()))
    }
}

/// The durable octets with pieces of what is really there among them.
fn mixed(mut durable: Vec<u8>, real: &[u8], piece: usize, dice: &mut Dice) -> Vec<u8> {
    if real.len() < durable.len() && dice.below(2) == 0 {
        durable.truncate(real.len());
    }
    for (n, new) in real.chunks(piece).enumerate() {
        let (from, to) = (n * piece, n * piece + new.len());
        if durable.get(from..to) == Some(new) || dice.below(2) == 0 {
            continue;
        }
        if durable.len() < to {
            durable.resize(to, 0);
        }
        durable[from..to].copy_from_slice(new);
    }
    durable
}
