//! Who calls a hook: behind a real nginx, by what it says of its client and nobody else; with a certificate, which curl shows
//! and OpenSSL has had no hand in.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
};

use libtest_mimic::Trial;

use super::{HEAD, settings};
use crate::{
    provider_gateway::{World, call},
    support::{
        Needs,
        process::{Running, Scratch, free_port, until},
        sink::Provider,
        talk::{Place, reachable},
        trial, trial_with,
    },
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("hooks: a trusted proxy says who calls, and nobody else does", fields),
        trial("hooks: who guesses passwords behind a proxy waits, and nobody else", guessing),
        trial("hooks: what one client asks at once behind a proxy is bounded, and nobody else's", many_at_once),
        trial_with(
            "hooks: behind nginx the client calls, whatever he writes",
            &[Needs::Nginx, Needs::Curl],
            behind_nginx,
        ),
        trial_with(
            "hooks: a client's certificate, the right one, another's, an old one, none",
            &[Needs::Curl],
            certificates,
        ),
        trial_with("hooks: [http] by TLS, with a certificate that is replaced", &[Needs::Curl], https),
    ]
}

/// A definition whose hook `status` is proven by this.
fn proven_by(verify: &str) -> String {
    format!(
        "{HEAD}[[hook]]\nname = \"status\"\nmethods = [\"GET\"]\nparse = \"query\"\nverify = {verify}\n\
         [[hook.event]]\nkind = \"report\"\nid = \"id\"\nstate = \"state\"\nstates = {{ delivered = \"delivered\" }}\n"
    )
}

const TARGET: &str = "/gateway/main/hook/status?id=x&state=delivered";

fn fields() {
    let provider = Provider::willing();
    let definition = proven_by("{ scheme = \"source\", networks = [\"203.0.113.0/24\", \"2001:db8::/32\"] }");
    let ours = "trusted_proxies = [\"127.0.0.1/32\", \"10.0.0.0/8\"]";
    let world = World::behind(ours, &definition, &settings(provider.port));
    let status = |headers: &[(&str, &str)]| call(world.martlet.http, "GET", TARGET, headers, "").0;
    let usual = |value| status(&[("X-Forwarded-For", value)]);
    for (value, expected) in [
        ("203.0.113.5", 204),
        ("198.51.100.7, 203.0.113.5", 204),
        ("203.0.113.5, 10.1.2.3", 204),
        ("2001:db8::7", 204),
        // What a client writes before the proxy's own word.
        ("203.0.113.5, 198.51.100.7", 403),
        ("203.0.113.5, unknown", 403),
        ("198.51.100.7", 403),
        ("", 403),
    ] {
        assert_eq!(usual(value), expected, "{value:?}");
    }
    assert_eq!(status(&[]), 403, "the proxy itself");
    assert_eq!(status(&[("Forwarded", "for=\"[2001:db8::7]:4711\";proto=https")]), 204);
    assert_eq!(status(&[("Forwarded", "for=203.0.113.5"), ("X-Forwarded-For", "203.0.113.5")]), 204);
    assert_eq!(status(&[("Forwarded", "for=203.0.113.5"), ("X-Forwarded-For", "198.51.100.7")]), 403);
    assert_eq!(status(&[("X-Forwarded-For", "203.0.113.5"), ("X-Forwarded-For", "198.51.100.7")]), 403);
    // Where no proxy is trusted nobody is believed.
    let world = World::of(&definition, &settings(provider.port));
    assert_eq!(call(world.martlet.http, "GET", TARGET, &[("X-Forwarded-For", "203.0.113.5")], "").0, 403);
}

/// The status of a classic call with a wrong password, from this address behind a proxy.
fn guess(port: u16, from: &str, user: usize) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the HTTP door");
    let target = format!("/sms/?number=%2B12015550123&data=x&user=u{user}&pass=wrong");
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Forwarded-For: {from}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

fn guessing() {
    let provider = Provider::willing();
    let definition = proven_by("{ scheme = \"none\" }");
    let world = World::behind("trusted_proxies = [\"127.0.0.1/32\"]", &definition, &settings(provider.port));
    // Each time with another name: what counts is from where. The wait doubles until an attempt falls into it.
    let statuses: Vec<u16> = (0..40).map(|n| guess(world.martlet.http, "198.51.100.7", n)).collect();
    assert!(statuses[..20].iter().all(|status| *status == 401), "{statuses:?}");
    assert!(statuses[20..].contains(&429), "{statuses:?}");
    assert_eq!(guess(world.martlet.http, "198.51.100.8", 99), 401);
}

