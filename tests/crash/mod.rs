//! Proof of durability: what was accepted is never lost, and nothing is sent twice without a word.
//!
//! Load over both journeys ([`load`]) while the daemon is killed at random moments, and while the power goes: then what
//! was written since the last sync is gone as well ([`power`]). What became of it all is counted ([`verdict`]). The
//! provider and the mailbox live in the test's own memory, so they survive. A model of a disk that no sync reaches must
//! lose messages, or the harness is blind.
//!
//! `MARTLET_CRASH_ROUNDS=200 cargo test --test all -- 'crash:'`; the seeds of the moments are printed, and
//! `MARTLET_SEED` repeats one.

mod dice;
mod load;
pub mod power;
mod verdict;

use std::{thread::JoinHandle, time::Duration};

use libtest_mimic::Trial;

use self::{
    dice::{Dice, rounds, seed},
    load::Load,
    power::{Disk, Loss, Syncs},
    verdict::{Counts, count, texts_arrive},
};
use crate::support::{
    process::{pause, signal, until, within},
    say,
    sink::{Answer, Request},
    trial,
    world::{Plan, World},
};

/// Accepted between two ends, on average.
const PER_ROUND: usize = 40;
/// Operations on files from the start until the power goes: at most so many.
const OPERATIONS: usize = 6_000;
/// Of those the start alone takes about so many.
const STARTING: usize = 200;
/// And the end, with its checkpoint.
const CLOSING: usize = 500;

/// `on_unsure`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Choice {
    Report,
    Retry,
    Hold,
}

impl Choice {
    const ALL: [Self; 3] = [Self::Report, Self::Retry, Self::Hold];

    fn word(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Retry => "retry",
            Self::Hold => "hold",
        }
    }
}

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for choice in Choice::ALL {
        let word = choice.word();
        trials.push(trial(&format!("crash: killed under load, nothing is lost (on_unsure = {word})"), move || {
            killed(choice);
        }));
        trials.push(trial(
            &format!("crash: the power goes under load, nothing is lost (on_unsure = {word})"),
            move || {
                without_power(choice);
            },
        ));
    }
    trials.push(trial("crash: killed under load, what rules have done outside is done", errands));
    trials.push(trial("crash: a disk that no sync reaches loses messages, and this is seen", || blind(Syncs::None)));
    trials.push(trial("crash: a disk that is synced late loses messages, and this is seen", || blind(Syncs::Late)));
    trials.push(trial("crash: stopped under load by SIGTERM, nothing is even unsure", terminated));
    trials
}

/// A daemon under load.
struct Run {
    world: World,
    load: std::sync::Arc<Load>,
    threads: Vec<JoinHandle<()>>,
    choice: Choice,
    seed: u64,
    dice: Dice,
}

impl Run {
    fn new(choice: Choice) -> Self {
        let seed = seed();
        let slow = |request: &Request| {
            // Slow enough that an end finds requests under way: 0 to 15 ms, by the text.
            let pause = request.value("text").bytes().map(u64::from).sum::<u64>() % 16;
            Answer::SayAfter(Duration::from_millis(pause), 200, "OK 1".into())
        };
        let gateway = format!("on_unsure = \"{}\"\nfrom = \"sms:%s@sms.example.test\"", choice.word());
        let plan = Plan::new()
            .answering(slow)
            .keys("[queue]", "retry_min = \"200ms\"")
            .main(&gateway)
            .account("@example.test", "monthly_max = \"unlimited\"\nregions = [\"US\"]")
            .tables("[store]\nurl = \"sqlite:martlet.db\"");
        let (lmtp, http) = (plan.lmtp, plan.http);
        let world = plan.prepare();
        let (load, threads) = Load::start(lmtp, http);
        Self { world, load, threads, choice, seed, dice: Dice::new(seed) }
    }

    /// Runs until so many more are accepted; `false` when the daemon has ended before.
    fn progress(&mut self, more: usize) -> bool {
        let goal = self.load.accepted() + more;
        let there = within(crate::support::process::DEADLINE, || {
            let over = self.load.accepted() >= goal || !self.load.running();
            (over || self.world.martlet.has_ended()).then_some(())
        });
        assert!(there.is_some(), "seed {}: no progress under load:\n{}", self.seed, self.world.martlet.log_end());
        !self.world.martlet.has_ended()
    }

    /// The load ends, all that is accepted goes its way, and the daemon stops.
    fn finish(&mut self, wait: bool) -> Counts {
        self.load.end();
        for thread in std::mem::take(&mut self.threads) {
            thread.join().expect("a thread of the load");
        }
        let odd = self.load.odd.lock().expect("odd");
        assert!(odd.is_empty(), "seed {}: {odd:?}", self.seed);
        if wait {
            texts_arrive(&self.load, &self.world.mails);
        }
        self.world.martlet.idle();
        self.world.martlet.stop();
        count(&self.load, &self.world.provider, &self.world.mails, &self.world.martlet, self.choice)
    }

    fn discreet(&self) {
        let log = self.world.martlet.log();
        let told =
            log.lines().find(|l| ["+1555", "%2B1555", "of the load", "Phone says"].iter().any(|w| l.contains(w)));
        assert!(told.is_none(), "the log tells a number or a text: {told:?}");
    }

    fn say(&self, what: &str, rounds: usize, counts: &Counts) {
        let (word, seed) = (self.choice.word(), self.seed);
        say(&format!("crash: {rounds} times {what}, on_unsure = {word}: {counts} (MARTLET_SEED={seed})"));
    }
}

