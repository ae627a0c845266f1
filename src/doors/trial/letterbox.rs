//! The mailbox of a trial: mails in a folder, one file each, and in memory as far as pages show them.
//!
//! A mail is on the disk before it is answered with 250. Files are mails as any mail client reads them; the fields that
//! this module needs stand in front (`Delivered-To`, `X-Martlet-Texts`). Old mails make room for new ones. What can go
//! wrong: a folder that cannot be written; then the mail is not taken, and comes again.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::letters::{Letter, read};
use crate::ground::{Clock, MessageId, Timestamp};

/// Mails that are kept.
pub const KEPT: usize = 500;
const DELIVERED: &str = "Delivered-To: ";
const WRITTEN: &str = "X-Martlet-Written-By: ";
const TEXTS: &str = "X-Martlet-Texts: ";

/// The mailbox; cheap to clone, all clones are the same.
#[derive(Clone)]
pub struct Letterbox(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    clock: Clock,
    letters: Mutex<Vec<Letter>>,
    /// Taken while one mail is written: numbers are given in the order of files.
    turn: tokio::sync::Mutex<u64>,
    version: watch::Sender<u64>,
}

impl Letterbox {
    /// Opens the folder, made if it is not there, and reads what an earlier run kept.
    pub fn open(folder: PathBuf, clock: Clock) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let mut letters = Vec::new();
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if let Some((n, at)) = named(&path) {
                letters.extend(parse(n, at, &std::fs::read(&path)?));
            }
        }
        letters.sort_by_key(|letter: &Letter| letter.n);
        let last = letters.last().map_or(0, |letter| letter.n);
        let inner = Inner {
            folder,
            clock,
            letters: Mutex::new(letters),
            turn: tokio::sync::Mutex::new(last),
            version: watch::Sender::new(0),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Every mail, oldest first.
    pub fn read(&self) -> Vec<Letter> {
        self.letters().clone()
    }

    /// One mail as it is in its file.
    pub fn raw(&self, n: u64) -> io::Result<Vec<u8>> {
        let at = self.letters().iter().find(|letter| letter.n == n).map(|letter| letter.at);
        let at = at.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        std::fs::read(self.0.folder.join(name(n, at)))
    }

    /// Wakes at each new mail.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.version.subscribe()
    }

    /// Keeps a mail that Martlet sent to `mailbox`; `Ok` means that it is on the disk.
    pub async fn deliver(&self, mailbox: &str, data: &[u8]) -> io::Result<()> {
        self.keep(format!("{DELIVERED}{mailbox}\r\n"), data).await
    }

    /// Keeps a mail that was handed to Martlet, with the texts that it became.
    pub async fn written(&self, sender: &str, texts: &[MessageId], data: &[u8]) -> io::Result<()> {
        if self.letters().iter().any(|letter| letter.texts == texts) {
            // The same mail was handed in again and recognised.
            return Ok(());
        }
        let ids: Vec<String> = texts.iter().map(ToString::to_string).collect();
        self.keep(format!("{WRITTEN}{sender}\r\n{TEXTS}{}\r\n", ids.join(" ")), data).await
    }

    async fn keep(&self, head: String, data: &[u8]) -> io::Result<()> {
        let mut turn = self.0.turn.lock().await;
        let (n, at) = (*turn + 1, self.0.clock.now());
        let file = [head.as_bytes(), data].concat();
        let letter = parse(n, at, &file).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        let path = self.0.folder.join(name(n, at));
        let wrote = tokio::task::spawn_blocking(move || write(&path, &file)).await;
        wrote.map_err(io::Error::other)??;
        *turn = n;
        let gone = {
            let mut letters = self.letters();
            letters.push(letter);
            let over = letters.len().saturating_sub(KEPT);
            letters.drain(..over).map(|letter| name(letter.n, letter.at)).collect::<Vec<_>>()
        };
        for name in gone {
            // A file that stays only takes room; the next start reads it again.
            let _ = tokio::fs::remove_file(self.0.folder.join(name)).await;
        }
        self.0.version.send_modify(|version| *version = version.wrapping_add(1));
        Ok(())
    }

    fn letters(&self) -> MutexGuard<'_, Vec<Letter>> {
        self.0.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(n: u64, at: Timestamp) -> String {
    format!("{n:06}-{}.eml", at.0)
}