/// A call of this client whose body does not end.
fn unended(port: u16, from: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the HTTP door");
    let head = format!(
        "POST {TARGET} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Forwarded-For: {from}\r\nContent-Length: 9\r\n\r\nhalf"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    stream
}

fn many_at_once() {
    let provider = Provider::willing();
    let definition = proven_by("{ scheme = \"none\" }").replace("[\"GET\"]", "[\"GET\", \"POST\"]");
    let status = |port: u16, from: &str| call(port, "GET", TARGET, &[("X-Forwarded-For", from)], "").0;
    let (one, other) = ("198.51.100.7", "198.51.100.8");
    let world = World::behind(
        "trusted_proxies = [\"127.0.0.1/32\"]\ntimeout = \"10m\"\nconnections = 200",
        &definition,
        &settings(provider.port),
    );
    let port = world.martlet.http;
    let mut open = Vec::new();
    until("no more of them are worked on", || {
        // The question is a call, too: whoever comes just then is refused.
        let full = status(port, one) == 503;
        if !full {
            open.push(unended(port, one));
        }
        full.then_some(())
    });
    let waits = |stream: &TcpStream| {
        stream.set_nonblocking(true).expect("a socket option");
        stream.peek(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    };
    until("those that were refused know", || {
        open.retain(waits);
        (open.len() <= 64).then_some(())
    });
    assert_eq!(open.len(), 64, "so many at once");
    assert_eq!((status(port, one), status(port, other)), (503, 204), "another client of the same proxy is served");
    drop(open.pop());
    until("one is over", || (status(port, one) == 204).then_some(()));
    // Where no proxy is trusted all of them come from one place.
    let world = World::behind("timeout = \"10m\"\nconnections = 200", &definition, &settings(provider.port));
    let port = world.martlet.http;
    let mut open = Vec::new();
    until("no more of them are worked on", || {
        let full = status(port, one) == 503;
        if !full {
            open.push(unended(port, &format!("198.51.100.{}", open.len() % 200)));
        }
        full.then_some(())
    });
    assert_eq!(status(port, other), 503);
}

/// An nginx before this port, set up as its documents say.
fn nginx(scratch: &Scratch, before: u16) -> (u16, Running) {
    let (dir, port) = (scratch.path().display(), free_port());
    let temp: String =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|n| format!("{n}_temp_path {dir}/{n};\n")).concat();
    let text = format!(
        "daemon off;\nmaster_process off;\npid {dir}/nginx.pid;\nerror_log {dir}/error.log;\nevents {{}}\nhttp {{\n{temp}\
         access_log off;\nserver {{\nlisten 127.0.0.1:{port};\nlocation / {{\nproxy_pass http://127.0.0.1:{before};\n\
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n}}\n}}\n}}\n"
    );
    let config = scratch.path().join("nginx.conf");
    std::fs::write(&config, text).expect("written");
    let mut command = Command::new("nginx");
    let mut running = Running::start("nginx", command.arg("-c").arg(&config), &scratch.path().join("nginx.out"));
    running.wait_for("its port", || reachable(&Place::Tcp(port)));
    (port, running)
}

/// The status that curl gets; `None`: no answer, with curl's words.
fn curl(words: &[&str], url: &str) -> Result<u16, String> {
    let mut command = Command::new("curl");
    command.args(["-sS", "--noproxy", "*", "--max-time", "60", "-o", "/dev/null", "-w", "%{http_code}"]);
    let out = command.args(words).arg(url).output().expect("curl");
    match out.status.success() {
        true => Ok(String::from_utf8_lossy(&out.stdout).trim().parse().expect("a status")),
        false => Err(String::from_utf8_lossy(&out.stderr).into_owned()),
    }
}

/// All of 127.0.0.0/8 is this machine: nginx connects from 127.0.0.1, clients come from others.
fn behind_nginx() {
    let (provider, scratch) = (Provider::willing(), Scratch::new());
    let definition = proven_by("{ scheme = \"source\", networks = [\"127.0.0.2/32\"] }");
    let world = World::behind("trusted_proxies = [\"127.0.0.1/32\"]", &definition, &settings(provider.port));
    let (port, nginx) = nginx(&scratch, world.martlet.http);
    let url = format!("http://127.0.0.1:{port}{TARGET}");
    let from = |address: &str, field: &[&str]| curl(&[&["--interface", address], field].concat(), &url);
    assert_eq!(from("127.0.0.2", &[]), Ok(204));
    assert_eq!(from("127.0.0.2", &["-H", "X-Forwarded-For: 198.51.100.7"]), Ok(204));
    assert_eq!(from("127.0.0.3", &[]), Ok(403));
    for lie in [
        "X-Forwarded-For: 127.0.0.2",
        "X-Forwarded-For: 127.0.0.2,",
        "Forwarded: for=127.0.0.2",
        "X-Real-IP: 127.0.0.2",
    ] {
        assert_eq!(from("127.0.0.3", &["-H", lie]), Ok(403), "{lie}");
    }
    nginx.terminate();
}

/// An authority of the test's own.
struct Authority(rcgen::CertifiedIssuer<'static, rcgen::KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("a key");
        Self(rcgen::CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    /// Writes `NAME.pem` and `NAME.key` for this host, until the year.
    fn signs(&self, dir: &Path, name: &str, host: &str, until: i32) {
        let mut params = rcgen::CertificateParams::new(vec![host.to_owned()]).expect("a name");
        // Under the authority's own name it would look self-signed.
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, host);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.0).expect("a certificate");
        std::fs::write(dir.join(format!("{name}.pem")), cert.pem()).expect("written");
        std::fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).expect("written");
    }

    fn write(&self, path: &Path) {
        std::fs::write(path, self.0.pem()).expect("written");
    }
}