fn killed(choice: Choice) {
    let mut run = Run::new(choice);
    let rounds = rounds();
    for _ in 0..rounds {
        run.world.martlet.launch();
        if run.dice.below(8) == 0 {
            // While it starts, or finds out what was under way.
            pause(Duration::from_millis(run.dice.below(200) as u64));
        } else {
            run.world.martlet.wait_ready();
            let more = run.dice.below(2 * PER_ROUND);
            run.progress(more);
            pause(Duration::from_micros(run.dice.below(20_000) as u64));
        }
        run.world.martlet.kill();
    }
    run.world.martlet.restart();
    run.progress(PER_ROUND);
    let counts = run.finish(true);
    run.say("killed", rounds, &counts);
    counts.must_be_right(&format!("seed {}", run.seed));
    run.discreet();
}

/// Every mail calls the provider as well, and every phone's text: at least once, however often the daemon is killed.
fn errands() {
    let mut run = Run::new(Choice::Report);
    let call = |direction: &str, port: u16| {
        format!(
            "[[rule]]\ntitle = \"{direction}\"\ndirection = \"{direction}\"\n\
             do = [ {{ call = \"http://127.0.0.1:{port}/errand?words=%%body%%\" }} ]\n"
        )
    };
    let folder = run.world.dir.join("rules");
    std::fs::create_dir_all(&folder).expect("a folder");
    let rules = call("out", run.world.provider.port) + &call("in", run.world.provider.port);
    std::fs::write(folder.join("10.toml"), rules).expect("written");
    let rounds = rounds().min(10);
    for _ in 0..rounds {
        run.world.martlet.restart();
        let more = run.dice.below(2 * PER_ROUND);
        run.progress(more);
        run.world.martlet.kill();
    }
    run.world.martlet.restart();
    run.progress(PER_ROUND);
    let counts = run.finish(true);
    let done = verdict::errands(&run.load, &run.world.provider);
    run.say("killed with errands", rounds, &counts);
    let (seed, verdict::Errands { asked, undone, twice }) = (run.seed, done);
    say(&format!("crash: {asked} errands asked for, {} undone, {twice} done more than once", undone.len()));
    assert!(undone.is_empty(), "seed {seed}: never done: {undone:?}");
    counts.must_be_right(&format!("seed {seed}"));
    run.discreet();
}

fn without_power(choice: Choice) {
    let mut run = Run::new(choice);
    let disk = Disk::under(&run.world.dir, Syncs::All);
    let rounds = rounds();
    let checkpoints = (0..rounds).filter(|_| power_goes(&mut run, &disk)).count();
    run.world.martlet.serve_env = disk.environment(0, 0);
    run.world.martlet.restart();
    run.progress(PER_ROUND);
    let counts = run.finish(true);
    run.say(&format!("without power ({checkpoints} in the middle of a checkpoint)"), rounds, &counts);
    disk.has_seen_everything();
    counts.must_be_right(&format!("seed {}", run.seed));
}

/// One round: the power goes at some operation on a file, some time after enough was accepted, or while the daemon
/// stops. Whether it was in the middle of a checkpoint.
fn power_goes(run: &mut Run, disk: &Disk) -> bool {
    // The first is for what a start and its recovery write, the last for a log that grows until it is moved.
    let (operations, more) = match run.dice.below(10) {
        0 | 1 => (STARTING, PER_ROUND),
        2 => (20 * OPERATIONS, 8 * PER_ROUND),
        _ => (OPERATIONS, 2 * PER_ROUND),
    };
    let stops = run.dice.below(4) == 0;
    let at = if stops { 0 } else { 1 + run.dice.below(operations) };
    run.world.martlet.serve_env = disk.environment(at, 1 + run.dice.below(CLOSING));
    run.world.martlet.launch();
    let more = run.dice.below(more);
    if run.progress(more) {
        pause(Duration::from_micros(run.dice.below(20_000) as u64));
        if stops {
            let pid = run.world.martlet.pid().to_string();
            signal("USR1", &pid);
            signal("TERM", &pid);
            until("the end of the daemon", || run.world.martlet.has_ended().then_some(()));
        }
    }
    run.world.martlet.kill();
    let loss = Loss::drawn(&mut run.dice);
    disk.cut(loss, &mut run.dice)
}

/// A disk that does not keep what it was told to keep must show in the counts.
fn blind(syncs: Syncs) {
    let mut run = Run::new(Choice::Report);
    let disk = Disk::under(&run.world.dir, syncs);
    let rounds = 3;
    for _ in 0..rounds {
        run.world.martlet.serve_env = disk.environment(0, 0);
        run.world.martlet.restart();
        // Something waits when the power goes: more than the gateway takes at once.
        run.progress(PER_ROUND);
        run.world.martlet.kill();
        disk.cut(Loss::Everything, &mut run.dice);
    }
    run.world.martlet.serve_env = disk.environment(0, 0);
    run.world.martlet.restart();
    let counts = run.finish(false);
    run.say(&format!("without power on a disk with syncs {syncs:?}"), rounds, &counts);
    assert!(!counts.lost.is_empty(), "seed {}: the harness is blind: {counts}", run.seed);
}

fn terminated() {
    let mut run = Run::new(Choice::Report);
    let rounds = 4;
    for _ in 0..rounds {
        run.world.martlet.restart();
        let more = run.dice.below(2 * PER_ROUND);
        run.progress(more);
        pause(Duration::from_micros(run.dice.below(20_000) as u64));
        run.world.martlet.stop();
    }
    run.world.martlet.restart();
    run.progress(PER_ROUND);
    let counts = run.finish(true);
    run.say("terminated", rounds, &counts);
    counts.must_be_right(&format!("seed {}", run.seed));
    assert_eq!((counts.unsure, counts.mails_twice), (0, 0), "seed {}: something was cut off", run.seed);
}
