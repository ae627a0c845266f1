//! HTTP gateways against a provider that misbehaves.

mod peers;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use libtest_mimic::Trial;
use martlet::{
    address::Destination,
    gateway::{
        Attempt, Gateway, Job, Kind, Split,
        http::{Format, Method, Patterns, Settings, Template, Templates},
        inbox::{Desk, Inbox},
        start,
    },
    ground::{Fault, MessageId, Outcome, RemoteId, Scope, Secret},
    sms::{Body, Content, Segment},
};
use regex::Regex;
use tokio::sync::oneshot;

use crate::support::{
    provider::{Act, Provider},
    run_async, trial,
};

pub fn trials() -> Vec<Trial> {
    let t = |name: &str, test: fn()| trial(&format!("gateway::{name}"), test);
    let own = vec![
        t("a_text_goes_out_by_get", || run_async(a_text_goes_out_by_get())),
        t("a_text_goes_out_by_post", || run_async(a_text_goes_out_by_post())),
        t("answers_become_outcomes", || run_async(answers_become_outcomes())),
        t("redirects_are_not_followed", || run_async(redirects_are_not_followed())),
        t("no_connection_is_later", || run_async(no_connection_is_later())),
        t("an_unknown_host_is_later", || run_async(an_unknown_host_is_later())),
        t("a_broken_answer_is_unsure", || run_async(a_broken_answer_is_unsure())),
        t("a_late_answer_is_unsure", || run_async(a_late_answer_is_unsure())),
        t("an_endless_answer_ends", || run_async(an_endless_answer_ends())),
        t("the_window_bounds_attempts", || run_async(the_window_bounds_attempts())),
        t("drains_when_its_senders_are_gone", || run_async(drains_when_its_senders_are_gone())),
        t("a_job_without_a_caller_is_not_begun", || run_async(a_job_without_a_caller_is_not_begun())),
        t("segments_go_in_order_and_stop_at_a_fault", || run_async(segments_go_in_order_and_stop_at_a_fault())),
        t("messages_of_their_own_go_on", || run_async(messages_of_their_own_go_on())),
        t("tls_trusts_what_it_is_told", || run_async(tls_trusts_what_it_is_told())),
        t("a_client_certificate_is_shown", || run_async(a_client_certificate_is_shown())),
        t("a_proxy_is_used_with_its_login", || run_async(a_proxy_is_used_with_its_login())),
        t("settings_that_cannot_start", || run_async(settings_that_cannot_start())),
    ];
    own.into_iter().chain(peers::trials()).collect()
}

const URL: &str = "/send?user=me&pass=hunter2&to=%number%&text=%data%&udh=%udh;hex%";

fn settings(url: &str) -> Settings {
    let mut settings = Settings::new(Templates::get(Template::url(url).expect("a template")));
    settings.timeout = Duration::from_secs(20);
    settings
}

fn to(provider: &Provider) -> Settings {
    settings(&format!("http://{}{URL}", provider.addr))
}

/// Nobody listens at it.
fn inbox() -> Inbox {
    Desk::open().0.inbox("main".parse().expect("id"))
}

fn gateway(settings: Settings) -> Gateway {
    start("main".parse().expect("id"), Kind::Http(settings), inbox()).expect("starts")
}

fn attempt(words: &[&str]) -> Arc<Attempt> {
    let segment = |w: &&str| Segment { body: Body::Text((*w).to_owned()), udh: Vec::new() };
    Arc::new(Attempt {
        trace: martlet::address::Trace::default(),
        id: MessageId::new(),
        n: 1,
        to: Destination::try_from("+15551234567".to_owned()).expect("a number"),
        content: Content::text(words.concat()),
        segments: words.iter().map(segment).collect(),
        parts: u8::try_from(words.len()).expect("few"),
        sender: None,
        wire: None,
        sender_phone: None,
        pid: None,
        dcs: None,
        value: Vec::new(),
        validity: Duration::from_secs(600),
    })
}

