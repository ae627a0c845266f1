//! Modems that other people have recorded: `fake.py` puts the fake modems of python-gsmmodem's tests at a real terminal or
//! port, and its codec reads what we send and makes what we receive. Nothing here is checked by words of our own but the
//! commands around a PDU.
//!
//! Time is real: another program must not be hurried.

mod fake;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fake::{Fake, Where};
use libtest_mimic::Trial;
use martlet::{gateway::inbox::Fate, ground::Secret, sms::udh::concat};
use serde_json::{Value, json};

use super::{
    daemon::{ALICE, Daemon, text},
    *,
};
use crate::support::{
    Needs,
    process::{Scratch, until},
    run_async, trial_with,
};

/// The class of a fake, and what it says of itself.
struct Model(&'static str, &'static str, &'static str);

const MODELS: [Model; 6] = [
    Model("HuaweiK3715", "huawei", "K3715"),
    Model("HuaweiE1752", "huawei", "E1752"),
    Model("WavecomMultiband900E1800", "WAVECOM MODEM", "MULTIBAND  900E  1800"),
    Model("QualcommM6280", "QUALCOMM INCORPORATED", "M6280"),
    Model("ZteK3565Z", "ZTE INCORPORATED", "K3565-Z"),
    Model("NokiaN79", "Nokia", "Nokia N79"),
];

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for model in &MODELS {
        for line in [Where::Pty, Where::Tcp] {
            let name = format!("fakes: {} both ways over {line:?}", model.0);
            trials.push(fake_trial(&name, move || run_async(both_ways(model, line))));
        }
    }
    trials.extend([
        fake_trial("fakes: what comes directly is acknowledged when it is durable", || run_async(direct())),
        fake_trial("fakes: a radio that is off, and busy when it is switched on", || run_async(off())),
        fake_trial("fakes: a modem that is busy is asked once more who it is", || run_async(busy())),
        fake_trial("fakes: a code behind the mode of a Huawei", || run_async(code())),
        fake_trial("fakes: six modems behind one daemon, from mail to text to report and back", daemon),
    ]);
    trials
}

fn fake_trial(name: &str, test: impl FnOnce() + Send + 'static) -> Trial {
    trial_with(name, &[Needs::FakeModems], test)
}

/// A gateway whose modem is this fake, not started.
fn host(class: &str, line: Where) -> (Host, Fake) {
    let mut host = Host::new(Clock::system());
    let fake = Fake::start(host.folder.path(), class, line);
    host.settings.device = fake.device();
    (host, fake)
}

const SHORT: &str = "Dinner at eight? 5 € [each], {half} of it ~ mine";
const SHORT_UCS2: &str = "Обед в восемь? Zürich, 東京, 🐦";

fn long() -> String {
    "All of it arrives, whole & in order; [1 €] each. ".repeat(8)
}

fn long_ucs2() -> String {
    "Всё дойдёт, целиком и по порядку 🐦. ".repeat(5)
}

/// Over TCP the SIM wants its PIN first, and the modem has further whims.
async fn both_ways(model: &Model, line: Where) {
    let Model(class, maker, name) = *model;
    let (mut host, mut fake) = host(class, line);
    let found = fake.probe();
    assert_eq!((&found["maker"], &found["model"]), (&maker.into(), &name.into()), "{found}");
    assert_eq!((&found["trouble"], &found["imei"]), (&Value::Null, &"111111111111111".into()), "{found}");
    if line == Where::Tcp {
        fake.set(&json!({ "pinLock": true, "simBusyErrorCounter": 3, "cfun": -1 }));
        host.settings.pin = Some(Secret::new("1234".to_owned()));
    }
    host.start();
    let names = goes_out(&host, &mut fake).await;
    let entered = fake.state().heard.iter().filter(|line| *line == "AT+CPIN=\"1234\"").count();
    assert_eq!(entered, usize::from(line == Where::Tcp));
    if !fake.state().receives {
        assert_eq!(class, "NokiaN79", "its memories have no names, by its own word");
        return host.stop().await;
    }
    reported(&host, &mut fake, &names).await;
    comes_in(&host, &mut fake).await;
    stays_until_it_is_durable(&mut host, &mut fake).await;
    host.stop().await;
}

