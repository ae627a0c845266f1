//! Providers that go wrong in every way that they can, by a plan, behind one daemon; then the accounts are made up: each text
//! ended, each phone got it once where the provider knows texts by our ids, and where it does not, twice only where somebody chose
//! that (`on_unsure = "retry"`), and only what was under way when the answer was lost.
//!
//! The test waits for events only. Where a provider wants to be left alone for minutes, or does not answer, it turns the daemon's clocks,
//! and only when nothing can begin before: so that no attempt under way sees the time jump but those that are to.

mod account;
mod api;
mod http;
mod plan;
mod provider;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use libtest_mimic::Trial;
use serde_json::Value;

use self::{
    api::Api,
    plan::Plan,
    provider::{State, phone, words},
};
use crate::support::{
    faults::Faults,
    martlet::Martlet,
    process::{Scratch, free_port, within},
    root, run_async,
    sink::MailSink,
    talk::{Letter, Place, Talk},
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![trial("emulator: hundreds of texts through every fault of three kinds of providers", || {
        run_async(everything_goes_wrong());
    })]
}

/// Of the plans; any other does as well.
const SEED: u64 = 7;
const ALICE: &str = "alice@example.test";
/// What is due within that (in milliseconds) is waited for, and no look at the world takes longer than this.
const SOON: i64 = 15_000;
const LOOK: Duration = Duration::from_secs(10);
/// For hundreds of texts, on a machine that has much else to do.
const LONG: Duration = Duration::from_secs(300);
/// Texts of phones by each provider.
const BROUGHT: usize = 5;

/// A gateway of the test.
struct Way {
    id: &'static str,
    api: Api,
    on_unsure: &'static str,
    texts: usize,
}

const WAYS: [Way; 6] = [
    // What is unsure there is asked again whatever is configured: it knows our ids.
    Way { id: "keyed", api: Api::Keyed, on_unsure: "report", texts: 100 },
    Way { id: "called-retry", api: Api::Called, on_unsure: "retry", texts: 60 },
    Way { id: "called-hold", api: Api::Called, on_unsure: "hold", texts: 60 },
    Way { id: "bare-retry", api: Api::Bare, on_unsure: "retry", texts: 60 },
    Way { id: "bare-hold", api: Api::Bare, on_unsure: "hold", texts: 60 },
    Way { id: "bare-report", api: Api::Bare, on_unsure: "report", texts: 60 },
];

struct World {
    martlet: Martlet,
    faults: Faults,
    /// By how many seconds the clocks are turned.
    turned: Arc<AtomicI64>,
    mails: MailSink,
    lmtp: u16,
    /// In the order of [`WAYS`].
    providers: Vec<Arc<State>>,
    /// Which text of which way a message is.
    sent: BTreeMap<String, (usize, usize)>,
    _scratch: Scratch,
}

/// A test that fails shows what the daemon said.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            crate::support::say(&self.martlet.log_end());
        }
    }
}

impl World {
    async fn start() -> Self {
        let scratch = Scratch::new();
        let dir = scratch.dir("martlet");
        let (lmtp, http, mails) = (free_port(), free_port(), MailSink::smtp());
        let turned = Arc::new(AtomicI64::new(0));
        let (mut providers, mut gateways, mut first) = (Vec::new(), String::new(), 0);
        for (n, way) in (0..).zip(&WAYS) {
            let plan = Plan::new(SEED + n, way.texts);
            let state = State::start((way.api, way.id), plan, http, first, Arc::clone(&turned)).await;
            first += way.texts;
            gateways += &gateway(way, state.port(), &dir);
            providers.push(state);
        }
        let config = format!(
            "data_dir = \"data\"\ndomains = [\"sms.example.test\"]\n\
             [[listener]]\nprotocol = \"lmtp\"\nbind = \"127.0.0.1:{lmtp}\"\ntrust = [\"127.0.0.1/32\"]\nidentity = [\"envelope\"]\n\
             [http]\nbind = \"127.0.0.1:{http}\"\npublic_url = \"{base}\"\n\
             [mailbox]\nurl = \"smtp://127.0.0.1:{mails}\"\npostmaster = \"postmaster@example.test\"\n\
             [inbound]\ndefault = \"inbox@example.test\"\ndomains = [\"example.test\"]\n\
             [queue]\nretry_min = \"50ms\"\nretry_max = \"400ms\"\n\
             [[account]]\nuser = \"{ALICE}\"\n{gateways}",
            base = api::BASE,
            mails = mails.port,
        );
        let faults = Faults::new(&dir);
        let mut martlet = Martlet::prepare(&dir, &config, &[("PROVIDER_SECRET", api::SECRET)]);
        martlet.serve_env = faults.env();
        martlet.restart();
        let sent = BTreeMap::new();
        Self { martlet, faults, turned, mails, lmtp, providers, sent, _scratch: scratch }
    }