async fn begin(gateway: &Gateway, attempt: &Arc<Attempt>) -> oneshot::Receiver<Vec<(u8, Outcome)>> {
    let (reply, answer) = oneshot::channel();
    let parts = 0..u8::try_from(attempt.segments.len()).expect("few");
    gateway.jobs.send(Job { attempt: Arc::clone(attempt), parts, reply }).await.expect("the gateway runs");
    answer
}

async fn send(gateway: &Gateway, words: &str) -> Outcome {
    let mut outcomes = begin(gateway, &attempt(&[words])).await.await.expect("an answer");
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0).1
}

fn later(outcome: Outcome) -> Fault {
    match outcome {
        Outcome::Later(fault) => clean(fault),
        other => panic!("{other:?}"),
    }
}

fn unsure(outcome: Outcome) -> Fault {
    match outcome {
        Outcome::Unsure(fault) => clean(fault),
        other => panic!("{other:?}"),
    }
}

/// No fault says what nobody else may know.
fn clean(fault: Fault) -> Fault {
    for word in ["hunter2", "5551234567", "http://", "?to=", "top secret words"] {
        assert!(!fault.text.contains(word), "{word} in {}", fault.text);
    }
    fault
}

async fn a_text_goes_out_by_get() {
    let mut provider = Provider::start([Act::Answer(200, "", "OK 77"), Act::Answer(200, "", "OK 78")]).await;
    let mut settings = to(&provider);
    settings.answer.id = Some(Regex::new(r"^OK (\S+)").expect("a pattern"));
    let gateway = gateway(settings);
    for (n, id) in [(1, "77"), (2, "78")] {
        assert_eq!(send(&gateway, "Hi & bye").await, Outcome::Sent(RemoteId::new(id)));
        let seen = provider.seen().await;
        let line = "GET /send?user=me&pass=hunter2&to=%2B15551234567&text=Hi%20%26%20bye&udh= HTTP/1.1";
        assert_eq!((seen.line.as_str(), seen.connection), (line, 1), "request {n} on the kept connection");
        assert_eq!(seen.header("host"), Some(provider.addr.to_string().as_str()));
        assert!(seen.header("user-agent").is_some_and(|a| a.starts_with("martlet/")));
        assert!(seen.body.is_empty() && seen.header("referer").is_none());
    }
}

async fn a_text_goes_out_by_post() {
    let mut provider = Provider::start([]).await;
    let url = Template::url(&format!("http://u:p%40w@{}/v1", provider.addr)).expect("a template");
    let body = Template::body(r#"{"to": %number%, "text": "%data%"}"#, Format::Json).expect("a template");
    let headers = vec![("x-note".parse().expect("a name"), Template::header("n %data%").expect("a template"))];
    let gateway = gateway(Settings::new(Templates { url, method: Method::Post(Some((body, Format::Json))), headers }));
    assert_eq!(send(&gateway, "\"a\r\nX: b").await, Outcome::Sent(None));
    let seen = provider.seen().await;
    assert_eq!(seen.line, "POST /v1 HTTP/1.1");
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("authorization"), Some("Basic dTpwQHc="));
    assert_eq!(seen.header("x-note"), Some("n \"a%0D%0AX: b"));
    assert_eq!(seen.header("x"), None);
    assert_eq!(seen.body, br#"{"to": "+15551234567", "text": "\"a\r\nX: b"}"#);
}

async fn answers_become_outcomes() {
    let echo = "pass hunter2 is wrong for +15551234567: top secret words";
    let plan = [
        Act::Answer(429, "Retry-After: 90\r\n", "slow down"),
        Act::Answer(400, "", echo),
        Act::Answer(401, "", echo),
        Act::Answer(500, "", "oops"),
        Act::Answer(502, "", "<html>"),
        Act::Answer(504, "", ""),
        Act::Answer(503, "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n", "maintenance"),
        Act::Answer(204, "", ""),
    ];
    let provider = Provider::start(plan).await;
    let gateway = gateway(to(&provider));
    let words = "top secret words";
    let fault = later(send(&gateway, words).await);
    assert_eq!((fault.scope, fault.code.to_string().as_str()), (Scope::Gateway, "4.4.5"));
    assert_eq!(fault.after, Some(Duration::from_secs(90)));
    for _ in 0..2 {
        let Outcome::Never(fault) = send(&gateway, words).await else { panic!("a 4xx is final") };
        assert!(clean(fault).text.contains("is wrong"));
    }
    assert_eq!(later(send(&gateway, words).await).text, "HTTP 500: oops");
    assert_eq!(unsure(send(&gateway, words).await).code.to_string(), "4.4.2");
    assert_eq!(unsure(send(&gateway, words).await).text, "HTTP 504");
    assert_eq!(later(send(&gateway, words).await).after, Some(Duration::ZERO));
    assert_eq!(send(&gateway, words).await, Outcome::Sent(None));
}

async fn redirects_are_not_followed() {
    let mut provider = Provider::start([Act::Answer(302, "Location: /elsewhere\r\n", "")]).await;
    let gateway = gateway(to(&provider));
    assert_eq!(later(send(&gateway, "a").await).code.to_string(), "4.3.5");
    assert!(provider.seen().await.line.starts_with("GET /send"));
    assert_eq!(send(&gateway, "b").await, Outcome::Sent(None));
    assert!(provider.seen().await.line.contains("text=b"), "nothing was asked elsewhere");
}

async fn no_connection_is_later() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("address");
    let fault = later(send(&gateway(settings(&format!("http://{closed}{URL}"))), "top secret words").await);
    assert_eq!((fault.scope, fault.code.to_string().as_str()), (Scope::Gateway, "4.4.1"));
}

