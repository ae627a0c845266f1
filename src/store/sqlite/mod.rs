//! SQLite behind the contract: one writer, a few readers, checkpoints beside them.
//!
//! [`writer`] gathers operations ([`ops`]) into transactions: [`load`] what they must know, decide them in memory
//! ([`work`]: [`put`], [`attempt`], [`receipt`], [`hand`], [`inbound`], [`mod@media`]), [`mod@write`] it, one call each. What can go wrong is in
//! [`files`] (another daemon, a full disk) and [`schema`] (tables of a newer version, errors of the database).

mod attempt;
mod bells;
mod brake;
mod checkpoint;
mod fair;
mod files;
mod gateways;
mod hand;
mod handover;
mod inbound;
mod lease;
mod load;
mod media;
mod ops;
mod optout;
mod purge;
mod put;
mod read;
mod receipt;
mod row;
mod schema;
mod scout;
#[cfg(test)]
mod tests;
mod work;
mod write;
mod writer;
mod young;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
};

use sqlx::{Row as _, Sqlite as Engine, SqliteConnection, SqlitePool, pool::PoolConnection};
use tokio::sync::{Notify, mpsc, oneshot};

use self::{
    bells::{Bells, Wakes},
    fair::Fair,
    files::Room,
    handover::Handovers,
    lease::Leases,
    ops::{Answer, Job, Op},
    writer::{Message, Writer},
    young::Young,
};
use super::{Down, Settings};
use crate::ground::{Clock, MessageId};

/// Operations that may wait for the writer; behind them callers wait in line.
const WAITING: usize = 1024;

/// What the writer, the readers and the checkpoints share.
pub struct Shared {
    pub settings: Settings,
    pub clock: Clock,
    pub epoch: i64,
    pub readers: SqlitePool,
    pub bells: Bells,
    /// Something to fetch was taken.
    pub media: Notify,
    /// The writer holds it during a transaction.
    pub gate: tokio::sync::Mutex<()>,
    pub written: AtomicUsize,
    pub log_grew: Notify,
    events: AtomicI64,
    leases: Mutex<Leases>,
    fair: Mutex<Fair>,
    young: Mutex<Young>,
    handovers: Mutex<Handovers>,
    /// Lanes of several gateways under which something may wait.
    sets: Mutex<BTreeSet<String>>,
    /// Somebody is on the opt-out list, or was since the start.
    opted: AtomicBool,
}

impl Shared {
    /// The next number of an event: unique, and later ones are higher, across restarts too.
    pub fn event_number(&self) -> i64 {
        self.events.fetch_add(1, Ordering::Relaxed)
    }