fn certificates() {
    let (provider, scratch) = (Provider::willing(), Scratch::new());
    let (dir, ours, strange) = (scratch.path(), Authority::new(), Authority::new());
    ours.write(&dir.join("ca.pem"));
    ours.signs(dir, "server", "localhost", 2090);
    ours.signs(dir, "right", "hooks.provider.example", 2090);
    ours.signs(dir, "other", "somebody.else.example", 2090);
    ours.signs(dir, "old", "hooks.provider.example", 2021);
    strange.signs(dir, "strange", "hooks.provider.example", 2090);
    let port = free_port();
    let file = |name: &str| dir.join(name).display().to_string();
    let hook = format!(
        "hook = {{ status = {{ bind = \"127.0.0.1:{port}\", tls = {{ cert = \"{}\", key = \"{}\", client_ca = \"{}\" }} }} }}\n",
        file("server.pem"),
        file("server.key"),
        file("ca.pem")
    );
    let definition = proven_by("{ scheme = \"mtls\", names = [\"hooks.provider.example\"] }");
    let world =
        World::behind("trusted_proxies = [\"10.0.0.0/8\"]", &definition, &format!("{}{hook}", settings(provider.port)));
    let url = format!("https://localhost:{port}{TARGET}");
    let (ca, resolve) = (file("ca.pem"), format!("localhost:{port}:127.0.0.1"));
    let with = |shown: Option<&str>| {
        let pair = shown.map(|name| (file(&format!("{name}.pem")), file(&format!("{name}.key"))));
        let mut words = vec!["--cacert", &ca, "--resolve", &resolve];
        if let Some((cert, key)) = &pair {
            words.extend(["--cert", cert, "--key", key]);
        }
        curl(&words, &url)
    };
    assert_eq!(with(Some("right")), Ok(204));
    assert_eq!(with(None), Ok(403), "who shows none may come, and proves nothing");
    assert_eq!(with(Some("other")), Ok(403), "of our authority, for somebody else");
    for name in ["strange", "old"] {
        assert!(with(Some(name)).is_err(), "{name}");
    }
    assert_eq!(with(Some("right")), Ok(204), "once more");
    // In clear nobody comes in there, and the hook stands nowhere else.
    assert!(curl(&[], &format!("http://127.0.0.1:{port}{TARGET}")).is_err());
    assert_eq!(curl(&[], &format!("http://127.0.0.1:{}{TARGET}", world.martlet.http)), Ok(404));
    // The authority is replaced while it runs: whom the new one signs is believed, whom the old one did no longer.
    strange.write(&dir.join("new-ca.pem"));
    std::fs::rename(dir.join("new-ca.pem"), dir.join("ca.pem")).expect("replaced");
    std::fs::write(dir.join("server-ca.pem"), ours.0.pem()).expect("written");
    let server_ca = file("server-ca.pem");
    let after = |name: &str| {
        let (cert, key) = (file(&format!("{name}.pem")), file(&format!("{name}.key")));
        curl(&["--cacert", &server_ca, "--resolve", &resolve, "--cert", &cert, "--key", &key], &url)
    };
    assert_eq!(after("strange"), Ok(204));
    assert!(after("right").is_err());
}

fn https() {
    let (provider, scratch) = (Provider::willing(), Scratch::new());
    let (dir, ours) = (scratch.path(), Authority::new());
    ours.write(&dir.join("ca.pem"));
    ours.signs(dir, "server", "localhost", 2090);
    let file = |name: &str| dir.join(name).display().to_string();
    let tls = format!("tls = {{ cert = \"{}\", key = \"{}\" }}", file("server.pem"), file("server.key"));
    let definition = proven_by("{ scheme = \"source\", networks = [\"127.0.0.1/32\"] }");
    let world = World::behind(&tls, &definition, &settings(provider.port));
    let port = world.martlet.http;
    let (ca, resolve) = (file("ca.pem"), format!("localhost:{port}:127.0.0.1"));
    let get = |path: &str| curl(&["--cacert", &ca, "--resolve", &resolve], &format!("https://localhost:{port}{path}"));
    assert_eq!(get("/readyz"), Ok(200));
    assert_eq!(get(TARGET), Ok(204));
    assert!(world.martlet.log().contains(&format!("https 127.0.0.1:{port}")));
    // A new pair is shown as soon as it is there; half of one is not.
    ours.signs(dir, "server", "elsewhere.example", 2090);
    until("the new certificate", || get("/readyz").is_err().then_some(()));
    let elsewhere = format!("elsewhere.example:{port}:127.0.0.1");
    let words = ["--cacert", &ca, "--resolve", &elsewhere];
    assert_eq!(curl(&words, &format!("https://elsewhere.example:{port}/healthz")), Ok(200));
}