/// The name is refused by the resolver itself: nothing goes out to any name server.
async fn an_unknown_host_is_later() {
    let name = format!("{}.invalid", "a".repeat(64));
    let fault = later(send(&gateway(settings(&format!("http://{name}{URL}"))), "top secret words").await);
    assert_eq!(fault.code.to_string(), "4.4.3");
}

async fn a_broken_answer_is_unsure() {
    let plan = [
        Act::Reset,
        Act::Raw(b""),
        Act::Raw(b"what is HTTP?\r\n\r\n"),
        Act::Raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
        Act::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nOK"),
        Act::Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n"),
        Act::Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    ];
    let count = plan.len();
    let mut provider = Provider::start(plan).await;
    let gateway = gateway(to(&provider));
    for n in 0..count {
        let fault = unsure(send(&gateway, &format!("top secret words{n}")).await);
        assert_eq!((fault.scope, fault.code.to_string().as_str()), (Scope::Gateway, "4.4.2"));
        assert!(provider.seen().await.line.contains(&format!("words{n}&")), "each was asked once");
    }
    assert_eq!(provider.unseen(), 0);
    assert_eq!(send(&gateway, "a").await, Outcome::Sent(None), "and the gateway goes on");
}

async fn a_late_answer_is_unsure() {
    let body: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nOK";
    let plan = [Act::Silent, Act::Stall(b"HTTP/1.1 200 OK\r\n"), Act::Stall(body)];
    let mut provider = Provider::start(plan).await;
    let mut settings = to(&provider);
    settings.timeout = Duration::from_millis(300);
    let gateway = gateway(settings);
    for _ in 0..3 {
        assert_eq!(unsure(send(&gateway, "top secret words").await).code.to_string(), "4.4.2");
        provider.seen().await;
    }
    assert_eq!(provider.unseen(), 0, "nothing was asked twice");
}

async fn an_endless_answer_ends() {
    let provider = Provider::start([Act::Endless, Act::Endless]).await;
    let plain = gateway(to(&provider));
    assert_eq!(send(&plain, "a").await, Outcome::Sent(None));
    let mut picky = to(&provider);
    picky.answer = Patterns { success: Some(Regex::new("^OK").expect("a pattern")), ..Patterns::default() };
    assert!(matches!(send(&gateway(picky), "a").await, Outcome::Never(fault) if fault.text.len() <= 512));
}

