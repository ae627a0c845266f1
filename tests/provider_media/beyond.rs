//! Pictures by a proxy, where names alone say who may be asked; and so many of them at once that memory has to be minded.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::STANDARD};
use libtest_mimic::Trial;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use super::{JPEG, Pictures, compare, kind, mail, opened, picture, say, sent};
use crate::{
    provider_gateway::{PHONE, SID, World, app_calls, smsgate_settings},
    support::{
        Needs,
        memory::Memory,
        process::{Scratch, until},
        say as tell,
        sink::{Provider, Seen},
        talk::Identity,
        trial, trial_with,
    },
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial_with("media: by a proxy, where names alone count", &[Needs::Signers], by_proxy),
        trial_with("media: a flood of pictures that are fetched takes no memory", &[Needs::Signers], fetched_flood),
        trial("media: a flood of pictures within calls takes no memory", inline_flood),
    ]
}

/// The head of a request, as far as it comes.
fn head(stream: &mut impl Read) -> String {
    let (mut head, mut octet) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut octet).is_ok_and(|n| n == 1) {
        head.push(octet[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// An HTTPS server of many names, and a proxy by which every name leads to it. What each was asked.
fn behind_a_proxy(identity: &Identity) -> (u16, Seen<String>, Seen<String>) {
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.clone()], identity.key.clone_key())
        .expect("a certificate");
    let (config, secure) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").expect("a port"));
    let behind = secure.local_addr().expect("an address").port();
    let (requests, tunnels) = (Seen::new(), Seen::new());
    let list = requests.clone();
    std::thread::spawn(move || {
        for stream in secure.incoming().flatten() {
            let (list, config) = (list.clone(), Arc::clone(&config));
            std::thread::spawn(move || {
                let connection = ServerConnection::new(config).expect("a connection");
                let mut stream = StreamOwned::new(connection, stream);
                let asked = head(&mut stream);
                list.add(asked.clone());
                let answer = match asked.split(' ').nth(1).unwrap_or_default() {
                    "/away" => {
                        b"HTTP/1.1 302 X\r\nLocation: https://evil.example/there\r\nContent-Length: 0\r\n\r\n".to_vec()
                    }
                    "/on" => b"HTTP/1.1 302 X\r\nLocation: https://two.media.example/one\r\nContent-Length: 0\r\n\r\n"
                        .to_vec(),
                    _ => {
                        let data = picture(JPEG, 40_000);
                        let head = format!(
                            "HTTP/1.1 200 X\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
                            data.len()
                        );
                        [head.into_bytes(), data].concat()
                    }
                };
                let _ = stream.write_all(&answer);
                stream.conn.send_close_notify();
                let _ = stream.flush();
            });
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let list = tunnels.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let list = list.clone();
            std::thread::spawn(move || {
                let asked = head(&mut stream);
                list.add(asked.lines().next().unwrap_or_default().to_owned());
                stream.write_all(b"HTTP/1.1 200 established\r\n\r\n").ok()?;
                let mut far = TcpStream::connect(("127.0.0.1", behind)).ok()?;
                let (mut from, mut to) = (stream.try_clone().ok()?, far.try_clone().ok()?);
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
                let _ = std::io::copy(&mut far, &mut stream);
                stream.shutdown(std::net::Shutdown::Write).ok()
            });
        }
    });
    (port, requests, tunnels)
}

fn by_proxy() {
    let names = ["one.media.example", "two.media.example", "evil.example"];
    let (identity, scratch) = (Identity::new("media", &names), Scratch::new());
    let ca = scratch.path().join("ca.pem");
    std::fs::write(&ca, &identity.cert_pem).expect("written");
    let (proxy, requests, tunnels) = behind_a_proxy(&identity);
    let hosts = ("hosts = [\"api.twilio.com\"]", "hosts = [\"*.media.example\", \"127.0.0.1\"]");
    let more = format!(
        "settings = {{ account_sid = \"{SID}\", auth_token = {{ env = \"PROVIDER_SECRET\" }} }}\n\
         proxy = \"http://me:pr0xy@127.0.0.1:{proxy}\"\nca = \"{}\"\n[media]\nnetworks = [\"10.0.0.0/8\"]\n",
        ca.display()
    );
    let world = World::start("twilio", &[hosts], &more);
    let urls = [
        "https://one.media.example/one",
        "https://one.media.example/on",
        "https://one.media.example/away",
        "https://127.0.0.1/one",
        "http://one.media.example/one",
        "https://evil.example/one",
    ];
    let media: Vec<(&str, &str)> = urls.iter().map(|url| (*url, "image/jpeg")).collect();
    assert_eq!(sent(&world, "MM1", "By the proxy", &media), 200);
    let (words, files) = opened(&mail(&world, "By the proxy"));
    let one = picture(JPEG, 40_000);
    compare(&files, &[("picture-1.jpg", "image/jpeg", &one), ("picture-2.jpg", "image/jpeg", &one)]);
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    for why in [
        "the server sent us on to a host that is not the provider's",
        "its address is not a public one",
        "its address is not https",
        "its address is not at a host of the provider",
    ] {
        assert!(words.contains(&format!("[This picture did not arrive: {why}.]")), "{words}: {why}");
    }
    // The proxy was asked for names, and for none that is not the provider's; its own login goes no further.
    let asked: std::collections::BTreeSet<String> = tunnels.all().into_iter().collect();
    let wanted = ["one", "two"].map(|name| format!("CONNECT {name}.media.example:443 HTTP/1.1"));
    assert_eq!(asked, wanted.into());
    let login = |request: &String| request.to_ascii_lowercase().contains("authorization: basic");
    let of = |path: &str, host: &str| {
        requests.all().into_iter().find(|r| r.starts_with(&format!("GET {path} ")) && r.contains(host)).expect("asked")
    };
    assert!(
        login(&of("/one", "one.media")) && login(&of("/on", "one.media")),
        "the provider's first address gets its login"
    );
    assert!(!login(&of("/one", "two.media")), "nobody else does");
    assert!(requests.all().iter().all(|request| !request.to_ascii_lowercase().contains("proxy-authorization")));
    world.is_discreet();
}

/// Texts of a flood, and at once.
const FLOOD: usize = 24;
const AT_ONCE: usize = 8;
/// One after the other before that: the caches of the store and the like are those of every daemon that has worked.
const WARM: usize = 6;
/// As much as networks usually carry.
const LARGE: usize = 300 << 10;

/// Brings all of them by several at once; how often it was told to come again.
fn bring(one: impl Fn(usize) -> bool + Sync) -> usize {
    let (next, again) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    if n >= FLOOD {
                        return;
                    }
                    until("a text of the flood is taken", || {
                        let taken = one(n);
                        if !taken {
                            again.fetch_add(1, Ordering::SeqCst);
                        }
                        taken.then_some(())
                    });
                }
            });
        }
    });
    again.load(Ordering::SeqCst)
}

