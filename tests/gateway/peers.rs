//! HTTP gateways through real proxies and to a real HTTP/2 server; connections that wait, connections that are slow, and
//! what the log says of requests.

use std::{
    io::Write,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use libtest_mimic::Trial;
use martlet::{
    gateway::http::{Method, Settings, Template, Templates},
    ground::{Clock, Outcome, Secret, Timestamp},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{Act, Provider, URL, attempt, begin, certificate, gateway, later, send, server, settings, to};
use crate::support::{
    Needs, http,
    process::{Running, Scratch, free_port, until},
    run_async,
    talk::{Place, reachable},
    trial, trial_with,
    world::Plan,
};

pub fn trials() -> Vec<Trial> {
    let t = |name: &str, test: fn()| trial(&format!("gateway::{name}"), test);
    let with = |name: &str, needs: Needs, test: fn()| trial_with(&format!("gateway::{name}"), &[needs], test);
    vec![
        with("a_real_http_proxy_is_used_with_its_login", Needs::Tinyproxy, || run_async(http_proxy())),
        with("a_real_socks_proxy_is_used_with_its_login", Needs::Microsocks, || run_async(socks_proxy())),
        with("http_2_is_spoken_where_it_is_offered", Needs::Nginx, || run_async(http_2())),
        t("no_request_is_lost_when_idle_connections_are_closed", || run_async(idle_connections())),
        t("without_keep_alive_each_request_has_a_connection", || run_async(no_keep_alive())),
        t("a_slow_provider_slows_no_other", || run_async(slow_provider())),
        t("the_log_has_lengths_and_payloads_for_a_time_only", payloads_for_a_time),
        t("the_daemon_logs_requests_and_ignores_proxies_of_the_environment", daemon),
    ]
}

/// A provider behind TLS that only its own authority vouches for, and settings that reach it by name.
async fn secure_provider(dir: &Path) -> (Provider, Settings) {
    let (known, ca, _) = certificate(dir, "provider");
    let provider = Provider::start_tls([], server(&known, None)).await;
    let mut settings = settings(&format!("https://localhost:{}{URL}", provider.addr.port()));
    settings.ca = Some(ca);
    (provider, settings)
}

fn through(settings: &Settings, proxy: &str) -> Settings {
    Settings { proxy: Some(Secret::new(proxy.to_owned())), ..settings.clone() }
}

/// Later, before anything was sent; the words say nothing of the login.
fn refused(outcome: Outcome) {
    let fault = later(outcome);
    assert_eq!(fault.code.to_string(), "4.4.1", "{}", fault.text);
    assert!(!fault.text.contains("pr0xy") && !fault.text.contains("wr0ng"), "{}", fault.text);
}

async fn http_proxy() {
    let scratch = Scratch::new();
    let (port, log) = (free_port(), scratch.path().join("tinyproxy.log"));
    let config = scratch.path().join("tinyproxy.conf");
    let text =
        format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 10\nBasicAuth me pr0xy\nLogLevel Connect\n");
    std::fs::write(&config, text).expect("written");
    let mut command = Command::new("tinyproxy");
    let mut running = Running::start("tinyproxy", command.arg("-d").arg("-c").arg(&config), &log);
    running.wait_for("its port", || reachable(&Place::Tcp(port)));

    // By CONNECT to a provider behind TLS: the proxy sees its name and nothing else.
    let (mut provider, settings) = secure_provider(scratch.path()).await;
    let good = gateway(through(&settings, &format!("http://me:pr0xy@127.0.0.1:{port}")));
    assert_eq!(send(&good, "a").await, Outcome::Sent(None));
    let seen = provider.seen().await;
    assert!(seen.line.contains("text=a") && seen.header("proxy-authorization").is_none(), "{seen:?}");
    for wrong in ["me:wr0ng@", ""] {
        let gateway = gateway(through(&settings, &format!("http://{wrong}127.0.0.1:{port}")));
        refused(send(&gateway, "top secret words").await);
    }
    assert_eq!(provider.unseen(), 0);
    // Plain HTTP: the proxy makes the request.
    let mut provider = Provider::start([]).await;
    let plain = gateway(through(&to(&provider), &format!("http://me:pr0xy@127.0.0.1:{port}")));
    assert_eq!(send(&plain, "b").await, Outcome::Sent(None));
    let seen = provider.seen().await;
    assert!(seen.line.contains("text=b") && seen.header("via").is_some(), "by the proxy: {seen:?}");
    let log = std::fs::read_to_string(&log).expect("its log");
    assert!(log.contains(&format!("CONNECT localhost:{}", settings_port(&settings))), "{log}");
    assert!(!log.contains("hunter2\n") && !log.contains("text=a"), "TLS goes through it");
}

fn settings_port(settings: &Settings) -> u16 {
    let shown = settings.templates.request(&attempt(&["x"]), 0, settings.traits.split);
    shown.ok().and_then(|request| request.url.port()).expect("a port")
}

async fn socks_proxy() {
    let scratch = Scratch::new();
    let (port, log) = (free_port(), scratch.path().join("microsocks.log"));
    let mut command = Command::new("microsocks");
    command.args(["-i", "127.0.0.1", "-p", &port.to_string(), "-u", "me", "-P", "pr0xy"]);
    let mut running = Running::start("microsocks", &mut command, &log);
    running.wait_for("its port", || reachable(&Place::Tcp(port)));

    let (mut provider, settings) = secure_provider(scratch.path()).await;
    for (scheme, words) in [("socks5", "here"), ("socks5h", "there")] {
        let gateway = gateway(through(&settings, &format!("{scheme}://me:pr0xy@127.0.0.1:{port}")));
        assert_eq!(send(&gateway, words).await, Outcome::Sent(None), "{scheme}");
        assert!(provider.seen().await.line.contains(&format!("text={words}")));
    }
    let told = std::fs::read_to_string(&log).expect("its log");
    assert_eq!(told.matches("connected to").count(), 2, "{told}");
    assert_eq!(told.matches("connected to localhost").count(), 1, "only socks5h leaves the name to it: {told}");
    for wrong in ["me:wr0ng@", ""] {
        let gateway = gateway(through(&settings, &format!("socks5h://{wrong}127.0.0.1:{port}")));
        refused(send(&gateway, "top secret words").await);
    }
    drop(running);
    refused(
        send(&gateway(through(&settings, &format!("socks5://me:pr0xy@127.0.0.1:{port}"))), "top secret words").await,
    );
    assert_eq!(provider.unseen(), 0, "without the proxy nothing goes out");
}

async fn http_2() {
    let scratch = Scratch::new();
    let (_, cert, key) = certificate(scratch.path(), "nginx");
    let (dir, port) = (scratch.path().display(), free_port());
    let temp: String =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|n| format!("{n}_temp_path {dir}/{n};\n")).concat();
    let text = format!(
        "daemon off;\nmaster_process off;\npid {dir}/nginx.pid;\nerror_log {dir}/error.log;\nevents {{}}\nhttp {{\n{temp}\
         log_format seen '$server_protocol $connection $request_method $args';\naccess_log {dir}/seen.log seen;\n\
         server {{\nlisten 127.0.0.1:{port} ssl http2;\nssl_certificate {};\nssl_certificate_key {};\n\
         location / {{ return 200 'OK 77'; }}\n}}\n}}\n",
        cert.display(),
        key.display()
    );
    let config = scratch.path().join("nginx.conf");
    std::fs::write(&config, text).expect("written");
    let mut command = Command::new("nginx");
    let mut running = Running::start("nginx", command.arg("-c").arg(&config), &scratch.path().join("nginx.out"));
    running.wait_for("its port", || reachable(&Place::Tcp(port)));

    let mut settings = settings(&format!("https://localhost:{port}{URL}"));
    settings.ca = Some(cert);
    settings.keep_alive = Duration::from_secs(60);
    let gateway = gateway(settings);
    assert_eq!(send(&gateway, "first").await, Outcome::Sent(None));
    let words = attempt(&["more"]);
    let mut answers = Vec::new();
    for _ in 0..9 {
        answers.push(begin(&gateway, &words).await);
    }
    for answer in answers {
        assert_eq!(answer.await.expect("an answer"), [(0, Outcome::Sent(None))]);
    }
    let seen = until("ten requests", || {
        let seen = std::fs::read_to_string(scratch.path().join("seen.log")).ok()?;
        (seen.lines().count() == 10).then_some(seen)
    });
    let connections: std::collections::BTreeSet<_> = seen.lines().filter_map(|l| l.split(' ').nth(1)).collect();
    assert!(seen.lines().all(|line| line.starts_with("HTTP/2.0 ") && line.contains("GET user=me")), "{seen}");
    assert_eq!(connections.len(), 1, "{seen}");
}

/// How long the server lets a connection wait, and how long we do.
const LIMIT: Duration = Duration::from_millis(2_000);
const KEEP: Duration = Duration::from_millis(200);

/// A server that closes connections which wait for longer than [`LIMIT`], and resets those on which a request comes
/// in that moment, as servers do. Counts requests and connections.
async fn impatient() -> (std::net::SocketAddr, Arc<[AtomicUsize; 2]>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("its address");
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let counted = Arc::clone(&counts);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counts = Arc::clone(&counted);
            counts[1].fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut since: Option<Instant> = None;
                let mut head = Vec::new();
                loop {
                    match tokio::time::timeout(LIMIT, stream.read_buf(&mut head)).await {
                        Ok(Ok(n)) if n > 0 => {}
                        _ => return,
                    }
                    if since.is_some_and(|since| since.elapsed() >= LIMIT) {
                        stream.set_zero_linger().expect("a socket option");
                        return;
                    }
                    if head.ends_with(b"\r\n\r\n") {
                        head.clear();
                        counts[0].fetch_add(1, Ordering::SeqCst);
                        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK").await.expect("written");
                        since = Some(Instant::now());
                    }
                }
            });
        }
    });
    (addr, counts)
}

