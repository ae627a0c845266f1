//! The page and the command without a browser.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
};

use super::{Tried, martlet};
use crate::support::{
    http::call,
    martlet::Martlet,
    process::{DEADLINE, free_port, until},
};

const ONE: &str = "%2B12025550123";

fn post(tried: &Tried, path: &str, form: &str) -> (u16, String) {
    call(tried.http, "POST", path, form).expect("an answer")
}

fn page(tried: &Tried) -> String {
    let (status, page) = call(tried.http, "GET", "/", "").expect("an answer");
    assert_eq!(status, 200);
    page
}

fn shows(tried: &Tried, words: &[&str]) -> String {
    until(&format!("a page with {words:?}"), || Some(page(tried)).filter(|page| words.iter().all(|w| page.contains(w))))
}

fn mail(tried: &Tried, from: &str, to: &str, text: &str) -> (u16, String) {
    post(tried, "/mail", &format!("from={from}%40example.test&to={to}&subject=Dinner&text={text}"))
}

pub fn printed_line() {
    let tried = Tried::start();
    let said = tried.said();
    assert!(said.contains(&tried.url()), "the page to open: {said}");
    let line = said.lines().map(str::trim).find(|line| line.starts_with("printf")).expect("a line that sends");
    let run = || {
        let done = Command::new("sh").args(["-c", line]).output().expect("a shell");
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    };
    run();
    shows(&tried, &["<span class=\"bubble\">See you at eight?</span>", "<h3>Dinner</h3>", "+12025550123: delivered"]);
    assert_eq!(post(&tried, "/phone/text", &format!("phone={ONE}&text=Eight")).0, 303);
    // The line writes no Message-ID; the answer stands below its mail all the same.
    shows(&tried, &["class=\"letter reply depth-1\""]);
    run();
    until("a second text for a second mail", || {
        (page(&tried).matches("<span class=\"bubble\">See you at eight?</span>").count() == 2).then_some(())
    });
}

pub fn without_a_script() {
    let mut tried = Tried::start();
    assert_eq!(mail(&tried, "alice", ONE, "Hello+phone").0, 303);
    shows(&tried, &["<span class=\"bubble\">Hello phone</span>"]);
    assert_eq!(post(&tried, "/phone/text", &format!("phone={ONE}&text=Hello+mail")).0, 303);
    let page = shows(&tried, &["class=\"letter reply depth-1\""]);
    assert!(page.contains("in the mailbox of alice@example.test"), "the answer finds who wrote");
    let answer =
        page.split("href=\"/?answer=").nth(1).and_then(|rest| rest.split('#').next()).expect("a way to answer");
    let (_, form) = call(tried.http, "GET", "/", &format!("answer={answer}")).expect("an answer");
    assert!(form.contains("value=\"Re: Dinner\"") && form.contains("+12025550123@sms.example.test"), "it is filled in");
    let (status, source) = call(tried.http, "GET", &format!("/mail/{answer}"), "").expect("an answer");
    assert!(status == 200 && source.contains("In-Reply-To: <"), "{source}");
    // What goes wrong is said on the page, and what was written is still there.
    let (status, wrong) = mail(&tried, "alice", "12", "lost+words%3F");
    assert!(status == 422 && wrong.contains("too short") && wrong.contains("lost words?"), "{status} {wrong}");
    let (status, wrong) = mail(&tried, "alice", "nobody%40elsewhere.test", "x");
    assert!(status == 422 && wrong.contains("Martlet answered 550"), "{status} {wrong}");
    assert_eq!(post(&tried, "/phone", "number=%2B1+202+555+0188").0, 303);
    shows(&tried, &["id=\"phone-12025550188\""]);
    assert_eq!(post(&tried, "/network", &format!("phone={ONE}&behaviour=explode")).0, 422);
    assert_eq!(post(&tried, "/phone/text", "phone=%2B12025550199&text=x").0, 422, "a phone that is not there");
    tried.stop();
}