    pub fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never held beside another lock.
    pub fn young(&self) -> MutexGuard<'_, Young> {
        self.young.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never held beside another lock.
    pub fn handovers(&self) -> MutexGuard<'_, Handovers> {
        self.handovers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends leases of items that wait as before.
    pub fn unlease<'a>(&self, ids: impl IntoIterator<Item = &'a MessageId>) {
        self.leases().end(ids);
        self.handovers().stir();
    }

    pub fn sets(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn has_opted_out(&self) -> bool {
        self.opted.load(Ordering::Acquire)
    }

    pub fn somebody_opted_out(&self) {
        self.opted.store(true, Ordering::Release);
    }

    pub fn fair(&self) -> MutexGuard<'_, Fair> {
        self.fair.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Sqlite {
    pub shared: Arc<Shared>,
    room: Room,
    /// None: opened for reading only.
    writer: Option<mpsc::Sender<Message>>,
    scout: scout::Scout,
}

impl Sqlite {
    pub async fn open(settings: Settings, clock: Clock) -> Result<Self, Down> {
        let path = settings.path.clone();
        files::make(&path)?;
        let lock = files::lock(&path)?;
        let mut conn = schema::writer(&path).await.map_err(|e| down(&e))?;
        schema::migrate(&mut conn).await?;
        let epoch = next_epoch(&mut conn).await.map_err(|e| down(&e))?;
        let fair = Fair::read(&mut conn).await.map_err(|e| down(&e))?;
        let sets = gateways::sets(&mut conn).await.map_err(|e| down(&e))?;
        let opted = optout::any(&mut conn).await.map_err(|e| down(&e))?;
        let young = Young::read(&mut conn).await.map_err(|e| down(&e))?;
        let checkpoints = schema::writer(&path).await.map_err(|e| down(&e))?;
        let readers = schema::readers(&path).await.map_err(|e| down(&e))?;

        let shared = Arc::new(Shared::new(settings, clock, epoch, readers, fair));
        shared.sets().extend(sets);
        *shared.young() = young;
        shared.opted.store(opted, Ordering::Release);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(checkpoint::run(shared.clone(), checkpoints, stopped));
        let (outbox, inbox) = mpsc::channel(WAITING);
        let writer = Writer {
            shared: shared.clone(),
            conn,
            inbox,
            lock,
            checkpoints: (stop, task),
            unwritten: writer::Unwritten::default(),
            texts: write::Texts::default(),
            cursors: purge::Cursors::default(),
            sweep_cursor: String::new(),
            suspect: false,
        };
        tokio::spawn(writer.run());
        Ok(Self::new(shared, Some(outbox)))
    }

    pub async fn open_readonly(settings: Settings, clock: Clock) -> Result<Self, Down> {
        if !settings.path.is_file() {
            return Err(Down::Broken(format!("there is no store at {}", settings.path.display())));
        }
        let readers = schema::readers(&settings.path).await.map_err(|e| down(&e))?;
        let shared = Arc::new(Shared::new(settings, clock, i64::MAX, readers, Fair::default()));
        Ok(Self::new(shared, None))
    }

    fn new(shared: Arc<Shared>, writer: Option<mpsc::Sender<Message>>) -> Self {
        let room = Room::new(&shared.settings.path, shared.settings.min_free);
        Self { shared, room, writer, scout: scout::Scout::default() }
    }

    pub async fn close(&self) {
        self.scout.close().await;
        match &self.writer {
            Some(writer) => {
                let (done, closed) = oneshot::channel();
                if writer.send(Message::Close(done)).await.is_ok() {
                    let _ = closed.await;
                }
            }
            None => self.shared.readers.close().await,
        }
    }

    pub async fn hooks_key(&self) -> Result<Vec<u8>, Down> {
        let mut conn = self.reader().await?;
        let row = sqlx::query("SELECT v FROM secret WHERE k = 'hooks'").fetch_one(&mut *conn).await;
        row.and_then(|row| row.try_get(0)).map_err(|e| down(&e))
    }

    /// Something new is accepted only while there is room for it.
    pub async fn room(&self) -> Result<(), Down> {
        self.room.check().await
    }

    /// Hands an operation to the writer and waits for its answer.
    pub async fn write(&self, op: Op) -> Result<Answer, Down> {
        let Some(writer) = &self.writer else {
            return Err(Down::Broken("it is opened for reading only".to_owned()));
        };
        let (reply, answer) = oneshot::channel();
        let closing = || Down::Broken("it is closing".to_owned());
        writer.send(Message::Do(Job { op, reply, careful: false })).await.map_err(|_| closing())?;
        answer.await.map_err(|_| closing())?
    }

    /// Hands an operation to the writer; where it has too much to do already, it is left out.
    pub fn tell(&self, op: Op) {
        if let Some(writer) = &self.writer {
            let (reply, _) = oneshot::channel();
            let _ = writer.try_send(Message::Do(Job { op, reply, careful: false }));
        }
    }

    /// A connection for a short read.
    pub async fn reader(&self) -> Result<PoolConnection<Engine>, Down> {
        self.shared.readers.acquire().await.map_err(|e| down(&e))
    }

    pub fn give_back(&self, ids: &[MessageId]) {
        self.shared.unlease(ids);
        self.shared.bells.ring(Wakes::ALL);
    }
}

impl Shared {
    fn new(settings: Settings, clock: Clock, epoch: i64, readers: SqlitePool, fair: Fair) -> Self {
        Self {
            settings,
            clock,
            epoch,
            readers,
            bells: Bells::default(),
            media: Notify::new(),
            gate: tokio::sync::Mutex::new(()),
            written: AtomicUsize::new(0),
            log_grew: Notify::new(),
            // Seventeen million million events in each of half a million epochs.
            events: AtomicI64::new(epoch.wrapping_shl(44)),
            leases: Mutex::default(),
            fair: Mutex::new(fair),
            young: Mutex::default(),
            handovers: Mutex::default(),
            sets: Mutex::default(),
            opted: AtomicBool::new(true),
        }
    }
}

async fn next_epoch(conn: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let sql = "UPDATE meta SET v = v + 1 WHERE k = 'epoch' RETURNING v";
    sqlx::query(sql).fetch_one(conn).await?.try_get(0)
}

pub use self::{files::free, schema::down};
pub use brake::{rates, would_refuse};
pub use gateways::{positions, remembered, talks, waiting};
pub use media::{media, media_due, next_media};
pub use ops::{Answer as Answered, Op as Operation};
pub use optout::{lists as opted_lists, page as opted_page};
pub use read::*;
pub use row::key_of;
