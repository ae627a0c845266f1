//! One lane's loop: what is due under its key is begun as long as there are free places, until stopped.
//!
//! How many places there are may change while it runs: new ones are there at once, those that are too many go as they
//! become free.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::Shared;
use crate::{
    observe,
    store::{Item, Key},
};

/// So often in a row the lane looks again for what should be there to lease.
const MOST_TURNS: u32 = 100;

/// The places of a lane.
pub struct Places<T> {
    window: Arc<Semaphore>,
    /// Those that there are, taken or free.
    count: usize,
    /// How many there shall be.
    wanted: usize,
    /// Who says so, and how it is read.
    changes: watch::Receiver<T>,
    of: Box<dyn Fn(&T) -> usize + Send>,
}

impl<T> Places<T> {
    /// As many as `of` says of what is sent last.
    pub fn new(changes: watch::Receiver<T>, of: impl Fn(&T) -> usize + Send + 'static) -> Self {
        let count = of(&changes.borrow());
        Self { window: Arc::new(Semaphore::new(count)), count, wanted: count, changes, of: Box::new(of) }
    }

    /// Makes places, or takes away those that are too many and free.
    fn look(&mut self) {
        self.wanted = (self.of)(&self.changes.borrow_and_update());
        if self.wanted > self.count {
            self.window.add_permits(self.wanted - self.count);
            self.count = self.wanted;
        } else {
            self.count -= self.window.forget_permits(self.count - self.wanted);
        }
    }

    /// A free place, as soon as there is one.
    async fn take(&mut self) -> Option<OwnedSemaphorePermit> {
        loop {
            self.look();
            let free = self.window.clone().acquire_owned();
            let permit = tokio::select! {
                permit = free => permit.ok()?,
                Ok(()) = self.changes.changed() => continue,
            };
            if self.count <= self.wanted {
                return Some(permit);
            }
            permit.forget();
            self.count -= 1;
        }
    }
}

/// Takes what is due under `key`, as much at once as there are places, each in a task of its own.
pub async fn pull<T, S, F>(shared: Arc<Shared>, key: Key, mut places: Places<T>, step: S)
where
    T: Send + Sync + 'static,
    S: Fn(Arc<Shared>, Item) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let keys = [key];
    let mut turns = 0;
    loop {
        let changed = shared.store.changed(&keys[0]);
        let permit = tokio::select! {
            permit = places.take() => permit,
            () = shared.stop.cancelled() => return,
        };
        let Some(first) = permit else { return };
        // Only now: who waited for a slot looks at the queue as it is.
        let (now, began) = (shared.clock.now(), shared.clock.monotonic());
        let limit = 1 + places.window.available_permits();
        let items = match shared.store.lease(&keys, limit, now).await {
            Ok(items) => items,
            Err(down) => {
                observe::log::store_down("lease", down);
                shared.clock.sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let mut permit = Some(first);
        let found = items.len();
        for item in items {
            let permit = match permit.take() {
                Some(permit) => permit,
                None => match places.window.clone().acquire_owned().await {
                    Ok(permit) => permit,
                    Err(_) => return,
                },
            };
            let task = step(shared.clone(), item);
            shared.tasks.spawn(async move {
                task.await;
                drop(permit);
            });
        }
        drop(permit);
        if found == limit {
            turns = 0;
            continue;
        }
        let due = shared.store.next_due(&keys).await.ok().flatten();
        // A lease that meets attempts as they begin may come back with less than there is: what is due and nobody has goes
        // at once. Not for ever: one that cannot be leased at all must not keep this lane turning.
        if due.is_some_and(|due| due <= now) && turns < MOST_TURNS {
            turns += 1;
            tokio::task::yield_now().await;
            continue;
        }
        turns = 0;
        let wake = due.filter(|due| *due > now).map_or(super::LOOK_AGAIN, |due| due.since(now)).min(super::LOOK_AGAIN);
        tokio::select! {
            () = changed => {}
            () = shared.clock.sleep_to(began + wake) => {}
            () = shared.stop.cancelled() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::errands::Window;

    fn window(programs: usize) -> Window {
        Window { programs, calls: 1, statements: 1, folders: 1 }
    }

    #[tokio::test]
    async fn places_come_at_once_and_go_as_they_become_free() {
        let sender = watch::Sender::new(window(1));
        let mut places = Places::new(sender.subscribe(), |window| window.programs);
        let first = places.take().await.expect("a place");
        let waits = tokio::spawn(async move {
            let second = places.take().await;
            (second, places)
        });
        sender.send_replace(window(2));
        let (second, mut places) = waits.await.expect("a place comes while somebody waits for one");
        sender.send_replace(window(1));
        let waits = tokio::spawn(async move { (places.take().await, places) });
        tokio::task::yield_now().await;
        drop(second);
        tokio::task::yield_now().await;
        assert!(!waits.is_finished(), "one that was too many is nobody's place");
        drop(first);
        let (third, places) = waits.await.expect("a place");
        assert_eq!((third.is_some(), places.count, places.window.available_permits()), (true, 1, 0));
    }
}
