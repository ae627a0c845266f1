//! Many at once, and slow ones: recipients by the thousand, connections that say next to nothing, mails that never end.

use std::{
    io::Write,
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use libtest_mimic::Trial;

use super::{ALICE, TO, closed, control, daemon, from, memory, push, rest, serves, warm};
use crate::support::{http::call, process::pause, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("hostile: thousands of recipients", recipients),
        trial("hostile: slow ones at every door do not keep others out", slow),
        trial("hostile: a flood of connections that say nothing", silent),
        trial("hostile: a crowd of mails that never end", endless),
    ]
}

fn recipients() {
    let world = warm(daemon());
    let memory = memory(&world);
    let mut peer = from(1, world.lmtp);
    push(&mut peer, format!("LHLO mx.example.test\r\nMAIL FROM:<{ALICE}>\r\n").as_bytes());
    let mut reader = peer.try_clone().expect("a handle");
    let answers = std::thread::spawn(move || rest(&mut reader));
    for n in 0..5_000 {
        push(&mut peer, format!("RCPT TO:<+1201555{n:04}@sms.example.test>\r\n").as_bytes());
    }
    push(&mut peer, b"RSET\r\nQUIT\r\n");
    let said = answers.join().expect("the answers");
    let count = |code: &str| said.lines().filter(|line| line.starts_with(code)).count();
    assert_eq!(count("250 2.1.5"), 1_000, "as many as one mail may have");
    assert!(count("452 4.5.3") > 0, "{}", said.lines().last().unwrap_or_default());
    serves(&world, "after the crowd");
    memory.is_small("5,000 recipients");
}

/// Says one octet of `words` after the other, slowly, until it is cut off.
fn dribble(mut peer: impl Write, words: &'static [u8], stop: &AtomicBool) {
    for octet in words.iter().cycle() {
        if stop.load(Ordering::SeqCst) || peer.write_all(&[*octet]).is_err() {
            return;
        }
        pause(Duration::from_millis(100));
    }
}

fn slow() {
    let world = warm(daemon().tables("[limits]\nsession = \"4s\"\nidle = \"3s\"\nper_peer = 60\n"));
    let memory = memory(&world);
    let stop = Arc::new(AtomicBool::new(false));
    let doors: [(u16, &[u8]); 3] = [
        (world.lmtp, b"LHLO x\r\nMAIL FROM:<>\r\nNOOP and so on and on and on\r\n"),
        (world.smtp, b"EHLO x\r\nNOOP and so on and on and on\r\n"),
        (world.martlet.http, b"GET /sms/?number=1 HTTP/1.1\r\nX-Slow: and slower\r\nX-More: and more"),
    ];
    let mut threads = Vec::new();
    for (port, words) in doors {
        for _ in 0..40 {
            let (peer, stop) = (from(2, port), Arc::clone(&stop));
            threads.push(std::thread::spawn(move || dribble(peer, words, &stop)));
        }
    }
    for _ in 0..40 {
        let (peer, stop) = (UnixStream::connect(control(&world)).expect("the control socket"), Arc::clone(&stop));
        threads.push(std::thread::spawn(move || dribble(peer, b"{\"queue\": and so on", &stop)));
    }
    serves(&world, "while they dribble");
    assert!(world.martlet.json(&["gateways"]).is_array(), "the control socket, too");
    // A body that never comes ends too.
    let mut peer = from(2, world.martlet.http);
    push(&mut peer, b"POST /sms/deliver.html HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nid=main");
    assert!(rest(&mut peer).contains("408"), "a body that never comes");
    // By their rules all of them end, whatever they say.
    for thread in threads {
        thread.join().expect("somebody slow");
    }
    assert!(!stop.load(Ordering::SeqCst), "they were cut off");
    serves(&world, "when they are gone");
    memory.is_small("slow ones");
}

fn silent() {
    let world = warm(daemon().tables("[limits]\nidle = \"5s\"\nper_peer = 100\nconnections = 150\n"));
    let memory = memory(&world);
    let mut crowd: Vec<_> = (0..400u32)
        .map(|n| from(2 + u8::try_from(n % 4).expect("small"), if n % 2 == 0 { world.lmtp } else { world.smtp }))
        .collect();
    let mut web: Vec<_> = (0..300).map(|_| from(2, world.martlet.http)).collect();
    memory.is_small("silent connections");
    assert_eq!(crowd.iter_mut().map(closed).count(), 400, "each is told to go, or cut off");
    web.iter_mut().for_each(closed);
    serves(&world, "when they are gone");
    // Half of a handshake, and gone.
    for n in 0..200 {
        let mut peer = from(3, world.smtp);
        push(&mut peer, b"EHLO x\r\nSTARTTLS\r\n\x16\x03\x01\x02\x00\x01");
        if n % 2 == 0 {
            drop(peer);
        } else {
            crowd.push(peer);
        }
        if crowd.len() > 450 {
            crowd.truncate(400);
        }
    }
    drop(crowd);
    serves(&world, "after the handshakes");
    assert_eq!(call(world.martlet.http, "GET", "/readyz", "").expect("readyz").0, 200);
    memory.is_small("half-open connections");
}

fn endless() {
    let world = warm(daemon().tables("[limits]\nper_peer = 80\n"));
    let memory = memory(&world);
    let line = format!("{}\r\n", "x".repeat(998));
    let mebibyte = line.repeat(1_049);
    let mut crowd = Vec::new();
    for _ in 0..64 {
        let mut peer = from(2, world.lmtp);
        push(
            &mut peer,
            format!("LHLO mx.example.test\r\nMAIL FROM:<{ALICE}>\r\nRCPT TO:<{TO}>\r\nDATA\r\nSubject: x\r\n\r\n")
                .as_bytes(),
        );
        push(&mut peer, mebibyte.as_bytes());
        crowd.push(peer);
    }
    serves(&world, "between the endless");
    memory.is_small("64 MiB of mails that do not end");
    // Those that end get an answer: taken, or told to come again.
    for peer in &mut crowd {
        push(peer, b"\r\n.\r\nQUIT\r\n");
        let said = rest(peer);
        let verdict = said.lines().rev().nth(1).unwrap_or_default().to_owned();
        assert!(verdict.starts_with("452 4.3.1") || verdict.starts_with("550 5.7.1"), "{said}");
    }
    serves(&world, "after the endless");
    memory.is_small("the end of 64 MiB of mails");
}
