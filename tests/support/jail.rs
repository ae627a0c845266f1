//! A second MTA beside the one that is installed: as packages they exclude each other, so `tests/run` unpacks it into
//! `target/mta`, and it runs in a folder of its own that it takes for the whole machine (chroot): its users, its
//! configuration at its usual place, its spool. It needs root, as any MTA does.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    process::{Running, Scratch, run},
    root,
};

/// Who lives in the folder, beside root.
pub struct User {
    pub name: &'static str,
    pub id: u32,
    pub home: &'static str,
}

pub struct Jail(PathBuf);

/// Where a package was unpacked.
pub fn package(name: &str) -> PathBuf {
    root().join("target/mta").join(name)
}

impl Jail {
    /// The programs of the package with the libraries that they need, and the few files that every machine has.
    pub fn new(scratch: &Scratch, package_name: &str, programs: &[&str], users: &[User]) -> Self {
        let jail = Self(scratch.dir(package_name));
        for dir in ["etc", "bin", "dev", "tmp", "run", "var"] {
            fs::create_dir_all(jail.path(dir)).expect("a folder");
        }
        jail.mode("tmp", 0o1777);
        jail.write("dev/null", "");
        jail.mode("dev/null", 0o666);
        for program in programs {
            jail.copy(&package(package_name).join(program), program);
        }
        jail.copy(Path::new("/bin/sh"), "bin/sh");
        let mut passwd = "root:x:0:0::/:/bin/sh\n".to_owned();
        let mut group = "root:x:0:\n".to_owned();
        for User { name, id, home } in users {
            passwd += &format!("{name}:x:{id}:{id}::{home}:/bin/sh\n");
            group += &format!("{name}:x:{id}:\n");
            jail.folder(home.trim_start_matches('/'), *id);
        }
        jail.write("etc/passwd", &passwd);
        jail.write("etc/group", &group);
        jail.write("etc/hosts", "127.0.0.1 localhost\n");
        jail.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
        jail.write("etc/services", "smtp 25/tcp\nsmtps 465/tcp\nsubmission 587/tcp\ndomain 53/udp\n");
        jail
    }

    /// A place in it, as the machine outside sees it.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.0.join(inside)
    }

    pub fn write(&self, inside: &str, text: &str) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    }

    pub fn mode(&self, inside: &str, bits: u32) {
        fs::set_permissions(self.path(inside), fs::Permissions::from_mode(bits)).expect("chmod");
    }

    pub fn owner(&self, inside: &str, user: u32, group: u32) {
        chown(self.path(inside), Some(user), Some(group)).expect("chown");
    }

    pub fn folder(&self, inside: &str, owner: u32) {
        fs::create_dir_all(self.path(inside)).expect("a folder");
        self.owner(inside, owner, owner);
    }

    /// A program in it, as this user.
    pub fn command(&self, user: u32, program: &str) -> Command {
        let mut command = Command::new("chroot");
        command.arg(format!("--userspec={user}:{user}")).arg("--groups=").arg(&self.0).arg(program);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/bin");
        command
    }

    /// Starts it as root.
    pub fn start(&self, name: &str, program: &str, args: &[&str]) -> Running {
        let mut command = Command::new("chroot");
        command.arg(&self.0).arg(program).args(args);
        Running::start(name, &mut command, &self.path(&format!("{name}.out")))
    }

    /// Mails of this Maildir, in no order.
    pub fn maildir(&self, inside: &str) -> Vec<String> {
        let folders = ["new", "cur"].map(|f| self.path(inside).join(f));
        let files = folders.iter().filter_map(|f| fs::read_dir(f).ok()).flatten().flatten();
        files.filter_map(|f| fs::read(f.path()).ok()).map(|m| String::from_utf8_lossy(&m).into_owned()).collect()
    }

    fn copy(&self, from: &Path, inside: &str) {
        self.one(from, inside);
        let told = run(Command::new("ldd").arg(from));
        for library in told.split_whitespace().filter(|word| word.starts_with('/')) {
            let inside = library.trim_start_matches('/');
            if !self.path(inside).exists() {
                self.one(Path::new(library), inside);
            }
        }
    }

    fn one(&self, from: &Path, inside: &str) {
        let to = self.path(inside);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(from, &to).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    }
}