/// Texts of one part and of three, in both alphabets; the names of their segments.
async fn goes_out(host: &Host, fake: &mut Fake) -> Vec<String> {
    let (mut names, mut seen) = (Vec::new(), 0);
    for (words, parts) in [(SHORT.to_owned(), 1), (long(), 3), (SHORT_UCS2.to_owned(), 1), (long_ucs2(), 3)] {
        for outcome in host.send(&words).await {
            let Outcome::Sent(Some(name)) = outcome else { panic!("{words}: {outcome:?}") };
            names.push(name.as_str().to_owned());
        }
        let taken = fake.state().taken;
        let new = &taken[seen..];
        assert_eq!(new.iter().map(|taken| taken.text.as_str()).collect::<String>(), words);
        assert!(new.iter().all(|taken| taken.number == PHONE), "{}", new[0].number);
        let joins: Vec<_> = (1..=parts).map(|n| (parts > 1).then_some((9, parts, n))).collect();
        assert_eq!(new.iter().map(|taken| taken.part).collect::<Vec<_>>(), joins);
        seen = taken.len();
    }
    names
}

/// Each segment by its name: the last one has failed.
async fn reported(host: &Host, fake: &mut Fake, names: &[String]) {
    let (last, others) = names.split_last().expect("some");
    others.iter().enumerate().for_each(|(n, _)| fake.report(n, 0));
    fake.report(others.len(), 0x46);
    let words = host.until("all reports", |core| (core.words.len() == names.len()).then(|| core.words.clone())).await;
    let about = |word: &Word| word.about.theirs().expect("a name").as_str().to_owned();
    let (delivered, failed): (Vec<_>, Vec<_>) = words.iter().partition(|word| word.fate == Fate::Delivered);
    assert_eq!(delivered.into_iter().map(about).collect::<BTreeSet<_>>(), others.iter().cloned().collect());
    assert!(
        matches!(&failed[..], [word] if about(word) == *last && matches!(word.fate, Fate::Failed(_))),
        "{failed:?}"
    );
    assert!(words.iter().all(|word| word.at.is_some()));
}

/// Short ones, and long ones whose parts come in a wrong order; the memory is empty at the end.
async fn comes_in(host: &Host, fake: &mut Fake) {
    let long = [long(), long_ucs2()];
    fake.text(PHONE, SHORT, &[1]);
    fake.text(PHONE, &long[0], &[3, 1, 2]);
    fake.text(PHONE, SHORT_UCS2, &[1]);
    fake.text(PHONE, &long[1], &[2, 3, 1]);
    host.until("all texts, and an empty memory", |core| {
        (core.segments.len() == 8 && fake.state().stored == 0).then_some(())
    })
    .await;
    let mut all = BTreeSet::from(long);
    all.extend([SHORT, SHORT_UCS2].map(str::to_owned));
    assert_eq!(joined(&host.core.lock().expect("the core")), all);
}

/// What came, whole.
fn joined(core: &Core) -> BTreeSet<String> {
    let mut whole = BTreeSet::new();
    let mut parts: HashMap<_, BTreeMap<_, _>> = HashMap::new();
    for came in &core.segments {
        assert!(came.from == PHONE && came.sent.is_some());
        let Body::Text(words) = &came.segment.body else { panic!("no words") };
        match concat(&came.segment.udh) {
            Some(join) => drop(parts.entry(join.reference).or_default().insert(join.seq, words.as_str())),
            None => drop(whole.insert(words.clone())),
        }
    }
    whole.extend(parts.into_values().map(|parts| parts.into_values().collect()));
    whole
}

async fn stays_until_it_is_durable(host: &mut Host, fake: &mut Fake) {
    let before = host.core.lock().expect("the core").segments.len();
    host.core.lock().expect("the core").busy = true;
    fake.text(PHONE, "keep me", &[1]);
    host.until("a core that was asked", |core| (core.turned_away > 0).then_some(())).await;
    assert!(matches!(host.send("hello").await[..], [Outcome::Sent(_)]));
    assert_eq!(fake.state().stored, 1, "not kept by the core, kept by the modem");
    host.stop().await;
    host.core.lock().expect("the core").busy = false;
    host.start();
    host.until("the text", |core| (core.segments.len() == before + 1 && fake.state().stored == 0).then_some(())).await;
}

/// With `AT+CSMS=1` the network repeats what nobody acknowledges.
async fn direct() {
    let (mut host, mut fake) = host("HuaweiK3715", Where::Tcp);
    host.settings.direct = true;
    host.start();
    assert!(matches!(host.send(SHORT).await[..], [Outcome::Sent(_)]));
    fake.text(PHONE, &long(), &[2, 1, 3]);
    fake.text(PHONE, SHORT_UCS2, &[1]);
    fake.report(0, 0);
    host.until("four texts and a report, all acknowledged", |core| {
        (core.segments.len() == 4 && core.words.len() == 1 && fake.state().acknowledged == 5).then_some(())
    })
    .await;
    assert_eq!(joined(&host.core.lock().expect("the core")), BTreeSet::from([long(), SHORT_UCS2.to_owned()]));
    host.core.lock().expect("the core").busy = true;
    fake.text(PHONE, "keep me", &[1]);
    host.until("a core that was asked", |core| (core.turned_away > 0).then_some(())).await;
    assert!(matches!(host.send("hello").await[..], [Outcome::Sent(_)]));
    let state = fake.state();
    assert_eq!((state.acknowledged, state.stored), (5, 0));
    host.stop().await;
}