async fn the_window_bounds_attempts() {
    let mut provider = Provider::start(std::iter::repeat_n(Act::Wait, 6)).await;
    let mut settings = to(&provider);
    settings.traits.window = 2;
    let gateway = gateway(settings);
    assert_eq!(gateway.traits.borrow().window, 2);
    let words = attempt(&["a"]);
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(begin(&gateway, &words).await);
    }
    let (_, _) = (provider.seen().await, provider.seen().await);
    assert!(gateway.jobs.try_send(job(&words)).is_err(), "two run, two wait: the channel is full");
    for _ in 0..2 {
        provider.go.add_permits(1);
        provider.seen().await;
    }
    provider.go.add_permits(2);
    for answer in answers {
        assert_eq!(answer.await.expect("an answer"), [(0, Outcome::Sent(None))]);
    }
    assert_eq!(provider.most_at_once(), 2);
}

fn job(attempt: &Arc<Attempt>) -> Job {
    let (reply, _) = oneshot::channel();
    Job { attempt: Arc::clone(attempt), parts: 0..1, reply }
}

async fn drains_when_its_senders_are_gone() {
    let mut provider = Provider::start([Act::Wait, Act::Wait]).await;
    let gateway = gateway(to(&provider));
    let words = attempt(&["a"]);
    let answers = [begin(&gateway, &words).await, begin(&gateway, &words).await];
    let Gateway { jobs, task, .. } = gateway;
    drop(jobs);
    provider.seen().await;
    provider.seen().await;
    assert!(!task.is_finished());
    provider.go.add_permits(2);
    for answer in answers {
        assert_eq!(answer.await.expect("an answer"), [(0, Outcome::Sent(None))]);
    }
    task.await.expect("a clean end");
}

async fn a_job_without_a_caller_is_not_begun() {
    let mut provider = Provider::start([]).await;
    let gateway = gateway(to(&provider));
    gateway.jobs.send(job(&attempt(&["gone"]))).await.expect("the gateway runs");
    assert_eq!(send(&gateway, "here").await, Outcome::Sent(None));
    assert!(provider.seen().await.line.contains("text=here"));
}

async fn segments_go_in_order_and_stop_at_a_fault() {
    let plan =
        [Act::Answer(200, "", ""), Act::Answer(200, "", ""), Act::Answer(200, "", ""), Act::Answer(500, "", "x")];
    let mut provider = Provider::start(plan).await;
    let mut settings = to(&provider);
    settings.traits.split = Split::Udh;
    let gateway = gateway(settings);
    let words = attempt(&["one", "two", "three"]);
    let sent: Vec<_> = (0..3).map(|part| (part, Outcome::Sent(None))).collect();
    assert_eq!(begin(&gateway, &words).await.await.expect("an answer"), sent);
    for part in ["one", "two", "three"] {
        assert!(provider.seen().await.line.contains(&format!("text={part}&")));
    }
    let outcomes = begin(&gateway, &words).await.await.expect("an answer");
    assert_eq!(outcomes.iter().map(|(part, _)| *part).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(outcomes.into_iter().all(|(_, outcome)| matches!(outcome, Outcome::Later(_))));
    provider.seen().await;
    assert_eq!(provider.unseen(), 0, "behind the fault nothing was tried");
}

async fn messages_of_their_own_go_on() {
    let provider = Provider::start([Act::Answer(400, "", "x"), Act::Answer(200, "", ""), Act::Reset]).await;
    let mut settings = to(&provider);
    settings.traits.split = Split::Separate;
    let gateway = gateway(settings);
    let outcomes = begin(&gateway, &attempt(&["a", "b", "c", "d"])).await.await.expect("an answer");
    let kinds: Vec<_> = outcomes
        .iter()
        .map(|(_, outcome)| match outcome {
            Outcome::Sent(_) => "sent",
            Outcome::Later(_) => "later",
            Outcome::Never(_) => "never",
            Outcome::Unsure(_) => "unsure",
        })
        .collect();
    assert_eq!(kinds, ["never", "sent", "unsure", "later"]);
}

/// A certificate for localhost in files: the certificate's path and the key's.
fn certificate(dir: &Path, name: &str) -> (rcgen::CertifiedKey<rcgen::KeyPair>, PathBuf, PathBuf) {
    martlet::gateway::tls::install();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let (cert, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
    std::fs::write(&cert, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    (made, cert, key)
}

fn server(
    made: &rcgen::CertifiedKey<rcgen::KeyPair>,
    clients: Option<&rcgen::CertifiedKey<rcgen::KeyPair>>,
) -> Arc<rustls::ServerConfig> {
    let builder = rustls::ServerConfig::builder();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(clients.cert.der().clone()).expect("a root");
            let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots)).build().expect("a verifier");
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    Arc::new(builder.with_single_cert(vec![made.cert.der().clone()], key).expect("a server configuration"))
}

async fn tls_trusts_what_it_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let (known, known_path, _) = certificate(dir.path(), "known");
    let (_, other_path, _) = certificate(dir.path(), "other");
    let mut provider = Provider::start_tls([], server(&known, None)).await;
    let url = format!("https://localhost:{}{URL}", provider.addr.port());
    let mut trusting = settings(&url);
    trusting.ca = Some(known_path.clone());
    assert_eq!(send(&gateway(trusting), "a").await, Outcome::Sent(None));
    assert!(provider.seen().await.line.contains("text=a"));
    let mut wary = settings(&url);
    wary.ca = Some(other_path);
    let fault = later(send(&gateway(wary), "b").await);
    assert_eq!(fault.code.to_string(), "4.4.1");
    assert!(fault.text.contains("certificate"), "{}", fault.text);
    // The right certificate behind a name that is not its own.
    let mut misled = settings(&url.replace("localhost", "127.0.0.1"));
    misled.ca = Some(known_path);
    let fault = later(send(&gateway(misled), "c").await);
    assert!(fault.text.contains("certificate"), "{}", fault.text);
    assert_eq!(provider.unseen(), 0);
}