    /// Alice's mails to all phones; she wants to hear of each end.
    fn send(&mut self) {
        let mut talk = Talk::to(&Place::Tcp(self.lmtp)).expect("a session");
        talk.say("LHLO mx.example.test").expect("LHLO");
        let mut first = 0;
        for (way, declared) in WAYS.iter().enumerate() {
            for n in 0..declared.texts {
                let to = format!("{}?id={}@sms.example.test", phone(first + n), declared.id);
                let data = format!("From: {ALICE}\r\nTo: phone\r\nSubject: x\r\n\r\n{}\r\n", words(declared.id, n));
                let rcpt_params = " NOTIFY=SUCCESS,FAILURE";
                let letter = Letter { from: ALICE, to: vec![&to], rcpt_params, data, ..Letter::default() };
                let reply = talk.one(&letter, true).expect("a session");
                assert_eq!(reply.code, 250, "{reply:?}");
                let id = reply.text().rsplit(' ').next().expect("an id").to_owned();
                self.sent.insert(id, (way, n));
            }
            first += declared.texts;
        }
    }

    /// Everything that ever was in the queue.
    fn queue(&self) -> Vec<Value> {
        let rows = self.martlet.json(&["queue", "list", "--limit", "10000"]);
        rows.as_array().expect("a list").clone()
    }

    /// Whether `row` is a text of ours, and which.
    fn text(&self, row: &Value) -> Option<(usize, usize)> {
        row["id"].as_str().and_then(|id| self.sent.get(id)).copied()
    }

    fn turn(&mut self, time: Duration) {
        self.faults.pass(time);
        self.turned.fetch_add(i64::try_from(time.as_secs()).expect("days"), Ordering::SeqCst);
    }

    /// Turns the clocks until nothing waits any more.
    fn run_to_rest(&mut self) -> usize {
        for turns in 0..100 {
            let rest = within(LONG, || self.rest()).expect("a world in which nothing moves");
            let Some(pause) = rest else { return turns };
            self.turn(pause);
        }
        panic!("it never comes to rest");
    }

    /// `Some`: nothing moves now, nor will it within some seconds: for how long, or for ever.
    fn rest(&self) -> Option<Option<Duration>> {
        let begun = Instant::now();
        let (rows, gateways) = (self.queue(), self.martlet.json(&["gateways"]));
        if !self.providers.iter().all(|state| state.is_quiet()) {
            return None;
        }
        let now = jiff::Timestamp::now().as_millisecond() + self.turned.load(Ordering::SeqCst) * 1_000;
        let down = |id: &str| {
            let all = gateways.as_array().expect("a list");
            let gateway = all.iter().find(|gateway| gateway["id"] == id).expect("it is configured");
            gateway["next"].as_i64().unwrap_or(0)
        };
        let (mut next, mut trying) = (None::<i64>, [0; WAYS.len()]);
        for row in &rows {
            let state = row["state"].as_str().expect("a state");
            match (self.text(row), state) {
                (Some((way, _)), "trying") => trying[way] += 1,
                (Some((way, _)), "waiting") => {
                    let due = row["next"].as_i64().expect("a moment").max(down(WAYS[way].id));
                    if due < now + SOON {
                        return None;
                    }
                    next = Some(next.map_or(due, |next| next.min(due)));
                }
                // Its word has come and is on its way to the sender.
                (Some((way, n)), "sent") if self.providers[way].plan.calls[n] != plan::Calls::None => return None,
                (Some(_), _) | (None, "closed" | "held") => {}
                (None, _) => return None,
            }
        }
        let silent: Vec<usize> = self.providers.iter().map(|state| state.book().silent).collect();
        if silent != trying {
            return None;
        }
        // What was true at the beginning of this look still is.
        if begun.elapsed() > LOOK {
            return None;
        }
        let unanswered = silent.iter().any(|silent| *silent > 0).then_some(now + 40_000);
        let next = next.into_iter().chain(unanswered).min();
        Some(next.map(|next| Duration::from_secs(u64::try_from((next - now) / 1_000 + 1).expect("later"))))
    }
}

/// Its table; the definition is the shipped one with another host in it.
fn gateway(way: &Way, port: u16, dir: &std::path::Path) -> String {
    let (name, host, mut settings) = way.api.definition();
    let path = root().join(format!("config/providers/{name}.toml"));
    let text = std::fs::read_to_string(path).expect("a definition");
    assert!(text.contains(host), "{name} does not say {host}");
    let text = text.replace(host, &format!("http://127.0.0.1:{port}"));
    std::fs::write(dir.join(format!("{}.toml", way.id)), text).expect("written");
    if way.api == Api::Keyed {
        settings = format!("base_url = \"http://127.0.0.1:{port}\", {settings}");
    }
    format!(
        "[[gateway]]\nid = \"{id}\"\ntype = \"http\"\nprovider = \"./{id}.toml\"\nrate = 1000\nnumber = \"{number}\"\n\
         on_unsure = \"{on_unsure}\"\nsettings = {{ {settings} }}\n",
        id = way.id,
        number = api::NUMBER,
        on_unsure = way.on_unsure,
    )
}

async fn everything_goes_wrong() {
    let mut world = World::start().await;
    for state in &world.providers {
        state.bring(BROUGHT);
    }
    world.send();
    let turns = world.run_to_rest();
    account::held(&world);
    // Receipts that never come are waited for, and not for ever.
    world.turn(Duration::from_secs(73 * 3_600));
    let over = |row: &Value| row["state"] == "closed";
    within(LONG, || world.queue().iter().all(over).then_some(())).expect("the end of all texts");
    account::check(&world);
    crate::support::say(&format!("emulator: {} texts, the clock turned {turns} times", world.sent.len()));
}