/// As other programs leave modems; this one says 515 to what is asked next.
async fn off() {
    let (mut host, mut fake) = host("WavecomMultiband900E1800", Where::Pty);
    fake.set(&json!({ "cfun": 4 }));
    host.start();
    assert!(matches!(host.send(SHORT).await[..], [Outcome::Sent(_)]));
    let heard = fake.state().heard;
    assert_eq!(heard.iter().filter(|line| *line == "AT+CFUN=1").count(), 1, "{heard:?}");
    assert_eq!(fake.state().taken[0].text, SHORT);
    host.stop().await;
}

async fn busy() {
    let mut fake = Fake::start(Scratch::new().path(), "QualcommM6280", Where::Tcp);
    fake.set(&json!({ "deviceBusyErrorCounter": 12 }));
    let found = fake.probe();
    assert_eq!((&found["model"], &found["trouble"]), (&"M6280".into(), &Value::Null), "{found}");
    let heard = fake.state().heard;
    assert_eq!(heard.iter().filter(|line| *line == "ATE0").count(), 2, "the first was not heard: {heard:?}");
}

async fn code() {
    let (mut host, fake) = host("HuaweiE1752", Where::Pty);
    host.settings.balance = Some(martlet::gateway::modem::Balance {
        code: "*100#".to_owned(),
        every: Duration::from_secs(3600),
        amount: regex::Regex::new(r"(\d+\.\d\d) EUR").expect("a pattern"),
        warn_below: Some(5.0),
    });
    host.start();
    let notice = host.until("a notice", |core| core.notices.first().cloned()).await;
    assert!(notice.about.ends_with("balance") && notice.text.contains("3.50"), "{notice:?}");
    host.stop().await;
    drop(fake);
}

/// Half of them at terminals, half at ports, two with a locked SIM.
fn daemon() {
    let scratch = Scratch::new();
    let mut fakes: Vec<_> = MODELS
        .iter()
        .enumerate()
        .map(|(n, model)| Fake::start(scratch.path(), model.0, if n % 2 == 0 { Where::Pty } else { Where::Tcp }))
        .collect();
    (2..4).for_each(|n| fakes[n].set(&json!({ "pinLock": true })));
    let ids: Vec<_> = MODELS.iter().map(|model| model.0.to_lowercase()).collect();
    let tables: Vec<_> =
        ids.iter().zip(&fakes).map(|(id, fake)| (id.as_str(), fake.place.clone(), "pin = \"1234\"")).collect();
    let daemon = Daemon::start(scratch, &tables);
    ids.iter().for_each(|id| daemon.ready(id));
    let words = |n: usize| format!("Dinner number {n} is at eight. {}", "Bring what you like to eat. ".repeat(11));
    let sent: Vec<_> = ids.iter().enumerate().map(|(n, id)| daemon.send(&to(n, id), words(n).trim())).collect();
    for (n, id) in sent.iter().enumerate() {
        let taken = until("three segments", || Some(fakes[n].state().taken).filter(|taken| taken.len() == 3));
        assert_eq!(taken.iter().map(|taken| taken.text.as_str()).collect::<String>(), words(n).trim());
        assert!(taken.iter().all(|taken| taken.number == phone(n)));
        until("a message that waits for its reports", || {
            (daemon.martlet.json(&["queue", "show", id])["state"] == "sent").then_some(())
        });
        if !fakes[n].state().receives {
            continue;
        }
        (0..3).for_each(|part| fakes[n].report(part, 0));
        daemon.delivered(id);
        let answer = format!("Answer {n}: {}", "gladly, and with all of the family. ".repeat(10));
        fakes[n].text(&phone(n), answer.trim(), &[3, 1, 2]);
        let mail = daemon.mail_with(&format!("Answer {n}:"));
        // Long lines are folded in a mail.
        let said = text(&mail).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(said, answer.trim());
        assert!(mail.rcpt.iter().any(|to| to.contains(ALICE)), "{:?}", mail.rcpt);
        until("an empty memory", || (fakes[n].state().stored == 0).then_some(()));
    }
    daemon.martlet.settled();
    assert_eq!(daemon.mails.seen.len(), 5, "one mail for each answer, none for anything else");
    drop(daemon);
}

fn phone(n: usize) -> String {
    format!("+1201555{}", 1000 + n)
}

fn to(n: usize, gateway: &str) -> String {
    format!("{}?id={gateway}", phone(n))
}
