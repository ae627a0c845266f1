//! Providers that misbehave, a table: how each answers, and how the message ends. All at one daemon, each behind a gateway of
//! its own; afterwards the same gateway carries another message.

use std::time::Duration;

use libtest_mimic::Trial;

use super::{at, daemon, report_about};
use crate::support::{
    faults::NAME,
    process::free_port,
    provider::{Act, Provider},
    run_async, trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("faults: providers that misbehave, each in its way", || run_async(table())),
        trial("faults: a provider says when to come again, and is believed for a day at most", || {
            run_async(retry_after())
        }),
        trial("faults: the provider's name is not found for a while", || run_async(dns())),
        trial("faults: nobody listens at the provider for a while", || run_async(nobody())),
    ]
}

/// How a message ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// Sent, with so many requests.
    Sent(usize),
    /// Reported as unsure, with so many requests.
    Unsure(usize),
    /// Refused: one request, and this status in the report.
    Failed(&'static str),
    /// Nobody can say whether the request went out: unsure, or sent by the next one.
    Either,
}

struct Case {
    name: &'static str,
    more: &'static str,
    plan: Vec<Act>,
    end: End,
    /// Words of the log line of its first attempt.
    log: &'static [&'static str],
}

fn cases() -> Vec<Case> {
    let case = |name, plan: &[Act], end, log| Case { name, more: "", plan: plan.to_vec(), end, log };
    let later = |name, act: Act, log| case(name, &[act], End::Sent(2), log);
    let answer = |status, headers| Act::Answer(status, headers, "no\n");
    const PATIENCE: &str = "timeout = \"8s\"";
    vec![
        case("slow", &[Act::Wait], End::Sent(1), &["sent"]),
        Case { more: PATIENCE, ..case("silent", &[Act::Silent], End::Unsure(1), &["unsure", "4.4.2"]) },
        Case {
            more: PATIENCE,
            ..case("half-a-head", &[Act::Stall(b"HTTP/1.1 200 OK\r\nX-")], End::Unsure(1), &["unsure", "4.4.2"])
        },
        case("reset-after", &[Act::Reset], End::Unsure(1), &["unsure", "4.4.2"]),
        case("garbage", &[Act::Raw(b"\x00\xff\xfe nonsense \r\n\r\n")], End::Unsure(1), &["unsure", "4.4.2"]),
        case("another-protocol", &[Act::Raw(b"220 mx.example.test ESMTP\r\n")], End::Unsure(1), &["unsure", "4.4.2"]),
        case(
            "half-a-body",
            &[Act::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nO")],
            End::Unsure(1),
            &["unsure", "4.4.2"],
        ),
        case("nothing", &[Act::Raw(b"")], End::Unsure(1), &["unsure", "4.4.2"]),
        case("endless-body", &[Act::Endless], End::Sent(1), &["sent"]),
        case("endless-head", &[Act::EndlessHead], End::Unsure(1), &["unsure", "4.4.2"]),
        later("link-local", answer(302, "Location: http://169.254.169.254/latest/meta-data/\r\n"), &["later", "4.3.5"]),
        later("loopback", answer(307, "Location: http://127.0.0.1:1/\r\n"), &["later", "4.3.5"]),
        later("a-file", answer(301, "Location: file:///etc/passwd\r\n"), &["later", "4.3.5"]),
        case("storm", &[500, 503, 500, 503, 599].map(|status| answer(status, "")), End::Sent(6), &["later", "4.3.0"]),
        case("bad-gateway", &[answer(502, "")], End::Unsure(1), &["unsure", "4.4.2"]),
        case("gateway-timeout", &[answer(504, "")], End::Unsure(1), &["unsure", "4.4.2"]),
        later("too-many", answer(429, ""), &["later", "4.4.5"]),
        later("too-many-soon", answer(429, "Retry-After: soon\r\n"), &["later", "4.4.5"]),
        later("too-many-negative", answer(429, "Retry-After: -5\r\n"), &["later", "4.4.5"]),
        later("too-many-past", answer(429, "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), &["later", "4.4.5"]),
        case("bad-request", &[answer(400, "")], End::Failed("5.5.4"), &["never", "5.5.4"]),
        case("gone", &[answer(410, "")], End::Failed("5.3.5"), &["never", "5.3.5"]),
        case("too-large", &[answer(413, "")], End::Failed("5.3.4"), &["never", "5.3.4"]),
        // Before or behind the end of the handshake, as it happens.
        case("reset-before", &[Act::ResetAtOnce], End::Either, &["4.4."]),
    ]
}

fn number(n: usize) -> String {
    format!("+120155501{n:02}")
}

async fn table() {
    let mut providers = Vec::new();
    let mut plan = daemon();
    let cases = cases();
    for case in &cases {
        let provider = Provider::start(case.plan.clone()).await;
        provider.go.add_permits(1);
        plan = plan.gateway(case.name, "http", &at(&format!("http://{}/send", provider.addr), case.more));
        providers.push(provider);
    }
    let world = plan.start();
    let to = |n: usize| format!("{}?id={}@sms.example.test", number(n), cases[n].name);
    let ids: Vec<_> = (0..cases.len()).map(|n| world.text(&to(n), &format!("trouble with {n}"))).collect();
    let mut reports = 0;
    for (n, case) in cases.iter().enumerate() {
        let result = world.end(&ids[n]);
        let (name, provider) = (case.name, &mut providers[n]);
        let (wanted, requests) = match case.end {
            End::Sent(requests) => ("relayed", requests),
            End::Unsure(requests) => ("failed", requests),
            End::Failed(_) => ("failed", 1),
            End::Either if result == "relayed" => ("relayed", 1),
            End::Either => ("failed", 0),
        };
        if wanted == "failed" {
            reports += 1;
        }
        assert_eq!(result, wanted, "{name}");
        let mut asked = Vec::new();
        while provider.unseen() > 0 {
            asked.push(provider.seen().await.line);
        }
        assert_eq!(asked.len(), requests, "{name}: {asked:?}");
        let gateway = format!("gateway={name}");
        let words: Vec<_> = [gateway.as_str(), "attempt="].iter().chain(case.log).copied().collect();
        world.must_say(&words);
        let (status, words) = match case.end {
            End::Sent(_) | End::Either => continue,
            End::Unsure(_) => ("4.4.2", "may have arrived"),
            End::Failed(status) => (status, "Action: failed"),
        };
        let report = report_about(&world.mails, &number(n));
        assert!(report.contains(&format!("Status: {status}")), "{name}: {report}");
        assert!(crate::support::letter::every_reading(&report).contains(words), "{name}: {report}");
    }
    assert_eq!(world.readyz().0, 200);
    // All is well again.
    let again: Vec<_> = (0..cases.len()).map(|n| world.text(&to(n), &format!("peace with {n}"))).collect();
    for (n, case) in cases.iter().enumerate() {
        assert_eq!(world.end(&again[n]), "relayed", "{}", case.name);
        assert!(providers[n].seen().await.line.contains("peace"), "{}", case.name);
        assert_eq!(providers[n].unseen(), 0, "{}: nothing was sent again", case.name);
    }
    assert_eq!(world.mails.seen.len(), reports, "one report each, and none about what was sent");
    world.hides(&["2015550", "trouble with", "peace with", "169.254", "passwd"]);
}

async fn retry_after() {
    let hour = Duration::from_secs(3_600);
    let date = (jiff::Zoned::now() + hour).with_time_zone(jiff::tz::TimeZone::UTC);
    let date: &str = date.strftime("Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n").to_string().leak();
    let answers = [
        ("seconds", 429, "Retry-After: 3600\r\n"),
        ("date", 429, date),
        ("unavailable", 503, "Retry-After: 3600\r\n"),
        ("absurd", 429, "Retry-After: 99999999999999999999\r\n"),
        ("far", 429, "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n"),
    ];
    let mut providers = Vec::new();
    let mut plan = daemon();
    for (name, status, header) in answers {
        let provider = Provider::start([Act::Answer(status, header, "later")]).await;
        plan = plan.gateway(name, "http", &at(&format!("http://{}/send", provider.addr), ""));
        providers.push(provider);
    }
    let world = plan.start();
    let to = |name: &str| format!("+12015550123?id={name}@sms.example.test");
    let ids = answers.map(|(name, ..)| world.text(&to(name), "later please"));
    for (id, (name, ..)) in ids.iter().zip(answers) {
        world.event(id, "deferred");
        world.must_say(&["later", &format!("gateway={name}")]);
        assert_eq!(world.show(id)["state"], "waiting");
    }
    // Another message does not go there either, so long as it was told to wait.
    let others = answers.map(|(name, ..)| world.text(&to(name), "later too"));
    world.faults().pass(hour - Duration::from_secs(300));
    let due = |n: usize| world.show(&ids[n])["next"].as_i64().expect("a moment");
    assert!(due(3).abs_diff(due(4)) < 120_000, "a day, not an age");
    for provider in &mut providers {
        provider.seen().await;
    }
    for (id, (name, ..)) in ids.iter().chain(&others).zip(answers.iter().chain(&answers)) {
        assert_eq!(world.show(id)["state"], "waiting", "{name}");
    }
    world.faults().pass(Duration::from_secs(360));
    for id in ids[..3].iter().chain(&others[..3]) {
        assert_eq!(world.end(id), "relayed");
    }
    assert!(providers[3..].iter_mut().all(|provider| provider.unseen() == 0), "an hour is no day");
    world.faults().pass(24 * hour);
    for id in ids[3..].iter().chain(&others[3..]) {
        assert_eq!(world.end(id), "relayed");
    }
    for provider in &mut providers {
        assert_eq!(provider.unseen(), 2);
    }
    assert_eq!(world.readyz().0, 200);
}

async fn dns() {
    let mut provider = Provider::start([]).await;
    let url = format!("http://{NAME}:{}/send", provider.addr.port());
    let mut world = daemon().gateway("main", "http", &at(&url, "")).prepare();
    world.faults().dns(false);
    world.martlet.restart();
    let id = world.text("+12015550123@sms.example.test", "where are you");
    world.event(&id, "deferred");
    world.must_say(&["later", "4.4.3"]);
    assert!(world.show(&id)["cause"].as_str().is_some_and(|cause| cause.contains("name was not found")));
    assert_eq!((world.readyz().0, provider.unseen()), (200, 0));
    world.faults().dns(true);
    assert_eq!(world.end(&id), "relayed");
    assert!(provider.seen().await.line.contains("where"));
    assert_eq!((provider.unseen(), world.mails.seen.len()), (0, 0));
}

async fn nobody() {
    let port = free_port();
    let world = daemon().gateway("main", "http", &at(&format!("http://127.0.0.1:{port}/send"), "")).start();
    let id = world.text("+12015550123@sms.example.test", "anybody there");
    world.event(&id, "deferred");
    world.must_say(&["later", "4.4.1"]);
    assert_eq!(world.readyz().0, 200);
    let mut provider = Provider::start_at(port).await;
    assert_eq!(world.end(&id), "relayed");
    assert!(provider.seen().await.line.contains("anybody"));
    assert_eq!((provider.unseen(), world.mails.seen.len()), (0, 0));
}
