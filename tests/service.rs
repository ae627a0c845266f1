//! The daemon under systemd: what it tells, and whether the unit is one.

use std::{os::unix::net::UnixDatagram, process::Command};

use libtest_mimic::Trial;

use crate::support::{
    Needs,
    process::{DEADLINE, Scratch, signal},
    root, trial, trial_with,
    world::{ALICE, Plan},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("service: it tells when it is ready, reloads, and stops", told),
        trial_with("service: systemd reads the unit without a complaint", &[Needs::Systemd], unit),
    ]
}

/// A datagram with these words in its lines.
fn heard(socket: &UnixDatagram, words: &[&str]) {
    let mut buffer = [0; 1024];
    let said = socket.recv(&mut buffer).unwrap_or_else(|why| panic!("waited in vain for {words:?}: {why}"));
    let said = String::from_utf8_lossy(&buffer[..said]).into_owned();
    assert!(words.iter().all(|word| said.lines().any(|line| line.starts_with(word))), "{words:?}: {said}");
}

fn told() {
    let scratch = Scratch::new();
    let place = scratch.path().join("notify");
    let socket = UnixDatagram::bind(&place).expect("a socket");
    socket.set_read_timeout(Some(DEADLINE)).expect("a socket option");
    let mut world = Plan::new().account(ALICE, "").prepare();
    let martlet = &mut world.martlet;
    martlet.serve_env = vec![("NOTIFY_SOCKET".to_owned(), place.display().to_string())];
    martlet.restart();
    heard(&socket, &["READY=1"]);
    signal("HUP", &martlet.pid().to_string());
    heard(&socket, &["RELOADING=1", "MONOTONIC_USEC="]);
    heard(&socket, &["READY=1"]);
    martlet.stop();
    heard(&socket, &["STOPPING=1"]);
}

fn unit() {
    let scratch = Scratch::new();
    let unit = std::fs::read_to_string(root().join("config/martlet.service")).expect("the unit");
    let program = env!("CARGO_BIN_EXE_martlet");
    // The place of the program is all that differs here.
    let unit = unit.replace("/usr/bin/martlet", program);
    assert_eq!(unit.matches(program).count(), 3);
    let path = scratch.path().join("martlet.service");
    std::fs::write(&path, &unit).expect("written");
    let verify = |path: &std::path::Path| {
        let done = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(path).output().expect("it runs");
        (String::from_utf8_lossy(&done.stderr).into_owned() + &String::from_utf8_lossy(&done.stdout), done.status)
    };
    let (said, status) = verify(&path);
    let about: Vec<_> = said.lines().filter(|line| line.contains("martlet")).collect();
    assert!(status.success() && about.is_empty(), "{said}");
    // What `systemd-analyze security` finds open, of ten: the network and the groups of others, which it needs.
    let exposed = |path: &std::path::Path| {
        let words = ["security", "--offline=yes", "--no-pager", "--threshold=15"];
        Command::new("systemd-analyze").args(words).arg(path).output().expect("it runs")
    };
    let open = exposed(&path);
    assert!(open.status.success(), "{}", String::from_utf8_lossy(&open.stdout));
    // Sockets are given to groups: what is denied as a whole must be allowed again behind it.
    let denied = unit.find("SystemCallFilter=~@privileged").expect("the filter");
    let groups = Command::new("systemd-analyze").args(["syscall-filter", "@privileged"]).output().expect("it runs");
    assert!(String::from_utf8_lossy(&groups.stdout).contains("@chown"), "then the line is no longer needed");
    assert!(unit[denied..].contains("\nSystemCallFilter=@chown\n"), "a listener with a group would end the daemon");
    // It would complain.
    std::fs::write(
        &path,
        unit.replace("ProtectSystem=strict", "ProtectSystem=no").replace("CapabilityBoundingSet=\n", ""),
    )
    .expect("written");
    assert!(!exposed(&path).status.success(), "systemd-analyze sees no opening");
    std::fs::write(&path, unit.replace("ProtectClock=yes", "ProtectClock=maybe")).expect("written");
    assert!(verify(&path).0.contains("Failed to parse boolean value"), "systemd-analyze sees nothing");
}