/// 24 gateways, each asking twice with a pause around the server's limit between: none of the 48 requests is unsure.
async fn idle_connections() {
    let (addr, counts) = impatient().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..24 {
        let mut settings = settings(&format!("http://{addr}{URL}"));
        settings.keep_alive = KEEP;
        tasks.spawn(async move {
            let gateway = gateway(settings);
            let first = send(&gateway, "a").await;
            // 1,988 to 2,011 ms: the moment at which the server closes.
            tokio::time::sleep(LIMIT + Duration::from_millis(n) - Duration::from_millis(12)).await;
            [first, send(&gateway, "b").await]
        });
    }
    let outcomes = tasks.join_all().await.concat();
    let unsure = outcomes.iter().filter(|outcome| !matches!(outcome, Outcome::Sent(_))).count();
    let [requests, connections] = [&counts[0], &counts[1]].map(|count| count.load(Ordering::SeqCst));
    assert_eq!((outcomes.len(), unsure, requests, connections), (48, 0, 48, 48));
}

async fn no_keep_alive() {
    let mut provider = Provider::start([]).await;
    let gateway = gateway(Settings { keep_alive: Duration::ZERO, ..to(&provider) });
    for connection in 1..=3 {
        assert_eq!(send(&gateway, "a").await, Outcome::Sent(None));
        assert_eq!(provider.seen().await.connection, connection);
    }
}