fn named(path: &Path) -> Option<(u64, Timestamp)> {
    let (n, at) = path.file_name()?.to_str()?.strip_suffix(".eml")?.split_once('-')?;
    Some((n.parse().ok()?, Timestamp(at.parse().ok()?)))
}

/// A whole file or none: written beside, synced, renamed.
fn write(path: &Path, octets: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let beside = path.with_extension("part");
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(octets)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    match path.parent() {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// A file of ours; `None`: it is not.
fn parse(n: u64, at: Timestamp, file: &[u8]) -> Option<Letter> {
    let (mailbox, rest) = field(file, DELIVERED).map_or((None, file), |(value, rest)| (Some(value), rest));
    if let Some(mailbox) = mailbox {
        return Some(read(n, at, &mailbox, rest, Vec::new(), false));
    }
    let (sender, rest) = field(file, WRITTEN)?;
    let (texts, rest) = field(rest, TEXTS)?;
    let texts = texts.split(' ').filter_map(|id| id.parse().ok()).collect();
    Some(read(n, at, &sender, rest, texts, true))
}

fn field<'a>(file: &'a [u8], name: &str) -> Option<(String, &'a [u8])> {
    let rest = file.strip_prefix(name.as_bytes())?;
    let end = rest.windows(2).position(|two| two == b"\r\n")?;
    let (value, rest) = rest.split_at(end);
    Some((String::from_utf8(value.to_vec()).ok()?, rest.get(2..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doors::trial::letters::Kind;

    #[tokio::test]
    async fn mails_are_there_again_after_a_start() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("mails");
        let (clock, _hand) = Clock::manual(Timestamp(1_795_000_000_000));
        let letterbox = Letterbox::open(folder.clone(), clock.clone()).expect("opens");
        let texts = [MessageId::new(), MessageId::new()];
        letterbox.written("alice@example.test", &texts, b"Subject: one\r\n\r\nhi\r\n").await.expect("kept");
        letterbox.deliver("alice@example.test", b"Subject: two\r\n\r\nyes\r\n").await.expect("kept");
        assert_eq!(*letterbox.changes().borrow(), 2);
        for letterbox in [letterbox, Letterbox::open(folder.clone(), clock).expect("opens")] {
            let letters = letterbox.read();
            let seen: Vec<_> = letters.iter().map(|l| (l.n, l.kind, l.subject.as_str(), l.words.as_str())).collect();
            assert_eq!(seen, [(1, Kind::Written, "one", "hi"), (2, Kind::Reply, "two", "yes")]);
            assert_eq!((letters[0].texts.as_slice(), letters[0].mailbox.as_str()), (&texts[..], "alice@example.test"));
            assert!(letterbox.raw(2).expect("its file").ends_with(b"yes\r\n"));
            assert!(letterbox.raw(3).is_err());
        }
        std::fs::write(folder.join("000009-1.eml"), "something else").expect("written");
        std::fs::write(folder.join("notes.txt"), "mine").expect("written");
        assert_eq!(
            Letterbox::open(folder, Clock::system()).expect("opens").read().len(),
            2,
            "others' files are left alone"
        );
    }

    #[tokio::test]
    async fn old_mails_make_room() {
        let dir = tempfile::tempdir().expect("a folder");
        let letterbox = Letterbox::open(dir.path().to_owned(), Clock::system()).expect("opens");
        for n in 0..KEPT + 3 {
            letterbox.deliver("a@example.test", format!("Subject: {n}\r\n\r\nx\r\n").as_bytes()).await.expect("kept");
        }
        let letters = letterbox.read();
        assert_eq!((letters.len(), letters[0].n, letters[0].subject.as_str()), (KEPT, 4, "3"));
        assert_eq!(std::fs::read_dir(dir.path()).expect("the folder").count(), KEPT);
    }
}
