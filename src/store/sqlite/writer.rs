//! The one writer: gathers what is waiting into one transaction, so that one sync serves all of it.
//!
//! A transaction is two calls to the database's thread: the first begins it and loads, the second writes and commits. There
//! is no timer: while one transaction is written the next batch gathers. If the database refuses a batch, each
//! of its operations runs once alone. A settlement that cannot be written stays here and is tried again until it is;
//! nothing new begins meanwhile.

use std::{
    fs::File,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use sqlx::{Connection as _, SqliteConnection};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    Shared,
    bells::Wakes,
    checkpoint, lease,
    load::Need,
    ops::{Answer, Job, Op},
    purge,
    schema::{self, down},
    work::{After, Work},
    write::Texts,
    young::Young,
};
use crate::store::Down;

/// Lines in one transaction at the most, about.
const BATCH: usize = 1024;
/// How often the writer lets others run before it takes what has gathered: no waiting, only a turn.
const YIELDS: u32 = 2;
/// Pauses between two tries of settlements that could not be written.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long closing waits for them.
const LAST_TRIES: Duration = Duration::from_secs(5);

pub enum Message {
    Do(Job),
    Close(oneshot::Sender<()>),
}

pub struct Writer {
    pub shared: Arc<Shared>,
    pub conn: SqliteConnection,
    pub inbox: mpsc::Receiver<Message>,
    /// Held for as long as anything can be written.
    pub lock: File,
    pub checkpoints: (oneshot::Sender<()>, tokio::task::JoinHandle<()>),
    pub unwritten: Unwritten,
    pub texts: Texts,
    pub cursors: purge::Cursors,
    pub sweep_cursor: String,
    /// Something failed on this connection. After a full or broken disk SQLite may have ended the transaction by itself,
    /// which its driver does not see: it would refuse to begin another one for ever.
    pub suspect: bool,
}

/// Settlements that the database did not take yet.
pub struct Unwritten {
    jobs: Vec<Job>,
    why: Down,
    again: Instant,
    pause: Duration,
}

impl Default for Unwritten {
    fn default() -> Self {
        Self { jobs: Vec::new(), why: Down::Full, again: Instant::now(), pause: RETRY.0 }
    }
}

/// Answers, where the sweep goes on, how much was written, and what becomes known by the commit.
type Carried = (Vec<Answer>, Option<String>, usize, After);

enum Failure {
    /// The transaction did not even begin: trying each operation alone would not help.
    Closed(Down),
    Refused(Down),
}

impl Writer {
    pub async fn run(mut self) {
        let mut closing = Vec::new();
        loop {
            let first = tokio::select! {
                first = self.inbox.recv() => match first {
                    Some(first) => Some(first),
                    None => break,
                },
                () = tokio::time::sleep_until(self.unwritten.again), if !self.unwritten.jobs.is_empty() => None,
            };
            if first.is_none() {
                self.try_again().await;
                continue;
            }
            let mut jobs = Vec::new();
            let (mut weight, mut patience) = (0, YIELDS);
            let mut next = first;
            while let Some(message) = next {
                match message {
                    Message::Do(job) => {
                        weight += job.op.weight();
                        jobs.push(job);
                    }
                    Message::Close(done) => {
                        closing.push(done);
                        self.inbox.close();
                    }
                }
                next = if weight < BATCH { self.inbox.try_recv().ok() } else { None };
                if next.is_none() && patience > 0 {
                    // Callers that were just answered are runnable and about to hand over their next operation.
                    patience -= 1;
                    tokio::task::yield_now().await;
                    next = self.inbox.try_recv().ok();
                }
            }
            self.batch(jobs).await;
        }
        self.end().await;
        for done in closing {
            let _ = done.send(());
        }
    }

    async fn end(mut self) {
        let began = Instant::now();
        while !self.unwritten.jobs.is_empty() && began.elapsed() < LAST_TRIES {
            tokio::time::sleep(RETRY.0).await;
            self.try_again().await;
        }
        let Self { shared, conn, lock, checkpoints: (done, task), .. } = self;
        shared.readers.close().await;
        let _ = conn.close().await;
        let _ = done.send(());
        let _ = task.await;
        drop(lock);
    }

    async fn try_again(&mut self) {
        let jobs = std::mem::take(&mut self.unwritten.jobs);
        self.batch(jobs).await;
        let pause = if self.unwritten.jobs.is_empty() { RETRY.0 } else { (self.unwritten.pause * 2).min(RETRY.1) };
        self.unwritten.pause = pause;
        self.unwritten.again = Instant::now() + pause;
    }

    async fn batch(&mut self, jobs: Vec<Job>) {
        let jobs = if self.unwritten.jobs.is_empty() { jobs } else { self.refuse_begins(jobs) };
        if jobs.is_empty() {
            return;
        }
        match self.transaction(&jobs).await {
            Ok(answers) => {
                for (job, answer) in jobs.into_iter().zip(answers) {
                    self.answer(job, Ok(answer));
                }
            }
            Err(Failure::Refused(_)) if jobs.len() > 1 => self.one_by_one(jobs).await,
            Err(Failure::Refused(why) | Failure::Closed(why)) => {
                for job in jobs {
                    self.answer(job, Err(why.clone()));
                }
            }
        }
    }