/// Status and whole answer of one request as it is written.
fn raw(tried: &Tried, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", tried.http)).expect("a connection");
    stream.set_read_timeout(Some(DEADLINE)).expect("set");
    stream.write_all(request.as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    (answer.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status"), answer)
}

pub fn strangers() {
    let tried = Tried::start();
    let own = format!("127.0.0.1:{}", tried.http);
    let form = format!("phone={ONE}&behaviour=refuse");
    let ask = |host: &str, more: &str| {
        let length = form.len();
        let head = format!("Host: {host}\r\nConnection: close\r\n{more}");
        let kind = "Content-Type: application/x-www-form-urlencoded";
        let get = raw(&tried, &format!("GET / HTTP/1.1\r\n{head}\r\n")).0;
        let post =
            raw(&tried, &format!("POST /network HTTP/1.1\r\n{head}{kind}\r\nContent-Length: {length}\r\n\r\n{form}"));
        (get, post.0)
    };
    assert_eq!(ask("evil.example", ""), (403, 403), "a name that leads here by DNS");
    assert_eq!(ask(&own, "Origin: http://evil.example\r\n"), (403, 403));
    assert_eq!(ask(&own, "Sec-Fetch-Site: cross-site\r\n"), (403, 403));
    let listening =
        format!("GET /changes HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\nSec-Fetch-Site: cross-site\r\n\r\n");
    assert_eq!(raw(&tried, &listening).0, 403);
    assert!(!page(&tried).contains("signal refuse"), "nothing of it had an effect");
    assert_eq!(ask(&own, &format!("Origin: http://{own}\r\nSec-Fetch-Site: same-origin\r\n")), (200, 303));
    assert!(page(&tried).contains("signal refuse"));
    let (_, answer) = raw(&tried, &format!("GET / HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n"));
    let policy = "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self';";
    assert!(answer.contains(policy) && answer.contains("frame-ancestors 'none'"), "{answer}");
    let page = page(&tried);
    let tags = page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default());
    for tag in tags {
        for inline in ["http:", "https:", "//", " style=", " onclick="] {
            assert!(!tag.contains(inline), "<{tag}> would load or run something else");
        }
    }
}

pub fn restart() {
    let mut tried = Tried::start();
    mail(&tried, "bob", ONE, "kept");
    shows(&tried, &["+12025550123: delivered"]);
    post(&tried, "/phone/text", &format!("phone={ONE}&text=kept+too"));
    shows(&tried, &["class=\"letter reply depth-1\""]);
    tried.stop();
    tried.restart();
    let page = page(&tried);
    assert!(page.contains("class=\"letter written depth-0\"") && page.contains("class=\"letter reply depth-1\""));
    tried.stop();
}

/// `config/quickstart.toml`, on ports of the test: a handset behind `martlet serve`.
pub fn quickstart() {
    let scratch = crate::support::process::Scratch::new();
    let config =
        std::fs::read_to_string(crate::support::root().join("config/quickstart.toml")).expect("the quickstart");
    let [lmtp, http] = [free_port(), free_port()];
    let config = config.replace("127.0.0.1:2424", &format!("127.0.0.1:{lmtp}"));
    let config = config.replace("127.0.0.1:8025", &format!("127.0.0.1:{http}")).replace("../martlet-data", "data");
    let mut martlet = Martlet::start(scratch.path(), &config, &[]);
    let text = format!("user=demo&pass=demo&number={ONE}&data=Hello");
    let (status, answer) = call(http, "GET", "/sms/", &text).expect("an answer");
    assert!(status == 200 && answer.starts_with("OK "), "{status} {answer}");
    until("the handset's receipt", || martlet.queue().iter().any(|text| text["result"] == "delivered").then_some(()));
    assert_eq!(call(http, "GET", "/", "").expect("an answer").0, 404, "the page is the trial's alone");
    martlet.stop();
}

pub fn refusals() {
    let said = |args: &[&str]| {
        let done = martlet().args(args).output().expect("the program runs");
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let scratch = crate::support::process::Scratch::new();
    let dir = scratch.path().join("d");
    let dir = dir.to_str().expect("UTF-8");
    let (code, words) = said(&["--dir", dir, "--mail", "0.0.0.0:2525"]);
    assert!(code == Some(64) && words.contains("loopback only"), "{code:?} {words}");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().map(|addr| (addr.to_string(), taken)).expect("its address");
    let (code, words) = said(&["--dir", dir, "--http", &taken.0]);
    assert!(code == Some(71) && words.contains("is another program listening there?"), "{code:?} {words}");
    let (code, words) = said(&["--dir", "/proc/no"]);
    assert!(code == Some(73) && words.contains("choose another --dir"), "{code:?} {words}");
    let (code, words) = said(&["--dir", &format!("{dir}/{}", "long".repeat(30))]);
    assert!(code == Some(73) && words.contains("choose another --dir"), "{code:?} {words}");
    let tried = Tried::start();
    let (code, words) = said(&["--dir", tried.dir().to_str().expect("UTF-8")]);
    assert!(code == Some(71) && words.contains("is another `martlet try` running"), "{code:?} {words}");
}

pub fn ports() {
    // Whoever holds the usual ones: this test, or another program of this machine.
    let _usual: Vec<_> = [2525, 2424, 8025].map(|port| TcpListener::bind(("127.0.0.1", port))).into_iter().collect();
    let scratch = crate::support::process::Scratch::new();
    let out = scratch.path().join("out");
    let mut command = martlet();
    command.arg("--dir").arg(scratch.path().join("d"));
    let mut running = crate::support::process::Running::start("martlet try", &mut command, &out);
    let said = running.wait_for("the word that it is ready", || {
        std::fs::read_to_string(&out).ok().filter(|said| said.contains("Ctrl-C"))
    });
    for usual in ["127.0.0.1:2525", "127.0.0.1:2424", "127.0.0.1:8025"] {
        assert!(!said.contains(usual), "{said}");
    }
    let port: u16 =
        said.split("http://127.0.0.1:").nth(1).and_then(|rest| rest.split('/').next()?.parse().ok()).expect("a port");
    assert_eq!(call(port, "GET", "/readyz", "").expect("an answer").0, 200);
    let form = format!("from=alice%40example.test&to={ONE}&subject=s&text=x");
    assert_eq!(call(port, "POST", "/network", "behaviour=refuse").expect("an answer").0, 303);
    assert_eq!(call(port, "POST", "/mail", &form).expect("an answer").0, 303);
    until("a bounce in the mailbox", || {
        call(port, "GET", "/", "").ok().filter(|(_, page)| page.contains("letter report"))
    });
}
