//! Dialogues that need sockets and time (`tests/dialogues/door/*.txt`): several connections to one real door, with a
//! clock that stands still unless a line turns it.
//!
//! ```text
//! # why this dialogue stands here
//! % protocol smtp | trust 192.0.2.7 | idle 300 | session 3600 | tarpit 7 | tarpit-after 2 | handshake 30   (seconds)
//! % connections 1 | per-peer 1 | proxies 127.0.0.0/8 | tls yes | implicit yes
//! A C: a line of client A, CR LF added; its first line opens the connection       A C~ the same without CR LF
//! A O: opens the connection and says nothing
//! A S: a line of a reply; … at its end: whatever follows
//! A W: 300      what A hears next comes only when the clock went on by so many seconds
//! A E: why the door closed the connection; the stream ends too
//! A X: the client hangs up
//! ```

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use libtest_mimic::Trial;
use martlet::{
    doors::mail::{Bind, Settings, Tls},
    outbound::Listener,
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{Client, Door, open_as, patient, soon};
use crate::{
    dialogues::{matches, unescape},
    support::{root, run_async, talk::Identity, trial},
};

pub fn trials() -> Vec<Trial> {
    let mut files: Vec<_> = fs::read_dir(root().join("tests/dialogues/door"))
        .expect("tests/dialogues/door")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    files.sort();
    let named = |path: std::path::PathBuf| {
        let name = format!("dialogues::door::{}", path.file_stem().expect("a name").to_string_lossy());
        trial(&name, move || {
            let text = fs::read_to_string(&path).expect("a dialogue");
            run_async(speak(&text));
        })
    };
    files.into_iter().map(named).collect()
}

struct Stage {
    door: Door,
    clients: BTreeMap<String, Client<TcpStream>>,
}

async fn speak(text: &str) {
    let dir = tempfile::tempdir().expect("a folder");
    let mut settings = patient();
    settings.session.hostname = "sms.example.test".into();
    let trust = vec![("127.0.0.1".parse().expect("an address"), 32)];
    let mut listener = Listener { lmtp: true, trust, ..Listener::default() };
    let lines = || text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    for option in lines().filter_map(|line| line.strip_prefix("% ")) {
        let (name, value) = option.split_once(' ').expect("name value");
        set(&mut settings, &mut listener, dir.path(), name, value);
    }
    let at = Bind::Tcp("127.0.0.1:0".parse().expect("an address"));
    let mut stage = Stage { door: open_as(at, listener, settings).await, clients: BTreeMap::new() };
    let mut wait = Duration::ZERO;
    for line in lines().filter(|line| !line.starts_with('%')) {
        let (who, deed) = line.split_once(' ').unwrap_or_else(|| panic!("not a line of a dialogue: {line}"));
        let (mark, said) = deed.split_at_checked(2).unwrap_or_else(|| panic!("not a line of a dialogue: {line}"));
        let said = said.strip_prefix(' ').unwrap_or(said);
        if mark == "W:" {
            wait = seconds(said);
            continue;
        }
        let pause = std::mem::take(&mut wait);
        tokio::time::timeout(Duration::from_secs(60), Box::pin(stage.play(who, mark, said, pause)))
            .await
            .unwrap_or_else(|_| panic!("nothing came: {line}"));
    }
    stage.clients.clear();
    stage.door.close().await;
}

impl Stage {
    async fn play(&mut self, who: &str, mark: &str, said: &str, pause: Duration) {
        if !self.clients.contains_key(who) {
            self.clients.insert(who.to_owned(), self.door.client().await);
        }
        let client = self.clients.get_mut(who).expect("it was just made");
        match mark {
            "O:" => {}
            "C:" | "C~" => {
                let mut bytes = unescape(said);
                if mark == "C:" {
                    bytes.extend_from_slice(b"\r\n");
                }
                soon(client.stream.write_all(&bytes)).await.expect("sent");
            }
            "S:" => {
                let got = turned(&self.door, pause, Box::pin(client.line())).await;
                let got = got.unwrap_or_else(|| panic!("{who}: the stream ended instead of {said:?}"));
                assert!(matches(&got, said), "{who}\ngot  {got}\nwant {said}");
            }
            "E:" => {
                let got = turned(&self.door, pause, Box::pin(client.line())).await;
                assert_eq!(got, None, "{who}: the stream ends");
                // The door reads on for a moment of its clock, unless the client is gone too.
                self.clients.remove(who);
                let (end, _) = self.door.next_end().await;
                assert_eq!(format!("{end:?}"), said, "{who}");
            }
            "X:" => {
                self.clients.remove(who);
                self.door.next_end().await;
            }
            _ => panic!("not a line of a dialogue: {who} {mark} {said}"),
        }
    }
}

/// Waits for the event; where a pause is expected the clock is turned until it comes, and must have gone on that far.
async fn turned<T>(door: &Door, pause: Duration, event: impl Future<Output = T>) -> T {
    let before = door.clock.now();
    if pause.is_zero() {
        let out = soon(event).await;
        assert_eq!(door.clock.now(), before, "no time passes by itself");
        return out;
    }
    let out = door.turning(event).await;
    let passed = door.clock.now().since(before);
    assert!(passed >= pause, "it came after {passed:?} already, not {pause:?}");
    out
}

fn seconds(text: &str) -> Duration {
    Duration::from_secs(text.parse().unwrap_or_else(|_| panic!("seconds: {text}")))
}

fn network(text: &str) -> Vec<(std::net::IpAddr, u8)> {
    let (addr, length) = text.split_once('/').unwrap_or((text, "32"));
    vec![(addr.parse().expect("an address"), length.parse().expect("a length"))]
}

fn set(settings: &mut Settings, listener: &mut Listener, dir: &Path, name: &str, value: &str) {
    let number = || value.parse::<u32>().expect("a number");
    match name {
        "protocol" => listener.lmtp = value != "smtp",
        "trust" => listener.trust = network(value),
        "idle" => settings.idle = seconds(value),
        "session" => settings.whole = seconds(value),
        "tarpit" => settings.tarpit = seconds(value),
        "tarpit-after" => settings.tarpit_after = number(),
        "handshake" => settings.handshake = seconds(value),
        "connections" => settings.max_connections = number() as usize,
        "per-peer" => settings.max_per_peer = number() as usize,
        "errors" => settings.session.max_errors = number(),
        "xclient" => settings.session.xclient = value == "yes",
        "proxies" => settings.proxies = network(value),
        "tls" | "implicit" => {
            let identity = Identity::new("mx", &["mx.example.test"]);
            let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
            fs::write(&cert, identity.cert_pem).expect("written");
            fs::write(&key, identity.key_pem).expect("written");
            settings.tls = Some(Arc::new(Tls::load(&cert, &key, name == "implicit").expect("a pair")));
        }
        _ => panic!("no such option: {name}"),
    }
}
