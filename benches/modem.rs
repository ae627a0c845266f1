//! Texts a second through a modem that answers at once, over a real pseudo-terminal: the gateway alone, without a store;
//! and smstools3 beside it on the same simulator, where it is installed.
//!
//! `cargo bench --bench modem`
#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use martlet::{
    address::Destination,
    gateway::{
        self, Attempt, Gateway, Job, Kind,
        inbox::{Desk, Noted},
        modem::{
            Device, Settings,
            sim::{Options, Sim, line::Shared},
        },
    },
    ground::{Clock, MessageId, Outcome},
    sms::{Content, Segment},
};
use tokio::{sync::oneshot, task::JoinSet};

const TEXTS: usize = 20_000;
/// So many by smstools3, which takes about half a second for each.
const OTHERS: usize = 20;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let took = runtime.block_on(ours(folder.path()));
    println!("Martlet: {TEXTS} texts in {took:.2?}, {:.0} a second", TEXTS as f64 / took.as_secs_f64());
    match runtime.block_on(smstools(folder.path())) {
        Some(took) => {
            println!("smstools3: {OTHERS} texts in {took:.2?}, {:.1} a second", OTHERS as f64 / took.as_secs_f64());
        }
        None => println!("smstools3: not installed"),
    }
    runtime.shutdown_background();
}

async fn simulator(link: &Path) -> Shared {
    let sim = Shared::new(Sim::new(Options::default()), Clock::system());
    let (tell, told) = oneshot::channel();
    let (serving, link) = (sim.clone(), link.to_owned());
    let mut tell = Some(tell);
    tokio::spawn(serving.on_pty(link, move |_| {
        let _ = tell.take().map(|tell| tell.send(()));
    }));
    told.await.expect("a terminal");
    sim
}

async fn ours(folder: &Path) -> Duration {
    let link = folder.join("modem");
    let sim = simulator(&link).await;
    let settings = Settings::new(Device::Serial(link), folder.to_owned(), Clock::system());
    let (desk, mut handed) = Desk::open();
    let inbox = desk.inbox("stick".parse().expect("an id"));
    tokio::spawn(async move {
        while let Some(handed) = handed.recv().await {
            let _ = handed.answer.send(Ok(Noted::New));
        }
    });
    let gateway = gateway::start("stick".parse().expect("an id"), Kind::Modem(settings), inbox).expect("it starts");
    send(&gateway).await;
    let begun = Instant::now();
    let mut sending = JoinSet::new();
    for _ in 1..TEXTS {
        if sending.len() >= 10 {
            sending.join_next().await;
        }
        let answer = begin(&gateway).await;
        sending.spawn(async move { assert!(matches!(answer.await.expect("an answer")[..], [(_, Outcome::Sent(_))])) });
    }
    while sending.join_next().await.is_some() {}
    assert_eq!(sim.with(|sim| sim.taken().len()), TEXTS);
    begun.elapsed()
}

async fn send(gateway: &Gateway) {
    begin(gateway).await.await.expect("an answer");
}

async fn begin(gateway: &Gateway) -> oneshot::Receiver<Vec<(u8, Outcome)>> {
    let content = Content::text("The quick brown fox jumps over the lazy dog at 10:30, they say.");
    let segments = vec![Segment { body: content.body.clone(), udh: Vec::new() }];
    let attempt = Attempt {
        id: MessageId::new(),
        n: 1,
        to: Destination::Number("+15551234567".parse().expect("a number")),
        wire: None,
        content,
        segments,
        parts: 1,
        sender: None,
        sender_phone: None,
        pid: None,
        dcs: None,
        value: Vec::new(),
        validity: Duration::from_secs(3600),
        trace: martlet::address::Trace::default(),
    };
    let (reply, answer) = oneshot::channel();
    let job = Job { attempt: Arc::new(attempt), parts: 0..1, reply };
    gateway.jobs.send(job).await.expect("it takes jobs");
    answer
}

async fn smstools(folder: &Path) -> Option<Duration> {
    let link = folder.join("other");
    let sim = simulator(&link).await;
    let dir = |name: &str| {
        let dir = folder.join(name);
        std::fs::create_dir_all(&dir).expect("a folder");
        dir.display().to_string()
    };
    let outgoing = dir("outgoing");
    let config = folder.join("smsd.conf");
    let base = folder.display();
    let text = format!(
        "devices = SIM\noutgoing = {outgoing}\nchecked = {}\nincoming = {}\nsent = {}\nfailed = {}\n\
         logfile = {base}/smsd.log\ninfofile = {base}/smsd.running\npidfile = {base}/smsd.pid\ndelaytime = 1\n\n\
         [SIM]\ndevice = {}\nincoming = no\nbaudrate = 115200\n",
        dir("checked"),
        dir("incoming"),
        dir("sent"),
        dir("failed"),
        link.display(),
    );
    std::fs::write(&config, text).expect("a config");
    for n in 0..OTHERS {
        std::fs::write(format!("{outgoing}/{n}"), "To: 15551234567\n\nThe quick brown fox.\n").expect("a text");
    }
    let started = Command::new("smsd").arg("-t").arg(format!("-c{}", config.display())).stdout(Stdio::null()).spawn();
    let mut smsd = started.ok()?;
    let until = |texts: usize| {
        let sim = sim.clone();
        async move {
            while sim.with(|sim| sim.taken().len()) < texts {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    until(1).await;
    let begun = Instant::now();
    let all = tokio::time::timeout(Duration::from_secs(300), until(OTHERS)).await;
    let took = begun.elapsed();
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(smsd.id().try_into().ok()?), nix::sys::signal::SIGTERM);
    let _ = smsd.wait();
    all.is_ok().then_some(took)
}
