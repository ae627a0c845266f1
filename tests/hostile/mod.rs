//! Hostile peers at the real daemon: at its mail doors, at its HTTP door, behind its gateways, on its phones. In each test nothing
//! goes where it must not, others are served, and the daemon's memory grows by no more than 32 MiB.

mod bombs;
mod bytes;
mod crowds;
mod floods;
mod injection;
mod web;

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::PathBuf,
};

use libtest_mimic::Trial;

use crate::support::{
    memory::Memory,
    process::{DEADLINE, until},
    run_async,
    sink::Answer,
    talk::{Identity, Reply},
    world::{ALICE, PHONE, Plan, World},
};

pub fn trials() -> Vec<Trial> {
    [bytes::trials(), crowds::trials(), floods::trials(), bombs::trials(), injection::trials(), web::trials()]
        .into_iter()
        .flatten()
        .collect()
}

const TO: &str = "+12015550123?id=main@sms.example.test";
/// It belongs to no password that anybody knows.
const NOBODYS: &str =
    "password = \"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4\"\nvalue = true";

/// A daemon with a door of each kind.
fn daemon() -> Plan {
    let plan = Plan::new().answering(|_| Answer::Say(200, "OK 1".into()));
    let (dir, identity) = (plan.dir(), Identity::new("mx.example.test", &["mx.example.test"]));
    std::fs::write(dir.join("cert.pem"), &identity.cert_pem).expect("written");
    std::fs::write(dir.join("key.pem"), &identity.key_pem).expect("written");
    plan.keys("[http]", "timeout = \"3s\"")
        .smtp("tls = { cert = \"cert.pem\", key = \"key.pem\" }")
        .account(ALICE, NOBODYS)
}

/// Started, with everything in memory that a daemon has that has worked: numbers of a country, buffers, statements.
fn warm(plan: Plan) -> World {
    let world = plan.start();
    world.text(TO, "warm");
    world.provider.seen.wait("the first text", |r| r.value("text") == "warm");
    assert_eq!(world.martlet.phone("POST", PHONE, "warm").expect("a call").0, 200);
    world.mails.seen.wait("the first mail", |_| true);
    world
}

fn memory(world: &World) -> Memory {
    Memory::of(world.martlet.pid())
}

/// One of Alice's mails.
fn hand_over(world: &World, data: &str) -> Reply {
    world.send(ALICE, &[TO], data).pop().expect("an answer")
}

/// Whoever behaves is served, now.
fn serves(world: &World, text: &str) {
    world.text(TO, text);
    world.provider.seen.wait(text, |r| r.value("text") == text);
    assert_eq!(world.martlet.phone("POST", PHONE, text).expect("a call").0, 200, "{text}");
}

fn control(world: &World) -> PathBuf {
    world.dir.join("data/control.sock")
}

/// Texts that went out behind the first one.
fn sent(world: &World) -> Vec<String> {
    world.provider.seen.all().iter().skip(1).map(|r| r.value("text").to_owned()).collect()
}

/// Each line of the log is one of its own: nothing from outside has begun one.
fn log_is_sound(world: &World) {
    let log = world.martlet.log();
    let (_, told) = log.split_once(" ready ").expect("a line ready");
    let strange = told.lines().skip(1).find(|line| !line.starts_with("20") || line.contains('\u{1b}'));
    assert_eq!(strange, None, "a line that is nobody's");
}

/// A connection from another address of loopback, so that limits for each peer tell it from ours.
fn from(host: u8, port: u16) -> TcpStream {
    let to = SocketAddr::from(([127, 0, 0, 1], port));
    let stream = run_async(async move {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0))).expect("an address of loopback");
        socket.connect(to).await.expect("connected").into_std().expect("a stream")
    });
    stream.set_nonblocking(false).expect("a socket option");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket option");
    stream.set_write_timeout(Some(DEADLINE)).expect("a socket option");
    stream
}

/// What it says until it hangs up, or nothing more comes.
fn rest(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}

/// Writes as far as the other side takes it.
fn push(stream: &mut TcpStream, octets: &[u8]) {
    let _ = stream.write_all(octets);
}

fn closed(stream: &mut TcpStream) {
    until("the end of a connection", || (!matches!(stream.read(&mut [0; 4096]), Ok(n) if n > 0)).then_some(()));
}
