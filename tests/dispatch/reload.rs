//! Lanes are replaced while the dispatcher runs: what waits keeps its key, what is under way is settled, vitals stay.

use libtest_mimic::Trial;

use super::*;
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("reload: a gateway under new settings keeps its queue and what it has under way", || {
            run_async(replaced())
        }),
        trial("reload: a gateway that is gone keeps what is bound to it, and takes it up again", || run_async(gone())),
        trial("reload: the window, the rate and the day go on", || run_async(vitals_stay())),
        trial("reload: ten times under a queue, nothing lost and nothing doubled", || run_async(under_a_queue())),
    ]
}

impl World {
    /// From now on these gateways: new tasks, the vitals of those that were there.
    async fn reload(&mut self, ways: &[Way]) {
        let old = self.shared.lanes.now();
        let (mut lanes, mut fresh) = (Vec::new(), Vec::new());
        for way in ways {
            let (gateway, jobs, say) = gateway(way);
            let vitals = old.get(&gateway.id).map(|lane| lane.vitals().clone());
            let known = vitals.is_some();
            let lane = Arc::new(Lane::new(&gateway, way.settings.clone(), self.clock.clone(), vitals));
            if !known {
                fresh.push(lane.clone());
            }
            lanes.push(lane);
            self.jobs.insert(way.id, jobs);
            self.declared.push(say);
        }
        self.shared.recall(&fresh).await.expect("a store");
        self.shared.replace(Lanes::new(lanes, &groups(ways)));
    }
}

async fn replaced() {
    let mut w = World::new(&[way("a").window(1)]).await;
    let under_way = w.put(text("one")).await;
    let waits = w.put(pinned(text("two"), "a")).await;
    let job = w.job("a").await;
    assert_eq!(job.attempt.id, under_way);
    w.reload(&[way("a").window(2)]).await;
    let next = w.job("a").await;
    assert_eq!(next.attempt.id, waits, "by the new gateway");
    for job in [job, next] {
        let id = job.attempt.id;
        let _ = job.reply.send(vec![(0, sent())]);
        w.reaches(id, State::Closed, Some(Closed::Relayed)).await;
    }
}

async fn gone() {
    let mut w = World::new(&[way("a"), way("b")]).await;
    let part = w.put(pinned(text("partly"), "a")).await;
    let job = w.job("a").await;
    w.reload(&[way("b")]).await;
    let _ = job.reply.send(vec![(0, later(Scope::Message))]);
    w.reaches(part, State::Waiting, None).await;
    w.hand.advance(HOUR);
    w.looked("b").await;
    assert_eq!(w.show(part).await.attempts, 1, "it is bound to a");
    w.reload(&[way("a"), way("b")]).await;
    assert_eq!(w.answer("a", sent()).await.attempt.id, part);
}

async fn vitals_stay() {
    let a = || way("a").window(2).with(|s| s.bounds.daily_max = Some(3));
    let mut w = World::new(&[a(), way("b")]).await;
    w.store.put((0..6).map(|_| pinned(text("many"), "a")).collect(), false).await.expect("a store");
    let held = [w.job("a").await, w.job("a").await];
    w.reload(&[a(), way("b")]).await;
    w.looked("b").await;
    assert!(w.idle("a"), "the window is the gateway's, not the task's");
    for job in held {
        let _ = job.reply.send(vec![(0, sent())]);
    }
    w.answer("a", sent()).await;
    w.looked("b").await;
    assert!(w.idle("a"), "three a day");
    w.reload(&[way("a"), way("b")]).await;
    for _ in 0..3 {
        w.hand.advance(DAY);
        w.answer("a", sent()).await;
    }
}

async fn under_a_queue() {
    let mut w = World::new(&[way("a").window(3), way("b").window(3)]).await;
    let mut waits = std::collections::BTreeSet::new();
    for n in 0..200 {
        let mut new = if n % 3 == 0 { pinned(text("many"), "a") } else { text("many") };
        if let Payload::Text(text) = &mut new.payload {
            text.to = Destination::try_from(format!("+1201555{n:04}")).expect("a number");
        }
        waits.insert(w.put(new).await);
    }
    // The jobs of all tasks that ever were: an old one has to finish what it took.
    let (to, mut jobs) = mpsc::channel(64);
    forward(&mut w, &to);
    let mut done = 0;
    while !waits.is_empty() {
        let job: Job = tokio::time::timeout(PATIENCE, jobs.recv()).await.expect("the queue goes on").expect("jobs");
        assert!(waits.remove(&job.attempt.id), "sent twice");
        done += 1;
        if done % 20 == 0 {
            w.reload(&[way("a").window(3), way("b").window(3)]).await;
            forward(&mut w, &to);
        }
        let _ = job.reply.send(vec![(0, sent())]);
    }
}

fn forward(w: &mut World, to: &mpsc::Sender<Job>) {
    for (_, mut jobs) in w.jobs.drain() {
        let to = to.clone();
        tokio::spawn(async move {
            while let Some(job) = jobs.recv().await {
                let _ = to.send(job).await;
            }
        });
    }
}