async fn a_client_certificate_is_shown() {
    let dir = tempfile::tempdir().expect("a folder");
    let (known, ca, _) = certificate(dir.path(), "server");
    let (client, cert, key) = certificate(dir.path(), "client");
    let mut provider = Provider::start_tls([], server(&known, Some(&client))).await;
    let mut shown = settings(&format!("https://localhost:{}{URL}", provider.addr.port()));
    (shown.ca, shown.identity) = (Some(ca.clone()), Some((cert, key)));
    let mut hidden = shown.clone();
    hidden.identity = None;
    assert_eq!(send(&gateway(shown), "a").await, Outcome::Sent(None));
    provider.seen().await;
    // In TLS 1.3 the refusal comes behind the handshake: whether the request was read cannot be known.
    assert!(matches!(send(&gateway(hidden), "b").await, Outcome::Later(_) | Outcome::Unsure(_)));
    assert_eq!(provider.unseen(), 0);
}

async fn a_proxy_is_used_with_its_login() {
    let mut proxy = Provider::start([]).await;
    let mut settings = settings(&format!("http://provider.invalid{URL}"));
    settings.proxy = Some(Secret::new(format!("http://me:pw@{}", proxy.addr)));
    assert_eq!(send(&gateway(settings), "a").await, Outcome::Sent(None));
    let seen = proxy.seen().await;
    assert!(seen.line.starts_with("GET http://provider.invalid/send?"), "{}", seen.line);
    assert_eq!(seen.header("proxy-authorization"), Some("Basic bWU6cHc="));
}

async fn settings_that_cannot_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").expect("written");
    for (ca, proxy) in [
        (Some(dir.path().join("missing.pem")), None),
        (Some(empty), None),
        (None, Some(Secret::new("http://[".to_owned()))),
    ] {
        let mut settings = settings("https://localhost/?to=%number%");
        (settings.ca, settings.proxy) = (ca, proxy);
        let error = start("main".parse().expect("id"), Kind::Http(settings), inbox()).expect_err("cannot start");
        assert!(!error.to_string().is_empty() && !error.to_string().contains('\n'));
    }
}