async fn slow_provider() {
    let mut slow = Provider::start(std::iter::repeat_n(Act::Wait, 10)).await;
    let mut quick = Provider::start([]).await;
    let (stuck, lively) = (gateway(to(&slow)), gateway(to(&quick)));
    let words = attempt(&["slow"]);
    let mut answers = Vec::new();
    for _ in 0..10 {
        answers.push(begin(&stuck, &words).await);
        slow.seen().await;
    }
    for _ in 0..30 {
        assert_eq!(send(&lively, "quick").await, Outcome::Sent(None));
        assert_eq!(quick.seen().await.connection, 1, "its own connection, kept");
    }
    assert!(answers.iter_mut().all(|answer| answer.try_recv().is_err()), "all ten still wait");
    slow.go.add_permits(10);
    for answer in answers {
        assert_eq!(answer.await.expect("an answer"), [(0, Outcome::Sent(None))]);
    }
}

/// What was logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a log").extend_from_slice(octets);
        Ok(octets.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Everything since the last look.
    fn taken(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().expect("a log"))).expect("UTF-8")
    }
}

fn payloads_for_a_time() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tracing::subscriber::with_default(subscriber, || runtime.block_on(payloads(&log)));
}

async fn payloads(log: &Log) {
    const ANSWER: Act = Act::Answer(202, "", "id 77 for pass=hunter2");
    let provider = Provider::start([ANSWER, ANSWER, Act::Reset, ANSWER]).await;
    let (clock, hand) = Clock::manual(Timestamp(1_700_000_000_000));
    let url = Template::url(&format!("http://{}{URL}", provider.addr)).expect("a template");
    let body = Template::body("key=s3cretkey&say=%data%", martlet::gateway::http::Format::Form).expect("a template");
    let templates = Templates {
        url,
        method: Method::Post(Some((body, martlet::gateway::http::Format::Form))),
        headers: Vec::new(),
    };
    let quiet = Settings { clock: clock.clone(), ..Settings::new(templates) };
    let loud = Settings { log_payload: Some(Duration::from_secs(60)), ..quiet.clone() };

    let (quiet, loud) = (gateway(quiet), gateway(loud));
    let lengths = |status: &str, answer: &str| {
        let said = log.taken();
        let lines: Vec<_> = said.lines().filter(|l| l.contains("martlet::observe")).collect();
        assert_eq!(lines.len(), 1, "one line for each request: {said}");
        let target = "/send?user=me&pass=hunter2&to=%2B15551234567&text=Zwetschge&udh=".len();
        let asked = target + "key=s3cretkey&say=Zwetschge".len();
        for words in [
            "gateway=main",
            "method=\"POST\"",
            &format!("host=\"{}\"", provider.addr),
            status,
            &format!("request=[{asked}]"),
            answer,
        ] {
            assert!(lines[0].contains(words), "{words}: {}", lines[0]);
        }
        for secret in ["hunter2", "s3cretkey"] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
        said
    };
    let discreet = |said: String| {
        for secret in ["Zwetschge", "5551234567", "id 77", "user=me"] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
    };
    assert_eq!(send(&quiet, "Zwetschge").await, Outcome::Sent(None));
    discreet(lengths("status=202", "answer=[22]"));
    assert_eq!(send(&loud, "Zwetschge").await, Outcome::Sent(None));
    let said = lengths("status=202", "answer=[22]");
    for words in ["say=Zwetschge", "to=%2B15551234567", "id 77", "log_payload"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    hand.advance(Duration::from_secs(61));
    assert!(matches!(send(&loud, "Zwetschge").await, Outcome::Unsure(_)));
    discreet(lengths("status=none", "answer=[0]"));
    assert_eq!(send(&loud, "Zwetschge").await, Outcome::Sent(None));
    discreet(lengths("status=202", "answer=[22]"));
}

/// Every proxy that the environment names is a port that nobody listens on.
fn daemon() {
    let gateway = "url = \"http://127.0.0.1:PROVIDER/send?key=s3cretkey&to=%number%&text=%data%\"";
    let mut plan = Plan::new().gateway("main", "http", gateway).account("monitoring", "password = \"hunter2\"");
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        plan = plan.env(name, "http://127.0.0.1:1");
    }
    let world = plan.start();
    let form = "number=%2B12015550123&data=Zwetschge&user=monitoring&pass=hunter2";
    let (status, body) = http::call(world.martlet.http, "POST", "/sms/", form).expect("an answer");
    assert_eq!(status, 200, "{body}");
    world.provider.seen.wait("the text", |r| r.value("text") == "Zwetschge");
    world.martlet.settled();
    let log = world.martlet.log();
    let line = log.lines().find(|l| l.contains("method=")).unwrap_or_else(|| panic!("no request in the log:\n{log}"));
    for words in
        ["gateway=main", "GET", &format!("127.0.0.1:{}", world.provider.port), "status=200", "request=[", "answer=[4]"]
    {
        assert!(line.contains(words), "{words}: {line}");
    }
    for secret in ["Zwetschge", "5550123", "s3cretkey", "hunter2"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
