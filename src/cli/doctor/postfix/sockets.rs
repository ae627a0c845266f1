//! Sockets between Postfix and Martlet: where they lie, and whether Postfix's user can reach them.
//!
//! What can go wrong: a service in a chroot sees another file system; one folder on the way is closed to him.

use std::{
    ffi::CString,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{Findings, PART, Postfix};

impl Postfix {
    /// Where a socket of a transport lies in the whole file system.
    pub(super) fn resolved(&self, service: &str, path: &str) -> PathBuf {
        let (path, queue) = (Path::new(path), Path::new(self.parameter("queue_directory")));
        match path.strip_prefix("/") {
            Err(_) => queue.join(path),
            Ok(inside) if self.in_chroot(service) => queue.join(inside),
            Ok(_) => path.to_owned(),
        }
    }

    fn in_chroot(&self, service: &str) -> bool {
        let line = self
            .services
            .iter()
            .find(|words| matches!(words.as_slice(), [name, kind, ..] if name == service && kind == "unix"));
        match line.and_then(|words| words.get(4)).map(String::as_str) {
            Some("y") => true,
            // The default was yes before compatibility level 1.
            Some("-") => self.parameter("compatibility_level") == "0",
            _ => false,
        }
    }

    /// Postfix's own user must be able to pass every folder and write to the socket.
    pub(super) fn may_connect(&self, socket: &Path, found: &mut Findings) {
        let owner = self.parameter("mail_owner");
        let Some(user) = Identity::of(owner) else {
            return found.bad(PART, format!("there is no user {owner} (mail_owner)"), "install Postfix whole");
        };
        let shown = socket.display();
        let mut folders: Vec<&Path> = socket.ancestors().skip(1).collect();
        folders.reverse();
        for folder in folders {
            match std::fs::metadata(folder) {
                Ok(meta) if user.may(&meta, 1) => {}
                Ok(meta) => {
                    let words = format!(
                        "{owner} cannot pass {} (mode {:03o}) on the way to {shown}",
                        folder.display(),
                        meta.mode() & 0o777
                    );
                    return found.bad(PART, words, format!("chgrp {owner} {0} && chmod g+x {0}", folder.display()));
                }
                Err(why) => {
                    let words = format!("{}: {why}", folder.display());
                    return found.bad(
                        PART,
                        words,
                        format!("install -d -g {owner} -m 0750 {}, owned by Martlet's user", folder.display()),
                    );
                }
            }
        }
        match std::fs::metadata(socket) {
            Ok(meta) if user.may(&meta, 2) => found.well(PART, format!("{owner} may connect to {shown}")),
            Ok(meta) => {
                let words = format!(
                    "{owner} may not connect to {shown} (mode {:03o}, group {})",
                    meta.mode() & 0o777,
                    meta.gid()
                );
                found.bad(PART, words, format!("group = \"{owner}\" and mode = \"0660\" in that [[listener]]"));
            }
            Err(_) => found.skipped(PART, format!("{shown} is not there: the daemon does not run")),
        }
    }
}

/// A user with all his groups.
struct Identity {
    uid: u32,
    groups: Vec<u32>,
}

impl Identity {
    fn of(name: &str) -> Option<Self> {
        let user = nix::unistd::User::from_name(name).ok().flatten()?;
        let all = nix::unistd::getgrouplist(&CString::new(name).ok()?, user.gid).ok()?;
        Some(Self { uid: user.uid.as_raw(), groups: all.into_iter().map(nix::unistd::Gid::as_raw).collect() })
    }

    /// Has he this right (4 read, 2 write, 1 pass) by the file's mode?
    fn may(&self, meta: &std::fs::Metadata, right: u32) -> bool {
        let shift = if meta.uid() == self.uid {
            6
        } else if self.groups.contains(&meta.gid()) {
            3
        } else {
            0
        };
        self.uid == 0 || meta.mode() >> shift & right == right
    }
}
