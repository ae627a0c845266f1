//! Floods of connections that say nothing or next to nothing, at every door and from many addresses, while others are served.

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use libtest_mimic::Trial;
use tokio::{io::AsyncWriteExt, net::TcpSocket};

use super::{daemon, log_is_sound, memory, serves, warm};
use crate::support::{
    http::call,
    process::{free_port, until},
    run_async, trial,
};

pub fn trials() -> Vec<Trial> {
    vec![trial("hostile: floods of half-open connections at every door, others are served meanwhile", floods)]
}

/// Connections that a flood keeps open at each door: more than there are places for.
const OPEN: usize = 110;
/// Addresses that they come from.
const HOSTS: usize = 8;

/// Opens one connection after the other at each door, until it is told to stop.
async fn flood(doors: Vec<(u16, &'static [u8])>, stop: Arc<AtomicBool>, opened: Arc<AtomicUsize>) {
    let mut open: Vec<VecDeque<tokio::net::TcpStream>> = doors.iter().map(|_| VecDeque::new()).collect();
    for n in 0.. {
        for ((port, words), open) in doors.iter().zip(&mut open) {
            if stop.load(Ordering::SeqCst) {
                return;
            }
            let host = Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(n % HOSTS).expect("few"));
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.bind(SocketAddr::from((host, 0))).expect("an address of loopback");
            let Ok(mut peer) = socket.connect(SocketAddr::from(([127, 0, 0, 1], *port))).await else { continue };
            // Whoever is cut off already has nothing to say.
            let _ = peer.write_all(words).await;
            open.push_back(peer);
            if open.len() > OPEN {
                open.pop_front();
            }
            opened.fetch_add(1, Ordering::SeqCst);
        }
    }
}

fn floods() {
    let smtps = free_port();
    let more = format!(
        "[limits]\nconnections = 150\n[[listener]]\nprotocol = \"smtp\"\nbind = \"127.0.0.1:{smtps}\"\n\
         tls = {{ cert = \"cert.pem\", key = \"key.pem\", implicit = true }}\n"
    );
    let world = warm(daemon().keys("[http]", "timeout = \"60s\"\nconnections = 40").tables(&more));
    let memory = memory(&world);
    let doors: Vec<(u16, &'static [u8])> = vec![
        (world.lmtp, b""),
        (world.smtp, b"EHLO x\r\nSTARTTLS\r\n\x16\x03\x01\x02\x00\x01"),
        (smtps, b"\x16\x03\x01\x02\x00\x01"),
        (world.martlet.http, b""),
        (world.martlet.http, b"POST /sms/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nnumber"),
    ];
    let (stop, opened) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let flooding = std::thread::spawn({
        let (stop, opened) = (stop.clone(), opened.clone());
        move || run_async(flood(doors, stop, opened))
    });
    // All places of all doors are wanted by now, and go on being wanted.
    for round in 1..=8 {
        let enough = 400 * round;
        until("the flood to go on", || (opened.load(Ordering::SeqCst) >= enough).then_some(()));
        serves(&world, &format!("in the flood {round}"));
        assert!(world.martlet.json(&["gateways"]).is_array(), "the control socket, too");
        assert_eq!(call(world.martlet.http, "GET", "/readyz", "").expect("readyz").0, 200);
    }
    stop.store(true, Ordering::SeqCst);
    flooding.join().expect("the flood");
    assert!(opened.load(Ordering::SeqCst) >= 3_200);
    serves(&world, "when it is over");
    memory.is_small("floods");
    let log = world.martlet.log();
    assert!(log.contains("all connections are taken") && log.contains("TooMany"), "it is said");
    log_is_sound(&world);
}