/// Each has arrived with its picture, and memory is what it was.
fn arrived(world: &World, memory: &Memory, again: usize, what: &str) {
    let wanted = picture(JPEG, LARGE);
    let has = |n: usize| {
        let words = format!("flood {n}.");
        world.mails.seen.wait(&words, |mail| opened(mail).0.contains(&words))
    };
    for n in 0..FLOOD {
        let (_, files) = opened(&has(n));
        assert_eq!(files.len(), 1, "flood {n}");
        assert!(files[0].2 == wanted, "the octets of {n}");
    }
    tell(&format!(
        "media: {FLOOD} texts with {} KiB each, {what}, {again} times told to come again; memory grew by {} KiB",
        LARGE >> 10,
        memory.growth() >> 10
    ));
    memory.is_small(what);
}

fn fetched_flood() {
    let data = picture(JPEG, LARGE);
    let pictures = Pictures::start(move |_, stream| say(stream, 200, &kind("image/jpeg"), &data));
    let provider = Provider::willing();
    let world = super::world(provider.port, "networks = [\"127.0.0.0/8\"]");
    let url = pictures.url("/large");
    for n in 0..WARM {
        assert_eq!(sent(&world, &format!("MMw{n}"), &format!("warm {n}."), &[(&url, "image/jpeg")]), 200);
        mail(&world, &format!("warm {n}."));
    }
    let memory = Memory::of(world.martlet.pid());
    let again = bring(|n| {
        let status = sent(&world, &format!("MM{n}"), &format!("flood {n}."), &[(&url, "image/jpeg")]);
        assert!(matches!(status, 200 | 503), "{status}");
        status == 200
    });
    arrived(&world, &memory, again, "fetched");
}

fn inline_flood() {
    let provider = Provider::willing();
    let world = World::start("smsgate", &[], &smsgate_settings(provider.port));
    let data = STANDARD.encode(picture(JPEG, LARGE));
    let call = |id: &str, words: &str| {
        let body = json!({ "id": id, "event": "mms:downloaded", "payload": {
            "messageId": id, "sender": PHONE, "body": words,
            "attachments": [{ "contentType": "image/jpeg", "name": "cat.jpg", "data": data }],
        } });
        let status = app_calls(&world, &body).0;
        assert!(matches!(status, 204 | 503), "{status}");
        status == 204
    };
    for n in 0..WARM {
        until("a warm daemon", || call(&format!("Ew{n}"), &format!("warm {n}.")).then_some(()));
        mail(&world, &format!("warm {n}."));
    }
    let memory = Memory::of(world.martlet.pid());
    let again = bring(|n| call(&format!("E{n}"), &format!("flood {n}.")));
    arrived(&world, &memory, again, "within the calls");
}