    async fn one_by_one(&mut self, mut jobs: Vec<Job>) {
        jobs.sort_by_key(|job| job.op.order());
        let mut closed: Option<Down> = None;
        for job in jobs {
            if !self.unwritten.jobs.is_empty() && matches!(job.op, Op::Begin { .. }) {
                self.refuse_begins(vec![job]);
                continue;
            }
            let result = match &closed {
                Some(why) => Err(why.clone()),
                None => match self.transaction(std::slice::from_ref(&job)).await {
                    Ok(mut answers) => answers.pop().ok_or_else(|| Down::Broken("no answer".to_owned())),
                    Err(Failure::Refused(why)) => Err(why),
                    Err(Failure::Closed(why)) => {
                        closed = Some(why.clone());
                        Err(why)
                    }
                },
            };
            self.answer(job, result);
        }
    }

    /// Tells the caller; a settlement that was not written is kept instead.
    fn answer(&mut self, mut job: Job, result: Result<Answer, Down>) {
        match (&job.op, &result) {
            (Op::Settle(_), Err(why)) => {
                job.careful = true;
                if self.unwritten.jobs.is_empty() {
                    self.unwritten.again = Instant::now() + self.unwritten.pause;
                }
                self.unwritten.why = why.clone();
                self.unwritten.jobs.push(job);
                return;
            }
            (Op::Begin { batch, .. }, Ok(_)) => self.shared.leases().end(batch.iter().map(|begin| &begin.id)),
            (Op::Begin { batch, .. }, Err(_)) => self.shared.unlease(batch.iter().map(|begin| &begin.id)),
            _ => {}
        }
        let _ = job.reply.send(result);
    }

    async fn transaction(&mut self, jobs: &[Job]) -> Result<Vec<Answer>, Failure> {
        if self.suspect {
            self.connect_anew().await.map_err(|e| Failure::Closed(down(&e)))?;
        }
        let done = self.try_transaction(jobs).await;
        self.suspect = done.is_err();
        done
    }

    /// A connection that knows nothing of what failed. The old one stays until there is another.
    async fn connect_anew(&mut self) -> Result<(), sqlx::Error> {
        let mut fresh = schema::writer(&self.shared.settings.path).await?;
        // A commit that failed to say so may have been one.
        let young = Young::read(&mut fresh).await?;
        *self.shared.young() = young;
        self.shared.handovers().stir();
        let _ = std::mem::replace(&mut self.conn, fresh).close_hard().await;
        Ok(())
    }

    async fn try_transaction(&mut self, jobs: &[Job]) -> Result<Vec<Answer>, Failure> {
        let shared = self.shared.clone();
        let _no_checkpoint = shared.gate.lock().await;
        let mut work = Work::new(&shared, shared.clock.now());
        let mut need = Need::default();
        for job in jobs {
            job.op.need(&mut need, job.careful, &self.sweep_cursor);
        }
        let done = match need.begin_and_load(&mut self.conn, &mut work).await {
            Ok(()) => self.carry_out(jobs, work).await,
            Err(why) => Err(why),
        };
        let (answers, cursor, size, after) = match done {
            Ok(done) => done,
            Err(why) => {
                // Without a transaction to roll back, not even its first statement was taken.
                let began = sqlx::query("ROLLBACK").execute(&mut self.conn).await.is_ok();
                let failure = if began { Failure::Refused } else { Failure::Closed };
                return Err(failure(down(&why)));
            }
        };

        if let Some(cursor) = cursor {
            self.sweep_cursor = cursor;
        }
        shared.young().committed(after.fresh);
        shared.handovers().committed(after.brought);
        shared.bells.ring(after.wakes);
        if shared.written.fetch_add(size, Ordering::Relaxed) + size > checkpoint::DUE {
            shared.log_grew.notify_one();
        }
        Ok(answers)
    }

    /// Decides and writes what the jobs ask for, up to the commit.
    async fn carry_out(&mut self, jobs: &[Job], mut work: Work<'_>) -> Result<Carried, sqlx::Error> {
        let cursor = work.sweep_cursor.take();
        let mut order: Vec<usize> = (0..jobs.len()).collect();
        order.sort_by_key(|n| (jobs[*n].op.order(), jobs[*n].op.first()));
        let mut answers: Vec<Option<Answer>> = jobs.iter().map(|_| None).collect();
        for n in order {
            answers[n] = Some(match &jobs[n].op {
                Op::Purge(now) => Answer::Gone(purge::run(&mut self.conn, &mut work, &mut self.cursors, *now).await?),
                op => op.apply(&mut work),
            });
        }
        let (writes, mut after) = work.finish();
        let size = writes.size();
        if jobs.iter().any(|job| matches!(job.op, Op::SetBack { .. })) {
            writes.run(&mut self.conn, &self.texts).await?;
            for (job, answer) in jobs.iter().zip(&mut answers) {
                if let Op::SetBack { now, by } = job.op {
                    // Behind everything else: what was due by the wrong clock is so in the rows just written too.
                    *answer = Some(Answer::Gone(lease::set_back(&mut self.conn, now, by).await?));
                    after.wakes = Wakes::ALL;
                    after.brought.everything();
                }
            }
            sqlx::query("COMMIT").execute(&mut self.conn).await?;
        } else {
            writes.run_and_commit(&mut self.conn, &self.texts).await?;
        }
        let answers = answers.into_iter().map(|answer| answer.unwrap_or(Answer::Done)).collect();
        Ok((answers, cursor, size, after))
    }

    /// While an outcome is not on the disk nothing new begins.
    fn refuse_begins(&self, jobs: Vec<Job>) -> Vec<Job> {
        let (begins, rest): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| matches!(job.op, Op::Begin { .. }));
        for job in begins {
            if let Op::Begin { batch, .. } = &job.op {
                self.shared.unlease(batch.iter().map(|begin| &begin.id));
            }
            let why = format!("the outcome of an earlier attempt is not written yet: {}", self.unwritten.why);
            let _ = job.reply.send(Err(Down::Broken(why)));
        }
        rest
    }
}
